"""Gibbs with gradients for densely coupled spins, one chain in each SIMD lane."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import lane_uniform
from stochinf.graphs.gradient.dense import DenseState, add_spins, dense_state, local_fields, recorded
from stochinf.graphs.lane_state import check_states
from stochinf.graphs.lanes import LOG2_E, exp2, log2
from stochinf.graphs.targets import SpinGraph

__all__ = ["SpinGradients"]


@helper(reorder=True)
def add_weights(target: Any, state: Any, spins: Any, local: Any, beta: np.float32, sign: float) -> None:
    """Add sign * log2 sum_i exp(half the gain of flip i) to `ratio`; `total` ends as the sum over the largest, `most`."""
    scale = -beta * LOG2_E
    lanes = state.level.size
    first = target.free[0]
    for l in range(lanes):
        state.most[l] = scale * spins[first, l] * local[first, l]
        state.total[l] = np.float32(0.0)
    for point in range(1, target.free.size):
        i = target.free[point]
        for l in range(lanes):
            state.most[l] = max(state.most[l], scale * spins[i, l] * local[i, l])
    for point in range(target.free.size):
        i = target.free[point]
        for l in range(lanes):
            state.total[l] += exp2(scale * spins[i, l] * local[i, l] - state.most[l])
    for l in range(lanes):
        state.ratio[l] += sign * np.float64(state.most[l] + log2(state.total[l]))


@helper()
def choose_flip(target: Any, state: Any, beta: np.float32) -> None:
    """Draw the flip of every lane in proportion to its weight; `chosen` ends as its variable."""
    scale = -beta * LOG2_E
    lanes = state.level.size
    for l in range(lanes):
        state.total[l] = lane_uniform(state.words, l) * state.total[l]
        state.level[l] = np.float32(0.0)
        state.chosen[l] = np.int32(0)
    for point in range(target.free.size - 1):
        i = target.free[point]
        for l in range(lanes):
            state.level[l] += exp2(scale * state.position[i, l] * state.local[i, l] - state.most[l])
            state.chosen[l] += np.int32(1) if state.total[l] >= state.level[l] else np.int32(0)
    for l in range(lanes):
        state.chosen[l] = target.free[state.chosen[l]]


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature", statistics=("acceptance_rate",))
class SpinGradients(NamedTuple):
    """Gibbs with gradients for a `SpinGraph`; `stochinf.graphs.GibbsWithGradients` chooses it where it fits.

    Parameters
    ----------
    inverse_temperature : float or schedule
    sums : bool
    moves : int
    couplings : float32 (V, V)
    """

    inverse_temperature: Any
    sums: bool
    moves: int
    couplings: npt.NDArray[np.float32]

    def points(self, target: SpinGraph) -> int:
        """Return 1: a step is a sweep."""
        return 1

    def pick(self, target: SpinGraph) -> Scan:
        """Return the picker of the only point."""
        return Scan(1)

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> DenseState:
        """Return spins drawn uniformly, or as given."""
        return dense_state(target, self.couplings, position, streams, self.sums, (1.0, False))

    def begin_sampling(self, target: SpinGraph, state: DenseState) -> None:
        """Forget the sums of warm-up."""
        recorded(state)

    def check_state(self, target: SpinGraph, state: DenseState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: SpinGraph, state: DenseState, point: int, rate: float, rng: Any) -> None:
        """Make some informed moves in every lane."""
        for l in range(state.level.size):
            state.stats[0, l] = 0.0
        local_fields(self.couplings, target.field, state.position, state.local)
        for _ in range(self.moves):
            self.move(target, state, np.float32(rate))
        if self.sums:
            add_spins(target, state, rate)

    def move(self, target: SpinGraph, state: DenseState, beta: np.float32) -> None:
        """Flip one spin in every lane, chosen by its gain, and take it back or not."""
        lanes = state.level.size
        for l in range(lanes):
            state.ratio[l] = 0.0
        add_weights(target, state, state.position, state.local, beta, 1.0)
        choose_flip(target, state, beta)
        for l in range(lanes):
            state.level[l] = np.float32(-2.0) * state.position[state.chosen[l], l]
            state.position[state.chosen[l], l] = -state.position[state.chosen[l], l]
        for i in range(target.field.size):
            for l in range(lanes):
                state.trial_local[i, l] = state.local[i, l] + state.level[l] * self.couplings[i, state.chosen[l]]
        add_weights(target, state, state.position, state.trial_local, beta, -1.0)
        for l in range(lanes):
            probability = exp2(np.float32(min(max(state.ratio[l], -126.0), 0.0)))
            state.stats[0, l] += np.float64(probability) / self.moves
            taken = lane_uniform(state.words, l) < probability
            i = state.chosen[l]
            state.position[i, l] = state.position[i, l] if taken else -state.position[i, l]
            state.level[l] = np.float32(1.0) if taken else np.float32(0.0)
        for i in range(target.field.size):
            for l in range(lanes):
                state.local[i, l] = state.trial_local[i, l] if state.level[l] > np.float32(0.0) else state.local[i, l]
