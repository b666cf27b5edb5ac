r"""Sweeps over a working set, with Anderson's extrapolation.

The quadratic model of an objective around w is, for the coefficients of the working set,

.. math:: q(\delta) = -c \cdot \delta + \tfrac12 \delta' H \delta + \sum_j g(w_j + \delta_j), \qquad H = X' D X / n.

A sweep minimises it over one coefficient after the other. It keeps either the negative gradient :math:`c - H \delta`, where H
has been computed (coefficients that stay as they are then cost nothing), or the slopes of the model row by row. After K + 1
sweeps, the combination of the last K iterates whose change is least, with weights that sum to one, replaces the iterate if it
is better.

References
----------
Bertrand, Q. and Massias, M. (2021). Anderson acceleration of coordinate descent. AISTATS, algorithm 3.
Friedman, J., Hastie, T. and Tibshirani, R. (2010). Regularization paths for generalized linear models via coordinate descent.
JSS 33, section 2.2: covariance updates.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper

__all__ = ["DEPTH", "Sweeps", "extrapolate", "keep", "sweep_columns", "sweep_gram"]

Floats = npt.NDArray[np.float64]

DEPTH = 5
"""Iterates that are combined."""

LEAST = 1e-100
"""Curvature of an empty column: the penalty alone decides."""


class Sweeps(NamedTuple):
    """Arrays of the sweeps; those of the working set have room for every coefficient.

    Attributes
    ----------
    weights, trial : ndarray
        Coefficients of the working set, the intercept after them; a combination of earlier ones.
    track, trial_track : ndarray
        Negative gradient of the model by coefficient, or its slopes by row; and at the combination.
    gradient, diagonal, cross : ndarray
        At the start of the sweeps: negative gradient; diagonal of H; row of H that belongs to the intercept.
    kept_weights, kept_track : ndarray of shape (DEPTH + 1, ...)
    system : ndarray of shape (DEPTH, DEPTH)
    mixture : ndarray of shape (DEPTH,)
    gram : ndarray of shape (capacity, capacity)
    """

    weights: Floats
    trial: Floats
    track: Floats
    trial_track: Floats
    gradient: Floats
    diagonal: Floats
    cross: Floats
    kept_weights: Floats
    kept_track: Floats
    system: Floats
    mixture: Floats
    gram: Floats


@helper(reorder=True)
def move(gram: Floats, row: int, amount: float, track: Floats, size: int) -> None:
    """Take amount times a row of H from the negative gradient."""
    line = gram[row]
    for p in range(size):
        track[p] -= amount * line[p]


@helper()
def sweep_gram(sweeps: Any, penalty: Any, size: int) -> float:
    """Sweep with H at hand; return the largest distance from optimality that was met."""
    worst = 0.0
    for q in range(size):
        old = sweeps.weights[q]
        curvature = max(sweeps.diagonal[q], LEAST)
        worst = max(worst, penalty.distance(old, sweeps.track[q]))
        new = penalty.prox(old + sweeps.track[q] / curvature, 1.0 / curvature)
        if new != old:
            move(sweeps.gram, q, new - old, sweeps.track, size)
            sweeps.weights[q] = new
    return worst


@helper()
def sweep_columns(sweeps: Any, target: Any, chosen: Any, curvatures: Floats, size: int) -> float:
    """Sweep by columns, the intercept last; return the largest distance from optimality that was met."""
    worst, n = 0.0, curvatures.size
    for q in range(size):
        old = sweeps.weights[q]
        curvature = max(sweeps.diagonal[q], LEAST)
        v = -target.columns.dot(chosen[q], sweeps.track) / n
        worst = max(worst, target.penalty.distance(old, v))
        new = target.penalty.prox(old + v / curvature, 1.0 / curvature)
        if new != old:
            target.columns.add_scaled(chosen[q], new - old, curvatures, sweeps.track)
            sweeps.weights[q] = new
    if target.intercept:
        above, below = 0.0, LEAST
        for i in range(n):
            above += sweeps.track[i]
            below += curvatures[i]
        worst = max(worst, abs(above) / n)
        sweeps.weights[size] -= above / below
        for i in range(n):
            sweeps.track[i] -= curvatures[i] * above / below
    return worst


@helper()
def keep(sweeps: Any, place: int, size: int, length: int) -> None:
    """Remember the iterate."""
    for q in range(size):
        sweeps.kept_weights[place, q] = sweeps.weights[q]
    for q in range(length):
        sweeps.kept_track[place, q] = sweeps.track[q]


@helper()
def solve_small(system: Floats, mixture: Floats) -> bool:
    """Solve for weights that sum to one and make the combined change least; False where it cannot be done."""
    trace = 0.0
    for a in range(DEPTH):
        trace += system[a, a]
    if not trace > 0.0:
        return False
    for a in range(DEPTH):
        system[a, a] += 1e-12 * trace
        mixture[a] = 1.0
    for a in range(DEPTH):
        if not system[a, a] > 0.0:
            return False
        for b in range(a + 1, DEPTH):
            factor = system[b, a] / system[a, a]
            for e in range(a, DEPTH):
                system[b, e] -= factor * system[a, e]
            mixture[b] -= factor * mixture[a]
    total = 0.0
    for a in range(DEPTH - 1, -1, -1):
        for e in range(a + 1, DEPTH):
            mixture[a] -= system[a, e] * mixture[e]
        mixture[a] /= system[a, a]
        total += mixture[a]
    if total == 0.0:
        return False
    for a in range(DEPTH):
        mixture[a] /= total
    return True


@helper(reorder=True)
def changes(kept: Floats, a: int, b: int, size: int) -> float:
    """Return the product of two changes of the iterate."""
    total = 0.0
    for q in range(size):
        total += (kept[a + 1, q] - kept[a, q]) * (kept[b + 1, q] - kept[b, q])
    return total


@helper()
def extrapolate(sweeps: Any, size: int, length: int) -> bool:
    """Write the best combination of the kept iterates; False where there is none."""
    for a in range(DEPTH):
        for b in range(a + 1):
            sweeps.system[a, b] = changes(sweeps.kept_weights, a, b, size)
            sweeps.system[b, a] = sweeps.system[a, b]
    if not solve_small(sweeps.system, sweeps.mixture):
        return False
    for q in range(size):
        sweeps.trial[q] = 0.0
        for a in range(DEPTH):
            sweeps.trial[q] += sweeps.mixture[a] * sweeps.kept_weights[a + 1, q]
    for q in range(length):
        sweeps.trial_track[q] = 0.0
        for a in range(DEPTH):
            sweeps.trial_track[q] += sweeps.mixture[a] * sweeps.kept_track[a + 1, q]
    return True
