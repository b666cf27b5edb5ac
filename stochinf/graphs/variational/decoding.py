"""The most probable state by max-product messages, with a certified upper bound from the dual."""

from __future__ import annotations

import math
import time as clock
from typing import Any

import numpy as np

from stochinf.engine.block import Block, advance
from stochinf.engine.errors import GraphError
from stochinf.engine.observers import Nothing
from stochinf.engine.pickers import Scan
from stochinf.engine.rates import Constant
from stochinf.engine.streams import Streams
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import feasible_states
from stochinf.graphs.flat import Int32s
from stochinf.graphs.search.found import scores_of
from stochinf.graphs.search.modes import IteratedModes
from stochinf.graphs.targets import table_target
from stochinf.graphs.variational.beliefs import Messages, messages_of, refreshed
from stochinf.graphs.variational.free_energy import groups
from stochinf.graphs.variational.layout import Floats, MessageGraph, message_graph
from stochinf.graphs.variational.max_messages import Assignment, Decode, Dual, DualDescent, MaxProduct
from stochinf.graphs.variational.passing import check_passing, converge, run_sweeps
from stochinf.graphs.zeros.supports import spans

__all__ = ["dual_bound", "max_product"]

LANES = 8
IMPROVING = 50
SMALLEST_STEP = 1e-9


def max_product(
    graph: FactorGraph,
    *,
    damping: float = 0.5,
    sweeps: int = 500,
    tolerance: float = 1e-9,
    time: float | None = None,
    rng: Any = 0,
) -> tuple[Int32s, float, float]:
    """Return a configuration of high probability, its log score, and an upper bound on the best log score.

    Damped max-product messages are decoded a variable at a time, each given those before it; so are the messages of the dual,
    whose value at any time is a certified bound (`stochinf.graphs.variational.max_messages`). The decoded and a few possible
    configurations are improved by changing one variable at a time. Where score and bound meet, the configuration is proved
    to be the most probable. On forests they do.

    Parameters
    ----------
    graph : FactorGraph
    damping, sweeps, tolerance, time
        As in `belief_propagation`; half of the time is for the messages, half for the dual.
    rng : int, SeedSequence, Generator or None
        For starts of the improvement.

    Returns
    -------
    states : int32 (V,)
    log_score : float
    bound : float

    Raises
    ------
    GraphError
        If no configuration is possible.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.variational import max_product
    >>> chain = si.FactorGraph([2, 2, 2], [(0, 1), (1, 2), (0,)], [[3, 1, 1, 3], [2, 1, 1, 2], [1, 4]])
    >>> states, score, bound = max_product(chain)
    >>> states.tolist(), bool(abs(bound - score) < 1e-9)
    ([1, 1, 1], True)

    References
    ----------
    Globerson, A. and Jaakkola, T. (2007). Fixing max-product: convergent message passing algorithms for MAP LP-relaxations. NIPS.
    """
    check_passing(damping, sweeps, tolerance, time)
    now = clock.monotonic()
    half, end = (math.inf, math.inf) if time is None else (now + time / 2, now + time)
    target = message_graph(graph)
    if not target.cardinality.size:
        return np.empty(0, np.int32), target.constant, target.constant
    starts = feasible_states(graph, None, LANES, rng)
    state = messages_of(target)
    converge(MaxProduct(damping), target, state, refreshed, sweeps, tolerance, half, "scan")
    refreshed(target, state)
    starts[:, 0] = decoded(target, state)
    dual, bound = descended(target, sweeps, end)
    starts[:, 1] = decoded(target, _as_messages(target, dual, state))
    starts[:, 2] = _largest(target, dual.position)
    states, score = improved(graph, starts)
    if not math.isfinite(score):
        raise GraphError("max-product: no possible configuration was found near the decoded ones; use another method")
    return states, score, max(bound, score)


def decoded(target: MessageGraph, state: Messages) -> Int32s:
    """Return the states chosen one variable at a time."""
    n = target.cardinality.size
    chosen = np.full(n, -1, np.int32)
    work = Assignment(
        state.position, np.empty(0), state.barred, state.message, state.log_cavity, state.sums, state.digit, chosen,
        np.zeros(int(target.cardinality.max())),
    )  # fmt: skip
    run_sweeps(Decode(), target, work, 1, n)
    return chosen


def descended(target: MessageGraph, sweeps: int, end: float) -> tuple[Dual, float]:
    """Return the dual variables, and the dual's value."""
    finite = floored(target)
    state = Dual(
        finite.base.copy(), np.empty(0), np.zeros(int(target.place_first[-1])),
        np.zeros((int(np.diff(target.scope_start).max(initial=1)), int(target.cardinality.max()))),
        np.zeros(int(np.diff(target.scope_start).max(initial=1)), np.int32),
    )  # fmt: skip
    bound = dual_bound(finite, state)
    done = 0
    while target.n_points and done < sweeps and clock.monotonic() < end:
        run_sweeps(DualDescent(), finite, state, min(10, sweeps - done))
        done += 10
        state.position[:] = finite.base + _gathered(finite, state.delta)
        value = dual_bound(finite, state)
        if bound - value < SMALLEST_STEP * max(1.0, abs(value)):
            return state, min(bound, value)
        bound = value
    return state, bound


def floored(target: MessageGraph) -> MessageGraph:
    """Return log weights without -inf: a number so low that nothing impossible wins. A bound for these is one for those."""
    finite = target.log_table[np.isfinite(target.log_table)]
    lows = np.where(np.isfinite(target.log_table), target.log_table, 0.0)
    depth = -(np.minimum.reduceat(lows, target.table_start[:-1]).sum() if target.n_points else 0.0) - target.base.min(initial=0.0)
    floor = -max(min(2 * depth + 100.0, 1e7), -2 * float(finite.min(initial=0.0)))
    log_table = np.maximum(target.log_table, floor)
    return target._replace(log_table=log_table, base=target.base + np.where(target.barred > 0, floor, 0.0))


def dual_bound(target: MessageGraph, state: Dual) -> float:
    """Return the dual's value: no log score is higher."""
    total = target.constant + float(np.maximum.reduceat(state.position, target.first[:-1]).sum())
    for group in groups(target):
        first = int(target.scope_start[group[0]])
        arity = int(target.scope_start[group[0] + 1]) - first
        shape = target.cardinality[target.scope[first : first + arity]].tolist()
        table = target.log_table[spans(target.table_start[group], np.diff(target.table_start)[group])].reshape(-1, *shape)
        for a in range(arity):
            place = target.scope_start[group] + a
            own = state.delta[spans(target.place_first[place], target.cardinality[target.scope[place]])]
            table = table - own.reshape(-1, *(shape[a] if b == a else 1 for b in range(arity)))
        total += float(table.reshape(len(group), -1).max(axis=1).sum())
    return total


def _gathered(target: MessageGraph, numbers: Floats) -> Floats:
    """Add numbers by place and state up by variable and state."""
    bits = spans(target.first[target.scope], target.cardinality[target.scope])
    return np.bincount(bits, numbers, target.base.size).astype(np.float64)


def _as_messages(target: MessageGraph, dual: Dual, state: Messages) -> Messages:
    """Return messages whose cavities are the dual's."""
    state.message[:] = dual.delta
    state.barred[:] = target.barred
    state.position[:] = target.base + _gathered(target, dual.delta)
    return state


def _largest(target: MessageGraph, beliefs: Floats) -> Int32s:
    """Return the state of the largest belief of each variable."""
    order = np.lexsort((-beliefs, np.repeat(np.arange(target.cardinality.size), target.cardinality)))
    return (order[target.first[:-1]] - target.first[:-1]).astype(np.int32)


def improved(graph: FactorGraph, starts: Int32s) -> tuple[Int32s, float]:
    """Change one variable at a time in each of several configurations (V, n); return the best, and its log score."""
    target = table_target(graph)
    streams = Streams(0, 0, starts.shape[1])
    kernel = IteratedModes()
    state = kernel.init(target, starts.T, streams)
    block = Block(
        kernel, target, Scan(target.n_points), Constant(), Nothing(), state, streams.stream("picker"), streams.stream("kernel"),
        starts.shape[1],
    )  # fmt: skip
    for _ in range(IMPROVING):
        before = state.position.copy()
        advance(block, target.n_points)
        if (before == state.position).all():
            break
    rows = np.concatenate([state.position.T, starts.T])
    scores = scores_of(graph, rows)
    best = int(np.argmax(scores))
    return rows[best].astype(np.int32), float(scores[best])
