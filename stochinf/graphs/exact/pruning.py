"""Leave out variables that cannot matter for the partition function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import FlatFactors

__all__ = ["pruned"]

CONSTANT = 1e-13
"""Relative spread up to which sums of weights are the same."""


def pruned(graph: FactorGraph) -> tuple[FactorGraph | None, float]:
    r"""Return the graph without barren variables, and the logarithm of what they contribute; no graph where all are.

    A variable that lies in one factor alone is barren where :math:`\sum_x w(x, y)` is the same for all y: summing it out
    leaves a constant, and the factor with it. In a Bayesian network these are the unobserved leaves; others become barren
    when they are gone.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.exact.pruning import pruned
    >>> chain = si.FactorGraph([2, 2], [(0,), (0, 1)], [[0.4, 0.6], [0.1, 0.9, 0.7, 0.3]])
    >>> pruned(chain)[0], abs(pruned(chain)[1]) < 1e-12
    (None, True)

    References
    ----------
    Shachter, R. D. (1986). Evaluating influence diagrams. Operations Research 34(6): barren nodes.
    """
    flat = graph.flat
    order = np.argsort(flat.scope, kind="stable")
    owners = np.repeat(np.arange(graph.n_factors), np.diff(flat.scope_start))[order]
    first = np.concatenate([[0], np.cumsum(np.bincount(flat.scope, minlength=graph.n_variables))]).tolist()
    factors = owners.tolist()
    left = np.bincount(flat.scope, minlength=graph.n_variables).tolist()
    gone, dropped = np.zeros(graph.n_variables, bool), np.diff(flat.scope_start) == 0
    waiting = [v for v in range(graph.n_variables) if left[v] <= 1]
    constants: list[float] = flat.log_weights[flat.table_start[:-1][dropped]].tolist()
    while waiting:
        v = waiting.pop()
        mine = [f for f in factors[first[v] : first[v + 1]] if not dropped[f]]
        value = math.log(flat.cardinality[v]) if not mine else _constant_sum(flat, mine[0], v)
        if gone[v] or value is None:
            continue
        gone[v] = True
        constants.append(value)
        for f in mine:
            dropped[f] = True
            for u in flat.scope[flat.scope_start[f] : flat.scope_start[f + 1]].tolist():
                left[u] -= 1
                if left[u] <= 1 and not gone[u]:
                    waiting.append(u)
    return _without(graph, gone, dropped), math.fsum(constants)


def _constant_sum(flat: FlatFactors, f: int, v: int) -> float | None:
    """Return the logarithm of the sum over v of a table where it is the same whatever the others are, else None."""
    table = flat.log_weights[flat.table_start[f] : flat.table_start[f + 1]]
    scope = flat.scope[flat.scope_start[f] : flat.scope_start[f + 1]].tolist()
    axis = scope.index(v)
    k, stride = int(flat.cardinality[v]), int(flat.stride[flat.scope_start[f] + axis])
    top = float(table.max())
    sums = np.exp(table - top).reshape(-1, k, stride).sum(axis=1)
    highest = float(sums.max())
    return top + math.log(highest) if highest - float(sums.min()) <= CONSTANT * highest else None


def _without(graph: FactorGraph, gone: npt.NDArray[Any], dropped: npt.NDArray[Any]) -> FactorGraph | None:
    """Return the graph of the variables and factors left."""
    keep = np.flatnonzero(~gone)
    if not keep.size:
        return None
    flat = graph.flat
    left = ~dropped
    arity, sizes = np.diff(flat.scope_start), np.diff(flat.table_start)
    in_scope, in_table = np.repeat(left, arity), np.repeat(left, sizes)
    number = np.cumsum(~gone) - 1
    smaller = FlatFactors(
        flat.cardinality[keep],
        np.concatenate([[0], np.cumsum(arity[left])]),
        number[flat.scope[in_scope]].astype(np.int32),
        flat.stride[in_scope],
        np.concatenate([[0], np.cumsum(sizes[left])]),
        flat.log_weights[in_table],
    )
    return FactorGraph.from_flat(smaller, [graph.variables[v] for v in keep.tolist()])
