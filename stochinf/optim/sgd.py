r"""Stochastic gradient descent.

With the gradient :math:`g` of the objective at a point, a row or a minibatch, a step is

.. math:: w \leftarrow w - \eta_t \, T(g),

where :math:`T` is a transform such as momentum or a chain of them. A minibatch's gradient is the mean over its rows, all at
the same :math:`w`.

References
----------
Robbins, H. and Monro, S. (1951). A stochastic approximation method. Annals of Mathematical Statistics 22, equation (8).
Bottou, L., Curtis, F. E. and Nocedal, J. (2018). Optimization methods for large-scale machine learning. SIAM Review 60,
algorithm 4.1; theorem 4.7 for rates in proportion to 1/t.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled
from stochinf.engine.rates import checked_rate
from stochinf.engine.schedules import RobbinsMonro
from stochinf.optim.linear import LinearSGD
from stochinf.optim.starting import starting_point
from stochinf.optim.transforms import Identity, check_transform, leaves

__all__ = ["SGD", "SGDState"]

Floats = npt.NDArray[np.float64]


class SGDState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient : ndarray of shape (dim,)
    memory : NamedTuple of arrays
        What the transform remembers.
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    gradient: Floats
    memory: Any
    stats: Floats


@part(needs=("gradient",), yields="optimum", rate_field="learning_rate", statistics=("learning_rate",))
class SGD(NamedTuple):
    """Stochastic gradient descent.

    Parameters
    ----------
    learning_rate : float or schedule
        NaN takes it from the data: 1 / L for the largest constant L of a row's gradient; with a penalty l2 it decays as
        eta / (1 + eta l2 t).
    transform : part
        What is done to the gradient before the step: `momentum(0.9)`, `clip(1.0)`, `weight_decay(1e-4)`, or a `chain` of them.

    Raises
    ------
    StochinfError
        If the rate is not positive; if the data are sparse and a part of the chain is not made for that.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> rule = si.optim.SGD(0.01, si.optim.momentum(0.9))
    >>> si.minimize(model, rule, stop=si.stop.epochs(200), rng=0).fun < 0.6
    True
    """

    learning_rate: Any = math.nan
    transform: Any = Identity()

    def checked(self) -> SGD:
        """Check the rate and the transform."""
        check_transform("SGD", self.transform)
        return self._replace(learning_rate=checked_rate("SGD", "learning_rate", self.learning_rate))

    def prepare(self, target: Any) -> SGD | LinearSGD:
        """Choose the rate where it was left open, and the faster loop where the model allows it."""
        if not hasattr(target, "gradient"):
            return self
        parts = leaves(self.transform)
        rate = self.learning_rate
        if not hasattr(rate, "at") and math.isnan(rate):
            rate = default_rate(target)
        if getattr(target, "sparse", False):
            _demand_sparse(parts)
        if getattr(target, "linear", False) and all(isinstance(leaf, Identity) for leaf in parts):
            return LinearSGD(rate)
        return SGD(rate, self.transform)

    def pick(self, target: Any) -> Shuffled:
        """Visit every point once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> SGDState:
        """Return the state at a starting point."""
        start = starting_point("SGD", target, position, streams)
        return SGDState(start, np.zeros(start.size), self.transform.init(start.size), np.zeros(1))

    def update(self, target: Any, state: SGDState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Take the gradient, transform it, move."""
        target.gradient(state.position, point, state.gradient)
        self.transform.apply(state.position, state.gradient, state.memory)
        for j in range(state.position.size):
            state.position[j] -= rate * state.gradient[j]
        state.stats[0] = rate


def default_rate(target: Any) -> Any:
    """Return 1 / L, or the schedule eta / (1 + eta l2 t) from it where there is a penalty.

    Raises
    ------
    StochinfError
        If the target does not know its smoothness.
    """
    if not hasattr(target, "row_smoothness"):
        raise StochinfError(
            f"SGD: learning_rate was left open, and {type(target).__name__} has no row_smoothness() to choose it by;"
            " give a number"
        )
    largest, l2 = float(target.row_smoothness()), float(getattr(target, "l2", 0.0))
    if not largest > 0:
        return 1.0
    return RobbinsMonro(a=1.0 / l2, b=largest / l2, p=1.0) if l2 > 0 else 1.0 / largest


def _demand_sparse(parts: list[Any]) -> None:
    for leaf in parts:
        if not getattr(leaf, "sparse", False):
            raise StochinfError(
                f"SGD on sparse data: {type(leaf).__name__} works on every coordinate of the gradient and does not declare"
                " sparse=True; leave it out, or give dense features (X.toarray())"
            )
