"""Products and linear algebra of numpy on traced values, and of arrays where nothing is traced."""

from __future__ import annotations

from typing import Any

from stochinf.density.array_functions import embed, new, real, reshape, sliced, transpose
from stochinf.density.reductions import reduced
from stochinf.density.traced import FUNCTIONS, UFUNCS, Traced, TraceError, elementwise, joint, traced

__all__ = ["dot", "lower_part", "matmul", "solve_triangular"]


def matmul(a: Any, b: Any) -> Any:
    """Return a @ b."""
    builder = joint(a, b)
    first, second = real(traced(builder, a)), real(traced(builder, b))
    if not first.ndim or not second.ndim or first.shape[-1] != second.shape[max(second.ndim - 2, 0)]:
        raise TraceError(f"a product of arrays of shapes {first.shape} and {second.shape}", "the inner sizes must be equal")
    if first.ndim > 2 or second.ndim > 2:
        return many_products(first, second)
    if first.ndim == second.ndim == 1:
        return new(first, "dot", (first, second), ())
    if first.ndim == 1:
        return product(transpose(second), first)
    return product(first, second)


def many_products(a: Traced, b: Traced) -> Any:
    """Return products of which one factor at least has more than two axes: matrices by matrices, axes before as they fit."""
    if b.ndim < 3:
        return reshape(matmul(reshape(a, (-1, a.shape[-1])), b), (*a.shape[:-1], *b.shape[1:]))
    left = a[:, None] if a.ndim == 1 else a[..., None]
    return reduced("sum", left * (b if a.ndim == 1 else b[..., None, :, :]), -2)


def product(a: Traced, b: Traced) -> Traced:
    """Return a matrix times a matrix or a vector; transposes become attributes."""
    shape = (a.shape[0], *b.shape[1:])
    (first, turned_first), (second, turned_second) = turned(a), turned(b)
    return new(a, "matmul", (first, second), shape, (turned_first, turned_second))


def turned(x: Traced) -> tuple[Traced, bool]:
    """Return what a value is the transpose of, and whether it is one."""
    return (Traced(x.builder, x.node.operands[0]), True) if x.node.op == "transpose" else (x, False)


def dot(a: Any, b: Any) -> Any:
    """Return a product as `numpy.dot` understands it."""
    builder = joint(a, b)
    first, second = traced(builder, a), traced(builder, b)
    if second.ndim > 2 and first.ndim:
        raise TraceError(f"np.dot of arrays of shapes {first.shape} and {second.shape}", "write np.einsum or np.matmul")
    return first * second if not first.ndim or not second.ndim else matmul(first, second)


def outer(a: Any, b: Any) -> Any:
    """Return all products of the elements of two vectors."""
    builder = joint(a, b)
    return reshape(traced(builder, a), (-1, 1)) * reshape(traced(builder, b), -1)


def norm(x: Traced, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the Euclidean norm."""
    if ord not in (None, 2, "fro") or (ord == 2 and x.ndim == 2 and axis is None):
        raise TraceError(f"np.linalg.norm with ord {ord!r}", "only the Euclidean norm can be traced")
    return elementwise("sqrt", reduced("sum", x * x, axis, keepdims))


def square(a: Traced, what: str) -> int:
    """Return the number of rows of a square matrix."""
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise TraceError(f"{what} of an array of shape {a.shape}", "a square matrix is needed")
    return a.shape[0]


def cholesky(a: Traced, *, upper: bool = False) -> Traced:
    """Return the Cholesky factor."""
    square(a, "np.linalg.cholesky")
    a = real(a)
    out = new(a, "cholesky", (a,), a.shape)
    return transpose(out) if upper else out


def solve_triangular(a: Any, b: Any, lower: bool = False, trans: int | str = 0) -> Any:
    """Return x with a x = b for a triangular matrix a.

    Arrays and traced values may be given, and both.

    Parameters
    ----------
    a : array of shape (n, n)
        The matrix; only one triangle is read.
    b : array of shape (n,) or (n, m)
        The right side.
    lower : bool
        Whether the lower triangle is read, not the upper.
    trans : {0, 1, "N", "T"}
        1 or "T" for the transpose of a.

    Returns
    -------
    array or traced value
        Of the shape of b.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.density import solve_triangular
    >>> solve_triangular(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([2.0, 3.0]), lower=True)
    array([1., 2.])
    """
    if not isinstance(a, Traced) and not isinstance(b, Traced):
        import scipy.linalg

        return scipy.linalg.solve_triangular(a, b, 1 if trans in (1, "T") else 0, lower, check_finite=False)
    builder = joint(a, b)
    matrix, right = real(traced(builder, a)), real(traced(builder, b))
    if square(matrix, "solve_triangular") != (right.shape[0] if right.ndim else -1):
        raise TraceError(
            f"solve_triangular of shapes {matrix.shape} and {right.shape}", "as many rows on the right as on the left"
        )
    transposed = trans in (1, "T")
    if not lower:
        matrix, transposed = transpose(matrix), not transposed
    return new(matrix, "solve_triangular", (matrix, right), right.shape, (transposed,))


def lower_part(x: Traced, factor: float = 1.0) -> Traced:
    """Return the lower part of a square matrix, its diagonal times a factor."""
    return new(x, "tril", (real(x),), x.shape, (float(factor),))


def tril(x: Traced, k: int = 0) -> Traced:
    """Return the lower part."""
    if k not in (0, -1):
        raise TraceError(f"np.tril with k = {k}", "multiply with a matrix of zeros and ones")
    square(x, "np.tril")
    return lower_part(x, 1.0 + k)


def triu(x: Traced, k: int = 0) -> Traced:
    """Return the upper part."""
    return transpose(tril(transpose(x), -k))


def diagonal(x: Traced) -> Traced:
    """Return the diagonal of a matrix."""
    n = min(x.shape)
    if x.ndim != 2:
        raise TraceError(f"the diagonal of an array of shape {x.shape}", "a matrix is needed")
    return sliced(reshape(x, -1), (0,), (x.shape[1] + 1,), (n,))


def diag(x: Traced, k: int = 0) -> Any:
    """Return the diagonal of a matrix, or the matrix of a diagonal."""
    if k:
        raise TraceError(f"np.diag with k = {k}", "only the main diagonal can be traced")
    if x.ndim == 2:
        return diagonal(x)
    return reshape(embed(x, (0,), (x.size + 1,), (x.size**2,)), (x.size, x.size))


def trace_(x: Traced) -> Any:
    """Return the sum of the diagonal."""
    return reduced("sum", diagonal(x))


UFUNCS |= {
    "matmul": matmul,
    "matvec": matmul,
    "vecmat": matmul,
    "vecdot": lambda a, b: reduced("sum", a * b, -1),
    "multiply.outer": outer,
    "add.outer": lambda a, b: reshape(traced(joint(a, b), a), (-1, 1)) + b,
    "subtract.outer": lambda a, b: reshape(traced(joint(a, b), a), (-1, 1)) - b,
}
FUNCTIONS |= {
    "dot": dot,
    "vdot": lambda a, b: dot(reshape(traced(joint(a, b), a), -1), reshape(traced(joint(a, b), b), -1)),
    "inner": lambda a, b: dot(a, transpose(traced(joint(a, b), b))),
    "outer": outer,
    "linalg.norm": norm,
    "linalg.cholesky": cholesky,
    "tril": tril,
    "triu": triu,
    "diag": diag,
    "diagonal": diagonal,
    "trace": trace_,
}
