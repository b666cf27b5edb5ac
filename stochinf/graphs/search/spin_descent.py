r"""Descent of spins from many random states: iterated conditional modes.

A step is a sweep in which every spin whose flip lowers the energy flips. A sweep that flips none has reached a local minimum;
all spins are then drawn afresh.

References
----------
Besag, J. (1986). On the statistical analysis of dirty pictures. JRSS B 48(3), section 2.5.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import next_word
from stochinf.graphs.search.spin_energy import SpinEnergy, SpinSearchState, flip, remember_best, search_state

__all__ = ["SpinDescent"]


@part
class SpinDescent(NamedTuple):
    """Descent of a `SpinEnergy` with restarts, which `state.clock[0]` counts."""

    unused: int = 0

    def pick(self, target: SpinEnergy) -> Scan:
        """Return the picker of a single point: a step is a whole sweep."""
        return Scan(1)

    def init(self, target: SpinEnergy, position: npt.NDArray[Any] | None, streams: Any) -> SpinSearchState:
        """Return spins drawn uniformly, or the state indices given."""
        drawn = streams.generator().integers(0, 2, target.n_points)
        return search_state(target, drawn if position is None else position)

    def update(self, target: SpinEnergy, state: SpinSearchState, point: int, rate: float, rng: Any) -> None:
        """Do one sweep; start again from a minimum."""
        flips = 0
        for i in range(state.gain.size):
            if state.gain[i] < 0:
                flip(target, state, i)
                flips += 1
        if state.energy[0] < state.energy[1]:
            remember_best(state)
        if flips == 0:
            state.clock[0] += 1
            for i in range(state.gain.size):
                if next_word(rng) >> np.uint64(63) == np.uint64(0):
                    flip(target, state, i)
