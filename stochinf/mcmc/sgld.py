r"""Stochastic gradient Langevin dynamics.

For a log density :math:`-U`, with :math:`\hat g` an unbiased estimate of :math:`\nabla U` from a minibatch, a step is

.. math:: \theta \leftarrow \theta - h \, \hat g + \sqrt{2 h T} z, \qquad z \sim N(0, I).

This is equation (4) of Welling and Teh with :math:`\epsilon = 2 h`. There is no accept step: with a constant step size the draws
have a bias of order h, and minibatches whose estimate has the variance V add :math:`h V / (2 T)` to the unit variance of z. Both
vanish with a schedule such as `stochinf.schedules.RobbinsMonro()`; the second is all but removed by control variates.
`stochinf.diagnostics.predicted_bias` says beforehand how large both are.

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

from stochinf.diagnostics.gradient_noise import gradient_variance
from stochinf.engine.parts import part
from stochinf.engine.pickers import Minibatches
from stochinf.mcmc.estimators import Minibatch
from stochinf.mcmc.noise import noise_ratio
from stochinf.mcmc.stochastic import checked_dynamics, default_batches, fitted, overdamped
from stochinf.models.batch import size_of
from stochinf.optim.starting import starting_point

__all__ = ["SGLD", "SGLDState"]

Floats = npt.NDArray[np.float64]


class SGLDState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, proposal : ndarray of shape (dim,)
    memory : NamedTuple of arrays
        What the estimate of the gradient remembers.
    batch : ndarray of shape (1,)
        Rows of the last minibatch.
    stats : ndarray of shape (2,)
        step_size; batch_noise, the share that minibatches add to the variance of the injected noise in the worst coordinate, as
        measured at the end of warm-up, NaN without one.
    nonfinite : ndarray of shape (1,)
        Steps that would have led to a position that is not finite; they were not taken.
    """

    position: Floats
    gradient: Floats
    proposal: Floats
    memory: Any
    batch: npt.NDArray[np.int64]
    stats: Floats
    nonfinite: npt.NDArray[np.int64]


@part(needs=("gradient",), yields="draws", rate_field="step_size", statistics=("step_size", "batch_noise"))
class SGLD(NamedTuple):
    """Stochastic gradient Langevin dynamics.

    Parameters
    ----------
    step_size : float or schedule
        The step h, half the variance of its noise at T = 1. NaN takes 1 / (2 n L), with L the largest constant of a row's
        gradient, or less where the noise of minibatches of 100 would add more than a twentieth to the injected noise.
    temperature : float
        T; 1 samples the posterior, 0 is gradient descent.
    estimator : part
        How the gradient is estimated: `Minibatch()`, `ControlVariates()`, `SVRG()`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> d = si.sample(model, draws=200, warmup=50, chains=2, kernel=si.mcmc.SGLD(), rng=0)
    >>> d["coefficients"].shape
    (2, 200, 2)
    """

    step_size: Any = math.nan
    temperature: float = 1.0
    estimator: Any = Minibatch()

    def checked(self) -> SGLD:
        """Check the numbers."""
        return checked_dynamics(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> SGLD:
        """Take what was left open from the target."""
        return fitted(self, target)  # type: ignore[no-any-return]

    def pick(self, target: Any) -> Minibatches:
        """Take batches of 100 rows, or of all where there are fewer."""
        return default_batches(target)

    def overdamped(self, step: float) -> float:
        """Return the step of the overdamped dynamics that this amounts to."""
        return step

    def linearised(self, curvature: Floats, noise: Floats, step: float) -> tuple[Floats, Floats]:
        """Return M and Q of the chain x' = M x + N(0, Q) near a mode, from the Hessian of U and the noise of its gradient."""
        eye = np.eye(len(curvature))
        return eye - step * curvature, step**2 * noise + 2.0 * step * self.temperature * eye

    def init(self, target: Any, position: Floats | None, streams: Any) -> SGLDState:
        """Return the state at a starting point."""
        start = np.asarray(starting_point("SGLD", target, position, streams), dtype=np.float64)
        memory = self.estimator.begin(target, start)
        stats = np.array([0.0, math.nan])
        return SGLDState(
            start, np.zeros(start.size), np.zeros(start.size), memory, np.zeros(1, np.int64), stats, np.zeros(1, np.int64)
        )

    def begin_sampling(self, target: Any, state: SGLDState) -> None:
        """Measure the noise of the minibatches against that which is injected."""
        variance = gradient_variance(self.estimator, target, state)
        state.stats[1] = np.max(noise_ratio(state.stats[0], variance, self.temperature))

    def update(self, target: Any, state: SGLDState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Take a gradient step and add noise."""
        self.estimator.estimate(target, state.memory, state.position, point, state.gradient)
        state.stats[0] = rate
        state.batch[0] = size_of(point)
        overdamped(state, rate, self.temperature, rng)
