"""What a density is made of: a function that is traced, one in plain Python, or one behind a pointer."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stochinf.density.graph import Graph
from stochinf.density.layout import Layout
from stochinf.density.pointer import Foreign
from stochinf.engine.errors import StochinfError

if TYPE_CHECKING:
    from stochinf.density.tracing import Trace

__all__ = ["Named", "PlainSource", "PointerSource", "Source", "TracedSource"]

Floats = npt.NDArray[np.float64]
Values = Mapping[str, Any]


class Named:
    """A function that is called with parameters and data by name.

    Parameters
    ----------
    function : callable
        The user's.
    layout : Layout
        Its parameters.
    data : mapping
        Its data.

    Raises
    ------
    StochinfError
        If the function needs a name that is neither, or does not take a parameter.
    """

    address = 0
    expand = None

    def __init__(self, function: Callable[..., Any], layout: Layout, data: Values) -> None:
        self.function, self.layout, self.data = function, layout, dict(data)
        self.taken = taken_names(function, layout, self.data)
        self.name = getattr(function, "__name__", type(function).__name__)

    def call(self, values: Values, data: Values) -> Any:
        """Return what the function gives for values and data by name."""
        known = {**data, **values}
        return self.function(**{name: known[name] for name in self.taken})

    def at_position(self, position: Any, data: Values) -> Any:
        """Return the log density of a position, the volume included."""
        values = self.layout.values(position, data)
        return self.call(values, data) + self.layout.log_jacobian(position, values, data)

    def unpacked(self, numbers: Any) -> dict[str, Any]:
        """Return values by name from one vector of all their numbers, without constraints."""
        found, first = {}, 0
        for name, parameter in self.layout.params.items():
            size = int(np.prod(parameter.shape))
            found[name] = parameter.unpacked(numbers[first : first + size])
            first += size
        return found


class TracedSource(Named):
    """A function that becomes a graph, and its gradient another.

    Attributes
    ----------
    of_values, of_position : Trace
        The function of all values, and of a position with the volume.
    both : list of Graph
        The graph of value and gradient once it is made, shared by all densities of these graphs.
    """

    differentiable = True

    def __init__(self, function: Callable[..., Any], layout: Layout, data: Values, like: TracedSource | None = None) -> None:
        from stochinf.density.tracing import trace

        super().__init__(function, layout, data)
        self.description = f"{self.name}, traced"
        self.of_values: Trace
        self.of_position: Trace
        self.both: list[Graph] = []
        if like is not None and like.serves(self.data):
            self.of_values, self.of_position = like.of_values.with_data(self.data), like.of_position.with_data(self.data)
            self.both = like.both
            return
        size = sum(int(np.prod(parameter.shape)) for parameter in layout.params.values())
        self.of_values = trace(lambda x, known: self.call(self.unpacked(x), known), size, self.data, function)
        self._demand_dependence()
        self.of_position = trace(self.at_position, layout.dim, self.data)

    def serves(self, data: Values) -> bool:
        """Whether the graphs are those of other data too: of the same shapes and kinds, at which the function did not look."""
        looked = self.of_values.looked or self.of_position.looked
        return not looked and all(alike(own, data[name]) for name, own in self.data.items())

    def foreign(self) -> Foreign:
        """Compile value and gradient."""
        from stochinf.density.derivatives import gradient
        from stochinf.density.emit.function import CompiledGraph

        if not self.both:
            self.both.append(gradient(self.of_position.graph))
        return CompiledGraph(self.both[0], self.of_position.data)

    def at(self, values: Values) -> Any:
        """Evaluate the graph of values by numpy."""
        from stochinf.density.interpreter import evaluate

        return evaluate(self.of_values.graph, [packed(values)], self.of_values.data)[0]

    def slope(self, values: Values) -> dict[str, Floats]:
        """Evaluate the graph of the gradient by numpy."""
        from stochinf.density.derivatives import gradient
        from stochinf.density.interpreter import evaluate

        slope = evaluate(gradient(self.of_values.graph), [packed(values)], self.of_values.data)[1]
        ends = np.cumsum([np.size(value) for value in values.values()])[:-1]
        parts = zip(values.items(), np.split(slope, ends), strict=True)
        return {name: part.reshape(np.shape(value)) for (name, value), part in parts}

    def digest(self) -> str:
        """Return the hash of the graph."""
        return self.of_position.graph.digest()

    def _demand_dependence(self) -> None:
        """Refuse a density that does not look at a parameter of infinite volume: it is flat along it."""
        nodes = self.of_values.graph.nodes
        inputs = {number for number, node in enumerate(nodes) if node.op == "input"}
        uses = [node for node in nodes if inputs.intersection(node.operands)]
        first = 0
        for name, parameter in self.layout.params.items():
            stretch = range(first, first := first + int(np.prod(parameter.shape)))
            seen = any(node.op != "slice" or looks_at(node, stretch) for node in uses)
            needed = any(name in other.needs for other in self.layout.params.values())
            if not seen and not needed and parameter.endless:
                raise StochinfError(
                    f"{self.name} does not depend on {name}, so that its density is flat there and no distribution: give {name}"
                    " a prior, or leave it out of params"
                )


class PlainSource(Named):
    """A function in plain Python."""

    differentiable = False

    def __init__(self, function: Callable[..., Any], layout: Layout, data: Values) -> None:
        super().__init__(function, layout, data)
        self.description = f"{self.name}, plain Python"

    def foreign(self) -> Foreign:
        """Put the function behind a pointer that enters Python."""
        from stochinf.density.plain import PythonFunction

        return PythonFunction(self.number_at, None)

    def number_at(self, position: Floats) -> float:
        """Return the log density of a position, which must be one number."""
        value = self.at_position(position, self.data)
        if np.shape(value) != ():
            raise StochinfError(
                f"{self.name} returned an array of shape {np.shape(value)}; a log density is one number: add terms with .sum()"
            )
        return float(value)

    def call(self, values: Values, data: Values) -> Any:
        """Return what the function gives; None and texts are no log density."""
        value = super().call(values, data)
        if value is None or isinstance(value, str):
            raise StochinfError(f"{self.name} returned {value!r}; a log density is a number: return it")
        return value

    def at(self, values: Values) -> Any:
        """Call the function."""
        return self.call(self.unpacked(packed(values)), self.data)

    def slope(self, values: Values) -> dict[str, Floats]:
        """Refuse."""
        raise StochinfError(f"{self.name} is plain Python and has no gradient; leave traced=False away")

    def digest(self) -> str:
        """Return a hash of the function's code."""
        code = getattr(self.function, "__code__", None)
        return self.name if code is None else hashlib.sha256(code.co_code + repr(code.co_names).encode()).hexdigest()


class PointerSource:
    """A C function of positions.

    Parameters
    ----------
    function : Foreign
        The C function.
    differentiable : bool
        Whether it writes the gradient.
    address : int
        What its last argument points to.
    description : str
        For messages.
    layout : Layout
        Names of positions.
    expand : callable, optional
        From positions (n, dim) to values by name, each of n rows, where another program names them.
    """

    function: Callable[..., Any] | None = None

    def __init__(
        self,
        function: Foreign,
        differentiable: bool,
        address: int,
        description: str,
        layout: Layout,
        expand: Callable[[Floats], dict[str, Floats]] | None = None,
    ) -> None:
        self.expand = expand
        self.behind, self.differentiable, self.address = function, differentiable, address
        self.description, self.layout = description, layout

    def foreign(self) -> Foreign:
        """Return the C function."""
        return self.behind

    def at(self, values: Values) -> Any:
        """Refuse values by name where they are not the position itself."""
        raise StochinfError(f"{self.description}: its log density is of positions; give density.unconstrain(point)")

    def slope(self, values: Values) -> dict[str, Floats]:
        """Refuse."""
        raise StochinfError(f"{self.description}: its gradient is by positions; give density.unconstrain(point)")

    def digest(self) -> str:
        """Return what is known of the function."""
        return self.description


Source = TracedSource | PlainSource | PointerSource
"""Each gives the C function of positions (`foreign`), the log density and the derivatives of values by name (`at`, `slope`)."""


def alike(one: Any, other: Any) -> bool:
    """Whether two data make the same graph: arrays of the same shape and kind, floats, or equal otherwise."""
    if isinstance(one, (np.ndarray, float)) and isinstance(other, (np.ndarray, float)):
        a, b = np.asarray(one), np.asarray(other)
        return a.shape == b.shape and a.dtype.kind == b.dtype.kind and a.dtype.kind in "fiub"
    return type(one) is type(other) and not isinstance(one, np.ndarray) and bool(one == other)


def packed(values: Values) -> Floats:
    """Return all numbers of values by name as one vector."""
    return np.concatenate([np.reshape(value, -1) for value in values.values()])


def looks_at(node: Any, stretch: range) -> bool:
    """Whether a slice of a vector takes something of a stretch."""
    ((start, step),) = node.attributes
    return any(place in stretch for place in (start, start + step * (node.size - 1)))


def taken_names(function: Callable[..., Any], layout: Layout, data: Values) -> tuple[str, ...]:
    """Return the names of parameters and data that a function takes."""
    if not callable(function):
        raise StochinfError(f"{function!r}: a function of parameters and data by name is needed")
    name = getattr(function, "__name__", repr(function))
    given = (*layout.params, *data)
    arguments = inspect.signature(function).parameters
    if any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values()):
        return given
    for argument in arguments.values():
        if argument.default is argument.empty and argument.name not in given and argument.kind is not argument.VAR_POSITIONAL:
            raise StochinfError(f"{name} takes {argument.name}, which is neither among params nor among data")
    for parameter in layout.params:
        if parameter not in arguments:
            raise StochinfError(f"{name} does not take the parameter {parameter}; it takes {', '.join(arguments) or 'nothing'}")
    bounds = {needed for parameter in layout.params.values() for needed in parameter.needs}
    for other in data:
        if other not in arguments and other not in bounds:
            raise StochinfError(f"{name} does not take the data {other}; it takes {', '.join(arguments)}")
    return tuple(argument for argument in arguments if argument in given)
