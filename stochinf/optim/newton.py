r"""Newton's method.

.. math:: w \leftarrow w - \eta t \, (H + a I)^{-1} \nabla f(w),

with the smallest a of 0, s, 10 s, 100 s, ... (s a 1e-10th of the mean of the diagonal) that makes the matrix positive definite,
and t the first of 1, 1/2, 1/4, ... that lowers f enough. Linear models have a kernel of their own
(`stochinf.optim.linear_newton`); elsewhere the Hessian is taken from central differences of the gradient, 2 dim gradients a step.

References
----------
Nocedal, J. and Wright, S. J. (2006). Numerical Optimization, 2nd edition, section 3.4, algorithm 3.3; section 8.1 for
differences.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.rates import checked_rate
from stochinf.optim.cholesky import solve_regularised
from stochinf.optim.linear_newton import LinearNewton
from stochinf.optim.starting import starting_point

__all__ = ["DifferenceNewton", "Newton", "refuse_l1"]

Floats = npt.NDArray[np.float64]

ARMIJO = 1e-4
HALVINGS = 60
STEP = 6e-6
"""Of a central difference, relative to the coordinate: the cube root of the rounding error."""
ROUNDING = 1e-13


@part(yields="optimum", rate_field="learning_rate")
class Newton(NamedTuple):
    """Newton's method with a line search; the Hessian gets a multiple of the identity where it is not positive definite.

    Parameters
    ----------
    learning_rate : float or schedule
        The first length that the line search tries.

    Raises
    ------
    StochinfError
        If the rate is not positive, or the target has an l1 penalty or no gradient.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> result = si.minimize(model, si.optim.Newton())
    >>> result.success, result.nit < 10, result.gap < 1e-12
    (True, True, True)
    """

    learning_rate: Any = 1.0

    def checked(self) -> Newton:
        """Check the rate."""
        return self._replace(learning_rate=checked_rate("Newton", "learning_rate", self.learning_rate))

    def prepare(self, target: Any) -> LinearNewton | DifferenceNewton:
        """Return the kernel for the target."""
        refuse_l1("Newton", target)
        if hasattr(target, "curvature") and getattr(target, "linear", False):
            return LinearNewton(self.learning_rate)
        return DifferenceNewton(self.learning_rate)


def refuse_l1(asker: str, target: Any) -> None:
    """Refuse a target with an l1 penalty, which has no gradient at 0.

    Raises
    ------
    StochinfError
        If there is one.
    """
    if getattr(target, "l1", 0.0) > 0:
        raise StochinfError(
            f"{asker}: l1 = {target.l1:g}, a penalty without a gradient; take a rule made for it, such as"
            " stochinf.optim.CoordinateDescent() or SAGA()"
        )


class DifferenceState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, direction, trial, above, below : ndarray of shape (dim,)
    hessian, factor : ndarray of shape (dim, dim)
    stats : ndarray of shape (4,)
        As of `NewtonState`.
    """

    position: Floats
    gradient: Floats
    direction: Floats
    trial: Floats
    above: Floats
    below: Floats
    hessian: Floats
    factor: Floats
    stats: Floats


@part(
    needs=("whole",),
    yields="optimum",
    rate_field="learning_rate",
    statistics=("objective", "promised", "step_length", "added"),
)
class DifferenceNewton(NamedTuple):
    """What `Newton` becomes where only f and its gradient are known."""

    learning_rate: Any = 1.0

    def pick(self, target: Any) -> Scan:
        """Return the picker of one point, since a step sees every row."""
        return Scan(1)

    def points(self, target: Any) -> int:
        """There is one point: all rows."""
        return 1

    def init(self, target: Any, position: Floats | None, streams: Any) -> DifferenceState:
        """Return the state at a starting point."""
        start = np.asarray(starting_point("Newton", target, position, streams), dtype=np.float64)
        square = np.zeros((start.size, start.size))
        gradient, direction, trial, above, below = np.zeros((5, start.size))
        stats = np.array([target.objective(start), math.inf, 0.0, 0.0])
        return DifferenceState(start, gradient, direction, trial, above, below, square, square.copy(), stats)

    def objective(self, state: DifferenceState) -> float:
        """Return the objective where the state stands."""
        return float(state.stats[0])

    def finished(self, state: DifferenceState) -> str:
        """Return why no further step can help, or an empty string."""
        if state.stats[1] <= ROUNDING * max(abs(state.stats[0]), 1e-3):
            return f"converged: the last step promised {state.stats[1]:.2g}"
        return "no step along the direction lowers the objective" if state.stats[2] == 0.0 else ""

    def update(self, target: Any, state: DifferenceState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        here = target.whole(state.position, state.gradient)
        self.differentiate(target, state)
        state.stats[3] = solve_regularised(state.hessian, state.factor, state.gradient, state.direction)
        promised = 0.0
        for j in range(state.position.size):
            promised += state.direction[j] * state.gradient[j]
        state.stats[1] = 0.5 * promised
        length, there = rate, here
        state.stats[2] = 0.0
        for _ in range(HALVINGS):
            for j in range(state.position.size):
                state.trial[j] = state.position[j] - length * state.direction[j]
            there = target.whole(state.trial, state.above)
            if there <= here - ARMIJO * length * promised + 4e-16 * abs(here):
                state.stats[2] = length
                break
            length *= 0.5
        if state.stats[2] > 0.0:
            state.stats[0] = there
            for j in range(state.position.size):
                state.position[j] = state.trial[j]

    def differentiate(self, target: Any, state: DifferenceState) -> None:
        """Write the Hessian by central differences of the gradient."""
        dim = state.position.size
        for j in range(dim):
            state.trial[j] = state.position[j]
        for j in range(dim):
            step = STEP * max(1.0, abs(state.position[j]))
            state.trial[j] = state.position[j] + step
            target.whole(state.trial, state.above)
            state.trial[j] = state.position[j] - step
            target.whole(state.trial, state.below)
            state.trial[j] = state.position[j]
            for i in range(dim):
                state.hessian[i, j] = (state.above[i] - state.below[i]) / (2.0 * step)
        for i in range(dim):
            for j in range(i):
                state.hessian[i, j] = 0.5 * (state.hessian[i, j] + state.hessian[j, i])
