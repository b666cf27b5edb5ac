r"""One round on a working set: the quadratic model, sweeps until it is solved well enough, and the step.

For least squares the model is the objective and the step is whole. For other losses it is Newton's model, and the step is
halved until the objective has fallen enough.

References
----------
Lee, J. D., Sun, Y. and Saunders, M. A. (2014). Proximal Newton-type methods for minimizing composite functions. SIAM J. Optim.
24, section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.optim.coordinate.inner import DEPTH, extrapolate, keep, sweep_columns, sweep_gram

__all__ = ["solve"]

Floats = npt.NDArray[np.float64]

DEARER = 40.0
"""A Gram matrix is computed where its products are at most so many per entry of the working set."""
SWEEPS = 600
"""At most so many sweeps a round."""
BLOCK = 32


@helper()
def sums(values: Floats) -> float:
    """Return the sum."""
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total


@helper()
def enlist(target: Any, state: Any, size: int) -> bool:
    """Enter new columns into the rows; return whether a Gram matrix pays."""
    if size > state.sweeps.gram.shape[0]:
        return False
    target.columns.enlist(state.chosen, state.sizes[3], size, state.slots)
    entries = 0
    for q in range(size):
        entries += target.columns.entries(state.chosen[q])
    return target.columns.pairs(state.slots, size) <= DEARER * entries  # type: ignore[no-any-return]


@helper()
def complete(target: Any, state: Any, old: int, size: int, pivot: float) -> None:
    """Scale new rows of the Gram matrix, eliminate the intercept, and mirror them."""
    gram, cross, n = state.sweeps.gram, state.sweeps.cross, target.labels.size
    for low in range(old, size, BLOCK):
        for left in range(0, size, BLOCK):
            for q in range(low, min(low + BLOCK, size)):
                for p in range(left, min(left + BLOCK, q + 1)):
                    entry = gram[q, p] / n - cross[q] * cross[p] / pivot
                    gram[q, p] = entry
                    gram[p, q] = entry


@helper()
def prepare(target: Any, state: Any, size: int, by_gram: bool, fixed: bool) -> None:
    """Write gradient, diagonal and track of the quadratic model."""
    sweeps, n = state.sweeps, target.labels.size
    old = state.sizes[3] if fixed else 0
    pivot = sums(state.curvatures) / n + 1e-100
    slope = -sums(state.slopes) / n if target.intercept else 0.0
    for q in range(size):
        j = state.chosen[q]
        sweeps.weights[q] = state.position[j]
        sweeps.gradient[q] = -target.columns.dot(j, state.slopes) / n if target.intercept else state.v[j]
        if target.intercept and (q >= old or not by_gram):
            sweeps.cross[q] = target.columns.dot(j, state.curvatures) / n
    if by_gram:
        target.columns.products(state.chosen, old, size, state.slots, state.curvatures, sweeps.gram)
        complete(target, state, old, size, pivot)
        for q in range(size):
            sweeps.diagonal[q] = sweeps.gram[q, q]
            sweeps.gradient[q] -= sweeps.cross[q] * slope / pivot
            sweeps.track[q] = sweeps.gradient[q]
    else:
        sweeps.weights[size] = state.position[target.penalised] if target.intercept else 0.0
        for i in range(n):
            sweeps.track[i] = state.slopes[i]
        for q in range(size):
            sweeps.diagonal[q] = target.columns.squares(state.chosen[q], state.curvatures) / n


@helper()
def model_value(target: Any, state: Any, weights: Floats, track: Floats, size: int, by_gram: bool) -> float:
    """Return the quadratic model at weights of the working set."""
    total, n = 0.0, target.labels.size
    for q in range(size):
        total += target.penalty.penalty_value(weights[q])
    if by_gram:
        for q in range(size):
            total -= 0.5 * (weights[q] - state.position[state.chosen[q]]) * (state.sweeps.gradient[q] + track[q])
        return total
    rows = 0.0
    for i in range(n):
        if state.curvatures[i] > 0.0:
            rows += (track[i] - state.slopes[i]) * (track[i] + state.slopes[i]) / state.curvatures[i]
    return total + 0.5 * rows / n  # type: ignore[no-any-return]


@helper()
def sweep_on(target: Any, state: Any, size: int, by_gram: bool, tolerance: float) -> None:
    """Sweep until the working set is optimal within a tolerance."""
    sweeps = state.sweeps
    length = size if by_gram else target.labels.size
    held = size if by_gram else size + target.intercept
    done = 0
    while done < SWEEPS:
        if by_gram:
            worst = sweep_gram(sweeps, target.penalty, size)
        else:
            worst = sweep_columns(sweeps, target, state.chosen, state.curvatures, size)
        place = done % (DEPTH + 1)
        keep(sweeps, place, held, length)
        done += 1
        if worst <= tolerance:
            break
        if place == DEPTH and extrapolate(sweeps, held, length):
            now = model_value(target, state, sweeps.weights, sweeps.track, size, by_gram)
            if model_value(target, state, sweeps.trial, sweeps.trial_track, size, by_gram) < now:
                for q in range(held):
                    sweeps.weights[q] = sweeps.trial[q]
                for q in range(length):
                    sweeps.track[q] = sweeps.trial_track[q]
    state.sizes[4] += done


@helper()
def moved_objective(target: Any, state: Any, size: int, share: float) -> float:
    """Return the objective after a share of the step."""
    total = 0.0
    for i in range(target.labels.size):
        total += target.loss.loss_value(state.scores[i] + share * state.dual[i], target.labels[i])
    total /= target.labels.size
    for q in range(size):
        old = state.position[state.chosen[q]]
        total += target.penalty.penalty_value(old + share * (state.sweeps.weights[q] - old))
    return total  # type: ignore[no-any-return]


@helper()
def step(target: Any, state: Any, size: int, by_gram: bool, fixed: bool) -> None:
    """Move position and scores; `state.dual` holds the change of the scores."""
    sweeps, n = state.sweeps, target.labels.size
    for i in range(n):
        state.dual[i] = 0.0
    shift, promised = 0.0, 0.0
    pivot = sums(state.curvatures) / n + 1e-100
    slope = -sums(state.slopes) / n if target.intercept else 0.0
    if target.intercept:
        shift = slope / pivot if by_gram else sweeps.weights[size] - state.position[target.penalised]
    for q in range(size):
        old = state.position[state.chosen[q]]
        amount = sweeps.weights[q] - old
        if amount != 0.0:
            target.columns.add(state.chosen[q], amount, state.dual)
            promised += target.penalty.penalty_value(sweeps.weights[q]) - target.penalty.penalty_value(old)
            promised -= sweeps.gradient[q] * amount
            if target.intercept and by_gram:
                shift -= sweeps.cross[q] * amount / pivot
                promised -= sweeps.cross[q] * slope / pivot * amount
    promised -= slope * shift
    for i in range(n):
        state.dual[i] += shift
    share = 1.0
    if not fixed:
        while share > 1e-10 and not moved_objective(target, state, size, share) <= state.stats[0] + 1e-4 * share * promised:
            share *= 0.5
        if share <= 1e-10:
            return
    for i in range(n):
        state.scores[i] += share * state.dual[i]
    for q in range(size):
        j = state.chosen[q]
        if share == 1.0:
            state.position[j] = sweeps.weights[q]
        else:
            state.position[j] += share * (sweeps.weights[q] - state.position[j])
    if target.intercept:
        state.position[target.penalised] += share * shift


@helper()
def solve(target: Any, state: Any, tolerance: float, fixed: bool) -> None:
    """Do a round on the working set."""
    size = state.sizes[1]
    by_gram = state.sizes[5] == 0 and enlist(target, state, size)
    if not by_gram:
        state.sizes[5] = 1
    prepare(target, state, size, by_gram, fixed)
    state.sizes[3] = size
    sweep_on(target, state, size, by_gram, tolerance)
    step(target, state, size, by_gram, fixed)
    state.sizes[2] += 1
