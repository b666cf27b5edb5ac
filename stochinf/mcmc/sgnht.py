r"""The stochastic gradient Nosé-Hoover thermostat.

The friction :math:`\xi` of SGHMC becomes a variable that keeps the kinetic energy at the temperature, and so takes up whatever
noise the minibatches add, as long as it is the same in all directions:

.. math::
    v &\leftarrow (1 - h \xi) v - h \hat g + \sqrt{2 h A T} z, \qquad z \sim N(0, I) \\
    \theta &\leftarrow \theta + h v \\
    \xi &\leftarrow \xi + h \left( \tfrac{1}{d} |v|^2 - T \right).

References
----------
Ding, N. et al. (2014). Bayesian sampling using stochastic gradient thermostats. NIPS 27, algorithm 2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.normals import write_normals
from stochinf.engine.parts import part
from stochinf.engine.pickers import Minibatches
from stochinf.mcmc.estimators import Minibatch
from stochinf.mcmc.noise import noise_scale
from stochinf.mcmc.sghmc import checked_friction, with_friction
from stochinf.mcmc.stochastic import default_batches, rejected
from stochinf.optim.starting import starting_point

__all__ = ["SGNHT", "SGNHTState"]

Floats = npt.NDArray[np.float64]


class SGNHTState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, velocity, gradient, proposal : ndarray of shape (dim,)
        The proposal is that of the velocity.
    memory : NamedTuple of arrays
        What the estimate of the gradient remembers.
    stats : ndarray of shape (2,)
        The step size; the thermostat, xi.
    nonfinite : ndarray of shape (1,)
        Steps that would have led to a position that is not finite; they were not taken.
    """

    position: Floats
    velocity: Floats
    gradient: Floats
    proposal: Floats
    memory: Any
    stats: Floats
    nonfinite: npt.NDArray[np.int64]


@part(needs=("gradient",), yields="draws", rate_field="step_size", statistics=("step_size", "thermostat"))
class SGNHT(NamedTuple):
    """Stochastic gradient Nosé-Hoover thermostat.

    Parameters
    ----------
    step_size : float or schedule
        The step h; NaN takes SGHMC's choice.
    friction : float
        A, the strength of the injected noise, and where the thermostat begins; NaN takes 0.1 / h.
    temperature : float
        T; 1 samples the posterior.
    estimator : part
        How the gradient is estimated: `Minibatch()`, `ControlVariates()`, `SVRG()`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> d = si.sample(model, draws=200, warmup=50, chains=2, kernel=si.mcmc.SGNHT(), rng=0)
    >>> d["coefficients"].shape
    (2, 200, 2)
    """

    step_size: Any = math.nan
    friction: float = math.nan
    temperature: float = 1.0
    estimator: Any = Minibatch()

    def checked(self) -> SGNHT:
        """Check the numbers."""
        return checked_friction(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> SGNHT:
        """Take what was left open from the target."""
        return with_friction(self, target)  # type: ignore[no-any-return]

    def pick(self, target: Any) -> Minibatches:
        """Take batches of 100 rows, or of all where there are fewer."""
        return default_batches(target)

    def init(self, target: Any, position: Floats | None, streams: Any) -> SGNHTState:
        """Return the state at a starting point, at rest."""
        start = np.asarray(starting_point("SGNHT", target, position, streams), dtype=np.float64)
        velocity, gradient, proposal = (np.zeros(start.size) for _ in range(3))
        memory, stats = self.estimator.begin(target, start), np.array([0.0, self.friction])
        return SGNHTState(start, velocity, gradient, proposal, memory, stats, np.zeros(1, np.int64))

    def update(self, target: Any, state: SGNHTState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Kick and damp the velocity, drift, turn the thermostat."""
        self.estimator.estimate(target, state.memory, state.position, point, state.gradient)
        keep = 1.0 - rate * state.stats[1]
        noise = noise_scale(rate * self.friction, self.temperature)
        write_normals(rng, state.proposal)
        finite = True
        squares = 0.0
        for j in range(state.position.size):
            velocity = keep * state.velocity[j] - rate * state.gradient[j] + noise * state.proposal[j]
            finite = finite and math.isfinite(state.position[j] + rate * velocity)
            squares += velocity * velocity
            state.proposal[j] = velocity
        state.stats[0] = rate
        if not (finite and math.isfinite(squares)):
            rejected(state)
            return
        for j in range(state.position.size):
            state.velocity[j] = state.proposal[j]
            state.position[j] += rate * state.proposal[j]
        state.stats[1] += rate * (squares / state.position.size - self.temperature)
