"""Pickers: which point comes next.

A picker writes a tape of points for the coming steps: int64 of shape (steps,), or (steps, batch) for minibatches. It never
looks at the state; what does (`Greedy`) wraps the kernel instead. `prepare(target)` fills in what was left to choose and
returns a copy with arrays of its own, so one picker can serve many chains.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.batches import BatchesWithReplacement as BatchesWithReplacement
from stochinf.engine.batches import Minibatches
from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.points import check_length, point_count, tape
from stochinf.engine.random import alias_table, below, from_alias, permute, random
from stochinf.engine.wrapping import Colours, Greedy

__all__ = ["Colours", "Curriculum", "Greedy", "Minibatches", "Scan", "Shuffled", "Uniform", "Weighted", "tape"]

NO_ORDER = np.empty(0, np.int64)
NO_WEIGHTS = np.empty(0, np.float64)


@part
class Uniform(NamedTuple):
    """Points uniform on 0..n-1, with replacement.

    Parameters
    ----------
    n : int
        Number of points; 0 takes the target's.

    Examples
    --------
    >>> import stochinf as si
    >>> si.pickers.tape(si.pickers.Uniform(6), 8, rng=0).max() < 6
    np.True_
    """

    n: int = 0

    def prepare(self, target: Any) -> Uniform:
        """Take the number of points from the target."""
        return Uniform(point_count("Uniform", self.n, target))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write uniform points."""
        for k in range(points.shape[0]):
            points[k] = below(rng, self.n)


@part
class Scan(NamedTuple):
    """Points 0, 1, ..., n-1, over and over.

    Parameters
    ----------
    n : int
        Number of points; 0 takes the target's.

    Examples
    --------
    >>> import stochinf as si
    >>> si.pickers.tape(si.pickers.Scan(3), 7)
    array([0, 1, 2, 0, 1, 2, 0])
    """

    n: int = 0

    def prepare(self, target: Any) -> Scan:
        """Take the number of points from the target."""
        return Scan(point_count("Scan", self.n, target))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write points in order."""
        point = start % self.n
        for k in range(points.shape[0]):
            points[k] = point
            point += 1
            if point == self.n:
                point = 0


@part
class Shuffled(NamedTuple):
    """Each point once per epoch, in an order drawn afresh for each epoch.

    Parameters
    ----------
    n : int
        Number of points; 0 takes the target's.

    Examples
    --------
    >>> import stochinf as si
    >>> si.pickers.tape(si.pickers.Shuffled(4), 8, rng=0)
    array([0, 3, 2, 1, 3, 1, 2, 0])
    """

    n: int = 0
    order: npt.NDArray[np.int64] = NO_ORDER

    def prepare(self, target: Any) -> Shuffled:
        """Take the number of points from the target."""
        n = point_count("Shuffled", self.n, target)
        return Shuffled(n, np.arange(n))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write points, shuffling where an epoch begins."""
        place = start % self.n
        for k in range(points.shape[0]):
            if place == 0:
                permute(rng, self.order)
            points[k] = self.order[place]
            place += 1
            if place == self.n:
                place = 0


@part
class Weighted(NamedTuple):
    """Point i with probability weights[i] / sum(weights), by the alias method; a zero weight is never picked.

    Parameters
    ----------
    weights : array of shape (n,)
        Not negative, not all zero.

    References
    ----------
    Walker, A. J. (1977). An efficient method for generating discrete random variables with general distributions. ACM TOMS 3.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> points = si.pickers.tape(si.pickers.Weighted([1.0, 0.0, 3.0]), 10_000, rng=0)
    >>> np.bincount(points).round(-2)
    array([2500,    0, 7500])
    """

    weights: npt.NDArray[np.float64]
    threshold: npt.NDArray[np.float64] = NO_WEIGHTS
    alias: npt.NDArray[np.int64] = NO_ORDER

    def prepare(self, target: Any) -> Weighted:
        """Build the alias table."""
        check_length("Weighted", self.weights, target)
        return Weighted(self.weights.copy(), *alias_table(self.weights))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write weighted points."""
        for k in range(points.shape[0]):
            points[k] = from_alias(rng, self.threshold, self.alias)


@part
class Curriculum(NamedTuple):
    """From easy points to all: weights move from those of `easiness` to uniform over `steps` steps.

    At step t a point is drawn uniformly with probability min(1, t / steps), else in proportion to its easiness.

    Parameters
    ----------
    easiness : array of shape (n,)
        Weights at the beginning; not negative, not all zero.
    steps : int
        Steps until every point is as likely as any other.

    References
    ----------
    Bengio, Y. et al. (2009). Curriculum learning. ICML.

    Examples
    --------
    >>> import stochinf as si
    >>> points = si.pickers.tape(si.pickers.Curriculum([1.0, 0.0], steps=1000), 3000, rng=0)
    >>> bool(points[:300].mean() < 0.1), bool(abs(points[1000:].mean() - 0.5) < 0.05)
    (True, True)
    """

    easiness: npt.NDArray[np.float64]
    steps: int
    threshold: npt.NDArray[np.float64] = NO_WEIGHTS
    alias: npt.NDArray[np.int64] = NO_ORDER

    def prepare(self, target: Any) -> Curriculum:
        """Build the alias table of the easy end."""
        check_length("Curriculum", self.easiness, target)
        if self.steps < 1:
            raise StochinfError(f"Curriculum: {self.steps} steps from easy to uniform; at least 1 is needed")
        return Curriculum(self.easiness.copy(), self.steps, *alias_table(self.easiness))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write points from the mixture of the two weightings."""
        for k in range(points.shape[0]):
            if random(rng) * self.steps < start + k:
                points[k] = below(rng, self.threshold.size)
            else:
                points[k] = from_alias(rng, self.threshold, self.alias)


def epoch_length(picker: Any) -> float:
    """Return how many steps visit as many points as there are: points / batch, a fraction where that does not come out even."""
    n = getattr(picker, "n", 0) or getattr(picker, "threshold", NO_WEIGHTS).size or 1
    return float(n / max(1, getattr(picker, "batch", 1)))
