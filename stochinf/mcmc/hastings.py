r"""Metropolis-Hastings with any proposal.

A proposal is a part that moves from x to x' and says how the move's density compares with that of the way back; the kernel
accepts with probability

.. math:: \min \left\{ 1, \frac{\pi(x') \, q(x \mid x')}{\pi(x) \, q(x' \mid x)} \right\}.

The contract is one method, `propose(target, position, proposal, scale, rng) -> float`: it writes x' into `proposal` and returns
:math:`\log q(x \mid x') - \log q(x' \mid x)`, 0 where the proposal is symmetric.

References
----------
Hastings, W. K. (1970). Monte Carlo sampling methods using Markov chains and their applications. Biometrika 57, equation (3).
Tierney, L. (1994). Markov chains for exploring posterior distributions. Annals of Statistics 22, section 2.3.2: independence.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.known import dimension
from stochinf.engine.parts import is_part, part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import normal, uniform
from stochinf.engine.rates import checked_rate
from stochinf.mcmc.metropolis import MetropolisState
from stochinf.mcmc.starting import checked_acceptance, checked_log_density, started

__all__ = ["Independence", "MetropolisHastings", "RandomWalk"]

Floats = npt.NDArray[np.float64]
NO_INVERSE = np.empty((0, 0))
Stream = npt.NDArray[np.uint64]


@part
class RandomWalk(NamedTuple):
    """A proposal x + scale L z with z standard normal: a random walk of a given shape.

    Parameters
    ----------
    factor : array of shape (dim, dim)
        L, lower triangular, a Cholesky factor of the covariance of a move at scale 1.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> walk = si.mcmc.RandomWalk(np.linalg.cholesky([[1.0, 0.9], [0.9, 1.0]]))
    >>> normal = si.density.python_density(lambda x: -0.5 * float(x @ x), dim=2)
    >>> si.sample(normal, draws=100, warmup=100, chains=2, kernel=si.mcmc.MetropolisHastings(walk), rng=0)["position"].shape
    (2, 100, 2)
    """

    factor: Floats

    def checked(self) -> RandomWalk:
        """Check the factor."""
        check_factor("RandomWalk", self.factor, self.factor.shape[0])
        return self

    def propose(self, target: Any, position: Floats, proposal: Floats, scale: float, rng: Stream) -> float:
        """Write a move; it is symmetric."""
        spread(self.factor, proposal, rng)
        for i in range(position.size):
            proposal[i] = position[i] + scale * proposal[i]
        return 0.0


@part
class Independence(NamedTuple):
    r"""Proposals that do not look at the position: a multivariate t, or normal, distribution.

    .. math:: x' = m + s L z / \sqrt{c / k}, \qquad z \sim N(0, I), \; c \sim \chi^2_k.

    Where its tails are lighter than the target's a chain sticks there: hence t.

    Parameters
    ----------
    mean : array of shape (dim,)
        The centre m, say the mode.
    factor : array of shape (dim, dim)
        L, lower triangular, say the Cholesky factor of the inverse Hessian there; a kernel's `step_size` is s.
    degrees : int
        Degrees of freedom, k; 0 takes the normal.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> coin = si.models.CoinBias(62, 38)
    >>> kernel = si.mcmc.MetropolisHastings(si.mcmc.Independence([0.48], [[0.2]]))
    >>> d = si.sample(coin, draws=1000, warmup=10, kernel=kernel, rng=0)
    >>> bool(d.stats["acceptance_rate"].mean() > 0.9)
    True
    """

    mean: Floats
    factor: Floats
    degrees: int = 5
    inverse: Floats = NO_INVERSE

    def checked(self) -> Independence:
        """Check the shapes; invert the factor."""
        if self.mean.ndim != 1 or not np.isfinite(self.mean).all():
            raise StochinfError(f"Independence: mean of shape {self.mean.shape}; an array (dim,) of finite numbers is needed")
        check_factor("Independence", self.factor, self.mean.size)
        if self.degrees < 0:
            raise StochinfError(f"Independence: degrees = {self.degrees}; at least 1 is needed, or 0 for the normal")
        return self._replace(inverse=np.ascontiguousarray(np.linalg.inv(self.factor)))

    def propose(self, target: Any, position: Floats, proposal: Floats, scale: float, rng: Stream) -> float:
        """Write a draw; return the log density of the present position less that of the draw."""
        here = self.distance(position) / (scale * scale)
        there = spread(self.factor, proposal, rng)
        stretch = 1.0
        if self.degrees > 0:
            squares = 0.0
            for _ in range(self.degrees):
                z = normal(rng)
                squares += z * z
            stretch = math.sqrt(self.degrees / squares)
        for i in range(position.size):
            proposal[i] = self.mean[i] + scale * stretch * proposal[i]
        return self.height(here, position.size) - self.height(stretch * stretch * there, position.size)

    def distance(self, position: Floats) -> float:
        """Return the squared distance from the mean in the metric of the factor."""
        total = 0.0
        for i in range(position.size):
            z = 0.0
            for j in range(i + 1):
                z += self.inverse[i, j] * (position[j] - self.mean[j])
            total += z * z
        return total

    def height(self, distance: float, dim: int) -> float:
        """Return the log density at a squared distance, up to a constant."""
        if self.degrees == 0:
            return -0.5 * distance
        return -0.5 * (self.degrees + dim) * math.log1p(distance / self.degrees)


@helper()
def spread(factor: Floats, out: Floats, rng: Stream) -> float:
    """Write L z for standard normal z; return |z|^2."""
    total = 0.0
    for i in range(out.size):
        out[i] = normal(rng)
        total += out[i] * out[i]
    for i in range(out.size - 1, -1, -1):
        value = 0.0
        for j in range(i + 1):
            value += factor[i, j] * out[j]
        out[i] = value
    return total


def check_factor(name: str, factor: Floats, dim: int) -> None:
    """Demand a lower triangular matrix of finite numbers with a positive diagonal.

    Raises
    ------
    StochinfError
        Naming what is wrong.
    """
    if factor.shape != (dim, dim):
        raise StochinfError(f"{name}: factor of shape {factor.shape}; a lower triangular matrix ({dim}, {dim}) is needed")
    if not np.isfinite(factor).all() or np.triu(factor, 1).any() or not (np.diag(factor) > 0).all():
        raise StochinfError(
            f"{name}: factor is not lower triangular with a positive diagonal; give numpy.linalg.cholesky(covariance)"
        )


@part(needs=("log_density",), yields="draws", rate_field="step_size", statistics=("lp", "acceptance_rate", "step_size"))
class MetropolisHastings(NamedTuple):
    """Metropolis-Hastings with a proposal that is given: `Independence`, `RandomWalk`, or a part of your own.

    Parameters
    ----------
    proposal : part
        With `propose(target, position, proposal, scale, rng)`, which writes x' and returns log q(x | x') - log q(x' | x).
    step_size : float or schedule
        The scale that proposals are given.
    target_acceptance : float
        Acceptance rate towards which the scale moves during warm-up, as for `Metropolis`; NaN keeps the scale.

    Raises
    ------
    StochinfError
        If the proposal has no `propose`, or is for positions of another length than the target's.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> import stochinf as si
    >>> from stochinf.engine.random import uniform
    >>> @si.kernel
    ... class Sideways(NamedTuple):
    ...     width: float
    ...
    ...     def propose(self, target, position, proposal, scale, rng):
    ...         proposal[0] = position[0] + scale * self.width * (uniform(rng) - 0.5)
    ...         return 0.0
    >>> kernel = si.mcmc.MetropolisHastings(Sideways(1.0))
    >>> si.sample(si.models.CoinBias(62, 38), draws=100, warmup=10, chains=2, kernel=kernel, rng=0)["theta"].shape
    (2, 100)
    """

    proposal: Any
    step_size: Any = 1.0
    target_acceptance: float = math.nan

    def checked(self) -> MetropolisHastings:
        """Check the proposal and the numbers."""
        if not (is_part(type(self.proposal)) and hasattr(self.proposal, "propose")):
            raise StochinfError(
                f"MetropolisHastings: proposal = {self.proposal!r}; a NamedTuple part with the method propose is needed, such as"
                " stochinf.mcmc.Independence(mean, factor)"
            )
        checked_acceptance(self)
        return self._replace(step_size=checked_rate("MetropolisHastings", "step_size", self.step_size))

    def prepare(self, target: Any) -> MetropolisHastings:
        """Check that the proposal is for positions of the target's length."""
        size = len(getattr(self.proposal, "factor", ()))
        dim = int(getattr(target, "dim", size))
        if size and size != dim:
            raise StochinfError(
                f"{type(self.proposal).__name__}: for {size} coordinates; {type(target).__name__} has {dim} dimensions"
            )
        return self

    def pick(self, target: Any) -> Scan:
        """Move the whole position at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> MetropolisState:
        """Return the state at a starting point of finite log density."""
        start, log_density = started(self, target, position, streams)
        adapting = -1.0 if math.isnan(self.target_acceptance) else 0.0
        stats, adaptation = np.array([log_density, 1.0, 0.0]), np.array([adapting, 1.0])
        return MetropolisState(start, np.empty_like(start), stats, adaptation, np.zeros(1, np.int64))

    def begin_sampling(self, target: Any, state: MetropolisState) -> None:
        """Keep the scale from here on."""
        state.adaptation[0] = -1.0

    def update(self, target: Any, state: MetropolisState, point: int, rate: float, rng: Stream) -> None:
        """Propose, then accept or reject."""
        scale = rate * state.adaptation[1]
        hastings = self.proposal.propose(target, state.position, state.proposal, scale, rng)
        proposed = checked_log_density(target, state.proposal, state.nonfinite)
        difference = proposed - state.stats[0] + hastings
        chance = 1.0 if difference >= 0.0 else math.exp(difference)
        if uniform(rng) < chance:
            state.stats[0] = proposed
            for i in range(dimension(target, state.position)):
                state.position[i] = state.proposal[i]
        state.stats[1] = chance
        state.stats[2] = scale
        if state.adaptation[0] >= 0.0:
            state.adaptation[0] += 1.0
            state.adaptation[1] *= math.exp((chance - self.target_acceptance) / state.adaptation[0] ** 0.6)
