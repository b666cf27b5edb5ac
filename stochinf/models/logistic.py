r"""Logistic regression: a loss to minimise, and a posterior to sample.

With rows :math:`x_i`, labels :math:`y_i \in \{-1, +1\}` and coefficients :math:`w` the objective is

.. math:: f(w) = \frac{1}{n} \sum_i \log(1 + e^{-y_i x_i \cdot w}) + \frac{\lambda}{2} |w|^2,

and the log density is :math:`-n f(w)`: the likelihood of the labels times a normal prior of precision :math:`n \lambda` on
each coefficient, unnormalised (flat and perhaps improper for :math:`\lambda = 0`). There is no intercept: add a column of
ones to the features.

References
----------
Hastie, T., Tibshirani, R. and Friedman, J. (2009). The Elements of Statistical Learning, 2nd edition, section 4.4, eq. (4.20).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import convert, part
from stochinf.models.design import CompressedRows, binary_labels, features
from stochinf.models.linear import DenseRows, LinearModel, Smoothness, SparseRows, largest_eigenvalue, sharing, squared_norms

__all__ = ["DenseLogistic", "LogisticRegression", "SparseLogistic"]

Floats = npt.NDArray[np.float64]


@helper()
def log_loss(margin: float) -> float:
    """Return log(1 + exp(-margin)) without overflow."""
    return max(-margin, 0.0) + math.log1p(math.exp(-abs(margin)))


@helper()
def misfit(margin: float) -> float:
    """Return 1 / (1 + exp(margin)), the chance that the model gives to the other label, without overflow."""
    small = math.exp(-abs(margin))
    return (small if margin > 0.0 else 1.0) / (1.0 + small)


class _Logistic:
    """The loss, its derivative, and its curvature of at most 1/4."""

    def loss(self: Any, row: int, score: float) -> float:
        """Return log(1 + exp(-y score))."""
        return log_loss(self.labels[row] * score)

    def slope(self: Any, row: int, score: float) -> float:
        """Return the derivative of the loss in the score."""
        return -self.labels[row] * misfit(self.labels[row] * score)  # type: ignore[no-any-return]

    def row_smoothness(self: Any) -> float:
        """Return the largest Lipschitz constant of a row's gradient, max |x|^2 / 4 + l2."""
        return 0.25 * float(squared_norms(self.features()).max()) + float(self.l2)

    def smoothness(self: Any) -> Smoothness:
        """Return the constants of a row's gradient and of the whole, the largest eigenvalue of X'X / (4 n) + l2."""
        return Smoothness(self.row_smoothness(), 0.25 * largest_eigenvalue(self.features()) / self.n_points + self.l2)


@part(reorder=True)
@sharing(LinearModel, DenseRows, _Logistic)
class DenseLogistic(NamedTuple):
    """Logistic regression on dense rows: what compiled code reads. Made by `LogisticRegression.as_target`.

    Attributes
    ----------
    rows : ndarray of shape (n, dim)
    labels : ndarray of shape (n,)
        -1 and +1.
    l2 : float
    """

    rows: Floats
    labels: Floats
    l2: float

    def features(self) -> Floats:
        """Return the features."""
        return self.rows


@part(sparse=True)
@sharing(LinearModel, SparseRows, _Logistic)
class SparseLogistic(NamedTuple):
    """Logistic regression on compressed rows: what compiled code reads. Made by `LogisticRegression.as_target`.

    Attributes
    ----------
    values, columns, row_start : ndarray
        As in `stochinf.models.design.CompressedRows`.
    dim : int
    labels : ndarray of shape (n,)
        -1 and +1.
    l2 : float
    """

    values: Floats
    columns: npt.NDArray[Any]
    row_start: npt.NDArray[Any]
    dim: int
    labels: Floats
    l2: float

    def features(self) -> CompressedRows:
        """Return the features."""
        return CompressedRows(self.values, self.columns, self.row_start, self.dim)


class LogisticRegression:
    """Logistic regression with an l2 penalty, on dense or sparse features.

    Parameters
    ----------
    X : array-like of shape (n, dim), or scipy sparse matrix or array of any format
        Finite features; sparse ones become CSR with duplicates summed.
    y : array-like of shape (n,)
        Labels of two kinds; the second in order is +1.
    l2 : float
        Strength of the penalty l2/2 |w|^2 beside the *mean* loss: scikit-learn's C is 1 / (n l2).

    Attributes
    ----------
    X : ndarray or CompressedRows
    y : ndarray of shape (n,)
        -1 and +1.
    classes : ndarray of shape (2,)
        The labels in order.
    l2 : float

    Raises
    ------
    StochinfError
        If the features are no finite matrix, the labels are not of two kinds or too few, or l2 is negative.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], ["no", "yes", "no"], l2=0.1)
    >>> model
    LogisticRegression(n=3, dim=2, dense, classes=('no', 'yes'), l2=0.1)
    >>> model.as_target().objective([0.0, 0.0]).__round__(4)
    0.6931
    """

    def __init__(self, X: Any, y: Any, l2: float = 0.0) -> None:
        self.X = features("LogisticRegression: X", X)
        self.y, self.classes = binary_labels("LogisticRegression: y", y, self.X.shape[0])
        self.l2 = convert("LogisticRegression.l2", l2, float)
        if not (self.l2 >= 0 and math.isfinite(self.l2)):
            raise StochinfError(f"LogisticRegression: l2 = {l2}; a finite number of at least 0 is needed")

    def __repr__(self) -> str:
        kind = "sparse" if isinstance(self.X, CompressedRows) else "dense"
        n, dim = self.X.shape
        return f"LogisticRegression(n={n}, dim={dim}, {kind}, classes={tuple(self.classes.tolist())}, l2={self.l2:g})"

    def as_target(self) -> Any:
        """Return what compiled code reads: a `DenseLogistic` or a `SparseLogistic`."""
        if isinstance(self.X, CompressedRows):
            return SparseLogistic(self.X.values, self.X.columns, self.X.row_start, self.X.n_columns, self.y, self.l2)
        return DenseLogistic(self.X, self.y, self.l2)

    def recipe(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {"X": self.X, "y": np.where(self.y > 0, self.classes[1], self.classes[0]), "l2": self.l2}

    def probabilities(self, coefficients: npt.ArrayLike, X: Any = None) -> Floats:
        """Return the chance of the second class for each row of X (by default the data), shape (..., n).

        Parameters
        ----------
        coefficients : array-like of shape (..., dim)
            One set, or draws of a posterior.
        X : array-like or sparse matrix of shape (n, dim), optional
        """
        rows = self.X if X is None else features("X", X)
        matrix = rows.to_scipy() if isinstance(rows, CompressedRows) else rows
        w = np.asarray(coefficients, dtype=np.float64)
        if w.shape[-1] != matrix.shape[1]:
            raise StochinfError(f"coefficients of shape {w.shape} for {matrix.shape[1]} features; the last axis is the feature")
        scores = (matrix @ w.reshape(-1, w.shape[-1]).T).T.reshape(*w.shape[:-1], -1)
        return np.exp(-np.logaddexp(0.0, -scores))
