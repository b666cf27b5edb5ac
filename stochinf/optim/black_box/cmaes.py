r"""CMA-ES: an evolution strategy that learns the covariance of good steps, with restarts.

Candidates are drawn from a normal distribution; its mean, covariance and step size follow the ranks of their values
(`stochinf.optim.black_box.evolution`), so that only the order of values matters, and neither scaling nor rotation of the space
does once the covariance has been learnt. Where a run has converged, another begins elsewhere (`Bipop`).

References
----------
Hansen, N. and Ostermeier, A. (2001). Completely derandomized self-adaptation in evolution strategies. Evolutionary Computation 9.
Hansen, N. (2016). The CMA evolution strategy: a tutorial. arXiv:1604.00772.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.memory import demand
from stochinf.engine.parts import is_part, part
from stochinf.engine.target import check_needs
from stochinf.optim.black_box.contract import Region, black_box, draw_start, region_of
from stochinf.optim.black_box.convergence import Watch, forget, new_watch, nothing_more
from stochinf.optim.black_box.evolution import Distribution, Sample, adapt, draw, new_distribution, new_sample, set_weights
from stochinf.optim.black_box.restarts import Bipop, Ledger, new_ledger

__all__ = ["CMAES", "CMAESState", "Strategy"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ROOM = 2**20
"""Numbers in the largest population at most, unless the first needs more."""
SIGMA, RUNS = 2, 3


class CMAESState(NamedTuple):
    """The state of one search.

    Attributes
    ----------
    position, trial, candidate : ndarray of shape (dim,)
        The best point; the last one evaluated; the next one, before it is folded into the box.
    region : Region
    stats : ndarray of shape (4,)
        best, value, step_size, restarts.
    law, sample, watch, ledger : NamedTuple of arrays
    member : ndarray of shape (1,)
        Which candidate of the generation is next.
    evaluations, finished, nonfinite : ndarray of shape (1,)
    """

    position: Floats
    trial: Floats
    candidate: Floats
    region: Region
    stats: Floats
    law: Distribution
    sample: Sample
    watch: Watch
    ledger: Ledger
    member: Integers
    evaluations: Integers
    finished: Integers
    nonfinite: Integers


@part(needs=("value",), yields="optimum", derivative_free=True)
class CMAES(NamedTuple):
    """CMA-ES with restarts.

    Parameters
    ----------
    sigma : float
        First step size in every coordinate: about a quarter of how far away the optimum may be. NaN takes a quarter of the width
        of the problem's region in each coordinate, or 1 where it has none.
    population : int
        Candidates of a generation in the first run; 0 takes 4 + 3 log dim, of which only multiples are rounded.
    restarts : part
        `Bipop()`, `Ipop()` or `Once()`.

    Raises
    ------
    StochinfError
        If a number is out of its range.

    Examples
    --------
    >>> import stochinf as si
    >>> problem = si.Function(lambda x: (x[0] - 1.0) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2, 2)
    >>> result = si.minimize(problem, si.optim.CMAES(0.5), stop=si.stop.steps(2000), rng=0)
    >>> bool(result.fun < 1e-12), result.x.round(6)
    (True, array([1., 1.]))
    """

    sigma: float = math.nan
    population: int = 0
    restarts: Any = Bipop()

    def checked(self) -> CMAES:
        """Check the numbers."""
        if not (math.isnan(self.sigma) or 0 < self.sigma < math.inf):
            raise StochinfError(f"CMAES: sigma = {self.sigma}; a positive finite number is needed")
        if counted("CMAES: population", self.population, 0) in (1, 2):
            raise StochinfError(f"CMAES: population = {self.population}; at least 3 are needed, or 0 for the usual number")
        if not (is_part(type(self.restarts)) and hasattr(self.restarts, "again")):
            raise StochinfError(f"CMAES: restarts = {self.restarts!r}; Bipop(), Ipop() or Once() is needed")
        return self

    def prepare(self, target: Any) -> Strategy:
        """Return the kernel on a target."""
        check_needs(self, target)
        population = self.population or 4.0 + 3.0 * math.log(int(getattr(target, "dim", 1)))
        return Strategy(self.sigma, population, self.restarts)


@black_box(("step_size", "restarts"))
class Strategy(NamedTuple):
    """What CMA-ES becomes on a target; the population is not yet rounded."""

    sigma: float
    population: float
    restarts: Any

    def init(self, target: Any, position: Floats | None, streams: Any) -> CMAESState:
        """Return the state at a starting point; the first candidate is that point."""
        given = not math.isnan(self.sigma)
        start, region = region_of("CMAES", target, position, streams, 2.0 * (self.sigma if given else 1.0))
        scales = np.ones(start.size) if given else (region.far - region.near) / 4.0
        first = math.floor(self.population)
        most = max(first, min(math.floor(self.population * 2.0**9), ROOM // start.size))
        demand(8 * (most * (start.size + 5) + 3 * start.size**2), f"CMAES with populations of up to {most}")
        sample = new_sample(most, start.size)
        set_weights(sample, first, start.size)
        counts = [np.zeros(1, np.int64) for _ in range(4)]
        return CMAESState(
            start.copy(), start.copy(), start.copy(), region, np.array([np.inf, np.nan, 0.0, 0.0]),
            new_distribution(start, scales, self.sigma if given else 1.0), sample, new_watch(start.size),
            new_ledger(self.population, most), *counts,
        )  # fmt: skip

    def tell(self, state: CMAESState, value: float, rate: float, rng: Any) -> None:
        """Note the value of a candidate; after the last of a generation move the distribution; draw the next."""
        k = state.member[0]
        state.sample.values[k] = value
        population = state.ledger.population[0]
        state.member[0] = k + 1
        if k + 1 == population:
            state.member[0] = 0
            sound = adapt(state.law, state.sample, population, state.watch.generation[0])
            used = state.evaluations[0] - state.ledger.began[0]
            if nothing_more(state.law, state.sample, population, state.watch) or not sound or used >= state.ledger.budget[0]:
                self.begin_again(state, used, rng)
            state.stats[SIGMA] = state.law.sigma[0]
        draw(state.law, state.sample, state.member[0], state.candidate, rng)

    def begin_again(self, state: CMAESState, used: int, rng: Any) -> None:
        """Begin the next run, if the restarts want one."""
        ledger, law = state.ledger, state.law
        ledger.spent[ledger.regime[0]] += used
        if not self.restarts.again(ledger, rng):
            state.finished[0] = 1
            return
        ledger.began[0] = state.evaluations[0]
        ledger.runs[0] += 1
        state.stats[RUNS] = ledger.runs[0]
        draw_start(state.region, law.mean, rng)
        law.sigma[0] = law.sigma[1] * ledger.factor[0]
        law.stale[0] = 0
        n = law.mean.size
        for i in range(n):
            law.lengths[i] = law.scales[i]
            law.path_sigma[i] = 0.0
            law.path_c[i] = 0.0
            for j in range(n):
                law.axes[i, j] = 1.0 if i == j else 0.0
                law.covariance[i, j] = law.scales[i] ** 2 if i == j else 0.0
        forget(state.watch)
        set_weights(state.sample, ledger.population[0], n)
