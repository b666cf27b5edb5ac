"""Which search suits a graph, and why."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.engine.streams import entropy_of
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.search.breeding import breed_spins
from stochinf.graphs.search.budget import Budget
from stochinf.graphs.search.found import Found, nothing_to_choose
from stochinf.graphs.search.methods import LANES, default_chains
from stochinf.graphs.search.table_annealing import anneal_tables

__all__ = ["portfolio"]

MESSAGES = 0.2
"""Share of the time that max-product messages may take."""

SHORTEST = 1e-3
"""Seconds that they get at least."""

TOLERANCE = 1e-9
"""How close, relative to the score, a bound must be to count as met."""


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
    first = messages(graph, budget, entropy)
    if first is not None and first.status == "optimal":
        return first
    if graph.spins is not None:
        best = better(first, breed_spins(graph, budget, entropy, default_chains(budget)))
    else:
        best = better(first, anneal_tables(graph, budget.part(0.5), entropy, LANES, 1))
        if not budget.interrupted:
            best = better(best, anneal_tables(graph, budget, entropy + 1, LANES, 1, best.states, mild=True))
    return best._replace(interrupted=budget.interrupted)


def messages(graph: FactorGraph, budget: Budget, entropy: int) -> Found | None:
    """Return what max-product messages decode to, with a bound; nothing for spins without field, whose bound is idle."""
    from stochinf.graphs.variational import max_product

    if graph.spins is not None and not graph.spins.field.any():
        return None
    limit = None if math.isinf(budget.left) else max(MESSAGES * budget.left, SHORTEST)
    states, score, bound = max_product(graph, time=limit, rng=entropy)
    proven = bound <= score + TOLERANCE * max(1.0, abs(score))
    why = "max-product messages, whose dual bound is met" if proven else "max-product messages"
    return Found(states, score, bound, "optimal" if proven else "heuristic", why)


def better(first: Found | None, second: Found) -> Found:
    """Return the better of two answers, the first where they are equal, with what is known of the bound and how both went."""
    if first is None:
        return second
    best = second if second.log_score > first.log_score else first
    bound = float(np.fmin(first.bound, second.bound))
    met = bound <= best.log_score + TOLERANCE * max(1.0, abs(best.log_score))
    return best._replace(
        bound=bound, status="optimal" if met else "heuristic",
        reason=f"{_told(first, best)}; {_told(second, best)}",
    )  # fmt: skip


def _told(one: Found, best: Found) -> str:
    """Return how a search went, and how far it fell short of the best."""
    short = best.log_score - one.log_score
    return f"{one.reason} ({short:.6g} below)" if short > 0 else one.reason
