r"""SPSA: simultaneous perturbation, for values that are noisy.

With :math:`\Delta` a vector of random signs, gains :math:`a_t = a / (A + t)^{0.602}` and distances
:math:`c_t = c / t^{0.101}`,

.. math:: x_i \leftarrow x_i - a_t \frac{f(x + c_t \Delta) - f(x - c_t \Delta)}{2 c_t \Delta_i}, \qquad t = 1, 2, \dots

Two values a step, whatever the dimension; the steps and distances that shrink average the noise out.

References
----------
Spall, J. C. (1992). Multivariate stochastic approximation using a simultaneous perturbation gradient approximation. IEEE
Transactions on Automatic Control 37, equation (2.2).
Spall, J. C. (1998). Implementation of the simultaneous perturbation algorithm for stochastic optimization. IEEE Transactions on
Aerospace and Electronic Systems 34, section III: the exponents, and A.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stochinf.engine.parts import part
from stochinf.engine.rates import checked_rate
from stochinf.engine.schedules import RobbinsMonro
from stochinf.engine.target import check_needs
from stochinf.optim.black_box.probing import Probing, Signs, check_probing, transform_of
from stochinf.optim.transforms import Identity

__all__ = ["SPSA"]

GAIN, DISTANCE, STABILITY = 0.602, 0.101, 100.0
"""Exponents of the gains and of the distances; A."""


@part(needs=("value",), yields="optimum")
class SPSA(NamedTuple):
    """Simultaneous perturbation stochastic approximation.

    Parameters
    ----------
    learning_rate : float or schedule
        A schedule is taken as it is; a number a is that of a / (1 + (t - 1) / A)^0.602, A = 100. NaN takes what makes the first
        step ten times as long as sigma in every coordinate.
    sigma : float
        Distance c of the first probes; about the standard deviation of the noise of a value divided by the slope, or more. NaN
        takes 1/400 of the width of the problem's region, or 0.005 where it has none.
    directions : int
        Pairs of values a step, whose estimates are averaged.
    transform : part
        What is done to the estimate before the step; see `TwoPoint`.

    Raises
    ------
    StochinfError
        If a number is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> noise = np.random.default_rng(0)
    >>> bowl = si.Function(lambda x: float(((x - 1.0) ** 2).sum() + 0.1 * noise.standard_normal()), 3)
    >>> result = si.minimize(bowl, si.optim.SPSA(0.1, sigma=0.3), x0=[0.0, 0.0, 0.0], stop=si.stop.steps(2000), rng=0)
    >>> bool(abs(result.x - 1.0).max() < 0.1)
    True
    """

    learning_rate: Any = math.nan
    sigma: float = math.nan
    directions: int = 1
    transform: Any = Identity()

    def checked(self) -> SPSA:
        """Check the numbers and the transform."""
        check_probing("SPSA", self.sigma, self.directions, self.transform)
        return self._replace(learning_rate=checked_rate("SPSA", "learning_rate", self.learning_rate))

    def prepare(self, target: Any) -> Probing:
        """Return the kernel on a target."""
        check_needs(self, target)
        rate, measure = self.learning_rate, 0
        if not hasattr(rate, "at"):
            measure = 2 if math.isnan(rate) else 0
            first = 1.0 if math.isnan(rate) else rate
            rate = RobbinsMonro(a=first * STABILITY**GAIN, b=STABILITY, p=GAIN)
        return Probing(rate, self.sigma, DISTANCE, self.directions, Signs(), transform_of(self.transform), measure)
