r"""The range of temperatures of annealing, computed from the model.

Let d be what a change of one variable adds to the energy (in units of the log score).

- *Hot*: in random states, a change for the worse is accepted with probability 3/10 on average,
  :math:`\operatorname{mean}_{d \ne 0} e^{-\beta |d|} = 0.3`.
- *Cold*: in local minima found by descent, one change for the worse in 500 variables is accepted in a sweep,
  :math:`\operatorname{mean}_i e^{-\beta d_i} [d_i > 0] = 1/500`.

Both are monotone in :math:`\beta` and solved by bisection. Measuring whole gains, not single
coefficients, keeps one tiny or one huge coupling from setting the range: with the smallest coefficient in place of the smallest
gain an anneal ends far too cold, and with a factor of two forgotten far too hot.

References
----------
Ben-Ameur, W. (2004). Computing the initial temperature of simulated annealing. Computational Optimization and Applications 29(3).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part

__all__ = ["HOT_ACCEPTANCE", "Cooling", "Range", "solve_range"]

HOT_ACCEPTANCE = 0.3
COLD_ACCEPTANCE = 1 / 500
GEOMETRIC_FROM = 50.0
"""Ratio of cold to hot from which the inverse temperature grows by a factor a sweep, not by a term."""

Floats = npt.NDArray[np.float64]


class Range(NamedTuple):
    """Inverse temperatures at which annealing starts and ends."""

    hot: float
    cold: float


@part
class Cooling(NamedTuple):
    """Inverse temperature that rises from `hot` at step `first` to `cold` at the last of `steps` steps, then stays.

    Linear where the range is less than fifty-fold, else geometric.
    """

    first: int
    steps: int
    hot: float
    cold: float

    def at(self, step: int) -> float:
        """Return the inverse temperature of a step."""
        done = min(max((step - self.first) / max(self.steps - 1, 1), 0.0), 1.0)
        if self.cold < GEOMETRIC_FROM * self.hot:
            return self.hot + done * (self.cold - self.hot)
        return float(self.hot * (self.cold / self.hot) ** done)


def solve_range(random_changes: Floats, minimum_changes: Floats, variables: int) -> Range:
    """Return the range for changes of energy in random states and, with how many variables these have, in local minima.

    Parameters
    ----------
    random_changes, minimum_changes : float64
        Changes of the energy by one variable, any number of them, any sign.
    variables : int
        Variables behind `minimum_changes`, those that cannot get worse included.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.search.temperatures import solve_range
    >>> hot, cold = solve_range(np.array([1.0, -1.0]), np.array([1.0, 1.0]), 2)
    >>> round(hot, 3), round(cold, 3)
    (1.204, 6.215)
    """
    away = np.abs(random_changes[np.isfinite(random_changes) & (random_changes != 0)])
    worse = minimum_changes[np.isfinite(minimum_changes) & (minimum_changes > 0)]
    if away.size == 0:
        return Range(1.0, 1.0)
    hot = _bisect(lambda beta: float(np.exp(-beta * away).mean()) - HOT_ACCEPTANCE, float(away.mean()))
    if worse.size == 0:
        return Range(hot, hot)
    cold = _bisect(lambda beta: float(np.exp(-beta * worse).sum()) / variables - COLD_ACCEPTANCE, float(worse.mean()))
    return Range(hot, max(hot, cold))


def _bisect(falling: Any, scale: float) -> float:
    """Return where a falling function of the inverse temperature crosses zero; 1 / scale is a first guess."""
    low, high = 1e-12 / scale, 1e12 / scale
    if falling(low) <= 0:
        return low
    for _ in range(80):
        middle = float(np.sqrt(low * high))
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return high
