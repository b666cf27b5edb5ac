"""Gibbs sampling of spins whose couplings are stored in few bits, one chain in each SIMD lane, spins of one byte."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.graphs.lane_state import check_states, reset_sums
from stochinf.graphs.minibatch.spins import draw_spins
from stochinf.graphs.minibatch.state import MinibatchState, minibatch_state, spin_position

__all__ = ["CompactSpinGibbs"]


@helper(reorder=True)
def fields_of_few_bits(target: Any, spins: Any, i: int, out: Any) -> None:
    """Write the local field of spin i in every lane."""
    for l in range(out.size):
        out[l] = np.float32(0.0)
    for k in range(target.start[i], target.start[i + 1]):
        j = target.neighbours[k]
        w = target.weight(k)
        for l in range(out.size):
            out[l] += w * np.float32(spins[j, l])
    scale = np.float32(target.scale)
    for l in range(out.size):
        out[l] = target.field[i] + scale * out[l]


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class CompactSpinGibbs(NamedTuple):
    """Gibbs sampling of a `HalfSpinGraph` or a `ByteSpinGraph`; `stochinf.graphs.Gibbs` chooses it where it fits."""

    inverse_temperature: Any = 1.0
    sums: bool = False

    def init(self, target: Any, position: npt.NDArray[Any] | None, streams: Any) -> MinibatchState:
        """Return spins drawn uniformly, or as given."""
        slots = int(target.first_slot[-1]) if self.sums else 0
        return minibatch_state(spin_position(target, position, streams), streams, 1, slots)

    def begin_sampling(self, target: Any, state: MinibatchState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: Any, state: MinibatchState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: Any, state: MinibatchState, point: int, rate: float, rng: Any) -> None:
        """Draw one spin in every lane."""
        i = target.free[point]
        fields_of_few_bits(target, state.position, i, state.level)
        draw_spins(target, state, i, rate, 1 if self.sums else 0)
