"""Factor graphs of tables: the state of a block of lanes, and the gain of every move by looking it up."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.graphs.lane_state import lane_state, starting_states
from stochinf.graphs.table_gibbs import add_conditionals, exponentiate, log_weights
from stochinf.graphs.targets import TableGraph

__all__ = ["InformedState", "add_tables", "all_gains", "all_moves", "informed_state", "score_change"]

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]


class InformedState(NamedTuple):
    """State of a block of lanes.

    Attributes
    ----------
    position, trial : int32 (V, lanes)
        State indices, and those proposed.
    gains, trial_gains : float32 (moves, lanes)
        By how much each state of each free variable would change the log weight, at both.
    score : float64 (lanes,)
        By how much the log weight of what is proposed is higher.
    stats : float64 (1, lanes)
        Acceptance rate of the last step.
    words, potential, level, offset, sums, squares, shift, recent
        As in `stochinf.graphs.lane_state.LaneState`.
    total, most : float32 (lanes,), chosen : int32 (lanes,), ratio : float64 (lanes,)
        Work space.
    step : float64 (3,)
        Logarithm of the step size; 1 while it adapts; steps adapted.
    """

    position: Int32s
    trial: Int32s
    gains: Float32s
    trial_gains: Float32s
    score: npt.NDArray[np.float64]
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    potential: Float32s
    level: Float32s
    offset: Int32s
    total: Float32s
    most: Float32s
    chosen: Int32s
    ratio: npt.NDArray[np.float64]
    step: npt.NDArray[np.float64]
    sums: Float32s
    squares: Float32s
    shift: Float32s
    recent: Float32s


def all_moves(target: TableGraph) -> tuple[Int32s, Int32s, Int32s]:
    """Return the moves: where those of each point begin (n + 1,), and variable and state of each (moves,).

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.gradient.table_state import all_moves
    >>> [a.tolist() for a in all_moves(si.FactorGraph([2, 3], [(0, 1)], [[1] * 5 + [2]]).as_target())]
    [[0, 2, 5], [0, 0, 1, 1, 1], [0, 1, 0, 1, 2]]
    """
    states = target.cardinality[target.free]
    begin = np.concatenate([[0], np.cumsum(states)]).astype(np.int32)
    state = np.arange(begin[-1]) - np.repeat(begin[:-1], states)
    return begin, np.repeat(target.free, states), state.astype(np.int32)


def informed_state(
    target: TableGraph, moves: int, position: npt.NDArray[Any] | None, streams: Any, sums: bool, step: tuple[float, bool]
) -> InformedState:
    """Return the state with states drawn uniformly, or as given, and a step size that adapts or not."""
    states = np.ascontiguousarray(starting_states(target, position, streams), dtype=np.int32)
    lanes = states.shape[1]
    demand(8 * moves * lanes, f"gains of {moves} moves in {lanes} chains")
    slots = int(target.first_slot[-1]) if sums else 0
    plain = lane_state(states, streams.lane_words(), int(target.cardinality.max(initial=1)), slots)
    return InformedState(
        states, states.copy(), np.zeros((moves, lanes), np.float32), np.zeros((moves, lanes), np.float32), np.zeros(lanes),
        np.zeros((1, lanes)), plain.words, plain.potential, plain.level, plain.offset,
        np.zeros(lanes, np.float32), np.zeros(lanes, np.float32), np.zeros(lanes, np.int32), np.zeros(lanes),
        np.array([np.log(step[0]), float(step[1]), 0.0]), plain.sums, plain.squares, plain.shift, plain.recent,
    )  # fmt: skip


@helper(reorder=True)
def all_gains(target: Any, state: Any, begin: Any, states: Any, out: Any) -> None:
    """Write the gain of every state of every free variable over its present one."""
    for point in range(target.free.size):
        i = target.free[point]
        log_weights(target, states, i, state.offset, state.potential)
        for l in range(state.level.size):
            state.level[l] = np.float32(0.0)
        for row in range(target.cardinality[i]):
            s = np.int32(row)
            for l in range(state.level.size):
                state.level[l] += state.potential[row, l] if states[i, l] == s else np.float32(0.0)
        for row in range(target.cardinality[i]):
            for l in range(state.level.size):
                out[begin[point] + row, l] = state.potential[row, l] - state.level[l]


@helper(reorder=True)
def score_change(target: Any, state: Any, out: Any) -> None:
    """Write by how much the log weight of what is proposed exceeds that of the position, in every lane, factor by factor."""
    lanes = out.size
    for l in range(lanes):
        out[l] = 0.0
    for f in range(target.scope_start.size - 1):
        for l in range(lanes):
            state.offset[l] = target.table_start[f]
            state.chosen[l] = target.table_start[f]
        for q in range(target.scope_start[f], target.scope_start[f + 1]):
            j = target.scope[q]
            w = target.stride[q]
            for l in range(lanes):
                state.offset[l] = np.int32(state.offset[l] + w * state.position[j, l])
                state.chosen[l] = np.int32(state.chosen[l] + w * state.trial[j, l])
        for l in range(lanes):
            out[l] += np.float64(target.log_tables[state.chosen[l]] - target.log_tables[state.offset[l]])


@helper(reorder=True)
def add_tables(target: Any, state: Any, begin: Any, rate: float) -> None:
    """Add the conditional of every free variable, which its gains give."""
    for point in range(target.free.size):
        i = target.free[point]
        k = target.cardinality[i]
        for row in range(k):
            for l in range(state.level.size):
                state.potential[row, l] = state.gains[begin[point] + row, l]
        exponentiate(k, rate, state.level, state.potential)
        add_conditionals(target, state, i)
