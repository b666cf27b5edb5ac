r"""Gibbs sampling of spins in a single chain: neighbours are touched only where a spin flips.

The local field of every spin is kept up to date, so that a step which changes nothing costs the same at any degree. The
decision is a comparison of the field with a logistic number made beforehand,

.. math:: s_i = +1 \iff 2 \beta h_i \log_2 e > \log_2 \frac{u}{1 - u},

256 of them at a time in vector code: what a processor waits for after a mispredicted flip is then one multiplication long.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import CheckpointError
from stochinf.engine.jit import helper
from stochinf.engine.random import lane_streams, lane_uniform
from stochinf.graphs.lanes import exp2, log2

__all__ = [
    "TWO_LOG2_E", "SpinState", "check_cache", "draw_alone", "draw_alone_and_add", "local_fields", "one_chain_arrays",
]  # fmt: skip

GENERATORS = 64
THRESHOLDS = 256
"""Logistic numbers made at a time."""

TWO_LOG2_E = np.float32(2.8853900817779268)

NOUGHT, ONE = np.uint32(0), np.uint32(1)

Float32s = npt.NDArray[np.float32]


class SpinState(NamedTuple):
    """State of a block of lanes of spins; as `stochinf.graphs.lane_state.LaneState`, and for a block of one lane besides.

    Attributes
    ----------
    position : float32 (V, lanes)
    level : float32 (lanes,)
    stats, words, sums, squares, shift, recent
        As in `LaneState`; one chain has 64 generators.
    local : float64 (V,)
        Local fields h_i + sum_j J_ij s_j of the only lane; empty where there are more lanes.
    thresholds : float32 (256,), cursor : int64 (1,)
        Logistic numbers base 2, and how many have been used.
    """

    position: Float32s
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    level: Float32s
    sums: Float32s
    squares: Float32s
    shift: Float32s
    recent: Float32s
    local: npt.NDArray[np.float64]
    thresholds: Float32s
    cursor: npt.NDArray[np.int64]


def one_chain_arrays(target: Any, spins: Float32s, streams: Any) -> tuple[Any, Any, Any, Any]:
    """Return generators, local fields, thresholds and cursor for one lane."""
    words = lane_streams(streams.seed("lanes"), GENERATORS)
    return words, local_fields(target, spins[:, 0]), np.zeros(THRESHOLDS, np.float32), np.array([THRESHOLDS])


def local_fields(target: Any, spins: Float32s) -> npt.NDArray[np.float64]:
    """Return h_i + sum_j J_ij s_j for spins (V,), in float64.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.one_spin import local_fields
    >>> pair = si.FactorGraph.from_log_tables([2, 2], [(0, 1)], [[1, -1, -1, 1]], states=[[-1, 1]] * 2).as_target()
    >>> local_fields(pair, np.array([1, -1], np.float32))
    array([-1.,  1.])
    """
    rows = np.repeat(np.arange(spins.size), np.diff(target.start))
    pulls = target.coupling.astype(np.float64) * spins[target.neighbours]
    return np.bincount(rows, pulls, spins.size) + target.field  # type: ignore[no-any-return]


def check_cache(state: Any) -> None:
    """Demand that a saved cursor stays among the thresholds.

    Raises
    ------
    CheckpointError
        If it does not.
    """
    if state.cursor.size and not 0 <= state.cursor[0] <= state.thresholds.size:
        raise CheckpointError(f"cursor {state.cursor[0]}: it lies between 0 and {state.thresholds.size}")


@helper(reorder=True)
def refill(words: Any, thresholds: Any) -> None:
    """Make logistic numbers base 2, log2(u / (1 - u))."""
    lanes = words.shape[1]
    for first in range(0, thresholds.size, lanes):
        for l in range(lanes):
            u = lane_uniform(words, l)
            thresholds[first + l] = log2(u) - log2(np.float32(1.0) - u)


@helper()
def unused(state: Any, wanted: int) -> int:
    """Return how many logistic numbers lie ready from the cursor on, at most `wanted` and at least 1; make more if none does."""
    if state.cursor[0] == THRESHOLDS:
        refill(state.words, state.thresholds)
        state.cursor[0] = 0
    return min(wanted, THRESHOLDS - state.cursor[0])  # type: ignore[no-any-return]


@helper(reorder=True)
def flip_or_stay(target: Any, state: Any, i: np.uint32, level: np.float32, threshold: np.float32) -> None:
    """Draw spin i of the only lane; `level` is 2 beta h_i log2 e. Where it flips, tell its neighbours.

    Unsigned numbers spare the compiled code the question whether they count from the end.
    """
    up = level > threshold
    if up != (state.position[i, NOUGHT] > np.float32(0.0)):
        state.position[i, NOUGHT] = -state.position[i, NOUGHT]
        change = np.float64(2.0) if up else np.float64(-2.0)
        for k in range(np.uint32(target.start[i]), np.uint32(target.start[i + ONE])):
            state.local[np.uint32(target.neighbours[k])] += change * target.coupling[k]


@helper(reorder=True)
def draw_alone(target: Any, state: Any, points: Any, rates: Any, start: int, stop: int) -> None:
    """Draw the spins on a stretch of the tape in the only lane."""
    while start < stop:
        count = unused(state, stop - start)
        first, used = np.uint64(start), np.uint64(state.cursor[0])
        for k in range(np.uint64(count)):
            i = np.uint32(target.free[np.uint64(points[first + k])])
            level = np.float32(rates[first + k]) * TWO_LOG2_E * np.float32(state.local[i])
            flip_or_stay(target, state, i, level, state.thresholds[used + k])
        state.cursor[0] += count
        start += count


@helper(reorder=True)
def draw_alone_and_add(target: Any, state: Any, points: Any, rates: Any, start: int, stop: int) -> None:
    """As `draw_alone`, and add every conditional to the sums."""
    while start < stop:
        count = unused(state, stop - start)
        first, used = np.uint64(start), np.uint64(state.cursor[0])
        for k in range(np.uint64(count)):
            i = np.uint32(target.free[np.uint64(points[first + k])])
            slot = np.uint32(target.first_slot[i])
            level = np.float32(rates[first + k]) * TWO_LOG2_E * np.float32(state.local[i])
            p = np.float32(1.0) / (np.float32(1.0) + exp2(-level))
            d = p - state.shift[slot]
            state.sums[slot, NOUGHT] += d
            state.squares[slot, NOUGHT] += d * d
            state.recent[slot] = p
            flip_or_stay(target, state, i, level, state.thresholds[used + k])
        state.cursor[0] += count
        start += count
