r"""Cyclical SGLD: from mode to mode by steps that grow large again and again.

The step falls from :math:`h_0` to 0 along half a cosine in every cycle of P steps,

.. math:: h_k = \tfrac12 h_0 \left( \cos \frac{\pi \, (k \bmod P)}{P} + 1 \right).

In the first part of a cycle, a share `exploration` of it, no noise is injected: large steps of plain descent find another
mode. In the rest SGLD samples there. The statistic `temperature` is 0 while a chain explores: draws of that time are no sample.

References
----------
Zhang, R., Li, C., Zhang, J., Chen, C. and Wilson, A. G. (2020). Cyclical stochastic gradient MCMC for Bayesian deep learning.
ICLR, equation (1) and algorithm 1, with h half of their alpha.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Minibatches
from stochinf.engine.rates import is_open
from stochinf.engine.schedules import Cosine, as_schedule
from stochinf.mcmc.estimators import Minibatch
from stochinf.mcmc.stochastic import checked_dynamics, default_batches, fitted, overdamped
from stochinf.optim.starting import starting_point

__all__ = ["CyclicalSGLD", "CyclicalState"]

Floats = npt.NDArray[np.float64]


class CyclicalState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, proposal : ndarray of shape (dim,)
    memory : NamedTuple of arrays
        What the estimate of the gradient remembers.
    steps : ndarray of shape (1,)
        Steps of the present cycle done.
    stats : ndarray of shape (2,)
        The step size; the temperature, 0 while the chain explores.
    nonfinite : ndarray of shape (1,)
        Steps that would have led to a position that is not finite; they were not taken.
    """

    position: Floats
    gradient: Floats
    proposal: Floats
    memory: Any
    steps: npt.NDArray[np.int64]
    stats: Floats
    nonfinite: npt.NDArray[np.int64]


@part(needs=("gradient",), yields="draws", rate_field="step_size", statistics=("step_size", "temperature"))
class CyclicalSGLD(NamedTuple):
    """SGLD with a step that falls from its largest to 0 in every cycle, and no noise in the first part of each.

    Parameters
    ----------
    step_size : float or schedule
        The largest h, at the start of a cycle; NaN takes 1 / (2 n L), with L the largest constant of a row's gradient, or less as
        for `SGLD`. A schedule is taken as it is, in place of the cosine.
    period : int
        Steps of a cycle.
    exploration : float
        Share of a cycle without noise, at least 0 and below 1.
    temperature : float
        T in the rest of a cycle.
    estimator : part
        How the gradient is estimated: `Minibatch()`, `ControlVariates()`, `SVRG()`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> d = si.sample(model, draws=200, warmup=0, chains=2, kernel=si.mcmc.CyclicalSGLD(0.2, period=100, exploration=0.6), rng=0)
    >>> sampling = d.stats["temperature"][0] > 0
    >>> d["coefficients"][:, sampling].shape
    (2, 80, 2)
    """

    step_size: Any = math.nan
    period: int = 1000
    exploration: float = 0.25
    temperature: float = 1.0
    estimator: Any = Minibatch()

    def checked(self) -> CyclicalSGLD:
        """Check the numbers."""
        if self.period < 1:
            raise StochinfError(f"CyclicalSGLD: period = {self.period}; a cycle has at least one step")
        if not 0 <= self.exploration < 1:
            raise StochinfError(f"CyclicalSGLD: exploration = {self.exploration}; a share at least 0 and below 1 is needed")
        return checked_dynamics(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> CyclicalSGLD:
        """Take what was left open from the target; make the step size a schedule."""
        made = fitted(self, target)
        if hasattr(made.step_size, "at") or is_open(made.step_size):
            return made  # type: ignore[no-any-return]
        return made._replace(step_size=as_schedule(made.step_size) * Cosine(self.period, growth=1))  # type: ignore[no-any-return]

    def pick(self, target: Any) -> Minibatches:
        """Take batches of 100 rows, or of all where there are fewer."""
        return default_batches(target)

    def init(self, target: Any, position: Floats | None, streams: Any) -> CyclicalState:
        """Return the state at a starting point."""
        start = np.asarray(starting_point("CyclicalSGLD", target, position, streams), dtype=np.float64)
        gradient, proposal = np.zeros(start.size), np.zeros(start.size)
        memory, steps = self.estimator.begin(target, start), np.zeros(1, np.int64)
        return CyclicalState(start, gradient, proposal, memory, steps, np.zeros(2), np.zeros(1, np.int64))

    def update(self, target: Any, state: CyclicalState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Take a gradient step; add noise where the cycle has come that far."""
        self.estimator.estimate(target, state.memory, state.position, point, state.gradient)
        temperature = 0.0 if state.steps[0] < self.exploration * self.period else self.temperature
        state.steps[0] = state.steps[0] + 1 if state.steps[0] + 1 < self.period else 0
        state.stats[0] = rate
        state.stats[1] = temperature
        overdamped(state, rate, temperature, rng)
