"""A Python function of a position becomes a static graph: it is called once with traced values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.density import array_functions, einsum, indexing, linear, reductions, refused, ufuncs  # noqa: F401  (numpy's functions)
from stochinf.density.graph import Builder, Graph, owned
from stochinf.density.pruning import lean
from stochinf.density.traced import ACTIVE, Traced, TraceError, lifted
from stochinf.engine.errors import StochinfError

__all__ = ["Trace", "trace"]


NOTE = (
    "{name} raised this where it was called with traced values in place of numbers, to be compiled: see docs/densities.md for"
    " what can be traced; traced=False leaves it in plain Python"
)


class Trace(NamedTuple):
    """A traced function.

    Parameters
    ----------
    graph : Graph
        Input 0 is the position; one output.
    data : dict
        Values of the graph's data by name, float64 or int64: those given, and as "#0", "#1", ... what the function itself holds.
    looked : bool
        Whether the function looked at values of data, so that other data may make another graph.
    """

    graph: Graph
    data: dict[str, npt.NDArray[Any]]
    looked: bool = False

    def with_data(self, data: Mapping[str, Any]) -> Trace:
        """Return the same graph with other data of the same shapes and kinds."""
        return self._replace(
            data={name: owned(np.asarray(data[name])) if name in data else own for name, own in self.data.items()}
        )


def trace(
    function: Callable[..., Any], dim: int, data: Mapping[str, Any] | None = None, written: Callable[..., Any] | None = None
) -> Trace:
    """Return the graph of a function of a position.

    Parameters
    ----------
    function : callable
        Called once as `function(position)`, or as `function(position, data)` where data is given. Returns one number.
    dim : int
        Length of a position.
    data : mapping, optional
        Arrays and floats become leaves of the graph, whose values are not part of it; a Python int, a truth value or anything
        that is no number stays as it is, for counts and choices.
    written : callable, optional
        The user's function, if `function` only calls it: for messages.

    Returns
    -------
    Trace

    Raises
    ------
    TraceError
        Where the function does what a static graph cannot hold: the line, and the way out.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.density.tracing import trace
    >>> found = trace(lambda x, data: -0.5 * np.sum((data["y"] - x[0]) ** 2), dim=1, data={"y": np.array([1.0, 2.0])})
    >>> print(found.graph)
    0 input(0) (1,)
    1 data('y') (2,)
    2 reshape 0 ()
    3 sub 1 2 (2,)
    4 mul 3 3 (2,)
    5 sum(None) 4 ()
    6 constant(-0.5) ()
    7 mul 6 5 ()
    outputs 7
    """
    builder = Builder()
    position = Traced(builder, builder.input(0, (dim,)))
    given = () if data is None else ({name: leaf(builder, name, value) for name, value in data.items()},)
    token = ACTIVE.set(builder)
    try:
        with np.errstate(all="ignore"):  # what is not defined becomes NaN, and is told where sampling begins
            value = function(position, *given)
        output = scalar(builder, value, written or function)
    except Exception as error:
        if not isinstance(error, StochinfError):
            error.add_note(NOTE.format(name=getattr(written or function, "__name__", "the function")))
        raise
    finally:
        ACTIVE.reset(token)
    graph = lean(builder.graph(builder.real(output)))
    return Trace(graph, {name: builder.arrays[name] for name in graph.leaves("data")}, builder.looked)


def leaf(builder: Builder, name: str, value: Any) -> Any:
    """Return a traced value for data that is an array or a float; anything else as it is."""
    if value is None or isinstance(value, (bool, int, str, Traced)) or callable(value):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        return value
    return Traced(builder, builder.data(name, array))


def scalar(builder: Builder, value: Any, function: Callable[..., Any]) -> int:
    """Return the node of a function's value, which must be one number."""
    name = getattr(function, "__name__", "the function")
    if value is None:
        raise TraceError(f"{name} returned None", "return the log density", function)
    shape = np.shape(value)
    if shape != ():
        remedy = "a log density is one number: add its terms with .sum()"
        raise TraceError(f"{name} returned an array of shape {shape}", remedy, function)
    if not isinstance(value, Traced) and np.asarray(value).dtype.kind not in "fiub":
        raise TraceError(f"{name} returned {value!r}", "a log density is a number", function)
    return lifted(builder, value)
