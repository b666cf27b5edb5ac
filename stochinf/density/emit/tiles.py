"""Passes over one large matrix taken together, so that it comes from memory once.

A regression multiplies X by the coefficients, does something to every row, and multiplies X' by the result: twice through a
matrix that is larger than the cache. Here a tile of rows goes through all three while it is near.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from stochinf.density.emit.loops import Loop
from stochinf.density.emit.products import columns_plus, rows_times, turned

if TYPE_CHECKING:
    from stochinf.density.emit.emitter import Emitter

__all__ = ["Tiles", "tiled"]

LARGE = 2**15
"""Numbers of a matrix from which on it is worth while."""
TILE = 2**14
"""Numbers of a tile, which should stay in the cache next to the core."""

Work = dict[int, list[Any]]


class Tiles(NamedTuple):
    """Products with the rows of a matrix, the loop that uses them, and products with the columns that use what it stores.

    Parameters
    ----------
    before : list of int
        Nodes A v.
    loop : Loop
        Over the rows.
    after : list of int
        Nodes A' w.
    """

    before: list[int]
    loop: Loop
    after: list[int]

    def write(self, emitter: Emitter) -> None:
        """Write the loop over tiles."""
        w, rows = emitter.w, self.loop.shape[0]
        firsts = [(_matrix(emitter, k), emitter.value(emitter.nodes[k].operands[1]), emitter.place(k)) for k in self.before]
        lasts = [(_matrix(emitter, k), emitter.nodes[k].operands[1], emitter.place(k)) for k in self.after]
        for _, _, out in lasts:
            emitter.fill(out, 0.0)
        self.loop.begin()
        height = max(8, TILE // max(matrix.shape[1] for matrix, _, _ in (*firsts, *lasts)) // 8 * 8)
        with w.loop(-(-rows // height)) as tile:
            start = w.builder.mul(tile, w.word(height))
            end = w.builder.add(start, w.word(height))
            stop = w.select(w.builder.icmp_unsigned("<", end, w.word(rows)), end, w.word(rows))
            for matrix, vector, out in firsts:
                rows_times(w, matrix, vector, out, start, stop)
            self.loop.turns(start, stop)
            for matrix, vector, out in lasts:
                columns_plus(w, matrix, emitter.value(vector), out, start, stop)
        self.loop.finish()


def _matrix(emitter: Emitter, number: int) -> Any:
    """Return the matrix of a product with its long axis first, as it lies."""
    array = emitter.value(emitter.nodes[number].operands[0])
    return array if array.strides[1] == 1 else turned(array, True)


def tiled(emitter: Emitter, work: Work) -> Work:
    """Return the work of all stages with products and loops over large matrices put together."""
    for stage in sorted(work):
        for loop in [item for item in work[stage] if isinstance(item, Loop) and len(item.shape) == 1]:
            before = [k for k in _products(emitter, loop, False) if _early(emitter, k, loop, stage)]
            after = [k for k in _products(emitter, loop, True) if _next(emitter, k, loop, stage)]
            if before and after:
                for number in (*before, *after):
                    work[emitter.plan.stages[number]].remove(number)
                work[stage][work[stage].index(loop)] = Tiles(before, loop, after)
    return work


def _products(emitter: Emitter, loop: Loop, columns: bool) -> list[int]:
    """Return the products with rows, or columns, of large matrices as long as a loop."""
    found = []
    for number, node in enumerate(emitter.nodes):
        if node.op == "matmul" and len(node.shape) == 1 and emitter.plan.roles[number] == "opaque":
            array = emitter.plan.arrays[node.operands[0]]
            a = turned(array, node.attributes[0])  # type: ignore[arg-type]  # a matrix
            lies = a.strides[0] == 1 if columns else a.strides[1] == 1
            if lies and a.shape[columns] == loop.shape[0] and a.shape[0] * a.shape[1] >= LARGE:
                found.append(number)
    return found


def _next(emitter: Emitter, number: int, loop: Loop, stage: int) -> bool:
    """Whether a product waits for a loop and for nothing else."""
    matrix, vector = emitter.nodes[number].operands
    return vector in loop.own and emitter.plan.ready[matrix] <= stage and emitter.plan.stages[number] == stage + 1


def _early(emitter: Emitter, number: int, loop: Loop, stage: int) -> bool:
    """Whether a product is there for a loop, or for what comes after it."""
    users = emitter.plan.users[number]
    late = all(k in loop.members or emitter.plan.stages[k] > stage for k in users)
    return (
        late
        and emitter.plan.stages[number] < stage
        and any(k in loop.members for k in users)
        and number not in emitter.graph.outputs
    )
