r"""Gibbs sampling of spins, one chain in each SIMD lane.

A step draws one spin in every lane from its conditional

.. math:: p(s_i = +1 \mid \text{rest}) = \frac{1}{1 + \exp(-2 \beta (h_i + \sum_j J_{ij} s_j))}

with inverse temperature :math:`\beta`, the rate. A chain alone keeps local fields instead (`stochinf.graphs.one_spin`).

References
----------
Geman, S. and Geman, D. (1984). Stochastic relaxation, Gibbs distributions and the Bayesian restoration of images. IEEE PAMI 6(6).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform
from stochinf.graphs.lane_state import LaneState, check_states, lane_state, reset_sums, starting_states
from stochinf.graphs.lanes import exp2
from stochinf.graphs.one_spin import SpinState, check_cache, draw_alone, draw_alone_and_add, one_chain_arrays
from stochinf.graphs.targets import SpinGraph

__all__ = ["SpinGibbs", "SpinGibbsWithSums"]

MINUS_TWO_LOG2_E = np.float32(-2.8853900817779268)


@helper(reorder=True)
def fields(target: Any, spins: Any, i: int, out: Any) -> None:
    """Write the local field of variable i in every lane, four neighbours at a time."""
    for l in range(out.size):
        out[l] = target.field[i]
    k = target.start[i]
    end = target.start[i + 1]
    while k + 4 <= end:
        a, b, c, d = target.neighbours[k], target.neighbours[k + 1], target.neighbours[k + 2], target.neighbours[k + 3]
        p, q, r, s = target.coupling[k], target.coupling[k + 1], target.coupling[k + 2], target.coupling[k + 3]
        for l in range(out.size):
            out[l] += (p * spins[a, l] + q * spins[b, l]) + (r * spins[c, l] + s * spins[d, l])
        k += 4
    while k < end:
        j = target.neighbours[k]
        w = target.coupling[k]
        for l in range(out.size):
            out[l] += w * spins[j, l]
        k += 1


@helper(reorder=True)
def draw(target: Any, state: Any, point: int, rate: float) -> None:
    """Draw one spin in every lane."""
    i = target.free[point]
    scale = np.float32(rate) * MINUS_TWO_LOG2_E
    fields(target, state.position, i, state.level)
    for l in range(state.level.size):
        odds = exp2(scale * state.level[l])
        up = lane_uniform(state.words, l) * (np.float32(1.0) + odds) < np.float32(1.0)
        state.position[i, l] = np.float32(1.0) if up else np.float32(-1.0)


@helper(reorder=True)
def draw_and_add(target: Any, state: Any, point: int, rate: float) -> None:
    """Draw one spin in every lane and add its conditional to the sums."""
    i = target.free[point]
    slot = target.first_slot[i]
    scale = np.float32(rate) * MINUS_TWO_LOG2_E
    shift = state.shift[slot]
    fields(target, state.position, i, state.level)
    for l in range(state.level.size):
        p = np.float32(1.0) / (np.float32(1.0) + exp2(scale * state.level[l]))
        state.position[i, l] = np.float32(1.0) if lane_uniform(state.words, l) < p else np.float32(-1.0)
        d = p - shift
        state.sums[slot, l] += d
        state.squares[slot, l] += d * d
        state.level[l] = p
    state.recent[slot] = state.level[0]


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class SpinGibbs(NamedTuple):
    """Gibbs sampling of a `SpinGraph`; `stochinf.graphs.Gibbs` chooses it where it fits."""

    inverse_temperature: Any = 1.0

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> SpinState:
        """Return spins drawn uniformly, or as given."""
        return spin_state(target, position, streams, 0)

    def check_state(self, target: SpinGraph, state: SpinState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)
        check_cache(state)

    def update(self, target: SpinGraph, state: SpinState, point: int, rate: float, rng: Any) -> None:
        """Draw one spin in every lane."""
        if state.level.size == 1:
            draw_alone(target, state, (point,), (rate,), 0, 1)
        else:
            draw(target, state, point, rate)

    def sweep(self, target: SpinGraph, state: SpinState, points: Any, rates: Any, start: int, stop: int, rng: Any) -> None:
        """Draw the spins on a stretch of the tape."""
        if state.level.size == 1:
            draw_alone(target, state, points, rates, start, stop)
        else:
            for step in range(start, stop):
                draw(target, state, points[step], rates[step])


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class SpinGibbsWithSums(NamedTuple):
    """`SpinGibbs` that adds each conditional to the sums: Rao-Blackwellised marginals for the price of a division."""

    inverse_temperature: Any = 1.0

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> SpinState:
        """Return spins drawn uniformly, or as given."""
        return spin_state(target, position, streams, int(target.first_slot[-1]))

    def begin_sampling(self, target: SpinGraph, state: SpinState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: SpinGraph, state: SpinState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)
        check_cache(state)

    def update(self, target: SpinGraph, state: SpinState, point: int, rate: float, rng: Any) -> None:
        """Draw one spin in every lane and add its conditional."""
        if state.level.size == 1:
            draw_alone_and_add(target, state, (point,), (rate,), 0, 1)
        else:
            draw_and_add(target, state, point, rate)

    def sweep(self, target: SpinGraph, state: SpinState, points: Any, rates: Any, start: int, stop: int, rng: Any) -> None:
        """Draw the spins on a stretch of the tape and add their conditionals."""
        if state.level.size == 1:
            draw_alone_and_add(target, state, points, rates, start, stop)
        else:
            for step in range(start, stop):
                draw_and_add(target, state, points[step], rates[step])


def spin_state(target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any, slots: int) -> SpinState:
    """Return the state with spins -1 and +1; positions are given as the draws are."""
    indices = (np.asarray(position) + 1) // 2 if position is not None and target.spin_labels else position
    states = starting_states(target, indices, streams)
    spins = np.ascontiguousarray(2 * states - 1, dtype=np.float32)
    plain = lane_state(spins, streams.lane_words(), 1, slots)
    alone = spins.shape[1] == 1
    words, local, thresholds, cursor = one_chain_arrays(target, spins, streams) if alone else many_chain_arrays(plain)
    return SpinState(
        plain.position, plain.stats, words, plain.level, plain.sums, plain.squares, plain.shift, plain.recent, local,
        thresholds, cursor,
    )  # fmt: skip


def many_chain_arrays(plain: LaneState) -> tuple[Any, Any, Any, Any]:
    """Return the generators, and nothing in place of what one chain alone has."""
    return plain.words, np.empty(0), np.empty(0, np.float32), np.empty(0, np.int64)
