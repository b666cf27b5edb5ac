"""The state of a graph sampler: many chains side by side, one in each SIMD lane."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import CheckpointError, GraphError
from stochinf.engine.memory import demand

__all__ = ["LaneState", "check_states", "holds_spins", "lane_state", "reset_sums", "starting_states"]

Float32s = npt.NDArray[np.float32]


class LaneState(NamedTuple):
    """State of a block of lanes.

    Attributes
    ----------
    position : (V, lanes)
        float32 or int8 spins, or int32 state indices.
    stats : float64 (0, lanes)
    words : uint32 (2, lanes)
        One small generator per lane.
    potential : float32 (states, lanes)
        Work space: log weights, then weights, of the states of one variable.
    level : float32 (lanes,), offset : int32 (lanes,)
        Work space.
    sums, squares : float32 (slots, lanes)
        Sums of (p - shift) and its square over the sweeps since they were last collected, p being the conditional
        probability of a slot's state. Subtracting `shift` keeps float32 exact where a conditional does not vary.
    shift, recent : float32 (slots,)
        `recent` is the last conditional of the first lane; it becomes the shift when sampling begins.
    """

    position: npt.NDArray[Any]
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    potential: Float32s
    level: Float32s
    offset: npt.NDArray[np.int32]
    sums: Float32s
    squares: Float32s
    shift: Float32s
    recent: Float32s


def lane_state(start: npt.NDArray[Any], words: npt.NDArray[np.uint32], states: int, slots: int) -> LaneState:
    """Return the state at a starting position (V, lanes)."""
    variables, lanes = start.shape
    demand(lanes * (8 * variables + 8 * slots), f"{lanes} chains of {variables} variables")
    return LaneState(
        start, np.empty((0, lanes)), words, np.empty((states, lanes), np.float32), np.empty(lanes, np.float32),
        np.empty(lanes, np.int32), np.zeros((slots, lanes), np.float32), np.zeros((slots, lanes), np.float32),
        np.zeros(slots, np.float32), np.zeros(slots, np.float32),
    )  # fmt: skip


def reset_sums(state: Any) -> None:
    """Forget what warm-up has summed."""
    state.shift[:] = state.recent
    state.sums[:] = 0.0
    state.squares[:] = 0.0


def starting_states(target: Any, position: npt.NDArray[Any] | None, streams: Any) -> npt.NDArray[np.int64]:
    """Return state indices (V, lanes): uniform over the states, or those given as (V,) or (lanes, V); evidence as observed.

    Raises
    ------
    GraphError
        If a given state is not one of the variable's.
    """
    cardinality, lanes = target.cardinality, streams.lanes
    shape = (cardinality.size, lanes)
    if position is None:
        states = (streams.generator().random(shape) * cardinality[:, None]).astype(np.int64)
    else:
        given = np.asarray(position)
        rows = given[None, :] if given.ndim == 1 else given
        if rows.shape[1] != cardinality.size:
            raise GraphError(f"init: {rows.shape[1]} states given for {cardinality.size} variables")
        states = np.broadcast_to(rows.T, shape).astype(np.int64)
    wrong = np.argwhere((states < 0) | (states >= cardinality[:, None]))
    if wrong.size:
        variable, lane = wrong[0]
        most = cardinality[variable] - 1
        raise GraphError(f"init: variable {variable} in state index {states[variable, lane]}; it has the indices 0 to {most}")
    clamped: npt.NDArray[np.int32] = target.clamped[:, None]
    return np.where(clamped >= 0, clamped, states)


def holds_spins(position: npt.NDArray[Any]) -> bool:
    """Whether a position has spins -1 and +1, as floats or bytes, and not state indices."""
    return position.dtype in (np.float32, np.int8)


def check_states(target: Any, state: Any) -> None:
    """Demand that every position is a state of its variable: what a damaged file holds must not reach compiled code.

    Raises
    ------
    CheckpointError
        Naming the variable and the number.
    """
    position = state.position
    if holds_spins(position):
        wrong = np.argwhere(np.abs(position) != 1.0)
    else:
        wrong = np.argwhere((position < 0) | (position >= target.cardinality[:, None]))
    if wrong.size:
        variable, lane = wrong[0]
        raise CheckpointError(
            f"variable {variable} in chain {lane} of its block: {position[variable, lane]} is not one of its states"
        )
