r"""Products of units with weights, :math:`V W`: by BLAS, or where most units are 0 by adding up the rows of W that count.

Of a machine that has learnt pictures most visible units are off. The sum over the others reads fewer weights: at one unit in ten
it takes half the time of the product, at one in five as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.blas import multiply
from stochinf.engine.jit import helper

__all__ = ["add_multiple", "add_row", "project"]

Singles = npt.NDArray[np.float32]
WIDE = 128
"""Columns of weights from which adding up rows may pay."""
FEW = 7
"""Units for each one that is not 0, from which it does."""


@helper()
def project(units: Singles, weights: Singles, out: Singles) -> None:
    """Write units times weights.

    Parameters
    ----------
    units : ndarray of shape (rows, n)
    weights : ndarray of shape (n, m)
    out : ndarray of shape (rows, m)
    """
    if weights.shape[1] >= WIDE and FEW * filled(units) <= units.size:
        for row in range(units.shape[0]):
            add_row(units[row], weights, out[row])
    else:
        multiply(units, False, weights, False, out, np.float32(0.0))


@helper(reorder=True)
def filled(units: Singles) -> int:
    """Return how many are not 0."""
    total = 0
    for i in range(units.shape[0]):
        for j in range(units.shape[1]):
            total += 1 if units[i, j] != np.float32(0.0) else 0
    return total


@helper()
def add_row(units: Singles, weights: Singles, out: Singles) -> None:
    """Write the sum of rows of weights times units, four at a time."""
    for j in range(out.size):
        out[j] = np.float32(0.0)
    waiting, first, second, third = 0, 0, 0, 0
    for i in range(units.size):
        if units[i] != np.float32(0.0):
            if waiting == 3:
                add_four(units, weights, first, second, third, i, out)
                waiting = 0
            else:
                first, second, third = second, third, i
                waiting += 1
    if waiting > 2:
        add_multiple(weights[first], units[first], out)
    if waiting > 1:
        add_multiple(weights[second], units[second], out)
    if waiting > 0:
        add_multiple(weights[third], units[third], out)


@helper(reorder=True)
def add_four(units: Singles, weights: Singles, i: int, k: int, m: int, n: int, out: Singles) -> None:
    """Add four rows of weights times units."""
    a, b, c, d = units[i], units[k], units[m], units[n]
    for j in range(out.size):
        out[j] += np.float32(a * weights[i, j] + b * weights[k, j]) + np.float32(c * weights[m, j] + d * weights[n, j])


@helper(reorder=True)
def add_multiple(row: Singles, factor: Any, out: Singles) -> None:
    """Add a multiple of a row."""
    for j in range(out.size):
        out[j] += np.float32(factor * row[j])
