"""A binary heap of vertices, the one with the lowest key on top; `place` knows where each vertex is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper

__all__ = ["rise", "sink"]

Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@helper()
def sink(heap: Int32s, place: Int32s, key: Floats, k: int, size: int) -> None:
    """Move the vertex at place k of a heap down to where it belongs."""
    v = heap[k]
    while 2 * k + 1 < size:
        child = 2 * k + 1
        if child + 1 < size and key[heap[child + 1]] < key[heap[child]]:
            child += 1
        if key[v] <= key[heap[child]]:
            break
        heap[k] = heap[child]
        place[heap[k]] = k
        k = child
    heap[k] = v
    place[v] = k


@helper()
def rise(heap: Int32s, place: Int32s, key: Floats, k: int) -> None:
    """Move the vertex at place k of a heap up to where it belongs."""
    v = heap[k]
    while k > 0 and key[v] < key[heap[(k - 1) // 2]]:
        heap[k] = heap[(k - 1) // 2]
        place[heap[k]] = k
        k = (k - 1) // 2
    heap[k] = v
    place[v] = k
