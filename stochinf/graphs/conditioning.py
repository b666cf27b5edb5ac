"""A model given evidence, as a smaller model; and the parts of a model that have nothing to do with each other.

Observed variables leave every scope and their tables keep the entries that agree with what was observed,

    p(x_free | x_observed) = (1 / Z) prod_f w_f(x_free, x_observed),

so that exact and variational methods, which see no evidence, work on the model of the free variables alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import FlatFactors, Floats, Int32s, Int64s, flat_factors

__all__ = ["Conditioned", "components", "conditioned", "restricted", "spread"]


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
    """

    graph: FactorGraph
    constant: float
    free: Int32s


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
    flat = graph.flat
    free = np.flatnonzero(clamped < 0).astype(np.int32)
    demand(40 * flat.log_weights.size, f"conditioning of tables of {flat.log_weights.size} entries")
    observed = clamped[flat.scope] >= 0
    factor = np.repeat(np.arange(graph.n_factors), np.diff(flat.scope_start))
    offset = np.bincount(
        factor[observed], flat.stride[observed] * clamped[flat.scope[observed]].astype(np.float64), graph.n_factors
    ).astype(np.int64)
    arity = np.bincount(factor[~observed], minlength=graph.n_factors)
    return _left(graph, free, flat.table_start[:-1] + offset, arity, ~observed)


def restricted(graph: FactorGraph, variables: Int32s) -> FactorGraph:
    """Return the model of some variables that share no factor with the others: one or more components.

    Factors over no variable are left out.
    """
    flat = graph.flat
    inside = np.zeros(graph.n_variables, bool)
    inside[variables] = True
    factor = np.repeat(np.arange(graph.n_factors), np.diff(flat.scope_start))
    kept = inside[flat.scope]
    arity = np.bincount(factor[kept], minlength=graph.n_factors)
    return _left(graph, variables, flat.table_start[:-1], arity, kept, constants=False).graph


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


def _left(
    graph: FactorGraph, free: Int32s, base: Int64s, arity: Int64s, kept: npt.NDArray[np.bool_], constants: bool = True
) -> Conditioned:
    """Return the model over `free`, whose factor f keeps `arity[f]` variables and begins at the old entry `base[f]`."""
    flat = graph.flat
    number = np.full(graph.n_variables, -1, np.int32)
    number[free] = np.arange(free.size, dtype=np.int32)
    constant = float(flat.log_weights[base[arity == 0]].sum()) if constants else 0.0
    names = [graph.variables[v] for v in free.tolist()]
    scope_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity[arity > 0])])
    layout = flat_factors(flat.cardinality[free], scope_start, number[flat.scope[kept]], names)
    entries = _entries(layout, flat.stride[kept], base[arity > 0])
    labels = None if graph._states is None else [graph.labels(v) for v in free.tolist()]
    smaller = FactorGraph.from_flat(layout._replace(log_weights=flat.log_weights[entries]), names, labels)
    return Conditioned(smaller, constant, free)


def _entries(layout: FlatFactors, old_stride: Int64s, base: Int64s) -> Int64s:
    """Return where each entry of the new tables lies among the old ones."""
    sizes = np.diff(layout.table_start)
    positions = np.repeat(base, sizes)
    within = np.arange(positions.size) - np.repeat(layout.table_start[:-1], sizes)
    arity = np.diff(layout.scope_start)
    for depth in range(int(arity.max(initial=0))):
        deep = np.flatnonzero(arity > depth)
        place = layout.scope_start[deep] + depth
        rows = slice(None) if deep.size == arity.size else np.repeat(arity > depth, sizes)
        widths = sizes[deep]
        state = within[rows] // np.repeat(layout.stride[place], widths)
        state %= np.repeat(layout.cardinality[layout.scope[place]], widths)
        positions[rows] += state * np.repeat(old_stride[place], widths)
    return positions


def spread(cardinality: Int32s, clamped: Int32s, free: Int32s, probabilities: Floats, observed: float = 1.0) -> Floats:
    """Return numbers by state of all variables from those of the free ones; an observed state has `observed`, the others 0."""
    start = np.concatenate([[0], np.cumsum(cardinality, dtype=np.int64)])
    flat = np.zeros(int(start[-1]))
    fixed = np.flatnonzero(clamped >= 0)
    flat[start[fixed] + clamped[fixed]] = observed
    sizes = cardinality[free]
    within = np.arange(probabilities.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    flat[np.repeat(start[free], sizes) + within] = probabilities
    return flat
