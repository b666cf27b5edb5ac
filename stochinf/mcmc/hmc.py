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

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.mcmc.adaptation.metric import as_metric
from stochinf.mcmc.arguments import aim_of, checked_arguments, open_rate
from stochinf.mcmc.endpoint import QUARTER, Trajectory

__all__ = ["HMC"]


@part(needs=("log_density_gradient",), yields="draws", rate_field="step_size")
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

    def prepare(self, target: Any) -> Trajectory:
        """Choose what was left open."""
        time = QUARTER if math.isnan(self.integration_time) else self.integration_time
        metric = as_metric("HMC", self.metric, int(getattr(target, "dim", 1)))
        return Trajectory(open_rate(self), self.n_steps, aim_of(self, 0.8), metric, time)
