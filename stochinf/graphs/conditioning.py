"""A model given evidence, as a smaller model; and the parts of a model that have nothing to do with each other.

Observed variables leave every scope and their tables keep the entries that agree with what was observed,

    p(x_free | x_observed) = (1 / Z) prod_f w_f(x_free, x_observed),

so that exact and variational methods, which see no evidence, work on the model of the free variables alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import FlatFactors, Floats, Int32s, Int64s, flat_factors

__all__ = ["Conditioned", "components", "conditioned", "narrowed", "old_entries", "restricted"]


class Conditioned(NamedTuple):
    """What is left of a model once evidence is put in.

    Attributes
    ----------
    graph : FactorGraph
        Over the free variables, with their names and labels; it has no variable where none is free.
    constant : float
        Sum of the log weights of the factors whose variables were all observed; ``log Z = constant + log Z(graph)``.
    free : int32 (n,)
        The free variables as numbered in the whole model.
    places : int64 (sum of graph.n_states,)
        Where each state of the free variables lies among the states of all variables of the whole model.
    certain : int64 (V - n,)
        Where the only state of each other variable lies.
    start : int64 (V + 1,)
        Where the states of each variable of the whole model begin.
    """

    graph: FactorGraph
    constant: float
    free: Int32s
    places: Int64s
    certain: Int64s
    start: Int64s

    def spread(self, numbers: Floats, certain: float = 1.0) -> Floats:
        """Return numbers by state of the whole model from those of the free variables; states that are left out have 0."""
        flat = np.zeros(int(self.start[-1]))
        flat[self.certain], flat[self.places] = certain, numbers
        return flat

    def whole(self, states: npt.NDArray[np.integer[Any]]) -> Int32s:
        """Return state indices of all variables from those of the free ones."""
        first = np.cumsum(self.graph.n_states, dtype=np.int64) - self.graph.n_states
        chosen = np.sort(np.concatenate([self.certain, self.places[first + states]]))
        return (chosen - self.start[:-1]).astype(np.int32)


def conditioned(graph: FactorGraph, clamped: Int32s) -> Conditioned:
    """Return the model of the free variables given the observed ones.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones; see `stochinf.graphs.evidence.check_evidence`.

    Raises
    ------
    MemoryLimitError
        If the smaller tables do not fit beside the whole ones.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.conditioning import conditioned
    >>> left = conditioned(si.FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]]), np.array([1, -1], dtype=np.int32))
    >>> left.graph.variables, left.graph.weights.round(6).tolist()
    ([1], [4.0, 5.0, 6.0])

    References
    ----------
    Koller, D. and Friedman, N. (2009). Probabilistic Graphical Models, section 4.2.3 (reduced Markov networks).
    """
    start = np.concatenate([[0], np.cumsum(graph.n_states, dtype=np.int64)])
    alive = np.repeat(clamped < 0, graph.n_states)
    fixed = np.flatnonzero(clamped >= 0)
    alive[start[fixed] + clamped[fixed]] = True
    return _reduced(graph, alive, np.flatnonzero(clamped < 0).astype(np.int32), start)


def narrowed(graph: FactorGraph, clamped: Int32s) -> Conditioned:
    """Return the model given evidence without the states that zeros exclude, as far as constraint propagation sees them.

    Variables that have one state left count as observed. Nothing of positive probability is lost, and tables shrink.

    Raises
    ------
    GraphError
        If propagation finds factors that contradict each other.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.conditioning import narrowed
    >>> graph = si.FactorGraph([3, 3], [(0,), (0, 1)], [[0, 1, 1], [1, 0, 0, 0, 2, 0, 0, 0, 3]])
    >>> left = narrowed(graph, np.array([-1, -1], dtype=np.int32))
    >>> left.graph.states, left.spread(np.array([0.4, 0.6, 0.4, 0.6])).tolist()
    ({0: [1, 2], 1: [1, 2]}, [0.0, 0.4, 0.6, 0.0, 0.4, 0.6])
    """
    from stochinf.graphs.zeros.problem import root

    start = np.concatenate([[0], np.cumsum(graph.n_states, dtype=np.int64)])
    alive = np.repeat(clamped < 0, graph.n_states)
    fixed = np.flatnonzero(clamped >= 0)
    alive[start[fixed] + clamped[fixed]] = True
    supports, domain = root(graph, clamped)
    sizes = np.diff(supports.first)
    within = np.arange(domain.size) - np.repeat(supports.first[:-1], sizes)
    alive[np.repeat(start[supports.variables], sizes) + within] = domain != 0
    left = np.add.reduceat(alive, start[:-1], dtype=np.int64)
    return _reduced(graph, alive, np.flatnonzero(left > 1).astype(np.int32), start)


def restricted(graph: FactorGraph, variables: Int32s) -> FactorGraph:
    """Return the model of some variables, in order, that share no factor with the others: one or more components.

    Factors over no variable are left out.
    """
    inside = np.zeros(graph.n_variables, bool)
    inside[variables] = True
    base = graph.flat.table_start[:-1]
    whole = np.repeat(inside, graph.n_states)
    return _smaller(graph, variables, whole, inside[graph.flat.scope], base)


def components(graph: FactorGraph) -> list[Int32s]:
    """Return the connected components, each as sorted variables, in order of their first variable.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.conditioning import components
    >>> [part.tolist() for part in components(si.FactorGraph([2] * 4, [(0, 2), (1,)], [[1, 2, 3, 4], [1, 2]]))]
    [[0, 2], [1], [3]]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    flat, n = graph.flat, graph.n_variables
    factor = np.repeat(np.arange(graph.n_factors), np.diff(flat.scope_start))
    size = n + graph.n_factors
    ties = coo_array((np.ones(flat.scope.size, np.int8), (flat.scope, n + factor)), shape=(size, size))
    label = connected_components(ties, directed=False)[1][:n]
    first = np.unique(label, return_index=True)[1]
    rank = np.empty(label.max(initial=-1) + 1, np.int64)
    rank[label[np.sort(first)]] = np.arange(first.size)
    order = np.argsort(rank[label], kind="stable").astype(np.int32)
    return np.split(order, np.cumsum(np.bincount(rank[label]))[:-1]) if n else []


def _reduced(graph: FactorGraph, alive: npt.NDArray[np.bool_], free: Int32s, start: Int64s) -> Conditioned:
    """Return the model over the states that are alive; variables not in `free` have one such state."""
    flat = graph.flat
    demand(40 * flat.log_weights.size, f"conditioning of tables of {flat.log_weights.size} entries")
    inside = np.zeros(graph.n_variables, bool)
    inside[free] = True
    certain = np.flatnonzero(alive & ~np.repeat(inside, graph.n_states))
    only = np.zeros(graph.n_variables, np.int64)
    only[~inside] = certain - start[:-1][~inside]
    kept = inside[flat.scope]
    factor = np.repeat(np.arange(graph.n_factors), np.diff(flat.scope_start))
    steps = np.bincount(factor, flat.stride * only[flat.scope].astype(np.float64), graph.n_factors).astype(np.int64)
    base = flat.table_start[:-1] + steps
    open_factors = np.bincount(factor[kept], minlength=graph.n_factors) > 0
    constant = float(flat.log_weights[base[~open_factors]].sum())
    states = alive & np.repeat(inside, graph.n_states)
    return Conditioned(_smaller(graph, free, states, kept, base), constant, free, np.flatnonzero(states), certain, start)


def _smaller(
    graph: FactorGraph, free: Int32s, states: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_], base: Int64s
) -> FactorGraph:
    """Return the model over the variables `free` and their `states`; factor f begins at the old entry `base[f]`."""
    flat = graph.flat
    start = np.concatenate([[0], np.cumsum(graph.n_states, dtype=np.int64)])
    number = np.full(graph.n_variables, -1, np.int32)
    number[free] = np.arange(free.size, dtype=np.int32)
    places = np.flatnonzero(states)
    owner = np.repeat(np.arange(graph.n_variables), graph.n_states)[places]
    cardinality = np.bincount(owner, minlength=graph.n_variables)[free].astype(np.int32)
    factor = np.repeat(np.arange(graph.n_factors), np.diff(flat.scope_start))
    arity = np.bincount(factor[kept], minlength=graph.n_factors)
    scope_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity[arity > 0])])
    names = [graph.variables[v] for v in free.tolist()]
    layout = flat_factors(cardinality, scope_start, number[flat.scope[kept]], names)
    entries = old_entries(layout, flat.stride[kept], base[arity > 0], places - start[owner])
    labels = None
    if graph._states is not None or places.size < np.repeat(number >= 0, graph.n_states).sum():
        rows = np.split((places - start[owner]), np.cumsum(cardinality)[:-1]) if free.size else []
        labels = [[graph.labels(v)[s] for s in row.tolist()] for v, row in zip(free.tolist(), rows, strict=True)]
    return FactorGraph.from_flat(layout._replace(log_weights=flat.log_weights[entries]), names, labels)


def old_entries(layout: FlatFactors, old_stride: Int64s, base: Int64s, old_state: Int64s) -> Int64s:
    """Return where each entry of the new tables lies among the old ones; `old_state` by new state of all variables."""
    sizes = np.diff(layout.table_start)
    positions = np.repeat(base, sizes)
    within = np.arange(positions.size) - np.repeat(layout.table_start[:-1], sizes)
    first = np.cumsum(layout.cardinality, dtype=np.int64) - layout.cardinality
    arity = np.diff(layout.scope_start)
    for depth in range(int(arity.max(initial=0))):
        deep = np.flatnonzero(arity > depth)
        place = layout.scope_start[deep] + depth
        rows = slice(None) if deep.size == arity.size else np.repeat(arity > depth, sizes)
        widths = sizes[deep]
        variable = layout.scope[place]
        state = within[rows] // np.repeat(layout.stride[place], widths)
        state %= np.repeat(layout.cardinality[variable], widths)
        state = old_state[np.repeat(first[variable], widths) + state]
        positions[rows] += state * np.repeat(old_stride[place], widths)
    return positions
