"""What goes onto the tapes of points and rates when a model is trained in whole passes over the data."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.points import point_count
from stochinf.engine.random import permute
from stochinf.engine.rates import prepared, write_rates

__all__ = ["Later", "Passes"]

NO_ORDER = np.empty(0, np.int64)


@part
class Passes(NamedTuple):
    """Whole passes: every row exactly once per pass, in batches whose sizes differ by at most one.

    A pass is shuffled and cut into ceil(n / batch) batches, so that none is larger than `batch`. Where a batch is one row
    short, its last point is -1: no row. `stochinf.pickers.Minibatches` instead lets a batch run on into the next pass.

    Parameters
    ----------
    batch : int
        Largest batch; all rows are one batch where it exceeds n.
    n : int
        Number of rows; 0 takes the target's.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.engine.random import stream
    >>> from stochinf.rbm.tapes import Passes
    >>> points = np.empty((3, 4), np.int64)
    >>> Passes(4, 10).prepare(None).fill(points, 0, stream(np.random.SeedSequence(0)))
    >>> np.sort(points.ravel())
    array([-1, -1,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9])
    """

    batch: int
    n: int = 0
    order: npt.NDArray[np.int64] = NO_ORDER

    @property
    def steps(self) -> int:
        """Batches per pass."""
        return -(-self.n // self.batch)

    def prepare(self, target: Any) -> Passes:
        """Take the number of rows from the target and even out the batches."""
        n = point_count("Passes", self.n, target)
        if self.batch < 1:
            raise StochinfError(f"Passes: a batch of {self.batch}; at least 1 is needed")
        steps = math.ceil(n / self.batch)
        return Passes(math.ceil(n / steps), n, np.arange(n))

    def fill(self, points: npt.NDArray[np.int64], start: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write batches, shuffling where a pass begins."""
        steps = (self.n + self.batch - 1) // self.batch
        for k in range(points.shape[0]):
            place = (start + k) % steps
            if place == 0:
                permute(rng, self.order)
            low = place * self.n // steps
            high = (place + 1) * self.n // steps
            for b in range(points.shape[1]):
                points[k, b] = self.order[low + b] if low + b < high else -1


@part
class Later(NamedTuple):
    """A schedule from step `first` on: what training goes on with after `first` steps."""

    schedule: Any
    first: int

    def prepare(self, target: Any) -> Later:
        """Prepare the schedule."""
        return Later(prepared(self.schedule, target), self.first)

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        return float(self.schedule.at(self.first + step))

    def write(self, rates: npt.NDArray[np.float64], start: int) -> None:
        """Write a later stretch of the schedule's tape."""
        write_rates(self.schedule, rates, self.first + start)
