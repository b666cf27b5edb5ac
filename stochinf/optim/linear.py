r"""Stochastic gradient descent for linear models, at the price of the features that a row has.

The weights are kept as a scale times a vector, :math:`w = c v`. With the slope :math:`s` of a row's loss in its score
:math:`x \cdot w = c (x \cdot v)` a step at rate :math:`\eta` is

.. math:: c \leftarrow (1 - \eta \lambda) c, \qquad v \leftarrow v - \frac{\eta s}{c} x,

so that the penalty costs one product, whatever the number of coefficients. For a batch the mean of s x over its rows, all
at the same w, takes the place of s x. When the scale has become small it is multiplied into the vector: the value of the
scale decides, so that the numbers do not depend on how the tape is cut.

References
----------
Bottou, L. (2012). Stochastic gradient descent tricks. Neural Networks: Tricks of the Trade, 2nd edition, section 5.1.
Shalev-Shwartz, S. et al. (2011). Pegasos. Mathematical Programming 127, section 2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled
from stochinf.models.batch import member, size_of
from stochinf.optim.starting import starting_point

__all__ = ["LinearSGD", "LinearState"]

Floats = npt.NDArray[np.float64]

SMALLEST_SCALE = 1e-9


class LinearState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
        scale * vector, as it stood at the end of the last stretch of the tape.
    vector : ndarray of shape (dim,)
    scale : ndarray of shape (1,)
    gradient : ndarray of shape (dim,)
        Work space of a batch; zero between steps.
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    vector: Floats
    scale: Floats
    gradient: Floats
    stats: Floats


@part(needs=("score", "slope", "add_row", "spread"), rate_field="learning_rate", statistics=("learning_rate",))
class LinearSGD(NamedTuple):
    """What `SGD` becomes on a linear model where no transform stands between gradient and step."""

    learning_rate: Any = math.nan

    def pick(self, target: Any) -> Shuffled:
        """Visit every row once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> LinearState:
        """Return the state at a starting point."""
        start = starting_point("SGD", target, position, streams)
        return LinearState(start, start.copy(), np.ones(1), np.zeros(start.size), np.zeros(1))

    def moved(self, target: Any, vector: Floats, gradient: Floats, scale: float, point: Any, rate: float) -> float:
        """Move the vector; return the new scale."""
        size = size_of(point)
        shrunk = scale * (1.0 - rate * target.l2)
        free = scale * vector[vector.size - 1]
        if size == 1:
            row = member(point, 0)
            slope = target.slope(row, scale * target.score(row, vector))
            shrunk = self.spared(target, vector, self.spread_out(vector, shrunk), free)
            target.add_row(row, -rate * slope / shrunk, vector)
            return shrunk
        for k in range(size):
            row = member(point, k)
            target.add_row(row, target.slope(row, scale * target.score(row, vector)), gradient)
        shrunk = self.spared(target, vector, self.spread_out(vector, shrunk), free)
        target.spread(point, -rate / (size * shrunk), gradient, vector)
        return shrunk

    def spared(self, target: Any, vector: Floats, scale: float, free: float) -> float:
        """Undo the shrinkage of an intercept, the last coefficient where the penalty does not see all; return the scale."""
        if target.penalised < vector.size:
            vector[vector.size - 1] = free / scale
        return scale

    def spread_out(self, vector: Floats, scale: float) -> float:
        """Multiply a small scale into the vector; return the scale that is left."""
        if abs(scale) >= SMALLEST_SCALE:
            return scale
        for j in range(vector.size):
            vector[j] *= scale
        return 1.0

    def update(self, target: Any, state: LinearState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        state.scale[0] = self.moved(target, state.vector, state.gradient, state.scale[0], point, rate)
        self.finish(state, rate)

    def sweep(
        self, target: Any, state: LinearState, points: Any, rates: Floats, start: int, stop: int, rng: npt.NDArray[np.uint64]
    ) -> None:
        """Do a stretch of the tape with the scale in a register."""
        scale = state.scale[0]
        for step in range(start, stop):
            target.design.ahead(points, step, stop)
            scale = self.moved(target, state.vector, state.gradient, scale, points[step], rates[step])
        state.scale[0] = scale
        if stop > start:
            self.finish(state, rates[stop - 1])

    def finish(self, state: LinearState, rate: float) -> None:
        """Write the position and the rate."""
        for j in range(state.position.size):
            state.position[j] = state.scale[0] * state.vector[j]
        state.stats[0] = rate
