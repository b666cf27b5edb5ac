"""Descent on compressed rows at the price of the features that a row has, for transforms that can make up for what they missed.

Where there is no penalty, the gradient of a row is zero but in the columns of its features. A transform declared `lazy=True`
does not move a coordinate whose gradient is zero; what its memory would have done in the meantime `rest(j, memory, missed)` makes
up for when the coordinate is next met. The steps are those of the dense form, up to rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled
from stochinf.models.batch import member, size_of
from stochinf.optim.contract import Move, in_precision
from stochinf.optim.starting import starting_point

__all__ = ["LazyDescent", "LazyState"]

Floats = npt.NDArray[Any]


class LazyState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient : ndarray of shape (dim,)
        The gradient is zero between steps.
    memory : NamedTuple of arrays
        What the transform remembers.
    met : ndarray of shape (dim,)
        The step, counted from 1, at which each coordinate was last met.
    steps : ndarray of shape (1,)
        Steps done.
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    gradient: Floats
    memory: Any
    met: npt.NDArray[np.int64]
    steps: npt.NDArray[np.int64]
    stats: npt.NDArray[np.float64]


@part(
    needs=("score", "slope", "add_row"), yields="optimum", rate_field="learning_rate", statistics=("learning_rate",)
)  # fmt: skip
class LazyDescent(NamedTuple):
    """What a rule becomes on compressed rows without a penalty, where its transform is lazy.

    Parameters
    ----------
    learning_rate : float or schedule
    transform : part
        With `tick`, `element` and `rest`.
    """

    learning_rate: Any
    transform: Any

    def pick(self, target: Any) -> Shuffled:
        """Visit every row once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> LazyState:
        """Return the state at a starting point."""
        start = starting_point("SGD", target, position, streams)
        memory = in_precision(self.transform.init(start.size), start.size, start.dtype)
        nothing = np.zeros(start.size, np.int64)
        return LazyState(start, np.zeros_like(start), memory, nothing, np.zeros(1, np.int64), np.zeros(1))

    def update(self, target: Any, state: LazyState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Take the gradient of the rows, and move where they have features."""
        state.steps[0] += 1
        move = Move(rate, size_of(point))
        self.transform.tick(state.memory, move)
        for b in range(size_of(point)):
            row = member(point, b)
            slope = target.slope(row, target.score(row, state.position)) / size_of(point)
            target.add_row(row, slope, state.gradient)
        for b in range(size_of(point)):
            row = member(point, b)
            for k in range(target.design.row_start[row], target.design.row_start[row + 1]):
                self.meet(int(target.design.columns[k]), state, move)
        state.stats[0] = rate

    def meet(self, j: int, state: LazyState, move: Move) -> None:
        """Bring a coordinate up to date and move it, once a step."""
        missed = state.steps[0] - 1 - state.met[j]
        if missed < 0:
            return
        if missed > 0:
            self.transform.rest(j, state.memory, missed)
        state.met[j] = state.steps[0]
        direction = self.transform.element(j, state.position, state.gradient, state.memory, move)
        state.position[j] -= move.rate * direction
        state.gradient[j] = 0.0
