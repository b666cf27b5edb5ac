"""Cholesky factors and triangular systems, row by row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from stochinf.density.emit import library
from stochinf.density.emit.arrays import Array
from stochinf.density.emit.words import INT, Writer
from stochinf.density.graph import Node

if TYPE_CHECKING:
    from stochinf.density.emit.emitter import Emitter

__all__ = ["cholesky", "solve_triangular"]


LARGE = 24
"""Rows from which on the work is BLAS's and LAPACK's."""


def inner(w: Writer, a: Array, i: Any, b: Array, j: Any, stop: Any) -> Any:
    """Return the sum of a[i, k] b[j, k] over k < stop."""
    total = w.slot(w.number(0.0))
    with w.loop_if_any(stop, most=a.shape[1] // 2) as k:
        w.builder.store(w.add(w.builder.load(total), w.multiply(a.load(w, (i, k)), b.load(w, (j, k)))), total)
    return w.builder.load(total)


def cholesky(emitter: Emitter, node: Node, operands: list[Any]) -> Array:
    """Write L of A = L L', L[i, j] = (A[i, j] - sum over k < j of L[i, k] L[j, k]) / L[j, j]; NaN where there is none."""
    w, (a,), out = emitter.w, operands, emitter.room.array(node.shape)
    if node.shape[0] >= LARGE:
        return by_library(emitter, a, out)
    emitter.fill(out, 0.0)
    if 0 in node.shape:
        return out
    with w.loop(node.shape[0]) as i:
        with w.loop_if_any(i) as j:
            left = w.subtract(a.load(w, (i, j)), inner(w, out, i, out, j, j))
            out.store(w, (i, j), w.divide(left, out.load(w, (j, j))))
        left = w.subtract(a.load(w, (i, i)), inner(w, out, i, out, i, i))
        root = w.intrinsic("sqrt", w.select(w.compare(">", left, w.number(0.0)), left, w.number(math.nan)))
        out.store(w, (i, i), root)
    return out


def by_library(emitter: Emitter, a: Array, out: Array) -> Array:
    """Write the Cholesky factor by LAPACK."""
    w = emitter.w
    with w.loop(out.shape[0]) as i, w.loop(out.shape[1], apart=True) as j:
        lower = w.builder.icmp_unsigned("<=", j, i)
        out.store(w, (i, j), w.select(lower, a.load(w, (i, j)), w.number(0.0)))
    failed = w.builder.icmp_signed("!=", library.factor(w, out), ir.Constant(INT, 0))
    first = out.load(w, (0, 0))
    out.store(w, (0, 0), w.select(failed, w.number(math.nan), first))
    return out


def solve_triangular(emitter: Emitter, node: Node, operands: list[Any]) -> Array:
    """Write L^-1 b by forward substitution, or L^-T b by backward."""
    w, (l, b) = emitter.w, operands
    out = emitter.room.array(node.shape)
    emitter.copy(b, out)
    if 0 in node.shape:
        return out
    if node.shape[0] >= LARGE and len(node.shape) == 2 and library.by_columns(l):
        library.solve(w, l, out, node.attributes[0])
        return out
    matrix = out if len(node.shape) == 2 else out._replace(shape=(*node.shape, 1), strides=(1, 0))
    (backward if node.attributes[0] else forward)(w, l, matrix)
    return out


def forward(w: Writer, l: Array, out: Array) -> None:
    """Solve L x = b in place: from each row, what the rows before it give."""
    with w.loop(out.shape[0]) as i:
        with w.loop_if_any(i) as k:
            subtract_row(w, out, i, k, l.load(w, (i, k)))
        divide_row(w, out, i, l.load(w, (i, i)))


def backward(w: Writer, l: Array, out: Array) -> None:
    """Solve L' x = b in place: each row, once known, is taken from those before it."""
    with w.loop(out.shape[0], backwards=True) as i:
        divide_row(w, out, i, l.load(w, (i, i)))
        with w.loop_if_any(i) as k:
            subtract_row(w, out, k, i, l.load(w, (i, k)))


def subtract_row(w: Writer, out: Array, i: Any, k: Any, factor: Any) -> None:
    """Subtract a multiple of row k from row i."""
    with w.loop(out.shape[1], apart=True) as j:
        out.store(w, (i, j), w.subtract(out.load(w, (i, j)), w.multiply(factor, out.load(w, (k, j)))))


def divide_row(w: Writer, out: Array, i: Any, divisor: Any) -> None:
    """Divide row i."""
    with w.loop(out.shape[1], apart=True) as j:
        out.store(w, (i, j), w.divide(out.load(w, (i, j)), divisor))
