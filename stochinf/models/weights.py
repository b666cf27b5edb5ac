r"""Weights of rows and of classes.

With weights :math:`c_i`, scaled to a mean of 1, the objective of a model is

.. math:: f(w) = \frac1n \sum_i c_i \, \ell(x_i \cdot w, y_i) + \text{penalties}.

Compiled code reads one number per row: the response, with the weight as its imaginary part.

References
----------
King, G. and Zeng, L. (2001). Logistic regression in rare events data. Political Analysis 9, equation (10): weights by class.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.models.losses import write_slopes
from stochinf.models.responses import real_responses

__all__ = ["WeightedLoss", "as_responses", "row_weights", "weighted"]

Floats = npt.NDArray[np.float64]


@part
class WeightedLoss(NamedTuple):
    """A loss times the weight of its row; the response is y + i c.

    Attributes
    ----------
    inner : part
        Of `stochinf.models.losses`.
    steepest : float
        Bound of the curvature, that of `inner` times the largest weight.

    Examples
    --------
    >>> from stochinf.models.losses import SquaredLoss
    >>> from stochinf.models.weights import WeightedLoss
    >>> WeightedLoss(SquaredLoss(), 3.0).loss_value(2.0, 1.0 + 3.0j)
    1.5
    """

    inner: Any
    steepest: float

    def loss_value(self, z: float, y: complex) -> float:
        """Return the loss."""
        return y.imag * self.inner.loss_value(z, y.real)  # type: ignore[no-any-return]

    def loss_slope(self, z: float, y: complex) -> float:
        """Return the derivative in z."""
        return y.imag * self.inner.loss_slope(z, y.real)  # type: ignore[no-any-return]

    def loss_curvature(self, z: float, y: complex) -> float:
        """Return the second derivative in z."""
        return y.imag * self.inner.loss_curvature(z, y.real)  # type: ignore[no-any-return]

    def loss_divergence(self, z: float, y: complex, u: float) -> float:
        """Return the divergence of one row: c D(z, y, u / c)."""
        if y.imag == 0.0:
            return 0.0
        return y.imag * self.inner.loss_divergence(z, y.real, u / y.imag)  # type: ignore[no-any-return]

    def total(self, z: Floats, y: npt.NDArray[np.complex128]) -> float:
        """Return the sum of the losses."""
        return write_slopes(self, np.ascontiguousarray(z, dtype=np.float64), y, np.empty(z.size))

    def divergence(self, z: Floats, y: npt.NDArray[np.complex128], u: Floats) -> Floats:
        """Return the divergences of all rows."""
        weights = np.where(y.imag > 0, y.imag, 1.0)
        return np.asarray(y.imag * self.inner.divergence(z, np.ascontiguousarray(y.real), u / weights))


def weighted(loss: Any, responses: Floats, weights: Floats | None) -> tuple[Any, npt.NDArray[Any]]:
    """Return a loss and responses as compiled code reads them, with weights where there are any."""
    if weights is None:
        return loss, responses
    return WeightedLoss(loss, loss.steepest * float(weights.max())), responses + 1j * weights


def as_responses(labels: Any) -> npt.NDArray[Any]:
    """Return responses, weighted or not, as an array that compiled code reads."""
    return np.require(labels, np.complex128 if np.iscomplexobj(labels) else np.float64, ["C", "A", "W"])


def row_weights(
    name: str,
    sample_weight: Any,
    class_weight: Any,
    codes: npt.NDArray[Any],
    classes: npt.NDArray[Any] | None,
    scaled: bool = True,
) -> Floats | None:
    """Return the weights of rows, scaled to a mean of 1, or None where there are none.

    Parameters
    ----------
    name : str
        How messages call the model.
    sample_weight : array-like of shape (n,), optional
        At least 0, not all 0.
    class_weight : dict or "balanced", optional
        The weight of every class, 1 for those left out; "balanced" takes n / (k n_c), with n_c rows of class c out of k.
    codes : ndarray of shape (n,)
        The class of every row: its place in `classes`.
    classes : ndarray of shape (k,) or None
        None where responses are no classes.
    scaled : bool
        Scale them; else they stay as they are given.

    Raises
    ------
    StochinfError
        If weights are negative, not finite, all zero or of the wrong length; or for classes that there are not.
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = np.ones(codes.size)
    if sample_weight is not None:
        weights = real_responses(f"{name}: sample_weight", sample_weight, codes.size, least=0.0)
    if class_weight is not None:
        if classes is None:
            raise StochinfError(f"{name}: class_weight = {class_weight!r}, and the responses are no classes; give sample_weight")
        weights = weights * _by_class(name, class_weight, codes, classes)[codes]
    total = float(weights.sum())
    if not total > 0:
        raise StochinfError(f"{name}: the weights of all rows are 0; one at least must be positive")
    close = abs(total - weights.size) <= 1e-12 * weights.size
    return weights if close or not scaled else weights * (weights.size / total)


def _by_class(name: str, given: Any, codes: npt.NDArray[Any], classes: npt.NDArray[Any]) -> Floats:
    """Return the weight of every class."""
    if isinstance(given, str) and given == "balanced":
        counts = np.bincount(codes, minlength=classes.size)
        return np.asarray(codes.size / (classes.size * np.maximum(counts, 1.0)))
    if not isinstance(given, Mapping):
        raise StochinfError(f"{name}: class_weight = {given!r}; a dict of weights by class or 'balanced' is needed")
    known = classes.tolist()
    strange = [label for label in given if label not in known]
    if strange:
        raise StochinfError(
            f"{name}: class_weight has the class {strange[0]!r}; the labels are {', '.join(map(repr, known[:5]))}"
        )
    weights = np.array([float(given.get(label, 1.0)) for label in known])
    wrong = [(label, w) for label, w in zip(known, weights.tolist(), strict=True) if not (w >= 0 and math.isfinite(w))]
    if wrong:
        raise StochinfError(f"{name}: class_weight of {wrong[0][0]!r} is {wrong[0][1]}; a finite number of at least 0 is needed")
    return weights
