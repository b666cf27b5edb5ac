"""The rules of coordinate descent; what becomes of them on a target is in the modules beside this one."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.rates import checked_rate, is_open
from stochinf.models.losses import SquaredLoss
from stochinf.models.penalised import column_target
from stochinf.optim.coordinate.blocks import Blocks
from stochinf.optim.coordinate.steps import Derivative, Exact, Sampled, Steps
from stochinf.optim.coordinate.working_sets import Rounds, rounds

__all__ = ["CoordinateDescent", "WorkingSets"]

Floats = npt.NDArray[np.float64]

STEPS = ("exact", "gradient", "stochastic")


def formed(rule: str, problem: Any) -> Any:
    """Return a problem as a target by columns.

    Raises
    ------
    StochinfError
        If it is no linear model.
    """
    target = column_target(problem)
    if target is None:
        raise StochinfError(
            f"{rule}: {type(problem).__name__} is no linear model; give for example stochinf.models.Lasso or LinearRegression"
        )
    return target


def demand_columns(rule: str, target: Any) -> None:
    """Demand a target by columns: a kernel cannot turn its target itself.

    Raises
    ------
    StochinfError
        If it is another.
    """
    if not getattr(target, "by_columns", False):
        raise StochinfError(
            f"{rule}: {type(target).__name__} is not read by columns; call stochinf.minimize, or give models.Lasso or Penalised"
        )


@part(yields="optimum", rate_field="learning_rate")
class CoordinateDescent(NamedTuple):
    r"""Coordinate descent: pick a coefficient, minimise over it, iterate.

    .. math:: w_j \leftarrow \arg\min_x f(w_1, ..., x, ..., w_d)

    For `step="gradient"` it is :math:`w_j \leftarrow \mathrm{prox}_{\eta g}(w_j - \eta \, \partial_j)`, for "stochastic" the
    same with the derivative at one random row. Pickers choose the coefficient: `Scan()` (the default), `Uniform()`,
    `Shuffled()`, `Greedy()`.

    Parameters
    ----------
    learning_rate : float or schedule
        The share of an exact step that is taken; the length of a step along a derivative. NaN is the whole step, and 1 over the
        largest second derivative of each coordinate.
    step : {'exact', 'gradient', 'stochastic'}
    tolerance : float
        The run ends after four passes without a move longer than this.

    Raises
    ------
    StochinfError
        If the rate is not positive, the step is unknown, or the problem is no linear model.

    References
    ----------
    Wright, S. J. (2015). Coordinate descent algorithms. Mathematical Programming 151, algorithms 1 and 3.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.Lasso([[1.0, 0.5], [0.5, 1.0]], [3.0, 0.1], alpha=0.1)
    >>> result = si.minimize(model, si.optim.CoordinateDescent(), picker=si.pickers.Uniform(), rng=0)
    >>> result.success, result.gap < 1e-8
    (True, True)
    """

    learning_rate: Any = math.nan
    step: str = "exact"
    tolerance: float = 1e-9

    def checked(self) -> CoordinateDescent:
        """Check the rate and the step."""
        if self.step not in STEPS:
            raise StochinfError(f"CoordinateDescent: step = {self.step!r}; 'exact', 'gradient' or 'stochastic' is needed")
        if not self.tolerance >= 0:
            raise StochinfError(f"CoordinateDescent: tolerance = {self.tolerance}; a number of at least 0 is needed")
        return self._replace(learning_rate=checked_rate("CoordinateDescent", "learning_rate", self.learning_rate))

    def form(self, problem: Any) -> Any:
        """Return the problem by columns."""
        return formed("CoordinateDescent", problem)

    def prepare(self, target: Any) -> Steps | Blocks:
        """Return the kernel for the target."""
        demand_columns("CoordinateDescent", target)
        rate, left_open = self.learning_rate, False
        if is_open(rate):
            rate, left_open = 1.0, True
        if target.grouped:
            if self.step != "exact":
                raise StochinfError(f"CoordinateDescent: step = {self.step!r}, and groups take 'exact' ones")
            return Blocks(rate, self.tolerance)
        if left_open and self.step != "exact" and not math.isfinite(float(target.loss.steepest)):
            raise StochinfError(
                f"CoordinateDescent: {type(target.loss).__name__} has no largest curvature to choose a step by;"
                " give learning_rate"
            )
        if self.step == "exact":
            return Steps(rate, Exact(int(isinstance(target.loss, SquaredLoss))), self.tolerance)
        return Steps(rate, (Derivative if self.step == "gradient" else Sampled)(int(left_open)), self.tolerance)


@part(yields="optimum")
class WorkingSets(NamedTuple):
    """Coordinate descent on growing working sets: sparse regression to a certified gap.

    Each step is a round. The coefficients farthest from optimal join the working set; Newton's model of the objective, which
    for least squares is the objective, is minimised over the set by sweeps with Anderson's extrapolation; a look at all
    coefficients gives the duality gap, and gap-safe screening leaves out those that are surely zero.

    Parameters
    ----------
    tolerance : float
        The run ends when the duality gap is at most this share of the objective without a model; where the penalty is not
        convex, when no subdifferential is farther from zero than this share of the penalty's slope.

    Raises
    ------
    StochinfError
        If the tolerance is negative, or the problem is no linear model.

    References
    ----------
    Bertrand, Q. et al. (2022). Beyond L1: faster and better sparse models with skglm. NeurIPS, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> X = np.random.default_rng(0).normal(size=(50, 200))
    >>> model = si.models.Lasso(X, X[:, 0] - 2 * X[:, 1], alpha=0.1)
    >>> result = si.minimize(model, si.optim.WorkingSets(1e-10))
    >>> result.success, result.gap < 1e-8, np.flatnonzero(result.x)[:2]
    (True, True, array([0, 1]))
    """

    tolerance: float = 1e-6

    def checked(self) -> WorkingSets:
        """Check the tolerance."""
        if not self.tolerance >= 0:
            raise StochinfError(f"WorkingSets: tolerance = {self.tolerance}; a number of at least 0 is needed")
        return self

    def form(self, problem: Any) -> Any:
        """Return the problem by columns."""
        return formed("WorkingSets", problem)

    def prepare(self, target: Any) -> Rounds:
        """Return the kernel for the target."""
        demand_columns("WorkingSets", target)
        if target.grouped:
            raise StochinfError("WorkingSets: coefficients in groups; take stochinf.optim.CoordinateDescent()")
        return rounds(target, self.tolerance)
