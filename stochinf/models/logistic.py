r"""Logistic regression: a loss to minimise, and a posterior to sample.

With rows :math:`x_i`, labels :math:`y_i \in \{-1, +1\}` and coefficients :math:`w` the objective is

.. math:: f(w) = \frac{1}{n} \sum_i \log(1 + e^{-y_i x_i \cdot w}) + \frac{\lambda_2}{2} |w|^2 + \lambda_1 |w|_1,

and the log density is :math:`-n f(w)`: the likelihood of the labels times a normal prior of precision :math:`n \lambda_2` (times
a Laplace prior of rate :math:`n \lambda_1`) on each coefficient, unnormalised (flat and perhaps improper without penalties).

References
----------
Hastie, T., Tibshirani, R. and Friedman, J. (2009). The Elements of Statistical Learning, 2nd edition, section 4.4, eq. (4.20).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.models.losses import LogisticLoss
from stochinf.models.regression import LinearModel
from stochinf.models.responses import binary_labels

__all__ = ["LogisticRegression"]

Floats = npt.NDArray[np.float64]


class LogisticRegression(LinearModel):
    """Logistic regression with l2 and l1 penalties, on dense or sparse features.

    Parameters
    ----------
    X : array-like of shape (n, dim), or scipy sparse matrix or array of any format
        Finite features; sparse ones become CSR with duplicates summed.
    y : array-like of shape (n,)
        Labels of two kinds; the second in order is +1.
    l2 : float
        Strength of the penalty l2/2 |w|^2 beside the *mean* loss: scikit-learn's C is 1 / (n l2).
    l1 : float
        Strength of the penalty l1 |w|_1.
    intercept : bool
        Add a coefficient, the last, that is not penalised.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, at least 0; they are scaled to a mean of 1.
    class_weight : dict or "balanced", optional
        Weights of the classes, 1 for those left out; "balanced" lets all count alike.

    Attributes
    ----------
    X : ndarray or CompressedRows
    y : ndarray of shape (n,)
        -1 and +1.
    classes : ndarray of shape (2,)
        The labels in order.
    l2, l1 : float
    intercept : bool

    Raises
    ------
    StochinfError
        If the features are no finite matrix, the labels are not of two kinds or too few, or a penalty is negative.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], ["no", "yes", "no"], l2=0.1)
    >>> model
    LogisticRegression(n=3, dim=2, dense, classes=('no', 'yes'), l2=0.1)
    >>> model.as_target().objective([0.0, 0.0]).__round__(4)
    0.6931
    """

    loss = LogisticLoss()

    def _responses(self, name: str, y: Any, n: int) -> Floats:
        labels, self.classes = binary_labels(name, y, n)
        return labels

    def _described(self) -> str:
        return f", classes={tuple(self.classes.tolist())}"

    def recipe(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return super().recipe() | {"y": np.where(self.y > 0, self.classes[1], self.classes[0])}

    def probabilities(self, coefficients: npt.ArrayLike, X: Any = None) -> Floats:
        """Return the chance of the second class for each row of X (by default the data), shape (..., n).

        Parameters
        ----------
        coefficients : array-like of shape (..., dim)
            One set, or draws of a posterior.
        X : array-like or sparse matrix of shape (n, dim), optional
        """
        return np.exp(-np.logaddexp(0.0, -self.scores(coefficients, X)))
