"""Elementwise functions of numpy and scipy on traced values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.density.traced import FUNCTIONS, UFUNCS, Traced, TraceError, elementwise, joint, traced

__all__ = ["choose"]

SAME = {
    "negative": "neg", "add": "add", "subtract": "sub", "multiply": "mul", "minimum": "minimum", "maximum": "maximum",
    "fmin": "minimum", "fmax": "maximum", "absolute": "abs", "fabs": "abs", "divide": "div", "true_divide": "div",
    "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "sqrt": "sqrt",
    "sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "arctan2": "arctan2",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "arcsinh", "arccosh": "arccosh", "arctanh": "arctanh",
    "sign": "sign", "floor": "floor", "ceil": "ceil", "rint": "rint", "logaddexp": "logaddexp",
    "expit": "sigmoid", "gammaln": "lgamma", "loggamma": "lgamma", "digamma": "digamma", "psi": "digamma",
    "erf": "erf", "erfc": "erfc", "log_ndtr": "log_ndtr",
    "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne",
    "logical_and": "and", "logical_or": "or", "logical_not": "not",
}  # fmt: skip
"""Ufuncs that are operations of a graph."""


def _add(name: str, op: str) -> None:
    UFUNCS[name] = lambda *operands: elementwise(op, *operands)


for _name, _op in SAME.items():
    _add(_name, _op)


def choose(condition: Any, first: Any, second: Any) -> Any:
    """Return `first` where a condition holds, else `second`."""
    return elementwise("where", condition, first, second)


def power(x: Any, exponent: Any) -> Any:
    """Return a power; whole powers up to four are products."""
    if isinstance(exponent, (int, float)) and exponent == 4:
        return (x * x) * (x * x)
    return elementwise("pow", x, exponent)


def whole(x: Any) -> bool:
    """Whether a value is of whole numbers."""
    return x.dtype.kind == "i" if hasattr(x, "dtype") else isinstance(x, int)


def floor_divide(x: Any, y: Any) -> Any:
    """Return the largest whole number not above x / y."""
    return elementwise("floordiv", x, y) if whole(x) and whole(y) else elementwise("floor", elementwise("div", x, y))


def remainder(x: Any, y: Any) -> Any:
    """Return x - y floor(x / y)."""
    return x - y * floor_divide(x, y)


def truths(op: str, x: Any, y: Any) -> Any:
    """Combine conditions; & and | of whole numbers are not offered."""
    for value in (x, y):
        if isinstance(value, Traced) and value.node.kind != "bool":
            raise TraceError("& and | are for conditions", "compare first: (x > 0) & (y > 0)")
    return elementwise(op, x, y)


def xlogy(x: Any, y: Any) -> Any:
    """Return x log y, zero where x is zero."""
    return _times(x, "log", y, 1.0)


def xlog1py(x: Any, y: Any) -> Any:
    """Return x log(1 + y), zero where x is zero."""
    return _times(x, "log1p", y, 0.0)


def _times(x: Any, op: str, y: Any, harmless: float) -> Any:
    """Return x op(y), zero where x is zero, derivatives too: there op is taken of something harmless."""
    builder = joint(x, y)
    factor, inner = traced(builder, x), traced(builder, y)
    nothing = elementwise("eq", factor, 0.0)
    return choose(nothing, 0.0, factor * elementwise(op, choose(nothing, harmless, inner)))


def betaln(a: Any, b: Any) -> Any:
    """Return the logarithm of the beta function."""
    builder = joint(a, b)
    first, second = traced(builder, a), traced(builder, b)
    return elementwise("lgamma", first) + elementwise("lgamma", second) - elementwise("lgamma", first + second)


def heaviside(x: Any, at_zero: Any) -> Any:
    """Return 0 below zero, 1 above, and what is given at zero."""
    return choose(elementwise("eq", x, 0.0), at_zero, choose(elementwise("lt", x, 0.0), 0.0, 1.0))


def ndtr(x: Any) -> Any:
    """Return the probability that a standard normal number is below x."""
    return 0.5 * elementwise("erfc", -math.sqrt(0.5) * x)


def identity(x: Any) -> Any:
    """Return the value."""
    return x


def finite(x: Any) -> Any:
    """Whether a value is neither infinite nor NaN."""
    return elementwise("lt", elementwise("abs", x), math.inf)


def trunc(x: Any) -> Any:
    """Return the whole number next to x towards zero."""
    return elementwise("sign", x) * elementwise("floor", elementwise("abs", x))


UFUNCS |= {
    "positive": identity,
    "conjugate": identity,
    "power": power,
    "float_power": power,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "cbrt": lambda x: elementwise("sign", x) * elementwise("pow", elementwise("abs", x), 1.0 / 3.0),
    "exp2": lambda x: elementwise("exp", math.log(2.0) * x),
    "exp10": lambda x: elementwise("exp", math.log(10.0) * x),
    "log2": lambda x: elementwise("log", x) / math.log(2.0),
    "log10": lambda x: elementwise("log", x) / math.log(10.0),
    "hypot": lambda x, y: elementwise("sqrt", x * x + y * y),
    "deg2rad": lambda x: x * (math.pi / 180.0),
    "radians": lambda x: x * (math.pi / 180.0),
    "rad2deg": lambda x: x * (180.0 / math.pi),
    "degrees": lambda x: x * (180.0 / math.pi),
    "trunc": trunc,
    "floor_divide": floor_divide,
    "remainder": remainder,
    "heaviside": heaviside,
    "logaddexp2": lambda x, y: elementwise("logaddexp", math.log(2.0) * x, math.log(2.0) * y) / math.log(2.0),
    "greater": lambda x, y: elementwise("lt", y, x),
    "greater_equal": lambda x, y: elementwise("le", y, x),
    "logical_xor": lambda x, y: elementwise("ne", elementwise("where", x, 1, 0), elementwise("where", y, 1, 0)),
    "bitwise_and": lambda x, y: truths("and", x, y),
    "bitwise_or": lambda x, y: truths("or", x, y),
    "invert": lambda x: truths("and", elementwise("not", x), True),
    "isnan": lambda x: elementwise("ne", x, x),
    "isinf": lambda x: elementwise("eq", elementwise("abs", x), math.inf),
    "isfinite": finite,
    "log_expit": lambda x: -elementwise("softplus", -x),
    "logit": lambda x: elementwise("log", x) - elementwise("log1p", -x),
    "xlogy": xlogy,
    "xlog1py": xlog1py,
    "entr": lambda x: -xlogy(x, x),
    "betaln": betaln,
    "ndtr": ndtr,
}


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Return values no less than one bound and no more than another."""
    low, high = a_min if min is None else min, a_max if max is None else max
    x = x if low is None else elementwise("maximum", x, low)
    return x if high is None else elementwise("minimum", x, high)


def where(condition: Any, *values: Any) -> Any:
    """Return one value or another, by a condition."""
    if not values:
        raise TraceError("np.where(condition) has a shape that depends on values", "give both values: np.where(condition, a, b)")
    return choose(condition, *values)


def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Return x with numbers in place of NaN and infinities."""
    largest = 1.7976931348623157e308
    x = choose(elementwise("ne", x, x), nan, x)
    x = choose(elementwise("eq", x, math.inf), largest if posinf is None else posinf, x)
    return choose(elementwise("eq", x, -math.inf), -largest if neginf is None else neginf, x)


def select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    """Return the choice of the first condition that holds."""
    out = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        out = choose(condition, choice, out) if isinstance(condition, Traced) else _where(condition, choice, out)
    return out


def _where(condition: Any, first: Any, second: Any) -> Any:
    """Choose by a known condition."""
    builder = joint(*(value for value in (first, second) if isinstance(value, Traced)))
    return choose(traced(builder, condition), first, second)


def rounded(x: Any, decimals: int = 0) -> Any:
    """Return the nearest number with some decimals."""
    return elementwise("rint", x * 10.0**decimals) / 10.0**decimals


FUNCTIONS |= {
    "clip": clip,
    "where": where,
    "nan_to_num": nan_to_num,
    "select": select,
    "round": rounded,
    "around": rounded,
    "copy": lambda x, **options: x,
    "real": identity,
    "astype": lambda x, dtype, **options: astype(x, dtype),
}


def astype(x: Any, dtype: Any) -> Any:
    """Return values as float, int (of truth values and whole numbers) or bool."""
    kind = np.dtype(dtype).kind
    if kind == "f":
        return elementwise("float", x) if x.node.kind != "float" else x
    if kind == "b":
        return elementwise("ne", x, 0)
    if kind in "iu" and x.node.kind != "float":
        return elementwise("where", x, 1, 0) if x.node.kind == "bool" else x
    raise TraceError(f"floats cannot become {np.dtype(dtype)} when traced", "np.floor gives whole numbers that stay float")
