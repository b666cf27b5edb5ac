r"""A graphical model as learning sees it: which weight, times which feature, is active in a configuration.

.. math:: \log p(x) = \sum_e w_{k(e)} \phi_e [e \text{ is active in } x] + b(x) - \log Z(w)

For tables an entry e is active where the states of its factor are those of the entry; a logical factor contributes
:math:`w_k \phi_f g_f(x)`. The gradient of the log likelihood is the difference of expected statistics

.. math:: T_k(x) = \sum_{e: k(e) = k} \phi_e [e \text{ is active in } x].

References
----------
Koller, D. and Friedman, N. (2009). Probabilistic Graphical Models, section 20.3.1 (likelihood of log-linear models).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.exact.driving import run_points
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Floats, Int32s, Int64s
from stochinf.graphs.logic.graph import LogicalGraph
from stochinf.graphs.logic.tables import tables_of
from stochinf.graphs.weighted import WeightedGraph
from stochinf.learning.terms import Entries, Rules

__all__ = ["Entries", "Model", "Rules", "learning_model", "row_statistics", "statistics"]


class Model(NamedTuple):
    """A graph with weights to learn; made by `learning_model`.

    Attributes
    ----------
    graph : WeightedGraph or LogicalGraph
    names : list
        Names of the W weights; their numbers where a graph names none.
    values : float64 (W,)
        Values to begin with.
    fixed : bool (W,)
        Weights that stay at them.
    terms : Entries or Rules
        What compiled code reads.
    """

    graph: FactorGraph
    names: list[Hashable]
    values: Floats
    fixed: npt.NDArray[np.bool_]
    terms: Entries | Rules

    @property
    def n_weights(self) -> int:
        """W."""
        return self.values.size

    @property
    def learnt(self) -> Int64s:
        """Numbers of the weights that are learnt, int64."""
        return np.flatnonzero(~self.fixed)

    @property
    def entries(self) -> Entries:
        """The terms, where they are tables.

        Raises
        ------
        GraphError
            If they are rules.
        """
        if isinstance(self.terms, Entries):
            return self.terms
        raise GraphError(f"{self.graph!r}: its terms are rules; tabulated() makes tables of them")

    def with_values(self, values: Floats) -> FactorGraph:
        """Return the graph with other weights (W,), of the class it had."""
        return self.graph.with_values(values)  # type: ignore[attr-defined, no-any-return]

    def tabulated(self) -> Model:
        """Return the model with its terms as `Entries`.

        Raises
        ------
        MemoryLimitError
            If logical factors have too many variables for tables.
        """
        return self if isinstance(self.terms, Entries) else self._replace(terms=_entries_of_rules(self.graph))


def learning_model(graph: Any) -> Model:
    """Return a graph as learning sees it.

    Parameters
    ----------
    graph : WeightedGraph or LogicalGraph

    Raises
    ------
    GraphError
        If the graph has no weights, or none is to be learnt.

    Examples
    --------
    >>> from stochinf.graphs import WeightedGraph
    >>> from stochinf.learning.model import learning_model
    >>> model = learning_model(WeightedGraph([2], [(0,)], [[None, "yes"]], values={"yes": 1.5}))
    >>> model.names, model.values, model.terms.log_tables(model.values)
    (['yes'], array([1.5]), array([0. , 1.5]))
    """
    if isinstance(graph, LogicalGraph):
        logic = graph.logic
        model = Model(graph, graph.weight_names, np.array(logic.weights), graph.weight_fixed, rules_of(graph))
    elif isinstance(graph, WeightedGraph):
        model = Model(graph, graph.weight_names, np.array(graph.weight_values), graph.weight_fixed, _entries_of(graph))
    else:
        raise GraphError(
            f"{graph!r} has no weights to learn; give a WeightedGraph, a graph of rules (Logic) or a folder of DeepDive's"
        )
    if not model.learnt.size:
        why = "it has none" if not model.n_weights else f"all {model.n_weights} are fixed"
        hint = (
            "; a rule whose weight is a number keeps it, name a weight to have it learnt"
            if isinstance(model.terms, Rules)
            else ""
        )
        raise GraphError(f"{graph!r}: no weight to learn, {why}{hint}")
    return model


def _entries_of(graph: WeightedGraph) -> Entries:
    flat = graph.flat
    layout = (flat.cardinality, flat.scope_start, flat.scope, flat.stride, flat.table_start)
    return Entries(*layout, graph.base, graph.entry_weight, graph.entry_feature)


def rules_of(graph: LogicalGraph) -> Rules:
    """Return the logical factors of a graph as compiled code reads them."""
    logic = graph.logic
    literals = (logic.scope_start, logic.scope, logic.literal, logic.step)
    return Rules(graph.n_states, graph.field, *literals, logic.level_start, logic.levels, logic.weight_id, logic.feature)


def _entries_of_rules(graph: Any) -> Entries:
    """Return logical factors as tables: features times values of the functions, and the log weights of single states."""
    bare = type(graph)(
        graph.n_states, graph.logic._replace(weights=np.ones(graph.logic.weights.size)), graph.variables,
        graph._given_states(), graph.field,
    )  # fmt: skip
    flat = tables_of(bare)
    n_rules = graph.logic.feature.size
    sizes = np.diff(flat.table_start)
    ids = np.concatenate([graph.logic.weight_id, np.full(sizes.size - n_rules, -1, np.int32)]).astype(np.int32)
    rules = np.repeat(np.arange(sizes.size) < n_rules, sizes)
    layout = (flat.cardinality, flat.scope_start, flat.scope, flat.stride, flat.table_start)
    base, feature = np.where(rules, 0.0, flat.log_weights), np.where(rules, flat.log_weights, 0.0)
    return Entries(*layout, base, np.repeat(ids, sizes), feature)


class Tally(NamedTuple):
    """Statistics as they are added up.

    Attributes
    ----------
    position : float64 (W,) or (rows, W)
        Sums over all rows, or by row.
    states : int32 (rows, V)
    weights : float64 (rows,)
    """

    position: Floats
    stats: Floats
    states: Int32s
    weights: Floats


@part(single=True)
class Sum(NamedTuple):
    """Add the statistics of one row to those of all."""

    unused: int = 0

    def update(self, target: Any, state: Tally, point: int, rate: float, rng: Any) -> None:
        """Do the row `point`."""
        target.add_row(state.states, point, state.weights[point], state.position)


@part(single=True)
class Each(NamedTuple):
    """Write the statistics of one row in a row of their own."""

    unused: int = 0

    def update(self, target: Any, state: Tally, point: int, rate: float, rng: Any) -> None:
        """Do the row `point`."""
        target.add_row(state.states, point, state.weights[point], state.position[point])


def statistics(model: Model, states: Int32s, weights: Floats | None = None) -> Floats:
    """Return the sum over configurations of their statistics, float64 (W,).

    Parameters
    ----------
    model : Model
    states : int32 (rows, V)
        Complete configurations as state numbers.
    weights : float64 (rows,), optional
        How often each row counts.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs import WeightedGraph
    >>> from stochinf.learning.model import learning_model, statistics
    >>> graph = WeightedGraph([2, 2], [(0,), (0, 1)], ["h", "J"], {"h": [-1, 1], "J": [[1, -1], [-1, 1]]})
    >>> statistics(learning_model(graph), np.array([[0, 0], [1, 0], [0, 0]], np.int32)).tolist()
    [-1.0, 1.0]
    """
    out = np.zeros(model.n_weights)
    _add(Sum(), model, states, weights, out)
    return out


def row_statistics(model: Model, states: Int32s, weights: Floats | None = None) -> Floats:
    """Return the statistics of each configuration, float64 (rows, W); as `statistics`.

    Raises
    ------
    MemoryLimitError
        If the array does not fit.
    """
    demand(8 * len(states) * model.n_weights, f"statistics of {len(states)} rows by {model.n_weights} weights")
    out = np.zeros((len(states), model.n_weights))
    _add(Each(), model, states, weights, out)
    return out


def _add(kernel: Any, model: Model, states: Int32s, weights: Floats | None, out: Floats) -> None:
    rows = np.ascontiguousarray(states, dtype=np.int32)
    each = np.ones(len(rows)) if weights is None else np.array(weights, dtype=np.float64)
    if len(rows):
        work = np.full(len(rows), 4.0 * model.terms.n_factors)
        run_points(kernel, model.terms, Tally(out, np.empty(0), rows, each), len(rows), work)
