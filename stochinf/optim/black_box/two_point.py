r"""Descent by Gaussian smoothing: gradients from two values along a normal direction.

With :math:`u \sim N(0, I)` the estimate

.. math:: \hat g = \frac{f(x + \sigma u) - f(x - \sigma u)}{2 \sigma}\, u

has as its mean the gradient of the smoothed function :math:`f_\sigma(x) = E f(x + \sigma u)`, which exists wherever f is
bounded, and is that of f itself where f is quadratic. It takes about dim times as many steps as the gradient would.

References
----------
Nesterov, Y. and Spokoiny, V. (2017). Random gradient-free minimization of convex functions. Foundations of Computational
Mathematics 17, equations (26) and (55).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stochinf.engine.parts import part
from stochinf.engine.rates import checked_rate, is_open
from stochinf.engine.target import check_needs
from stochinf.optim.black_box.probing import Normals, Probing, check_probing, transform_of
from stochinf.optim.transforms import Identity

__all__ = ["TwoPoint"]


@part(needs=("value",), yields="optimum")
class TwoPoint(NamedTuple):
    """Descent along two-point estimates of the gradient.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN takes 1 / (2 tr H + 4 L): trace and largest eigenvalue of the Hessian, estimated around the starting point.
    sigma : float
        Distance of the probes; NaN takes 1/400 of the width of the problem's region, or 0.005 where it has none.
    directions : int
        Pairs of values a step, whose estimates are averaged.
    transform : part
        What is done to the estimate before the step: `momentum(0.9)`, a `chain`, or a rule such as `Adam()`.

    Raises
    ------
    StochinfError
        If a number is out of its range.

    Examples
    --------
    >>> import stochinf as si
    >>> bowl = si.Function(lambda x: float(((x - 1.0) ** 2).sum()), 3)
    >>> result = si.minimize(bowl, si.optim.TwoPoint(0.1), x0=[0.0, 0.0, 0.0], stop=si.stop.steps(300), rng=0)
    >>> bool(result.fun < 1e-8)
    True
    """

    learning_rate: Any = math.nan
    sigma: float = math.nan
    directions: int = 1
    transform: Any = Identity()

    def checked(self) -> TwoPoint:
        """Check the numbers and the transform."""
        check_probing("TwoPoint", self.sigma, self.directions, self.transform)
        return self._replace(learning_rate=checked_rate("TwoPoint", "learning_rate", self.learning_rate))

    def prepare(self, target: Any) -> Probing:
        """Return the kernel on a target."""
        check_needs(self, target)
        left_open = is_open(self.learning_rate)
        rate = 1.0 if left_open else self.learning_rate
        return Probing(rate, self.sigma, 0.0, self.directions, Normals(), transform_of(self.transform), int(left_open))
