r"""Elimination orders: a kernel whose step takes one vertex out of the interaction graph.

Eliminating v joins its neighbours N(v) to each other. The vertex with the lowest key goes first,

.. math:: \alpha \, \mathrm{fill}(v) + \gamma \log \prod_{u \in N(v) \cup v} k_u + \text{noise}_v,

with fill(v) the number of edges that would be new: :math:`\alpha = 1` with small :math:`\gamma` is min-fill with ties broken
by table size, :math:`\gamma = 1` with small :math:`\alpha` min-weight. Fill counts and sizes are kept up to date edge by
edge; vertices without fill cost no more than their own edges.

References
----------
Kjærulff, U. (1990). Triangulation of graphs: algorithms giving small total state space. Aalborg R 90-09, sections 3 and 4.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.graphs.exact.heap import rise, sink
from stochinf.graphs.exact.interactions import (
    DONE,
    FULL,
    HALT,
    MEMBERS,
    POOL,
    STAMP,
    TOO_LARGE,
    TOUCHED,
    Interactions,
    OrderState,
)

__all__ = ["Eliminate"]

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@part(single=True)
class Eliminate(NamedTuple):
    """Take out the vertex with the lowest key, and join its neighbours."""

    fill_weight: float = 1.0
    size_weight: float = 1e-3

    def update(self, target: Interactions, state: OrderState, point: int, rate: float, rng: Any) -> None:
        """Eliminate one vertex, unless room or the limit on cells is used up."""
        left = state.heap.size - state.counts[DONE]
        if point == 0:
            for v in range(left):
                state.key[v] = self.fill_weight * state.fill[v] + self.size_weight * state.size[v] + target.noise[v]
            for k in range(left // 2 - 1, -1, -1):
                sink(state.heap, state.place, state.key, k, left)
        if state.counts[HALT] != 0 or left == 0:
            return
        v = state.heap[0]
        compact(state.pool, state.place, state.start, state.length, v)
        size = state.size[v]
        cells = math.exp(size if size < 700.0 else 700.0)
        if state.cells[0] + cells > target.most_cells:
            state.counts[HALT] = TOO_LARGE
        elif lacks_room(state, v):
            state.counts[HALT] = FULL
        else:
            state.cells[0] += cells
            if cells > state.cells[1]:
                state.cells[1] = cells
            take_out(target, state, v, left)
            if state.fill[v] > 0:
                join_neighbours(target, state, v)
            for k in range(state.counts[TOUCHED]):
                u = state.touched[k]
                state.key[u] = self.fill_weight * state.fill[u] + self.size_weight * state.size[u] + target.noise[u]
                rise(state.heap, state.place, state.key, int(state.place[u]))
                sink(state.heap, state.place, state.key, int(state.place[u]), left - 1)


@helper()
def compact(pool: Int32s, place: Int32s, start: Int64s, length: Int64s, v: int) -> None:
    """Drop the neighbours of v that are gone."""
    first = start[v]
    kept = 0
    for k in range(first, first + length[v]):
        u = pool[k]
        if place[u] >= 0:
            pool[first + kept] = u
            kept += 1
    length[v] = kept


@helper()
def lacks_room(state: OrderState, v: int) -> bool:
    """Whether eliminating v might need more room than there is."""
    needed = 0
    d = state.length[v]
    if state.fill[v] > 0:
        for k in range(state.start[v], state.start[v] + d):
            u = state.pool[k]
            if state.length[u] + d > state.room[u]:
                needed += 2 * (state.length[u] + d)
    return bool(state.counts[POOL] + needed > state.pool.size or state.counts[MEMBERS] + d > state.members.size)


@helper()
def take_out(target: Interactions, state: OrderState, v: int, left: int) -> None:
    """Remove v from the heap and note its neighbours, lowest degree first; count what its loss means to them."""
    done = state.counts[DONE]
    state.position[done] = v
    last = state.heap[left - 1]
    state.place[v] = -1
    if left > 1:
        state.heap[0] = last
        state.place[last] = 0
        sink(state.heap, state.place, state.key, 0, left - 1)
    state.counts[STAMP] += 1
    d = state.length[v]
    end = state.counts[MEMBERS]
    for k in range(d):
        u = state.pool[state.start[v] + k]
        at = end + k
        while at > end and state.degree[state.members[at - 1]] > state.degree[u]:
            state.members[at] = state.members[at - 1]
            at -= 1
        state.members[at] = u
        state.size[u] -= target.log_size[v]
        state.touched[k] = u
        state.seen[u] = state.counts[STAMP]
    for k in range(d):
        u = state.touched[k]
        state.fill[u] -= state.degree[u] - d
        state.degree[u] -= 1
    state.counts[DONE] = done + 1
    state.counts[MEMBERS] = end + d
    state.clique_start[done + 1] = end + d
    state.counts[TOUCHED] = d


@helper()
def join_neighbours(target: Interactions, state: OrderState, v: int) -> None:
    """Add the edges that the neighbours of v lack, keeping fill, degree and size of all vertices right.

    Where (a, b) is new, each of the `common` vertices next to both loses a missing pair; a gains deg(a) - common missing
    pairs with b, and b likewise; and the loss of v, counted as if no edge were missing, is one less to each.
    """
    done = state.counts[DONE]
    seen = state.counts[STAMP]
    first, end = state.clique_start[done - 1], state.clique_start[done]
    for k in range(first, end):
        make_room(state, state.members[k], end - first)
    for k in range(first, end - 1):
        a = state.members[k]
        state.counts[STAMP] += 1
        stamp = state.counts[STAMP]
        for j in range(state.start[a], state.start[a] + state.length[a]):
            state.mark[state.pool[j]] = stamp
        for other in range(k + 1, end):
            b = state.members[other]
            if state.mark[b] != stamp:
                common = lose_pairs(state, b, stamp, seen)
                add_edge(target, state, a, b, common)
                state.mark[b] = stamp
    state.counts[STAMP] += 1


@helper()
def lose_pairs(state: OrderState, b: int, stamp: int, seen: int) -> int:
    """Count the stamped neighbours of b; each has a missing pair less."""
    common = 0
    for j in range(state.start[b], state.start[b] + state.length[b]):
        c = state.pool[j]
        if state.mark[c] == stamp and state.place[c] >= 0:
            common += 1
            state.fill[c] -= 1
            if state.seen[c] != seen:
                state.seen[c] = seen
                state.touched[state.counts[TOUCHED]] = c
                state.counts[TOUCHED] += 1
    return common


@helper()
def add_edge(target: Interactions, state: OrderState, a: int, b: int, common: int) -> None:
    """Join a and b, which have `common` neighbours."""
    state.fill[a] += state.degree[a] - common - 1
    state.fill[b] += state.degree[b] - common - 1
    state.pool[state.start[a] + state.length[a]] = b
    state.pool[state.start[b] + state.length[b]] = a
    state.length[a] += 1
    state.length[b] += 1
    state.degree[a] += 1
    state.degree[b] += 1
    state.size[a] += target.log_size[b]
    state.size[b] += target.log_size[a]


@helper()
def make_room(state: OrderState, v: int, more: int) -> None:
    """Drop the neighbours that are gone; move the list to the end of the pool where `more` would not fit."""
    compact(state.pool, state.place, state.start, state.length, v)
    length = state.length[v]
    if length + more <= state.room[v]:
        return
    start, end = state.start[v], state.counts[POOL]
    for k in range(length):
        state.pool[end + k] = state.pool[start + k]
    state.start[v] = end
    state.room[v] = 2 * (length + more)
    state.counts[POOL] = end + state.room[v]
