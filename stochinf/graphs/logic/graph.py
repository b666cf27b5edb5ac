"""Graphs of logical factors: a `FactorGraph` whose tables are made only where a method needs them."""

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.evidence import check_assignment
from stochinf.graphs.factor_graph import FactorGraph, Labels
from stochinf.graphs.flat import FlatFactors, Floats, Int32s, Int64s, check_cardinality
from stochinf.graphs.logic.factors import LogicalFactors, logical_factors
from stochinf.graphs.naming import quote
from stochinf.graphs.weighted import given_values

__all__ = ["LogicalGraph"]

MOST_TABLE_ENTRIES = 2**24
"""Entries of tables beyond which a graph is sampled without them where nobody asks for another method."""


class LogicalGraph(FactorGraph):
    r"""A distribution over discrete variables: rules with weights, and weights of single states.

    .. math:: p(x) = \frac{1}{Z} \exp\Big(\sum_v \theta_v(x_v) + \sum_f w_f g_f(x)\Big)

    with logical functions g (`stochinf.graphs.logic.FUNCTIONS`). Gibbs sampling keeps for each factor the number of literals that
    hold, so that a visit costs the same whatever the number of literals. Everything else works on `flat`, the tables, made
    when first asked for: a MemoryLimitError where a factor has too many variables.

    Built by `stochinf.graphs.logic.Logic`, or read from files of DeepDive.

    Parameters
    ----------
    n_states : sequence of V ints
        States of each variable.
    factors : LogicalFactors
        From `stochinf.graphs.logic.factors.logical_factors`.
    names, states : sequences, optional
        As in `FactorGraph`.
    field : float64 (sum of n_states,), optional
        Log weight of each state of each variable, one variable after the other.
    weight_names : sequence of W names, optional
        Names of the weights; by default 0 ... W - 1.
    weight_fixed : bool (W,), optional
        Whether learning leaves each weight as it is; by default none.

    Raises
    ------
    GraphError
        If a literal names a variable or state that does not exist, or there is not a name and a flag for each weight.

    Examples
    --------
    >>> from stochinf.graphs.logic import Logic
    >>> logic = Logic(["Rain", "Wet"])
    >>> logic.add("imply", "Rain", "Wet", weight=1.5)
    >>> graph = logic.graph()
    >>> graph, graph.log_score({"Rain": True, "Wet": False})
    (LogicalGraph(2 variables, 1 logical factors, 2 states), -1.5)
    """

    logic: LogicalFactors
    field: Floats
    weight_names: list[Hashable]
    weight_fixed: npt.NDArray[np.bool_]

    def __init__(
        self,
        n_states: Sequence[int] | npt.NDArray[np.integer[Any]],
        factors: LogicalFactors,
        names: Sequence[Hashable] | None = None,
        states: Labels | None = None,
        field: Floats | None = None,
        weight_names: Sequence[Hashable] | None = None,
        weight_fixed: npt.ArrayLike | None = None,
    ) -> None:
        self._name(len(n_states), names)
        self._cardinality = check_cardinality(n_states, self.variables)
        self._cardinality.setflags(write=False)
        self._label(self._cardinality, states)
        self.logic = factors
        total = int(self._cardinality.sum())
        self.field = np.zeros(total) if field is None else np.array(field, np.float64)
        if self.field.shape != (total,) or not (self.field < np.inf).all():
            raise GraphError(f"field of shape {self.field.shape}: {total} numbers below infinity are needed, one for each state")
        _check_literals(factors, self._cardinality, self.variables)
        n_weights = factors.weights.size
        self.weight_names = list(range(n_weights)) if weight_names is None else list(weight_names)
        self.weight_fixed = np.zeros(n_weights, np.bool_) if weight_fixed is None else np.array(weight_fixed, np.bool_)
        if not len(self.weight_names) == self.weight_fixed.size == n_weights:
            raise GraphError(f"{len(self.weight_names)} names and {self.weight_fixed.size} flags for {n_weights} weights")

    @cached_property
    def flat(self) -> FlatFactors:  # type: ignore[override]
        """Tables of all factors, and of the states; see `stochinf.graphs.logic.tables.tables_of`."""
        from stochinf.graphs.logic.tables import tables_of

        flat = tables_of(self)
        for array in flat:
            array.setflags(write=False)
        return flat

    def tabulated(self) -> FactorGraph:
        """Return the same distribution as a graph of tables.

        Raises
        ------
        MemoryLimitError
            If the tables need too many entries.
        """
        return FactorGraph.from_flat(self.flat, self.variables, self._given_states())

    def _given_states(self) -> list[Sequence[Hashable]] | None:
        return None if self._states is None else list(self._states)

    def labels(self, variable: int) -> Sequence[Hashable]:
        """Return the labels of one variable, given by number."""
        return range(self._cardinality[variable]) if self._states is None else self._states[variable]

    @property
    def n_variables(self) -> int:
        """V."""
        return self._cardinality.size

    @property
    def n_factors(self) -> int:
        """Number of logical factors, and of variables whose states have weights: the tables of `flat`."""
        return self.logic.feature.size + self.weighted().size

    @property
    def n_states(self) -> Int32s:
        """Number of states of each variable, int32 (V,)."""
        return self._cardinality

    @property
    def positive(self) -> bool:
        """Whether every configuration is possible."""
        return bool((self.field > -np.inf).all())

    @property
    def tabular(self) -> bool:
        """Whether the tables of all factors are small enough to work with."""
        sizes = np.add.reduceat(np.log2(self._cardinality)[self.logic.scope], self.logic.scope_start[:-1])
        return sizes.size == 0 or bool(sizes.max() < 40 and np.exp2(sizes).sum() <= MOST_TABLE_ENTRIES)

    def weighted(self) -> Int64s:
        """Return the variables whose states have weights of their own."""
        starts = np.cumsum(self._cardinality) - self._cardinality
        return np.flatnonzero(np.add.reduceat(self.field != 0, starts) > 0)

    def scope(self, factor: int) -> list[Hashable]:
        """Return the variables of a factor."""
        starts = self.logic.scope_start
        if factor >= starts.size - 1:
            return [self.variables[self.weighted()[factor - starts.size + 1]]]
        return [self.variables[v] for v in self.logic.scope[starts[factor] : starts[factor + 1]].tolist()]

    def log_score(self, assignment: Any) -> float:
        """Return the unnormalised log probability of an assignment; as `FactorGraph.log_score`."""
        states = check_assignment(self, assignment).astype(np.int64)
        starts = np.cumsum(self._cardinality) - self._cardinality
        return float(self.field[starts + states].sum() + self.values(states).sum())

    def values(self, states: npt.NDArray[np.integer[Any]]) -> Floats:
        """Return the log weight of each logical factor, float64 (F,), in a configuration of state numbers (V,)."""
        logic = self.logic
        held: Int64s = np.where(states[logic.scope] == logic.literal, logic.step, 0).astype(np.int64)
        total = np.concatenate([np.zeros(1, np.int64), np.cumsum(held)])
        count = total[logic.scope_start[1:]] - total[logic.scope_start[:-1]]
        values: Floats = logic.strength() * logic.levels[logic.level_start + count]
        return values

    def with_field(self, extra: dict[int, Floats]) -> Self:
        """Return the graph with log weights added to the states of some variables, given by number."""
        field, starts = self.field.copy(), np.cumsum(self._cardinality) - self._cardinality
        for variable, logs in extra.items():
            field[starts[variable] : starts[variable] + self._cardinality[variable]] += logs
        return self._with(self.logic, field)

    @property
    def weight_values(self) -> Floats:
        """Values of the weights that factors share, float64 (W,)."""
        return self.logic.weights

    def with_values(self, values: Any) -> Self:
        """Return the graph with other values of its weights: a dict by name (others stay), or all in order.

        Raises
        ------
        GraphError
            If a name is unknown or a number not finite.
        """
        found = given_values(values, self.weight_names, self.logic.weights)
        found.setflags(write=False)
        return self._with(self.logic._replace(weights=found), self.field)

    def _with(self, logic: LogicalFactors, field: Floats) -> Self:
        states = self._given_states()
        return type(self)(self._cardinality, logic, self.variables, states, field, self.weight_names, self.weight_fixed)

    def as_target(self) -> Any:
        """Return what compiled code works on; see `stochinf.graphs.logic.target`."""
        from stochinf.graphs.logic.target import logic_target

        return logic_target(self)

    def recipe(self) -> dict[str, Any]:
        """Return the arguments of `from_recipe`, for saved runs."""
        arrays = {name: value for name, value in self.logic._asdict().items() if name not in ("step", "level_start", "levels")}
        names = None if self.variables == list(range(self.n_variables)) else tuple(self.variables)
        states = None if self._states is None else tuple(tuple(row) for row in self._states)
        known = {"n_states": self._cardinality, "field": self.field, "names": names, "states": states}
        return {**arrays, **known, "weight_names": tuple(self.weight_names), "weight_fixed": self.weight_fixed}

    @classmethod
    def from_recipe(cls, *, names: Any, states: Any, **arrays: Any) -> "LogicalGraph":
        """Return the graph of a saved run."""
        n_states, field = arrays.pop("n_states"), arrays.pop("field")
        learning = arrays.pop("weight_names", None), arrays.pop("weight_fixed", None)
        return cls(n_states, logical_factors(**arrays), None if names is None else list(names), states, field, *learning)

    def __repr__(self) -> str:
        fewest, most = int(self.n_states.min()), int(self.n_states.max())
        span = f"{most}" if fewest == most else f"{fewest}-{most}"
        return f"LogicalGraph({self.n_variables} variables, {self.logic.feature.size} logical factors, {span} states)"


def _check_literals(factors: LogicalFactors, cardinality: Int32s, variables: Sequence[Hashable]) -> None:
    unknown = (factors.scope < 0) | (factors.scope >= cardinality.size)
    if unknown.any():
        place = int(np.argmax(unknown))
        raise GraphError(f"{_of(factors, place)}: there is no variable number {factors.scope[place]}")
    wrong = (factors.literal < 0) | (factors.literal >= cardinality[factors.scope])
    if wrong.any():
        place = int(np.argmax(wrong))
        name = quote(variables[factors.scope[place]])
        raise GraphError(f"{_of(factors, place)}: variable {name} has no state number {factors.literal[place]}")
    if factors.weight_id.size and not 0 <= factors.weight_id.min() <= factors.weight_id.max() < factors.weights.size:
        raise GraphError(f"a factor has the weight number {factors.weight_id.max()}; there are {factors.weights.size} weights")


def _of(factors: LogicalFactors, place: int) -> str:
    return f"factor {int(np.searchsorted(factors.scope_start, place, side='right')) - 1}"
