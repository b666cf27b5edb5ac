r"""Stochastic gradient descent with an average of its iterates, for linear models at the price of the features that a row has.

With iterates :math:`w_t = c_t v_t`, a scale times a vector, the position is

.. math:: \bar w = \frac{1}{W} \sum_t a_t w_t, \quad a_t = (t / n)^3, \quad W = \sum_t a_t,

an average in which the later half counts for fifteen sixteenths. With :math:`S_t = \sum_{u \le t} a_u c_u` it is
:math:`(S_t v_t - b_t) / W`, where b changes only where v does: :math:`b \leftarrow b + S_{t-1} (v_t - v_{t-1})`. When the scale
has become small it is multiplied into v, and S v into b, so that no digits are lost.

References
----------
Polyak, B. T. and Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging. SIAM J. Control Optim. 30.
Shamir, O. and Zhang, T. (2013). Stochastic gradient descent for non-smooth optimization. ICML, equation (2): weights that grow
as a power.
Xu, W. (2011). Towards optimal one pass large scale learning with averaged stochastic gradient descent, section 5.1: sparse rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled
from stochinf.optim.starting import starting_point

__all__ = ["AveragedSGD", "AveragedState"]

Floats = npt.NDArray[np.float64]

SMALLEST_SCALE = 1e-4
EMPTY = np.empty(0)


class AveragedState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
        The average, as it stood at the end of the last stretch of the tape.
    vector, shadow : ndarray of shape (dim,)
        v and b.
    numbers : ndarray of shape (4,)
        The scale c, the sums S and W, the iterates t.
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    vector: Floats
    shadow: Floats
    numbers: Floats
    stats: Floats


@part(
    needs=("score", "slope", "design"), rate_field="learning_rate", statistics=("learning_rate",), yields="optimum", single=True
)
class AveragedSGD(NamedTuple):
    """What `SGD` becomes on a linear model where everything is left to the library; made by `stochinf.optim.pilot`.

    Parameters
    ----------
    learning_rate : schedule
    vector, shadow, numbers : ndarray
        As of `AveragedState`, where a pilot run left them; empty for a fresh start.
    visits : int
        Rows that the pilot runs visited.
    """

    learning_rate: Any
    vector: Floats = EMPTY
    shadow: Floats = EMPTY
    numbers: Floats = EMPTY
    visits: int = 0

    def pick(self, target: Any) -> Shuffled:
        """Visit every row once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> AveragedState:
        """Return the state at a starting point, from which a pilot run may have gone ahead."""
        start = np.asarray(starting_point("SGD", target, position, streams), dtype=np.float64)
        if self.vector.size:
            return AveragedState(start, self.vector.copy(), self.shadow.copy(), self.numbers.copy(), np.zeros(1))
        return AveragedState(start, start.copy(), np.zeros(start.size), np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(1))

    def update(self, target: Any, state: AveragedState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        scale, total = self.moved(target, state, point, rate, state.numbers[0], state.numbers[1], state.numbers[3])
        state.numbers[0], state.numbers[1] = scale, total
        state.numbers[2] += self.weight(target, state.numbers[3])
        state.numbers[3] += 1.0
        self.finish(state, rate)

    def sweep(
        self, target: Any, state: AveragedState, points: Any, rates: Floats, start: int, stop: int, rng: npt.NDArray[np.uint64]
    ) -> None:
        """Do a stretch of the tape with the sums in registers."""
        scale, total, weights, place = state.numbers[0], state.numbers[1], state.numbers[2], state.numbers[3]
        for step in range(start, stop):
            scale, total = self.moved(target, state, points[step], rates[step], scale, total, place)
            weights += self.weight(target, place)
            place += 1.0
        state.numbers[0], state.numbers[1], state.numbers[2], state.numbers[3] = scale, total, weights, place
        if stop > start:
            self.finish(state, rates[stop - 1])

    def weight(self, target: Any, place: float) -> float:
        """Return what the next iterate counts in the average."""
        share = (place + 1.0) / target.labels.size
        return float(share * share * share)

    def moved(
        self, target: Any, state: AveragedState, row: int, rate: float, scale: float, total: float, place: float
    ) -> tuple[float, float]:
        """Move the vector; return the new scale and the new sum S."""
        last = state.vector.size - 1
        slope = target.slope(row, scale * target.score(row, state.vector))
        free = scale * state.vector[last]
        scale *= 1.0 - rate * target.l2
        if abs(scale) < SMALLEST_SCALE:
            for j in range(state.vector.size):
                state.shadow[j] -= total * state.vector[j]
                state.vector[j] *= scale
            total, scale = 0.0, 1.0
        if target.penalised <= last:
            change = free / scale - state.vector[last]
            state.vector[last] += change
            state.shadow[last] += total * change
        amount = -rate * slope / scale
        design, shaded = target.design, amount * total
        for k in range(design.first(row), design.end(row)):
            j, x = design.column(k), design.entry(row, k)
            state.vector[j] += amount * x
            state.shadow[j] += shaded * x
        return scale, total + self.weight(target, place) * scale

    def finish(self, state: AveragedState, rate: float) -> None:
        """Write the average and the rate."""
        total, weights = state.numbers[1], state.numbers[2]
        for j in range(state.position.size):
            state.position[j] = (total * state.vector[j] - state.shadow[j]) / weights
        state.stats[0] = rate

    def spent(self) -> int:
        """Return the rows that were visited before the first step."""
        return self.visits
