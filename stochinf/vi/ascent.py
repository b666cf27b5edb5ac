r"""The way of L-BFGS to a mode of a log density, every step kept.

A direction comes from the last pairs :math:`s = x' - x`, :math:`y = g - g'` by the two-loop recursion; a step along it is
accepted by Wolfe's conditions, found by bracketing and bisection, where a density that is not defined counts as too far.

References
----------
Nocedal, J. and Wright, S. J. (2006). Numerical Optimization, 2nd edition, algorithms 7.4 and 7.5, equations (3.6).
Burke, J. V. and Engle, A. (2018). Line search and convergence in bundle methods (bisection for weak Wolfe conditions).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.vi.oracle import Oracle

__all__ = ["Path", "climb"]

Floats = npt.NDArray[np.float64]

SUFFICIENT, CURVATURE = 1e-4, 0.9
HALVINGS = 40
MEMORY = 20
FAR = 1e10
"""Coordinates beyond which no mode is looked for."""


class Path(NamedTuple):
    """Where a climb went.

    Attributes
    ----------
    positions, gradients : ndarray of shape (steps + 1, dim)
    values : ndarray of shape (steps + 1,)
    settled : bool
        Whether the gradient or the gain fell below the tolerance.
    """

    positions: Floats
    gradients: Floats
    values: Floats
    settled: bool


def climb(
    oracle: Oracle, start: Floats, most: int = 1000, tolerance: float = 1e-8, gain: float = 1e-10, memory: int = MEMORY
) -> Path:
    """Climb from a start to a mode.

    Parameters
    ----------
    oracle : Oracle
    start : ndarray of shape (dim,)
        Where the log density is finite.
    most : int
        Steps.
    tolerance : float
        Of the gradient in the metric of the last pairs: twice what a step is expected to gain.
    gain : float
        Relative gain of a step below which the climb ends.
    memory : int
        Steps that directions are made from.
    """
    value, gradient = oracle.slope(start)
    steps = [(start, gradient, value)]
    pairs: list[tuple[Floats, Floats, float]] = []
    for _ in range(most):
        direction = _direction(gradient, pairs)
        slope = float(direction @ gradient)
        if not slope > tolerance * (1.0 if pairs else 0.0):
            return _path(steps, slope >= 0.0)
        found = _step(oracle, steps[-1], direction, slope, 1.0 if pairs else min(1.0, 1.0 / math.sqrt(slope)))
        if found is None:
            if not pairs:
                return _path(steps, False)
            pairs = []
            continue
        s, y = found[0] - steps[-1][0], steps[-1][1] - found[1]
        product = float(s @ y)
        if product > 1e-12 * float(y @ y):
            pairs = [*pairs, (s, y, product)][-memory:]
        gained = found[2] - steps[-1][2]
        steps.append(found)
        gradient = found[1]
        if np.abs(found[0]).max() > FAR:
            return _path(steps, False)
        if gained <= gain * max(1.0, abs(found[2])) and len(pairs) > 1:
            return _path(steps, True)
    return _path(steps, False)


def _path(steps: list[tuple[Floats, Floats, float]], settled: bool) -> Path:
    positions, gradients, values = (np.array(column) for column in zip(*steps, strict=True))
    return Path(positions, gradients, values, settled)


def _direction(gradient: Floats, pairs: list[tuple[Floats, Floats, float]]) -> Floats:
    """Return the inverse Hessian of the pairs, by the two-loop recursion, times the gradient."""
    q, weights = gradient.copy(), []
    for s, y, product in reversed(pairs):
        weight = float(s @ q) / product
        q -= weight * y
        weights.append(weight)
    if pairs:
        _, y, product = pairs[-1]
        q *= product / float(y @ y)
    for (s, y, product), weight in zip(pairs, reversed(weights), strict=True):
        q += (weight - float(y @ q) / product) * s
    return q


def _step(
    oracle: Oracle, here: tuple[Floats, Floats, float], direction: Floats, slope: float, first: float
) -> tuple[Floats, Floats, float] | None:
    """Return the next step by weak Wolfe conditions; None where no step along the direction gains."""
    position, _, value = here
    low, high, length = 0.0, math.inf, first
    best: tuple[Floats, Floats, float] | None = None
    for _ in range(HALVINGS):
        there = position + length * direction
        gained, gradient = oracle.slope(there)
        if not gained >= value + SUFFICIENT * length * slope or not math.isfinite(gained):
            high = length
        elif float(gradient @ direction) > CURVATURE * slope:
            best, low = (there, gradient, gained), length
        else:
            return there, gradient, gained
        length = 0.5 * (low + high) if math.isfinite(high) else 2.0 * low
    return best
