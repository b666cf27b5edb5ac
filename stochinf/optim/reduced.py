r"""Variance-reduced gradients for linear models, at the price of the features that a row has.

The weights are a scale times a vector, :math:`w = c u`. Between two rows that have feature j every step does the same to it,

.. math:: u_j \leftarrow S(u_j - e_t m_j, \, e_t \lambda_1), \qquad e_t = \eta_t / c_t, \quad S \text{ the soft threshold,}

so that many steps are done at once, when the feature is next seen, with the sum E of the e_t since:
:math:`u_j - E (m_j \pm \lambda_1)`, until u_j meets zero. The step at which it does is found in a table of the running sums, by
halving. So the lazy steps are the dense ones, with l1 too. After as many steps as there are rows all features are brought up to
date and the sums begin again at zero.

References
----------
Schmidt, M., Le Roux, N. and Bach, F. (2017). Minimizing finite sums with the stochastic average gradient. Math. Program. 162,
section 4.1: just-in-time updates.
Defazio, A., Bach, F. and Lacoste-Julien, S. (2014). SAGA. NIPS 27, equation (2): the proximal step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled, Uniform
from stochinf.optim.corrections import Averaged
from stochinf.optim.starting import starting_point

__all__ = ["LinearReduced", "ReducedState", "drifted", "soft"]

Floats = npt.NDArray[np.float64]


@helper()
def soft(x: float, threshold: float) -> float:
    """Return x moved towards zero by a threshold, at most to zero."""
    return max(x - threshold, 0.0) - max(-x - threshold, 0.0)


@helper()
def crossing(sums: Any, count: int, value: float) -> int:
    """Return the first place of growing sums that lies above a value; `count` if none does."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if sums[middle] > value:
            high = middle
        else:
            low = middle + 1
    return low


@helper()
def drifted(u: float, mean: float, l1: float, since: float, sums: Any, last: int) -> float:
    """Return a coordinate after the steps between the sum `since` and `sums[last]`, in each of which its mean was the same."""
    now = sums[last]
    if u == 0.0:
        return -float(now - since) * soft(mean, l1)
    side = 1.0 if u > 0.0 else -1.0
    speed = side * mean + l1
    height = side * u
    if speed <= 0.0 or height > (now - since) * speed:
        return u - float(now - since) * side * speed
    step = min(crossing(sums, last, since + height / speed), last)
    before = max(sums[step - 1] if step > 0 else since, since)
    length = sums[step] - before
    landed = soft(u - (before - since) * side * speed - length * mean, length * l1)
    if landed * side > 0.0:
        landed = 0.0
    return landed - float(now - sums[step]) * soft(mean, l1)


class ReducedState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
        The weights, as they stood at the end of the last stretch of the tape.
    vector, mean, since : ndarray of shape (dim,)
        u, m, and the running sum up to which a feature is up to date.
    slopes : ndarray of shape (n,)
        The table.
    sums : ndarray of shape (n + 1,)
        Running sums of e_t.
    scale : ndarray of shape (1,)
    steps : ndarray of shape (2,)
        Steps since all features were up to date; steps in all.
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    vector: Floats
    mean: Floats
    since: Floats
    slopes: Floats
    sums: Floats
    scale: Floats
    steps: npt.NDArray[np.int64]
    stats: Floats


@part(
    needs=("score", "slope", "add_row"),
    rate_field="learning_rate",
    statistics=("learning_rate",),
    yields="optimum",
    single=True,
    proximal=True,
)
class LinearReduced(NamedTuple):
    """What `SAG`, `SAGA` and `SVRG` become on a linear model.

    Parameters
    ----------
    learning_rate : float or schedule
    correction : part
        Of `stochinf.optim.corrections`.
    """

    learning_rate: Any
    correction: Any

    def pick(self, target: Any) -> Any:
        """Visit every row once per epoch; SAG, which that makes unstable, visits rows at random."""
        return Uniform() if isinstance(self.correction, Averaged) else Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> ReducedState:
        """Return the state at a starting point, with a table of zeros."""
        start = np.asarray(starting_point("SAGA", target, position, streams), dtype=np.float64)
        n, dim = target.n_points, start.size
        return ReducedState(
            start, start.copy(), np.zeros(dim), np.zeros(dim), np.zeros(n), np.zeros(n + 1), np.ones(1), np.zeros(2, np.int64),
            np.zeros(1),
        )  # fmt: skip

    def update(self, target: Any, state: ReducedState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        state.scale[0] = self.moved(target, state, point, rate, state.scale[0])
        self.finish(target, state, rate)

    def sweep(
        self, target: Any, state: ReducedState, points: Any, rates: Floats, start: int, stop: int, rng: npt.NDArray[np.uint64]
    ) -> None:
        """Do a stretch of the tape with the scale in a register."""
        scale = state.scale[0]
        for step in range(start, stop):
            target.design.ahead(points, step, stop)
            scale = self.moved(target, state, points[step], rates[step], scale)
        state.scale[0] = scale
        if stop > start:
            self.finish(target, state, rates[stop - 1])

    def moved(self, target: Any, state: ReducedState, row: int, rate: float, scale: float) -> float:
        """Do a step; return the new scale."""
        period = self.correction.period
        if period > 0 and state.steps[1] % period == 0:
            self.catch_up(target, state, scale)
            self.survey(target, state)
            scale = 1.0
        slope = target.slope(row, scale * self.score(target, state, row))
        change = slope - state.slopes[row]
        state.slopes[row] = self.correction.kept(state.slopes[row], slope)
        shrunk = scale * (1.0 - rate * target.l2)
        ahead = rate / shrunk
        if target.penalised < state.vector.size:
            state.vector[target.penalised] *= scale / shrunk
        self.step_along(target, state, row, change, ahead)
        state.steps[0] += 1
        state.steps[1] += 1
        if state.steps[0] == state.slopes.size or abs(shrunk) < 1e-9:
            self.catch_up(target, state, shrunk)
            shrunk = 1.0
        return float(shrunk)

    def score(self, target: Any, state: ReducedState, row: int) -> float:
        """Return the product of row and vector, features up to date; with l1, where that is dear, write them."""
        design, last = target.design, state.steps[0]
        now, total = state.sums[last], 0.0
        lasso = target.l1 > 0.0
        for k in range(design.first(row), design.end(row)):
            j = design.column(k)
            u = state.vector[j]
            if lasso:
                if state.since[j] != now:
                    u = self.drift(target, state, j, last)
                    state.vector[j] = u
                    state.since[j] = now
            else:
                u -= (now - state.since[j]) * state.mean[j]
            total += design.entry(row, k) * u
        return float(total)

    def drift(self, target: Any, state: ReducedState, j: int, last: int) -> float:
        """Return a coordinate brought up to date."""
        l1 = target.l1 if j < target.penalised else 0.0
        return drifted(state.vector[j], state.mean[j], l1, state.since[j], state.sums, last)

    def step_along(self, target: Any, state: ReducedState, row: int, change: float, ahead: float) -> None:
        """Step along the corrected gradient, on the features of a row; note the new sum."""
        design, last = target.design, state.steps[0]
        now = state.sums[last]
        after_step = now + ahead
        n = state.slopes.size
        direct = ahead * self.correction.direct(change)
        before, after = self.correction.before(change, n), self.correction.after(change, n)
        lasso = target.l1 > 0.0
        for k in range(design.first(row), design.end(row)):
            j = design.column(k)
            x = design.entry(row, k)
            old = state.mean[j]
            mean = old + before * x
            u = state.vector[j] - (now - state.since[j]) * old - direct * x - ahead * mean
            if lasso and j < target.penalised:
                u = soft(u, ahead * target.l1)
            state.vector[j] = u
            state.mean[j] = mean + after * x
            state.since[j] = after_step
        state.sums[last + 1] = after_step

    def catch_up(self, target: Any, state: ReducedState, scale: float) -> None:
        """Bring all features up to date, multiply the scale in, and begin the sums at zero."""
        last = state.steps[0]
        for j in range(state.vector.size):
            state.vector[j] = scale * self.drift(target, state, j, last)
            state.since[j] = 0.0
        state.steps[0] = 0
        state.sums[0] = 0.0

    def survey(self, target: Any, state: ReducedState) -> None:
        """Take the table and its mean anew."""
        n = state.slopes.size
        for j in range(state.mean.size):
            state.mean[j] = 0.0
        for row in range(n):
            state.slopes[row] = target.slope(row, target.score(row, state.vector))
            target.add_row(row, state.slopes[row] / n, state.mean)

    def finish(self, target: Any, state: ReducedState, rate: float) -> None:
        """Write the position and the rate."""
        last = state.steps[0]
        for j in range(state.position.size):
            state.position[j] = state.scale[0] * self.drift(target, state, j, last)
        state.stats[0] = rate
