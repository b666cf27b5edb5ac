"""What a posterior looks like near its mode: where that is, and how the potential energy curves there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import entry

__all__ = ["curvature", "found_mode", "mean_gradient"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@entry
def mean_gradient(target: Any, position: Floats, rows: Integers, out: Floats) -> None:
    """Write the mean gradient of some rows."""
    target.gradient(position, rows, out)


def found_mode(asker: str, target: Any) -> Floats:
    """Return the minimum of the target's objective, by L-BFGS from its start.

    Raises
    ------
    StochinfError
        If the target has no objective and gradient for Python.
    """
    if not (hasattr(target, "objective") and hasattr(target, "full_gradient") and hasattr(target, "start")):
        raise StochinfError(
            f"{asker}: the mode was left out, and {type(target).__name__} cannot be minimised to find it (objective,"
            " full_gradient); give it, for example from stochinf.minimize"
        )
    from scipy.optimize import minimize

    start = np.asarray(target.start(np.random.default_rng(0)), dtype=np.float64)
    found = minimize(target.objective, start, jac=target.full_gradient, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-15})
    return np.array(found.x, dtype=np.float64)


def curvature(target: Any, position: Floats, n_points: int) -> Floats:
    """Return the Hessian of the potential energy n f, by central differences of the mean gradient of all rows."""
    rows, dim = np.arange(n_points), position.size
    matrix, up, down = np.empty((dim, dim)), np.empty(dim), np.empty(dim)
    for j in range(dim):
        width = 6e-6 * (1.0 + abs(position[j]))
        for side, out in ((1.0, up), (-1.0, down)):
            there = position.copy()
            there[j] += side * width
            mean_gradient(target, there, rows, out)
        matrix[j] = n_points * (up - down) / (2.0 * width)
    return np.asarray(0.5 * (matrix + matrix.T))
