r"""Products of units with weights, :math:`V W`: by BLAS, or where most units are 0 by adding up the rows of W that count.

Of a machine that has learnt pictures most visible units are off. The sum over the others reads fewer weights: at one unit in
eight it takes half the time of the product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.blas import multiply
from stochinf.engine.jit import helper

__all__ = ["add_four", "add_multiple", "filled", "list_filled", "project"]

Singles = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]
WIDE = 128
"""Columns of weights from which adding up rows may pay."""
FEW = 7
"""Units for each one that is not 0, from which it does."""


@helper()
def project(units: Singles, weights: Singles, out: Singles, places: Places) -> None:
    """Write units times weights.

    Parameters
    ----------
    units : ndarray of shape (rows, n)
    weights : ndarray of shape (n, m)
    out : ndarray of shape (rows, m)
    places : ndarray of shape (n,)
        Work space.
    """
    if weights.shape[1] >= WIDE and FEW * filled(units) <= units.size:
        for row in range(units.shape[0]):
            add_listed(units[row], places, list_filled(units[row], places), weights, out[row])
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
def list_filled(units: Singles, places: Places) -> int:
    """Write the places of units that are not 0, without a branch that nobody could foretell; return how many there are."""
    n = 0
    for i in range(units.size):
        places[n] = i
        n += 1 if units[i] != np.float32(0.0) else 0
    return n


@helper()
def add_listed(units: Singles, places: Places, n: int, weights: Singles, out: Singles) -> None:
    """Write the sum of rows of weights times the units in n places, four at a time."""
    for j in range(out.size):
        out[j] = np.float32(0.0)
    k = 0
    while k + 4 <= n:
        a, b, c, d = places[k], places[k + 1], places[k + 2], places[k + 3]
        add_four(units[a], units[b], units[c], units[d], weights, a, b, c, d, out)
        k += 4
    while k < n:
        add_multiple(weights[places[k]], units[places[k]], out)
        k += 1


@helper(reorder=True)
def add_four(a: Any, b: Any, c: Any, d: Any, rows: Singles, i: int, k: int, m: int, n: int, out: Singles) -> None:
    """Add multiples of four rows."""
    for j in range(out.size):
        out[j] += np.float32(a * rows[i, j] + b * rows[k, j]) + np.float32(c * rows[m, j] + d * rows[n, j])


@helper(reorder=True)
def add_multiple(row: Singles, factor: Any, out: Singles) -> None:
    """Add a multiple of a row."""
    for j in range(out.size):
        out[j] += np.float32(factor * row[j])
