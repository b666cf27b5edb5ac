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


@helper()
def read_columns(target: Any, state: Any, first: bool) -> float:
    """Write v for the coefficients in play; return by how much the dual point must be divided to be feasible."""
    n, excess = target.labels.size, 1.0
    for k in range(state.sizes[0]):
        j = state.alive[k]
        if first:
            state.norms[j] = math.sqrt(target.columns.squares(j, state.ones))
        v = -target.columns.dot(j, state.dual) / n
        state.v[j] = v
        excess = max(excess, target.penalty.excess(v))
    return excess


@helper()
def gap_of(target: Any, state: Any, excess: float) -> float:
    """Return the duality gap at the dual point divided by `excess`."""
    total = 0.0
    for i in range(target.labels.size):
        total += target.loss.loss_divergence(state.scores[i], target.labels[i], state.dual[i] / excess)
    total /= target.labels.size
    for k in range(state.sizes[0]):
        j = state.alive[k]
        total += target.penalty.duality(state.position[j], state.v[j] / excess)
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
    radius = math.sqrt(2.0 * steepest * gap / target.labels.size)
    kept = 0
    for k in range(state.sizes[0]):
        j = state.alive[k]
        sure = target.penalty.slack(state.v[j] / excess) > state.norms[j] * radius
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
