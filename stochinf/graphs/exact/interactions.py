"""The interaction graph: which variables share a factor, and its state while vertices are taken out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry
from stochinf.engine.parts import part

__all__ = ["FULL", "TOO_LARGE", "Interactions", "OrderState", "order_state"]

FULL, TOO_LARGE = 1, 2
"""Why elimination stands still: the lists need more room, or the tables would have too many cells."""

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@part(whole=True)
class Interactions(NamedTuple):
    """Which variables share a factor.

    Attributes
    ----------
    start, neighbours : int64 (V + 1,), int32
        Variable v interacts with ``neighbours[start[v]:start[v + 1]]``.
    log_size : float64 (V,)
        Logarithm of the number of states.
    noise : float64 (V,)
        Breaks ties.
    most_cells : float
        Stop where the tables would have more cells.
    """

    start: Int64s
    neighbours: Int32s
    log_size: Floats
    noise: Floats
    most_cells: float

    @property
    def n_points(self) -> int:
        """Number of variables: one step each."""
        return self.log_size.size


class OrderState(NamedTuple):
    """A graph under elimination.

    Attributes
    ----------
    position : int32 (V,)
        The order so far.
    start, length, room : int64 (V,)
        Neighbours of v lie in ``pool[start[v]:start[v] + length[v]]``; some may be gone.
    degree, fill : int64 (V,)
        Neighbours left, and pairs of them without an edge.
    size, key : float64 (V,)
        Logarithm of the cells of {v} and its neighbours; what the heap is ordered by.
    heap, place : int32 (V,)
        A binary heap of the vertices left, and where in it each is; -1 when eliminated.
    mark, seen : int64 (V,)
        Stamps of the neighbours of a vertex, and of the vertices touched in a step, listed in `touched`.
    clique_start, members : int64 (V + 1,), int32
        Neighbours of each vertex when it was eliminated, in order of elimination.
    counts : int64 (6,)
        Vertices eliminated, ends of `pool` and `members`, last stamp, why it stands still, vertices touched.
    cells : float64 (2,)
        Cells of all tables, and of the largest.
    """

    position: Int32s
    stats: Floats
    start: Int64s
    length: Int64s
    room: Int64s
    degree: Int64s
    fill: Int64s
    size: Floats
    key: Floats
    heap: Int32s
    place: Int32s
    mark: Int64s
    seen: Int64s
    touched: Int32s
    pool: Int32s
    clique_start: Int64s
    members: Int32s
    counts: Int64s
    cells: Floats


DONE, POOL, MEMBERS, STAMP, HALT, TOUCHED = range(6)


def order_state(target: Interactions) -> OrderState:
    """Return the graph before elimination; keys are set by the first step."""
    n, edges = target.log_size.size, target.neighbours.size
    length = np.diff(target.start)
    around = np.concatenate([np.zeros(1), np.cumsum(target.log_size[target.neighbours])])
    size = target.log_size + around[target.start[1:]] - around[target.start[:-1]]
    room = 4 * edges + 16 * n + 1024
    pool = np.empty(room, np.int32)
    pool[:edges] = target.neighbours
    triangles = _triangles(target, length)
    counts = np.array([0, edges, 0, 0, 0, 0], np.int64)
    return OrderState(
        np.empty(n, np.int32), np.empty(0), target.start[:-1].copy(), length.copy(), length.copy(), length.copy(),
        length * (length - 1) // 2 - triangles, size, np.empty(n), np.arange(n, dtype=np.int32), np.arange(n, dtype=np.int32),
        np.zeros(n, np.int64), np.zeros(n, np.int64), np.empty(n, np.int32), pool, np.zeros(n + 1, np.int64),
        np.empty(room, np.int32), counts, np.zeros(2),
    )  # fmt: skip


def _triangles(target: Interactions, degree: Int64s) -> Int64s:
    """Return the number of triangles at each vertex: edges point to the vertex of higher degree, so that hubs cost little."""
    n = degree.size
    tail = np.repeat(np.arange(n, dtype=np.int32), degree)
    head = target.neighbours
    forward = (degree[tail] < degree[head]) | ((degree[tail] == degree[head]) & (tail < head))
    start = np.concatenate([[0], np.cumsum(np.bincount(tail[forward], minlength=n))]).astype(np.int64)
    found = np.zeros(n, np.int64)
    count_triangles(start, np.ascontiguousarray(head[forward]), np.full(n, -1, np.int64), found)
    return found


@entry
def count_triangles(start: Int64s, head: Int32s, mark: Int64s, found: Int64s) -> None:
    """Count the triangles at each vertex of an acyclic orientation."""
    for v in range(found.size):
        for k in range(start[v], start[v + 1]):
            mark[head[k]] = v
        for k in range(start[v], start[v + 1]):
            u = head[k]
            for j in range(start[u], start[u + 1]):
                if mark[head[j]] == v:
                    found[v] += 1
                    found[u] += 1
                    found[head[j]] += 1
