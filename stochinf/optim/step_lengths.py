r"""Steps along the gradient whose length comes from the values: Polyak's step, and a line search on the point at hand.

With the value f and the gradient g of the objective at a point, a row or a batch, :math:`w \leftarrow w - \eta g` and

.. math:: \text{Polyak: } \eta = \eta_0 \frac{f(w) - f^*}{|g|^2}, \qquad
    \text{line search: } f(w - \eta g) \le f(w) - c\, \eta |g|^2 .

For one row :math:`f^*` is the least that its loss and the penalty can be, 0 for losses that can be fitted exactly; for the whole
objective its minimum, or an estimate: the best value seen less a margin that is halved where ten steps in a row did not better
it. The line search halves from twice the last length.

References
----------
Polyak, B. T. (1987). Introduction to Optimization, section 5.3.2.
Loizou, N. et al. (2021). Stochastic Polyak step-size for SGD. AISTATS, equation (4): single rows, and a largest length.
Bertsekas, D. P. (1999). Nonlinear Programming, 2nd edition, section 6.3.1: the estimate.
Vaswani, S. et al. (2019). Painless stochastic gradient: interpolation, line-search, and convergence rates. NeurIPS, equation (1).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan, Shuffled
from stochinf.engine.rates import checked_rate
from stochinf.engine.target import check_needs
from stochinf.optim.directions import product
from stochinf.optim.newton import refuse_l1
from stochinf.optim.starting import starting_point

__all__ = ["LineSearch", "Polyak", "StepState", "WholePolyak"]

Floats = npt.NDArray[np.float64]

PATIENCE = 10
HALVINGS = 50


class StepState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, trial : ndarray of shape (dim,)
    memory : ndarray of shape (3,)
        Of the line search the last length; of the estimate the best value, the margin, and the steps since it was bettered.
    stats : ndarray of shape (1,)
        The length of the last step.
    """

    position: Floats
    gradient: Floats
    trial: Floats
    memory: Floats
    stats: Floats


def _state(asker: str, target: Any, position: Floats | None, streams: Any) -> StepState:
    start = np.asarray(starting_point(asker, target, position, streams), dtype=np.float64)
    return StepState(start, np.zeros(start.size), np.zeros(start.size), np.zeros(3), np.zeros(1))


@part(needs=("value", "gradient"), rate_field="learning_rate", statistics=("step_length",), yields="optimum")
class Polyak(NamedTuple):
    """Polyak's step.

    Parameters
    ----------
    learning_rate : float or schedule
        What the step is multiplied by.
    best : float
        The least value f*; NaN estimates it from whole passes, one a step.
    largest : float
        The longest step; infinite where there is no bound.

    Raises
    ------
    StochinfError
        If a number is out of its range, or the target has an l1 penalty.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LinearRegression([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0])
    >>> si.minimize(model, si.optim.Polyak(), stop=si.stop.epochs(200), rng=0).x.round(6)
    array([1., 2.])
    """

    learning_rate: Any = 1.0
    best: float = 0.0
    largest: float = math.inf

    def checked(self) -> Polyak:
        """Check the numbers."""
        if not self.largest > 0 or math.isinf(self.best):
            raise StochinfError(f"Polyak: best = {self.best}, largest = {self.largest}; a finite value and a positive length")
        return self._replace(learning_rate=checked_rate("Polyak", "learning_rate", self.learning_rate))

    def prepare(self, target: Any) -> Polyak | WholePolyak:
        """Return the kernel for the target."""
        refuse_l1("Polyak", target)
        if not math.isnan(self.best):
            return self
        kernel = WholePolyak(self.learning_rate, self.largest)
        check_needs(kernel, target)
        return kernel

    def pick(self, target: Any) -> Shuffled:
        """Visit every point once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> StepState:
        """Return the state at a starting point."""
        return _state("Polyak", target, position, streams)

    def update(self, target: Any, state: StepState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        above = target.value(state.position, point) - self.best
        target.gradient(state.position, point, state.gradient)
        square = product(state.gradient, state.gradient)
        length = min(rate * above / square, self.largest) if square > 0.0 and above > 0.0 else 0.0
        for j in range(state.position.size):
            state.position[j] -= length * state.gradient[j]
        state.stats[0] = length


@part(needs=("whole",), rate_field="learning_rate", statistics=("step_length",), yields="optimum")
class WholePolyak(NamedTuple):
    """What `Polyak` becomes where the least value is estimated; a step is one pass over all rows."""

    learning_rate: Any = 1.0
    largest: float = math.inf

    def pick(self, target: Any) -> Scan:
        """Return the picker of one point, since a step sees every row."""
        return Scan(1)

    def points(self, target: Any) -> int:
        """There is one point: all rows."""
        return 1

    def init(self, target: Any, position: Floats | None, streams: Any) -> StepState:
        """Return the state at a starting point; the first margin is half of the value there."""
        state = _state("Polyak", target, position, streams)
        value = float(target.objective(state.position))
        state.memory[:] = value, max(0.5 * abs(value), 1e-12), 0.0
        return state

    def update(self, target: Any, state: StepState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        value = target.whole(state.position, state.gradient)
        if value < state.memory[0] - 0.1 * state.memory[1]:
            state.memory[2] = 0.0
        else:
            state.memory[2] += 1.0
        state.memory[0] = min(state.memory[0], value)
        if state.memory[2] >= PATIENCE:
            state.memory[1] *= 0.5
            state.memory[2] = 0.0
        square = product(state.gradient, state.gradient)
        above = value - (state.memory[0] - state.memory[1])
        length = min(rate * above / square, self.largest) if square > 0.0 else 0.0
        for j in range(state.position.size):
            state.position[j] -= length * state.gradient[j]
        state.stats[0] = length


@part(needs=("value", "gradient"), rate_field="learning_rate", statistics=("step_length",), yields="optimum")
class LineSearch(NamedTuple):
    """Gradient descent with a line search on the point at hand; with `Minibatches(n)` on the whole objective.

    Parameters
    ----------
    learning_rate : float or schedule
        The longest step.
    decrease : float
        The share c of the decrease that the slope promises; between 0 and 1.

    Raises
    ------
    StochinfError
        If a number is out of its range, or the target has an l1 penalty.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LinearRegression([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0])
    >>> si.minimize(model, si.optim.LineSearch(10.0), picker=si.pickers.Minibatches(3), stop=si.stop.steps(200), rng=0).x.round(4)
    array([1., 2.])
    """

    learning_rate: Any = 1.0
    decrease: float = 0.5

    def checked(self) -> LineSearch:
        """Check the numbers."""
        if not 0 < self.decrease < 1:
            raise StochinfError(f"LineSearch: decrease = {self.decrease}; a number between 0 and 1 is needed")
        return self._replace(learning_rate=checked_rate("LineSearch", "learning_rate", self.learning_rate))

    def prepare(self, target: Any) -> LineSearch:
        """Refuse what has no gradient."""
        refuse_l1("LineSearch", target)
        return self

    def pick(self, target: Any) -> Shuffled:
        """Visit every point once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> StepState:
        """Return the state at a starting point."""
        return _state("LineSearch", target, position, streams)

    def update(self, target: Any, state: StepState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        here = target.value(state.position, point)
        target.gradient(state.position, point, state.gradient)
        square = product(state.gradient, state.gradient)
        length = rate if state.memory[0] == 0.0 else min(rate, 2.0 * state.memory[0])
        for _ in range(HALVINGS):
            for j in range(state.position.size):
                state.trial[j] = state.position[j] - length * state.gradient[j]
            if target.value(state.trial, point) <= here - self.decrease * length * square:
                break
            length *= 0.5
        for j in range(state.position.size):
            state.position[j] = state.trial[j]
        state.memory[0] = length
        state.stats[0] = length
