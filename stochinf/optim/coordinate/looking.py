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
def weigh_rows(target: Any, state: Any, share: float) -> float:
    """Return the mean Fenchel-Young sum of the losses at `share` times the dual point."""
    total = 0.0
    for i in range(target.labels.size):
        total += target.loss.loss_divergence(state.scores[i], target.labels[i], share * state.dual[i])
    return total / target.labels.size  # type: ignore[no-any-return]


@helper()
def weigh_columns(target: Any, state: Any, share: float) -> tuple[float, float, float]:
    """Return the penalty, its Fenchel-Young sum at `share` times v, and the largest distance of a subdifferential from zero.

    Coefficients that have been left out are zero, and optimal.
    """
    left_out, penalty, duality, worst = target.penalised - state.sizes[0], 0.0, 0.0, 0.0
    if left_out > 0:
        penalty += left_out * target.penalty.penalty_value(0.0)
    for k in range(state.sizes[0]):
        j = state.alive[k]
        w, v = state.position[j], state.v[j]
        penalty += target.penalty.penalty_value(w)
        duality += target.penalty.duality(w, share * v)
        worst = max(worst, target.penalty.distance(w, v))
    return penalty, duality, worst


@helper()
def weigh_intercept(target: Any, state: Any) -> float:
    """Return the slope by the intercept."""
    total = 0.0
    if target.intercept:
        for i in range(target.labels.size):
            total += state.slopes[i]
    return abs(total) / target.labels.size  # type: ignore[no-any-return]


@helper()
def screen(target: Any, state: Any, share: float, gap: float, steepest: float) -> None:
    """Leave out coefficients that are surely zero, by the gap at `share` times the dual point."""
    radius, kept = math.sqrt(2.0 * steepest * gap / target.labels.size), 0
    for k in range(state.sizes[0]):
        j = state.alive[k]
        sure = target.penalty.slack(share * state.v[j]) > state.norms[j] * radius
        state.alive[kept] = j
        kept += (not sure) | (state.member[j] != 0) | (state.position[j] != 0.0)
    state.sizes[0] = kept


@helper()
def look(target: Any, state: Any, first: bool, steepest: float) -> None:
    """Write objective, gap and violation to `state.stats`; screen."""
    losses = read_rows(target, state) / target.labels.size
    share = 1.0 / read_columns(target, state, first)
    penalty, duality, worst = weigh_columns(target, state, share)
    objective, gap = losses + penalty, weigh_rows(target, state, share) + duality
    state.stats[0] = objective
    state.stats[1] = math.inf
    state.stats[2] = max(worst, weigh_intercept(target, state))
    if gap < math.inf:
        state.best[0] = max(state.best[0], objective - gap)
        screen(target, state, share, gap, steepest)
        state.stats[1] = min(gap, objective - state.best[0]) + ROUNDING * abs(objective)
