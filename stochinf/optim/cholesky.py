"""Cholesky's factorisation in compiled code, for the systems of Newton's method.

References
----------
Golub, G. H. and Van Loan, C. F. (2013). Matrix Computations, 4th edition, algorithm 4.2.2.
Nocedal, J. and Wright, S. J. (2006). Numerical Optimization, 2nd edition, algorithm 3.3: a multiple of the identity is added.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper

__all__ = ["factorise", "solve", "solve_regularised"]

Floats = npt.NDArray[np.float64]

TINY_PIVOT = 1e-14
"""A pivot below this share of its diagonal entry counts as not positive."""


@helper(reorder=True)
def inner(factor: Any, i: int, j: int, length: int) -> float:
    """Return the product of the first entries of two rows."""
    total = 0.0
    for k in range(length):
        total += factor[i, k] * factor[j, k]
    return total


@helper()
def factorise(square: Any, factor: Any, added: float) -> bool:
    """Write the lower factor of a matrix, of which the lower triangle is read, plus a multiple of the identity.

    Returns
    -------
    bool
        Whether it is positive definite.
    """
    for i in range(square.shape[0]):
        for j in range(i):
            factor[i, j] = (square[i, j] - inner(factor, i, j, j)) / factor[j, j]
        pivot = square[i, i] + added - inner(factor, i, i, i)
        if not pivot > TINY_PIVOT * (abs(square[i, i]) + added):
            return False
        factor[i, i] = np.sqrt(pivot)
    return True


@helper()
def solve(factor: Any, right: Any, out: Any) -> None:
    """Write the solution of L L' x = right."""
    n = right.size
    for i in range(n):
        total = right[i]
        for k in range(i):
            total -= factor[i, k] * out[k]
        out[i] = total / factor[i, i]
    for i in range(n - 1, -1, -1):
        out[i] /= factor[i, i]
        for k in range(i):
            out[k] -= factor[i, k] * out[i]


@helper()
def solve_regularised(square: Any, factor: Any, right: Any, out: Any) -> float:
    """Write the solution of (square + a I) x = right with the first a of 0, s, 10 s, 100 s, ... that makes it definite; return a.

    s is 1e-10 of the mean of the diagonal's absolute values.
    """
    scale = 0.0
    for i in range(square.shape[0]):
        scale += abs(square[i, i]) / square.shape[0]
    added = 0.0
    while not factorise(square, factor, added):
        added = 10.0 * added if added > 0.0 else max(1e-10 * scale, 1e-290)
    solve(factor, right, out)
    return added
