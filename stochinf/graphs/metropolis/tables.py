"""Metropolis sampling of any factor graph: two states are looked up, one chain in each SIMD lane."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform
from stochinf.graphs.lane_state import LaneState, check_states, lane_state, reset_sums, starting_states
from stochinf.graphs.lanes import LOG2_E, exp2
from stochinf.graphs.targets import TableGraph

__all__ = ["TableMetropolis"]


@helper()
def propose(k: int, words: Any, states: Any, i: int, out: Any) -> None:
    """Draw a state other than the present one for every lane: x + 1 + floor(u (k - 1)) modulo k.

    u has 2^23 values, so that the states' probabilities differ by less than k / 2^23 of them.
    """
    others = np.float32(k - 1)
    for l in range(out.size):
        y = np.int32(states[i, l] + np.int32(1) + np.int32(lane_uniform(words, l) * others))
        out[l] = y if y < np.int32(k) else np.int32(y - np.int32(k))


@helper(reorder=True)
def gains(target: Any, states: Any, i: int, proposed: Any, offset: Any, out: Any) -> None:
    """Write by how much the proposed state's log weight exceeds the present one's, in every lane."""
    lanes = out.size
    for l in range(lanes):
        out[l] = np.float32(0.0)
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        f = target.entry_factor[e]
        step = target.entry_stride[e]
        for l in range(lanes):
            offset[l] = target.table_start[f]
        for q in range(target.scope_start[f], target.scope_start[f + 1]):
            j = target.scope[q]
            w = target.stride[q]
            for l in range(lanes):
                offset[l] = np.int32(offset[l] + w * states[j, l])
        for l in range(lanes):
            moved = np.int32(offset[l] + step * np.int32(proposed[l] - states[i, l]))
            out[l] += target.log_tables[moved] - target.log_tables[offset[l]]


class ProposalState(NamedTuple):
    """State of a block of lanes; as `stochinf.graphs.lane_state.LaneState`, with int32 (lanes,) for what is proposed."""

    position: npt.NDArray[np.int32]
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    level: npt.NDArray[np.float32]
    offset: npt.NDArray[np.int32]
    proposed: npt.NDArray[np.int32]
    sums: npt.NDArray[np.float32]
    squares: npt.NDArray[np.float32]
    shift: npt.NDArray[np.float32]
    recent: npt.NDArray[np.float32]


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class TableMetropolis(NamedTuple):
    """Metropolis sampling of a `TableGraph`; `stochinf.graphs.Metropolis` chooses it where it fits.

    Parameters
    ----------
    inverse_temperature : float or schedule
    sums : bool
    eagerness : float
        Probability of considering a move at all, 1 - laziness.
    """

    inverse_temperature: Any = 1.0
    sums: bool = False
    eagerness: float = 0.9375

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> ProposalState:
        """Return states drawn uniformly, or as given."""
        states = np.ascontiguousarray(starting_states(target, position, streams), dtype=np.int32)
        slots = int(target.first_slot[-1]) if self.sums else 0
        plain: LaneState = lane_state(states, streams.lane_words(), 1, slots)
        return ProposalState(
            plain.position, plain.stats, plain.words, plain.level, plain.offset, np.zeros_like(plain.offset), plain.sums,
            plain.squares, plain.shift, plain.recent,
        )  # fmt: skip

    def begin_sampling(self, target: TableGraph, state: ProposalState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: TableGraph, state: ProposalState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: ProposalState, point: int, rate: float, rng: Any) -> None:
        """Move one variable or leave it, in every lane."""
        i = target.free[point]
        k = target.cardinality[i]
        propose(k, state.words, state.position, i, state.proposed)
        gains(target, state.position, i, state.proposed, state.offset, state.level)
        scale = np.float32(rate) * LOG2_E
        eagerness = np.float32(self.eagerness)
        for l in range(state.level.size):
            state.level[l] = exp2(scale * state.level[l])
        if self.sums:
            self.add(target, state, i, k)
        for l in range(state.level.size):
            taken = lane_uniform(state.words, l) < eagerness * min(np.float32(1.0), state.level[l])
            state.position[i, l] = state.proposed[l] if taken else state.position[i, l]

    def add(self, target: TableGraph, state: ProposalState, i: int, k: int) -> None:
        """Add up, `level` holding the odds of the proposed state y against the present x.

        Two states: the conditional, odds / (1 + odds) for y. More: y with the probability of moving there, else x.
        """
        slot = target.first_slot[i]
        one, none = np.float32(1.0), np.float32(0.0)
        if k == 2:
            shift = state.shift[slot]
            p = none
            for l in range(state.level.size):
                moved = state.level[l] / (one + state.level[l])
                p = moved if state.proposed[l] == np.int32(1) else one - moved
                d = np.float32(p - shift)
                state.sums[slot, l] += d
                state.squares[slot, l] += d * d
            state.recent[slot] = p
            return
        eagerness = np.float32(self.eagerness)
        for row in range(k):
            s = np.int32(row)
            shift = state.shift[slot]
            p = none
            for l in range(state.level.size):
                move = eagerness * min(one, state.level[l])
                p = (move if state.proposed[l] == s else none) + (one - move if state.position[i, l] == s else none)
                d = np.float32(p - shift)
                state.sums[slot, l] += d
                state.squares[slot, l] += d * d
            state.recent[slot] = p
            slot += 1
