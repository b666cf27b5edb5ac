"""Linear models fitted by stochastic gradients, as scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from stochinf.engine.errors import StochinfError
from stochinf.estimators.base import Stochastic
from stochinf.models.least_squares import LinearRegression
from stochinf.models.logistic import LogisticRegression
from stochinf.models.squared_hinge import SquaredHinge
from stochinf.models.weights import row_weights

__all__ = ["SGDClassifier", "SGDRegressor"]

Floats = npt.NDArray[np.float64]

CLASSIFIERS = {"log_loss": LogisticRegression, "squared_hinge": SquaredHinge}
REGRESSORS = {"squared_error": LinearRegression}


def _gives_chances(estimator: Any) -> bool:
    if estimator.loss == "log_loss":
        return True
    raise AttributeError(f"SGDClassifier: loss = {estimator.loss!r} gives no chances; take loss='log_loss'")


class SGDClassifier(ClassifierMixin, Stochastic):  # type: ignore[misc]
    r"""Linear classification by stochastic gradients; one class against the rest where there are more than two.

    .. math:: \frac1n \sum_i \ell(x_i \cdot w + b, y_i) + \frac{\alpha}{2} |w|^2 + \lambda_1 |w|_1

    Parameters
    ----------
    loss : {'log_loss', 'squared_hinge'}
        Logistic regression, or a support vector machine with squared hinge loss.
    alpha : float
        Strength of the l2 penalty.
    l1 : float
        Strength of the l1 penalty.
    fit_intercept : bool
        Add an intercept, which is not penalised.
    rule : rule of `stochinf.optim`, optional
        `SGD()` by default, which finds its rate by pilot runs and averages its iterates; `SAGA()` with l1; `Newton()` where
        that many of its steps cost less than the pilot runs: some hundred rows of few features.
    max_iter : int
        Passes over the data.
    random_state : int, RandomState, Generator or None
        As in scikit-learn.
    class_weight : dict or "balanced", optional
        Weights of the classes, 1 for those left out; "balanced", which `fit` alone takes, lets all count alike.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,)
    gap_ : ndarray of shape (1,) or (n_classes,)
        Bounds of what each objective lies above its minimum, infinite where none is known.
    history_ : list of list of (step, objective)
        Of every binary problem.
    n_iter_ : int
        Passes done.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from stochinf.estimators import SGDClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(X, y).score(X, y) > 0.97
    True
    """

    _losses = CLASSIFIERS

    def __init__(
        self,
        loss: str = "log_loss",
        *,
        alpha: float = 1e-4,
        l1: float = 0.0,
        fit_intercept: bool = True,
        rule: Any = None,
        max_iter: int = 10,
        random_state: Any = None,
        class_weight: Any = None,
    ) -> None:
        super().__init__(
            loss, alpha=alpha, l1=l1, fit_intercept=fit_intercept, rule=rule, max_iter=max_iter, random_state=random_state
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SGDClassifier:
        """Fit from fresh coefficients.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Weights of rows, times those of their classes; a weight of 2 is that of a row given twice.

        Returns
        -------
        SGDClassifier
            Itself.
        """
        X, y = self._validated(X, y, reset=True)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if self.classes_.size < 2:
            raise ValueError(f"SGDClassifier: {self.classes_.size} class in y; at least two classes are needed")
        self._begin()
        weights = self._weights(y, self._row_weights(X, sample_weight))
        results = [self._solved(X, np.where(y == c, 1, 0), self._seed(k), weights) for k, c in enumerate(self._sides())]
        self._kept([result.x for result in results])
        self.gap_ = np.array([result.gap for result in results])
        self.history_ = [result.history for result in results]
        self._steps, self._chunks, self.n_iter_ = int(results[0].nit), 1, max(map(self._passes, results))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> SGDClassifier:
        """Fit on: one pass over these rows. Rates go on where they stood, schedules too.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), optional
            All labels that will come; needed in the first call.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of rows, which are not scaled.

        Returns
        -------
        SGDClassifier
            Itself.
        """
        first = not hasattr(self, "coef_")
        if first and classes is None:
            raise ValueError("SGDClassifier: classes are needed in the first call of partial_fit")
        X, y = self._validated(X, y, reset=first)
        check_classification_targets(y)
        if first:
            self._begin()
            self.classes_, self.n_iter_ = np.unique(classes), 0
            width = X.shape[1] + bool(self.fit_intercept)
            self._kept([np.zeros(width) for _ in self._sides()])
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(
                f"SGDClassifier: label {unknown[:1].tolist()[0]!r} is not among the classes {self.classes_.tolist()}"
            )
        starts, passed, weights = self._starts(), [], self._weights(y, self._row_weights(X, sample_weight), whole=False)
        for place, (c, start) in enumerate(zip(self._sides(), starts, strict=True)):
            signs = np.where(y == c, 1.0, -1.0)
            passed.append(self._passed(X, signs, self._seed(place), start, place, self._steps, weights))
        self._kept(passed)
        self._steps += X.shape[0]
        self._chunks += 1
        self.n_iter_ += 1
        return self

    def _weights(self, y: Any, rows: Floats | None, whole: bool = True) -> Floats | None:
        """Return the weights of rows times those of their classes; those of a chunk are not scaled, and none are balanced."""
        if self.class_weight is None and rows is None:
            return None
        if not whole and isinstance(self.class_weight, str):
            raise StochinfError(
                f"SGDClassifier: class_weight = {self.class_weight!r} in partial_fit, which does not see all rows; give a dict"
            )
        codes = np.searchsorted(self.classes_, y)
        return row_weights("SGDClassifier", rows, self.class_weight, codes, self.classes_, scaled=whole)

    def _sides(self) -> Any:
        """Return the classes that are set against the rest."""
        return self.classes_[1:] if self.classes_.size == 2 else self.classes_

    def decision_function(self, X: Any) -> Floats:
        """Return scores, shape (n_samples,) or (n_samples, n_classes).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray
        """
        scores = self._scores(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self.decision_function(X)
        chosen = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    @available_if(_gives_chances)
    def predict_proba(self, X: Any) -> Floats:
        """Return the chance of each class, for logistic regression; of more than two, normalised.

        With another loss there is no such method: `hasattr` says so before any call.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        AttributeError
            If the loss is not 'log_loss'.
        """
        chances = np.exp(-np.logaddexp(0.0, -self._scores(X)))
        if chances.shape[1] == 1:
            return np.column_stack([1.0 - chances, chances])
        return np.asarray(chances / np.maximum(chances.sum(axis=1, keepdims=True), 1e-300))


class SGDRegressor(RegressorMixin, Stochastic):  # type: ignore[misc]
    r"""Linear regression by stochastic gradients.

    .. math:: \frac{1}{2n} \sum_i (x_i \cdot w + b - y_i)^2 + \frac{\alpha}{2} |w|^2 + \lambda_1 |w|_1

    Parameters
    ----------
    loss : {'squared_error'}
        Least squares.
    alpha : float
        Strength of the l2 penalty.
    l1 : float
        Strength of the l1 penalty.
    fit_intercept : bool
        Add an intercept, which is not penalised.
    rule : rule of `stochinf.optim`, optional
        `SGD()` by default, which finds its rate by pilot runs and averages its iterates; `SAGA()` with l1; `Newton()` where
        that many of its steps cost less than the pilot runs: some hundred rows of few features.
    max_iter : int
        Passes over the data.
    random_state : int, RandomState, Generator or None
        As in scikit-learn.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : ndarray of shape (1,)
    gap_ : float
        A bound of what the objective lies above its minimum, infinite where none is known.
    history_ : list of (step, objective)
    n_iter_ : int
        Passes done.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.estimators import SGDRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> SGDRegressor(random_state=0).fit(X, X @ [1.0, 2.0, 3.0] + 4.0).coef_.round(2)
    array([1., 2., 3.])
    """

    _losses = REGRESSORS

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        alpha: float = 1e-4,
        l1: float = 0.0,
        fit_intercept: bool = True,
        rule: Any = None,
        max_iter: int = 10,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            loss, alpha=alpha, l1=l1, fit_intercept=fit_intercept, rule=rule, max_iter=max_iter, random_state=random_state
        )

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SGDRegressor:
        """Fit from fresh coefficients.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Weights of rows; a weight of 2 is that of a row given twice.

        Returns
        -------
        SGDRegressor
            Itself.
        """
        X, y = self._validated(X, y, reset=True)
        self._begin()
        result = self._solved(X, y, self._seed(0), self._row_weights(X, sample_weight))
        self._kept([result.x])
        self.coef_ = self.coef_[0]
        self.gap_, self.history_ = float(result.gap), result.history
        self._steps, self._chunks, self.n_iter_ = int(result.nit), 1, self._passes(result)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> SGDRegressor:
        """Fit on: one pass over these rows. Rates go on where they stood, schedules too.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Weights of rows, which are not scaled.

        Returns
        -------
        SGDRegressor
            Itself.
        """
        first = not hasattr(self, "coef_")
        X, y = self._validated(X, y, reset=first)
        if first:
            self._begin()
            self.n_iter_ = 0
            self._kept([np.zeros(X.shape[1] + bool(self.fit_intercept))])
        weights = self._row_weights(X, sample_weight)
        self._kept([self._passed(X, y, self._seed(0), self._starts()[0], 0, self._steps, weights)])
        self.coef_ = self.coef_[0]
        self._steps += X.shape[0]
        self._chunks += 1
        self.n_iter_ += 1
        return self

    def predict(self, X: Any) -> Floats:
        """Return predictions.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._scores(X)[:, 0]
