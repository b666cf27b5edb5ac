r"""Gibbs sampling of spins, one chain in each SIMD lane.

A step draws one spin in every lane from its conditional

.. math:: p(s_i = +1 \mid \text{rest}) = \frac{1}{1 + \exp(-2 \beta (h_i + \sum_j J_{ij} s_j))}

with inverse temperature :math:`\beta`, the rate.

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
from stochinf.graphs.targets import SpinGraph

__all__ = ["SpinGibbs", "SpinGibbsWithSums"]

MINUS_TWO_LOG2_E = np.float32(-2.8853900817779268)


@helper(reorder=True)
def one_field(target: Any, spins: Any, i: int) -> np.float32:
    """Return the local field of variable i in the only lane."""
    total = target.field[i]
    for k in range(target.start[i], target.start[i + 1]):
        total += target.coupling[k] * spins[target.neighbours[k], 0]
    return total  # type: ignore[no-any-return]


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


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class SpinGibbs(NamedTuple):
    """Gibbs sampling of a `SpinGraph`; `stochinf.graphs.Gibbs` chooses it where it fits."""

    inverse_temperature: Any = 1.0

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> LaneState:
        """Return spins drawn uniformly, or as given."""
        return spin_state(target, position, streams, 0)

    def check_state(self, target: SpinGraph, state: LaneState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: SpinGraph, state: LaneState, point: int, rate: float, rng: Any) -> None:
        """Draw one spin in every lane."""
        i = target.free[point]
        scale = np.float32(rate) * MINUS_TWO_LOG2_E
        spins = state.position
        lanes = spins.shape[1]
        if lanes == 1:
            odds = exp2(scale * one_field(target, spins, i))
            up = lane_uniform(state.words, 0) * (np.float32(1.0) + odds) < np.float32(1.0)
            spins[i, 0] = np.float32(1.0) if up else np.float32(-1.0)
        else:
            fields(target, spins, i, state.level)
            for l in range(lanes):
                odds = exp2(scale * state.level[l])
                up = lane_uniform(state.words, l) * (np.float32(1.0) + odds) < np.float32(1.0)
                spins[i, l] = np.float32(1.0) if up else np.float32(-1.0)


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class SpinGibbsWithSums(NamedTuple):
    """`SpinGibbs` that adds each conditional to the sums: Rao-Blackwellised marginals for the price of a division."""

    inverse_temperature: Any = 1.0

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> LaneState:
        """Return spins drawn uniformly, or as given."""
        return spin_state(target, position, streams, int(target.first_slot[-1]))

    def begin_sampling(self, target: SpinGraph, state: LaneState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: SpinGraph, state: LaneState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: SpinGraph, state: LaneState, point: int, rate: float, rng: Any) -> None:
        """Draw one spin in every lane and add its conditional."""
        i = target.free[point]
        slot = target.first_slot[i]
        scale = np.float32(rate) * MINUS_TWO_LOG2_E
        spins = state.position
        shift = state.shift[slot]
        fields(target, spins, i, state.level)
        for l in range(spins.shape[1]):
            p = np.float32(1.0) / (np.float32(1.0) + exp2(scale * state.level[l]))
            spins[i, l] = np.float32(1.0) if lane_uniform(state.words, l) < p else np.float32(-1.0)
            d = p - shift
            state.sums[slot, l] += d
            state.squares[slot, l] += d * d
            state.level[l] = p
        state.recent[slot] = state.level[0]


def spin_state(target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any, slots: int) -> LaneState:
    """Return the state with spins -1 and +1; positions are given as the draws are."""
    indices = (np.asarray(position) + 1) // 2 if position is not None and target.spin_labels else position
    states = starting_states(target, indices, streams)
    spins = np.ascontiguousarray(2 * states - 1, dtype=np.float32)
    return lane_state(spins, streams.lane_words(), 1, slots)
