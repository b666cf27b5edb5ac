r"""The noise of minibatches: the variance of an estimated gradient, measured.

An estimate from a batch of B rows out of n without replacement has, per coordinate, the variance

.. math:: V = \frac{1}{B} \left( 1 - \frac{B}{n} \right) \operatorname{Var}_i(\hat g_i),

with :math:`\hat g_i` the estimate from the single row i.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry

__all__ = ["copied", "gradient_variance", "row_estimates"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ROWS = 256
"""Rows from which the noise is measured at the end of a warm-up."""


@entry
def write_estimates(estimator: Any, target: Any, memory: Any, position: Floats, rows: Integers, out: Floats) -> None:
    """Write the estimate from each of some rows, one after the other."""
    for k in range(rows.size):
        estimator.estimate(target, memory, position, rows[k : k + 1], out[k])


def row_estimates(estimator: Any, target: Any, memory: Any, position: Floats, rows: Integers) -> Floats:
    """Return the estimated gradient from each single row, shape (rows, dim); the memory stays as it is."""
    out = np.empty((rows.size, position.size))
    write_estimates(estimator, target, copied(memory), position.copy(), rows, out)
    return out


def copied(memory: Any) -> Any:
    """Return a memory whose arrays are copies."""
    return type(memory)._make(array.copy() for array in memory)


def gradient_variance(estimator: Any, target: Any, state: Any) -> Floats:
    """Return the variance of each coordinate of the estimated gradient where a chain stands, NaN before its first step.

    At most 256 rows are looked at, evenly spread over the data; what is not finite yields NaN.
    """
    n, batch = int(estimator.n_points), int(state.batch[0])
    if not batch:
        return np.full(state.position.size, np.nan)
    if batch >= n:
        return np.zeros(state.position.size)
    rows = np.unique(np.linspace(0, n - 1, min(n, ROWS)).astype(np.int64))
    with np.errstate(all="ignore"):
        estimates = row_estimates(estimator, target, state.memory, state.position, rows)
        return np.asarray(estimates.var(axis=0, ddof=1) * (1.0 / batch - 1.0 / n))
