r"""One coefficient a step: the kernel of coordinate descent on linear models, and the ways to move a coefficient.

With the derivative :math:`\partial_j` of the mean loss and a penalty g, coefficient j becomes

.. math:: w_j \leftarrow \arg\min_x f(w_1, ..., x, ..., w_d) \quad \text{or} \quad
          w_j \leftarrow \mathrm{prox}_{\eta g}(w_j - \eta \, \partial_j),

the derivative taken over all rows, or estimated from one of them. Scores are kept up to date, so that a step costs what its
column does.

References
----------
Wright, S. J. (2015). Coordinate descent algorithms. Mathematical Programming 151, algorithms 1 and 3.
Nutini, J. et al. (2015). Coordinate descent converges faster with the Gauss-Southwell rule than random selection. ICML.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import below
from stochinf.optim.starting import starting_point

__all__ = ["Derivative", "Exact", "Sampled", "Steps", "StepsState"]

Floats = npt.NDArray[np.float64]

TINY = 1e-100
"""Curvature of an empty column: the penalty alone decides."""
INNER = 30
"""Newton steps towards an exact minimum."""
HALVINGS = 40
QUIET = 4
"""Passes without a long move that end a run: pickers by chance do not visit every coefficient in one."""


class StepsState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
    scores : ndarray of shape (n,)
    curvatures : ndarray of shape (dim,)
        Largest second derivative by coordinate; infinite where there is none.
    watch : ndarray of shape (4,)
        Largest move of this pass, steps of this pass, largest move of the pass before, passes in a row without a long move.
    stats : ndarray of shape (1,)
        Size of the last move.
    """

    position: Floats
    scores: Floats
    curvatures: Floats
    watch: Floats
    stats: Floats


@helper()
def slope_at(target: Any, state: Any, j: int) -> float:
    """Return the derivative of the mean loss by coefficient j."""
    total = 0.0
    if j < target.penalised:
        total = target.columns.slope(j, target.loss, state.scores, target.labels)
    else:
        for i in range(target.labels.size):
            total += target.loss.loss_slope(state.scores[i], target.labels[i])
    return total / target.labels.size  # type: ignore[no-any-return]


@helper()
def curvature_at(target: Any, state: Any, j: int) -> float:
    """Return the second derivative of the mean loss by coefficient j."""
    total = 0.0
    if j < target.penalised:
        total = target.columns.curvature(j, target.loss, state.scores, target.labels)
    else:
        for i in range(target.labels.size):
            total += target.loss.loss_curvature(state.scores[i], target.labels[i])
    return max(total / target.labels.size, TINY)  # type: ignore[no-any-return]


@helper()
def change_at(target: Any, state: Any, j: int, amount: float) -> float:
    """Return by how much the objective changes when coefficient j does by an amount."""
    total = 0.0
    if j < target.penalised:
        total = target.columns.change(j, amount, target.loss, state.scores, target.labels) / target.labels.size
        old = state.position[j]
        return total + target.penalty.penalty_value(old + amount) - target.penalty.penalty_value(old)  # type: ignore[no-any-return]
    for i in range(target.labels.size):
        score, label = state.scores[i], target.labels[i]
        total += target.loss.loss_value(score + amount, label) - target.loss.loss_value(score, label)
    return total / target.labels.size  # type: ignore[no-any-return]


@helper()
def proximal(target: Any, state: Any, j: int, slope: float, length: float) -> float:
    """Return where a step of a length takes coefficient j."""
    there = state.position[j] - length * slope
    return target.penalty.prox(there, length) if j < target.penalised else there  # type: ignore[no-any-return]


@helper()
def shift(target: Any, state: Any, j: int, amount: float) -> None:
    """Move coefficient j, and the scores."""
    state.position[j] += amount
    if j < target.penalised:
        target.columns.add(j, amount, state.scores)
    else:
        for i in range(target.labels.size):
            state.scores[i] += amount


@part
class Exact(NamedTuple):
    """Minimise over the coefficient: at once for least squares, by Newton's method with a line search for other losses.

    Parameters
    ----------
    fixed : int
        1 where the curvature never changes.
    """

    fixed: int

    def take(self, target: Any, state: Any, j: int, rate: float, rng: Any) -> float:
        """Move; return how far."""
        total = 0.0
        for _ in range(1 if self.fixed else INNER):
            curvature = state.curvatures[j] if self.fixed else curvature_at(target, state, j)
            slope = slope_at(target, state, j)
            amount = proximal(target, state, j, slope, 1.0 / curvature) - state.position[j]
            if not self.fixed:
                amount = self.shortened(target, state, j, slope, curvature, amount)
            if amount == 0.0:
                break
            shift(target, state, j, rate * amount)
            total += rate * amount
            if abs(amount) <= 1e-13 * abs(state.position[j]):
                break
        return abs(total)

    def shortened(self, target: Any, state: Any, j: int, slope: float, curvature: float, amount: float) -> float:
        """Halve a move until the objective falls enough; 0 where none does."""
        for _ in range(HALVINGS):
            if change_at(target, state, j, amount) <= -1e-4 * curvature * amount * amount:
                return amount
            amount *= 0.5
        return 0.0


@part
class Derivative(NamedTuple):
    """Step along the derivative.

    Parameters
    ----------
    relative : int
        1 where the rate is in units of 1 / (largest curvature of the coordinate).
    """

    relative: int

    def take(self, target: Any, state: Any, j: int, rate: float, rng: Any) -> float:
        """Move; return how far."""
        length = rate / state.curvatures[j] if self.relative else rate
        amount = proximal(target, state, j, slope_at(target, state, j), length) - state.position[j]
        if amount != 0.0:
            shift(target, state, j, amount)
        return abs(amount)  # type: ignore[no-any-return]


@part
class Sampled(NamedTuple):
    """Step along an unbiased estimate of the derivative: that of one entry of the column, times their share of the rows.

    Parameters
    ----------
    relative : int
        As of `Derivative`.
    """

    relative: int

    def take(self, target: Any, state: Any, j: int, rate: float, rng: Any) -> float:
        """Move; return how far."""
        length = rate / state.curvatures[j] if self.relative else rate
        n = target.labels.size
        slope = 0.0
        if j < target.penalised:
            entries = target.columns.entries(j)
            if entries > 0:
                k = below(rng, entries)
                slope = target.columns.entry_slope(j, k, target.loss, state.scores, target.labels) * entries / n
        else:
            i = below(rng, n)
            slope = target.loss.loss_slope(state.scores[i], target.labels[i])
        amount = proximal(target, state, j, slope, length) - state.position[j]
        if amount != 0.0:
            shift(target, state, j, amount)
        return abs(amount)  # type: ignore[no-any-return]


@part(needs=("columns", "penalty"), yields="optimum", rate_field="learning_rate", single=True, statistics=("move",))
class Steps(NamedTuple):
    """What `CoordinateDescent` becomes on a linear model.

    Parameters
    ----------
    learning_rate : float or schedule
    how : part
        `Exact`, `Derivative` or `Sampled`.
    tolerance : float
        The run ends after a few passes whose largest move, times the root of the curvature, is at most this.
    """

    learning_rate: Any
    how: Any
    tolerance: float

    def pick(self, target: Any) -> Scan:
        """Visit the coefficients in order."""
        return Scan(int(target.dim))

    def points(self, target: Any) -> int:
        """Return the number of coefficients."""
        return int(target.dim)

    def init(self, target: Any, position: Floats | None, streams: Any) -> StepsState:
        """Return the state at a starting point."""
        start = np.asarray(starting_point("CoordinateDescent", target, position, streams), dtype=np.float64)
        n, steepest = target.labels.size, float(target.loss.steepest)
        matrix = target.columns.matrix()
        squares = np.asarray((matrix.multiply(matrix) if hasattr(matrix, "multiply") else matrix**2).sum(axis=0)).reshape(-1)
        squares = np.append(squares, float(n)) if target.intercept else squares
        with np.errstate(invalid="ignore"):
            curvatures = np.where(squares > 0, np.maximum(steepest * squares / n, TINY), TINY)
        return StepsState(start, target.scores(start), curvatures, np.zeros(4), np.zeros(1))

    def finished(self, state: StepsState) -> str:
        """Return why no further step is needed, or an empty string."""
        return f"converged: the largest move of a pass was {state.watch[2]:.2g}" if state.watch[3] >= QUIET else ""

    def score(self, target: Any, state: StepsState, point: int) -> float:
        """Return how much an exact step would promise: the greedy pick is the largest."""
        curvature = min(state.curvatures[point], 1e100)
        amount = proximal(target, state, point, slope_at(target, state, point), 1.0 / curvature) - state.position[point]
        return abs(amount) * math.sqrt(curvature)  # type: ignore[no-any-return]

    def update(self, target: Any, state: StepsState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Move one coefficient."""
        move = self.how.take(target, state, point, rate, rng)
        state.stats[0] = move
        state.watch[0] = max(state.watch[0], move * math.sqrt(min(state.curvatures[point], 1.0)))
        state.watch[1] += 1.0
        if state.watch[1] >= state.position.size:
            state.watch[2] = state.watch[0]
            state.watch[3] = state.watch[3] + 1.0 if state.watch[0] <= self.tolerance else 0.0
            state.watch[0] = 0.0
            state.watch[1] = 0.0
