r"""Eigenvalues and eigenvectors of a small symmetric matrix, in compiled code that allocates nothing.

The matrix is brought to tridiagonal form by Householder reflections, and that form to diagonal by QL steps with implicit shifts.
For the dimensions of a search by values, up to a hundred or so, this takes less than a call of LAPACK costs through Python.

References
----------
Bowdler, H., Martin, R. S., Reinsch, C. and Wilkinson, J. H. (1968). The QR and QL algorithms for symmetric matrices. Numerische
Mathematik 11, procedures tred2 and tql2 (the EISPACK routines of these names).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper

__all__ = ["decompose"]

Floats = npt.NDArray[np.float64]

EPS = 2.220446049250313e-16
MOST = 60
"""QL steps at most for one eigenvalue; two or three are usual."""


@helper()
def decompose(matrix: Floats, vectors: Floats, values: Floats, work: Floats) -> bool:
    """Write the eigenvectors of a symmetric matrix into the columns of `vectors`, its eigenvalues into `values`, in no order.

    Parameters
    ----------
    matrix, vectors : ndarray of shape (n, n)
    values, work : ndarray of shape (n,)

    Returns
    -------
    bool
        Whether it succeeded; it fails on numbers that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.optim.black_box.eigen import decompose
    >>> vectors, values = np.empty((2, 2)), np.empty(2)
    >>> decompose(np.array([[2.0, 1.0], [1.0, 2.0]]), vectors, values, np.empty(2)), np.sort(values).round(12)
    (True, array([1., 3.]))
    """
    n = values.size
    for i in range(n):
        for j in range(n):
            if not math.isfinite(matrix[i, j]):
                return False
            vectors[i, j] = matrix[i, j]
    reflect(vectors, values, work)
    gather(vectors, values, work)
    return chase(vectors, values, work)


@helper()
def reflect(v: Floats, d: Floats, e: Floats) -> None:
    """Reduce a symmetric matrix to tridiagonal form; keep the Householder vectors in `v`."""
    n = d.size
    for j in range(n):
        d[j] = v[n - 1, j]
    for i in range(n - 1, 0, -1):
        scale = 0.0
        for k in range(i):
            scale += abs(d[k])
        h = 0.0
        if scale == 0.0:
            e[i] = d[i - 1]
            for j in range(i):
                d[j] = v[i - 1, j]
                v[i, j] = 0.0
                v[j, i] = 0.0
        else:
            h = householder(v, d, e, i, scale)
        d[i] = h


@helper()
def householder(v: Floats, d: Floats, e: Floats, i: int, scale: float) -> float:
    """Apply the reflection that clears row i left of its subdiagonal; return half the squared length of its vector."""
    h = 0.0
    for k in range(i):
        d[k] /= scale
        h += d[k] * d[k]
    f = d[i - 1]
    g = -math.sqrt(h) if f > 0.0 else math.sqrt(h)
    e[i] = scale * g
    h -= f * g
    d[i - 1] = f - g
    for j in range(i):
        e[j] = 0.0
    for j in range(i):
        f = d[j]
        v[j, i] = f
        g = e[j] + v[j, j] * f
        for k in range(j + 1, i):
            g += v[k, j] * d[k]
            e[k] += v[k, j] * f
        e[j] = g
    f = 0.0
    for j in range(i):
        e[j] /= h
        f += e[j] * d[j]
    half = f / (h + h)
    for j in range(i):
        e[j] -= half * d[j]
    for j in range(i):
        f = d[j]
        g = e[j]
        for k in range(j, i):
            v[k, j] -= f * e[k] + g * d[k]
        d[j] = v[i - 1, j]
        v[i, j] = 0.0
    return float(h)


@helper()
def gather(v: Floats, d: Floats, e: Floats) -> None:
    """Multiply the reflections out."""
    n = d.size
    for i in range(n - 1):
        v[n - 1, i] = v[i, i]
        v[i, i] = 1.0
        h = d[i + 1]
        if h != 0.0:
            for k in range(i + 1):
                d[k] = v[k, i + 1] / h
            for j in range(i + 1):
                g = 0.0
                for k in range(i + 1):
                    g += v[k, i + 1] * v[k, j]
                for k in range(i + 1):
                    v[k, j] -= g * d[k]
        for k in range(i + 1):
            v[k, i + 1] = 0.0
    for j in range(n):
        d[j] = v[n - 1, j]
        v[n - 1, j] = 0.0
    v[n - 1, n - 1] = 1.0
    e[0] = 0.0


@helper()
def chase(v: Floats, d: Floats, e: Floats) -> bool:
    """Diagonalise the tridiagonal form by QL steps."""
    n = d.size
    for i in range(1, n):
        e[i - 1] = e[i]
    e[n - 1] = 0.0
    shift = 0.0
    largest = 0.0
    for l in range(n):
        largest = max(largest, abs(d[l]) + abs(e[l]))
        m = l
        while abs(e[m]) > EPS * largest:
            m += 1
        rounds = 0
        while m > l:
            shift += ql_step(v, d, e, l, m)
            rounds += 1
            if abs(e[l]) <= EPS * largest:
                break
            if rounds == MOST:
                return False
        d[l] += shift
        e[l] = 0.0
    return True


@helper()
def ql_step(v: Floats, d: Floats, e: Floats, l: int, m: int) -> float:
    """Do one QL step on rows l to m; return by how much the diagonal was shifted."""
    n = d.size
    g = d[l]
    p = (d[l + 1] - g) / (2.0 * e[l])
    r = -math.hypot(p, 1.0) if p < 0.0 else math.hypot(p, 1.0)
    d[l] = e[l] / (p + r)
    d[l + 1] = e[l] * (p + r)
    second = d[l + 1]
    below = e[l + 1]
    shift = g - d[l]
    for i in range(l + 2, n):
        d[i] -= shift
    p = d[m]
    c, c2, c3, s, s2 = 1.0, 1.0, 1.0, 0.0, 0.0
    for i in range(m - 1, l - 1, -1):
        c3 = c2
        c2 = c
        s2 = s
        g = c * e[i]
        h = c * p
        r = math.hypot(p, e[i])
        e[i + 1] = s * r
        s = e[i] / r
        c = p / r
        p = c * d[i] - s * g
        d[i + 1] = h + s * (c * g + s * d[i])
        for k in range(n):
            h = v[k, i + 1]
            v[k, i + 1] = s * v[k, i] + c * h
            v[k, i] = c * v[k, i] - s * h
    p = -s * s2 * c3 * below * e[l] / second
    e[l] = s * p
    d[l] = c * p
    return float(shift)
