"""Loopy belief propagation."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from typing import Any

import numpy as np

from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.variational.beliefs import messages_of, refreshed
from stochinf.graphs.variational.free_energy import beliefs_of, log_partition_of
from stochinf.graphs.variational.layout import message_graph
from stochinf.graphs.variational.messages import SumProduct
from stochinf.graphs.variational.odds import SpinOdds, odds_of, odds_partition, refreshed_odds, spin_pairs
from stochinf.graphs.variational.passing import Outcome, check_passing, converge
from stochinf.graphs.variational.result import Variational

__all__ = ["belief_propagation", "pass_messages"]

DAMPINGS = (0.0, 0.5, 0.8)


def belief_propagation(
    graph: FactorGraph,
    *,
    damping: float | None = None,
    sweeps: int = 1000,
    tolerance: float = 1e-9,
    time: float | None = None,
    schedule: str = "residual",
) -> Variational:
    r"""Return beliefs by loopy belief propagation, and Bethe's approximation of log Z.

    Exact where the factors form a forest; elsewhere often close, without a guarantee. Factors over the same variables
    count as one. The equations are those of `stochinf.graphs.variational.messages`.

    Parameters
    ----------
    graph : FactorGraph
    damping : float, optional
        Share of the old message, in logarithms; by default 0, then 0.5 and 0.8 where messages do not settle.
    sweeps : int
        At most so many updates of each factor, on average.
    tolerance : float
        Converged when no message entry, the largest of each message 1, changes more.
    time : float, optional
        Stop after so many seconds.
    schedule : {"residual", "scan"}
        The factor next whose messages would change most, or factors in order.

    Returns
    -------
    Variational
        `converged` tells whether messages settled; they need not, and that is no error.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.variational import belief_propagation
    >>> chain = si.FactorGraph([2, 2, 2], [(0, 1), (1, 2), (0,)], [[3, 1, 1, 3], [2, 1, 1, 2], [1, 4]])
    >>> r = belief_propagation(chain)
    >>> r.converged, r.probabilities.round(3).tolist(), round(float(r.log_partition), 6)
    (True, [0.2, 0.8, 0.35, 0.65, 0.45, 0.55], 4.094345)

    References
    ----------
    Pearl, J. (1988). Probabilistic reasoning in intelligent systems, section 4.3.
    Yedidia, J. S., Freeman, W. T. and Weiss, Y. (2005). Constructing free-energy approximations. IEEE Trans. Inf. Theory 51(7).
    """
    check_passing(damping, sweeps, tolerance, time, schedule)
    limits = (damping, sweeps, tolerance, time, schedule)
    pairs = spin_pairs(graph.spins)
    if pairs is not None and graph.spins is not None:
        odds = odds_of(pairs)
        outcome = pass_messages(SpinOdds, pairs, odds, refreshed_odds, *limits)
        up = odds.position / (1.0 + odds.position)
        return Variational(
            np.stack([1.0 / (1.0 + odds.position), up], axis=1).ravel(),
            odds_partition(pairs, odds, graph.spins.constant),
            *outcome,
        )
    target = message_graph(graph)
    state = messages_of(target)
    outcome = pass_messages(SumProduct, target, state, refreshed, *limits)
    return Variational(beliefs_of(target, state), log_partition_of(target, state), *outcome)


def pass_messages(
    kernel: Callable[[float], Any],
    target: Any,
    state: Any,
    refresh: Callable[[Any, Any], None],
    damping: float | None,
    sweeps: int,
    tolerance: float,
    time: float | None,
    schedule: str,
    dampings: tuple[float, ...] = DAMPINGS,
) -> Outcome:
    """Run messages with one damping, or with more and more where they do not settle; return how it ended."""
    end = math.inf if time is None else clock.monotonic() + time
    tries = dampings if damping is None else (damping,)
    used = 0
    outcome = Outcome(False, 1.0, 0)
    for k, share in enumerate(tries):
        allowed = max(1, (sweeps - used) // (len(tries) - k))
        state.priority[:] = 1e300
        outcome = converge(kernel(share), target, state, refresh, allowed, tolerance, end, schedule)
        used += outcome.sweeps
        if outcome.converged or used >= sweeps:
            break
    refresh(target, state)
    return Outcome(outcome.converged, outcome.residual, used)
