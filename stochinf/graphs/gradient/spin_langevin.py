"""Discrete Langevin sampling of densely coupled spins, one chain in each SIMD lane."""

from __future__ import annotations

import math
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

__all__ = ["SpinLangevin", "adapt", "decide"]

WANTED = 0.574
"""Acceptance that adaptation aims at: what is best for continuous Langevin proposals (Roberts and Rosenthal 1998)."""


@helper(reorder=True)
def propose(target: Any, state: Any, beta: np.float32, penalty: np.float32) -> None:
    """Draw every free spin anew or keep it; `ratio` ends as minus the log2 probability of the proposal."""
    one = np.float32(1.0)
    for l in range(state.ratio.size):
        state.ratio[l] = 0.0
    for point in range(target.free.size):
        i = target.free[point]
        for l in range(state.level.size):
            s = state.position[i, l]
            z = (-beta * s * state.local[i, l] - penalty) * LOG2_E
            odds = exp2(-z)
            flips = lane_uniform(state.words, l) * (one + odds) < one
            state.trial[i, l] = -s if flips else s
            state.ratio[l] += np.float64(log2(one + (odds if flips else exp2(z))))


@helper(reorder=True)
def weigh(target: Any, state: Any, beta: np.float32, penalty: np.float32) -> None:
    """Add to `ratio` the log2 probability of going back, and by how much the proposal's log weight is higher."""
    one = np.float32(1.0)
    half = np.float32(0.5) * beta * LOG2_E
    for point in range(target.free.size):
        i = target.free[point]
        for l in range(state.level.size):
            s = state.trial[i, l]
            z = (-beta * s * state.trial_local[i, l] - penalty) * LOG2_E
            back = exp2(-z) if s != state.position[i, l] else exp2(z)
            state.ratio[l] -= np.float64(log2(one + back))
    for i in range(target.field.size):
        h = target.field[i]
        for l in range(state.level.size):
            gain = state.trial[i, l] * (h + state.trial_local[i, l]) - state.position[i, l] * (h + state.local[i, l])
            state.ratio[l] += np.float64(half * gain)


@helper()
def decide(state: Any) -> None:
    """Write 1 to `level` where a lane takes its proposal, else 0, and the probabilities to `stats`."""
    for l in range(state.level.size):
        probability = exp2(np.float32(min(max(state.ratio[l], -126.0), 0.0)))
        state.stats[0, l] = np.float64(probability)
        state.level[l] = np.float32(1.0) if lane_uniform(state.words, l) < probability else np.float32(0.0)


@helper()
def adapt(state: Any) -> None:
    """Move the step size towards the acceptance wanted, by the mean over the lanes, by less and less."""
    if state.step[1] > 0.0:
        mean = 0.0
        for l in range(state.level.size):
            mean += state.stats[0, l]
        state.step[2] += 1.0
        gain = 2.0 / math.sqrt(state.step[2])
        moved = state.step[0] + gain * (mean / state.level.size - WANTED)
        state.step[0] = min(max(moved, -7.0), 7.0)


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature", statistics=("acceptance_rate",))
class SpinLangevin(NamedTuple):
    """Discrete Langevin sampling of a `SpinGraph`; `stochinf.graphs.DiscreteLangevin` chooses it where it fits.

    Parameters
    ----------
    inverse_temperature : float or schedule
    sums, adjusted, adapts : bool
    step_size : float
    couplings : float32 (V, V)
    """

    inverse_temperature: Any
    sums: bool
    adjusted: bool
    adapts: bool
    step_size: float
    couplings: npt.NDArray[np.float32]

    def points(self, target: SpinGraph) -> int:
        """Return 1: a step is a sweep."""
        return 1

    def pick(self, target: SpinGraph) -> Scan:
        """Return the picker of the only point."""
        return Scan(1)

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> DenseState:
        """Return spins drawn uniformly, or as given."""
        return dense_state(target, self.couplings, position, streams, self.sums, (self.step_size, self.adapts))

    def begin_sampling(self, target: SpinGraph, state: DenseState) -> None:
        """Keep the step size from now on, and forget the sums of warm-up."""
        recorded(state)

    def check_state(self, target: SpinGraph, state: DenseState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: SpinGraph, state: DenseState, point: int, rate: float, rng: Any) -> None:
        """Propose all spins at once in every lane, and take the proposal or not."""
        beta, penalty = np.float32(rate), np.float32(0.5 * math.exp(-state.step[0]))
        propose(target, state, beta, penalty)
        local_fields(self.couplings, target.field, state.trial, state.trial_local)
        if self.adjusted:
            weigh(target, state, beta, penalty)
        else:
            for l in range(state.ratio.size):
                state.ratio[l] = 0.0
        decide(state)
        for i in range(target.field.size):
            for l in range(state.level.size):
                taken = state.level[l] > np.float32(0.0)
                state.position[i, l] = state.trial[i, l] if taken else state.position[i, l]
                state.local[i, l] = state.trial_local[i, l] if taken else state.local[i, l]
        adapt(state)
        if self.sums:
            add_spins(target, state, rate)
