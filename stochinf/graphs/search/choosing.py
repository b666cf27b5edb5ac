"""Which search suits a graph, and why."""

from __future__ import annotations

from typing import Any

from stochinf.engine.streams import entropy_of
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.search.breeding import breed_spins
from stochinf.graphs.search.budget import Budget
from stochinf.graphs.search.found import Found, nothing_to_choose
from stochinf.graphs.search.methods import LANES, default_chains
from stochinf.graphs.search.table_annealing import anneal_tables

__all__ = ["portfolio"]


def portfolio(
    graph: FactorGraph, *, time: float | None = None, sweeps: int | None = None, threads: int | None = None, rng: Any = None
) -> Found:
    """Search for the most probable state by what suits the graph, and say which and why.

    Parameters
    ----------
    graph : FactorGraph
        Without evidence.
    time : float, optional
        Seconds; 10 where neither `time` nor `sweeps` is given.
    sweeps : int, optional
        Rounds (spins) or the length of an anneal (tables); the result then depends on the seed alone.
    threads, rng
        As in `annealing`.

    Returns
    -------
    Found

    Raises
    ------
    StochinfError
        If an argument breaks a rule.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.search import portfolio
    >>> graph = si.FactorGraph.from_log_tables([2, 2, 2], [(0, 1), (1, 2), (0, 2)], [[0, 1, 1, 0]] * 3)
    >>> found = portfolio(graph, sweeps=2, rng=0)
    >>> found.log_score, found.status
    (2.0, 'heuristic')
    """
    budget, entropy = Budget(time, sweeps, threads), entropy_of(rng)
    if not graph.n_variables:
        return nothing_to_choose(graph)
    if graph.spins is None:
        answer = anneal_tables(graph, budget, entropy, LANES, 1)
        return answer._replace(reason=f"factors that are not pairwise, binary and positive: {answer.reason}")
    return breed_spins(graph, budget, entropy, default_chains(budget))
