r"""Gibbs sampling of any factor graph, one chain in each SIMD lane.

A step draws one variable in every lane from its conditional

.. math:: p(x_i = s \mid \text{rest}) \propto \exp\Big(\beta \sum_{f \ni i} \log w_f(x_i = s, x_{f \setminus i})\Big)

with inverse temperature :math:`\beta`, the rate. The largest log weight is subtracted before the exponential; a state that is
2^126 times less likely than the best, or impossible, has probability zero, and is never drawn.

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
from stochinf.graphs.lanes import LOG2_E, exp2
from stochinf.graphs.targets import TableGraph

__all__ = [
    "TableGibbs", "TableGibbsWithSums", "add_conditionals", "choose", "exponentiate", "log_weights", "table_state",
]  # fmt: skip


@helper(reorder=True)
def log_weights(target: Any, states: Any, i: int, offset: Any, out: Any) -> None:
    """Write the summed log weights of each state of variable i, shape (states, lanes)."""
    lanes = offset.size
    for s in range(target.cardinality[i]):
        for l in range(lanes):
            out[s, l] = np.float32(0.0)
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        f = target.entry_factor[e]
        step = target.entry_stride[e]
        for l in range(lanes):
            offset[l] = target.table_start[f]
        for q in range(target.scope_start[f], target.scope_start[f + 1]):
            j = target.scope[q]
            if j != i:
                w = target.stride[q]
                for l in range(lanes):
                    offset[l] = np.int32(offset[l] + w * states[j, l])
        for s in range(target.cardinality[i]):
            d = np.int32(s * step)
            for l in range(lanes):
                out[s, l] += target.log_tables[offset[l] + d]


@helper(reorder=True)
def exponentiate(k: int, rate: float, level: Any, out: Any) -> None:
    """Turn log weights of k states into weights, the largest 1, and write their sum to `level`."""
    lanes = level.size
    scale = np.float32(rate) * LOG2_E
    for l in range(lanes):
        level[l] = out[0, l]
    for s in range(1, k):
        for l in range(lanes):
            level[l] = max(level[l], out[s, l])
    for s in range(k):
        for l in range(lanes):
            y = (out[s, l] - level[l]) * scale
            out[s, l] = exp2(y) if y > np.float32(-126.0) else np.float32(0.0)
    for l in range(lanes):
        level[l] = out[0, l]
    for s in range(1, k):
        for l in range(lanes):
            level[l] += out[s, l]


@helper(reorder=True)
def add_conditionals(target: Any, state: Any, i: int) -> None:
    """Add the conditional of variable i to the sums; `potential` holds the weights of its states, `level` their sums."""
    k = target.cardinality[i]
    slot = target.first_slot[i]
    first = 1 if k == 2 else 0
    for s in range(first, k):
        shift = state.shift[slot]
        for l in range(state.level.size):
            d = state.potential[s, l] / state.level[l] - shift
            state.sums[slot, l] += d
            state.squares[slot, l] += d * d
        state.recent[slot] = state.potential[s, 0] / state.level[0]
        slot += 1


@helper()
def choose(k: int, words: Any, level: Any, offset: Any, weights: Any, out: Any, i: int) -> None:
    """Draw a state in every lane by inversion; `level` holds the sums of weights and ends as what is left of them.

    A state s is passed over where u * total reaches the weights up to s, so that a weight of zero is never chosen: u lies
    strictly between 0 and 1, and u * total rounds to less than total.
    """
    lanes = level.size
    for l in range(lanes):
        level[l] = lane_uniform(words, l) * level[l]
        offset[l] = np.int32(0)
    if k == 2:
        for l in range(lanes):
            out[i, l] = np.int32(1) if level[l] >= weights[0, l] else np.int32(0)
        return
    reached = weights
    for s in range(k - 1):
        if s > 0:
            for l in range(lanes):
                reached[s, l] = reached[s - 1, l] + reached[s, l]
        for l in range(lanes):
            offset[l] += np.int32(1) if level[l] >= reached[s, l] else np.int32(0)
    for l in range(lanes):
        out[i, l] = offset[l]


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class TableGibbs(NamedTuple):
    """Gibbs sampling of a `TableGraph`; `stochinf.graphs.Gibbs` chooses it where it fits."""

    inverse_temperature: Any = 1.0

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> LaneState:
        """Return states drawn uniformly, or as given."""
        return table_state(target, position, streams, 0)

    def check_state(self, target: TableGraph, state: LaneState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: LaneState, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every lane."""
        i = target.free[point]
        k = target.cardinality[i]
        log_weights(target, state.position, i, state.offset, state.potential)
        exponentiate(k, rate, state.level, state.potential)
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class TableGibbsWithSums(NamedTuple):
    """`TableGibbs` that adds each conditional to the sums: Rao-Blackwellised marginals for the price of a division."""

    inverse_temperature: Any = 1.0

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> LaneState:
        """Return states drawn uniformly, or as given."""
        return table_state(target, position, streams, int(target.first_slot[-1]))

    def begin_sampling(self, target: TableGraph, state: LaneState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: TableGraph, state: LaneState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: LaneState, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every lane and add its conditional."""
        i = target.free[point]
        k = target.cardinality[i]
        log_weights(target, state.position, i, state.offset, state.potential)
        exponentiate(k, rate, state.level, state.potential)
        add_conditionals(target, state, i)
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)


def table_state(target: TableGraph, position: npt.NDArray[Any] | None, streams: Any, slots: int) -> LaneState:
    """Return the state with indices 0, 1, ... of each variable's states."""
    states = np.ascontiguousarray(starting_states(target, position, streams), dtype=np.int32)
    return lane_state(states, streams.lane_words(), int(target.cardinality.max(initial=1)), slots)
