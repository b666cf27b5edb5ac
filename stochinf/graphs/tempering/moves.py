r"""What lanes at different temperatures do between swaps: single-site Gibbs steps, and the log weight of what they reach.

Lane l with inverse temperature :math:`\beta_l` samples

.. math:: p_{\beta_l}(x) \propto \exp(\beta_l L(x)),    L(x) = \sum_f \log w_f(x),

where an impossible entry of a table counts as `stochinf.graphs.targets.IMPOSSIBLE`: at :math:`\beta = 0` every configuration
is as likely, and as :math:`\beta` grows the impossible ones die out long before the weights are felt, so that a hot lane walks
through walls that no cold one could pass, and at :math:`\beta = 1` they have probability zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform
from stochinf.graphs.lane_state import starting_states
from stochinf.graphs.lanes import exp2
from stochinf.graphs.spin_gibbs import MINUS_TWO_LOG2_E, fields
from stochinf.graphs.table_gibbs import choose, exponentiate, log_weights
from stochinf.graphs.targets import SpinGraph, TableGraph

__all__ = ["SpinMove", "TableMove"]


@part(reorder=True)
class SpinMove(NamedTuple):
    """Gibbs steps of a `SpinGraph` at a temperature per lane."""

    unused: int = 0

    def begin(self, target: SpinGraph, position: Any, streams: Any) -> tuple[npt.NDArray[np.float32], int]:
        """Return spins (V, lanes), uniform or as given, and how many states a variable has at most in work space."""
        indices = (np.asarray(position) + 1) // 2 if position is not None and target.spin_labels else position
        return np.ascontiguousarray(2 * starting_states(target, indices, streams) - 1, dtype=np.float32), 1

    def constant(self, graph: Any) -> float:
        """Return what the log weight of a configuration has besides L."""
        return float(graph.spins.constant)

    def draw(self, target: SpinGraph, state: Any, point: int) -> None:
        """Draw one spin in every lane; `state.level` ends as the odds against +1."""
        i = target.free[point]
        spins = state.position
        fields(target, spins, i, state.level)
        for l in range(state.level.size):
            odds = exp2(state.beta[l] * MINUS_TWO_LOG2_E * state.level[l])
            up = lane_uniform(state.words, l) * (np.float32(1.0) + odds) < np.float32(1.0)
            spins[i, l] = np.float32(1.0) if up else np.float32(-1.0)
            state.level[l] = odds

    def draw_and_add(self, target: SpinGraph, state: Any, point: int) -> None:
        """Draw one spin in every lane; add the conditionals of the lanes at the cold end."""
        self.draw(target, state, point)
        slot = target.first_slot[target.free[point]]
        shift = state.shift[slot]
        cold = state.lane_at.shape[1] - 1
        p = np.float32(0.0)
        for a in range(state.lane_at.shape[0]):
            p = np.float32(1.0) / (np.float32(1.0) + state.level[state.lane_at[a, cold]])
            d = np.float32(p - shift)
            state.sums[slot, a] += d
            state.squares[slot, a] += d * d
        state.recent[slot] = p

    def weigh(self, target: SpinGraph, state: Any) -> None:
        """Write L of every lane: sum_i s_i (h_i + sum_{j > i} J_ij s_j)."""
        spins = state.position
        for l in range(state.score.size):
            state.score[l] = 0.0
        for i in range(spins.shape[0]):
            for l in range(state.score.size):
                state.level[l] = target.field[i]
            for k in range(target.start[i], target.start[i + 1]):
                j = target.neighbours[k]
                if j > i:
                    w = target.coupling[k]
                    for l in range(state.score.size):
                        state.level[l] += w * spins[j, l]
            for l in range(state.score.size):
                state.score[l] += np.float64(state.level[l] * spins[i, l])


@part(reorder=True)
class TableMove(NamedTuple):
    """Gibbs steps of a `TableGraph` at a temperature per lane."""

    unused: int = 0

    def begin(self, target: TableGraph, position: Any, streams: Any) -> tuple[npt.NDArray[np.int32], int]:
        """Return state indices (V, lanes), uniform or as given, and how many states a variable has at most."""
        states = np.ascontiguousarray(starting_states(target, position, streams), dtype=np.int32)
        return states, int(target.cardinality.max(initial=1))

    def constant(self, graph: Any) -> float:
        """Return what the log weight of a configuration has besides L: the largest entry of every table is 0 there."""
        flat = graph.flat
        return float(np.maximum.reduceat(flat.log_weights, flat.table_start[:-1]).sum()) if graph.n_factors else 0.0

    def draw(self, target: TableGraph, state: Any, point: int) -> None:
        """Draw one variable in every lane."""
        i = target.free[point]
        k = target.cardinality[i]
        self.tempered(target, state, i)
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)

    def draw_and_add(self, target: TableGraph, state: Any, point: int) -> None:
        """Draw one variable in every lane; add the conditionals of the lanes at the cold end."""
        i = target.free[point]
        k = target.cardinality[i]
        self.tempered(target, state, i)
        slot = target.first_slot[i]
        cold = state.lane_at.shape[1] - 1
        for s in range(1 if k == 2 else 0, k):
            shift = state.shift[slot]
            p = np.float32(0.0)
            for a in range(state.lane_at.shape[0]):
                l = state.lane_at[a, cold]
                p = state.potential[s, l] / state.level[l]
                d = np.float32(p - shift)
                state.sums[slot, a] += d
                state.squares[slot, a] += d * d
            state.recent[slot] = p
            slot += 1
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)

    def tempered(self, target: TableGraph, state: Any, i: int) -> None:
        """Write the weights of the states of variable i, at every lane's temperature, and their sums."""
        k = target.cardinality[i]
        log_weights(target, state.position, i, state.offset, state.potential)
        for s in range(k):
            for l in range(state.level.size):
                state.potential[s, l] *= state.beta[l]
        exponentiate(k, 1.0, state.level, state.potential)

    def weigh(self, target: TableGraph, state: Any) -> None:
        """Write L of every lane, factor by factor."""
        for l in range(state.score.size):
            state.score[l] = 0.0
        for f in range(target.scope_start.size - 1):
            for l in range(state.score.size):
                state.offset[l] = target.table_start[f]
            for q in range(target.scope_start[f], target.scope_start[f + 1]):
                j = target.scope[q]
                w = target.stride[q]
                for l in range(state.score.size):
                    state.offset[l] = np.int32(state.offset[l] + w * state.position[j, l])
            for l in range(state.score.size):
                state.score[l] += np.float64(target.log_tables[state.offset[l]])
