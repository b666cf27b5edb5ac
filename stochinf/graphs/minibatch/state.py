"""The state of a minibatch sampler of spins: bytes for spins, and what its chains believe their energy to be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.graphs.lane_state import lane_state, starting_states
from stochinf.graphs.targets import SpinGraph

__all__ = ["STAGED", "MinibatchState", "add_level", "due", "minibatch_state", "spin_position"]

STAGED = 16
"""Candidates of a lane that are looked up together with those of the other lanes."""

Float32s = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


class MinibatchState(NamedTuple):
    """State of a block of lanes; as `stochinf.graphs.lane_state.LaneState`, with more besides.

    Attributes
    ----------
    position : int8 (V, lanes)
        Spins.
    estimate : float64 (lanes,)
        Estimated log weight of the present configuration, of the couplings alone; not used by `PoissonGibbs`.
    warmth : float64 (1,)
        Inverse temperature that the estimates were made for; NaN before there are any.
    estimates : float64 (states, lanes), proposed : int32 (1, lanes), places : int64, lows, staged : int32 (16, lanes)
    chances : float32 (32,)
        Distribution function of the numbers of candidates.
    visits : int32 (V,)
        Visits since the last look at all factors, with an offset that spreads looks over the sweeps.
        Work space.
    """

    position: npt.NDArray[Any]
    stats: Floats
    words: npt.NDArray[np.uint32]
    potential: Float32s
    level: Float32s
    offset: npt.NDArray[np.int32]
    sums: Float32s
    squares: Float32s
    shift: Float32s
    recent: Float32s
    estimate: Floats
    warmth: Floats
    estimates: Floats
    proposed: npt.NDArray[np.int32]
    places: npt.NDArray[np.int64]
    lows: npt.NDArray[np.int32]
    staged: npt.NDArray[np.int32]
    visits: npt.NDArray[np.int32]
    chances: Float32s


def spin_position(target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> npt.NDArray[np.int8]:
    """Return spins (V, lanes) as bytes, drawn uniformly or as given."""
    indices = (np.asarray(position) + 1) // 2 if position is not None and target.spin_labels else position
    return np.ascontiguousarray(2 * starting_states(target, indices, streams) - 1, dtype=np.int8)


def minibatch_state(start: npt.NDArray[Any], streams: Any, states: int, slots: int) -> MinibatchState:
    """Return the state at a starting position (V, lanes)."""
    plain = lane_state(start, streams.lane_words(), states, slots)
    lanes = start.shape[1]
    estimates, proposed = np.zeros((states, lanes)), np.zeros((1, lanes), np.int32)
    lows, staged = np.zeros((STAGED, lanes), np.int32), np.zeros((STAGED, lanes), np.int32)
    places, visits = np.zeros((STAGED, lanes), np.int64), np.zeros(start.shape[0], np.int32)
    chances = np.zeros(32, np.float32)
    return MinibatchState(*plain, np.zeros(lanes), np.array([np.nan]), estimates, proposed, places, lows, staged, visits, chances)


@helper()
def due(state: Any, i: int, look: int) -> int:
    """Return how many visits to variable i this one counts for: `look` at every look-th, which sees all factors, else 0."""
    if look == 0:
        return 0
    state.visits[i] = (state.visits[i] + np.int32(1)) % np.int32(look)
    return look if state.visits[i] == np.int32(i % look) else 0


@helper(reorder=True)
def add_level(target: Any, state: Any, i: int, times: int) -> None:
    """Add what `level` holds, the conditional of spin i in every lane, so many times to the sums."""
    slot = target.first_slot[i]
    shift = state.shift[slot]
    weight = np.float32(times)
    for l in range(state.level.size):
        d = state.level[l] - shift
        state.sums[slot, l] += weight * d
        state.squares[slot, l] += weight * d * d
    state.recent[slot] = state.level[0]
