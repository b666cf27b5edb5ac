"""Possible configurations of a few variables as rows, and which of them moves connect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from stochinf.graphs.zeros.supports import Bytes, Int32s, Int64s, Supports

__all__ = ["MOST_ROWS", "classes", "joined"]

MOST_ROWS = 2**17
"""Configurations that are listed."""


def joined(supports: Supports, domain: Bytes, factors: Sequence[int], most: int = MOST_ROWS) -> tuple[Int32s, Int32s] | None:
    """Return the variables of some factors, and the rows of their states that all of these allow; None where there are too many.

    A factor at a time: the rows so far are extended by the states of its new variables, and those that it forbids dropped.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.zeros.rows import joined
    >>> from stochinf.graphs.zeros.supports import supports_of
    >>> equal = supports_of(si.FactorGraph([2, 2, 2], [(0, 1), (1, 2)], [[1, 0, 0, 1]] * 2))
    >>> joined(equal, np.ones(6, np.uint8), [0, 1])[1].tolist()
    [[0, 0, 0], [1, 1, 1]]
    """
    variables: list[int] = []
    column: dict[int, int] = {}
    rows = np.zeros((1, 0), np.int32)
    for f in _chained(supports, factors):
        members = supports.members(f).tolist()
        for i in members:
            if i not in column:
                states = np.flatnonzero(domain[supports.first[i] : supports.first[i + 1]]).astype(np.int32)
                if len(rows) * states.size > most:
                    return None
                column[i] = len(variables)
                variables.append(i)
                rows = np.column_stack([np.repeat(rows, states.size, axis=0), np.tile(states, len(rows))])
        rows = rows[supports.tables(f)[tuple(rows[:, column[i]] for i in members)] != 0]
    return np.array(variables, np.int32), rows


def _chained(supports: Supports, factors: Sequence[int]) -> Iterable[int]:
    """Order factors so that each shares as many variables as may be with those before it."""
    left = {f: set(supports.members(f).tolist()) for f in factors}
    seen: set[int] = set()
    while left:
        f = min(left, key=lambda g: (len(left[g] - seen), g))
        seen |= left.pop(f)
        yield f


def classes(rows: Int32s, blocks: Sequence[Sequence[int]]) -> Int64s:
    """Return the class of each row: rows that moves connect, a move changing the columns of one block in any way.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.zeros.rows import classes
    >>> equal = np.array([[0, 0], [1, 1]], np.int32)
    >>> classes(equal, [[0], [1]]).tolist(), classes(equal, [[0, 1]]).tolist()
    ([0, 1], [0, 0])
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, width = rows.shape
    if n <= 1:
        return np.zeros(n, np.int64)
    others, nodes, groups = [], [], n
    for block in blocks:
        rest = np.delete(rows, list(block), axis=1) if width > len(block) else rows[:, :0]
        group = _ranks(rest)
        others.append(group + groups)
        nodes.append(np.arange(n))
        groups += int(group.max()) + 1
    ends = (np.concatenate(nodes), np.concatenate(others))
    edges = coo_array((np.ones(ends[0].size, np.int8), ends), shape=(groups, groups))
    labels = connected_components(edges, directed=False)[1][:n]
    return np.unique(labels, return_inverse=True)[1]


def _ranks(rows: Int32s) -> Int64s:
    """Return equal numbers for equal rows, 0, 1, ...: exactly, by mixed radix, compressed before it overflows."""
    key = np.zeros(len(rows), np.int64)
    reach = 1
    for column in rows.T:
        k = int(column.max()) + 1
        if reach * k >= 2**62:
            key = np.unique(key, return_inverse=True)[1]
            reach = int(key.max()) + 1
        key = key * k + column
        reach *= k
    ranks: npt.NDArray[np.int64] = np.unique(key, return_inverse=True)[1]
    return ranks
