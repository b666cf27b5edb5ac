r"""Random-walk Metropolis.

A step proposes :math:`x' = x + \epsilon z` with :math:`z` standard normal and accepts with probability

.. math:: \min\{1, \pi(x') / \pi(x)\}.

During warm-up the scale :math:`\epsilon` moves towards the acceptance rate `target_acceptance`:
:math:`\log\epsilon \leftarrow \log\epsilon + t^{-0.6} (a_t - a^*)`; afterwards it stays.

References
----------
Metropolis, N. et al. (1953). Equation of state calculations by fast computing machines. J. Chem. Phys. 21.
Andrieu, C. and Thoms, J. (2008). A tutorial on adaptive MCMC. Statistics and Computing 18, algorithm 4.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.known import dimension
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import normal, uniform
from stochinf.engine.rates import checked_rate, is_open
from stochinf.engine.target import starting_log_density

__all__ = ["Metropolis", "MetropolisState"]

Floats = npt.NDArray[np.float64]


class MetropolisState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, proposal : ndarray of shape (dim,)
    stats : ndarray of shape (4,)
        lp, acceptance_rate of the last step, step_size.
    adaptation : ndarray of shape (2,)
        Steps of warm-up done (-1: warm-up is over), scale relative to the rate.
    nonfinite : ndarray of shape (1,)
        Proposals whose log density was NaN or +infinity; they were rejected.
    """

    position: Floats
    proposal: Floats
    stats: Floats
    adaptation: Floats
    nonfinite: npt.NDArray[np.int64]


@part(needs=("log_density",), yields="draws", rate_field="step_size", statistics=("lp", "acceptance_rate", "step_size"))
class Metropolis(NamedTuple):
    """Random-walk Metropolis with normal proposals.

    Parameters
    ----------
    step_size : float or schedule
        Standard deviation of a proposal; NaN takes 2.4 / sqrt(dim) and adapts it during warm-up.
    target_acceptance : float
        Acceptance rate aimed at during warm-up; NaN takes 0.44 in one dimension and 0.234 in many. A step size that is given
        is kept unless this is given too.

    Examples
    --------
    >>> import stochinf as si
    >>> d = si.sample(si.models.CoinBias(62, 38), kernel=si.mcmc.Metropolis(), draws=1000, warmup=200, rng=0)
    >>> bool(abs(d["theta"].mean() - 0.618) < 0.02)
    True
    """

    step_size: Any = math.nan
    target_acceptance: float = math.nan

    def checked(self) -> Metropolis:
        """Check the scale and the acceptance rate."""
        if not (math.isnan(self.target_acceptance) or 0 < self.target_acceptance < 1):
            raise StochinfError(f"Metropolis: target_acceptance = {self.target_acceptance}; a number between 0 and 1 is needed")
        return self._replace(step_size=checked_rate("Metropolis", "step_size", self.step_size))

    def prepare(self, target: Any) -> Metropolis:
        """Choose the scale and the acceptance rate that were left open."""
        dim = int(getattr(target, "dim", 1))
        open_scale = is_open(self.step_size)
        aim = (0.44 if dim == 1 else 0.234) if open_scale and math.isnan(self.target_acceptance) else self.target_acceptance
        return Metropolis(2.4 / math.sqrt(dim) if open_scale else self.step_size, aim)

    def pick(self, target: Any) -> Scan:
        """Move the whole position at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> MetropolisState:
        """Return the state at a starting point of finite log density."""
        start = target.start(streams.generator()) if position is None else np.array(position, dtype=np.float64).reshape(-1)
        dim = int(getattr(target, "dim", start.size))
        if start.size != dim:
            raise StochinfError(f"Metropolis: a starting position of {start.size} numbers given, {dim} needed: one row per chain")
        log_density = starting_log_density(self, target, start)
        adapting = -1.0 if math.isnan(self.target_acceptance) else 0.0
        return MetropolisState(
            start, np.empty_like(start), np.array([log_density, 1.0, 0.0]), np.array([adapting, 1.0]), np.zeros(1, np.int64)
        )

    def begin_sampling(self, target: Any, state: MetropolisState) -> None:
        """Keep the scale from here on."""
        state.adaptation[0] = -1.0

    def update(self, target: Any, state: MetropolisState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Propose, then accept or reject.

        The first coordinate and the log density are held in scalars, and nothing branches on acceptance, which no processor
        predicts: in one dimension, where every nanosecond counts, that is worth a quarter of a step.
        """
        scale = rate * state.adaptation[1]
        here = state.position[0]
        current = state.stats[0]
        there = here + scale * normal(rng)
        state.proposal[0] = there
        for i in range(1, dimension(target, state.position)):
            state.proposal[i] = state.position[i] + scale * normal(rng)
        proposed = target.log_density(state.proposal)
        if math.isnan(proposed) or proposed == math.inf:
            state.nonfinite[0] += 1
            proposed = -math.inf
        difference = proposed - current
        chance = 1.0 if difference >= 0.0 else math.exp(difference)
        accepted = uniform(rng) < chance
        state.position[0] = there if accepted else here
        state.stats[0] = proposed if accepted else current
        for i in range(1, dimension(target, state.position)):
            state.position[i] = state.proposal[i] if accepted else state.position[i]
        state.stats[1] = chance
        state.stats[2] = scale
        if state.adaptation[0] >= 0.0:
            state.adaptation[0] += 1.0
            state.adaptation[1] *= math.exp((chance - self.target_acceptance) / state.adaptation[0] ** 0.6)
