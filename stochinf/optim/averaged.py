r"""Stochastic gradient descent with an average of its iterates, for linear models at the price of the features that a row has.

With iterates :math:`w_t = c_t v_t`, a scale times a vector, the position is

.. math:: \bar w = \frac{1}{W} \sum_t a_t w_t, \quad a_t = (t / n)^3, \quad W = \sum_t a_t,

an average in which the later half counts for fifteen sixteenths. Neighbouring iterates say much the same, so that the sums take
only those whose number divides by `spacing`, about dim over the features of a row: an average then costs less than a step.

References
----------
Polyak, B. T. and Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging. SIAM J. Control Optim. 30.
Shamir, O. and Zhang, T. (2013). Stochastic gradient descent for non-smooth optimization. ICML, equation (2): weights that grow
as a power.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled
from stochinf.optim.starting import starting_point

__all__ = ["AveragedSGD", "AveragedState"]

Floats = npt.NDArray[np.float64]

SMALLEST_SCALE = 1e-9
LEAST_SPACING = 64
EMPTY = np.empty(0)


class AveragedState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
        The average, as it stood at the end of the last stretch of the tape; the iterate where there is none yet.
    vector, sums : ndarray of shape (dim,)
        v, and the weighted sum of iterates.
    numbers : ndarray of shape (3,)
        The scale c, the sum W, the iterates t.
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    vector: Floats
    sums: Floats
    numbers: Floats
    stats: Floats


@part(
    needs=("score", "slope", "add_row"), rate_field="learning_rate", statistics=("learning_rate",), yields="optimum", single=True
)
class AveragedSGD(NamedTuple):
    """What `SGD` becomes on a linear model where everything is left to the library; made by `stochinf.optim.pilot`.

    Parameters
    ----------
    learning_rate : schedule
    spacing : int
        Every so many iterates one is averaged; 0 chooses.
    vector, sums, numbers : ndarray
        As of `AveragedState`, where a pilot run left them; empty for a fresh start.
    """

    learning_rate: Any
    spacing: int = 0
    vector: Floats = EMPTY
    sums: Floats = EMPTY
    numbers: Floats = EMPTY

    def prepare(self, target: Any) -> AveragedSGD:
        """Choose the spacing."""
        if self.spacing > 0 or not hasattr(target, "design"):
            return self
        stored = target.design.values.size if target.sparse else target.design.rows.size
        return self._replace(spacing=max(LEAST_SPACING, math.ceil(target.dim * target.n_points / max(stored, 1))))

    def pick(self, target: Any) -> Shuffled:
        """Visit every row once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> AveragedState:
        """Return the state at a starting point, from which a pilot run may have gone ahead."""
        start = np.asarray(starting_point("SGD", target, position, streams), dtype=np.float64)
        if self.vector.size:
            return AveragedState(start, self.vector.copy(), self.sums.copy(), self.numbers.copy(), np.zeros(1))
        return AveragedState(start, start.copy(), np.zeros(start.size), np.array([1.0, 0.0, 0.0]), np.zeros(1))

    def update(self, target: Any, state: AveragedState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        state.numbers[0] = self.moved(target, state, point, rate, state.numbers[0])
        state.numbers[2] += 1.0
        if int(state.numbers[2]) % self.spacing == 0:
            self.enter(target, state)
        self.finish(state, rate)

    def sweep(
        self, target: Any, state: AveragedState, points: Any, rates: Floats, start: int, stop: int, rng: npt.NDArray[np.uint64]
    ) -> None:
        """Do a stretch of the tape with the scale in a register, from one iterate that is averaged to the next."""
        scale, step = state.numbers[0], start
        while step < stop:
            done = int(state.numbers[2]) % self.spacing
            pause = min(stop, step + self.spacing - done)
            for k in range(step, pause):
                target.design.ahead(points, k, stop)
                scale = self.moved(target, state, points[k], rates[k], scale)
            state.numbers[0] = scale
            state.numbers[2] += pause - step
            if done + pause - step == self.spacing:
                self.enter(target, state)
            step = pause
        if stop > start:
            self.finish(state, rates[stop - 1])

    def moved(self, target: Any, state: AveragedState, row: int, rate: float, scale: float) -> float:
        """Move the vector; return the new scale."""
        last = state.vector.size - 1
        slope = target.slope(row, scale * target.score(row, state.vector))
        free = scale * state.vector[last]
        scale *= 1.0 - rate * target.l2
        if abs(scale) < SMALLEST_SCALE:
            for j in range(state.vector.size):
                state.vector[j] *= scale
            scale = 1.0
        if target.penalised <= last:
            state.vector[last] = free / scale
        target.add_row(row, -rate * slope / scale, state.vector)
        return scale

    def enter(self, target: Any, state: AveragedState) -> None:
        """Enter the iterate into the sums."""
        share = state.numbers[2] / target.labels.size
        weight = share * share * share
        amount = weight * state.numbers[0]
        for j in range(state.sums.size):
            state.sums[j] += amount * state.vector[j]
        state.numbers[1] += weight

    def finish(self, state: AveragedState, rate: float) -> None:
        """Write the average and the rate."""
        scale, weights = state.numbers[0], state.numbers[1]
        for j in range(state.position.size):
            state.position[j] = state.sums[j] / weights if weights > 0.0 else scale * state.vector[j]
        state.stats[0] = rate
