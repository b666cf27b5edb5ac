"""Sparse linear models with a certified gap, as scikit-learn estimators."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from stochinf.api.minimizing import minimize
from stochinf.engine.errors import ConvergenceWarning, StochinfError
from stochinf.engine.stop import steps
from stochinf.models.columns import DenseColumns
from stochinf.models.least_squares import LinearRegression
from stochinf.models.logistic import LogisticRegression
from stochinf.models.penalised import ColumnTarget
from stochinf.models.penalties import ElasticNet as Penalty
from stochinf.models.turning import columns_of
from stochinf.models.weights import row_weights, weighted
from stochinf.optim.coordinate.rules import WorkingSets
from stochinf.rbm.checks import whole

__all__ = ["ElasticNet", "Lasso", "SparseLogistic"]

Floats = npt.NDArray[np.float64]


class _Sparse(BaseEstimator):  # type: ignore[misc]
    """What the estimators share."""

    alpha: float
    fit_intercept: bool
    tol: float
    max_iter: int
    warm_start: bool

    def _strengths(self) -> tuple[float, float]:
        """Return l1 and l2."""
        return self.alpha, 0.0

    def _solved(self, loss: Any, X: Any, y: Floats, start: Floats | None, sample_weight: Any) -> Any:
        """Return the result; the columns of dense features are centred, so that the intercept stands apart."""
        columns, width = columns_of("X", X), X.shape[1]
        means = np.zeros(width)
        if self.fit_intercept and isinstance(columns, DenseColumns):
            means = columns.columns.mean(axis=1)
            columns = DenseColumns(columns.columns - means[:, np.newaxis])
        loss, y = weighted(loss, y, row_weights(type(self).__name__, sample_weight, None, y, None))
        target = ColumnTarget(columns, loss, y, Penalty(*self._strengths()), width, int(bool(self.fit_intercept)))
        if start is not None and self.fit_intercept:
            start = np.append(start[:-1], start[-1] + means @ start[:-1])
        rounds = whole("max_iter", self.max_iter)
        result = minimize(target, WorkingSets(float(self.tol)), start, stop=steps(rounds), progress=False)
        if "gap" not in result.message.split(" ")[0]:
            warnings.warn(
                f"{type(self).__name__}: {result.message}, at a gap of {result.gap:.3g}; raise max_iter or tol, or scale X",
                ConvergenceWarning,
                stacklevel=4,
            )
        if self.fit_intercept:
            result.x[-1] -= means @ result.x[:-1]
        return result

    def _split(self, x: Floats) -> tuple[Floats, float]:
        """Return coefficients and intercept."""
        return (x[:-1], float(x[-1])) if self.fit_intercept else (x, 0.0)

    def _joined(self) -> Floats | None:
        """Return where to start: from the last fit with `warm_start`."""
        if not (self.warm_start and hasattr(self, "coef_")):
            return None
        coefficients = np.ravel(self.coef_)
        return np.append(coefficients, self.intercept_) if self.fit_intercept else coefficients

    def _scores(self, X: Any) -> Floats:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=np.float64, reset=False)
        return np.asarray(X @ np.ravel(self.coef_)) + float(np.ravel(self.intercept_)[0])

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class ElasticNet(RegressorMixin, _Sparse):  # type: ignore[misc]
    r"""Least squares with l1 and l2 penalties, by working sets, to a certified gap.

    .. math:: \frac{1}{2 n} |y - X w - b|^2 + \alpha \rho |w|_1 + \frac{\alpha (1 - \rho)}{2} |w|^2

    Parameters
    ----------
    alpha : float
        Strength of the penalty.
    l1_ratio : float
        The share rho of l1, from 0 to 1.
    fit_intercept : bool
        Add an intercept, which is not penalised.
    tol : float
        The duality gap is brought to at most this share of the objective without a model.
    max_iter : int
        Rounds of working sets at most.
    warm_start : bool
        Start from the last fit.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    dual_gap_ : float
        A bound of what the objective lies above its minimum.
    n_iter_ : int
        Rounds done.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.estimators import ElasticNet
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> ElasticNet(0.01).fit(X, X @ [1.0, 0.0, 0.0, 2.0, 0.0]).score(X, X @ [1.0, 0.0, 0.0, 2.0, 0.0]) > 0.99
    True
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 1000,
        warm_start: bool = False,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def _strengths(self) -> tuple[float, float]:
        if not 0 <= self.l1_ratio <= 1:
            raise StochinfError(f"{type(self).__name__}: l1_ratio = {self.l1_ratio}; a number from 0 to 1 is needed")
        return self.alpha * self.l1_ratio, self.alpha * (1.0 - self.l1_ratio)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows, at least 0; they are scaled to a mean of 1.

        Returns
        -------
        ElasticNet
            Itself.
        """
        X, y = validate_data(self, X, y, accept_sparse=["csc", "csr"], dtype=np.float64, y_numeric=True)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        centre = float(np.average(y, weights=sample_weight)) if self.fit_intercept else 0.0
        start = self._joined()
        if start is not None and self.fit_intercept:
            start[-1] -= centre
        result = self._solved(LinearRegression.loss, X, np.asarray(y - centre, dtype=np.float64), start, sample_weight)
        self.coef_, intercept = self._split(result.x)
        self.intercept_, self.dual_gap_, self.n_iter_ = intercept + centre, result.gap, int(result.nit)
        return self

    def predict(self, X: Any) -> Floats:
        """Return x.w + b of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._scores(X)


class Lasso(ElasticNet):
    r"""Least squares with an l1 penalty, by working sets, to a certified gap.

    .. math:: \frac{1}{2 n} |y - X w - b|^2 + \alpha |w|_1

    Parameters
    ----------
    alpha : float
        Strength of the penalty.
    fit_intercept : bool
        Add an intercept, which is not penalised.
    tol : float
        The duality gap is brought to at most this share of the objective without a model.
    max_iter : int
        Rounds of working sets at most.
    warm_start : bool
        Start from the last fit.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    dual_gap_ : float
        A bound of what the objective lies above its minimum.
    n_iter_ : int
        Rounds done.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.estimators import Lasso
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> Lasso(0.1).fit(X, X @ [1.0, 0.0, 0.0, 2.0, 0.0]).coef_.round(1)
    array([0.8, 0. , 0. , 1.9, 0. ])
    """

    def __init__(
        self, alpha: float = 1.0, *, fit_intercept: bool = True, tol: float = 1e-6, max_iter: int = 1000, warm_start: bool = False
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def _strengths(self) -> tuple[float, float]:
        return self.alpha, 0.0


class SparseLogistic(ClassifierMixin, _Sparse):  # type: ignore[misc]
    r"""Logistic regression of two classes with an l1 penalty, by working sets, to a certified gap.

    .. math:: \frac1n \sum_i \log(1 + e^{-y_i (x_i \cdot w + b)}) + \alpha |w|_1

    Parameters
    ----------
    alpha : float
        Strength of the penalty beside the mean loss: scikit-learn's C is 1 / (n alpha).
    fit_intercept : bool
        Add an intercept, which is not penalised.
    tol : float
        The duality gap is brought to at most this share of the objective without a model.
    max_iter : int
        Rounds of working sets at most.
    warm_start : bool
        Start from the last fit.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
    coef_ : ndarray of shape (1, n_features)
    intercept_ : ndarray of shape (1,)
    dual_gap_ : float
        A bound of what the objective lies above its minimum.
    n_iter_ : int
        Rounds done.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.estimators import SparseLogistic
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> model = SparseLogistic(0.05).fit(X, X[:, 3] > 0)
    >>> np.flatnonzero(model.coef_), model.score(X, X[:, 3] > 0) > 0.95
    (array([3]), True)
    """

    def __init__(
        self,
        alpha: float = 1e-3,
        *,
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 1000,
        warm_start: bool = False,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SparseLogistic:
        """Fit.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of two kinds.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows, at least 0; they are scaled to a mean of 1.

        Returns
        -------
        SparseLogistic
            Itself.
        """
        X, y = validate_data(self, X, y, accept_sparse=["csc", "csr"], dtype=np.float64)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if self.classes_.size != 2:
            found = "1 class" if self.classes_.size == 1 else f"{self.classes_.size} classes"
            raise ValueError(f"Only binary classification is supported. y has {found}; two are needed")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        signs = np.where(y == self.classes_[1], 1.0, -1.0)
        result = self._solved(LogisticRegression.loss, X, signs, self._joined(), sample_weight)
        coefficients, intercept = self._split(result.x)
        self.coef_, self.intercept_ = coefficients[np.newaxis], np.array([intercept])
        self.dual_gap_, self.n_iter_ = result.gap, int(result.nit)
        return self

    def decision_function(self, X: Any) -> Floats:
        """Return x.w + b of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._scores(X)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the more probable class of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self._scores(X)
        return np.asarray(self.classes_[(scores > 0).astype(np.intp)])

    def predict_proba(self, X: Any) -> Floats:
        """Return the chance of both classes.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        scores = self._scores(X)
        return np.column_stack([expit(-scores), expit(scores)])

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
