r"""What the linear regression models share: checked data, penalties, an intercept, and the target that compiled code reads.

.. math:: f(w, b) = \frac1n \sum_i \ell(x_i \cdot w + b, y_i) + \frac{\lambda_2}{2} |w|^2 + \lambda_1 |w|_1

With `intercept=True` the features get a last column of ones, whose coefficient b is the last and is not penalised. Weights of
rows and classes are those of `stochinf.models.weights`.

References
----------
Hastie, T., Tibshirani, R. and Friedman, J. (2009). The Elements of Statistical Learning, 2nd edition, sections 3.4 and 4.4.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import convert
from stochinf.models.design import CompressedRows, as_design, features, matrix, with_intercept
from stochinf.models.linear import LinearTarget
from stochinf.models.weights import row_weights, weighted

__all__ = ["LinearModel"]

Floats = npt.NDArray[np.float64]


class LinearModel(ABC):
    """Base of the regression models: subclasses name their loss and check their responses.

    Attributes
    ----------
    X : ndarray or CompressedRows
    y : ndarray of shape (n,)
    l2, l1 : float
    intercept : bool
    sample_weight : ndarray of shape (n,) or None
        Weights of rows, those of their classes included, scaled to a mean of 1.
    """

    loss: Any = None

    def __init__(
        self,
        X: Any,
        y: Any,
        l2: float = 0.0,
        l1: float = 0.0,
        intercept: bool = False,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
    ) -> None:
        name = type(self).__name__
        self.X = features(f"{name}: X", X)
        self.y = self._responses(f"{name}: y", y, self.X.shape[0])
        self.l2, self.l1 = (_strength(name, field, value) for field, value in (("l2", l2), ("l1", l1)))
        self.intercept = bool(intercept)
        classes = getattr(self, "classes", None)
        self.sample_weight = row_weights(name, sample_weight, class_weight, self._codes(), classes)

    def _codes(self) -> npt.NDArray[Any]:
        """Return the class of every row, where there are classes."""
        return (np.asarray(self.y) > 0).astype(np.int64)

    @abstractmethod
    def _responses(self, name: str, y: Any, n: int) -> Floats:
        """Return the responses, checked."""

    def _described(self) -> str:
        """Return what the representation says between the data and the penalties."""
        return ""

    def __repr__(self) -> str:
        kind = "sparse" if isinstance(self.X, CompressedRows) else "dense"
        n, dim = self.X.shape
        rest = f", l1={self.l1:g}" if self.l1 else ""
        rest += ", intercept=True" if self.intercept else ""
        rest += ", weighted" if self.sample_weight is not None else ""
        return f"{type(self).__name__}(n={n}, dim={dim}, {kind}{self._described()}, l2={self.l2:g}{rest})"

    def as_target(self) -> Any:
        """Return what compiled code reads."""
        rows = with_intercept(self.X) if self.intercept else self.X
        loss, labels = weighted(self.loss, self.y, self.sample_weight)
        return LinearTarget(as_design(rows), loss, labels, self.l2, self.l1, self.X.shape[1])

    def recipe(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        made = {"X": self.X, "y": self.y, "l2": self.l2, "l1": self.l1, "intercept": self.intercept}
        return made if self.sample_weight is None else {**made, "sample_weight": self.sample_weight}

    def scores(self, coefficients: npt.ArrayLike, X: Any = None) -> Floats:
        """Return x.w + b for each row of X (by default the data), shape (..., n).

        Parameters
        ----------
        coefficients : array-like of shape (..., dim)
            One set, or draws of a posterior; with an intercept it is the last.
        X : array-like or sparse matrix of shape (n, dim), optional

        Raises
        ------
        StochinfError
            If the last axis is not as long as there are coefficients.
        """
        rows = matrix(self.X if X is None else features("X", X))
        w = np.asarray(coefficients, dtype=np.float64)
        if w.shape[-1] != rows.shape[1] + self.intercept:
            raise StochinfError(
                f"coefficients of shape {w.shape} for {rows.shape[1]} features; the last axis is the feature"
                + (", and then the intercept" if self.intercept else "")
            )
        flat = w.reshape(-1, w.shape[-1])
        scores = np.asarray(rows @ flat[:, : rows.shape[1]].T).T
        if self.intercept:
            scores = scores + flat[:, -1:]
        return scores.reshape(*w.shape[:-1], -1)


def _strength(model: str, field: str, value: Any) -> float:
    number = convert(f"{model}.{field}", value, float)
    if not (number >= 0 and math.isfinite(number)):
        raise StochinfError(f"{model}: {field} = {value}; a finite number of at least 0 is needed")
    return float(number)
