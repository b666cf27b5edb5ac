"""Order in memory: variables that share a factor lie close to each other, so that a sweep finds them in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import FlatFactors, Int64s
from stochinf.graphs.naming import quote
from stochinf.graphs.sorting import counting_argsort

__all__ = ["locality_order", "reordered"]


def locality_order(graph: FactorGraph) -> npt.NDArray[np.int64]:
    """Return the numbers of the variables in an order in which neighbours are close: reverse Cuthill-McKee.

    It goes through each component in breadth, from a variable of low degree on, and takes time linear in the edges. Variables
    of a wide factor count as a chain.

    Parameters
    ----------
    graph : FactorGraph
        Any graph.

    Returns
    -------
    int64 (V,)
        A permutation.

    References
    ----------
    Cuthill, E. and McKee, J. (1969). Reducing the bandwidth of sparse symmetric matrices. Proc. 24th ACM national conference.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.large.locality import locality_order
    >>> path = si.FactorGraph([2] * 4, [(0, 2), (2, 1), (1, 3)], [[2, 1, 1, 2]] * 3)
    >>> locality_order(path).tolist() in ([0, 2, 1, 3], [3, 1, 2, 0])
    True
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    flat = graph.flat
    inner = np.ones(max(0, flat.scope.size - 1), bool)
    inner[(flat.scope_start[(flat.scope_start > 0) & (flat.scope_start < flat.scope.size)] - 1)] = False
    left, right = flat.scope[:-1][inner], flat.scope[1:][inner]
    ends, others = np.concatenate([left, right]), np.concatenate([right, left])
    links = csr_matrix((np.ones(ends.size, np.int8), (ends, others)), (graph.n_variables, graph.n_variables))
    return reverse_cuthill_mckee(links, symmetric_mode=True).astype(np.int64)


def reordered(graph: FactorGraph, order: npt.ArrayLike | None = None) -> FactorGraph:
    """Return the same distribution with variables, and factors after them, in another order in memory; names stay.

    Parameters
    ----------
    graph : FactorGraph
        Any graph; without names of their own, variables keep their numbers as names.
    order : int (V,), optional
        A permutation of the variables' numbers; `locality_order(graph)` where none is given.

    Returns
    -------
    FactorGraph
        Whose variables are ``[graph.variables[i] for i in order]``.

    Raises
    ------
    GraphError
        If the order is no permutation.

    Examples
    --------
    >>> import stochinf as si
    >>> graph = si.FactorGraph([2, 2, 2], [("a", "c"), ("c", "b")], [[2, 1, 1, 2]] * 2, names=["a", "b", "c"])
    >>> si.graphs.reordered(graph, [0, 2, 1]).variables
    ['a', 'c', 'b']
    """
    chosen = locality_order(graph) if order is None else np.asarray(order)
    n = graph.n_variables
    if chosen.shape != (n,) or chosen.dtype.kind not in "iu" or (np.sort(chosen) != np.arange(n)).any():
        raise GraphError(f"order = {quote(order)}: each of the numbers 0 to {n - 1} is needed once")
    rank = np.empty(n, np.int64)
    rank[chosen] = np.arange(n)
    flat = graph.flat
    arity = np.diff(flat.scope_start)
    lowest = np.zeros(graph.n_factors, np.int64)
    some = np.flatnonzero(arity)
    scope = rank[flat.scope]
    lowest[some] = np.minimum.reduceat(scope, flat.scope_start[some]) if some.size else lowest[some]
    factors = counting_argsort(lowest, max(1, n))[1].astype(np.int64)
    taken, scope_start = _rows(flat.scope_start, factors)
    entries, table_start = _rows(flat.table_start, factors)
    moved = FlatFactors(
        flat.cardinality[chosen], scope_start, scope[taken].astype(np.int32), flat.stride[taken], table_start,
        flat.log_weights[entries],
    )  # fmt: skip
    labels: Any = None if graph._states is None else [graph.labels(i) for i in chosen.tolist()]
    child = None if graph.child is None else rank[graph.child][factors].astype(np.int32)
    return FactorGraph.from_flat(moved, [graph.variables[i] for i in chosen.tolist()], labels, child=child)


def _rows(start: Int64s, order: Int64s) -> tuple[Any, Int64s]:
    """Return the places of rows taken in another order, and where the rows then begin."""
    sizes = np.diff(start)[order]
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    if sizes.size and (sizes == sizes[0]).all():
        return (start[order][:, None] + np.arange(sizes[0])).reshape(-1), begins
    return np.repeat(start[order] - begins[:-1], sizes) + np.arange(begins[-1]), begins
