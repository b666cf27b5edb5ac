"""Blocks of bounded width: leave few variables out, so that what is left can be eliminated with small tables.

A block is grown by elimination of the whole graph: as long as some variable has a small table with its neighbours, it is
eliminated and belongs to the block; where none has, the variable with most neighbours left is put out of the block. Later
blocks put out those that another block has already, so that few blocks cover everything, and overlap.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError

__all__ = ["Step", "choose_blocks", "eliminate_block"]

Step = tuple[int, list[int]]
"""A variable, and the variables of the block that it still interacts with when it is eliminated."""

MOST_BLOCKS = 64


def choose_blocks(
    near: Sequence[set[int]], n_states: npt.NDArray[Any], cells: int, together: Iterable[Any] = ()
) -> list[list[Step]]:
    """Return blocks that cover all variables, each as the order in which it is eliminated.

    Parameters
    ----------
    near : sequence of V sets
        Free variables that share a factor with each variable; empty sets for those that are observed are left out by the
        caller through `n_states` 0.
    n_states : int (V,)
        States of each variable; 0 for one that belongs to no block.
    cells : int
        Entries that a table of a block may have.
    together : sequences of variables
        Sets that have to be inside one block; those that are not become blocks of their own.

    Raises
    ------
    GraphError
        If `cells` is less than the states of a variable, or a set that must be together needs far larger tables.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.blocked import choose_blocks
    >>> ring = [{1, 3}, {0, 2}, {1, 3}, {2, 0}]
    >>> [[variable for variable, _ in block] for block in choose_blocks(ring, np.full(4, 2), 4)]
    [[1, 2, 3], [0, 2, 3]]

    References
    ----------
    Bidyuk, B. and Dechter, R. (2007). Cutset sampling for Bayesian networks. JAIR 28, section 5.
    """
    free = {int(v) for v in np.flatnonzero(np.asarray(n_states) > 0)}
    widest = int(max(n_states, default=1))
    if cells < widest:
        raise GraphError(f"cells = {cells}: a table needs at least as many entries as a variable has states, {widest}")
    logs = np.log2(np.maximum(n_states, 1)).tolist()
    limit = float(np.log2(cells)) + 1e-9
    blocks: list[list[Step]] = []
    covered: set[int] = set()
    while covered != free and len(blocks) < MOST_BLOCKS:
        block = eliminate_block(near, free, logs, limit, covered if blocks else free)
        blocks.append(block)
        covered |= {v for v, _ in block}
    blocks += [[(v, [])] for v in sorted(free - covered)]
    members = [{v for v, _ in block} for block in blocks]
    for group in together:
        needed = {int(v) for v in group} & free
        if not any(needed <= block for block in members):
            blocks.append(eliminate_block(near, needed, logs, 20.0, set()))
    return blocks


def eliminate_block(
    near: Sequence[set[int]], variables: set[int], logs: Sequence[float], limit: float, spare: set[int]
) -> list[Step]:
    """Eliminate `variables`, putting out of the block those of `spare` (all, where these are gone) that make tables too large.

    Raises
    ------
    GraphError
        If `spare` is empty and a table of more than 2^limit entries is needed.
    """
    around = {v: near[v] & variables for v in variables}
    sizes = {v: logs[v] + sum(logs[u] for u in around[v]) for v in variables}
    smallest = [(size, v) for v, size in sizes.items()]
    heapq.heapify(smallest)
    busiest = [(-len(around[v]), v) for v in spare & variables]
    heapq.heapify(busiest)
    steps: list[Step] = []
    while around:
        size, v = smallest[0]
        if v not in around or size != sizes[v]:
            heapq.heappop(smallest)
        elif size <= limit:
            heapq.heappop(smallest)
            steps.append((v, sorted(around[v])))
            _remove(v, around, join=True)
            _refresh(steps[-1][1], around, sizes, logs, smallest, busiest, spare)
        else:
            out = _busiest(busiest, around, bool(spare), 2.0**size)
            touched = list(around[out])
            _remove(out, around, join=False)
            _refresh(touched, around, sizes, logs, smallest, busiest, spare)
    inside = {v for v, _ in steps}
    return [(v, [u for u in later if u in inside]) for v, later in steps]


def _remove(v: int, around: dict[int, set[int]], join: bool) -> None:
    neighbours = around.pop(v)
    for u in neighbours:
        around[u].discard(v)
        if join:
            around[u] |= neighbours
            around[u].discard(u)


def _refresh(
    touched: list[int], around: dict[int, set[int]], sizes: dict[int, float], logs: Sequence[float],
    smallest: list[tuple[float, int]], busiest: list[tuple[int, int]], spare: set[int],
) -> None:  # fmt: skip
    for u in touched:
        size = logs[u] + sum(logs[w] for w in around[u])
        if size != sizes[u]:
            sizes[u] = size
            heapq.heappush(smallest, (size, u))
        if u in spare:
            heapq.heappush(busiest, (-len(around[u]), u))


def _busiest(busiest: list[tuple[int, int]], around: dict[int, set[int]], any_may_go: bool, cells: float) -> int:
    """Return the variable with most neighbours of those that may be put out, or of all where none of them is left."""
    while busiest:
        degree, v = heapq.heappop(busiest)
        if v in around and -degree == len(around[v]):
            return v
    if not any_may_go:
        raise GraphError(f"variables that have to move together need a table of {cells:.3g} entries; observe some of them")
    return max(around, key=lambda v: (len(around[v]), -v))
