r"""Hamiltonian Monte Carlo with trajectories of a given length.

A momentum is drawn, the leapfrog (`stochinf.mcmc.leapfrog`) followed for a time :math:`\tau`, and its end accepted or rejected
(`stochinf.mcmc.endpoint`). In whitened coordinates a quarter of a period, :math:`\tau = \pi/2`, makes draws from a normal density
independent; from others the no-U-turn sampler chooses better.

References
----------
Duane, S., Kennedy, A. D., Pendleton, B. J. and Roweth, D. (1987). Hybrid Monte Carlo. Physics Letters B 195.
Neal, R. M. (2011). MCMC using Hamiltonian dynamics, section 3.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.mcmc.adaptation import warmup
from stochinf.mcmc.adaptation.metric import as_metric
from stochinf.mcmc.adaptation.step_size import SEARCH, nominal, search, step_size
from stochinf.mcmc.adaptation.warmup import adapt
from stochinf.mcmc.arguments import aim_of, checked_arguments, open_rate
from stochinf.mcmc.doubling import ACCEPTED, learnable, record
from stochinf.mcmc.endpoint import propose
from stochinf.mcmc.hamiltonian import STATISTICS, HamiltonianState, new_state

__all__ = ["HMC"]

Floats = npt.NDArray[np.float64]

MOST_STEPS = 1024


@part(needs=("log_density_gradient",), yields="draws", rate_field="step_size", statistics=STATISTICS, single=True)
class HMC(NamedTuple):
    """Hamiltonian Monte Carlo.

    Parameters
    ----------
    step_size : float or schedule
        Step of the leapfrog in whitened coordinates; NaN finds it during warm-up, and jitters it by 10 %.
    n_steps : int
        Steps of a trajectory; 0 takes as many as its length in time needs, at most 1024.
    integration_time : float
        Length in time of a trajectory where `n_steps` is 0; NaN takes pi / 2.
    target_acceptance : float
        Mean acceptance aimed at during warm-up; NaN takes 0.8. A step size that is given is kept unless this is given too.
    metric : str, array or Metric
        As in `stochinf.mcmc.NUTS`.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.density import python_density
    >>> normal = python_density(lambda x: -0.5 * float(x @ x), dim=2, gradient=lambda x: -x)
    >>> d = si.sample(normal, draws=200, warmup=100, chains=2, kernel=si.mcmc.HMC(), rng=0)
    >>> d["position"].shape
    (2, 200, 2)
    """

    step_size: Any = math.nan
    n_steps: int = 0
    integration_time: float = math.nan
    target_acceptance: float = math.nan
    metric: Any = "auto"

    def checked(self) -> HMC:
        """Check the length of a trajectory, and what `NUTS` checks."""
        if self.n_steps < 0 or not (math.isnan(self.integration_time) or 0 < self.integration_time < math.inf):
            raise StochinfError(
                f"HMC: n_steps = {self.n_steps}, integration_time = {self.integration_time};"
                " a number of steps, or a positive time, is needed"
            )
        return checked_arguments(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> HMC:
        """Choose what was left open."""
        time = math.pi / 2 if math.isnan(self.integration_time) else self.integration_time
        metric = as_metric("HMC", self.metric, int(getattr(target, "dim", 1)))
        return HMC(open_rate(self), self.n_steps, time, aim_of(self, 0.8), metric)

    def pick(self, target: Any) -> Scan:
        """Move the whole position at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> HamiltonianState:
        """Return the state at a starting point where log density and gradient are finite."""
        return new_state(self, target, position, streams)

    def begin_warmup(self, target: Any, state: HamiltonianState, steps: int) -> None:
        """Lay out a warm-up of so many steps."""
        warmup.begin_warmup(self, state, steps)

    def next_review(self, target: Any, state: HamiltonianState, step: int, steps: int) -> int:
        """Return the step of warm-up after `step` at which the run stops for the metric."""
        return warmup.next_review(self.metric, step, steps)

    def review(self, target: Any, state: HamiltonianState) -> None:
        """Work the metric out anew."""
        warmup.review(self.metric, state)

    def begin_sampling(self, target: Any, state: HamiltonianState) -> None:
        """Keep step size and metric from here on."""
        warmup.begin_sampling(state)

    def update(self, target: Any, state: HamiltonianState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Propose the end of a trajectory; while a step size is looked for, trajectories of one step are made first."""
        while True:
            searching = state.tuning[SEARCH] != 0.0
            usual = rate * nominal(state.tuning)
            step = rate * step_size(state.tuning, rng)
            steps = self.n_steps
            if searching:
                steps = 1
            elif steps == 0:
                steps = int(min(float(MOST_STEPS), max(1.0, self.integration_time / usual + 0.5)))
            propose(target, state, steps, step, False, rng)
            if not searching:
                break
            search(state.tuning, state.figures[ACCEPTED])
        record(state, step, usual)
        adapt(state, learnable(state.figures))
