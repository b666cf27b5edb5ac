"""Calls of BLAS and LAPACK.

Matrices lie row by row here and column by column there, so that each call is written for the transposes.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from stochinf.density.emit.arrays import Array, numbers
from stochinf.density.emit.machine import PREFIX
from stochinf.density.emit.words import INT, Writer

__all__ = ["by_columns", "factor", "multiply", "solve"]


def by_columns(array: Array) -> tuple[str, int] | None:
    """Return how BLAS, counting by columns, sees a matrix: "N" for its transpose, "T" for itself; and the leading length."""
    rows, columns = array.shape
    if array.strides[1] == 1 and array.strides[0] >= columns:
        return "N", array.strides[0]
    if array.strides[0] == 1 and array.strides[1] >= rows:
        return "T", array.strides[1]
    return None


def _letter(w: Writer, letter: str) -> Any:
    return _held(w, ir.Constant(ir.IntType(8), ord(letter)))


def _whole(w: Writer, value: int) -> Any:
    return _held(w, ir.Constant(INT, value))


def _real(w: Writer, value: float) -> Any:
    return _held(w, w.number(value))


def _held(w: Writer, value: ir.Constant) -> Any:
    """Return the address of a constant."""
    place = ir.GlobalVariable(w.module, value.type, w.module.get_unique_name("held"))
    place.initializer, place.global_constant, place.linkage = value, True, "internal"
    return place


def _first(w: Writer, array: Array) -> Any:
    """Return the address of a matrix."""
    return numbers(w, array.address(w, (0, 0)))


def _call(w: Writer, name: str, arguments: list[Any]) -> None:
    function = w.declared(f"{PREFIX}{name}", ir.VoidType(), [argument.type for argument in arguments])
    w.builder.call(function, arguments)


def multiply(w: Writer, a: Array, b: Array, out: Array) -> None:
    """Write C = A B, as C' = B' A'."""
    (turn_a, lead_a), (turn_b, lead_b) = by_columns(a) or ("", 0), by_columns(b) or ("", 0)
    sizes = [_whole(w, size) for size in (out.shape[1], out.shape[0], a.shape[1])]
    second, first = [_first(w, b), _whole(w, lead_b)], [_first(w, a), _whole(w, lead_a)]
    last = [_real(w, 0.0), _first(w, out), _whole(w, out.strides[0])]
    _call(w, "dgemm", [_letter(w, turn_b), _letter(w, turn_a), *sizes, _real(w, 1.0), *second, *first, *last])


def factor(w: Writer, out: Array) -> Any:
    """Write the lower Cholesky factor over the lower part of a matrix; return LAPACK's word on it, 0 for success."""
    info = w.slot(ir.Constant(INT, 0))
    n = out.shape[0]
    _call(w, "dpotrf", [_letter(w, "U"), _whole(w, n), _first(w, out), _whole(w, out.strides[0]), info])
    return w.builder.load(info)


def solve(w: Writer, l: Array, out: Array, transpose: bool) -> None:
    """Write L^-1 B, or L^-T B, over a matrix B, as B' L^-T or B' L^-1."""
    turn, lead = by_columns(l) or ("", 0)
    upper = "U" if turn == "N" else "L"
    turned = "T" if (turn == "N") == transpose else "N"
    letters = [_letter(w, letter) for letter in ("R", upper, turned, "N")]
    sizes = [_whole(w, out.shape[1]), _whole(w, out.shape[0]), _real(w, 1.0)]
    _call(w, "dtrsm", [*letters, *sizes, _first(w, l), _whole(w, lead), _first(w, out), _whole(w, out.strides[0])])
