r"""A trajectory of leapfrog steps whose end is proposed: what HMC, MALA and ULA become when they are prepared.

The end (x', r') of a trajectory that began at (x, r) is taken with probability

.. math:: \min\{1, \exp(H(x, r) - H(x', r'))\}, \qquad H(x, r) = -\log\pi(x) + \tfrac{1}{2} |r|^2.

References
----------
Duane, S., Kennedy, A. D., Pendleton, B. J. and Roweth, D. (1987). Hybrid Monte Carlo. Physics Letters B 195.
Neal, R. M. (2011). MCMC using Hamiltonian dynamics, section 3.2 and equation (3.6).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import uniform
from stochinf.mcmc.adaptation import warmup
from stochinf.mcmc.adaptation.metric import Metric
from stochinf.mcmc.adaptation.step_size import SEARCH, nominal, search, step_size
from stochinf.mcmc.adaptation.warmup import adapt
from stochinf.mcmc.doubling import (
    ACCEPTED,
    ERROR_CHOSEN,
    LP_CHOSEN,
    PLACE,
    START,
    STEPS,
    SYMMETRIC,
    TOO_LARGE,
    begin,
    learnable,
    note_divergence,
    record,
)
from stochinf.mcmc.hamiltonian import LP, RIGHT, STATISTICS, SUB_SUM, HamiltonianState, new_state
from stochinf.mcmc.leapfrog import RANK, copy, leapfrog, slope_row

__all__ = ["Trajectory", "propose"]

Floats = npt.NDArray[np.float64]

MOST_STEPS = 1024.0
QUARTER = math.pi / 2


@helper()
def travel(target: Any, state: Any, steps: int, step: float) -> tuple[float, float]:
    """Do some steps from the position; return log density and energy error H0 - H at the end, -infinity where it diverged."""
    figures = state.figures
    log_density = 0.0
    error = 0.0
    for _ in range(steps):
        log_density, kinetic = leapfrog(target, state, RIGHT, SUB_SUM, step)
        error = figures[START] - (kinetic - log_density)
        figures[STEPS] += 1.0
        if not error > -TOO_LARGE:
            note_divergence(state, RIGHT, step)
            return log_density, -math.inf
    return log_density, error


@helper()
def propose(target: Any, state: Any, steps: int, step: float, least: float, rng: Any) -> None:
    """Draw a momentum, travel, and move to the end or stay; where the density is positive, move with chance `least` or more."""
    begin(state, state.stats[LP], rng)
    log_density, error = travel(target, state, steps, step)
    figures = state.figures
    chance = 1.0 if error >= 0.0 else math.exp(error)
    figures[ACCEPTED] = chance * figures[STEPS]
    figures[SYMMETRIC] = 2.0 * chance / (1.0 + math.exp(min(error, TOO_LARGE / 2))) * figures[STEPS]
    level = uniform(rng)
    if level < chance or (level < least and error > -math.inf):
        copy(state.paths[RIGHT], state.position)
        copy(state.paths[slope_row(state.counts[RANK], RIGHT)], state.gradient)
        figures[LP_CHOSEN] = log_density
        figures[ERROR_CHOSEN] = -error
        figures[PLACE] = math.inf


@part(needs=("log_density_gradient",), yields="draws", rate_field="step_size", statistics=STATISTICS, single=True)
class Trajectory(NamedTuple):
    """Propose the end of a trajectory.

    Parameters
    ----------
    step_size : float or schedule
        The leapfrog's step is `unit * step_size**power` times what warm-up has found.
    n_steps : int
        Steps of a trajectory; 0 takes as many as its length in time needs, at most 1024.
    target_acceptance : float
        Mean acceptance aimed at during warm-up; NaN keeps the step size.
    metric : Metric
        The metric.
    integration_time : float
        Length in time of a trajectory where `n_steps` is 0.
    least : float
        Chance with which a proposal of positive density is taken at the least: 1 makes a sampler unadjusted.
    power, unit : float
        1 and 1 where the rate is the leapfrog's step; 1/2 and the root of 2 where it is h of Langevin dynamics.
    """

    step_size: Any
    n_steps: int
    target_acceptance: float
    metric: Metric
    integration_time: float = QUARTER
    least: float = 0.0
    power: float = 1.0
    unit: float = 1.0

    @property
    def blas(self) -> bool:
        """Whether matrices of the metric may be large enough for BLAS to use threads."""
        return bool(self.metric.rank > warmup.SMALL)

    def pick(self, target: Any) -> Scan:
        """Move the whole position at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> HamiltonianState:
        """Return the state at a starting point where log density and gradient are finite."""
        return new_state(self, target, position, streams, guess=self.least < 1.0)

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

    def notes(self, states: list[HamiltonianState]) -> tuple[str, ...]:
        """Say which metric and step size the chains have."""
        return warmup.notes(states)

    def update(self, target: Any, state: HamiltonianState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Propose the end of a trajectory; while a step size is looked for, trajectories of one step are made and not taken."""
        rate = self.unit * rate**self.power
        while True:
            searching = state.tuning[SEARCH] != 0.0
            usual = rate * nominal(state.tuning)
            step = rate * step_size(state.tuning, rng)
            steps = self.n_steps
            if searching:
                steps = 1
            elif steps == 0:
                steps = int(min(MOST_STEPS, max(1.0, self.integration_time / usual + 0.5)))
            propose(target, state, steps, step, 0.0 if searching else self.least, rng)
            if not searching:
                break
            search(state.tuning, state.figures[ACCEPTED])
        record(state, (step / self.unit) ** (1.0 / self.power), (usual / self.unit) ** (1.0 / self.power))
        adapt(state, learnable(state.figures))
