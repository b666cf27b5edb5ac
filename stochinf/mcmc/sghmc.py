r"""Stochastic gradient Hamiltonian Monte Carlo.

Underdamped Langevin dynamics with unit mass and friction :math:`\gamma`, driven by an estimate :math:`\hat g` of
:math:`\nabla U`:

.. math::
    v &\leftarrow (1 - h \gamma) v - h \hat g + \sqrt{2 h \gamma T} z, \qquad z \sim N(0, I) \\
    \theta &\leftarrow \theta + h v.

Chen, Fox and Guestrin's equation 15 has h v for their v, :math:`\eta = h^2` and :math:`\alpha = h \gamma`, and takes an estimate
of the gradient's own noise off the injected one; here that estimate is zero, and `stochinf.diagnostics.predicted_bias` tells what
it amounts to: the noise of minibatches adds :math:`h V / (2 \gamma T)` to the unit variance of z.

References
----------
Chen, T., Fox, E. B. and Guestrin, C. (2014). Stochastic gradient Hamiltonian Monte Carlo. ICML, equations (13) and (15).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.gradient_noise import gradient_variance
from stochinf.engine.errors import StochinfError
from stochinf.engine.normals import write_normals
from stochinf.engine.parts import part
from stochinf.engine.pickers import Minibatches
from stochinf.engine.rates import is_open
from stochinf.mcmc.estimators import Minibatch
from stochinf.mcmc.noise import noise_ratio, noise_scale
from stochinf.mcmc.stochastic import checked_dynamics, default_batches, fitted, rejected
from stochinf.models.batch import size_of
from stochinf.optim.starting import starting_point

__all__ = ["SGHMC", "SGHMCState", "checked_friction", "with_friction"]

Floats = npt.NDArray[np.float64]

DAMPING = 0.1
"""h gamma where the friction is chosen here: a velocity is remembered for some ten steps."""


class SGHMCState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, velocity, gradient, proposal : ndarray of shape (dim,)
        The proposal is that of the velocity.
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
    velocity: Floats
    gradient: Floats
    proposal: Floats
    memory: Any
    batch: npt.NDArray[np.int64]
    stats: Floats
    nonfinite: npt.NDArray[np.int64]


def checked_friction(kernel: Any) -> Any:
    """Return a kernel whose friction is positive, or left open, and whose other numbers are what they should be.

    Raises
    ------
    StochinfError
        If the friction is not.
    """
    if not (math.isnan(kernel.friction) or 0 < kernel.friction < math.inf):
        raise StochinfError(f"{type(kernel).__name__}: friction = {kernel.friction}; a positive finite number is needed")
    return checked_dynamics(kernel)


def with_friction(kernel: Any, target: Any) -> Any:
    r"""Return a kernel with step size and friction where they were left open.

    Slow underdamped dynamics are overdamped ones with the step :math:`h / \gamma`, which is chosen as SGLD's; with
    :math:`h \gamma = 0.1` that fixes both.

    Raises
    ------
    StochinfError
        If the target lacks what the choice needs, or the friction was left open beside a schedule of steps.
    """
    if not hasattr(target, "gradient"):
        return kernel
    made = fitted(kernel, target)
    friction, step = kernel.friction, made.step_size
    if is_open(kernel.step_size):
        step = step * friction if not math.isnan(friction) else math.sqrt(DAMPING * step)
    if math.isnan(friction):
        if hasattr(step, "at"):
            raise StochinfError(f"{type(kernel).__name__}: friction was left open beside a schedule of step sizes; give a number")
        friction = DAMPING / step
    return made._replace(step_size=step, friction=friction)


@part(needs=("gradient",), yields="draws", rate_field="step_size", statistics=("step_size", "batch_noise"))
class SGHMC(NamedTuple):
    """Stochastic gradient Hamiltonian Monte Carlo.

    Parameters
    ----------
    step_size : float or schedule
        The step h; NaN takes the one whose h / friction is SGLD's step.
    friction : float
        The friction gamma; NaN takes 0.1 / h.
    temperature : float
        T; 1 samples the posterior, 0 is descent with momentum.
    estimator : part
        How the gradient is estimated: `Minibatch()`, `ControlVariates()`, `SVRG()`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> d = si.sample(model, draws=200, warmup=50, chains=2, kernel=si.mcmc.SGHMC(), rng=0)
    >>> d["coefficients"].shape
    (2, 200, 2)
    """

    step_size: Any = math.nan
    friction: float = math.nan
    temperature: float = 1.0
    estimator: Any = Minibatch()

    def checked(self) -> SGHMC:
        """Check the numbers."""
        return checked_friction(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> SGHMC:
        """Take what was left open from the target."""
        return with_friction(self, target)  # type: ignore[no-any-return]

    def pick(self, target: Any) -> Minibatches:
        """Take batches of 100 rows, or of all where there are fewer."""
        return default_batches(target)

    def overdamped(self, step: float) -> float:
        """Return the step of the overdamped dynamics that slow motion amounts to."""
        return step / self.friction

    def linearised(self, curvature: Floats, noise: Floats, step: float) -> tuple[Floats, Floats]:
        """Return M and Q of the chain (x, v)' = M (x, v) + N(0, Q) near a mode, from Hessian and gradient noise."""
        eye = np.eye(len(curvature))
        keep = 1.0 - step * self.friction
        matrix = np.block([[eye - step**2 * curvature, step * keep * eye], [-step * curvature, keep * eye]])
        kick = step**2 * noise + 2.0 * step * self.friction * self.temperature * eye
        return matrix, np.block([[step**2 * kick, step * kick], [step * kick, kick]])

    def init(self, target: Any, position: Floats | None, streams: Any) -> SGHMCState:
        """Return the state at a starting point, at rest."""
        start = np.asarray(starting_point("SGHMC", target, position, streams), dtype=np.float64)
        velocity, gradient, proposal = (np.zeros(start.size) for _ in range(3))
        memory = self.estimator.begin(target, start)
        batch, stats = np.zeros(1, np.int64), np.array([0.0, math.nan])
        return SGHMCState(start, velocity, gradient, proposal, memory, batch, stats, np.zeros(1, np.int64))

    def begin_sampling(self, target: Any, state: SGHMCState) -> None:
        """Measure the noise of the minibatches against that which is injected."""
        variance = gradient_variance(self.estimator, target, state)
        state.stats[1] = np.max(noise_ratio(state.stats[0] / self.friction, variance, self.temperature))

    def update(self, target: Any, state: SGHMCState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Kick and damp the velocity, then drift."""
        self.estimator.estimate(target, state.memory, state.position, point, state.gradient)
        keep = 1.0 - rate * self.friction
        noise = noise_scale(rate * self.friction, self.temperature)
        write_normals(rng, state.proposal)
        finite = True
        for j in range(state.position.size):
            velocity = keep * state.velocity[j] - rate * state.gradient[j] + noise * state.proposal[j]
            finite = finite and math.isfinite(state.position[j] + rate * velocity)
            state.proposal[j] = velocity
        state.stats[0] = rate
        state.batch[0] = size_of(point)
        if not finite:
            rejected(state)
            return
        for j in range(state.position.size):
            state.velocity[j] = state.proposal[j]
            state.position[j] += rate * state.proposal[j]
