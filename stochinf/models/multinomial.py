r"""Multinomial (softmax) regression.

.. math:: f(W) = \frac1n \sum_i \Big( \log \sum_c e^{w_c \cdot x_i} - w_{y_i} \cdot x_i \Big) + \frac{\lambda_2}{2} |W|^2
    + \lambda_1 |W|_1

with a vector of coefficients per class; a position is the matrix W, row by row, shape (classes * dim,). The curvature of a row is
at most :math:`|x|^2 / 2`.

References
----------
Hastie, T., Tibshirani, R. and Friedman, J. (2009). The Elements of Statistical Learning, 2nd edition, section 4.4.
Böhning, D. (1992). Multinomial logistic regression algorithm. Ann. Inst. Statist. Math. 44: the bound of the curvature.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.loop import evaluate
from stochinf.engine.parts import part
from stochinf.models.batch import member, size_of
from stochinf.models.certificates import Certificate, least_subgradient
from stochinf.models.design import CompressedRows, as_design, with_intercept
from stochinf.models.finite_sum import write_whole
from stochinf.models.linear import squared_norms
from stochinf.models.multinomial_gap import multinomial_gap
from stochinf.models.regression import LinearModel
from stochinf.models.responses import class_labels

__all__ = ["MultinomialRegression", "MultinomialTarget"]

Floats = npt.NDArray[np.float64]

EMPTY = np.empty(0)


class MultinomialRegression(LinearModel):
    """Multinomial regression with l2 and l1 penalties, on dense or sparse features.

    Parameters
    ----------
    X : array-like of shape (n, dim), or scipy sparse matrix or array of any format
        Finite features.
    y : array-like of shape (n,)
        Labels of at least two kinds.
    l2, l1 : float
        Strengths of the penalties l2/2 |W|^2 and l1 |W|_1 beside the *mean* loss.
    intercept : bool
        Add a coefficient per class, the last of its row, that is not penalised.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, at least 0; they are scaled to a mean of 1.
    class_weight : dict or "balanced", optional
        Weights of the classes, 1 for those left out; "balanced" lets all count alike.

    Attributes
    ----------
    X : ndarray or CompressedRows
    y : ndarray of shape (n,)
        0, ..., k - 1.
    classes : ndarray of shape (k,)
        The labels in order.
    l2, l1 : float
    intercept : bool

    Raises
    ------
    StochinfError
        If the features are no finite matrix, the labels do not serve, or a penalty is negative.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.MultinomialRegression([[0.0], [1.0], [2.0], [3.0]], ["a", "b", "b", "c"], l2=0.1, intercept=True)
    >>> result = si.minimize(model)
    >>> result.success, model.probabilities(result.x).shape
    (True, (4, 3))
    """

    def _responses(self, name: str, y: Any, n: int) -> Any:
        codes, self.classes = class_labels(name, y, n)
        return codes

    def _codes(self) -> Any:
        return self.y

    def _described(self) -> str:
        return f", classes={self.classes.size}"

    def as_target(self) -> Any:
        """Return what compiled code reads."""
        rows = with_intercept(self.X) if self.intercept else self.X
        return MultinomialTarget(
            as_design(rows),
            np.asarray(self.y, np.int64),
            self.classes.size,
            self.l2,
            self.l1,
            self.X.shape[1],
            np.ones(self.y.size) if self.sample_weight is None else self.sample_weight,
        )

    def recipe(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return super().recipe() | {"y": self.classes[self.y]}

    def probabilities(self, coefficients: npt.ArrayLike, X: Any = None) -> Floats:
        """Return the chance of every class for each row of X (by default the data), shape (n, classes).

        Parameters
        ----------
        coefficients : array-like of shape (classes * dim,) or (classes, dim)
        X : array-like or sparse matrix of shape (n, dim), optional
        """
        from scipy.special import softmax

        w = np.asarray(coefficients, dtype=np.float64).reshape(self.classes.size, -1)
        return np.asarray(softmax(self.scores(w, X).T, axis=1))


@part
class MultinomialTarget(NamedTuple):
    """Multinomial regression as compiled code reads it; the log density is -n f(W).

    Attributes
    ----------
    design : DenseRows or CompressedRows
        Shape (n, width).
    labels : ndarray of shape (n,)
    classes : int
    l2, l1 : float
    penalised : int
        How many columns, from the first, the penalties see.
    weights : ndarray of shape (n,)
        Of the rows, of mean 1; all alike by default.
    scores : ndarray of shape (classes,)
        Work space.
    """

    design: Any
    labels: npt.NDArray[np.int64]
    classes: int
    l2: float
    l1: float
    penalised: int
    weights: Floats = EMPTY
    scores: Floats = EMPTY

    def checked(self) -> MultinomialTarget:
        """Make room to work in."""
        if self.scores.size:
            return self
        weights = self.weights if self.weights.size else np.ones(self.labels.size)
        return self._replace(weights=weights, scores=np.zeros(self.classes))

    def private(self) -> MultinomialTarget:
        """Return the same target with work space of its own."""
        return self._replace(scores=np.zeros(self.classes))

    def terms(self) -> int:
        """Return the number of rows."""
        return self.labels.size

    def lasso(self, j: int) -> float:
        """Return the l1 penalty of a coordinate."""
        return self.l1 if j % self.design.width() < self.penalised else 0.0

    def row_loss(self, row: int, position: Floats) -> float:
        """Write the chances of the classes of a row into the work space; return its loss."""
        width, most = self.design.width(), -np.inf
        for c in range(self.classes):
            z = 0.0
            for k in range(self.design.first(row), self.design.end(row)):
                z += self.design.entry(row, k) * position[c * width + np.int64(self.design.column(k))]
            self.scores[c] = z
            most = max(most, z)
        total, own = 0.0, self.scores[self.labels[row]]
        for c in range(self.classes):
            self.scores[c] = math.exp(self.scores[c] - most)
            total += self.scores[c]
        for c in range(self.classes):
            self.scores[c] /= total
        return float(self.weights[row] * (math.log(total) + most - own))

    def add_slope(self, row: int, weight: float, out: Floats) -> None:
        """Add weight times the gradient of the row whose chances are in the work space."""
        width = self.design.width()
        for c in range(self.classes):
            slope = weight * self.weights[row] * (self.scores[c] - (1.0 if c == self.labels[row] else 0.0))
            for k in range(self.design.first(row), self.design.end(row)):
                out[c * width + np.int64(self.design.column(k))] += slope * self.design.entry(row, k)

    def penalty(self, position: Floats) -> float:
        """Return l2/2 |W|^2 + l1 |W|_1."""
        width, squares, absolutes = self.design.width(), 0.0, 0.0
        for c in range(self.classes):
            for j in range(self.penalised):
                squares += position[c * width + j] * position[c * width + j]
                absolutes += abs(position[c * width + j])
        return 0.5 * self.l2 * squares + self.l1 * absolutes

    def shrink_into(self, position: Floats, out: Floats) -> None:
        """Write the gradient of the l2 penalty."""
        width = self.design.width()
        for j in range(out.size):
            out[j] = self.l2 * position[j] if j % width < self.penalised else 0.0

    def value(self, position: Floats, point: Any) -> float:
        """Return the mean loss of the rows of a point, plus the penalty."""
        total = 0.0
        for k in range(size_of(point)):
            total += self.row_loss(member(point, k), position)
        return total / size_of(point) + self.penalty(position)

    def gradient(self, position: Floats, point: Any, out: Floats) -> None:
        """Write the mean gradient of the rows of a point, plus l2 W."""
        self.shrink_into(position, out)
        for k in range(size_of(point)):
            row = member(point, k)
            self.row_loss(row, position)
            self.add_slope(row, 1.0 / size_of(point), out)

    def whole(self, position: Floats, out: Floats) -> float:
        """Write the gradient of f without l1; return f."""
        n, total = self.labels.size, 0.0
        self.shrink_into(position, out)
        for row in range(n):
            total += self.row_loss(row, position)
            self.add_slope(row, 1.0 / n, out)
        return total / n + self.penalty(position)

    def log_density(self, position: Floats) -> float:
        """Return -n f(W)."""
        total = 0.0
        for row in range(self.labels.size):
            total += self.row_loss(row, position)
        return -total - self.labels.size * self.penalty(position)

    @property
    def sparse(self) -> bool:
        """Whether rows are compressed."""
        return isinstance(self.design, CompressedRows)

    @property
    def dim(self) -> int:
        """Number of coefficients."""
        return int(self.classes * self.design.shape[1])

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return int(self.labels.size)

    def start(self, generator: np.random.Generator) -> Floats:
        """Return zeros."""
        return np.zeros(self.dim)

    def variables(self, positions: Floats) -> dict[str, Floats]:
        """Return the coefficients, shape (chain, draw, classes, width)."""
        return {"coefficients": positions.reshape(*positions.shape[:-1], self.classes, -1)}

    def objective(self, position: Floats) -> float:
        """Return f(W)."""
        return -float(evaluate(self, np.array(position, dtype=np.float64))) / self.n_points

    def full_gradient(self, position: Floats) -> Floats:
        """Return the gradient of f; with l1, its subgradient of least norm."""
        at, out = np.array(position, dtype=np.float64), np.empty(self.dim)
        write_whole(self, at, out)
        if self.l1 == 0:
            return out
        width = self.design.shape[1]
        parts = zip(out.reshape(-1, width), at.reshape(-1, width), strict=True)
        return np.concatenate([least_subgradient(slope, w, self.l1, self.penalised) for slope, w in parts])

    def certificate(self, position: Floats) -> Certificate:
        """Return the duality gap where there is an l1 penalty, else the norm of the gradient; the bound is the duality gap."""
        gap = multinomial_gap(self, np.array(position, dtype=np.float64))
        if self.l1 > 0:
            return Certificate("gap", gap, gap, "duality gap: f - min f is at most this")
        norm = float(np.linalg.norm(self.full_gradient(position)))
        if self.l2 > 0:
            return Certificate("grad_norm", norm, gap, f"norm of the gradient; f - min f is at most the duality gap {gap:.3g}")
        return Certificate("grad_norm", norm, math.inf, "norm of the gradient; nothing is known that bounds f - min f")

    def row_smoothness(self) -> float:
        """Return the largest Lipschitz constant of a row's gradient, max |x|^2 / 2 + l2."""
        return 0.5 * float((self.weights * squared_norms(self.design)).max()) + self.l2
