r"""A look at all coefficients: objective, gap, gradient, and which coefficients are surely zero.

With :math:`v = -X'u/n` at a dual point u, whose objective is strongly concave, a coefficient is zero at every optimum where

.. math:: \mathrm{slack}(v_j) > |X_j| \sqrt{2 M \mathrm{gap} / n},

M being the largest curvature of the loss. Such coefficients are not looked at again.

References
----------
Ndiaye, E. et al. (2017). Gap safe screening rules for sparsity enforcing penalties. JMLR 18, theorem 2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.models.penalised import ROUNDING

__all__ = ["look"]

Floats = npt.NDArray[np.float64]

MARGIN = 1.03
"""A bound of v is believed only where this much more would leave a coefficient at zero."""


@helper()
def read_rows(target: Any, state: Any) -> float:
    """Write slopes and curvatures of the losses, and the dual point; return the sum of the losses."""
    total, above, below = 0.0, 0.0, 0.0
    for i in range(target.labels.size):
        score, label = state.scores[i], target.labels[i]
        total += target.loss.loss_value(score, label)
        slope = target.loss.loss_slope(score, label)
        state.slopes[i] = slope
        state.dual[i] = slope
        state.curvatures[i] = target.loss.loss_curvature(score, label)
        above += max(slope, 0.0)
        below += max(-slope, 0.0)
    if target.intercept:
        for i in range(target.labels.size):
            part = below / max(above, 1e-300) if state.dual[i] > 0.0 else above / max(below, 1e-300)
            state.dual[i] *= min(1.0, part)
    return total


@helper(reorder=True)
def distance(a: Floats, b: Floats) -> float:
    """Return the Euclidean distance of two vectors."""
    total = 0.0
    for i in range(a.size):
        total += (a[i] - b[i]) * (a[i] - b[i])
    return math.sqrt(total)


@helper()
def read_columns(target: Any, state: Any, first: bool) -> float:
    """Write v for the coefficients in play; return by how much the dual point must be divided to be feasible.

    Where the dual point has moved too little for a zero to be in doubt, the bound |v_j| + |X_j| |move| / n stands for |v_j|.
    """
    largest, scale = 0.0, -1.0 / target.labels.size
    if first:
        for j in range(target.penalised):
            total, squares = target.columns.measured(j, state.dual)
            state.v[j] = scale * total
            state.norms[j] = math.sqrt(squares)
            largest = max(largest, abs(state.v[j]))
    else:
        moved = -scale * distance(state.dual, state.earlier)
        for k in range(state.sizes[0]):
            j = state.alive[k]
            bound = state.v[j] + state.norms[j] * (moved if state.v[j] > 0.0 else -moved)
            if target.penalty.slack(MARGIN * bound) > 0.0 and not state.member[j] and state.position[j] == 0.0:
                state.v[j] = bound
            else:
                state.v[j] = scale * target.columns.dot(j, state.dual)
                largest = max(largest, abs(state.v[j]))
    for i in range(target.labels.size):
        state.earlier[i] = state.dual[i]
    return max(1.0, target.penalty.excess(largest))  # type: ignore[no-any-return]


@helper()
def gap_of(target: Any, state: Any, excess: float) -> float:
    """Return the duality gap at the dual point divided by `excess`."""
    total, share = 0.0, 1.0 / excess
    for i in range(target.labels.size):
        total += target.loss.loss_divergence(state.scores[i], target.labels[i], share * state.dual[i])
    total /= target.labels.size
    for k in range(state.sizes[0]):
        j = state.alive[k]
        total += target.penalty.duality(state.position[j], share * state.v[j])
    return total if total == total else math.inf


@helper()
def violation_of(target: Any, state: Any) -> float:
    """Return the largest distance of a subdifferential from zero."""
    worst = 0.0
    for k in range(state.sizes[0]):
        j = state.alive[k]
        worst = max(worst, target.penalty.distance(state.position[j], state.v[j]))
    if target.intercept:
        total = 0.0
        for i in range(target.labels.size):
            total += state.slopes[i]
        worst = max(worst, abs(total) / target.labels.size)
    return worst


@helper()
def screen(target: Any, state: Any, excess: float, gap: float, steepest: float) -> None:
    """Leave out coefficients that are surely zero."""
    radius, share, kept = math.sqrt(2.0 * steepest * gap / target.labels.size), 1.0 / excess, 0
    for k in range(state.sizes[0]):
        j = state.alive[k]
        sure = target.penalty.slack(share * state.v[j]) > state.norms[j] * radius
        if not sure or state.member[j] or state.position[j] != 0.0:
            state.alive[kept] = j
            kept += 1
    state.sizes[0] = kept


@helper()
def look(target: Any, state: Any, first: bool, steepest: float) -> None:
    """Write objective, gap and violation to `state.stats`; screen."""
    objective = read_rows(target, state) / target.labels.size
    excess = read_columns(target, state, first)
    for j in range(target.penalised):
        objective += target.penalty.penalty_value(state.position[j])
    gap = gap_of(target, state, excess)
    state.stats[0] = objective
    state.stats[2] = violation_of(target, state)
    if gap < math.inf:
        state.best[0] = max(state.best[0], objective - gap)
        screen(target, state, excess, gap, steepest)
        gap = min(gap, objective - state.best[0]) + ROUNDING * abs(objective)
    state.stats[1] = gap
