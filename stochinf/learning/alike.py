"""Which parts of a model have the same tables: millions of small parts are compared at once, as rows of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from stochinf.graphs.flat import Int32s, Int64s
from stochinf.learning.terms import Entries

Array = TypeVar("Array", bound=np.generic)

__all__ = ["alike", "distinct"]


def alike(entries: Entries, ends: Int64s, members: Int32s, starts: Int64s, chosen: Int64s) -> Iterator[Int64s]:
    """Yield classes of equal parts.

    Parameters
    ----------
    entries : Entries
        Factors sorted by part.
    ends : int64 (C + 1,)
        Where the factors of each part begin.
    members : int32
        Variables by part, ascending within each.
    starts : int64 (C + 1,)
        Where the variables of each part begin.
    chosen : int64
        Parts to compare; their factors name no variable of another.
    """
    local = np.zeros(entries.cardinality.size, np.int32)
    local[members] = np.arange(members.size) - np.repeat(starts[:-1], np.diff(starts))
    first = entries.scope_start[ends], entries.table_start[ends]
    shape = np.stack([np.diff(starts), np.diff(ends), np.diff(first[0]), np.diff(first[1])], axis=1)[chosen]
    shapes, which = np.unique(shape, axis=0, return_inverse=True)
    for k, (n_variables, n_factors, n_places, n_cells) in enumerate(shapes.tolist()):
        group = chosen[which.ravel() == k]
        variables = members[_ranges(starts[group], n_variables)]
        places, cells = _ranges(first[0][group], n_places), _ranges(first[1][group], n_cells)
        arity = np.diff(entries.scope_start)[_ranges(ends[group], n_factors)]
        keys = [entries.cardinality[variables], arity, local[entries.scope[places]], entries.weight_id[cells]]
        yield from _classes(group, [*keys, entries.feature[cells], entries.base[cells]])


def _ranges(starts: Int64s, length: int) -> Int64s:
    """Return as many consecutive numbers from each start, int64 (starts, length)."""
    found: Int64s = starts[:, None] + np.arange(length)
    return found


def _classes(group: Int64s, keys: list[npt.NDArray[Any]]) -> Iterator[Int64s]:
    """Yield the members of a group whose keys are equal to the bit."""
    rows = np.concatenate([np.ascontiguousarray(key).view(np.uint8).reshape(group.size, -1) for key in keys], axis=1)
    which = distinct(rows)[1]
    order = np.argsort(which, kind="stable")
    yield from np.split(group[order], np.cumsum(np.bincount(which))[:-1])


def distinct(rows: npt.NDArray[Array]) -> tuple[npt.NDArray[Array], Int64s]:
    """Return the different rows, in some order, and which of them each row is; rows are compared byte by byte.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.learning.alike import distinct
    >>> distinct(np.array([[1, 2], [0, 3], [1, 2]]))
    (array([[0, 3],
           [1, 2]]), array([1, 0, 1]))
    """
    if len(rows) < 2 or not rows.shape[1]:
        return rows[:1], np.zeros(len(rows), np.int64)
    whole = np.ascontiguousarray(rows)
    keys = whole.view(np.dtype((np.void, whole.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return whole[first], which.ravel()
