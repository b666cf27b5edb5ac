"""Descent with momentum on compressed rows, at the price of the features that a row has.

A coordinate whose gradient is zero still moves, as its memory has it. Those steps are done at once when a row has the feature
again, and for all coordinates after a fixed number of steps (`stochinf.optim.gliding`). The steps are those of the dense form,
up to rounding. It pays where rows have few of many features.
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

__all__ = ["GlidingDescent", "GlidingState", "pays"]

Floats = npt.NDArray[Any]

RATIO = 16
"""Coefficients for each feature of a row from which on it pays."""


class GlidingState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
        As it stood at the end of the last stretch of the tape.
    vector, gradient : ndarray of shape (dim,)
        The position, coordinate j as it was at step `since[j]`; the gradient, zero between steps.
    memory : NamedTuple of arrays
        What the transform remembers, of the same step.
    since : ndarray of shape (dim,)
        Counted from the step at which all were up to date.
    table : ndarray of shape (period + 1, columns)
        Sums over those steps.
    steps : ndarray of shape (1,)
        How many those are.
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    vector: Floats
    gradient: Floats
    memory: Any
    since: npt.NDArray[np.int64]
    table: npt.NDArray[np.float64]
    steps: npt.NDArray[np.int64]
    stats: npt.NDArray[np.float64]


@part(needs=("score", "slope", "add_row"), yields="optimum", rate_field="learning_rate", statistics=("learning_rate",))
class GlidingDescent(NamedTuple):
    """What a rule with momentum becomes on compressed rows without a penalty.

    Parameters
    ----------
    learning_rate : float or schedule
    transform : part
        Of `stochinf.optim.gliding`.
    """

    learning_rate: Any
    transform: Any

    def pick(self, target: Any) -> Shuffled:
        """Visit every row once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> GlidingState:
        """Return the state at a starting point."""
        start = starting_point("SGD", target, position, streams)
        memory = in_precision(self.transform.init(start.size), start.size, start.dtype)
        return GlidingState(
            start, start.copy(), np.zeros_like(start), memory, np.zeros(start.size, np.int64), self.transform.table(),
            np.zeros(1, np.int64), np.zeros(1),
        )  # fmt: skip

    def update(self, target: Any, state: GlidingState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        self.moved(target, state, point, rate)
        self.finish(state, rate)

    def sweep(
        self, target: Any, state: GlidingState, points: Any, rates: Floats, start: int, stop: int, rng: npt.NDArray[np.uint64]
    ) -> None:
        """Do a stretch of the tape; write the position at its end."""
        for step in range(start, stop):
            target.design.ahead(points, step, stop)
            self.moved(target, state, points[step], rates[step])
        if stop > start:
            self.finish(state, rates[stop - 1])

    def moved(self, target: Any, state: GlidingState, point: Any, rate: float) -> None:
        """Bring the features of the rows up to date, take their gradient, and move them."""
        last = state.steps[0]
        for b in range(size_of(point)):
            row = member(point, b)
            for k in range(target.design.first(row), target.design.end(row)):
                self.catch_up(np.int64(target.design.column(k)), state, last)  # type: ignore[arg-type]
        for b in range(size_of(point)):
            row = member(point, b)
            target.add_row(row, target.slope(row, target.score(row, state.vector)) / size_of(point), state.gradient)
        move = Move(rate, size_of(point))
        self.transform.tick(state.memory, state.table, last + 1, move)
        for b in range(size_of(point)):
            row = member(point, b)
            for k in range(target.design.first(row), target.design.end(row)):
                self.meet(np.int64(target.design.column(k)), state, last + 1, move)  # type: ignore[arg-type]
        state.steps[0] = last + 1
        if last + 2 == state.table.shape[0]:
            for j in range(state.vector.size):
                self.catch_up(j, state, last + 1)
                state.since[j] = 0
            state.steps[0] = 0

    def catch_up(self, j: int, state: GlidingState, now: int) -> None:
        """Do the steps that a coordinate missed."""
        since = state.since[j]
        if since < now:
            state.vector[j] += self.transform.glide(j, state.memory, state.table, since, now)
            self.transform.fade(j, state.memory, state.table, since, now)
            state.since[j] = now

    def meet(self, j: int, state: GlidingState, now: int, move: Move) -> None:
        """Move a coordinate along its gradient, once a step."""
        if state.since[j] < now:
            state.vector[j] -= self.transform.element(j, state.gradient, state.memory, state.table, now, move)
            state.gradient[j] = 0.0
            state.since[j] = now

    def finish(self, state: GlidingState, rate: float) -> None:
        """Write the position and the rate."""
        now = state.steps[0]
        for j in range(state.position.size):
            state.position[j] = state.vector[j]
            if state.since[j] < now:
                state.position[j] += self.transform.glide(j, state.memory, state.table, state.since[j], now)
        state.stats[0] = rate


def pays(target: Any) -> bool:
    """Whether rows have so few of the features that it is worth while."""
    return bool(target.dim * target.n_points >= RATIO * max(target.design.values.size, 1))
