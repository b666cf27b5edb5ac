r"""Averages of the last iterates of a rule.

At step t the position is the mean of the iterates since :math:`2^{k-1}`, with :math:`2^k \le t < 2^{k+1}`: more than half
of all and at most three quarters, whenever the run may end. Two sums do it, the older of which is dropped at every power of two.
With `start` given it is the mean of all iterates after that step.

References
----------
Rakhlin, A., Shamir, O. and Sridharan, K. (2012). Making gradient descent optimal for strongly convex stochastic optimization.
ICML, section 5: suffix averaging; section 4.1 of the extended version: sums over powers of two.
Polyak, B. T. and Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging. SIAM J. Control Optim. 30.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.rates import prepared

__all__ = ["Averaging", "AveragingKernel", "AveragingState"]

Floats = npt.NDArray[Any]

DOUBLING = -1


class AveragingState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
        The average.
    inner : NamedTuple of arrays
        The state of the rule, its position the iterate.
    older, newer : ndarray of shape (dim,)
        Sums of iterates.
    counts : ndarray of shape (3,)
        Iterates in each sum; steps done.
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    inner: Any
    older: npt.NDArray[np.float64]
    newer: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    stats: npt.NDArray[np.float64]


@part(yields="optimum")
class Averaging(NamedTuple):
    """A rule of descent whose position is the average of its last iterates.

    Parameters
    ----------
    rule : rule
        Of descent, with its learning rate: `SGD(0.1)`, `Momentum(0.01)`, `Adam(0.01)`.
    start : int
        The step from which on iterates are averaged; 0 averages all. Left out, the last half to three quarters, however long
        the run.

    Raises
    ------
    StochinfError
        If the rule is none of descent, or the step is negative.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LinearRegression([[1.0], [1.0], [1.0]], [0.0, 1.0, 2.0])
    >>> rule = si.optim.Averaging(si.optim.SGD(0.1))
    >>> bool(abs(si.minimize(model, rule, stop=si.stop.epochs(2000), rng=0).x[0] - 1.0) < 0.05)
    True
    """

    rule: Any
    start: int = DOUBLING

    def checked(self) -> Averaging:
        """Check the rule and the step."""
        if self.start < DOUBLING:
            raise StochinfError(f"Averaging: start = {self.start}; a number of steps is needed")
        if not hasattr(self.rule, "as_transform"):
            raise StochinfError(f"Averaging: {self.rule!r} is no rule of descent; give for example stochinf.optim.SGD(0.1)")
        return self

    def prepare(self, target: Any) -> AveragingKernel:
        """Return the kernel on a target."""
        kernel = prepared(self.rule, target)
        return AveragingKernel(kernel.learning_rate, kernel._replace(learning_rate=math.nan), self.start)


@part(yields="optimum", rate_field="learning_rate", statistics=("learning_rate",))
class AveragingKernel(NamedTuple):
    """What `Averaging` becomes on a target.

    Parameters
    ----------
    learning_rate : float or schedule
    kernel : part
    start : int
    """

    learning_rate: Any
    kernel: Any
    start: int

    def pick(self, target: Any) -> Any:
        """Return the rule's picker."""
        return self.kernel.pick(target)

    def init(self, target: Any, position: Any, streams: Any) -> AveragingState:
        """Return the state at a starting point."""
        inner = self.kernel.init(target, position, streams)
        start = inner.position.copy()
        return AveragingState(start, inner, np.zeros(start.size), np.zeros(start.size), np.zeros(3, np.int64), np.zeros(1))

    def update(self, target: Any, state: AveragingState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do one step of the rule, enter its iterate, and write the average."""
        self.kernel.update(target, state.inner, point, rate, rng)
        counts = state.counts
        counts[2] += 1
        if self.start < 0 and counts[1] > 0 and counts[2] & (counts[2] - 1) == 0:
            counts[0], counts[1] = counts[1], 0
            for j in range(state.position.size):
                state.older[j] = state.newer[j]
                state.newer[j] = 0.0
        counts[1] += 1 if counts[2] > self.start else 0
        entered = 1.0 if counts[2] > self.start else 0.0
        total = counts[0] + counts[1]
        for j in range(state.position.size):
            iterate = state.inner.position[j]
            state.newer[j] += entered * iterate
            state.position[j] = (state.older[j] + state.newer[j]) / total if total > 0 else iterate
        state.stats[0] = rate
