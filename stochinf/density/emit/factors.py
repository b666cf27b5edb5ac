"""Cholesky factors and triangular systems, row by row."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from stochinf.density.emit import library
from stochinf.density.emit.arrays import Array, as_word
from stochinf.density.emit.words import INT, TINY, Writer, shared
from stochinf.density.graph import Node

if TYPE_CHECKING:
    from stochinf.density.emit.emitter import Emitter

__all__ = ["cholesky", "solve_triangular"]


LARGE = 24
"""Rows from which on the work is BLAS's and LAPACK's."""


def cholesky(emitter: Emitter, node: Node, operands: list[Any]) -> Array:
    """Write L of A = L L'; only the lower part of A is read."""
    w, (a,), out = emitter.w, operands, emitter.room.array(node.shape)
    n = node.shape[0]
    for i, j in emitter.indices(node.shape):
        lower = w.builder.icmp_unsigned("<=", as_word(w, j), as_word(w, i))
        out.store(w, (i, j), w.select(lower, a.load(w, (i, j)), w.number(0.0)))
    if n >= LARGE:
        failed = w.builder.icmp_signed("!=", library.factor(w, out), ir.Constant(INT, 0))
        out.store(w, (0, 0), w.select(failed, w.number(math.nan), out.load(w, (0, 0))))
    elif n <= TINY:
        factored(w, out, n)
    else:
        shared(w, "cholesky", _factored, w.word(n), out.address(w, (0, 0)))
    return out


def _factored(w: Writer, n: Any, out: Any) -> None:
    factored(w, Array(out, (n, n), (n, 1)), n)


def factored(w: Writer, l: Array, n: Any) -> None:
    """Factor in place, L[i, j] = (A[i, j] - sum over k < j of L[i, k] L[j, k]) / L[j, j]; NaN where there is no factor."""
    for i in w.upto(n):
        for j in w.upto(i):
            l.store(w, (i, j), w.divide(w.subtract(l.load(w, (i, j)), inner(w, l, i, j, j)), l.load(w, (j, j))))
        left = w.subtract(l.load(w, (i, i)), inner(w, l, i, i, i))
        root = w.intrinsic("sqrt", w.select(w.compare(">", left, w.number(0.0)), left, w.number(math.nan)))
        l.store(w, (i, i), root)


def inner(w: Writer, l: Array, i: Any, j: Any, stop: Any) -> Any:
    """Return the sum of l[i, k] l[j, k] over k < stop."""
    total = w.slot(w.number(0.0))
    for k in w.upto(stop):
        w.builder.store(w.add(w.builder.load(total), w.multiply(l.load(w, (i, k)), l.load(w, (j, k)))), total)
    return w.builder.load(total)


def solve_triangular(emitter: Emitter, node: Node, operands: list[Any]) -> Array:
    """Write L^-1 b by forward substitution, or L^-T b by backward."""
    w, (l, b) = emitter.w, operands
    out = emitter.room.array(node.shape)
    emitter.copy(b, out)
    if 0 in node.shape:
        return out
    (backward,) = node.attributes
    matrix = out if len(node.shape) == 2 else out._replace(shape=(*node.shape, 1), strides=(1, 0))
    n, columns = matrix.shape
    if n >= LARGE and len(node.shape) == 2 and library.by_columns(l):
        library.solve(w, l, out, backward)
    elif n <= TINY:
        solved(w, l, matrix, n, columns, backward)
    else:
        own = f"solve_{'back' if backward else 'forth'}{'_vector' if columns == 1 else ''}"
        sizes = [w.word(size) for size in (n, columns, *l.strides)]
        shared(w, own, functools.partial(_solved, backward, columns == 1), *sizes, l.address(w, (0, 0)), out.first(w))
    return out


def _solved(backward: bool, vector: bool, w: Writer, n: Any, columns: Any, down: Any, along: Any, l: Any, out: Any) -> None:
    columns = 1 if vector else columns
    solved(w, Array(l, (n, n), (down, along)), Array(out, (n, columns), (columns, 1)), n, columns, backward)


def solved(w: Writer, l: Array, out: Array, n: Any, columns: Any, backward: bool) -> None:
    """Solve in place: each row, once known, is taken from those that wait for it."""
    for i in w.upto(n, backwards=backward):
        if backward:
            divide_row(w, out, i, columns, l.load(w, (i, i)))
        for k in w.upto(i):
            target, source = (k, i) if backward else (i, k)
            subtract_row(w, out, target, source, columns, l.load(w, (i, k)))
        if not backward:
            divide_row(w, out, i, columns, l.load(w, (i, i)))


def subtract_row(w: Writer, out: Array, i: Any, k: Any, columns: Any, factor: Any) -> None:
    """Subtract a multiple of row k from row i."""
    for j in w.upto(columns, apart=True):
        out.store(w, (i, j), w.subtract(out.load(w, (i, j)), w.multiply(factor, out.load(w, (k, j)))))


def divide_row(w: Writer, out: Array, i: Any, columns: Any, divisor: Any) -> None:
    """Divide row i."""
    for j in w.upto(columns, apart=True):
        out.store(w, (i, j), w.divide(out.load(w, (i, j)), divisor))
