"""What the samplers with an accept step share: a starting point of finite log density, and counted failures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.target import starting_log_density

__all__ = ["checked_acceptance", "checked_log_density", "started"]

Floats = npt.NDArray[np.float64]


def started(kernel: Any, target: Any, position: Floats | None, streams: Any) -> tuple[Floats, float]:
    """Return a starting position and its log density.

    Raises
    ------
    StochinfError
        If the position has not as many numbers as the target has dimensions, or its log density is not finite.
    """
    start = target.start(streams.generator()) if position is None else np.array(position, dtype=np.float64).reshape(-1)
    dim = int(getattr(target, "dim", start.size))
    if start.size != dim:
        name = type(kernel).__name__
        raise StochinfError(f"{name}: a starting position of {start.size} numbers given, {dim} needed: one row per chain")
    return start, starting_log_density(kernel, target, start)


def checked_acceptance(kernel: Any) -> None:
    """Demand an acceptance rate that can be reached, or NaN for none.

    Raises
    ------
    StochinfError
        If it is not.
    """
    rate = kernel.target_acceptance
    if not (math.isnan(rate) or 0 < rate < 1):
        raise StochinfError(f"{type(kernel).__name__}: target_acceptance = {rate}; a number between 0 and 1 is needed")


@helper()
def checked_log_density(target: Any, position: Floats, nonfinite: npt.NDArray[np.int64]) -> float:
    """Return a log density; -infinity, and counted, where it is NaN or +infinity."""
    value = target.log_density(position)
    if math.isnan(value) or value == math.inf:
        nonfinite[0] += 1
        return -math.inf
    return value  # type: ignore[no-any-return]
