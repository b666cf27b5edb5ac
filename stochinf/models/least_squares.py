r"""Linear regression by least squares.

.. math:: f(w) = \frac{1}{2n} \sum_i (x_i \cdot w - y_i)^2 + \frac{\lambda_2}{2} |w|^2 + \lambda_1 |w|_1

It is ridge regression with :math:`\lambda_2` alone, the lasso with :math:`\lambda_1` alone, the elastic net with both; the log
density :math:`-n f` is that of a normal likelihood of unit variance.

References
----------
Hastie, T., Tibshirani, R. and Friedman, J. (2009). The Elements of Statistical Learning, 2nd edition,
equations (3.41), (3.52) and (3.54).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.models.losses import SquaredLoss
from stochinf.models.regression import LinearModel
from stochinf.models.responses import real_responses

__all__ = ["LinearRegression"]

Floats = npt.NDArray[np.float64]


class LinearRegression(LinearModel):
    """Least squares with l2 and l1 penalties, on dense or sparse features.

    Parameters
    ----------
    X : array-like of shape (n, dim), or scipy sparse matrix or array of any format
        Finite features.
    y : array-like of shape (n,)
        Finite numbers.
    l2, l1 : float
        Strengths of the penalties l2/2 |w|^2 and l1 |w|_1 beside the *mean* loss.
    intercept : bool
        Add a coefficient, the last, that is not penalised.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, at least 0; they are scaled to a mean of 1.

    Attributes
    ----------
    X : ndarray or CompressedRows
    y : ndarray of shape (n,)
    l2, l1 : float
    intercept : bool

    Raises
    ------
    StochinfError
        If the features are no finite matrix, the responses do not serve, or a penalty is negative.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LinearRegression([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], intercept=True)
    >>> model.as_target().objective([2.0, 1.0])
    0.0
    """

    loss = SquaredLoss()

    def _responses(self, name: str, y: Any, n: int) -> Floats:
        return real_responses(name, y, n)
