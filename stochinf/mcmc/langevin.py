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

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.mcmc.adaptation import warmup
from stochinf.mcmc.adaptation.metric import as_metric
from stochinf.mcmc.adaptation.step_size import LOG_STEP, SEARCH, nominal, search, step_size
from stochinf.mcmc.adaptation.warmup import adapt
from stochinf.mcmc.arguments import aim_of, checked_arguments, open_rate
from stochinf.mcmc.doubling import ACCEPTED, learnable, record
from stochinf.mcmc.endpoint import propose
from stochinf.mcmc.hamiltonian import STATISTICS, HamiltonianState, new_state

__all__ = ["MALA", "ULA"]

Floats = npt.NDArray[np.float64]
Stream = npt.NDArray[np.uint64]


@helper()
def langevin_step(target: Any, state: Any, rate: float, certain: bool, rng: Any) -> None:
    """Do one step; while a step size is looked for, steps that are not taken come first."""
    while True:
        searching = state.tuning[SEARCH] != 0.0
        usual = math.sqrt(rate) * nominal(state.tuning)
        step = math.sqrt(rate) * step_size(state.tuning, rng)
        propose(target, state, 1, step, certain and not searching, rng)
        if not searching:
            break
        search(state.tuning, state.figures[ACCEPTED])
    record(state, 0.5 * step * step, 0.5 * usual * usual)
    adapt(state, learnable(state.figures))


def begin_warmup(kernel: Any, state: HamiltonianState, steps: int) -> None:
    """Lay out a warm-up; a step h that is given is a leapfrog step of sqrt(2 h)."""
    warmup.begin_warmup(kernel, state, steps)
    if math.isnan(kernel.target_acceptance):
        state.tuning[LOG_STEP] = 0.5 * math.log(2.0)


@part(needs=("log_density_gradient",), yields="draws", rate_field="step_size", statistics=STATISTICS, single=True)
class MALA(NamedTuple):
    """The Metropolis-adjusted Langevin algorithm.

    Parameters
    ----------
    step_size : float or schedule
        h above, in whitened coordinates; NaN finds it during warm-up, and jitters its root by 10 %.
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

    def prepare(self, target: Any) -> MALA:
        """Choose what was left open."""
        return MALA(open_rate(self), aim_of(self, 0.574), as_metric("MALA", self.metric, int(getattr(target, "dim", 1))))

    def pick(self, target: Any) -> Scan:
        """Move the whole position at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> HamiltonianState:
        """Return the state at a starting point where log density and gradient are finite."""
        return new_state(self, target, position, streams)

    def begin_warmup(self, target: Any, state: HamiltonianState, steps: int) -> None:
        """Lay out a warm-up of so many steps."""
        begin_warmup(self, state, steps)

    def next_review(self, target: Any, state: HamiltonianState, step: int, steps: int) -> int:
        """Return the step of warm-up after `step` at which the run stops for the metric."""
        return warmup.next_review(self.metric, step, steps)

    def review(self, target: Any, state: HamiltonianState) -> None:
        """Work the metric out anew."""
        warmup.review(self.metric, state)

    def begin_sampling(self, target: Any, state: HamiltonianState) -> None:
        """Keep step size and metric from here on."""
        warmup.begin_sampling(state)

    def update(self, target: Any, state: HamiltonianState, point: int, rate: float, rng: Stream) -> None:
        """Propose a Langevin step and accept or reject it."""
        langevin_step(target, state, rate, False, rng)


@part(needs=("log_density_gradient",), yields="draws", rate_field="step_size", statistics=STATISTICS, single=True)
class ULA(NamedTuple):
    """The unadjusted Langevin algorithm; a proposal of density zero or without a number is not taken.

    Parameters
    ----------
    step_size : float or schedule
        h above, in whitened coordinates; NaN finds it during warm-up, and jitters its root by 10 %.
    target_acceptance : float
        What MALA's mean acceptance would be, aimed at during warm-up; NaN takes 0.95.
    metric : str, array or Metric
        As in `stochinf.mcmc.NUTS`.

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

    def prepare(self, target: Any) -> ULA:
        """Choose what was left open."""
        return ULA(open_rate(self), aim_of(self, 0.95), as_metric("ULA", self.metric, int(getattr(target, "dim", 1))))

    def pick(self, target: Any) -> Scan:
        """Move the whole position at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> HamiltonianState:
        """Return the state at a starting point where log density and gradient are finite."""
        return new_state(self, target, position, streams)

    def begin_warmup(self, target: Any, state: HamiltonianState, steps: int) -> None:
        """Lay out a warm-up of so many steps."""
        begin_warmup(self, state, steps)

    def next_review(self, target: Any, state: HamiltonianState, step: int, steps: int) -> int:
        """Return the step of warm-up after `step` at which the run stops for the metric."""
        return warmup.next_review(self.metric, step, steps)

    def review(self, target: Any, state: HamiltonianState) -> None:
        """Work the metric out anew."""
        warmup.review(self.metric, state)

    def begin_sampling(self, target: Any, state: HamiltonianState) -> None:
        """Keep step size and metric from here on."""
        warmup.begin_sampling(state)

    def update(self, target: Any, state: HamiltonianState, point: int, rate: float, rng: Stream) -> None:
        """Take a Langevin step."""
        langevin_step(target, state, rate, True, rng)
