"""Zeros: states of positive probability to start from, and what single-site moves can reach.

The work is done in `stochinf.graphs.zeros`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.naming import quote
from stochinf.graphs.zeros.blocks import joint_blocks
from stochinf.graphs.zeros.connected import Connectivity, connectivity, single_site_connected
from stochinf.graphs.zeros.contradiction import blame
from stochinf.graphs.zeros.narrowing import CONTRADICTION, STATUS, searched
from stochinf.graphs.zeros.problem import evidence_domain, root
from stochinf.graphs.zeros.starting import feasible_states

__all__ = [
    "Connectivity", "check_feasible", "check_possible", "check_solvable", "connectivity", "feasible_states", "joint_blocks",
    "single_site_connected", "violated",
]  # fmt: skip

SEARCHED = 20_000
"""Nodes of a search for a configuration where a method could do without one."""


def violated(graph: FactorGraph, states: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the factors whose weight is zero in an assignment of state indices (V,).

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.feasible import violated
    >>> violated(si.FactorGraph([2], [(0,)], [[0, 1]]), np.array([0]))
    array([0])
    """
    flat = graph.flat
    reach = np.concatenate([[0], np.cumsum(flat.stride * states[flat.scope])])
    position = flat.table_start[:-1] + reach[flat.scope_start[1:]] - reach[flat.scope_start[:-1]]
    return np.flatnonzero(np.isneginf(flat.log_weights[position]))


def check_possible(graph: FactorGraph, clamped: npt.NDArray[np.int32]) -> None:
    """Demand that no factor by itself makes the evidence impossible.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.

    Raises
    ------
    GraphError
        Naming the factor and the evidence in its scope.
    """
    if graph.positive:
        return
    flat = graph.flat
    zero = np.isneginf(flat.log_weights)
    if not zero.any():
        return
    some = np.logical_or.reduceat(zero, flat.table_start[:-1])
    factor = np.repeat(np.arange(graph.n_factors), np.diff(flat.scope_start))
    for f in np.unique(factor[(clamped[flat.scope] >= 0) & some[factor]]).tolist():
        scope = flat.scope[flat.scope_start[f] : flat.scope_start[f + 1]]
        table = flat.log_weights[flat.table_start[f] : flat.table_start[f + 1]].reshape(flat.cardinality[scope])
        left = table[tuple(slice(None) if state < 0 else state for state in clamped[scope].tolist())]
        if np.isneginf(left).all():
            observed = {graph.variables[v]: graph.labels(v)[clamped[v]] for v in scope.tolist() if clamped[v] >= 0}
            raise GraphError(f"evidence {quote(observed)} is impossible: {graph.title(f)} gives it weight 0")


def check_solvable(graph: FactorGraph, clamped: npt.NDArray[np.int32], nodes: int = SEARCHED) -> None:
    """Demand that zeros do not exclude every configuration, as far as a search of so many nodes can prove that they do.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    nodes : int
        Where they do not suffice for a proof, nothing is said.

    Raises
    ------
    GraphError
        Naming a small set of factors that contradict each other.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.feasible import check_solvable
    >>> differ = [[0, 1, 1, 0]]
    >>> check_solvable(si.FactorGraph([2, 2, 2], [(0, 1), (1, 2)], 2 * differ), np.full(3, -1, np.int32))
    >>> check_solvable(si.FactorGraph([2, 2, 2], [(0, 1), (1, 2), (2, 0)], 3 * differ), np.full(3, -1, np.int32))
    Traceback (most recent call last):
    ...
    stochinf.engine.errors.GraphError: no configuration has positive probability: factor 0 over (0, 1), factor 1 over (1, 2), \
factor 2 over (2, 0) contradict each other; change a table so that one of them allows more
    """
    if graph.positive:
        return
    supports, domain = root(graph, clamped)
    state = searched(supports, domain, nodes, np.random.SeedSequence(0))
    if state.progress[STATUS] == CONTRADICTION:
        raise blame(graph, clamped, supports, evidence_domain(supports, clamped), state)


def check_feasible(graph: FactorGraph, session: Any) -> None:
    """Demand that every chain has found a state of positive probability.

    Raises
    ------
    GraphError
        Naming a factor that is violated, how many chains are stuck, and the way out.
    """
    if graph.positive:
        return
    positions = session.positions().astype(np.int64)
    stuck = [(chain, factors) for chain, row in enumerate(positions) if (factors := violated(graph, row)).size]
    if stuck:
        chain, factors = stuck[0]
        raise GraphError(
            f"{len(stuck)} of {len(positions)} chains found no state of positive probability during warm-up: in chain {chain} "
            f"{graph.title(int(factors[0]))} has weight 0 (one of {factors.size} such factors); give more warmup, or check the "
            "evidence for contradictions"
        )
