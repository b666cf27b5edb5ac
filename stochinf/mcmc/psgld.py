r"""Preconditioned stochastic gradient Langevin dynamics.

With :math:`\bar g = \hat g / n` the estimated mean gradient, the diagonal preconditioner of RMSProp is

.. math:: v \leftarrow \beta v + (1 - \beta) \, \bar g \odot \bar g, \qquad G = 1 / (\lambda + \sqrt{v / (1 - \beta^t)}),

and a step is

.. math:: \theta \leftarrow \theta - h \, G \hat g + \sqrt{2 h T G} z.

G is learnt during warm-up and then held, so that the dynamics has the posterior as its law. While G changes with the position
that would take a term :math:`\Gamma = \nabla \cdot G` as well, which Li et al. leave out, as this does during warm-up; a run
without warm-up learns all along and has the bias of that.

References
----------
Li, C., Chen, C., Carlson, D. and Carin, L. (2016). Preconditioned stochastic gradient Langevin dynamics for deep neural networks.
AAAI, algorithm 1, with h half of their epsilon.
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
from stochinf.mcmc.stochastic import BATCH, checked_dynamics, default_batches, fitted, rejected
from stochinf.models.batch import size_of
from stochinf.optim.starting import starting_point

__all__ = ["PSGLD", "PSGLDState"]

Floats = npt.NDArray[np.float64]


class PSGLDState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, proposal : ndarray of shape (dim,)
    squares, preconditioner : ndarray of shape (dim,)
        v and G.
    clock : ndarray of shape (2,)
        beta^t; 1 while G is learnt, 0 once it is held.
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
    squares: Floats
    preconditioner: Floats
    clock: Floats
    memory: Any
    batch: npt.NDArray[np.int64]
    stats: Floats
    nonfinite: npt.NDArray[np.int64]


@part(needs=("gradient",), yields="draws", rate_field="step_size", statistics=("step_size", "batch_noise"))
class PSGLD(NamedTuple):
    """SGLD with the preconditioner of RMSProp, learnt during warm-up and then held.

    Parameters
    ----------
    step_size : float or schedule
        The step h; NaN takes SGLD's choice times sqrt(L / B), the size of a mean gradient in the stiffest direction, so that G h
        is SGLD's there.
    decay : float
        The memory beta of the squared gradients; at least 0 and below 1.
    regularisation : float
        The lambda that is added to the root of the squares; positive.
    temperature : float
        T; 1 samples the posterior, 0 is RMSProp.
    estimator : part
        How the gradient is estimated: `Minibatch()`, `ControlVariates()`, `SVRG()`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 50.0], [1.0, -99.0], [1.0, 20.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> d = si.sample(model, draws=200, warmup=50, chains=2, kernel=si.mcmc.PSGLD(0.01), rng=0)
    >>> d["coefficients"].shape
    (2, 200, 2)
    """

    step_size: Any = math.nan
    decay: float = 0.99
    regularisation: float = 1e-5
    temperature: float = 1.0
    estimator: Any = Minibatch()

    def checked(self) -> PSGLD:
        """Check the numbers."""
        if not 0 <= self.decay < 1:
            raise StochinfError(f"PSGLD: decay = {self.decay}; a number at least 0 and below 1 is needed")
        if not 0 < self.regularisation < math.inf:
            raise StochinfError(f"PSGLD: regularisation = {self.regularisation}; a positive finite number is needed")
        return checked_dynamics(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> PSGLD:
        """Take what was left open from the target."""
        made = fitted(self, target)
        if is_open(self.step_size) and hasattr(target, "row_smoothness"):
            size = math.sqrt(float(target.row_smoothness()) / min(int(target.n_points), BATCH))
            made = made._replace(step_size=made.step_size * (size or 1.0))
        return made  # type: ignore[no-any-return]

    def pick(self, target: Any) -> Minibatches:
        """Take batches of 100 rows, or of all where there are fewer."""
        return default_batches(target)

    def init(self, target: Any, position: Floats | None, streams: Any) -> PSGLDState:
        """Return the state at a starting point, with nothing learnt."""
        start = np.asarray(starting_point("PSGLD", target, position, streams), dtype=np.float64)
        gradient, proposal, squares = (np.zeros(start.size) for _ in range(3))
        return PSGLDState(
            start, gradient, proposal, squares, np.ones(start.size), np.ones(2), self.estimator.begin(target, start),
            np.zeros(1, np.int64), np.array([0.0, math.nan]), np.zeros(1, np.int64),
        )  # fmt: skip

    def begin_sampling(self, target: Any, state: PSGLDState) -> None:
        """Hold the preconditioner from here on, if any has been learnt; measure the noise of the minibatches."""
        if state.clock[0] < 1.0:
            state.clock[1] = 0.0
        variance = state.preconditioner * gradient_variance(self.estimator, target, state)
        state.stats[1] = np.max(noise_ratio(state.stats[0], variance, self.temperature))

    def update(self, target: Any, state: PSGLDState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Take a gradient step in the preconditioner's metric and add noise."""
        self.estimator.estimate(target, state.memory, state.position, point, state.gradient)
        if state.clock[1] > 0.0:
            self.learn(state)
        noise = noise_scale(rate, self.temperature)
        write_normals(rng, state.proposal)
        finite = True
        for j in range(state.position.size):
            scale = state.preconditioner[j]
            moved = state.position[j] - rate * scale * state.gradient[j] + noise * math.sqrt(scale) * state.proposal[j]
            finite = finite and math.isfinite(moved)
            state.proposal[j] = moved
        state.stats[0] = rate
        state.batch[0] = size_of(point)
        if not finite:
            rejected(state)
            return
        for j in range(state.position.size):
            state.position[j] = state.proposal[j]

    def learn(self, state: PSGLDState) -> None:
        """Take the present gradient into the preconditioner."""
        state.clock[0] *= self.decay
        weight = 1.0 / (1.0 - state.clock[0])
        for j in range(state.position.size):
            mean = state.gradient[j] / self.estimator.n_points
            square = self.decay * state.squares[j] + (1.0 - self.decay) * mean * mean
            if math.isfinite(square):
                state.squares[j] = square
                state.preconditioner[j] = 1.0 / (self.regularisation + math.sqrt(weight * square))
