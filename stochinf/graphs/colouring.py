"""Colour classes: variables of one class share no factor, so that none of them depends on another given the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry

__all__ = ["colour_classes"]

Int32s = npt.NDArray[np.int32]

COMPILED_FROM = 20_000
"""Variables from which the compiled form of the loop is worth loading."""


def colour_classes(free: Int32s, start: npt.NDArray[Any], neighbours: Int32s) -> tuple[Int32s, Int32s]:
    """Return a greedy colouring of the free variables, in order of index: class starts and members, as points.

    Parameters
    ----------
    free : int32 (n,)
    start : int (V + 1,), neighbours : int32
        Variable i has the neighbours ``neighbours[start[i]:start[i + 1]]``.

    References
    ----------
    Welsh, D. J. A. and Powell, M. B. (1967). An upper bound for the chromatic number of a graph. Computer Journal 10(1).

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.colouring import colour_classes
    >>> path = np.array([1, 0, 2, 1], np.int32)
    >>> [a.tolist() for a in colour_classes(np.arange(3, dtype=np.int32), np.array([0, 1, 3, 4]), path)]
    [[0, 2, 3], [0, 2, 1]]
    """
    if not free.size:
        return np.zeros(1, np.int32), np.empty(0, np.int32)
    most = int(np.diff(start).max(initial=0)) + 1
    if free.size < COMPILED_FROM:
        shades, seen = [-1] * (start.size - 1), [-1] * most
        greedy = getattr(paint, "py_func", paint)
        greedy(free.tolist(), start.tolist(), neighbours.tolist(), shades, seen)
        colours = np.array(shades, np.int64)[free]
    else:
        painted, marks = np.full(start.size - 1, -1, np.int64), np.full(most, -1, np.int64)
        paint(free, start.astype(np.int64), neighbours, painted, marks)
        colours = painted[free]
    starts = np.concatenate([[0], np.cumsum(np.bincount(colours))])
    return starts.astype(np.int32), np.argsort(colours, kind="stable").astype(np.int32)


@entry
def paint(free: Any, start: Any, neighbours: Any, shades: Any, seen: Any) -> None:
    """Give every free variable the smallest colour that no neighbour has; `seen[c]` is the last variable that saw colour c."""
    for p in range(len(free)):
        i = free[p]
        for k in range(start[i], start[i + 1]):
            shade = shades[neighbours[k]]
            if shade >= 0:
                seen[shade] = i
        shade = 0
        while seen[shade] == i:
            shade += 1
        shades[i] = shade
