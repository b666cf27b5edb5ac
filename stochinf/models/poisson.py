r"""Poisson regression with the logarithm as link.

.. math:: f(w) = \frac1n \sum_i (e^{x_i \cdot w} - y_i x_i \cdot w) + \frac{\lambda_2}{2} |w|^2 + \lambda_1 |w|_1

The loss is the negative log likelihood without :math:`\log y!`; its curvature has no bound, so that a rate cannot be taken from
the data alone.

References
----------
McCullagh, P. and Nelder, J. A. (1989). Generalized Linear Models, 2nd edition, section 6.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.models.losses import PoissonLoss
from stochinf.models.regression import LinearModel
from stochinf.models.responses import real_responses

__all__ = ["PoissonRegression"]

Floats = npt.NDArray[np.float64]


class PoissonRegression(LinearModel):
    """Poisson regression with l2 and l1 penalties, on dense or sparse features.

    Parameters
    ----------
    X : array-like of shape (n, dim), or scipy sparse matrix or array of any format
        Finite features.
    y : array-like of shape (n,)
        Counts: finite numbers of at least 0.
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
    >>> model = si.models.PoissonRegression([[0.0], [1.0], [2.0]], [1, 3, 7], l2=0.1)
    >>> model.as_target().objective([0.0])
    1.0
    """

    loss = PoissonLoss()

    def _responses(self, name: str, y: Any, n: int) -> Floats:
        return real_responses(name, y, n, least=0.0)

    def rates(self, coefficients: npt.ArrayLike, X: Any = None) -> Floats:
        """Return the expected count exp(x.w) for each row of X (by default the data), shape (..., n).

        Parameters
        ----------
        coefficients : array-like of shape (..., dim)
            One set, or draws of a posterior.
        X : array-like or sparse matrix of shape (n, dim), optional
        """
        return np.exp(self.scores(coefficients, X))
