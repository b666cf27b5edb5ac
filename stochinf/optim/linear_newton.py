r"""Newton's method for linear models: every row once for gradient and Hessian, scores kept, a line search on the scores alone.

.. math:: H = \frac1n X' C X + \lambda_2 I, \quad d = -H^{-1} \nabla f(w), \quad w \leftarrow w + \eta t d,

with C the curvatures of the losses. The scores z = X w and X d are kept, so that the objective along d costs one evaluation of
the loss per row, whatever the number of features. t is 1 halved until f falls by 1e-4 of what its slope promises (Armijo). Rows
in compressed form add to H in the square of their number of features.

References
----------
Nocedal, J. and Wright, S. J. (2006). Numerical Optimization, 2nd edition, sections 3.1 and 3.4.
McCullagh, P. and Nelder, J. A. (1989). Generalized Linear Models, 2nd edition, section 2.5.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.models.design import matrix
from stochinf.optim.cholesky import solve_regularised
from stochinf.optim.starting import starting_point

__all__ = ["LinearNewton", "NewtonState"]

Floats = npt.NDArray[np.float64]

ARMIJO = 1e-4
HALVINGS = 40
ROUNDING = 1e-13
"""A promised decrease below this share of f is lost in rounding: the step is the last."""


class NewtonState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, direction : ndarray of shape (dim,)
    scores, along : ndarray of shape (n,)
        X w and X d.
    hessian, factor : ndarray of shape (dim, dim)
        Lower triangles.
    stats : ndarray of shape (4,)
        Objective, half the squared Newton decrement before the last step, its length t, what was added to the diagonal.
    """

    position: Floats
    gradient: Floats
    direction: Floats
    scores: Floats
    along: Floats
    hessian: Floats
    factor: Floats
    stats: Floats


@part(
    needs=("curvature",),
    yields="optimum",
    rate_field="learning_rate",
    statistics=("objective", "promised", "step_length", "added"),
)
class LinearNewton(NamedTuple):
    """What `Newton` becomes on a linear model; a step is one pass over all rows."""

    learning_rate: Any = 1.0

    def pick(self, target: Any) -> Scan:
        """Return the picker of one point, since a step sees every row."""
        return Scan(1)

    def points(self, target: Any) -> int:
        """There is one point: all rows."""
        return 1

    def init(self, target: Any, position: Floats | None, streams: Any) -> NewtonState:
        """Return the state at a starting point."""
        start = np.asarray(starting_point("Newton", target, position, streams), dtype=np.float64)
        scores = np.array(matrix(target.design) @ start, dtype=np.float64)
        square = np.zeros((start.size, start.size))
        stats = np.array([target.objective(start), math.inf, 0.0, 0.0])
        return NewtonState(
            start, np.zeros(start.size), np.zeros(start.size), scores, np.zeros(scores.size), square, square.copy(), stats
        )

    def objective(self, state: NewtonState) -> float:
        """Return the objective where the state stands."""
        return float(state.stats[0])

    def finished(self, state: NewtonState) -> str:
        """Return why no further step can help, or an empty string."""
        if state.stats[1] <= ROUNDING * max(abs(state.stats[0]), 1e-3):
            return f"converged: the last step promised {state.stats[1]:.2g}"
        return "no step along the direction lowers the objective" if state.stats[2] == 0.0 else ""

    def update(self, target: Any, state: NewtonState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        self.differentiate(target, state)
        state.stats[3] = solve_regularised(state.hessian, state.factor, state.gradient, state.direction)
        promised = 0.0
        for j in range(state.position.size):
            state.direction[j] = -state.direction[j]
            promised -= state.direction[j] * state.gradient[j]
        for row in range(state.scores.size):
            state.along[row] = target.score(row, state.direction)
        state.stats[1] = 0.5 * promised
        state.stats[2] = self.search(target, state, rate, promised)
        for j in range(state.position.size):
            state.position[j] += state.stats[2] * state.direction[j]
        for row in range(state.scores.size):
            state.scores[row] += state.stats[2] * state.along[row]

    def differentiate(self, target: Any, state: NewtonState) -> None:
        """Write gradient and Hessian."""
        n, dim = state.scores.size, state.position.size
        for i in range(dim):
            penalty = target.l2 if i < target.penalised else 0.0
            state.gradient[i] = penalty * state.position[i]
            for j in range(i):
                state.hessian[i, j] = 0.0
            state.hessian[i, i] = penalty
        for row in range(n):
            target.add_row(row, target.slope(row, state.scores[row]) / n, state.gradient)
            bend = target.curvature(row, state.scores[row])
            if bend != 0.0:
                target.design.outer(row, bend / n, state.hessian)

    def search(self, target: Any, state: NewtonState, rate: float, promised: float) -> float:
        """Return the length of the step and note the objective there; 0 where no length lowers it."""
        length = rate
        slack = 4e-16 * abs(state.stats[0])
        for _ in range(HALVINGS):
            there = self.ray(target, state, length)
            if there <= state.stats[0] - ARMIJO * length * promised + slack:
                state.stats[0] = there
                return length
            length *= 0.5
        return 0.0

    def ray(self, target: Any, state: NewtonState, length: float) -> float:
        """Return the objective at a length along the direction."""
        total = 0.0
        for row in range(state.scores.size):
            total += target.row_loss(row, state.scores[row] + length * state.along[row])
        squares = 0.0
        for j in range(target.penalised):
            w = state.position[j] + length * state.direction[j]
            squares += w * w
        return float(total / state.scores.size + 0.5 * target.l2 * squares)
