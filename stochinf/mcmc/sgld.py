r"""Stochastic gradient Langevin dynamics.

For a log density :math:`-n f(\theta)`, with :math:`g` the mean gradient of :math:`f` over a minibatch, a step is

.. math:: \theta \leftarrow \theta - \frac{\epsilon}{2} n g + \sqrt{\epsilon} z, \qquad z \sim N(0, I).

This is equation (4) of Welling and Teh: their n/B times the sum over the batch of B rows is n times the mean. There is no
accept step: with a constant step size the draws have a bias of order :math:`\epsilon`, and the noise of the minibatches adds
:math:`\epsilon n^2 V / (4 B)` to the unit variance of z, where V is the variance of one row's gradient. Both
vanish with a schedule such as `stochinf.schedules.RobbinsMonro()`; else choose the step small or the batches large.

References
----------
Welling, M. and Teh, Y. W. (2011). Bayesian learning via stochastic gradient Langevin dynamics. ICML, equation (4).
Vollmer, S. J., Zygalakis, K. C. and Teh, Y. W. (2016). Exploration of the (non-)asymptotic bias and variance of stochastic
gradient Langevin dynamics. JMLR 17(159), section 4.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Minibatches
from stochinf.engine.random import normal
from stochinf.engine.rates import checked_rate
from stochinf.optim.starting import starting_point

__all__ = ["SGLD", "SGLDState"]

Floats = npt.NDArray[np.float64]

BATCH = 100


class SGLDState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, proposal : ndarray of shape (dim,)
    stats : ndarray of shape (1,)
        The step size.
    nonfinite : ndarray of shape (1,)
        Steps that would have led to a position that is not finite; they were not taken.
    """

    position: Floats
    gradient: Floats
    proposal: Floats
    stats: Floats
    nonfinite: npt.NDArray[np.int64]


@part(needs=("gradient",), yields="draws", rate_field="step_size", statistics=("step_size",))
class SGLD(NamedTuple):
    """Stochastic gradient Langevin dynamics.

    Parameters
    ----------
    step_size : float or schedule
        The variance of the noise of a step, epsilon. NaN takes 1 / (n L), with L the largest constant of a row's gradient:
        a quarter of the largest stable step or less, not so small that the noise of the minibatches could be neglected.
    n_points : int
        Number of points, n above; 0 takes the target's.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> d = si.sample(model, draws=200, warmup=50, chains=2, kernel=si.mcmc.SGLD(), rng=0)
    >>> d["coefficients"].shape
    (2, 200, 2)
    """

    step_size: Any = math.nan
    n_points: int = 0

    def checked(self) -> SGLD:
        """Check the step size."""
        return self._replace(step_size=checked_rate("SGLD", "step_size", self.step_size))

    def prepare(self, target: Any) -> SGLD:
        """Take the number of points, and the step size where it was left open, from the target."""
        if not hasattr(target, "gradient"):
            return self
        n = self.n_points or int(getattr(target, "n_points", 0))
        if n < 1:
            raise StochinfError(f"SGLD: {n} points; give n_points, or a {type(target).__name__} that has them")
        if hasattr(self.step_size, "at") or not math.isnan(self.step_size):
            return SGLD(self.step_size, n)
        if not hasattr(target, "row_smoothness"):
            raise StochinfError(
                f"SGLD: step_size was left open, and {type(target).__name__} has no row_smoothness() to choose it by;"
                " give a number"
            )
        largest = float(target.row_smoothness())
        return SGLD(1.0 / (n * largest) if largest > 0 else 1.0, n)

    def pick(self, target: Any) -> Minibatches:
        """Take batches of 100 rows, or of all where there are fewer."""
        return Minibatches(min(int(target.n_points), BATCH))

    def init(self, target: Any, position: Floats | None, streams: Any) -> SGLDState:
        """Return the state at a starting point."""
        start = starting_point("SGLD", target, position, streams)
        return SGLDState(start, np.zeros(start.size), np.zeros(start.size), np.zeros(1), np.zeros(1, np.int64))

    def update(self, target: Any, state: SGLDState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Take a gradient step and add noise."""
        target.gradient(state.position, point, state.gradient)
        drift = 0.5 * rate * self.n_points
        noise = math.sqrt(rate)
        finite = True
        for j in range(state.position.size):
            state.proposal[j] = state.position[j] - drift * state.gradient[j] + noise * normal(rng)
            finite = finite and math.isfinite(state.proposal[j])
        state.stats[0] = rate
        if not finite:
            state.nonfinite[0] += 1
            return
        for j in range(state.position.size):
            state.position[j] = state.proposal[j]
