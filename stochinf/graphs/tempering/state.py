"""The state of a block of tempered lanes: each lane has an inverse temperature of its own, which it may exchange."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand

__all__ = ["LadderState", "forget", "ladder_state", "set_ladder"]

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


class LadderState(NamedTuple):
    """State of `ladders` ladders of K rungs in lanes = ladders * K lanes.

    Attributes
    ----------
    position : (V, lanes)
        float32 spins, or int32 state indices.
    stats : float64 (0, lanes)
    words : uint32 (2, lanes)
    potential, level, offset : ndarray
        Work space, as in `stochinf.graphs.lane_state.LaneState`.
    sums, squares : float32 (slots + 2 (K - 1), ladders)
        Sums of the conditionals at beta = 1, one column per ladder; then of the two terms of bridge sampling between rungs k
        and k + 1.
    shift, recent : float32 (slots + 2 (K - 1),)
        As in `LaneState`.
    beta : float32 (lanes,)
        Inverse temperature of each lane.
    ladder : float64 (K,)
        Inverse temperatures of the rungs, rising; exact in float32.
    centre : float64 (K - 1,)
        Guesses of log Z_{k+1} - log Z_k, at which bridge sampling is best.
    rung : int32 (lanes,)
        The rung a lane stands on.
    lane_at : int32 (ladders, K)
        The lane on each rung.
    score : float64 (lanes,)
        Log weight at beta = 1, as of the last swap.
    rejected : float64 (K - 1,)
        Sum of the probabilities that swaps are refused.
    tried : int64 (K - 1,)
    direction : int32 (lanes,)
        1 if a lane was last at the hot end, -1 if at the cold end, 0 if at neither so far.
    trips : int64 (ladders,)
        Round trips hot - cold - hot.
    clock : int64 (2,)
        Steps until the next swap, swaps so far.
    """

    position: npt.NDArray[Any]
    stats: Float64s
    words: npt.NDArray[np.uint32]
    potential: Float32s
    level: Float32s
    offset: Int32s
    sums: Float32s
    squares: Float32s
    shift: Float32s
    recent: Float32s
    beta: Float32s
    ladder: Float64s
    centre: Float64s
    rung: Int32s
    lane_at: Int32s
    score: Float64s
    rejected: Float64s
    tried: Int64s
    direction: Int32s
    trips: Int64s
    clock: Int64s


def ladder_state(
    start: npt.NDArray[Any], words: npt.NDArray[np.uint32], states: int, slots: int, ladder: Float64s
) -> LadderState:
    """Return the state at a starting position (V, lanes), lane l on rung l modulo K."""
    variables, lanes = start.shape
    rungs = ladder.size
    ladders = lanes // rungs
    rows = slots + 2 * (rungs - 1)
    demand(lanes * 8 * variables + 8 * rows * ladders, f"{lanes} tempered chains of {variables} variables")
    state = LadderState(
        start, np.empty((0, lanes)), words, np.empty((states, lanes), np.float32), np.empty(lanes, np.float32),
        np.empty(lanes, np.int32), np.zeros((rows, ladders), np.float32), np.zeros((rows, ladders), np.float32),
        np.zeros(rows, np.float32), np.zeros(rows, np.float32), np.empty(lanes, np.float32), np.empty(rungs),
        np.zeros(rungs - 1), np.arange(lanes, dtype=np.int32) % rungs,
        np.arange(lanes, dtype=np.int32).reshape(ladders, rungs), np.zeros(lanes), np.zeros(rungs - 1),
        np.zeros(rungs - 1, np.int64), np.zeros(lanes, np.int32), np.zeros(ladders, np.int64), np.zeros(2, np.int64),
    )  # fmt: skip
    set_ladder(state, ladder, np.zeros(rungs - 1))
    return state


def set_ladder(state: LadderState, ladder: Float64s, centre: Float64s) -> None:
    """Give the rungs new inverse temperatures, and each lane that of its rung."""
    state.ladder[:] = ladder.astype(np.float32)
    state.centre[:] = centre
    state.beta[:] = state.ladder[state.rung]


def forget(state: LadderState) -> None:
    """Forget what has been summed and counted."""
    bridges = 2 * state.centre.size
    slots = state.recent.size - bridges
    state.shift[:slots] = state.recent[:slots]
    for array in (state.sums, state.squares, state.rejected, state.tried, state.trips):
        array[:] = 0
    state.clock[1] = 0
