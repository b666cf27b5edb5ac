"""Metropolis sampling of spins: flip or stay, one chain in each SIMD lane."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform
from stochinf.graphs.lane_state import check_states, reset_sums
from stochinf.graphs.lanes import exp2
from stochinf.graphs.one_spin import SpinState, check_cache
from stochinf.graphs.spin_gibbs import MINUS_TWO_LOG2_E, fields, spin_state
from stochinf.graphs.targets import SpinGraph

__all__ = ["SpinMetropolis"]


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class SpinMetropolis(NamedTuple):
    """Metropolis sampling of a `SpinGraph`; `stochinf.graphs.Metropolis` chooses it where it fits.

    Parameters
    ----------
    inverse_temperature : float or schedule
    sums : bool
    eagerness : float
        Probability of considering a flip at all, 1 - laziness.
    """

    inverse_temperature: Any = 1.0
    sums: bool = False
    eagerness: float = 0.9375

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> SpinState:
        """Return spins drawn uniformly, or as given."""
        return spin_state(target, position, streams, int(target.first_slot[-1]) if self.sums else 0)

    def begin_sampling(self, target: SpinGraph, state: SpinState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: SpinGraph, state: SpinState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)
        check_cache(state)

    def update(self, target: SpinGraph, state: SpinState, point: int, rate: float, rng: Any) -> None:
        """Flip one spin or leave it, in every lane; add its conditional, which the odds of a flip give."""
        i = target.free[point]
        spins = state.position
        scale = np.float32(rate) * MINUS_TWO_LOG2_E
        eagerness = np.float32(self.eagerness)
        fields(target, spins, i, state.level)
        for l in range(state.level.size):
            s = spins[i, l]
            odds = exp2(scale * s * state.level[l])
            spins[i, l] = -s if lane_uniform(state.words, l) < eagerness * min(np.float32(1.0), odds) else s
            flipped = odds / (np.float32(1.0) + odds)
            state.level[l] = flipped if s < np.float32(0.0) else np.float32(1.0) - flipped
        if self.sums:
            self.add(target, state, i)

    def add(self, target: SpinGraph, state: SpinState, i: int) -> None:
        """Add the conditionals in `level`."""
        slot = target.first_slot[i]
        shift = state.shift[slot]
        for l in range(state.level.size):
            d = state.level[l] - shift
            state.sums[slot, l] += d
            state.squares[slot, l] += d * d
        state.recent[slot] = state.level[0]
