r"""Langevin dynamics with full gradients: MALA, which accepts or rejects, and ULA, which does not.

With metric :math:`\Sigma = T T^\top` and step h, the step of every Langevin kernel of this library, the proposal is

.. math:: x' = x + h\, \Sigma \nabla\log\pi(x) + \sqrt{2h}\, T z, \qquad z \sim N(0, I).

It is one leapfrog step of size :math:`\sqrt{2h}`, and the ratio of Hastings is the energy error of that step: with
:math:`q(x' \mid x)` the density of the proposal,

.. math:: \frac{\pi(x')\, q(x \mid x')}{\pi(x)\, q(x' \mid x)} = e^{H(x, z) - H(x', z')}.

ULA takes every proposal. Its draws have a bias of order h; `acceptance_rate` is what MALA's would be, so 1 - acceptance_rate says
how far it is from exact.

References
----------
Roberts, G. O. and Tweedie, R. L. (1996). Exponential convergence of Langevin distributions and their discrete approximations.
Bernoulli 2. ULA and MALA.
Roberts, G. O. and Rosenthal, J. S. (1998). Optimal scaling of discrete approximations to Langevin diffusions. JRSS B 60: 0.574.
Neal, R. M. (2011). MCMC using Hamiltonian dynamics, section 5.2: one leapfrog step is a Langevin step.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stochinf.engine.parts import part
from stochinf.mcmc.adaptation.metric import as_metric
from stochinf.mcmc.arguments import aim_of, checked_arguments, open_rate
from stochinf.mcmc.endpoint import Trajectory

__all__ = ["MALA", "ULA"]

ROOT = math.sqrt(2.0)


def prepared(kernel: Any, target: Any, usual: float, least: float) -> Trajectory:
    """Return a Langevin kernel as trajectories of one leapfrog step."""
    metric = as_metric(type(kernel).__name__, kernel.metric, int(getattr(target, "dim", 1)))
    return Trajectory(open_rate(kernel), 1, aim_of(kernel, usual), metric, least=least, power=0.5, unit=ROOT)


@part(needs=("log_density_gradient",), yields="draws", rate_field="step_size")
class MALA(NamedTuple):
    """The Metropolis-adjusted Langevin algorithm.

    Parameters
    ----------
    step_size : float or schedule
        The h above, in whitened coordinates; NaN finds it during warm-up, and jitters its root by 10 %.
    target_acceptance : float
        Mean acceptance aimed at during warm-up; NaN takes 0.574. A step size that is given is kept unless this is given too.
    metric : str, array or Metric
        As in `stochinf.mcmc.NUTS`.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.density import python_density
    >>> normal = python_density(lambda x: -0.5 * float(x @ x), dim=2, gradient=lambda x: -x)
    >>> d = si.sample(normal, draws=1000, warmup=200, chains=2, kernel=si.mcmc.MALA(), rng=0)
    >>> d["position"].shape
    (2, 1000, 2)
    """

    step_size: Any = math.nan
    target_acceptance: float = math.nan
    metric: Any = "auto"

    def checked(self) -> MALA:
        """Check what `NUTS` checks."""
        return checked_arguments(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> Trajectory:
        """Choose what was left open."""
        return prepared(self, target, 0.574, least=0.0)


@part(needs=("log_density_gradient",), yields="draws", rate_field="step_size")
class ULA(NamedTuple):
    """The unadjusted Langevin algorithm; a proposal of density zero or without a number is not taken.

    Parameters
    ----------
    step_size : float or schedule
        The h above, in whitened coordinates; NaN finds it during warm-up, and jitters its root by 10 %.
    target_acceptance : float
        What MALA's mean acceptance would be, aimed at during warm-up; NaN takes 0.95.
    metric : str, array or Metric
        As in `stochinf.mcmc.NUTS`, but that warm-up begins with the unit metric.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.density import python_density
    >>> normal = python_density(lambda x: -0.5 * float(x @ x), dim=2, gradient=lambda x: -x)
    >>> d = si.sample(normal, draws=2000, warmup=200, chains=2, kernel=si.mcmc.ULA(0.4), rng=0)
    >>> bool(0.9 < d.stats["acceptance_rate"].mean() < 1.0)
    True
    """

    step_size: Any = math.nan
    target_acceptance: float = math.nan
    metric: Any = "auto"

    def checked(self) -> ULA:
        """Check what `NUTS` checks."""
        return checked_arguments(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> Trajectory:
        """Choose what was left open."""
        return prepared(self, target, 0.95, least=1.0)
