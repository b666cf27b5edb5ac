"""Pickers: which point comes next.

A picker writes a tape of points for the coming steps: int64 of shape (steps,), or (steps, batch) for minibatches. It never
looks at the state; what does (`Greedy`) wraps the kernel instead. `prepare(target)` fills in what was left to choose and
returns a copy with arrays of its own, so one picker can serve many chains.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.random import alias_table, below, from_alias, permute, random
from stochinf.engine.wrappers import EachOfColour, GreedyChoice

__all__ = ["Colours", "Curriculum", "Greedy", "Minibatches", "Scan", "Shuffled", "Uniform", "Weighted"]

NO_ORDER = np.empty(0, np.int64)
NO_WEIGHTS = np.empty(0, np.float64)


def point_count(picker: str, n: int, target: Any) -> int:
    """Return the number of points a picker chooses among: its own `n`, else the target's `n_points`."""
    count = n or getattr(target, "n_points", 0)
    if not 0 < count < 2**31:
        raise StochinfError(f"{picker}: {count} points to pick from; give n between 1 and 2^31, or a target with n_points")
    return int(count)


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
    >>> si.pickers.Uniform(6)
    Uniform(n=6)
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
    """Points 0, 1, ..., n-1, over and over."""

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
    """Each of `n` points (0: as many as the target has) once per epoch, in an order drawn afresh for each epoch."""

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
class Minibatches(NamedTuple):
    """Batches of points: a stream of shuffled epochs cut into batches.

    Every point comes once per epoch, whatever the batch size: a batch may take the end of one epoch and the start of the
    next, so no remainder is dropped and all batches are equally large.

    Parameters
    ----------
    batch : int
        Points per batch.
    n : int
        Number of points; 0 takes the target's.
    replace : bool
        Draw every point afresh, uniformly: `BatchesWithReplacement`.
    """

    batch: int
    n: int = 0
    replace: bool = False
    order: npt.NDArray[np.int64] = NO_ORDER

    def prepare(self, target: Any) -> Minibatches | BatchesWithReplacement:
        """Take the number of points from the target."""
        if self.replace:
            return BatchesWithReplacement(self.batch, self.n).prepare(target)
        n = point_count("Minibatches", self.n, target)
        if not 0 < self.batch <= n:
            raise StochinfError(f"Minibatches: a batch of {self.batch} from {n} points; the batch must lie between 1 and {n}")
        return Minibatches(self.batch, n, False, np.arange(n))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write batches, shuffling where an epoch begins."""
        place = (start * self.batch) % self.n
        for k in range(points.shape[0]):
            for b in range(points.shape[1]):
                if place == 0:
                    permute(rng, self.order)
                points[k, b] = self.order[place]
                place += 1
                if place == self.n:
                    place = 0


@part
class BatchesWithReplacement(NamedTuple):
    """Batches of points drawn uniformly with replacement."""

    batch: int
    n: int = 0

    def prepare(self, target: Any) -> BatchesWithReplacement:
        """Take the number of points from the target."""
        if self.batch < 1:
            raise StochinfError(f"BatchesWithReplacement: a batch of {self.batch}; at least 1 is needed")
        return BatchesWithReplacement(self.batch, point_count("BatchesWithReplacement", self.n, target))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write batches of uniform points."""
        for k in range(points.shape[0]):
            for b in range(points.shape[1]):
                points[k, b] = below(rng, self.n)


@part
class Weighted(NamedTuple):
    """Point i with probability weights[i] / sum(weights), by the alias method; a zero weight is never picked."""

    weights: npt.NDArray[np.float64]
    threshold: npt.NDArray[np.float64] = NO_WEIGHTS
    alias: npt.NDArray[np.int64] = NO_ORDER

    def prepare(self, target: Any) -> Weighted:
        """Build the alias table."""
        check_length("Weighted", self.weights, target)
        return Weighted(self.weights, *alias_table(self.weights))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write weighted points."""
        for k in range(points.shape[0]):
            points[k] = from_alias(rng, self.threshold, self.alias)


@part
class Curriculum(NamedTuple):
    """From easy points to all: weights move from those of `easiness` to uniform over `steps` steps.

    At step t a point is drawn uniformly with probability min(1, t / steps), else in proportion to its easiness.

    References
    ----------
    Bengio, Y. et al. (2009). Curriculum learning. ICML.
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
        return Curriculum(self.easiness, self.steps, *alias_table(self.easiness))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write points from the mixture of the two weightings."""
        for k in range(points.shape[0]):
            if random(rng) * self.steps < start + k:
                points[k] = below(rng, self.threshold.size)
            else:
                points[k] = from_alias(rng, self.threshold, self.alias)


@part
class Colours(NamedTuple):
    """Colour classes in turn: a point is a colour, and the kernel updates every member of it.

    Members of one colour do not depend on each other given the rest, so that their order within the colour is free. The
    target gives `colour_start` and `colour_members`: members of colour c are colour_members[colour_start[c]:colour_start[c+1]].
    `prepare` fills in `n`, the number of colours.
    """

    n: int = 0

    def prepare(self, target: Any) -> Colours:
        """Take the number of colours from the target."""
        if not hasattr(target, "colour_start"):
            raise StochinfError(f"Colours: {type(target).__name__} has no colours (colour_start, colour_members)")
        return Colours(target.colour_start.size - 1)

    def wrap(self, kernel: Any) -> Any:
        """Return the kernel that updates a whole colour."""
        return EachOfColour(kernel)

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write the colours in order."""
        for k in range(points.shape[0]):
            points[k] = (start + k) % self.n


@part
class Greedy(NamedTuple):
    """The point of the largest score: a pick that depends on the state, so the kernel is wrapped (`GreedyChoice`).

    The kernel gives `score(target, state, point)`, for example the size of a coordinate's gradient or the gain of a flip.
    It chooses among `n` points; 0 takes the target's.
    """

    n: int = 0

    def prepare(self, target: Any) -> Greedy:
        """Take the number of points from the target."""
        return Greedy(point_count("Greedy", self.n, target))

    def wrap(self, kernel: Any) -> Any:
        """Return the kernel that looks for the best point before each update."""
        if not hasattr(kernel, "score"):
            raise StochinfError(f"Greedy: {type(kernel).__name__} has no score(target, state, point) to choose by")
        return GreedyChoice(kernel)

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write the number of candidates: the kernel chooses among them."""
        for k in range(points.shape[0]):
            points[k] = self.n


def check_length(picker: str, weights: npt.NDArray[np.float64], target: Any) -> None:
    """Demand one weight per point of the target."""
    n = getattr(target, "n_points", 0)
    if n and weights.size != n:
        raise StochinfError(f"{picker}: {weights.size} weights given, {n} needed: one per point of {type(target).__name__}")


def epoch_length(picker: Any) -> float:
    """Return how many steps visit as many points as there are: points / batch, a fraction where that does not come out even."""
    n = getattr(picker, "n", 0) or getattr(picker, "threshold", NO_WEIGHTS).size or 1
    return float(n / max(1, getattr(picker, "batch", 1)))
