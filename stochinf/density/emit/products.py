"""Products of matrices: four rows at a time, or by BLAS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stochinf.density.emit import library
from stochinf.density.emit.arrays import Array, as_word
from stochinf.density.emit.library import by_columns
from stochinf.density.emit.words import Writer
from stochinf.density.graph import Node

if TYPE_CHECKING:
    from stochinf.density.emit.emitter import Emitter

__all__ = ["matmul"]

ROWS = 4
"""Rows that are read together, so that the other factor is read once for all."""
LARGE = 2**12
"""Multiplications from which on a product of two matrices is BLAS's."""


def matmul(emitter: Emitter, node: Node, operands: list[Any]) -> Array:
    """Write a product of two matrices, or of a matrix and a vector."""
    first, second = node.attributes
    a, b = turned(operands[0], first), turned(operands[1], second)
    out = emitter.room.array(node.shape)
    if 0 in (*a.shape, *b.shape):
        emitter.fill(out, 0.0)
    elif len(b.shape) == 2:
        work = a.shape[0] * a.shape[1] * b.shape[1]
        (by_library if work >= LARGE and by_columns(a) and by_columns(b) else by_rows)(emitter, a, b, out)
    elif a.strides[1] == 1 or a.shape[1] == 1:
        rows_times(emitter.w, a, b, out, 0, a.shape[0])
    else:
        emitter.fill(out, 0.0)
        columns_plus(emitter.w, turned(a, True), b, out, 0, a.shape[1])
    return out


def turned(array: Array, transpose: bool) -> Array:
    """Return an array, transposed or not."""
    return array._replace(shape=array.shape[::-1], strides=array.strides[::-1]) if transpose else array


def by_library(emitter: Emitter, a: Array, b: Array, out: Array) -> None:
    """Write C = A B by BLAS."""
    library.multiply(emitter.w, a, b, out)


def by_rows(emitter: Emitter, a: Array, b: Array, out: Array) -> None:
    """Write C = A B: row i of C is the sum of A[i, k] times row k of B."""
    w = emitter.w
    emitter.fill(out, 0.0)
    for i in w.each(out.shape[0]):
        for k in w.each(a.shape[1]):
            factor = a.load(w, (i, k))
            for j in w.each(out.shape[1], apart=True):
                out.store(w, (i, j), w.add(out.load(w, (i, j)), w.multiply(factor, b.load(w, (k, j)))))


def rows_times(w: Writer, a: Array, v: Array, out: Array, start: Any, stop: Any) -> None:
    """Write out[i] = sum of A[i, j] v[j] for the rows from start to stop."""

    def rows(i: Any, count: int) -> None:
        totals = [w.slot(w.number(0.0)) for _ in range(count)]
        which = [w.builder.add(i, w.word(k)) for k in range(count)]
        for j in w.each(a.shape[1], apart=True):
            factor = v.load(w, (j,))
            for row, total in zip(which, totals, strict=True):
                w.builder.store(w.add(w.builder.load(total), w.multiply(a.load(w, (row, j)), factor)), total)
        for row, total in zip(which, totals, strict=True):
            out.store(w, (row,), w.builder.load(total))

    in_fours(w, rows, start, stop)


def columns_plus(w: Writer, a: Array, v: Array, out: Array, start: Any, stop: Any) -> None:
    """Write out[j] += sum of A[i, j] v[i] over the rows from start to stop."""

    def rows(i: Any, count: int) -> None:
        which = [w.builder.add(i, w.word(k)) for k in range(count)]
        factors = [v.load(w, (row,)) for row in which]
        for j in w.each(a.shape[1], apart=True):
            total = out.load(w, (j,))
            for row, factor in zip(which, factors, strict=True):
                total = w.add(total, w.multiply(a.load(w, (row, j)), factor))
            out.store(w, (j,), total)

    in_fours(w, rows, start, stop)


def in_fours(w: Writer, rows: Any, start: Any, stop: Any) -> None:
    """Write a loop over rows, four at a time, then those that are left."""
    if isinstance(stop, int) and stop <= ROWS:
        rows(w.word(0), stop)
        return
    start, stop = as_word(w, start), as_word(w, stop)
    fours = w.builder.udiv(w.builder.sub(stop, start), w.word(ROWS))
    with w.loop_if_any(fours) as turn:
        rows(w.builder.add(start, w.builder.mul(turn, w.word(ROWS))), ROWS)
    with w.loop_if_any(stop, w.builder.add(start, w.builder.mul(fours, w.word(ROWS)))) as i:
        rows(i, 1)
