"""The elementwise operations of a graph: how numpy computes each, and the kind of number that comes out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["ELEMENTWISE", "Operation", "broadcast_shape", "fold"]


class Operation(NamedTuple):
    """An elementwise operation.

    Parameters
    ----------
    function : callable
        The operation on numpy arrays.
    kind : {"number", "float", "compare", "logic", "choose"}
        number: int operands alone give int, else float; float: operands and result are float; compare: numbers, the result is
        bool; logic: operands and result are bool; choose: a bool, then two of one kind, which the result has.
    """

    function: Callable[..., Any]
    kind: str = "float"


def special(name: str, *before: float) -> Callable[..., Any]:
    """Return a function of scipy.special, imported when it is called first."""

    @functools.lru_cache(maxsize=1)
    def found() -> Callable[..., Any]:
        import scipy.special

        return getattr(scipy.special, name)  # type: ignore[no-any-return]

    return lambda *operands: found()(*before, *operands)


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x))."""
    return np.logaddexp(0.0, x)


def to_float(x: Any) -> Any:
    """Return whole numbers or truth values as float."""
    return np.asarray(x, np.float64)[()]


ELEMENTWISE = {
    "neg": Operation(np.negative, "number"),
    "add": Operation(np.add, "number"),
    "sub": Operation(np.subtract, "number"),
    "mul": Operation(np.multiply, "number"),
    "minimum": Operation(np.minimum, "number"),
    "maximum": Operation(np.maximum, "number"),
    "abs": Operation(np.absolute, "number"),
    "floordiv": Operation(np.floor_divide, "number"),
    "div": Operation(np.divide),
    "pow": Operation(np.power),
    "exp": Operation(np.exp),
    "expm1": Operation(np.expm1),
    "log": Operation(np.log),
    "log1p": Operation(np.log1p),
    "sqrt": Operation(np.sqrt),
    "sin": Operation(np.sin),
    "cos": Operation(np.cos),
    "tan": Operation(np.tan),
    "arcsin": Operation(np.arcsin),
    "arccos": Operation(np.arccos),
    "arctan": Operation(np.arctan),
    "arctan2": Operation(np.arctan2),
    "sinh": Operation(np.sinh),
    "cosh": Operation(np.cosh),
    "tanh": Operation(np.tanh),
    "arcsinh": Operation(np.arcsinh),
    "arccosh": Operation(np.arccosh),
    "arctanh": Operation(np.arctanh),
    "sign": Operation(np.sign),
    "floor": Operation(np.floor),
    "ceil": Operation(np.ceil),
    "rint": Operation(np.rint),
    "sigmoid": Operation(special("expit")),
    "softplus": Operation(softplus),
    "logaddexp": Operation(np.logaddexp),
    "lgamma": Operation(special("gammaln")),
    "digamma": Operation(special("digamma")),
    "trigamma": Operation(special("polygamma", 1)),
    "erf": Operation(special("erf")),
    "erfc": Operation(special("erfc")),
    "log_ndtr": Operation(special("log_ndtr")),
    "float": Operation(to_float),
    "lt": Operation(np.less, "compare"),
    "le": Operation(np.less_equal, "compare"),
    "eq": Operation(np.equal, "compare"),
    "ne": Operation(np.not_equal, "compare"),
    "and": Operation(np.logical_and, "logic"),
    "or": Operation(np.logical_or, "logic"),
    "not": Operation(np.logical_not, "logic"),
    "where": Operation(np.where, "choose"),
}
"""Operations by name. float takes int or bool; floordiv is of int alone; sqrt, log and the like are NaN where not defined;
maximum and minimum are NaN where an operand is; sign(0) = 0; log_ndtr is the logarithm of the standard normal probability."""


def fold(op: str, values: tuple[float | bool, ...]) -> float | bool:
    """Return what an elementwise operation gives for Python numbers, as a Python number."""
    with np.errstate(all="ignore"):
        if ELEMENTWISE[op].kind == "float":
            values = tuple(map(float, values))
        result: float | bool = np.asarray(ELEMENTWISE[op].function(*values)).item()
    return result


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that numpy would give arrays of some shapes; raise ValueError if they do not fit."""
    different = {shape for shape in shapes if shape}
    if len(different) < 2:
        return different.pop() if different else ()
    wide: list[int] = []
    for axis in range(-1, -1 - max(map(len, shapes), default=0), -1):
        counts = {shape[axis] for shape in shapes if len(shape) >= -axis}
        others = counts - {1}
        if len(others) > 1:
            raise ValueError(f"shapes {', '.join(map(str, shapes))} do not fit together")
        wide.insert(0, others.pop() if others else 1)
    return tuple(wide)
