r"""Stochastic dual coordinate ascent: one dual variable, that of a row, a step.

For :math:`f(w) = \frac1n \sum_i \ell(x_i \cdot w, y_i) + \frac{\lambda}{2} |w|^2` the coefficients are
:math:`w = -\frac{1}{\lambda n} \sum_i u_i x_i`, and a step goes to the highest dual objective along one u. With the score z of
the row and :math:`q = |x|^2 / (\lambda n)` the new score t solves

.. math:: t = z + q \, (u - \ell'(t)), \qquad u \leftarrow \ell'(t),

an equation in one variable whose slope is at least 1. No learning rate is needed.

References
----------
Shalev-Shwartz, S. and Zhang, T. (2013). Stochastic dual coordinate ascent methods for regularized loss minimization. JMLR 14,
section 3, option I.
Hsieh, C.-J. et al. (2008). A dual coordinate descent method for large-scale linear SVM. ICML, algorithm 1.
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

__all__ = ["DualCoordinateAscent", "DualState"]

Floats = npt.NDArray[np.float64]

INNER = 50
ROUNDING = 1e-15


class DualState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
    duals : ndarray of shape (n,)
    reach : ndarray of shape (n,)
        q of every row.
    watch : ndarray of shape (3,)
        Largest change of this pass, steps of this pass, largest change of the pass before.
    stats : ndarray of shape (1,)
        Size of the last change.
    """

    position: Floats
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
    """Stochastic dual coordinate ascent for linear models with an l2 penalty; also called SDCA.

    Parameters
    ----------
    tolerance : float
        The run ends after a pass over the rows in which no dual variable changed by more.

    Raises
    ------
    StochinfError
        If the model has no l2 penalty, or an l1 penalty or an intercept.

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
        if target.l1 > 0:
            raise StochinfError(f"DualCoordinateAscent: l1 = {target.l1:g}; take stochinf.optim.WorkingSets()")
        if target.penalised < target.dim:
            raise StochinfError("DualCoordinateAscent: an intercept is not penalised; add a column of ones instead")
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
        return DualState(np.zeros(target.dim), np.zeros(n), reach, np.zeros(3), np.zeros(1))

    def finished(self, state: DualState) -> str:
        """Return why no further step is needed, or an empty string."""
        done = state.watch[1] == 0.0 and state.watch[2] <= self.tolerance
        return f"converged: the largest change of a dual variable in a pass was {state.watch[2]:.2g}" if done else ""

    def update(self, target: Any, state: DualState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Go to the highest point along one dual variable."""
        old, label = state.duals[point], target.labels[point]
        score = balanced(target.loss, target.score(point, state.position), label, old, state.reach[point])
        dual = target.loss.loss_slope(score, label)
        if dual != old:
            target.add_row(point, (old - dual) / (target.l2 * target.labels.size), state.position)
            state.duals[point] = dual
        state.stats[0] = abs(dual - old)
        state.watch[0] = max(state.watch[0], state.stats[0])
        state.watch[1] += 1.0
        if state.watch[1] >= target.labels.size:
            state.watch[2] = state.watch[0]
            state.watch[0] = 0.0
            state.watch[1] = 0.0
