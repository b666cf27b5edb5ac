"""Derivatives of elementwise operations: what an operand's change, or the result's adjoint, is multiplied with.

Each entry takes (bar, out, operands...) and gives bar times the partial derivative by one operand; None is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from stochinf.density.traced import TraceError, elementwise

__all__ = ["PARTIALS"]

Partial = Callable[..., Any]


def fn(op: str) -> Callable[..., Any]:
    """Return an elementwise operation as a function."""
    return lambda *operands: elementwise(op, *operands)


where, exp, log, sqrt, eq, lt, le = map(fn, ("where", "exp", "log", "sqrt", "eq", "lt", "le"))
sin, cos, sinh, cosh, sigmoid, digamma, trigamma = map(fn, ("sin", "cos", "sinh", "cosh", "sigmoid", "digamma", "trigamma"))


def power_by_base(bar: Any, out: Any, x: Any, y: Any) -> Any:
    """Return bar y x^(y-1)."""
    return bar * (y * elementwise("pow", x, y - 1.0))


def power_by_exponent(bar: Any, out: Any, x: Any, y: Any) -> Any:
    """Return bar x^y log x, zero where x is zero."""
    nothing = eq(x, 0.0)
    return where(nothing, 0.0, bar * out * log(where(nothing, 1.0, x)))


def share(out: Any, x: Any, y: Any) -> Any:
    """Return exp(x) / (exp(x) + exp(y)), zero where both are."""
    known = any(value.node.op == "constant" and math.isfinite(value.node.attributes[0]) for value in (x, y))
    return sigmoid(x - y) if known else where(eq(out, -math.inf), 0.0, sigmoid(where(eq(out, -math.inf), 0.0, x - y)))


def third(bar: Any, out: Any, x: Any) -> Any:
    """Refuse."""
    raise TraceError("a third derivative of log gamma", "only two are offered")


PARTIALS: dict[str, tuple[Partial | None, ...]] = {
    "neg": (lambda bar, out, x: -bar,),
    "add": (lambda bar, out, x, y: bar, lambda bar, out, x, y: bar),
    "sub": (lambda bar, out, x, y: bar, lambda bar, out, x, y: -bar),
    "mul": (lambda bar, out, x, y: bar * y, lambda bar, out, x, y: bar * x),
    "div": (lambda bar, out, x, y: bar / y, lambda bar, out, x, y: -(bar * out) / y),
    "minimum": (
        lambda bar, out, x, y: where(le(x, y), bar, 0.0),
        lambda bar, out, x, y: where(le(x, y), 0.0, bar),
    ),
    "maximum": (
        lambda bar, out, x, y: where(le(y, x), bar, 0.0),
        lambda bar, out, x, y: where(le(y, x), 0.0, bar),
    ),
    "abs": (lambda bar, out, x: bar * elementwise("sign", x),),
    "pow": (power_by_base, power_by_exponent),
    "exp": (lambda bar, out, x: bar * out,),
    "expm1": (lambda bar, out, x: bar * (out + 1.0),),
    "log": (lambda bar, out, x: bar / x,),
    "log1p": (lambda bar, out, x: bar / (1.0 + x),),
    "sqrt": (lambda bar, out, x: 0.5 * bar / out,),
    "sin": (lambda bar, out, x: bar * cos(x),),
    "cos": (lambda bar, out, x: -(bar * sin(x)),),
    "tan": (lambda bar, out, x: bar * (1.0 + out * out),),
    "arcsin": (lambda bar, out, x: bar / sqrt(1.0 - x * x),),
    "arccos": (lambda bar, out, x: -bar / sqrt(1.0 - x * x),),
    "arctan": (lambda bar, out, x: bar / (1.0 + x * x),),
    "arctan2": (lambda bar, out, y, x: bar * x / (x * x + y * y), lambda bar, out, y, x: -(bar * y) / (x * x + y * y)),
    "sinh": (lambda bar, out, x: bar * cosh(x),),
    "cosh": (lambda bar, out, x: bar * sinh(x),),
    "tanh": (lambda bar, out, x: bar * (1.0 - out * out),),
    "arcsinh": (lambda bar, out, x: bar / sqrt(x * x + 1.0),),
    "arccosh": (lambda bar, out, x: bar / sqrt((x - 1.0) * (x + 1.0)),),
    "arctanh": (lambda bar, out, x: bar / (1.0 - x * x),),
    "sigmoid": (lambda bar, out, x: bar * (out * (1.0 - out)),),
    "softplus": (lambda bar, out, x: bar * sigmoid(x),),
    "logaddexp": (lambda bar, out, x, y: bar * share(out, x, y), lambda bar, out, x, y: bar * share(out, y, x)),
    "lgamma": (lambda bar, out, x: bar * digamma(x),),
    "digamma": (lambda bar, out, x: bar * trigamma(x),),
    "trigamma": (third,),
    "erf": (lambda bar, out, x: bar * (2.0 / math.sqrt(math.pi) * exp(-(x * x))),),
    "erfc": (lambda bar, out, x: bar * (-2.0 / math.sqrt(math.pi) * exp(-(x * x))),),
    "log_ndtr": (lambda bar, out, x: bar * (exp(-0.5 * (x * x) - out) / math.sqrt(2.0 * math.pi)),),
    "where": (None, lambda bar, out, c, x, y: where(c, bar, 0.0), lambda bar, out, c, x, y: where(c, 0.0, bar)),
    **dict.fromkeys(("sign", "floor", "ceil", "rint", "float"), (None,)),
    "floordiv": (None, None),
}
"""Partial derivatives by operation, one for each operand; operations that give no float are not here."""
