"""Variance-reduced gradients for any sum of n terms that gives `gradient(position, point, out)`.

SAG and SAGA keep the gradient of every term, n rows of dim numbers; SVRG keeps the position of its last whole gradient. See
`stochinf.optim.variance_reduced` for the equations and their sources.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled, Uniform
from stochinf.optim.corrections import Averaged
from stochinf.optim.reduced import soft
from stochinf.optim.starting import starting_point

__all__ = ["TermsReduced", "TermsState"]

Floats = npt.NDArray[np.float64]


class TermsState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient, old, mean, anchor : ndarray of shape (dim,)
    table : ndarray of shape (n, dim), or (1, dim) where an anchor serves
    steps : ndarray of shape (1,)
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    gradient: Floats
    old: Floats
    mean: Floats
    anchor: Floats
    table: Floats
    steps: npt.NDArray[np.int64]
    stats: Floats


@part(
    needs=("gradient",), rate_field="learning_rate", statistics=("learning_rate",), yields="optimum", single=True, proximal=True
)
class TermsReduced(NamedTuple):
    """What `SAG`, `SAGA` and `SVRG` become on a sum that is no linear model.

    Parameters
    ----------
    learning_rate : float or schedule
    correction : part
        Of `stochinf.optim.corrections`.
    """

    learning_rate: Any
    correction: Any

    def pick(self, target: Any) -> Any:
        """Visit every term once per epoch; SAG, which that makes unstable, visits terms at random."""
        return Uniform() if isinstance(self.correction, Averaged) else Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> TermsState:
        """Return the state at a starting point, with a table of zeros."""
        start = np.asarray(starting_point("SAGA", target, position, streams), dtype=np.float64)
        n = 1 if self.correction.period > 0 else int(target.n_points)
        demand(8 * n * start.size, f"a table of {n} gradients of {start.size} numbers")
        gradient, old, mean, anchor = np.zeros((4, start.size))
        table = np.zeros((n, start.size))
        return TermsState(start, gradient, old, mean, anchor, table, np.zeros(1, np.int64), np.zeros(1))

    def update(self, target: Any, state: TermsState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step."""
        n, kept = target.terms(), self.correction.period > 0
        if kept and state.steps[0] % self.correction.period == 0:
            self.survey(target, state, n)
        target.gradient(state.position, point, state.gradient)
        if kept:
            target.gradient(state.anchor, point, state.old)
        table = 0 if kept else point
        for j in range(state.position.size):
            old = state.old[j] if kept else state.table[table, j]
            change = state.gradient[j] - old
            mean = state.mean[j] + self.correction.before(change, n)
            along = self.correction.direct(change) + mean
            state.position[j] = soft(state.position[j] - rate * along, rate * target.lasso(j))
            state.mean[j] = mean + self.correction.after(change, n)
            state.table[table, j] = state.gradient[j]
        state.steps[0] += 1
        state.stats[0] = rate

    def survey(self, target: Any, state: TermsState, n: int) -> None:
        """Take the whole gradient where the position is, and note the position."""
        for j in range(state.position.size):
            state.anchor[j] = state.position[j]
            state.mean[j] = 0.0
        for term in range(n):
            target.gradient(state.anchor, term, state.old)
            for j in range(state.mean.size):
                state.mean[j] += state.old[j] / n
