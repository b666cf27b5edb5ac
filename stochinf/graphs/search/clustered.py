"""Parallel tempering with cluster moves as a search for the most probable state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.engine.convert import counted
from stochinf.engine.errors import GraphError, StochinfError
from stochinf.engine.session import LANES
from stochinf.engine.streams import entropy_of
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.naming import quote
from stochinf.graphs.search.budget import Budget, session_of
from stochinf.graphs.search.cluster_kernel import ClusterTempering
from stochinf.graphs.search.found import Found, found, nothing_to_choose
from stochinf.graphs.search.spin_energy import spin_energy
from stochinf.graphs.search.spin_searches import spin_range
from stochinf.graphs.targets import graph_target

__all__ = ["cluster_tempering"]

WARM = 0.3
"""Share of the rungs, from the hot end, on which clusters fill the graph and are not exchanged."""


def cluster_tempering(
    graph: FactorGraph, *, time: float | None = None, sweeps: int | None = None, rungs: int = 16, chains: int = LANES,
    threads: int | None = None, rng: Any = None,
) -> Found:  # fmt: skip
    """Search for the most probable state of spins by parallel tempering with isoenergetic cluster moves.

    Parameters
    ----------
    graph : FactorGraph
        Binary, pairwise, positive; of use where it is sparse: planar graphs and lattices.
    time : float, optional
        Seconds; 10 where neither `time` nor `sweeps` is given.
    sweeps : int, optional
        Sweeps of every lane; the result then depends on the seed alone.
    rungs : int
        Temperatures, a divisor of 64; the range is that of annealing.
    chains : int
        Lanes, a multiple of `rungs`; two ladders at least exchange clusters.
    threads, rng
        As in `annealing`.

    Returns
    -------
    Found

    Raises
    ------
    GraphError
        If the model is no spin model.
    StochinfError
        If an argument breaks a rule.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.search import cluster_tempering
    >>> graph = si.FactorGraph.from_log_tables([2, 2, 2], [(0, 1), (1, 2), (0, 2)], [[0, 1, 1, 0]] * 3)
    >>> cluster_tempering(graph, sweeps=20, rng=0).log_score
    2.0

    References
    ----------
    Zhu, Z., Ochoa, A. J. and Katzgraber, H. G. (2015). Efficient cluster algorithm for spin glasses in any space dimension.
    Physical Review Letters 115.
    """
    budget, entropy = Budget(time, sweeps, threads), entropy_of(rng)
    rungs, chains = counted("rungs", rungs, least=2), counted("chains", chains)
    if LANES % rungs or chains % rungs:
        raise StochinfError(f"rungs = {rungs} with chains = {chains}: a divisor of {LANES} and of chains is needed")
    if not graph.n_variables:
        return nothing_to_choose(graph)
    if graph.spins is None:
        raise GraphError(f"cluster_tempering: {quote(graph)} is no spin model (binary, pairwise, positive); use annealing")
    hot, cold = spin_range(spin_energy(graph), entropy)
    ladder = np.linspace(hot, max(cold, 2 * hot), rungs)
    kernel = ClusterTempering(ladder, 4, math.ceil(WARM * rungs), not graph.spins.field.any())
    session = session_of(kernel, graph_target(graph), entropy, chains)
    budget.advance(session, budget.sweeps or 1, whole=True)
    while budget.sweeps is None and budget.left > 0:
        budget.advance(session, 2**40)
    best = np.concatenate([(block.state.best.T.astype(np.int32) + 1) // 2 for block in session.blocks])
    return found(
        graph,
        best,
        f"parallel tempering with cluster moves: {chains} lanes, inverse temperature {hot:.3g} to {cold:.3g} in {rungs} rungs, "
        f"{session.total} sweeps",
    )._replace(interrupted=budget.interrupted)
