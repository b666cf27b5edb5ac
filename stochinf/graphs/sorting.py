"""Sorting numbers that lie between 0 and n by counting: linear, stable, with numpy's answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["counting_argsort"]

COUNTED_FROM = 100_000
"""Keys from which scipy is worth loading."""


def counting_argsort(keys: npt.NDArray[Any], n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Return where each number begins, int64 (n + 1,), and the stable order of keys from 0 to n - 1.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.sorting import counting_argsort
    >>> start, order = counting_argsort(np.array([2, 0, 2, 1]), 3)
    >>> start.tolist(), order.tolist()
    ([0, 1, 2, 4], [1, 3, 0, 2])
    """
    if keys.size < COUNTED_FROM or keys.size >= 2**31 or n >= 2**31:
        start = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(keys, minlength=n))])
        return start, np.argsort(keys, kind="stable")
    from scipy.sparse import csr_matrix

    rows = np.arange(keys.size + 1, dtype=np.int32)
    columns = csr_matrix((np.zeros(keys.size, np.int8), keys.astype(np.int32, copy=False), rows), (keys.size, n)).tocsc()
    return columns.indptr.astype(np.int64), columns.indices
