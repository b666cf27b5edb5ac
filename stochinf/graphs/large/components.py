"""Many small components at once: those of equal structure are enumerated together, one component in each row of an array."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Floats, Int32s, Int64s
from stochinf.graphs.naming import quote
from stochinf.graphs.sorting import counting_argsort

__all__ = ["SmallParts", "small_parts"]

MOST_STATES = 2**10
"""Joint states of a component up to which it is enumerated."""

CELLS = 2**20
"""Numbers that an array of joint states may have."""

Unsigned = npt.NDArray[np.uint64]


class SmallParts(NamedTuple):
    """What the small components of a graph have been solved to.

    Attributes
    ----------
    variables : int32
        The variables of the components that were solved, ascending.
    probability : float64
        Of their states, variable after variable.
    log_partition : float
        Of the solved components together, with the constants of the graph.
    log_partitions : float64 (V,)
        Of each solved component, at the first of its variables; 0 elsewhere.
    components, structures : int
        Solved components, and how many kinds of them there are.
    """

    variables: Int32s
    probability: Floats
    log_partition: float
    log_partitions: Floats
    components: int
    structures: int


class _Cut(NamedTuple):
    """Variables and factors sorted by component, and their numbers inside it."""

    graph: FactorGraph
    start: Int64s
    order: Any
    local: Int64s
    factor_start: Int64s
    factor_order: Any


def small_parts(graph: FactorGraph, most_states: int = MOST_STATES) -> SmallParts:
    """Solve all components of few joint states by enumeration, those of equal structure together.

    Parameters
    ----------
    graph : FactorGraph
        Any graph without evidence; see `stochinf.graphs.conditioning.conditioned`.
    most_states : int
        Joint states that a component may have.

    Raises
    ------
    GraphError
        If the factors of a component contradict each other.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.large.components import small_parts
    >>> pairs = si.FactorGraph([2] * 6, [(0, 1), (2, 3), (4, 5)], np.arange(1, 13).reshape(3, 4))
    >>> found = small_parts(pairs)
    >>> found.components, found.structures, found.probability[:4].round(2).tolist()
    (3, 1, [0.3, 0.7, 0.4, 0.6])
    """
    cut = _cut(graph)
    state_start = np.concatenate([[0], np.cumsum(graph.n_states, dtype=np.int64)])
    probability, solved = np.zeros(int(state_start[-1])), np.zeros(graph.n_variables, bool)
    arity = np.diff(graph.flat.scope_start)
    logs = np.zeros(graph.n_variables)
    total = float(graph.log_weights[graph.flat.table_start[:-1][arity == 0]].sum())
    count = structures = 0
    for members in _alike(cut, most_states):
        first = members[0]
        variables = cut.order[cut.start[members][:, None] + np.arange(cut.start[first + 1] - cut.start[first])]
        factors = cut.factor_order[
            cut.factor_start[members][:, None] + np.arange(cut.factor_start[first + 1] - cut.factor_start[first])
        ]
        logs[variables[:, 0]] = _solve(cut, variables, factors, state_start, probability)
        solved[variables] = True
        count, structures = count + members.size, structures + 1
    chosen = np.flatnonzero(solved).astype(np.int32)
    shown = probability[np.repeat(solved, graph.n_states)]
    return SmallParts(chosen, shown, total + float(logs.sum()), logs, count, structures)


def _cut(graph: FactorGraph) -> _Cut:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    flat, n = graph.flat, graph.n_variables
    arity = np.diff(flat.scope_start)
    owner = np.repeat(np.arange(arity.size), arity)
    joined = owner[1:] == owner[:-1]
    links = (np.ones(int(joined.sum()), np.int8), (flat.scope[:-1][joined], flat.scope[1:][joined]))
    number, label = connected_components(csr_matrix(links, (n, n)), directed=False)
    start, order = counting_argsort(label, number)
    local = np.empty(n, np.int64)
    local[order] = np.arange(n) - start[label[order]]
    some = np.flatnonzero(arity)
    factor_start, inner = counting_argsort(label[flat.scope[flat.scope_start[some]]], number)
    return _Cut(graph, start, order, local, factor_start, some[inner])


def _mixed(*columns: Any) -> Unsigned:
    """Return a hash of each row of some columns of whole numbers (the finaliser of splitmix64)."""
    h = np.zeros(np.shape(columns[0]), np.uint64)
    for column in columns:
        h = (h + np.asarray(column).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        h ^= h >> np.uint64(31)
    return h


def _added(values: Unsigned, start: Int64s) -> Any:
    """Return the sums, modulo 2^64, of stretches of values."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
    return sums[start[1:]] - sums[start[:-1]]


def _alike(cut: _Cut, most_states: int) -> list[Int64s]:
    """Return the components that are small enough, by structure: equal numbers of states and equal scopes, in order."""
    flat = cut.graph.flat
    places, begins = _places(flat.scope_start, cut.factor_order)
    sizes = np.diff(begins)
    component = np.repeat(np.arange(cut.start.size - 1), np.diff(cut.factor_start))
    within = np.arange(component.size) - cut.factor_start[component]
    entries = _mixed(
        np.repeat(within, sizes), np.arange(places.size) - np.repeat(begins[:-1], sizes), cut.local[flat.scope[places]]
    )
    by_variable = _mixed(cut.local[cut.order], flat.cardinality[cut.order])
    hashes = _added(by_variable, cut.start) + _mixed(_added(entries, begins[cut.factor_start]))
    logs = np.concatenate([[0.0], np.cumsum(np.log2(flat.cardinality[cut.order]))])
    small = np.flatnonzero(logs[cut.start[1:]] - logs[cut.start[:-1]] <= np.log2(most_states) + 1e-9)
    order = np.argsort(hashes[small], kind="stable")
    ordered = small[order]
    edges = np.flatnonzero(hashes[ordered][1:] != hashes[ordered][:-1]) + 1
    groups = [group for group in np.split(ordered, edges) if group.size]
    return [piece for group in groups for piece in _verified(cut, group)]


def _verified(cut: _Cut, group: Int64s) -> list[Int64s]:
    """Return a group cut into those that are equal: hashes alone could lie."""
    pieces = []
    while group.size:
        alike = _equal_to_first(cut, group)
        pieces.append(group[alike])
        group = group[~alike]
    return pieces


def _equal_to_first(cut: _Cut, group: Int64s) -> Any:
    flat, first = cut.graph.flat, group[0]
    variables, factors = np.diff(cut.start), np.diff(cut.factor_start)
    alike = (variables[group] == variables[first]) & (factors[group] == factors[first])
    chosen = group[alike]
    rows = cut.order[cut.start[chosen][:, None] + np.arange(variables[first])]
    same = (flat.cardinality[rows] == flat.cardinality[rows[0]]).all(axis=1)
    rows = cut.factor_order[cut.factor_start[chosen][:, None] + np.arange(factors[first])]
    arity = np.diff(flat.scope_start)[rows]
    same &= (arity == arity[0]).all(axis=1)
    for f in range(rows.shape[1]):
        scope = cut.local[
            flat.scope[np.minimum(flat.scope_start[rows[:, f]][:, None] + np.arange(arity[0, f]), flat.scope.size - 1)]
        ]
        same &= (scope == scope[0]).all(axis=1)
    alike[alike] = same
    return alike


def _places(start: Int64s, order: Any) -> tuple[Int64s, Int64s]:
    """Return the places of rows taken in another order, and where the rows then begin."""
    sizes = np.diff(start)[order]
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    return np.repeat(start[order] - begins[:-1], sizes) + np.arange(begins[-1]), begins


def _solve(cut: _Cut, variables: Any, factors: Any, state_start: Int64s, out: Floats) -> Floats:
    """Write the probabilities of components of one structure, rows of variables and factors; return the log Z of each."""
    flat = cut.graph.flat
    counts = flat.cardinality[variables[0]]
    states = np.indices(counts).reshape(counts.size, -1)
    shown = np.concatenate([states[v] == s for v, k in enumerate(counts.tolist()) for s in range(k)]).reshape(-1, states.shape[1])
    slots = np.concatenate([np.arange(k) for k in counts.tolist()])
    owners = np.repeat(np.arange(counts.size), counts)
    logs, step = np.empty(len(variables)), max(1, CELLS // states.shape[1])
    for begin in range(0, len(variables), step):
        rows, chosen = variables[begin : begin + step], factors[begin : begin + step]
        scores = _scores(cut, chosen, states, len(rows))
        highest = scores.max(axis=1)
        if (highest == -np.inf).any():
            node = cut.graph.variables[rows[int(np.argmin(highest))][0]]
            raise GraphError(f"the factors of the component of variable {quote(node)} contradict each other")
        weights = np.exp(scores - highest[:, None])
        sums = weights.sum(axis=1)
        logs[begin : begin + step] = highest + np.log(sums)
        out[state_start[rows][:, owners] + slots] = weights @ shown.T.astype(np.float64) / sums[:, None]
    return logs


def _scores(cut: _Cut, factors: Any, states: Any, rows: int) -> Floats:
    """Return the log weights (components, joint states)."""
    flat = cut.graph.flat
    scores = np.zeros((rows, states.shape[1]))
    for f in range(factors.shape[1]):
        first, last = flat.scope_start[factors[0, f]], flat.scope_start[factors[0, f] + 1]
        entry = flat.stride[first:last] @ states[cut.local[flat.scope[first:last]]]
        scores += flat.log_weights[flat.table_start[factors[:, f]][:, None] + entry]
    return scores
