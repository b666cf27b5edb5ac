r"""Projected gradients: rules on constrained problems.

Any rule of descent becomes one by a projection after its step (`Projected`). `ProjectedGradient` takes whole gradients,

.. math:: w^+ = P(w - t\, g), \qquad f(w^+) \le f(w) + g'(w^+ - w) + \frac{1}{2t} |w^+ - w|^2,

with t halved until the condition holds, from :math:`s's / s'y` of the last step and its change of the gradient.

References
----------
Bertsekas, D. P. (1999). Nonlinear Programming, 2nd edition, section 2.3.
Beck, A. and Teboulle, M. (2009). A fast iterative shrinkage-thresholding algorithm. SIAM J. Imaging Sci. 2: the condition.
Barzilai, J. and Borwein, J. M. (1988). Two-point step size gradient methods. IMA J. Numer. Anal. 8, equation (5).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.rates import checked_rate, prepared
from stochinf.optim.starting import starting_point

__all__ = ["Projected", "ProjectedGradient", "obeying"]

Floats = npt.NDArray[np.float64]

HALVINGS = 60
SMALL = 1e-10


class ProjectedState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, trial, ahead : ndarray of shape (dim,)
        `ahead` is the gradient at the trial position.
    stats : ndarray of shape (4,)
        Objective, norm of the last step over its length t, t, the first such norm.
    """

    position: Floats
    gradient: Floats
    trial: Floats
    ahead: Floats
    stats: Floats


@part(
    needs=("whole", "project"),
    yields="optimum",
    rate_field="learning_rate",
    statistics=("objective", "mapped_norm", "step_length", "first_norm"),
)
class ProjectedGradient(NamedTuple):
    """Projected gradient descent with a line search, on a `stochinf.models.Constrained` problem.

    Parameters
    ----------
    learning_rate : float or schedule
        What the first step is multiplied by, and every first trial of a line search.

    Raises
    ------
    StochinfError
        If the rate is not positive, or the target has no constraints.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> si.minimize(si.models.Constrained(model, radius=0.5), si.optim.ProjectedGradient()).success
    True
    """

    learning_rate: Any = 1.0

    def checked(self) -> ProjectedGradient:
        """Check the rate."""
        return self._replace(learning_rate=checked_rate("ProjectedGradient", "learning_rate", self.learning_rate))

    def pick(self, target: Any) -> Scan:
        """Return the picker of one point, since a step sees every row."""
        return Scan(1)

    def points(self, target: Any) -> int:
        """There is one point: all rows."""
        return 1

    def init(self, target: Any, position: Floats | None, streams: Any) -> ProjectedState:
        """Return the state at a starting point."""
        start = np.asarray(starting_point("ProjectedGradient", target, position, streams), dtype=np.float64)
        target.project(start)
        gradient, trial, ahead = np.zeros((3, start.size))
        return ProjectedState(start, gradient, trial, ahead, np.array([target.objective(start), math.inf, 0.0, -1.0]))

    def objective(self, state: ProjectedState) -> float:
        """Return the objective where the state stands."""
        return float(state.stats[0])

    def finished(self, state: ProjectedState) -> str:
        """Return why no further step can help, or an empty string."""
        if state.stats[1] <= SMALL * max(state.stats[3], 1.0):
            return f"converged: the projected gradient's norm fell from {state.stats[3]:.2g} to {state.stats[1]:.2g}"
        return "no step lowers the objective" if state.stats[2] == 0.0 else ""

    def update(self, target: Any, state: ProjectedState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        if state.stats[3] < 0.0:
            state.stats[0] = target.whole(state.position, state.gradient)
            state.stats[2] = rate
        here, length = state.stats[0], max(state.stats[2], 1e-12)
        slack = 4e-16 * abs(here)
        for _ in range(HALVINGS):
            slope, square = self.step(target, state, length)
            there = target.whole(state.trial, state.ahead)
            if there <= here + slope + 0.5 * square / length + slack:
                self.accept(state, there, length, rate)
                return
            length *= 0.5
        state.stats[2] = 0.0

    def step(self, target: Any, state: ProjectedState, length: float) -> tuple[float, float]:
        """Write the trial position; return its slope and the square of its distance."""
        slope, square = 0.0, 0.0
        for j in range(state.position.size):
            state.trial[j] = state.position[j] - length * state.gradient[j]
        target.project(state.trial)
        for j in range(state.position.size):
            move = state.trial[j] - state.position[j]
            slope += move * state.gradient[j]
            square += move * move
        return slope, square

    def accept(self, state: ProjectedState, there: float, length: float, rate: float) -> None:
        """Move to the trial position, and choose the first length of the next line search."""
        square, bend = 0.0, 0.0
        for j in range(state.position.size):
            move = state.trial[j] - state.position[j]
            square += move * move
            bend += move * (state.ahead[j] - state.gradient[j])
            state.position[j], state.gradient[j] = state.trial[j], state.ahead[j]
        state.stats[0] = there
        state.stats[1] = math.sqrt(square) / length
        if state.stats[3] < 0.0:
            state.stats[3] = state.stats[1]
        state.stats[2] = rate * square / bend if bend > 0.0 else 2.0 * length


@part(yields="optimum", rate_field="learning_rate")
class Projected(NamedTuple):
    """A kernel of descent whose position is projected after every step.

    Parameters
    ----------
    learning_rate : float or schedule
    kernel : part
    """

    learning_rate: Any
    kernel: Any

    def pick(self, target: Any) -> Any:
        """Return the kernel's picker."""
        return self.kernel.pick(target)

    def init(self, target: Any, position: Any, streams: Any) -> Any:
        """Return the kernel's state, its position projected."""
        state = self.kernel.init(target, position, streams)
        target.project(state.position)
        return state

    def update(self, target: Any, state: Any, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step, and project."""
        self.kernel.update(target, state, point, rate, rng)
        target.project(state.position)


def obeying(rule: Any, target: Any) -> Any:
    """Return a rule that obeys the constraints of a target.

    Raises
    ------
    StochinfError
        If the rule is not one that a projection serves.
    """
    from stochinf.optim.descent import Descent
    from stochinf.optim.step_lengths import LineSearch, Polyak

    kernel = prepared(rule, target)
    if isinstance(kernel, ProjectedGradient):
        return kernel
    if isinstance(kernel, (Descent, Polyak, LineSearch)):
        rate = kernel.learning_rate
        return Projected(rate, kernel._replace(learning_rate=math.nan))
    raise StochinfError(
        f"{type(rule).__name__} on a constrained problem: take stochinf.optim.ProjectedGradient(), or a rule of descent such as"
        " stochinf.optim.SGD() or Adam()"
    )
