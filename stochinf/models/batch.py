"""Points: one index, or a batch of them; models read both in the same way.

A tape of shape (steps,) hands a kernel one integer at a time, a tape of shape (steps, batch) an array. Which of the two it
is, is known when the loop is compiled, so that asking costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stochinf.engine.jit import helper

__all__ = ["member", "size_of"]


@helper()
def size_of(point: Any) -> int:
    """Return how many rows a point names.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.models.batch import member, size_of
    >>> size_of(7), size_of(np.array([4, 2])), member(np.array([4, 2]), 1)
    (1, 2, 2)
    """
    if isinstance(point, (int, np.int64)):
        return 1
    return point.size  # type: ignore[no-any-return]


@helper()
def member(point: Any, k: int) -> int:
    """Return the k-th row that a point names."""
    if isinstance(point, (int, np.int64)):
        return point  # type: ignore[return-value]
    return point[k]  # type: ignore[no-any-return]
