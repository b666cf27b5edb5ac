r"""Simulated annealing of spins, one chain, gains kept up to date.

A step is a sweep: every spin in turn flips with the probability of Metropolis,

.. math:: \min(1, \exp(-\beta d_i)),

at the inverse temperature :math:`\beta` of that sweep, the rate; `d_i` is what the flip adds to the energy. A flip whose
probability is below 2^-24, which no random number of 24 bits can accept, draws none.

References
----------
Kirkpatrick, S., Gelatt, C. D. and Vecchi, M. P. (1983). Optimization by simulated annealing. Science 220.
Isakov, S. V., Zintchenko, I. N., Ronnow, T. F. and Troyer, M. (2015). Optimised simulated annealing for Ising spin glasses.
Computer Physics Communications 192, sections 3 and 4.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.graphs.lanes import exp2
from stochinf.graphs.search.spin_energy import SpinEnergy, SpinSearchState, flip, remember_best, search_state

__all__ = ["SpinAnnealing"]

LOG2_E = np.float32(1.4426950408889634)
HOPELESS = np.float32(24.0)
"""Bits of a uniform number: a flip of probability below 2^-24 is never accepted."""


@part(rate_field="inverse_temperature")
class SpinAnnealing(NamedTuple):
    """Metropolis sweeps over a `SpinEnergy` at a rate that the schedule gives; the best position seen is kept."""

    inverse_temperature: Any = 1.0

    def pick(self, target: SpinEnergy) -> Scan:
        """Return the picker of a single point: a step is a whole sweep."""
        return Scan(1)

    def init(self, target: SpinEnergy, position: npt.NDArray[Any] | None, streams: Any) -> SpinSearchState:
        """Return spins drawn uniformly, or the state indices given."""
        drawn = streams.generator().integers(0, 2, target.n_points)
        return search_state(target, drawn if position is None else position)

    def update(self, target: SpinEnergy, state: SpinSearchState, point: int, rate: float, rng: Any) -> None:
        """Do one sweep."""
        scale = np.float32(rate * target.unit) * LOG2_E
        a = rng[0]
        b = rng[1]
        c = rng[2]
        d = rng[3]
        for i in range(state.gain.size):
            gain = state.gain[i]
            bits = np.float32(gain) * scale
            if bits < HOPELESS:
                accepted = gain <= 0
                if not accepted:
                    word = np.uint64(np.uint64(a + b) + d)
                    d = np.uint64(d + np.uint64(1))
                    a = b ^ (b >> np.uint64(11))
                    b = np.uint64(c + np.uint64(c << np.uint64(3)))
                    c = np.uint64(((c << np.uint64(24)) | (c >> np.uint64(40))) + word)
                    u = np.float32(np.int32(word >> np.uint64(40))) * np.float32(5.9604645e-08)
                    accepted = u < exp2(-bits)
                if accepted:
                    flip(target, state, i)
                    if state.energy[0] < state.energy[1]:
                        remember_best(state)
        rng[0] = a
        rng[1] = b
        rng[2] = c
        rng[3] = d
