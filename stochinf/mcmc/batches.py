"""The mean gradient of a minibatch, four rows at a time where a linear model's features are dense.

Rows one after the other wait for each other: a product, an exponential, an addition to the same array. Four of them overlap, and
the array is written once. Sums are in another order than in `target.gradient`, and agree to rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import compiled_as, helper
from stochinf.models.design import DenseRows

__all__ = ["all_finite", "batch_gradient"]

Floats = npt.NDArray[np.float64]
Scores = tuple[float, float, float, float]


@helper(reorder=True)
def all_finite(values: Floats) -> bool:
    """Return whether every number is finite."""
    total = 0.0
    for j in range(values.size):
        total += 0.0 * values[j]
    return total == 0.0


@helper(reorder=True)
def four_scores(rows: Floats, a: int, b: int, c: int, d: int, vector: Floats) -> Scores:
    """Return the products of four rows with a vector."""
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    for j in range(vector.size):
        w = vector[j]
        first += rows[a, j] * w
        second += rows[b, j] * w
        third += rows[c, j] * w
        fourth += rows[d, j] * w
    return first, second, third, fourth


@helper(reorder=True)
def add_four(rows: Floats, a: int, b: int, c: int, d: int, amounts: Scores, out: Floats) -> None:
    """Add multiples of four rows to a vector."""
    p, q, r, s = amounts
    for j in range(out.size):
        out[j] += p * rows[a, j] + q * rows[b, j] + r * rows[c, j] + s * rows[d, j]


def batch_gradient(target: Any, position: Floats, point: Any, out: Floats) -> None:
    """Write the mean gradient of the rows of a point. Compiled code has bodies of its own."""
    target.gradient(position, point, out)


def dense(target: Any) -> bool:
    """Whether a numba type is that of a linear model with dense features."""
    if not getattr(getattr(target, "instance_class", None), "linear", False) or "design" not in getattr(target, "fields", ()):
        return False
    design = target.types[target.fields.index("design")]
    return getattr(design, "instance_class", None) is DenseRows


@compiled_as(batch_gradient)
def _batch_gradient(target, position, point, out):  # type: ignore[no-untyped-def]  # numba compares signatures
    def as_told(target, position, point, out):  # type: ignore[no-untyped-def]
        target.gradient(position, point, out)

    def by_fours(target, position, point, out):  # type: ignore[no-untyped-def]
        rows = target.design.rows
        weight = 1.0 / point.size
        for j in range(out.size):
            out[j] = target.l2 * position[j] if j < target.penalised else 0.0
        whole = point.size - point.size % 4
        for k in range(0, whole, 4):
            a, b, c, d = point[k], point[k + 1], point[k + 2], point[k + 3]
            p, q, r, s = four_scores(rows, a, b, c, d, position)
            p, q = weight * target.slope(a, p), weight * target.slope(b, q)
            r, s = weight * target.slope(c, r), weight * target.slope(d, s)
            add_four(rows, a, b, c, d, (p, q, r, s), out)
        for k in range(whole, point.size):
            row = point[k]
            target.add_row(row, weight * target.slope(row, target.score(row, position)), out)

    return by_fours if dense(target) and hasattr(point, "ndim") else as_told
