r"""The support vector machine with squared hinge loss.

.. math:: f(w) = \frac1n \sum_i \max(0, 1 - y_i x_i \cdot w)^2 + \frac{\lambda_2}{2} |w|^2 + \lambda_1 |w|_1

LIBLINEAR's objective :math:`\frac12 |w|^2 + C \sum_i \max(0, 1 - y_i x_i \cdot w)^2` is :math:`f / \lambda_2` with
:math:`\lambda_2 = 1 / (n C)`.

References
----------
Hsieh, C.-J. et al. (2008). A dual coordinate descent method for large-scale linear SVM. ICML, equations (1), (2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.models.losses import SquaredHingeLoss
from stochinf.models.regression import LinearModel
from stochinf.models.responses import binary_labels

__all__ = ["SquaredHinge"]

Floats = npt.NDArray[np.float64]


class SquaredHinge(LinearModel):
    """Classification by the squared hinge loss with l2 and l1 penalties, on dense or sparse features.

    Parameters
    ----------
    X : array-like of shape (n, dim), or scipy sparse matrix or array of any format
        Finite features.
    y : array-like of shape (n,)
        Labels of two kinds; the second in order is +1.
    l2, l1 : float
        Strengths of the penalties l2/2 |w|^2 and l1 |w|_1 beside the *mean* loss.
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
        If the features are no finite matrix, the responses do not serve, or a penalty is negative.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.SquaredHinge([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], ["no", "yes", "no"], l2=0.1)
    >>> model.as_target().objective([0.0, 0.0])
    1.0
    """

    loss = SquaredHingeLoss()

    def _responses(self, name: str, y: Any, n: int) -> Floats:
        labels, self.classes = binary_labels(name, y, n)
        return labels

    def _described(self) -> str:
        return f", classes={tuple(self.classes.tolist())}"

    def recipe(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return super().recipe() | {"y": np.where(self.y > 0, self.classes[1], self.classes[0])}
