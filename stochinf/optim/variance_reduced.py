r"""SAG, SAGA and SVRG: stochastic gradients whose noise vanishes, for sums of n terms.

.. math:: w \leftarrow \mathrm{prox}_{\eta \lambda_1} \left( w - \eta \left( g_i - \hat g_i + \bar g \right) \right),

with :math:`g_i` the gradient of one term, :math:`\hat g_i` that of an earlier time and :math:`\bar g` the mean of those; SAG
counts the difference as 1/n. Linear models keep one number per row and touch the features of a row alone
(`stochinf.optim.reduced`); other sums keep a gradient per term (SAG, SAGA) or one position (SVRG).

References
----------
Schmidt, M., Le Roux, N. and Bach, F. (2017). Minimizing finite sums with the stochastic average gradient. Math. Program. 162.
Defazio, A., Bach, F. and Lacoste-Julien, S. (2014). SAGA. NIPS 27.
Johnson, R. and Zhang, T. (2013). Accelerating stochastic gradient descent using predictive variance reduction. NIPS 26.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.rates import checked_rate, is_open
from stochinf.engine.target import check_needs
from stochinf.optim.corrections import AtOnce, Averaged, Snapshot
from stochinf.optim.curvature import bounded
from stochinf.optim.reduced import LinearReduced
from stochinf.optim.terms import TermsReduced

__all__ = ["SAG", "SAGA", "SVRG"]

Floats = npt.NDArray[np.float64]
Class = TypeVar("Class", bound=type)


class _Reduced:
    """What the three rules share."""

    def checked(self: Any) -> Any:
        """Check the rate."""
        name = type(self).__name__
        if getattr(self, "inner", 0) < 0:
            raise StochinfError(f"{name}: inner = {self.inner}; a number of steps is needed, 0 for two passes")
        return self._replace(learning_rate=checked_rate(name, "learning_rate", self.learning_rate))

    def rate_for(self: Any, target: Any, largest: float) -> float:
        """Return the rate for the largest Lipschitz constant of a row's gradient; n times the strong convexity is told too."""
        strong = float(target.n_points) * float(getattr(target, "l2", 0.0))
        return float(self.step(max(largest, 1e-300), strong))

    def prepare(self: Any, target: Any) -> Any:
        """Return the kernel for the target, with a rate where it was left open."""
        check_needs(self, target)
        rate = self.learning_rate
        if is_open(rate):
            rate = self.rate_for(target, bounded(type(self).__name__, target))
        correction = self.correction(int(target.n_points))
        if getattr(target, "linear", False) and hasattr(target, "design"):
            return LinearReduced(rate, correction)
        return TermsReduced(rate, correction)


def reducing(cls: Class) -> Class:
    """Make a NamedTuple with `step` and `correction` a rule."""
    for name, method in vars(_Reduced).items():
        if not name.startswith("__"):
            setattr(cls, name, method)
    decorate: Callable[[Class], Class] = part(
        needs=("gradient",), yields="optimum", rate_field="learning_rate", single=True, proximal=True, variance_reduced=True
    )
    return decorate(cls)


@reducing
class SAGA(NamedTuple):
    """SAGA.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN takes 1 / (2 L + min(2 n l2, L)) for the largest constant L of a row's gradient.

    Raises
    ------
    StochinfError
        If the rate is not positive, or was left open where no constant bounds the curvature.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> si.minimize(model, si.optim.SAGA(), stop=si.stop.epochs(100), rng=0).gap < 1e-10
    True
    """

    learning_rate: Any = math.nan

    def step(self, largest: float, strong: float) -> float:
        """Return the rate for constants of the target."""
        return 1.0 / (2.0 * largest + min(2.0 * strong, largest))

    def correction(self, n: int) -> AtOnce:
        """Return how a gradient is corrected."""
        return AtOnce()


@reducing
class SAG(NamedTuple):
    """Stochastic average gradient.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN takes 1 / L for the largest constant L of a row's gradient.

    Raises
    ------
    StochinfError
        If the rate is not positive, or was left open where no constant bounds the curvature.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> si.minimize(model, si.optim.SAG(0.2), stop=si.stop.epochs(200), rng=0).gap < 1e-6
    True
    """

    learning_rate: Any = math.nan

    def step(self, largest: float, strong: float) -> float:
        """Return the rate for constants of the target."""
        return 1.0 / largest

    def correction(self, n: int) -> Averaged:
        """Return how a gradient is corrected."""
        return Averaged()


@reducing
class SVRG(NamedTuple):
    """Stochastic variance reduced gradient.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN takes 1 / (3 L) for the largest constant L of a row's gradient.
    inner : int
        Steps between two whole gradients, which are not counted as steps; 0 takes two passes.

    Raises
    ------
    StochinfError
        If the rate is not positive, or was left open where no constant bounds the curvature.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> si.minimize(model, si.optim.SVRG(), stop=si.stop.epochs(100), rng=0).gap < 1e-10
    True
    """

    learning_rate: Any = math.nan
    inner: int = 0

    def step(self, largest: float, strong: float) -> float:
        """Return the rate for constants of the target."""
        return 1.0 / (3.0 * largest)

    def correction(self, n: int) -> Snapshot:
        """Return how a gradient is corrected."""
        return Snapshot(self.inner or 2 * n)
