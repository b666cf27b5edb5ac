"""The state of message passing: messages, and the beliefs they add up to."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.memory import demand
from stochinf.graphs.variational.layout import Floats, Int32s, MessageGraph
from stochinf.graphs.zeros.supports import spans

__all__ = ["Messages", "messages_of", "refreshed"]


class Messages(NamedTuple):
    """Messages and what depends on them.

    Attributes
    ----------
    position : float64 (S,)
        Log beliefs of the variables: base, and weight times message of every factor, zeros left out.
    barred : int32 (S,)
        How many zeros each state has received.
    message, linear : float64
        Logarithms of the messages, and the messages.
    residual : float64 (F,)
        Largest change of a message entry at the last update of a factor.
    log_cavity, cavity, sums : float64 (arity, states)
        Work space.
    digit : int32 (arity,)
        Work space.
    heap, place, priority : int32 (F,), int32 (F,), float64 (F,)
        For `stochinf.graphs.variational.schedule.ByResidual`.
    """

    position: Floats
    stats: Floats
    barred: Int32s
    message: Floats
    linear: Floats
    residual: Floats
    log_cavity: Floats
    cavity: Floats
    sums: Floats
    digit: Int32s
    heap: Int32s
    place: Int32s
    priority: Floats


def messages_of(target: MessageGraph) -> Messages:
    """Return messages that say nothing."""
    n, factors = int(target.place_first[-1]), target.n_points
    arity, k = int(np.diff(target.scope_start).max(initial=1)), int(target.cardinality.max(initial=1))
    demand(24 * n + 24 * arity * k, f"messages of {factors} factors")
    return Messages(
        target.base.copy(), np.empty(0), target.barred.copy(), np.zeros(n), np.ones(n), np.full(factors, np.inf),
        np.empty((arity, k)), np.empty((arity, k)), np.empty((arity, k)), np.zeros(arity, np.int32),
        np.arange(factors, dtype=np.int32), np.arange(factors, dtype=np.int32), np.full(factors, 1e300),
    )  # fmt: skip


def refreshed(target: MessageGraph, state: Any) -> None:
    """Add the log beliefs up afresh, so that no rounding error gathers."""
    bits = spans(target.first[target.scope], target.cardinality[target.scope])
    zero = np.isneginf(state.message)
    factor = np.repeat(np.arange(target.n_points), np.diff(target.scope_start))
    weight = np.repeat(target.weight[factor], target.cardinality[target.scope])
    added = np.where(zero, 0.0, weight * np.where(zero, 0.0, state.message))
    state.position[:] = target.base + np.bincount(bits, added, target.base.size)
    state.barred[:] = target.barred + np.bincount(bits, zero, target.base.size).astype(np.int32)
