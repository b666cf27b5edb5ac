"""Discrete Langevin sampling of factor graphs of tables, one chain in each SIMD lane."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import lane_uniform
from stochinf.graphs.gradient.dense import recorded
from stochinf.graphs.gradient.spin_langevin import adapt, decide
from stochinf.graphs.gradient.table_state import InformedState, add_tables, all_gains, informed_state, score_change
from stochinf.graphs.lane_state import check_states
from stochinf.graphs.lanes import LOG2_E, log2
from stochinf.graphs.table_gibbs import exponentiate
from stochinf.graphs.targets import TableGraph

__all__ = ["TableLangevin"]


@helper(reorder=True)
def proposal_weights(target: Any, state: Any, first: int, i: int, gains: Any, states: Any, penalty: np.float32) -> None:
    """Write log2 of the proposal's weights of variable i, half its gain less the penalty for a change, to `potential`."""
    for row in range(target.cardinality[i]):
        s = np.int32(row)
        for l in range(state.level.size):
            price = np.float32(0.0) if states[i, l] == s else penalty
            state.potential[row, l] = gains[first + row, l] - price


@helper()
def draw(k: int, state: Any, i: int) -> None:
    """Propose a state of variable i in every lane, in proportion to the weights in `potential`, of which `level` is the sum."""
    for l in range(state.level.size):
        state.most[l] = lane_uniform(state.words, l) * state.level[l]
        state.total[l] = np.float32(0.0)
        state.trial[i, l] = np.int32(0)
    for row in range(k - 1):
        for l in range(state.level.size):
            state.total[l] += state.potential[row, l]
            state.trial[i, l] += np.int32(1) if state.most[l] >= state.total[l] else np.int32(0)


@helper(reorder=True)
def add_log_probability(target: Any, state: Any, i: int, states: Any, sign: float) -> None:
    """Add sign * log2 of the probability of a state; `potential` holds the weights, `level` their sum."""
    for l in range(state.total.size):
        state.total[l] = np.float32(0.0)
    for row in range(target.cardinality[i]):
        s = np.int32(row)
        for l in range(state.total.size):
            state.total[l] += state.potential[row, l] if states[i, l] == s else np.float32(0.0)
    for l in range(state.total.size):
        least = max(state.total[l] / state.level[l], np.float32(1.1754944e-38))
        state.ratio[l] += sign * np.float64(log2(least))


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature", statistics=("acceptance_rate",))
class TableLangevin(NamedTuple):
    """Discrete Langevin sampling of a `TableGraph`; `stochinf.graphs.DiscreteLangevin` chooses it where it fits.

    Parameters
    ----------
    inverse_temperature : float or schedule
    sums, adjusted, adapts : bool
    step_size : float
    begin : int32 (n + 1,)
        Where the moves of each point begin.
    variable, reached : int32 (moves,)
        Variable and state of each move.
    """

    inverse_temperature: Any
    sums: bool
    adjusted: bool
    adapts: bool
    step_size: float
    begin: npt.NDArray[np.int32]
    variable: npt.NDArray[np.int32]
    reached: npt.NDArray[np.int32]

    def points(self, target: TableGraph) -> int:
        """Return 1: a step is a sweep."""
        return 1

    def pick(self, target: TableGraph) -> Scan:
        """Return the picker of the only point."""
        return Scan(1)

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> InformedState:
        """Return states drawn uniformly, or as given."""
        return informed_state(target, self.reached.size, position, streams, self.sums, (self.step_size, self.adapts))

    def begin_sampling(self, target: TableGraph, state: InformedState) -> None:
        """Keep the step size from now on, and forget the sums of warm-up."""
        recorded(state)

    def check_state(self, target: TableGraph, state: InformedState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: InformedState, point: int, rate: float, rng: Any) -> None:
        """Propose all variables at once in every lane, and take the proposal or not."""
        for l in range(state.level.size):
            state.ratio[l] = 0.0
        for turn in range(2):
            self.half(target, state, rate, turn == 0)
        score_change(target, state, state.score)
        for l in range(state.level.size):
            gain = rate * np.float64(LOG2_E) * state.score[l]
            state.ratio[l] = state.ratio[l] + gain if self.adjusted else 0.0
        decide(state)
        for i in range(state.position.shape[0]):
            for l in range(state.level.size):
                taken = state.level[l] > np.float32(0.0)
                state.position[i, l] = state.trial[i, l] if taken else state.position[i, l]
        for move in range(state.gains.shape[0]):
            for l in range(state.level.size):
                taken = state.level[l] > np.float32(0.0)
                state.gains[move, l] = state.trial_gains[move, l] if taken else state.gains[move, l]
        adapt(state)
        if self.sums:
            add_tables(target, state, self.begin, rate)

    def half(self, target: TableGraph, state: InformedState, rate: float, there: bool) -> None:
        """Propose every free variable anew, taking the log2 probability of that from `ratio`; or add that of going back."""
        states, other = (state.position, state.trial) if there else (state.trial, state.position)
        gains = state.gains if there else state.trial_gains
        penalty = np.float32(math.exp(-state.step[0]) / max(rate, 1e-30))
        all_gains(target, state, self.begin, states, gains)
        for point in range(target.free.size):
            i = target.free[point]
            k = target.cardinality[i]
            proposal_weights(target, state, self.begin[point], i, gains, states, penalty)
            exponentiate(k, 0.5 * rate, state.level, state.potential)
            if there:
                draw(k, state, i)
            add_log_probability(target, state, i, other, -1.0 if there else 1.0)
