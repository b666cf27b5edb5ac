"""Factor graphs: the user's nodes and labels outside, flat arrays inside."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.bulk import flatten_scopes, flatten_tables, numbered_rows
from stochinf.graphs.evidence import check_assignment
from stochinf.graphs.flat import FlatFactors, Floats, Int32s, check_cardinality, flat_factors, flat_rows, log_of_weights
from stochinf.graphs.naming import factor_title, quote
from stochinf.graphs.spins import SpinParameters, spin_parameters

__all__ = ["FactorGraph"]

Node: TypeAlias = Hashable
Label: TypeAlias = Hashable
Labels: TypeAlias = Mapping[Any, Sequence[Label]] | Sequence[Sequence[Label]]


class FactorGraph:
    r"""A distribution over discrete variables: the normalised product of non-negative tables.

    .. math:: p(x) = \frac{1}{Z} \prod_f w_f(x_{scope(f)}).

    Parameters
    ----------
    n_states : sequence of V ints
        Number of states of each variable, from 1 to 32768.
    scopes : sequence of F tuples, or an int array (F, arity)
        The variables of each factor, by name where ``names`` is given, else by number (numbers do with names too, where no
        name is a number); the empty tuple is a constant.
    tables : sequence of F arrays or lists, or one array (F, ...)
        Finite weights, at least 0 and not all 0; flat (last variable of the scope fastest) or of shape
        ``(n_states[v] for v in scope)``.
    names : sequence of V hashables, optional
        The variables' names; the default is 0 ... V - 1.
    states : dict of name to labels, or sequence of V sequences, optional
        Labels of the states; the default is 0 ... n_states - 1.

    Raises
    ------
    GraphError
        Where a rule above is broken, naming the variable or factor.
    MemoryLimitError
        If the tables need more entries than `stochinf.graphs.flat.MAX_ENTRIES`.

    References
    ----------
    Kschischang, Frey and Loeliger, Factor graphs and the sum-product algorithm, 2001, section II.

    Examples
    --------
    >>> graph = FactorGraph([2, 3], [("coin",), ("coin", "die")], [[0.4, 0.6], [1, 1, 1, 1, 1, 4]], names=["coin", "die"])
    >>> graph
    FactorGraph(2 variables, 2 factors, 2-3 states)
    >>> round(graph.log_score({"coin": 1, "die": 2}), 4)
    0.8755
    """

    flat: FlatFactors
    child: Int32s | None = None
    """In a Bayesian network the variable, by number, that each factor is the conditional distribution of; else None."""

    def __init__(
        self,
        n_states: Sequence[int] | npt.NDArray[np.integer[Any]],
        scopes: Sequence[Sequence[Node]] | npt.NDArray[np.integer[Any]],
        tables: Sequence[npt.ArrayLike] | npt.NDArray[Any],
        names: Sequence[Node] | None = None,
        states: Labels | None = None,
    ) -> None:
        self._build(n_states, scopes, tables, names, states, logarithms=False)

    @classmethod
    def from_log_tables(
        cls,
        n_states: Sequence[int] | npt.NDArray[np.integer[Any]],
        scopes: Sequence[Sequence[Node]] | npt.NDArray[np.integer[Any]],
        log_tables: Sequence[npt.ArrayLike] | npt.NDArray[Any],
        names: Sequence[Node] | None = None,
        states: Labels | None = None,
    ) -> Self:
        """Build a graph from the logarithms of the weights: -inf for impossible, nothing over- or underflows.

        Parameters, errors and order of entries are those of the class.

        >>> graph = FactorGraph.from_log_tables([2, 2], [(0, 1)], [[1e4, -1e4, -1e4, 1e4]])
        >>> graph.log_score({0: 1, 1: 1})
        10000.0
        """
        graph = cls.__new__(cls)
        graph._build(n_states, scopes, log_tables, names, states, logarithms=True)
        return graph

    @classmethod
    def from_flat(
        cls,
        flat: FlatFactors,
        names: Sequence[Node] | None = None,
        states: Labels | None = None,
        spins: SpinParameters | None = None,
        child: Int32s | None = None,
    ) -> Self:
        """Wrap arrays made by `stochinf.graphs.flat.flat_factors` and `log_of_weights`, which checked them.

        ``spins`` are the exact spin parameters where the caller knows them, and ``child`` the variable that each factor is
        the conditional distribution of (see `FactorGraph.child`).
        """
        graph = cls.__new__(cls)
        graph._name(flat.cardinality.size, names)
        graph._label(flat.cardinality, states)
        graph.flat = flat
        graph.child = child
        for array in flat if child is None else (*flat, child):
            array.setflags(write=False)
        if spins is not None:
            graph.__dict__["spins"] = spins
        return graph

    @classmethod
    def from_networkx(cls, graph: Any, field: str = "h", coupling: str = "J", table: str | None = None) -> "FactorGraph":
        """Build a graph from networkx; see `stochinf.graphs.from_networkx.from_networkx`."""
        from stochinf.graphs.from_networkx import from_networkx

        return from_networkx(graph, field, coupling, table)

    @classmethod
    def from_any(cls, model: Any) -> "FactorGraph":
        """Build a graph from a model of networkx, dimod, pgmpy or pyAgrum; see `stochinf.graphs.formats.convert_object`."""
        from stochinf.graphs.formats.objects import convert_object

        return convert_object(model)

    def to_networkx(self) -> Any:
        """Return a networkx graph; see `stochinf.graphs.formats.nx_out.to_networkx`."""
        from stochinf.graphs.formats.nx_out import to_networkx

        return to_networkx(self)

    def _build(self, n_states: Any, scopes: Any, tables: Any, names: Any, states: Any, logarithms: bool) -> None:
        for what, value in (("n_states", n_states), ("scopes", scopes), ("tables", tables)):
            _check_sequence(what, value)
        self._name(len(n_states), names)
        nodes = self._nodes
        cardinality = check_cardinality(n_states, nodes)
        self._label(cardinality, states)
        rows = numbered_rows(scopes, cardinality.size) if names is None else None
        if rows is None:
            layout = flat_factors(cardinality, *flatten_scopes(scopes, self.index), nodes)
        else:
            layout = flat_rows(cardinality, rows, nodes)
        weights = flatten_tables(tables, layout, nodes)
        self.flat = layout._replace(log_weights=log_of_weights(weights, layout, nodes, logarithms))
        for array in self.flat:
            array.setflags(write=False)

    def _name(self, n_variables: int, names: Iterable[Node] | None) -> None:
        if names is not None:
            _check_iterable("names", names)
        self._nodes: Sequence[Node] = range(n_variables) if names is None else list(names)
        if len(self._nodes) != n_variables:
            raise GraphError(f"{len(self._nodes)} names for {n_variables} variables; give one name for each variable")
        seen: set[Node] = set()
        for name in () if names is None else self._nodes:
            try:
                repeated = name in seen
            except TypeError:
                raise GraphError(f"name {quote(name)} is not hashable; use strings, numbers or tuples") from None
            if repeated:
                raise GraphError(f"name {quote(name)} is given twice; every variable needs a name of its own")
            seen.add(name)

    def _label(self, cardinality: Int32s, states: Labels | None) -> None:
        self._states: list[Sequence[Label]] | None = None if states is None else _checked_labels(states, cardinality, self._nodes)

    @cached_property
    def variables(self) -> list[Node]:
        """The nodes in the order of the flat arrays; their numbers where no names are given."""
        return list(self._nodes)

    @cached_property
    def index(self) -> dict[Node, int]:
        """Number of each variable in the flat arrays."""
        return {node: i for i, node in enumerate(self.variables)}

    @cached_property
    def states(self) -> dict[Node, list[Label]]:
        """Labels of each variable's states, in the order of its tables."""
        return {node: list(self.labels(i)) for i, node in enumerate(self.variables)}

    def labels(self, variable: int) -> Sequence[Label]:
        """Return the labels of one variable, given by number."""
        return range(self.flat.cardinality[variable]) if self._states is None else self._states[variable]

    @property
    def n_variables(self) -> int:
        """V."""
        return self.flat.cardinality.size

    @property
    def n_factors(self) -> int:
        """F."""
        return self.flat.table_start.size - 1

    @property
    def n_states(self) -> Int32s:
        """Number of states of each variable, int32 (V,)."""
        return self.flat.cardinality

    @property
    def log_weights(self) -> Floats:
        """Natural logarithms of all tables' entries, concatenated."""
        return self.flat.log_weights

    @property
    def positive(self) -> bool:
        """Whether every configuration is possible."""
        return bool(np.isfinite(self.log_weights).all())

    @property
    def tabular(self) -> bool:
        """Whether methods that need tables suit the graph; not so where logical factors have too many variables."""
        return True

    @cached_property
    def weights(self) -> Floats:
        """All tables' entries, concatenated; an error where exp would over- or underflow, so that no 0 is an accident."""
        with np.errstate(over="ignore", under="ignore"):
            weights = np.exp(self.flat.log_weights)
        lost = np.isinf(weights) | ((weights == 0) & (self.flat.log_weights > -np.inf))
        if lost.any():
            position = int(np.argmax(lost))
            factor = int(np.searchsorted(self.flat.table_start, position, side="right")) - 1
            value = self.flat.log_weights[position]
            raise GraphError(f"{self.title(factor)}: exp({value:g}) does not fit a float64; use log_weights")
        weights.setflags(write=False)
        return weights

    @cached_property
    def spins(self) -> SpinParameters | None:
        """Fields and couplings of an all-binary, pairwise, positive model, else None; see `SpinParameters`."""
        return spin_parameters(self.flat)

    def scope(self, factor: int) -> list[Node]:
        """Return the variables of a factor."""
        first, last = self.flat.scope_start[factor], self.flat.scope_start[factor + 1]
        return [self.variables[v] for v in self.flat.scope[first:last].tolist()]

    def title(self, factor: int) -> str:
        """Return how messages name a factor, such as ``factor 3 over (A, B)``."""
        return factor_title(factor, self.scope(factor))

    def log_score(self, assignment: Mapping[Any, Label]) -> float:
        """Return the unnormalised log probability sum_f log w_f(x), -inf for an impossible assignment.

        Parameters
        ----------
        assignment : dict
            The label of every variable.

        Raises
        ------
        GraphError
            If a variable is missing, or a variable or label is unknown.

        Examples
        --------
        >>> FactorGraph([2], [(0,)], [[0.0, 1.0]]).log_score({0: 0})
        -inf
        """
        chosen = check_assignment(self, assignment)
        steps = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.flat.stride * chosen[self.flat.scope])])
        entries = self.flat.table_start[:-1] + steps[self.flat.scope_start[1:]] - steps[self.flat.scope_start[:-1]]
        return float(self.flat.log_weights[entries].sum())

    def do(self, interventions: Mapping[Any, Any]) -> "FactorGraph":
        """Return the Bayesian network in which variables are set from outside; see `stochinf.graphs.interventions.do`."""
        from stochinf.graphs.interventions import do

        return do(self, interventions)

    def as_target(self) -> Any:
        """Return what compiled code works on; see `stochinf.graphs.targets`."""
        from stochinf.graphs.targets import graph_target

        return graph_target(self)

    def recipe(self) -> dict[str, Any]:
        """Return the arguments of `from_recipe`, for saved runs."""
        arrays = self.flat._asdict()
        if self.spins is not None:
            arrays |= {"field": self.spins.field, "edges": self.spins.edges, "coupling": self.spins.coupling}
        if self.child is not None:
            arrays["child"] = self.child
        labels = [tuple(self.labels(i)) for i in range(self.n_variables)]
        plain = all(row == tuple(range(len(row))) for row in labels)
        return {**arrays, "names": tuple(self.variables), "states": None if plain else tuple(labels)}

    @classmethod
    def from_recipe(cls, *, names: Any, states: Any, **arrays: Any) -> "FactorGraph":
        """Return the graph of a saved run."""
        spins, child = None, arrays.pop("child", None)
        if "field" in arrays:
            spins = SpinParameters(arrays.pop("field"), arrays.pop("edges"), arrays.pop("coupling"), 0.0)
        return cls.from_flat(FlatFactors(**arrays), list(names), states, spins, child)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the dimensions of draws."""
        return {"state": ("node",)}

    @property
    def coords(self) -> dict[str, list[Node]]:
        """Labels of the dimensions of draws."""
        return {"node": list(self.variables)}

    def __repr__(self) -> str:
        fewest, most = int(self.n_states.min()), int(self.n_states.max())
        span = f"{most}" if fewest == most else f"{fewest}-{most}"
        return f"FactorGraph({self.n_variables} variables, {self.n_factors} factors, {span} states)"


def _check_sequence(what: str, value: Any) -> None:
    if not (isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim)) or isinstance(value, (str, bytes)):
        raise GraphError(f"{what} is {quote(value)}; give a list, a tuple or an array")


def _check_iterable(what: str, value: Any) -> None:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise GraphError(f"{what} is {quote(value)}; give a list")


def _checked_labels(states: Labels, cardinality: Int32s, variables: Sequence[Node]) -> list[Sequence[Label]]:
    if isinstance(states, Mapping):
        missing = next((node for node in variables if node not in states), None)
        if missing is not None:
            raise GraphError(f"states: no labels for variable {quote(missing)}; give labels for every variable")
        if len(states) != len(variables):
            extra = next(node for node in states if node not in set(variables))
            raise GraphError(f"states: {quote(extra)} is no variable of the graph")
        rows = [states[node] for node in variables]
    else:
        _check_iterable("states", states)
        rows = list(states)
    if len(rows) != len(variables):
        raise GraphError(f"states: {len(rows)} sequences of labels for {len(variables)} variables; give one for each")
    for node, row, count in zip(variables, rows, cardinality.tolist(), strict=True):
        _check_row(node, row, count)
    return rows


def _check_row(node: Node, row: Sequence[Label], count: int) -> None:
    if isinstance(row, str) or not hasattr(row, "__len__") or len(row) != count:
        raise GraphError(f"variable {quote(node)}: labels {quote(row)} for {count} states; give a list of {count} labels")
    try:
        distinct = len(set(row))
    except TypeError:
        raise GraphError(f"variable {quote(node)}: a label of {quote(row)} is not hashable; use strings or numbers") from None
    if distinct != count:
        raise GraphError(f"variable {quote(node)}: a label appears twice in {quote(row)}; labels tell states apart")
