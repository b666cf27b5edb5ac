"""What pickers share: how many points there are, and the tape that a picker writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.loop import fill_points
from stochinf.engine.rates import prepared
from stochinf.engine.streams import Streams, entropy_of

__all__ = ["check_length", "point_count", "tape"]


def point_count(picker: str, n: int, target: Any) -> int:
    """Return the number of points a picker chooses among: its own `n`, else the target's `n_points`."""
    count = n or getattr(target, "n_points", 0)
    if not 0 < count < 2**31:
        raise StochinfError(f"{picker}: {count} points to pick from; give n between 1 and 2^31, or a target with n_points")
    return int(count)


def check_length(picker: str, weights: npt.NDArray[np.float64], target: Any) -> None:
    """Demand one weight per point of the target."""
    n = getattr(target, "n_points", 0)
    if n and weights.size != n:
        raise StochinfError(f"{picker}: {weights.size} weights given, {n} needed: one per point of {type(target).__name__}")


def tape(picker: Any, steps: int, target: Any = None, rng: Any = None) -> npt.NDArray[np.int64]:
    """Return the points that a picker writes for the first chain of a run with the same `rng`, to look at or to replay elsewhere.

    Parameters
    ----------
    picker : part
        For example `stochinf.pickers.Shuffled(10)`.
    steps : int
        How many steps.
    target : model or part, optional
        What the points are points of; not needed where the picker was given `n`.
    rng : int, SeedSequence, Generator or None
        As in `stochinf.run`.

    Returns
    -------
    ndarray of int64, shape (steps,) or (steps, batch)
        The points.

    Raises
    ------
    StochinfError
        If the picker lacks something, or an argument is none.

    Examples
    --------
    >>> import stochinf as si
    >>> si.pickers.tape(si.pickers.Scan(3), 5)
    array([0, 1, 2, 0, 1])
    """
    if not hasattr(picker, "fill"):
        raise StochinfError(f"picker {picker!r}: a part with the method fill is needed, see stochinf.pickers")
    ready = prepared(picker, target.as_target() if hasattr(target, "as_target") else target)
    batch = int(getattr(ready, "batch", 0))
    length = counted("steps", steps)
    points = np.empty((length, batch) if batch else length, np.int64)
    fill_points(ready, points, 0, Streams(entropy_of(rng), 0, 1).stream("picker"))
    return points
