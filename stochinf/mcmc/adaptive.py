r"""Random-walk Metropolis that learns the shape of its proposals.

A step proposes :math:`x' = x + S u` with u standard normal. During warm-up the triangular factor S moves so that the acceptance
rate comes to `target_acceptance` in every direction,

.. math:: S S' \leftarrow S \left( I + \eta_t (a_t - a^*) \frac{u u'}{|u|^2} \right) S', \qquad \eta_t = \min(1, d \, t^{-2/3}),

a rank-one change of a Cholesky factor, d^2 operations; afterwards S stays, so that the draws are those of a fixed kernel.

References
----------
Vihola, M. (2012). Robust adaptive Metropolis algorithm with coerced acceptance rate. Statistics and Computing 22, equation (1).
Gill, P. E., Golub, G. H., Murray, W. and Saunders, M. A. (1974). Methods for modifying matrix factorizations. Math. Comp. 28.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import normal, uniform
from stochinf.engine.rates import checked_rate, is_open
from stochinf.mcmc.starting import checked_acceptance, checked_log_density, started

__all__ = ["AdaptiveMetropolis", "AdaptiveState", "rank_one"]

Floats = npt.NDArray[np.float64]


class AdaptiveState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, proposal, direction, change : ndarray of shape (dim,)
        The last two hold u and a multiple of S u.
    factor : ndarray of shape (dim, dim)
        S at a step size of 1.
    stats : ndarray of shape (3,)
        lp, acceptance_rate of the last step, step_size: the geometric mean of the diagonal of S.
    adaptation : ndarray of shape (2,)
        Steps of warm-up done (-1: S stays), geometric mean of the factor's diagonal.
    nonfinite : ndarray of shape (1,)
        Proposals whose log density was NaN or +infinity; they were rejected.
    """

    position: Floats
    proposal: Floats
    direction: Floats
    change: Floats
    factor: Floats
    stats: Floats
    adaptation: Floats
    nonfinite: npt.NDArray[np.int64]


@helper()
def rank_one(factor: Floats, vector: Floats, sign: float) -> None:
    """Change a lower triangular L in place so that L L' grows (sign 1) or shrinks (sign -1) by v v'; v is used up.

    A change that would leave the matrix indefinite stops at the column where it would.
    """
    for k in range(vector.size):
        diagonal = factor[k, k]
        squared = diagonal * diagonal + sign * vector[k] * vector[k]
        if squared <= 1e-300:
            return
        new = math.sqrt(squared)
        c = new / diagonal
        s = vector[k] / diagonal
        factor[k, k] = new
        for i in range(k + 1, vector.size):
            factor[i, k] = (factor[i, k] + sign * s * vector[i]) / c
            vector[i] = c * vector[i] - s * factor[i, k]


@part(needs=("log_density",), yields="draws", rate_field="step_size", statistics=("lp", "acceptance_rate", "step_size"))
class AdaptiveMetropolis(NamedTuple):
    """Random-walk Metropolis with normal proposals whose covariance is learnt during warm-up.

    Parameters
    ----------
    step_size : float or schedule
        What S begins at, times the identity; NaN takes 2.4 / sqrt(dim).
    target_acceptance : float
        Acceptance rate aimed at; NaN takes 0.44 in one dimension and 0.234 in many.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> narrow = np.array([[1.0, 0.99], [0.99, 1.0]])
    >>> target = si.density.python_density(lambda x: -0.5 * float(x @ np.linalg.solve(narrow, x)), dim=2)
    >>> d = si.sample(target, draws=400, warmup=1000, chains=2, kernel=si.mcmc.AdaptiveMetropolis(), rng=0)
    >>> bool(abs(np.corrcoef(d["position"].reshape(-1, 2).T)[0, 1] - 0.99) < 0.01)
    True
    """

    step_size: Any = math.nan
    target_acceptance: float = math.nan

    def checked(self) -> AdaptiveMetropolis:
        """Check the scale and the acceptance rate."""
        checked_acceptance(self)
        return self._replace(step_size=checked_rate("AdaptiveMetropolis", "step_size", self.step_size))

    def prepare(self, target: Any) -> AdaptiveMetropolis:
        """Choose the scale and the acceptance rate that were left open."""
        dim = int(getattr(target, "dim", 1))
        aim = (0.44 if dim == 1 else 0.234) if math.isnan(self.target_acceptance) else self.target_acceptance
        return AdaptiveMetropolis(2.4 / math.sqrt(dim) if is_open(self.step_size) else self.step_size, aim)

    def pick(self, target: Any) -> Scan:
        """Move the whole position at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> AdaptiveState:
        """Return the state at a starting point of finite log density."""
        start, log_density = started(self, target, position, streams)
        proposal, direction, change = (np.zeros(start.size) for _ in range(3))
        stats = np.array([log_density, 1.0, 0.0])
        return AdaptiveState(
            start, proposal, direction, change, np.eye(start.size), stats, np.array([0.0, 1.0]), np.zeros(1, np.int64)
        )

    def begin_sampling(self, target: Any, state: AdaptiveState) -> None:
        """Keep the factor from here on."""
        state.adaptation[0] = -1.0

    def update(self, target: Any, state: AdaptiveState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Propose, then accept or reject; during warm-up learn from it."""
        dim = state.position.size
        for i in range(dim):
            state.direction[i] = normal(rng)
            state.change[i] = 0.0
            for j in range(i + 1):
                state.change[i] += state.factor[i, j] * state.direction[j]
            state.proposal[i] = state.position[i] + rate * state.change[i]
        proposed = checked_log_density(target, state.proposal, state.nonfinite)
        difference = proposed - state.stats[0]
        chance = 1.0 if difference >= 0.0 else math.exp(difference)
        if uniform(rng) < chance:
            state.stats[0] = proposed
            for i in range(dim):
                state.position[i] = state.proposal[i]
        state.stats[1] = chance
        if state.adaptation[0] >= 0.0:
            self.learn(state, chance)
        state.stats[2] = rate * state.adaptation[1]

    def learn(self, state: AdaptiveState, chance: float) -> None:
        """Stretch the factor along the last direction where moves are accepted too often, shrink it where too seldom."""
        dim = state.position.size
        state.adaptation[0] += 1.0
        gain = min(1.0, dim * state.adaptation[0] ** (-2.0 / 3.0)) * (chance - self.target_acceptance)
        squares = 0.0
        for i in range(dim):
            squares += state.direction[i] * state.direction[i]
        amount = math.sqrt(abs(gain) / squares)
        for i in range(dim):
            state.change[i] *= amount
        rank_one(state.factor, state.change, 1.0 if gain > 0.0 else -1.0)
        size = 0.0
        for i in range(dim):
            size += math.log(state.factor[i, i])
        state.adaptation[1] = math.exp(size / dim)
