"""Schedules in phases: waves, drops at given steps, and one cycle up and down; public in `stochinf.schedules`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.rates import demand_finite, demand_positive

__all__ = ["Cyclic", "MultiStep", "OneCycle"]


@part
class Cyclic(NamedTuple):
    """A triangle wave from `low` to `high` and back over `2 * half_period` steps.

    Parameters
    ----------
    half_period : int
        Steps from the lowest factor to the highest.
    low, high : float
        Lowest and highest factor.
    decay : float
        What every cycle multiplies the height of the wave by.

    References
    ----------
    Smith, L. N. (2017). Cyclical learning rates for training neural networks, section 3.1.

    Examples
    --------
    >>> import stochinf as si
    >>> wave = si.schedules.Cyclic(2, low=0.0)
    >>> [wave(t) for t in range(6)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.5]
    """

    half_period: int
    low: float = 0.1
    high: float = 1.0
    decay: float = 1.0

    def checked(self) -> Cyclic:
        """Check the period."""
        return demand_positive(self, "half_period")

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        place = step % (2 * self.half_period)
        height = 1.0 - abs(place / self.half_period - 1.0)
        if self.decay != 1.0:
            height *= self.decay ** (step // (2 * self.half_period))
        return float(self.low + (self.high - self.low) * height)


@part
class MultiStep(NamedTuple):
    """Multiply by `factor` at each of the given steps.

    Parameters
    ----------
    milestones : array of int
        The steps at which the rate drops, in increasing order.
    factor : float
        What a drop multiplies by.

    Examples
    --------
    >>> import stochinf as si
    >>> drops = si.schedules.MultiStep([2, 3], factor=0.5)
    >>> [drops(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """

    milestones: npt.NDArray[np.int64]
    factor: float = 0.1

    def checked(self) -> MultiStep:
        """Check the steps."""
        if self.milestones.ndim != 1 or (np.diff(self.milestones) <= 0).any() or (self.milestones < 0).any():
            raise StochinfError(f"{self!r}: milestones are steps in increasing order")
        return demand_finite(self)

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        rate = 1.0
        for k in range(self.milestones.size):
            if step >= self.milestones[k]:
                rate *= self.factor
        return rate


@part
class OneCycle(NamedTuple):
    """Half a cosine up from `initial` to 1 over the first share of the steps, then one down to `final`; the rate is the peak.

    Parameters
    ----------
    horizon : int
        Steps of the cycle; the last of them, and all later ones, have the factor `final`.
    share : float
        Share of the steps on the way up: the peak is at step share * horizon - 1.
    initial, final : float
        Factor at step 0, and at the end.

    References
    ----------
    Smith, L. N. and Topin, N. (2018). Super-convergence: very fast training of neural networks using large learning rates.

    Examples
    --------
    >>> import stochinf as si
    >>> cycle = si.schedules.OneCycle(9, share=1 / 3, initial=0.0, final=0.5)
    >>> [round(cycle(t), 3) for t in (0, 1, 2, 5, 8, 9)]
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.5]
    """

    horizon: int
    share: float = 0.3
    initial: float = 0.04
    final: float = 4e-6

    def checked(self) -> OneCycle:
        """Check that there is a way up and a way down."""
        if not (self.share * self.horizon > 1 and self.share < 1):
            raise StochinfError(f"{self!r}: share below 1 and share * horizon above 1 are needed")
        return demand_positive(self, "horizon")

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        peak = self.share * self.horizon - 1.0
        low = self.initial
        done = step / peak
        if step > peak:
            low = self.final
            done = 1.0 - min((step - peak) / (self.horizon - 1.0 - peak), 1.0)
        return low + 0.5 * (1.0 - low) * (1.0 - math.cos(math.pi * done))
