r"""The curvature of a sum of which nothing is known: trial steps at the start, and where a short run leads.

Rates that are left open come from L, the largest Lipschitz constant of a term's gradient. Some targets have none (Poisson
regression: the curvature grows as exp(x.w)), others do not know it (a user's own sum). For them L is doubled until

.. math:: f_i(w - \nabla f_i(w) / L) \le f_i(w) - \frac{1}{2 L} |\nabla f_i(w)|^2

holds for the terms i tried, at the start and then where a run of descent at a rate of 1 / (2 L) ends, from which the next one
goes on, until neither L grows nor the objective falls much. A run that ends higher than it began, where L is larger, is done
again with four times the L.

References
----------
Schmidt, M., Le Roux, N. and Bach, F. (2017). Minimizing finite sums with the stochastic average gradient. Math. Program. 162,
section 4.6: the inequality, there at every step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import NEVER, advance
from stochinf.engine.errors import StochinfError
from stochinf.engine.explain import explained
from stochinf.engine.jit import entry
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build
from stochinf.engine.target import demand_success, offers
from stochinf.optim.descent import descent
from stochinf.optim.transforms import Identity

__all__ = ["Curvature", "bounded", "of_terms", "sampled", "unbounded"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TERMS = 2048
"""Terms that are tried, and steps of a run."""
ROUNDS = 12
FALL = 0.1
"""Share of the whole fall of the objective by which a run must lower it for another one to follow."""
LONGEST = 1e9
"""The first step tried is this many times as long as the position and 1."""
STEEPEST = 1e300
SLACK = 1e-9
"""Share of a value that counts as rounding."""


def bounded(asker: str, target: Any) -> float:
    """Return the largest Lipschitz constant of a row's gradient, as the target knows it.

    Raises
    ------
    StochinfError
        If the target does not know it, or has none.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.optim.curvature import bounded
    >>> bounded("SAGA", si.models.LinearRegression([[3.0], [1.0]], [1.0, 2.0]).as_target())
    9.0
    """
    name = type(target).__name__
    if not hasattr(target, "row_smoothness"):
        raise StochinfError(
            f"{asker}: learning_rate was left open, and {name} has no row_smoothness() to choose it by; give a number"
        )
    largest = float(target.row_smoothness())
    if not math.isfinite(largest):
        raise StochinfError(
            f"{asker}: learning_rate was left open, and no constant bounds the curvature of {name}; give a number"
        )
    return largest


def of_terms(target: Any) -> bool:
    """Whether a target is a sum that gives values and gradients of its terms."""
    return int(getattr(target, "n_points", 1)) > 1 and offers(target, "value") and offers(target, "gradient")


def unbounded(target: Any) -> bool:
    """Whether a target knows no bound of the curvature of its terms."""
    return not (hasattr(target, "row_smoothness") and math.isfinite(target.row_smoothness()))


@entry
def steepest(target: Any, position: Floats, points: Integers, work: Floats, largest: float) -> tuple[float, float, int]:
    """Return the curvature, doubled until it serves all points, the sum of their values, and how many evaluations that took."""
    slope, trial = work[0], work[1]
    total, evaluations = 0.0, 0
    for point in points:
        value = target.value(position, point)
        target.gradient(position, point, slope)
        total += value
        evaluations += 2
        square, length = 0.0, 1.0
        for j in range(slope.size):
            square += slope[j] * slope[j]
            length = max(length, abs(position[j]))
        if not (0.0 < square < STEEPEST and abs(value) < STEEPEST):
            continue
        if largest == 0.0:
            largest = math.sqrt(square) / (LONGEST * length)
        while largest < STEEPEST:
            for j in range(slope.size):
                trial[j] = position[j] - slope[j] / largest
            evaluations += 1
            if target.value(trial, point) <= value - 0.5 * square / largest + SLACK * abs(value):
                break
            largest *= 2.0
    return largest, total, evaluations


class Curvature:
    """The search for a curvature that serves the terms of a sum.

    Parameters
    ----------
    target : part
        With `value` and `gradient` of a point.
    start : ndarray of shape (dim,)
    entropy : int
        Of the trials.

    Attributes
    ----------
    evaluations : int
        Values and gradients of terms taken so far.
    """

    def __init__(self, target: Any, start: Floats, entropy: int) -> None:
        smooth = target._replace(l1=0.0) if getattr(target, "l1", 0.0) > 0 and "l1" in target._fields else target
        self.target = smooth.private() if hasattr(smooth, "private") else smooth
        self.start, self.entropy, self.evaluations = start, entropy, 0
        self.points = sampled(target, entropy)

    def largest(self) -> float:
        """Return the curvature, 1 where no term has a slope."""
        position = self.start
        largest, value = self.seen(position, 0.0)
        first = value
        for _ in range(ROUNDS):
            if not 0.0 < largest < STEEPEST:
                break
            end = self.ran(position, 0.5 / largest)
            more, there = self.seen(end, largest) if np.isfinite(end).all() else (math.inf, math.inf)
            if more <= largest and value - FALL * (first - there) < there < math.inf:
                break
            if there <= value:
                position, largest, value = end, more, there
            else:
                largest *= 4.0
        return largest or 1.0

    def seen(self, position: Floats, largest: float) -> tuple[float, float]:
        """Return the curvature that serves all terms, at least what it was, and the sum of their values."""
        work = np.empty((2, position.size))
        with explained(self.target):
            larger, total, evaluations = steepest(self.target, position, self.points, work, largest)
        demand_success(self.target)
        self.evaluations += int(evaluations)
        return float(larger), float(total)

    def ran(self, position: Floats, rate: float) -> Floats:
        """Return where a run of plain descent ends."""
        kernel = descent(rate, Identity(), self.target)
        block = build(Plan(kernel, self.target, None, None, Nothing(), position, 1, 0, NEVER, False, self.entropy), 0).blocks[0]
        advance(block, self.points.size)
        demand_success(block.target)
        self.evaluations += self.points.size
        if hasattr(block.target, "project"):
            block.target.project(block.state.position)
        return np.asarray(block.state.position)


def sampled(target: Any, entropy: int) -> Integers:
    """Return the terms that trials look at, in their order: all, or some of many."""
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))
    return np.sort(generator.permutation(int(target.n_points))[:TERMS])
