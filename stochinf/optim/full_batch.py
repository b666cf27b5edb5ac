r"""L-BFGS, BFGS and nonlinear conjugate gradients: whole gradients, directions that are learnt, and a line search.

A step :math:`w \leftarrow w + t d` ends where both conditions of Wolfe hold,

.. math:: f(w + t d) \le f(w) + 10^{-4} t\, g'd, \qquad g(w + t d)'d \ge c\, g'd,

with c = 0.9 for quasi-Newton directions and 0.1 for conjugate gradients; t is found by narrowing an interval with parabolas.
Conjugate gradients first try the length at which f would fall as much as in the step before.

References
----------
Nocedal, J. and Wright, S. J. (2006). Numerical Optimization, 2nd edition, equations (3.6), chapters 5 to 7.
Lewis, A. S. and Overton, M. L. (2013). Nonsmooth optimization via quasi-Newton methods. Math. Program. 141, algorithm 2.6: the
interval.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.rates import checked_rate
from stochinf.engine.target import check_needs
from stochinf.optim.directions import Conjugate, LimitedMemory, Matrix, product
from stochinf.optim.newton import refuse_l1
from stochinf.optim.starting import starting_point

__all__ = ["BFGS", "LBFGS", "ConjugateGradient", "FullBatch", "FullState"]

Floats = npt.NDArray[np.float64]

ARMIJO = 1e-4
TRIALS = 50
STANDING = 3
SMALL = 1e-10
"""A gradient shorter than this share of the first one is as good as zero."""


class FullState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, direction, trial, ahead : ndarray of shape (dim,)
        `ahead` is the gradient at the trial position.
    kept : NamedTuple of arrays
        What the direction remembers.
    stats : ndarray of shape (5,)
        Objective, norm of the gradient, length of the last step, norm of the first gradient, last decrease.
    evaluations : ndarray of shape (2,)
        Evaluations of f and its gradient; steps in a row that gained nothing but rounding.
    """

    position: Floats
    gradient: Floats
    direction: Floats
    trial: Floats
    ahead: Floats
    kept: Any
    stats: Floats
    evaluations: npt.NDArray[np.int64]


@part(
    needs=("whole",),
    yields="optimum",
    rate_field="learning_rate",
    statistics=("objective", "gradient_norm", "step_length", "first_norm", "decrease"),
)
class FullBatch(NamedTuple):
    """What `LBFGS`, `BFGS` and `ConjugateGradient` become on a target.

    Parameters
    ----------
    learning_rate : float or schedule
        The first length that a line search tries.
    directions : part
        Of `stochinf.optim.directions`.
    """

    learning_rate: Any
    directions: Any

    def pick(self, target: Any) -> Scan:
        """Return the picker of one point, since a step sees every row."""
        return Scan(1)

    def points(self, target: Any) -> int:
        """There is one point: all rows."""
        return 1

    def init(self, target: Any, position: Floats | None, streams: Any) -> FullState:
        """Return the state at a starting point."""
        start = np.asarray(starting_point("LBFGS", target, position, streams), dtype=np.float64)
        gradient, direction, trial, ahead = np.zeros((4, start.size))
        stats = np.array([target.objective(start), math.inf, -1.0, 0.0, 0.0])
        kept = self.directions.init(start.size)
        return FullState(start, gradient, direction, trial, ahead, kept, stats, np.zeros(2, np.int64))

    def objective(self, state: FullState) -> float:
        """Return the objective where the state stands."""
        return float(state.stats[0])

    def finished(self, state: FullState) -> str:
        """Return why no further step can help, or an empty string."""
        if state.stats[1] <= SMALL * state.stats[3] or state.stats[1] == 0.0:
            return f"converged: the gradient's norm fell from {state.stats[3]:.2g} to {state.stats[1]:.2g}"
        if state.evaluations[1] >= STANDING:
            return f"converged: {STANDING} steps gained less than rounding; the gradient's norm is {state.stats[1]:.2g}"
        if state.stats[2] == 0.0:
            return f"no step along the direction lowers the objective; the gradient's norm is {state.stats[1]:.2g}"
        return ""

    def update(self, target: Any, state: FullState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        if state.evaluations[0] == 0:
            state.stats[0] = target.whole(state.position, state.gradient)
            state.stats[3] = math.sqrt(product(state.gradient, state.gradient))
            state.stats[1] = state.stats[3]
            state.evaluations[0] = 1
        self.directions.direct(state.kept, state.gradient, state.direction)
        slope = product(state.gradient, state.direction)
        if not slope < 0.0:
            self.directions.forget(state.kept)
            self.directions.direct(state.kept, state.gradient, state.direction)
            slope = product(state.gradient, state.direction)
        first = rate
        if state.kept.learnt[0] == 0:
            first = rate * min(1.0, 1.0 / max(state.stats[1], 1e-300))
        elif self.directions.scaled and state.stats[4] > 0.0:
            first = rate * 2.0 * state.stats[4] / -slope
        here = state.stats[0]
        length = self.search(target, state, slope, first)
        state.stats[4] = here - state.stats[0]
        standing = state.stats[4] <= 4e-16 * abs(here)
        state.evaluations[1] = state.evaluations[1] + 1 if standing else 0
        if length == 0.0 and state.kept.learnt[0] > 0:
            self.directions.forget(state.kept)
            state.stats[2] = -1.0
            return
        state.stats[2] = length
        if length > 0.0:
            self.directions.learn(state.kept, length, state.direction, state.gradient, state.ahead)
            for j in range(state.position.size):
                state.position[j] = state.trial[j]
                state.gradient[j] = state.ahead[j]
            state.stats[1] = math.sqrt(product(state.gradient, state.gradient))

    def search(self, target: Any, state: FullState, slope: float, first: float) -> float:
        """Return the length of a step, with the trial position and its gradient; 0 where none lowers the objective."""
        here, low, high, length = state.stats[0], 0.0, math.inf, first
        at_low, slope_low = here, slope
        slack = 4e-16 * abs(here)
        for _ in range(TRIALS):
            for j in range(state.position.size):
                state.trial[j] = state.position[j] + length * state.direction[j]
            there = target.whole(state.trial, state.ahead)
            state.evaluations[0] += 1
            slope_there = product(state.ahead, state.direction)
            if not there <= here + ARMIJO * length * slope + slack:
                high = length
                length = low + narrowed(high - low, there - at_low, slope_low)
            elif slope_there < self.directions.curvature * slope:
                ahead = (length - low) * slope_there / (slope_low - slope_there) if slope_low < slope_there else math.inf
                low, at_low, slope_low = length, there, slope_there
                room = high - low if high < math.inf else 10.0 * low
                length = low + min(max(ahead, 0.1 * room), 0.9 * room)
            else:
                state.stats[0] = there
                return length
        return 0.0


@helper()
def narrowed(width: float, rise: float, slope: float) -> float:
    """Return where the parabola of a slope at 0 and a rise at `width` is least, between a tenth and a half of the width."""
    bend = rise - slope * width
    least = -0.5 * slope * width * width / bend if bend < math.inf and bend > 0.0 else 0.0
    return min(max(least, 0.1 * width), 0.5 * width)


def _prepared(rule: Any, directions: Any, target: Any) -> FullBatch:
    """Return the kernel of a rule on a target."""
    refuse_l1(type(rule).__name__, target)
    kernel = FullBatch(rule.learning_rate, directions)
    check_needs(kernel, target)
    return kernel


def _checked(rule: Any) -> Any:
    """Check the rate and the memory of a rule."""
    name = type(rule).__name__
    if getattr(rule, "memory", 1) < 1:
        raise StochinfError(f"{name}: memory = {rule.memory}; at least one step is needed")
    return rule._replace(learning_rate=checked_rate(name, "learning_rate", rule.learning_rate))


@part(yields="optimum", rate_field="learning_rate")
class LBFGS(NamedTuple):
    """L-BFGS: the last steps stand for the Hessian.

    Parameters
    ----------
    learning_rate : float or schedule
        The first length that a line search tries.
    memory : int
        Steps that are remembered.

    Raises
    ------
    StochinfError
        If a number is out of its range, or the target has an l1 penalty or no whole gradient.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> si.minimize(model, si.optim.LBFGS()).gap < 1e-10
    True
    """

    learning_rate: Any = 1.0
    memory: int = 10

    def checked(self) -> LBFGS:
        """Check the numbers."""
        return _checked(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> FullBatch:
        """Return the kernel for the target."""
        return _prepared(self, LimitedMemory(self.memory), target)


@part(yields="optimum", rate_field="learning_rate")
class BFGS(NamedTuple):
    """BFGS: a dense matrix of shape (dim, dim) stands for the inverse of the Hessian.

    Parameters
    ----------
    learning_rate : float or schedule
        The first length that a line search tries.

    Raises
    ------
    StochinfError
        If the rate is not positive, or the target has an l1 penalty or no whole gradient.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> si.minimize(model, si.optim.BFGS()).gap < 1e-10
    True
    """

    learning_rate: Any = 1.0

    def checked(self) -> BFGS:
        """Check the rate."""
        return _checked(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> FullBatch:
        """Return the kernel for the target."""
        demand(8 * int(getattr(target, "dim", 1)) ** 2, "the matrix of BFGS; LBFGS needs none")
        return _prepared(self, Matrix(), target)


@part(yields="optimum", rate_field="learning_rate")
class ConjugateGradient(NamedTuple):
    """Nonlinear conjugate gradients, Polak and Ribiere's, with a beta of at least 0.

    Parameters
    ----------
    learning_rate : float or schedule
        The first length that a line search tries.

    Raises
    ------
    StochinfError
        If the rate is not positive, or the target has an l1 penalty or no whole gradient.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> si.minimize(model, si.optim.ConjugateGradient()).gap < 1e-10
    True
    """

    learning_rate: Any = 1.0

    def checked(self) -> ConjugateGradient:
        """Check the rate."""
        return _checked(self)  # type: ignore[no-any-return]

    def prepare(self, target: Any) -> FullBatch:
        """Return the kernel for the target."""
        return _prepared(self, Conjugate(), target)
