"""The searches for the most probable state, by name."""

from __future__ import annotations

from typing import Any

from stochinf.engine.convert import counted
from stochinf.engine.errors import GraphError
from stochinf.engine.streams import entropy_of
from stochinf.engine.threads import processors
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.naming import quote
from stochinf.graphs.search.budget import Budget
from stochinf.graphs.search.found import Found, nothing_to_choose
from stochinf.graphs.search.spin_searches import anneal_spins, descend_spins, tabu_spins
from stochinf.graphs.search.table_annealing import anneal_tables
from stochinf.graphs.search.table_descent import descend_tables

__all__ = ["annealing", "iterated_conditional_modes", "tabu"]

LANES = 64
"""Chains that anneal a factor graph of tables side by side."""


def annealing(
    graph: FactorGraph, *, time: float | None = None, sweeps: int | None = None, restarts: int = 1, chains: int | None = None,
    threads: int | None = None, rng: Any = None, start: Any = None,
) -> Found:  # fmt: skip
    r"""Search for the most probable state by simulated annealing.

    Spins (binary, pairwise, positive models) are annealed by Metropolis sweeps with gains kept up to date in whole numbers;
    any other model by Gibbs sampling in 64 lanes. The inverse temperature runs over a range computed from the model
    (`stochinf.graphs.search.temperatures`). The best state seen is kept.

    Parameters
    ----------
    graph : FactorGraph
        Without evidence; see `stochinf.graphs.conditioning.conditioned`.
    time : float, optional
        Seconds; anneals of growing length until time is up. 10 where neither `time` nor `sweeps` is given.
    sweeps : int, optional
        Length of an anneal; the result then depends on the seed alone.
    restarts : int
        Anneals one after the other, with `sweeps`.
    chains : int, optional
        Independent chains: for spins as many as threads where `time` is given, else 1; for tables 64.
    threads : int, optional
    rng : int, SeedSequence, Generator or None
    start : int (V,), optional
        State indices to count among those seen.

    Returns
    -------
    Found
        States, log score, and how it went.

    Raises
    ------
    StochinfError
        If an argument breaks a rule.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.search import annealing
    >>> graph = si.FactorGraph.from_log_tables([2, 2, 2], [(0, 1), (1, 2), (0, 2)], [[0, 1, 1, 0]] * 3)
    >>> annealing(graph, sweeps=20, rng=0).log_score
    2.0

    References
    ----------
    Kirkpatrick, S., Gelatt, C. D. and Vecchi, M. P. (1983). Optimization by simulated annealing. Science 220.
    """
    budget, entropy = Budget(time, sweeps, threads), entropy_of(rng)
    restarts = counted("restarts", restarts)
    if not graph.n_variables:
        return nothing_to_choose(graph)
    if graph.spins is None:
        return anneal_tables(graph, budget, entropy, chains or LANES, restarts, start)._replace(interrupted=budget.interrupted)
    return anneal_spins(graph, budget, entropy, chains or default_chains(budget), restarts, start)._replace(
        interrupted=budget.interrupted
    )


def tabu(
    graph: FactorGraph, *, time: float | None = None, moves: int | None = None, patience: int = 0, chains: int | None = None,
    threads: int | None = None, rng: Any = None, start: Any = None,
) -> Found:  # fmt: skip
    """Search for the most probable state of a spin model by tabu search.

    Parameters
    ----------
    graph : FactorGraph
        Binary, pairwise, positive.
    time : float, optional
        Seconds.
    moves : int, optional
        Moves of each chain; the result then depends on the seed alone.
    patience : int
        Moves without a new best before a walk is shaken; 0 takes 20 V.
    chains, threads, rng, start
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
    >>> from stochinf.graphs.search import tabu
    >>> graph = si.FactorGraph.from_log_tables([2, 2, 2], [(0, 1), (1, 2), (0, 2)], [[0, 1, 1, 0]] * 3)
    >>> tabu(graph, moves=50, rng=0).log_score
    2.0

    References
    ----------
    Glover, Kochenberger and Alidaee (1998); Palubeckis (2006); see `stochinf.graphs.search.spin_tabu`.
    """
    budget, entropy = Budget(time, moves, threads), entropy_of(rng)
    if not graph.n_variables:
        return nothing_to_choose(graph)
    if graph.spins is None:
        raise GraphError(
            f"tabu: {quote(graph)} is no spin model (binary, pairwise, positive); use annealing, which takes any graph"
        )
    return tabu_spins(graph, budget, entropy, chains or default_chains(budget), patience, start)._replace(
        interrupted=budget.interrupted
    )


def iterated_conditional_modes(
    graph: FactorGraph, *, time: float | None = None, sweeps: int | None = None, chains: int | None = None,
    threads: int | None = None, rng: Any = None,
) -> Found:  # fmt: skip
    """Search for the most probable state by coordinate ascent from random states.

    Parameters
    ----------
    graph : FactorGraph
    time : float, optional
        Seconds.
    sweeps : int, optional
        Sweeps of each chain, restarts included.
    chains, threads, rng
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
    >>> from stochinf.graphs.search import iterated_conditional_modes
    >>> graph = si.FactorGraph([3, 2], [(0,), (0, 1)], [[1, 2, 4], [1, 2, 3, 4, 5, 6]])
    >>> iterated_conditional_modes(graph, sweeps=20, rng=0).states.tolist()
    [2, 1]

    References
    ----------
    Besag, J. (1986). On the statistical analysis of dirty pictures. JRSS B 48(3), section 2.5.
    """
    budget, entropy = Budget(time, sweeps, threads), entropy_of(rng)
    if not graph.n_variables:
        return nothing_to_choose(graph)
    if graph.spins is None:
        return descend_tables(graph, budget, entropy, chains or LANES)._replace(interrupted=budget.interrupted)
    return descend_spins(graph, budget, entropy, chains or default_chains(budget))._replace(interrupted=budget.interrupted)


def default_chains(budget: Budget) -> int:
    """Return one chain for each thread where the clock ends the search, else 1, whatever the machine."""
    return 1 if budget.sweeps is not None else budget.controls.threads or processors()
