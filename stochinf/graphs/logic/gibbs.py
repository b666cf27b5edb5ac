r"""Gibbs sampling of logical factors, one chain in each SIMD lane, with a counter for each factor and lane.

A step draws one variable in every lane from its conditional

.. math::
    p(x_i = s \mid rest) \propto \exp\Big(\beta \big(\theta_i(s) + \sum_{f \ni i} w_f \, gain_f(c_f) [s = literal_{f i}]\big)\Big)

where :math:`c_f` counts the other literals of factor f that hold: the counter less the variable's own literal. What the
variable's literals change is added to the counters afterwards, so that a factor costs the same whatever its number of literals.

References
----------
Geman, S. and Geman, D. (1984). Stochastic relaxation, Gibbs distributions and the Bayesian restoration of images. IEEE PAMI 6(6).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import CheckpointError
from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.lane_state import LaneState, check_states, lane_state, reset_sums, starting_states
from stochinf.graphs.logic.target import LogicGraph
from stochinf.graphs.table_gibbs import add_conditionals, choose, exponentiate

__all__ = ["LogicGibbs", "LogicGibbsWithSums", "LogicState"]


class LogicState(NamedTuple):
    """State of a block of lanes: as `LaneState`, and the counters.

    Attributes
    ----------
    counters : int32 (F, lanes)
        Sum of the steps of the literals that hold, of each factor of more than one literal.
    before : int32 (lanes,)
        Work space: the states that a step has left.
    """

    position: npt.NDArray[Any]
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    potential: npt.NDArray[np.float32]
    level: npt.NDArray[np.float32]
    offset: npt.NDArray[np.int32]
    sums: npt.NDArray[np.float32]
    squares: npt.NDArray[np.float32]
    shift: npt.NDArray[np.float32]
    recent: npt.NDArray[np.float32]
    counters: npt.NDArray[np.int32]
    before: npt.NDArray[np.int32]


@helper(reorder=True)
def log_weights(target: Any, state: Any, i: int) -> None:
    """Write the log weights of the states of variable i, up to a constant, to `potential`."""
    lanes = state.before.size
    first = target.field_start[i]
    for s in range(target.cardinality[i]):
        for l in range(lanes):
            state.potential[s, l] = target.field[first + s]
    for l in range(lanes):
        state.before[l] = state.position[i, l]
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        f = target.entry_factor[e]
        literal = target.entry_literal[e]
        step = target.entry_step[e]
        begin = target.entry_gain[e]
        w = target.entry_weight[e]
        for l in range(lanes):
            own = step if state.before[l] == literal else np.int32(0)
            place = np.uint32(begin + state.counters[f, l] - own)
            state.potential[literal, l] += w * target.gain[place]


@helper(reorder=True)
def recount(target: Any, state: Any, i: int) -> None:
    """Bring the counters up to date with the new state of variable i."""
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        f = target.entry_factor[e]
        literal = target.entry_literal[e]
        step = target.entry_step[e]
        for l in range(state.before.size):
            gone = step if state.before[l] == literal else np.int32(0)
            come = step if state.position[i, l] == literal else np.int32(0)
            state.counters[f, l] = np.int32(state.counters[f, l] + come - gone)


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class LogicGibbs(NamedTuple):
    """Gibbs sampling of a `LogicGraph`; `stochinf.graphs.Gibbs` chooses it where it fits."""

    inverse_temperature: Any = 1.0

    def init(self, target: LogicGraph, position: npt.NDArray[Any] | None, streams: Any) -> LogicState:
        """Return states drawn uniformly, or as given."""
        return logic_state(target, position, streams, 0)

    def check_state(self, target: LogicGraph, state: LogicState) -> None:
        """Demand that a saved state is one."""
        check_counters(target, state)

    def update(self, target: LogicGraph, state: LogicState, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every lane."""
        i = target.free[point]
        k = target.cardinality[i]
        log_weights(target, state, i)
        exponentiate(k, rate, state.level, state.potential)
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)
        recount(target, state, i)


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class LogicGibbsWithSums(NamedTuple):
    """`LogicGibbs` that adds each conditional to the sums, for Rao-Blackwellised marginals."""

    inverse_temperature: Any = 1.0

    def init(self, target: LogicGraph, position: npt.NDArray[Any] | None, streams: Any) -> LogicState:
        """Return states drawn uniformly, or as given."""
        return logic_state(target, position, streams, int(target.first_slot[-1]))

    def begin_sampling(self, target: LogicGraph, state: LogicState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: LogicGraph, state: LogicState) -> None:
        """Demand that a saved state is one."""
        check_counters(target, state)

    def update(self, target: LogicGraph, state: LogicState, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every lane and add its conditional."""
        i = target.free[point]
        k = target.cardinality[i]
        log_weights(target, state, i)
        exponentiate(k, rate, state.level, state.potential)
        add_conditionals(target, state, i)
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)
        recount(target, state, i)


def logic_state(target: LogicGraph, position: npt.NDArray[Any] | None, streams: Any, slots: int) -> LogicState:
    """Return the state with indices 0, 1, ... of each variable's states, and the counters."""
    states = np.ascontiguousarray(starting_states(target, position, streams), dtype=np.int32)
    lanes = states.shape[1]
    demand(4 * lanes * (target.scope_start.size - 1), f"counters of {target.scope_start.size - 1} factors in {lanes} chains")
    plain: LaneState = lane_state(states, streams.lane_words(), int(target.cardinality.max(initial=1)), slots)
    return LogicState(*plain, target.counts(states), np.zeros(lanes, np.int32))


def check_counters(target: LogicGraph, state: LogicState) -> None:
    """Demand that positions are states and that the counters are theirs.

    Raises
    ------
    CheckpointError
        Naming what is wrong.
    """
    check_states(target, state)
    if not np.array_equal(state.counters, target.counts(state.position)):
        raise CheckpointError("the counters of the factors do not fit the states; the file is damaged")
