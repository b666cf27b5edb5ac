r"""Random search: points drawn at random, the best of which is kept.

Over the whole region, :math:`x \sim U[\text{region}]`; or around the best point, :math:`x = x^* + \sigma z`, with the step size a
schedule of its own or fitted to success: :math:`\sigma` grows by :math:`e^{0.8/d'}` where the point was better and shrinks by
:math:`e^{-0.2/d'}` where it was not, :math:`d' = \sqrt{n + 1}`, so that one step in five succeeds.

References
----------
Brooks, S. H. (1958). A discussion of random methods for seeking maxima. Operations Research 6, section 2.
Rechenberg, I. (1973). Evolutionsstrategie. Frommann-Holzboog: the 1/5 success rule.
Kern, S. et al. (2004). Learning probability distributions in continuous evolutionary algorithms. Natural Computing 3, sec. 3.1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.random import normal
from stochinf.engine.rates import checked_rate, is_open
from stochinf.engine.target import check_needs
from stochinf.optim.black_box.contract import Region, black_box, draw_start, region_of

__all__ = ["Around", "Everywhere", "RandomSearch", "RandomSearchState"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FLOOR = 1e-300


class RandomSearchState(NamedTuple):
    """The state of one search.

    Attributes
    ----------
    position, trial, candidate, centre : ndarray of shape (dim,)
    region : Region
    stats : ndarray of shape (3,)
        best, value, step_size.
    levels : ndarray of shape (2,)
        Value at the centre; step size relative to the rate.
    evaluations, finished, nonfinite : ndarray of shape (1,)
    """

    position: Floats
    trial: Floats
    candidate: Floats
    centre: Floats
    region: Region
    stats: Floats
    levels: Floats
    evaluations: Integers
    finished: Integers
    nonfinite: Integers


@part(needs=("value",), yields="optimum", derivative_free=True)
class RandomSearch(NamedTuple):
    """Random search, over the whole region or around the best point.

    Parameters
    ----------
    step_size : float or schedule
        Standard deviation of a step around the best point; NaN draws over the whole region instead.
    adaptive : bool
        Fit the step size to success, one step in five; then `step_size` is the first.

    Raises
    ------
    StochinfError
        If the step size is not positive; if there is no region to draw from.

    Examples
    --------
    >>> import stochinf as si
    >>> problem = si.Function(lambda x: float(abs(x - 0.3).sum()), 2, bounds=(0, 1))
    >>> result = si.minimize(problem, si.optim.RandomSearch(), stop=si.stop.steps(1000), rng=0)
    >>> result.nfev, bool(result.fun < 0.1)
    (1000, True)
    """

    step_size: Any = math.nan
    adaptive: bool = True

    def checked(self) -> RandomSearch:
        """Check the step size."""
        return self._replace(step_size=checked_rate("RandomSearch", "step_size", self.step_size))

    def prepare(self, target: Any) -> Any:
        """Return the kernel on a target."""
        check_needs(self, target)
        if not is_open(self.step_size):
            return Around(self.step_size, 0.8 if self.adaptive else 0.0)
        if not hasattr(target, "region") or not np.isfinite(target.region).all():
            raise StochinfError(
                "RandomSearch: the problem has no region to draw from; give si.Function(..., bounds=(low, high)) or region=, or a"
                " step_size to search around the best point"
            )
        return Everywhere()


def fresh(target: Any, position: Floats | None, streams: Any, spread: float) -> RandomSearchState:
    """Return the state at a starting point, which is evaluated first."""
    start, region = region_of("RandomSearch", target, position, streams, spread)
    return RandomSearchState(
        start.copy(), start.copy(), start.copy(), start.copy(), region, np.array([np.inf, np.nan, 0.0]), np.array([np.inf, 1.0]),
        np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64),
    )  # fmt: skip


@black_box(("step_size",))
class Everywhere(NamedTuple):
    """Points uniform in the region."""

    unused: int = 0

    def init(self, target: Any, position: Floats | None, streams: Any) -> RandomSearchState:
        """Return the state at a starting point."""
        return fresh(target, position, streams, 1.0)

    def tell(self, state: RandomSearchState, value: float, rate: float, rng: Any) -> None:
        """Draw the next point."""
        draw_start(state.region, state.candidate, rng)


@black_box(("step_size",), rate_field="step_size")
class Around(NamedTuple):
    """Steps around the best point; `growth` is by how much log(step size) grows on success, times sqrt(dim + 1)."""

    step_size: Any
    growth: float

    def init(self, target: Any, position: Floats | None, streams: Any) -> RandomSearchState:
        """Return the state at a starting point."""
        return fresh(target, position, streams, 1.0)

    def tell(self, state: RandomSearchState, value: float, rate: float, rng: Any) -> None:
        """Move to the point if it is better; fit the step size; draw the next."""
        n = state.candidate.size
        better = value < state.levels[0] or (value == state.levels[0] and math.isinf(value))
        change = self.growth if better else -0.25 * self.growth
        if state.evaluations[0] > 1:
            state.levels[1] = max(FLOOR, state.levels[1] * math.exp(change / math.sqrt(n + 1.0)))
        if better:
            state.levels[0] = value
            for i in range(n):
                state.centre[i] = state.candidate[i]
        state.stats[2] = rate * state.levels[1]
        for i in range(n):
            state.candidate[i] = state.centre[i] + state.stats[2] * normal(rng)
