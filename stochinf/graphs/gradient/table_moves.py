"""Gibbs with gradients for factor graphs of tables, one chain in each SIMD lane."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import lane_uniform
from stochinf.graphs.gradient.dense import recorded
from stochinf.graphs.gradient.table_state import InformedState, add_tables, all_gains, informed_state
from stochinf.graphs.lane_state import check_states
from stochinf.graphs.lanes import LOG2_E, exp2, log2
from stochinf.graphs.targets import TableGraph

__all__ = ["TableGradients"]

NEVER = np.float32(-1e30)


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature", statistics=("acceptance_rate",))
class TableGradients(NamedTuple):
    """Gibbs with gradients for a `TableGraph`; `stochinf.graphs.GibbsWithGradients` chooses it where it fits.

    Parameters
    ----------
    inverse_temperature : float or schedule
    sums : bool
    moves : int
    begin, variable, reached : int32
        As in `stochinf.graphs.gradient.TableLangevin`.
    """

    inverse_temperature: Any
    sums: bool
    moves: int
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
        return informed_state(target, self.reached.size, position, streams, self.sums, (1.0, False))

    def begin_sampling(self, target: TableGraph, state: InformedState) -> None:
        """Forget the sums of warm-up."""
        recorded(state)

    def check_state(self, target: TableGraph, state: InformedState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: InformedState, point: int, rate: float, rng: Any) -> None:
        """Make some informed moves in every lane."""
        for l in range(state.level.size):
            state.stats[0, l] = 0.0
        all_gains(target, state, self.begin, state.position, state.gains)
        for _ in range(self.moves):
            self.move(target, state, np.float32(0.5 * rate) * LOG2_E)
        if self.sums:
            add_tables(target, state, self.begin, rate)

    def move(self, target: TableGraph, state: InformedState, scale: np.float32) -> None:
        """Change one variable in every lane, chosen by its gain, and take it back or not."""
        lanes = state.level.size
        for l in range(lanes):
            state.ratio[l] = 0.0
        add_weights(self.variable, self.reached, state, state.position, state.gains, scale, 1.0)
        choose_move(self.variable, self.reached, state, scale)
        for i in range(state.position.shape[0]):
            for l in range(lanes):
                state.trial[i, l] = state.position[i, l]
        for l in range(lanes):
            state.trial[self.variable[state.chosen[l]], l] = self.reached[state.chosen[l]]
        all_gains(target, state, self.begin, state.trial, state.trial_gains)
        add_weights(self.variable, self.reached, state, state.trial, state.trial_gains, scale, -1.0)
        for l in range(lanes):
            probability = exp2(np.float32(min(max(state.ratio[l], -126.0), 0.0)))
            state.stats[0, l] += np.float64(probability) / self.moves
            taken = lane_uniform(state.words, l) < probability
            i = self.variable[state.chosen[l]]
            state.position[i, l] = state.trial[i, l] if taken else state.position[i, l]
            state.level[l] = np.float32(1.0) if taken else np.float32(0.0)
        for row in range(state.gains.shape[0]):
            for l in range(lanes):
                taken = state.level[l] > np.float32(0.0)
                state.gains[row, l] = state.trial_gains[row, l] if taken else state.gains[row, l]


@helper(reorder=True)
def add_weights(variable: Any, value: Any, state: Any, states: Any, gains: Any, scale: np.float32, sign: float) -> None:
    """Add sign * log2 of the sum of the moves' weights, the present states left out; as for spins.

    A model of which nothing can move has no moves: its weights are equal, all zero, and it stays.
    """
    lanes = state.level.size
    for l in range(lanes):
        state.most[l] = NEVER
        state.total[l] = np.float32(0.0)
    for row in range(variable.size):
        i = variable[row]
        for l in range(lanes):
            state.most[l] = max(state.most[l], NEVER if states[i, l] == value[row] else scale * gains[row, l])
    for row in range(variable.size):
        i = variable[row]
        for l in range(lanes):
            y = NEVER if states[i, l] == value[row] else scale * gains[row, l] - state.most[l]
            state.total[l] += exp2(y) if y > np.float32(-126.0) else np.float32(0.0)
    for l in range(lanes):
        state.ratio[l] += sign * np.float64(state.most[l] + log2(max(state.total[l], np.float32(1.1754944e-38))))


@helper()
def choose_move(variable: Any, value: Any, state: Any, scale: np.float32) -> None:
    """Draw the move of every lane in proportion to its weight; `chosen` ends as its row."""
    lanes = state.level.size
    for l in range(lanes):
        state.total[l] = lane_uniform(state.words, l) * state.total[l]
        state.level[l] = np.float32(0.0)
        state.chosen[l] = np.int32(0)
    for row in range(variable.size - 1):
        i = variable[row]
        for l in range(lanes):
            y = NEVER if state.position[i, l] == value[row] else scale * state.gains[row, l] - state.most[l]
            state.level[l] += exp2(y) if y > np.float32(-126.0) else np.float32(0.0)
            state.chosen[l] += np.int32(1) if state.total[l] >= state.level[l] else np.int32(0)
