"""Where a chain starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError

__all__ = ["starting_point"]


def starting_point(kernel: str, target: Any, position: npt.NDArray[Any] | None, streams: Any) -> npt.NDArray[Any]:
    """Return the starting position of one chain: the one given, else the target's choice.

    Parameters
    ----------
    kernel : str
        Who asks, for the message.
    target : part
    position : ndarray of shape (dim,), optional
    streams : Streams
        For a start by chance.

    Returns
    -------
    ndarray of shape (dim,)
        A copy: float32 if the given one is, else float64.

    Raises
    ------
    StochinfError
        If it has not as many numbers as the target has dimensions.
    """
    if position is None:
        position = np.asarray(target.start(streams.generator()))
        return np.array(position, dtype=precision(position))
    start = np.array(position, dtype=precision(position)).reshape(-1)
    dim = int(getattr(target, "dim", start.size))
    if start.size != dim:
        raise StochinfError(
            f"{kernel}: a starting position of {start.size} numbers; {type(target).__name__} has {dim} dimensions"
        )
    return start


def precision(position: npt.NDArray[Any]) -> Any:
    """Return the type in which a run that starts at a position computes."""
    return np.float32 if position.dtype == np.float32 else np.float64
