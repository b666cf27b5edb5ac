"""The restricted Boltzmann machine of rows and classes as a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from stochinf.engine.errors import StochinfError
from stochinf.engine.progress import shown
from stochinf.optim.adam import Adam
from stochinf.rbm.checks import entropy_from, whole
from stochinf.rbm.discriminative import Discriminative, class_scores
from stochinf.rbm.estimator import RBM
from stochinf.rbm.network import descended

__all__ = ["ClassificationRBM"]

Numbers = npt.NDArray[Any]
WEIGHT_SCALE = 0.01


class ClassificationRBM(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Restricted Boltzmann machine over rows and their classes, trained for the chances of the classes.

    .. math:: p(v, y, h) \propto \exp(v^\top W h + e_y^\top U h + c^\top h + d_y), \quad p(y | v) \text{ in closed form.}

    Training maximises the exact log p(y | v) with any rule of `stochinf.optim`; it may start from a machine trained without
    regard to which columns are classes (generative training).

    Parameters
    ----------
    n_components : int
        Hidden units.
    n_iter, batch_size : int
        Passes of discriminative training; rows of a minibatch.
    rule : part, optional
        `Adam(1e-3)` by default.
    l2 : float
        Half of it times the squares of the parameters is added to the mean loss.
    generative : RBM, optional
        How to train first on rows and classes together; `n_components` is set here. None starts at small random weights.
    random_state : int, RandomState, Generator or None
        As in scikit-learn: an int repeats, None draws from numpy's global generator.
    progress : bool, optional
        Show progress; by default in a terminal or a notebook only.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components, n_features)
    class_weights_ : ndarray of shape (n_components, n_classes)
    hidden_bias_, class_bias_ : ndarray
    classes_ : ndarray

    References
    ----------
    Larochelle, H. and Bengio, Y. (2008). Classification using discriminative restricted Boltzmann machines. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> X = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 50, axis=0)
    >>> model = si.ClassificationRBM(4, n_iter=30, batch_size=10, random_state=0).fit(X, np.repeat([3, 5], 50))
    >>> model.predict([[1, 1, 0, 0]])
    array([5])
    """

    def __init__(
        self,
        n_components: int = 100,
        *,
        n_iter: int = 20,
        batch_size: int = 100,
        rule: Any = None,
        l2: float = 0.0,
        generative: Any = None,
        random_state: Any = None,
        progress: bool | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_iter = n_iter
        self.batch_size = batch_size
        self.rule = rule
        self.l2 = l2
        self.generative = generative
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any) -> ClassificationRBM:
        """Train from fresh parameters.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
        y : array_like of shape (n,)

        Raises
        ------
        StochinfError
            If a parameter breaks a rule.
        """
        X, y = validate_data(self, X, y, dtype=[np.float32, np.float64])
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        entropy, hidden = entropy_from(self.random_state), whole("n_components", self.n_components)
        batch = min(whole("batch_size", self.batch_size), len(X))
        rows, classes = X.astype(np.float32), len(self.classes_)
        target = Discriminative(rows, codes, classes, hidden, batch, float(self.l2))
        start = self._start(rows, np.eye(classes, dtype=np.float32)[codes], hidden, entropy)
        rule = Adam(1e-3) if self.rule is None else self.rule
        position = descended(
            target, rule, start, batch=batch, passes=whole("n_iter", self.n_iter), entropy=entropy, progress=shown(self.progress)
        )
        own, ends = rows.shape[1] * hidden, (rows.shape[1] + 1 + classes) * hidden
        self.weights_ = position[:own].reshape(-1, hidden).T.copy()
        self.hidden_bias_ = position[own : own + hidden].copy()
        self.class_weights_ = position[own + hidden : ends].reshape(classes, hidden).T.copy()
        self.class_bias_ = position[ends:].copy()
        return self

    def predict_proba(self, X: Any) -> Numbers:
        """Return the chances of the classes.

        Parameters
        ----------
        X : array_like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        check_is_fitted(self, "weights_")
        X = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        scores = class_scores(X, self.weights_.T, self.hidden_bias_, self.class_weights_.T, self.class_bias_)
        return np.asarray(softmax(scores, axis=1))

    def predict(self, X: Any) -> Numbers:
        """Return the most probable classes.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
        """
        found: Numbers = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found

    def _start(self, rows: Any, ones: Any, hidden: int, entropy: int) -> Numbers:
        """Return small random weights, or those of a machine trained on rows and classes together."""
        classes = ones.shape[1]
        if self.generative is None:
            chance = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(11,))))
            weights = chance.normal(0.0, WEIGHT_SCALE, ((rows.shape[1] + classes), hidden))
            return _vector(weights, np.zeros(hidden), np.zeros(classes), classes)
        if not isinstance(self.generative, RBM):
            raise StochinfError(f"generative = {self.generative!r}: an RBM or None is needed")
        from sklearn.base import clone

        machine = clone(self.generative).set_params(n_components=hidden, random_state=entropy % 2**32)
        machine.fit(np.hstack([rows, ones]))
        return _vector(machine.weights_.T, machine.hidden_bias_, machine.visible_bias_[-classes:], classes)


def _vector(weights: Any, hidden_bias: Any, class_bias: Any, classes: int) -> Numbers:
    """Return the parameters as one vector; the last rows of the weights are the classes'."""
    own = weights[:-classes]
    return np.concatenate([np.ravel(part) for part in (own, hidden_bias, weights[-classes:], class_bias)]).astype(np.float32)
