"""Pickers of minibatches; public in `stochinf.pickers`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.points import point_count
from stochinf.engine.random import below, permute

__all__ = ["BatchesWithReplacement", "Minibatches"]

NO_ORDER = np.empty(0, np.int64)


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

    Examples
    --------
    >>> import stochinf as si
    >>> si.pickers.tape(si.pickers.Minibatches(2, n=5), 5, rng=0)
    array([[2, 0],
           [4, 3],
           [1, 4],
           [2, 3],
           [0, 1]])
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
    """Batches of points drawn uniformly with replacement; made by `Minibatches(batch, replace=True)`.

    Parameters
    ----------
    batch : int
        Points per batch.
    n : int
        Number of points; 0 takes the target's.
    """

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
