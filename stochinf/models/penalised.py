r"""Linear models with a penalty of single coefficients, read by columns: the Lasso, sparse regression of every loss.

.. math:: f(w, b) = \frac1n \sum_i \ell(x_i \cdot w + b, y_i) + \sum_j g(w_j)

References
----------
Tibshirani, R. (1996). Regression shrinkage and selection via the lasso. JRSS B 58.
Hastie, T., Tibshirani, R. and Wainwright, M. (2015). Statistical Learning with Sparsity, chapters 2, 3 and 5.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import entry
from stochinf.engine.parts import convert, is_part, part
from stochinf.models.certificates import Certificate
from stochinf.models.columns import CompressedColumns, DenseColumns
from stochinf.models.losses import SquaredLoss, write_slopes
from stochinf.models.penalties import L1, ElasticNet
from stochinf.models.regression import LinearModel
from stochinf.models.responses import real_responses
from stochinf.models.turning import as_columns, columns_of
from stochinf.models.weights import as_responses

__all__ = ["ROUNDING", "ColumnTarget", "Lasso", "Penalised", "column_target"]

Floats = npt.NDArray[np.float64]

ROUNDING = 1e-15
"""Added to the gap in units of the objective, which is known no better."""
SPARSE = 8
"""Only the columns of coefficients other than zero are multiplied, where no more than one in so many is."""


@entry
def write_misfits(target: Any, position: Floats, dual: Floats, v: Floats, distances: Floats, duality: Floats) -> float:
    """Write -X'u/n, distances from optimality and Fenchel-Young sums of all penalised coefficients; return the penalty."""
    total = 0.0
    for j in range(target.penalised):
        v[j] = target.columns.dot(j, dual) / -target.labels.size
        total += target.penalty.penalty_value(position[j])
        distances[j] = target.penalty.distance(position[j], v[j])
    scale = 1.0
    for j in range(target.penalised):
        scale = max(scale, target.penalty.excess(v[j]))
    for j in range(target.penalised):
        duality[j] = target.penalty.duality(position[j], v[j] / scale)
    duality[target.penalised] = scale
    return total


@part(by_columns=True)
class ColumnTarget(NamedTuple):
    """A penalised linear model as compiled code reads it, by columns; points are coefficients.

    Attributes
    ----------
    columns : DenseColumns or CompressedColumns
        Of shape (n, features).
    loss : part
        Of `stochinf.models.losses`.
    labels : ndarray of shape (n,)
    penalty : part
        Of `stochinf.models.penalties`.
    penalised : int
        How many coefficients the penalty sees; the intercept, where there is one, is the coefficient after them.
    intercept : int
        0 or 1.
    """

    columns: Any
    loss: Any
    labels: Any
    penalty: Any
    penalised: int
    intercept: int = 0

    def checked(self) -> ColumnTarget:
        """Make the responses an array of one kind."""
        return self._replace(labels=as_responses(self.labels))

    @property
    def dim(self) -> int:
        """Number of coefficients, the intercept included."""
        return self.penalised + self.intercept

    @property
    def grouped(self) -> bool:
        """Whether coefficients enter in groups."""
        return bool(getattr(self.penalty, "grouped", False))

    @property
    def n_points(self) -> int:
        """Number of coefficients, or of groups: what is picked."""
        return (int(self.penalty.weights.size) if self.grouped else self.penalised) + self.intercept

    def start(self, generator: np.random.Generator) -> Floats:
        """Return zeros, or what comes nearest to them within bounds."""
        start = np.zeros(self.dim)
        if self.grouped:
            return start
        start[: self.penalised] = self.penalty.prox(0.0, 1.0)
        return start

    def variables(self, positions: Floats) -> dict[str, Floats]:
        """Return the coefficients, and the intercept where there is one."""
        if not self.intercept:
            return {"coefficients": positions}
        return {"coefficients": positions[..., :-1], "intercept": positions[..., -1]}

    def scores(self, position: npt.ArrayLike) -> Floats:
        """Return x.w + b of every row."""
        w = np.asarray(position, dtype=np.float64)
        matrix, busy = self.columns.matrix(), np.flatnonzero(w[: self.penalised])
        few = SPARSE * busy.size < self.penalised
        scores = np.asarray(matrix[:, busy] @ w[busy] if few else matrix @ w[: self.penalised], dtype=np.float64)
        return scores + w[-1] if self.intercept else scores

    def objective(self, position: npt.ArrayLike) -> float:
        """Return f."""
        return self._looked(position)[0]

    def null_objective(self) -> float:
        """Return the mean loss of no model: the unit of tolerances."""
        if isinstance(self.loss, SquaredLoss):
            centre = self.labels.mean() if self.intercept else 0.0
            return float(0.5 * np.mean((self.labels - centre) ** 2))
        n = int(self.labels.size)
        return float(write_slopes(self.loss, np.zeros(n), self.labels, np.empty(n))) / n

    def certificate(self, position: npt.ArrayLike) -> Certificate:
        """Return the duality gap, or how far the subdifferential is from zero where the penalty has no finite one."""
        return self.objective_and_certificate(position)[1]

    def objective_and_certificate(self, position: npt.ArrayLike) -> tuple[float, Certificate]:
        """Return f, and what `certificate` returns, by one look at the data."""
        objective, gap, violation = self._looked(position)
        if math.isfinite(gap):
            return objective, Certificate("gap", gap, gap, "duality gap: f - min f is at most this")
        text = "largest distance of a coefficient's subdifferential from zero"
        return objective, Certificate("violation", violation, math.inf, text)

    def _looked(self, position: npt.ArrayLike) -> tuple[float, float, float]:
        """Return objective, duality gap and largest violation."""
        w, n = np.array(position, dtype=np.float64), self.labels.size
        scores, slopes = self.scores(w), np.empty(n)
        losses = float(write_slopes(self.loss, scores, self.labels, slopes))
        dual = _summing_to_zero(slopes) if self.intercept else slopes
        measure = self._in_groups if self.grouped else self._one_by_one
        penalty, farthest, divisor, duality = measure(w[: self.penalised], dual)
        violation = max(farthest, abs(float(slopes.mean())) if self.intercept else 0.0)
        gap = float(self.loss.divergence(scores, self.labels, dual / divisor).mean()) + duality
        objective = losses / n + penalty
        return objective, gap + ROUNDING * abs(objective) if gap == gap else math.inf, violation

    def _one_by_one(self, w: Floats, dual: Floats) -> tuple[float, float, float, float]:
        """Return penalty, largest distance, divisor of the dual point, and the sum of Fenchel-Young terms."""
        v, distances, duality = np.empty(self.penalised), np.empty(self.penalised), np.empty(self.penalised + 1)
        penalty = write_misfits(self, w, dual, v, distances, duality)
        return penalty, float(distances.max()), float(duality[-1]), float(duality[:-1].sum())

    def _in_groups(self, w: Floats, dual: Floats) -> tuple[float, float, float, float]:
        """Return the same of a penalty in groups."""
        v = np.asarray(self.columns.matrix().T @ dual) / -dual.size
        penalty, divisor = self.penalty.total(w), self.penalty.divisor(v)
        return penalty, float(self.penalty.distances(w, v).max()), divisor, max(penalty - float(w @ v) / divisor, 0.0)


def _summing_to_zero(u: Floats) -> Floats:
    """Scale the positive or the negative entries down."""
    above, below = float(u[u > 0].sum()), -float(u[u < 0].sum())
    factors = min(1.0, below / max(above, 1e-300)), min(1.0, above / max(below, 1e-300))
    return np.where(u > 0, u * factors[0], u * factors[1])


def column_target(problem: Any) -> Any:
    """Return a regression model, or the target of one, as a target by columns; None where it is neither."""
    target = problem.as_target() if isinstance(problem, (LinearModel, Penalised)) else problem
    if isinstance(target, ColumnTarget):
        return target
    if not (getattr(target, "linear", False) and hasattr(target, "penalised") and hasattr(target.loss, "loss_divergence")):
        return None
    intercept = target.dim - target.penalised
    columns = as_columns(target.design)
    if intercept:
        columns = columns_of("X", columns.matrix()[:, :-1])
    return ColumnTarget(columns, target.loss, target.labels, ElasticNet(target.l1, target.l2), target.penalised, intercept)


class Penalised:
    """A regression model with another penalty than l2 and l1.

    Parameters
    ----------
    model : LinearRegression, LogisticRegression, PoissonRegression or SquaredHinge
        Without penalties of its own.
    penalty : part
        `ElasticNet(l1, l2)`, `Box(lower, upper)`, `MCP(l1, gamma)`, `SCAD(l1, a)`, `GroupLasso(l1, groups)`, or one of your own
        with their methods.

    Raises
    ------
    StochinfError
        If the model is of another kind or has a penalty, or the penalty has no `prox`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LinearRegression([[1.0, 0.0], [0.0, 1.0]], [3.0, -1.0])
    >>> si.minimize(si.models.Penalised(model, si.models.Box(0.0)), si.optim.CoordinateDescent()).x
    array([3., 0.])
    """

    def __init__(self, model: Any, penalty: Any) -> None:
        if not isinstance(model, LinearModel):
            raise StochinfError(f"Penalised: {type(model).__name__} is no linear model; give for example models.LinearRegression")
        if model.l1 or model.l2:
            raise StochinfError(f"Penalised: the model has l1 = {model.l1}, l2 = {model.l2}; put them into ElasticNet(l1, l2)")
        if not (is_part(type(penalty)) and (hasattr(penalty, "prox") or getattr(penalty, "grouped", False))):
            raise StochinfError(f"Penalised: {penalty!r} is no penalty; give for example stochinf.models.MCP(0.1)")
        groups = getattr(penalty, "groups", None)
        if groups is not None and groups.size != model.X.shape[1]:
            raise StochinfError(f"Penalised: groups of {groups.size} coefficients, and the model has {model.X.shape[1]}")
        self.model, self.penalty = model, penalty

    def __repr__(self) -> str:
        return f"Penalised({self.model!r}, {self.penalty!r})"

    def as_target(self) -> ColumnTarget:
        """Return what compiled code reads."""
        return column_target(self.model.as_target())._replace(penalty=self.penalty)  # type: ignore[no-any-return]

    def recipe(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {"model": self.model, "penalty": self.penalty}


class Lasso:
    r"""Least squares with an l1 penalty, scikit-learn's objective.

    .. math:: f(w, b) = \frac{1}{2 n} |y - X w - b|^2 + \alpha |w|_1

    Parameters
    ----------
    X : array-like of shape (n, dim), or scipy sparse matrix or array of any format
        Finite features; float64 and float32 in CSC or Fortran order are not copied.
    y : array-like of shape (n,)
        Finite numbers.
    alpha : float
        Strength of the penalty, not negative.
    intercept : bool
        Add a coefficient, the last, that is not penalised.

    Attributes
    ----------
    X : DenseColumns or CompressedColumns
    y : ndarray of shape (n,)
    alpha : float
    intercept : bool

    Raises
    ------
    StochinfError
        If the features are no finite matrix, the responses do not serve, or alpha is negative.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.Lasso([[1.0, 0.0], [0.0, 1.0]], [3.0, 0.1], alpha=0.5)
    >>> round(model.alpha_max, 6)
    1.5
    >>> result = si.minimize(model)
    >>> result.x, result.gap < 1e-5
    (array([2., 0.]), True)
    """

    def __init__(self, X: Any, y: Any, alpha: float, intercept: bool = False) -> None:
        self.X: DenseColumns | CompressedColumns = columns_of("Lasso: X", X)
        self.y = real_responses("Lasso: y", y, self.X.shape[0])
        self.alpha = convert("Lasso.alpha", alpha, float)
        if not (self.alpha >= 0 and math.isfinite(self.alpha)):
            raise StochinfError(f"Lasso: alpha = {alpha}; a finite number of at least 0 is needed")
        self.intercept = bool(intercept)

    def __repr__(self) -> str:
        kind = "sparse" if isinstance(self.X, CompressedColumns) else "dense"
        n, dim = self.X.shape
        return f"Lasso(n={n}, dim={dim}, {kind}, alpha={self.alpha:g}{', intercept=True' if self.intercept else ''})"

    @property
    def alpha_max(self) -> float:
        """The smallest alpha at which every coefficient is zero."""
        y = self.y - self.y.mean() if self.intercept else self.y
        return float(np.abs(self.X.matrix().T @ y).max()) / y.size

    def as_target(self) -> ColumnTarget:
        """Return what compiled code reads."""
        return ColumnTarget(self.X, SquaredLoss(), self.y, L1(self.alpha), self.X.shape[1], int(self.intercept))

    def recipe(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {"X": self.X, "y": self.y, "alpha": self.alpha, "intercept": self.intercept}
