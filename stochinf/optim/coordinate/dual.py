r"""Stochastic dual coordinate ascent: one dual variable, that of a row, a step.

For :math:`f(w) = \frac1n \sum_i \ell(x_i \cdot w, y_i) + \frac{\lambda}{2} |w|^2 + \lambda_1 |w|_1` the coefficients are

.. math:: w = S(a, \lambda_1 / \lambda), \qquad a = -\frac{1}{\lambda n} \sum_i u_i x_i, \quad S \text{ the soft threshold,}

and a step goes up the dual objective along one u, to the top where :math:`\lambda_1 = 0`. With the score z of the row and
:math:`q = |x|^2 / (\lambda n)` the new score t solves

.. math:: t = z + q \, (u - \ell'(t)), \qquad u \leftarrow \ell'(t),

an equation in one variable whose slope is at least 1. No learning rate is needed.

An intercept b is not penalised, and demands :math:`\sum_i u_i = 0`. It is treated as a coefficient with the penalty
:math:`\frac{\lambda}{2} (b - c)^2`, whose centre c moves to b after every pass over the rows: the proximal point method.

References
----------
Shalev-Shwartz, S. and Zhang, T. (2013). Stochastic dual coordinate ascent methods for regularized loss minimization. JMLR 14,
section 3, option I.
Shalev-Shwartz, S. and Zhang, T. (2016). Accelerated proximal stochastic dual coordinate ascent for regularized loss
minimization. Math. Program. 155, section 2: the l1 penalty.
Hsieh, C.-J. et al. (2008). A dual coordinate descent method for large-scale linear SVM. ICML, algorithm 1.
Rockafellar, R. T. (1976). Monotone operators and the proximal point algorithm. SIAM J. Control Optim. 14, equation (1.7).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled
from stochinf.models.linear import squared_norms
from stochinf.optim.reduced import soft

__all__ = ["DualCoordinateAscent", "DualState"]

Floats = npt.NDArray[np.float64]

INNER = 50
ROUNDING = 1e-15


class DualState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, image : ndarray of shape (dim,)
        w and a.
    duals : ndarray of shape (n,)
        u.
    reach : ndarray of shape (n,)
        q of every row.
    watch : ndarray of shape (3,)
        Largest change of this pass, steps of this pass, largest change of the pass before; with an intercept that and the mean
        dual variable, where it is larger.
    stats : ndarray of shape (1,)
        Size of the last change.
    """

    position: Floats
    image: Floats
    duals: Floats
    reach: Floats
    watch: Floats
    stats: Floats


@helper()
def balanced(loss: Any, score: float, label: float, dual: float, reach: float) -> float:
    """Return the score t = z + q (u - l'(t)): Newton's method, bisecting where a step leaves the bracket."""
    off = -reach * (dual - loss.loss_slope(score, label))
    low, high = min(score, score - off), max(score, score - off)
    t = score
    for _ in range(INNER):
        off = t - score - reach * (dual - loss.loss_slope(t, label))
        if abs(off) <= ROUNDING * (1.0 + abs(t)):
            break
        if off > 0.0:
            high = t
        else:
            low = t
        t -= off / (1.0 + reach * loss.loss_curvature(t, label))
        if not low <= t <= high:
            t = 0.5 * (low + high)
    return t


@part(needs=("score", "add_row"), yields="optimum", single=True, statistics=("change",))
class DualCoordinateAscent(NamedTuple):
    """Stochastic dual coordinate ascent for linear models with an l2 penalty, alone or beside an l1 penalty; also called SDCA.

    Parameters
    ----------
    tolerance : float
        The run ends after a pass over the rows in which no dual variable changed by more.

    Raises
    ------
    StochinfError
        If the model has no l2 penalty.

    References
    ----------
    Shalev-Shwartz, S. and Zhang, T. (2013). Stochastic dual coordinate ascent methods for regularized loss minimization. JMLR
    14, section 3, option I.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 1, 0], l2=0.1)
    >>> result = si.minimize(model, si.optim.DualCoordinateAscent(), rng=0)
    >>> result.success, result.gap < 1e-10
    (True, True)
    """

    tolerance: float = 1e-9

    def checked(self) -> DualCoordinateAscent:
        """Check the tolerance."""
        if not self.tolerance >= 0:
            raise StochinfError(f"DualCoordinateAscent: tolerance = {self.tolerance}; a number of at least 0 is needed")
        return self

    def prepare(self, target: Any) -> DualCoordinateAscent:
        """Demand a penalty that makes the dual smooth."""
        if not (getattr(target, "linear", False) and hasattr(target, "penalised")):
            raise StochinfError(f"DualCoordinateAscent: {type(target).__name__} is no linear model")
        if not target.l2 > 0:
            raise StochinfError("DualCoordinateAscent: l2 = 0; the dual needs an l2 penalty")
        return self

    def pick(self, target: Any) -> Shuffled:
        """Visit every row once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> DualState:
        """Return the state with every dual variable at zero."""
        if position is not None and np.any(position):
            raise StochinfError("DualCoordinateAscent: it starts from dual variables of zero, and takes no x0")
        n = int(target.n_points)
        reach = squared_norms(target.design) / (target.l2 * n)
        return DualState(np.zeros(target.dim), np.zeros(target.dim), np.zeros(n), reach, np.zeros(3), np.zeros(1))

    def finished(self, state: DualState) -> str:
        """Return why no further step is needed, or an empty string."""
        done = state.watch[1] == 0.0 and state.watch[2] <= self.tolerance
        return f"converged: the largest change of a dual variable in a pass was {state.watch[2]:.2g}" if done else ""

    def update(self, target: Any, state: DualState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Go up along one dual variable."""
        old, label = state.duals[point], target.labels[point]
        score = balanced(target.loss, target.score(point, state.position), label, old, state.reach[point])
        dual = target.loss.loss_slope(score, label)
        if dual != old:
            target.add_row(point, (old - dual) / (target.l2 * target.labels.size), state.image)
            state.duals[point] = dual
            self.follow(target, state, point)
        state.stats[0] = abs(dual - old)
        state.watch[0] = max(state.watch[0], state.stats[0])
        state.watch[1] += 1.0
        if state.watch[1] >= target.labels.size:
            state.watch[2] = max(state.watch[0], self.centred(target, state))
            state.watch[0] = 0.0
            state.watch[1] = 0.0

    def follow(self, target: Any, state: DualState, row: int) -> None:
        """Write the coefficients of a row's features."""
        threshold = target.l1 / target.l2
        for k in range(target.design.first(row), target.design.end(row)):
            j = target.design.column(k)
            a = state.image[j]
            state.position[j] = soft(a, threshold) if j < target.penalised else a

    def centred(self, target: Any, state: DualState) -> float:
        """Move the centre of the intercept's penalty to the intercept; return the size of the mean dual variable."""
        if target.penalised == state.position.size:
            return 0.0
        total = 0.0
        for row in range(state.duals.size):
            total += state.duals[row]
        mean = total / state.duals.size
        state.image[target.penalised] -= mean / target.l2
        state.position[target.penalised] = state.image[target.penalised]
        return abs(mean)
