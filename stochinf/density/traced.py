"""Values that stand for nodes of a graph and behave as numpy arrays do."""

from __future__ import annotations

import contextvars
import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

from stochinf.density.graph import Builder, Node
from stochinf.density.known import known
from stochinf.density.trace_errors import MissingMethodError, TraceError
from stochinf.engine.errors import StochinfError

__all__ = ["ACTIVE", "FUNCTIONS", "UFUNCS", "TraceError", "Traced", "elementwise", "joint", "lifted", "traced"]

UFUNCS: dict[str, Callable[..., Any]] = {}
"""What traced values make of numpy's and scipy's ufuncs, by name."""

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""What traced values make of numpy's other functions, by name."""

ACTIVE: contextvars.ContextVar[Builder | None] = contextvars.ContextVar("the graph that is being built", default=None)
"""The graph that a function is being traced into; None outside of `trace`."""

DTYPES = {"float": np.dtype(np.float64), "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}


class Traced(NDArrayOperatorsMixin):
    """A value of a graph that is being built; numpy's functions and operators add nodes.

    Parameters
    ----------
    builder : Builder
        The graph.
    number : int
        Which node.
    """

    __slots__ = ("builder", "number")
    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]  # equality is elementwise, as with arrays

    def __init__(self, builder: Builder, number: int) -> None:
        self.builder, self.number = builder, number

    @property
    def node(self) -> Node:
        """The node that the value stands for."""
        return self.builder.nodes[self.number]

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers along each axis."""
        return self.node.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.node.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.node.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements: float64, int64 or bool."""
        return DTYPES[self.node.kind]

    @property
    def T(self) -> Any:
        """The transpose."""
        return FUNCTIONS["transpose"](self)

    def __repr__(self) -> str:
        return f"<a traced {self.node.kind} of shape {self.shape}>"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a traced number")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TraceError("a loop over a number", "arrays have elements: give the parameter a shape")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        return FUNCTIONS["index"](self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TraceError(
            "a traced array cannot be changed in place",
            "build a new one with np.where, np.concatenate or np.stack, or loop with stochinf.density.scan",
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        if not all(isinstance(out, Traced) for out in options.pop("out", ())):
            raise TraceError(
                "an array cannot take traced values in place", "write a = a + b, not a += b nor out=, where a is an array"
            )
        if name not in UFUNCS:
            return computed(getattr(ufunc, method), inputs, options, f"the ufunc {name}")
        return call(UFUNCS[name], inputs, options, name)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        name = f"{function.__module__}.{function.__name__}".removeprefix("numpy.").removeprefix("lib.")
        if name not in FUNCTIONS:
            return computed(function, inputs, options, f"np.{name}")
        return call(FUNCTIONS[name], inputs, options, f"np.{name}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(
            self.at_hand(
                "a traced value has no numbers yet, and cannot become an array",
                "collect traced values with np.stack or np.concatenate, not np.array; np.asarray is not needed; where a function "
                "of another library is called, use numpy's or stochinf.density's (log_sum_exp, solve_triangular, ...)",
            ),
            dtype,
        )

    def __bool__(self) -> bool:
        value = self.at_hand(
            "a Python `if`, `and`, `or`, `not`, `while`, `min` or `max` asks for a truth value that is known only when the "
            "density is evaluated",
            "write np.where(condition, a, b); np.minimum, np.maximum; & | ~ between conditions",
        )
        return bool(value)

    def __float__(self) -> float:
        value = self.at_hand(
            "a traced value is no Python number (module math, float() and int() ask for one)",
            "write np.exp for math.exp, and so on",
        )
        return float(value)

    def __int__(self) -> int:
        return int(float(self))

    def __complex__(self) -> complex:
        return complex(float(self))

    def __index__(self) -> int:
        value = self.at_hand(
            "a count or a place (range, a slice, an index of a list) must be known when the function is traced",
            "give a count as a Python int in data; loop with stochinf.density.scan; an array indexed by a traced int must "
            "itself be data, traced or a sequence of the scan",
        )
        return operator.index(value[()])

    def at_hand(self, what: str, remedy: str) -> npt.NDArray[Any]:
        """Return the value if it depends on data alone; raise a `TraceError` if it does not."""
        value = known(self.builder, self.number)
        if value is None:
            raise TraceError(what, remedy)
        return value

    def __contains__(self, value: Any) -> bool:
        return bool(self == value)

    def __getattr__(self, name: str) -> Any:
        if name in METHODS:
            return functools.partial(call_method, name, self)
        raise MissingMethodError(f"a traced array has no {name}", f"it has {', '.join(METHODS)}, and numpy's functions")


METHODS = (
    "all", "any", "astype", "clip", "copy", "cumprod", "cumsum", "diagonal", "dot", "flatten", "max", "mean", "min", "prod",
    "ravel", "repeat", "reshape", "round", "squeeze", "std", "sum", "swapaxes", "take", "trace", "transpose", "var",
)  # fmt: skip
"""Methods of arrays that traced values have."""


def call_method(name: str, value: Traced, *inputs: Any, **options: Any) -> Any:
    """Call the function of a method's name; a shape may be given number by number."""
    if name in ("reshape", "transpose") and len(inputs) > 1:
        inputs = (inputs,)
    return call(FUNCTIONS[name], (value, *inputs), options, name)


ELSE = "docs/densities.md lists those that can; or give the density as a compiled or plain Python function"


def computed(function: Callable[..., Any], inputs: Any, options: Any, name: str, way: str = ELSE) -> Any:
    """Call a function that has no form on traced values, if all that it is given depends on data alone."""

    def plain(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(map(plain, value))
        if not isinstance(value, Traced):
            return value
        return value.at_hand(f"{name} cannot be traced", way)

    return function(*plain(inputs), **{option: plain(value) for option, value in options.items()})


def call(function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any], name: str) -> Any:
    """Call a function on traced values; what does not fit is told with the user's line."""
    try:
        return function(*inputs, **options)
    except TypeError as error:
        raise TraceError(f"{name}: {error}", "docs/densities.md lists the functions and arguments that can be traced") from error


def joint(*values: Any) -> Builder:
    """Return the innermost graph that any of the values belongs to."""
    builders = [value.builder for value in values if isinstance(value, Traced)]
    return max(builders, key=lambda builder: builder.level)


def lifted(builder: Builder, value: Any) -> int:
    """Return the node of a graph that stands for a value: traced, a number, an array."""
    if isinstance(value, Traced):
        return value.number if value.builder is builder else inherited(builder, value)
    if isinstance(value, (bool, int, float)):
        return builder.constant(value)
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TraceError(
            f"{type(value).__name__} of {array.dtype}: traced values meet real numbers only",
            "lists of traced values become arrays with np.stack",
        )
    return literal(builder, array)


def inherited(builder: Builder, value: Traced) -> int:
    """Return the node that stands for a value of a graph around."""
    if builder.parent is None or value.builder.level >= builder.level:
        raise TraceError(
            "a value of a step of a loop is used outside of it, or of another function's trace",
            "return it from the step: scan gives the last carry and the outputs of all steps",
        )
    return builder.capture(lifted(builder.parent, value))


def literal(builder: Builder, array: npt.NDArray[Any]) -> int:
    """Add an array that is written in the function: a constant if all its numbers are equal, else data without a name."""
    if array.size and (array == array.flat[0]).all():
        return builder.broadcast(builder.constant(array.flat[0].item()), array.shape)
    root = builder
    while root.parent is not None:
        root = root.parent
    number = root.data("", array)
    return number if root is builder else lifted(builder, Traced(root, number))


def traced(builder: Builder, value: Any) -> Traced:
    """Return a value as a traced one."""
    return Traced(builder, lifted(builder, value))


def elementwise(op: str, *operands: Any) -> Any:
    """Apply an elementwise operation of a graph to values of which one at least is traced."""
    builder = joint(*operands)
    numbers = tuple(lifted(builder, operand) for operand in operands)
    try:
        return Traced(builder, builder.elementwise(op, *numbers))
    except ValueError as error:
        if isinstance(error, StochinfError):
            raise
        raise TraceError(str(error), "reshape, or add an axis with [:, None]") from error
