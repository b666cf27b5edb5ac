"""The restricted Boltzmann machine as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from stochinf.engine.errors import ConvergenceWarning, StochinfError
from stochinf.engine.streams import entropy_of
from stochinf.rbm import likelihood
from stochinf.rbm.checks import entropy_from, look_at_range, positive_rate, whole
from stochinf.rbm.contrastive import ContrastiveDivergence
from stochinf.rbm.data import as_rows
from stochinf.rbm.parameters import Parameters, joined, unpacked
from stochinf.rbm.tapes import Later
from stochinf.rbm.training import Trained, train

__all__ = ["RBM"]

ALGORITHMS = {"cd": ContrastiveDivergence}
Numbers = npt.NDArray[Any]


class RBM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Bernoulli restricted Boltzmann machine, trained by contrastive divergence.

    .. math:: p(v, h) \propto \exp(v^\top W h + b^\top v + c^\top h), \quad v \in \{0, 1\}^D, h \in \{0, 1\}^H.

    Data are probabilities that a visible unit is on, or 0 and 1. Values outside [0, 1] are taken as they are, with a
    warning: the model cannot produce them. Training works in single precision and keeps one thread busy; the same
    `random_state` gives the same bits. Sparse rows (CSR) are made dense a minibatch at a time.

    Parameters
    ----------
    n_components : int
        Hidden units.
    learning_rate : float or schedule
        Rate of a step, for example `0.05` or `0.1 * stochinf.schedules.Linear(1000)`.
    batch_size : int
        Largest minibatch: a pass is cut into batches whose sizes differ by at most one. All rows are one batch where it
        exceeds their number.
    n_iter : int
        Passes over the data.
    algorithm : {'cd'}
        Contrastive divergence.
    k : int
        Gibbs steps of each chain.
    random_state : int, RandomState, Generator or None
        As in scikit-learn: an int repeats, None draws from numpy's global generator.
    progress : bool, optional
        Show progress; by default in a terminal or a notebook only.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights, of the type of the data.
    intercept_hidden_, intercept_visible_ : ndarray of shape (n_components,) and (n_features,)
        Biases. The visible ones start at the log odds of the (first) data, the weights at N(0, 0.01^2).
    n_iter_ : int
        Passes done.
    n_features_in_ : int
        Visible units.

    References
    ----------
    Hinton, G. E. (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14(8).

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> X = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 100, axis=0)
    >>> rbm = si.RBM(4, learning_rate=0.5, batch_size=10, n_iter=50, random_state=0).fit(X)
    >>> rbm.transform(X[:2]).shape
    (2, 4)
    >>> bool(rbm.score([[1, 1, 0, 0]]) > rbm.score([[1, 0, 1, 0]]))
    True
    """

    def __init__(
        self,
        n_components: int = 64,
        *,
        learning_rate: Any = 0.05,
        batch_size: int = 100,
        n_iter: int = 10,
        algorithm: str = "cd",
        k: int = 1,
        random_state: Any = None,
        progress: bool | None = None,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.algorithm = algorithm
        self.k = k
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> RBM:
        """Train from fresh parameters.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        RBM
            Itself.

        Raises
        ------
        StochinfError
            If a parameter breaks a rule, or X is no matrix of finite numbers.

        Warns
        -----
        UserWarning
            If X has values outside [0, 1].
        ConvergenceWarning
            If training stopped early: the parameters were no longer finite (the last finite ones are kept), or Ctrl-C.
        """
        kernel, passes = self._kernel(self.learning_rate), whole("n_iter", self.n_iter)
        X = self._validated(X, reset=True)
        self._entropy, self._chunks, self._steps = entropy_from(self.random_state), 0, 0
        trained = self._train(kernel, X, None, passes, self._entropy)
        self.n_iter_, self._steps = trained.passes, trained.steps
        return self

    def partial_fit(self, X: Any, y: Any = None) -> RBM:
        """Train on: one pass over these rows, in minibatches.

        The first call starts from fresh parameters, as `fit` does; `n_iter_` counts the passes over chunks. A schedule of
        rates goes on where it stood.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        RBM
            Itself.

        Raises
        ------
        StochinfError
            As `fit`.
        """
        first = not hasattr(self, "components_")
        rate = self.learning_rate
        kernel = self._kernel(Later(rate, self._steps) if hasattr(rate, "at") and not first else rate)
        X = self._validated(X, reset=first)
        if first:
            self._entropy, self._chunks, self._steps, self.n_iter_ = entropy_from(self.random_state), 0, 0, 0
        seed = np.random.SeedSequence(self._entropy, spawn_key=(self._chunks,))
        start = None if first else joined(*self._parameters())
        trained = self._train(kernel, X, start, 1, entropy_of(seed))
        self._chunks += 1
        self.n_iter_ += trained.passes
        self._steps += trained.steps
        return self

    def transform(self, X: Any) -> Numbers:
        """Return the probability of every hidden unit given the visible ones.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the precision of X.
        """
        X = self._seen(X)
        activation = X @ self.components_.T.astype(X.dtype, copy=False)
        activation += self.intercept_hidden_
        return expit(activation, out=activation)  # type: ignore[no-any-return]

    def free_energy(self, X: Any) -> npt.NDArray[np.float64]:
        r"""Return :math:`F(v) = -b^\top v - \sum_j \log(1 + e^{c_j + (W^\top v)_j})` of every row.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return likelihood.free_energy(self._seen(X), self._parameters())

    def score_samples(self, X: Any) -> npt.NDArray[np.float64]:
        r"""Return the pseudo-log-likelihood :math:`\sum_i \log p(v_i | v_{-i})` of every row, over all units, without chance.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Of 0 and 1; a value between is compared with its reflection 1 - v.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return likelihood.pseudo_log_likelihood(self._seen(X), self._parameters())

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        float
        """
        return float(self.score_samples(X).mean())

    def _kernel(self, rate: Any) -> Any:
        """Return the algorithm with its numbers checked."""
        if not isinstance(self.algorithm, str) or self.algorithm not in ALGORITHMS:
            raise StochinfError(f"algorithm = {self.algorithm!r}: one of {', '.join(map(repr, ALGORITHMS))} is needed")
        return ALGORITHMS[self.algorithm](
            whole("n_components", self.n_components),
            whole("k", self.k),
            positive_rate(rate),
            whole("batch_size", self.batch_size),
        )

    def _validated(self, X: Any, reset: bool) -> Any:
        """Return X as a dense or CSR matrix of float32 or float64."""
        try:
            return validate_data(self, X, accept_sparse="csr", dtype=[np.float32, np.float64], reset=reset)
        except ValueError as error:
            raise StochinfError(str(error)) from error

    def _seen(self, X: Any) -> Any:
        check_is_fitted(self)
        return self._validated(X, reset=False)

    def _parameters(self) -> Parameters:
        return Parameters(self.components_.T, self.intercept_visible_, self.intercept_hidden_)

    def _train(self, kernel: Any, X: Any, start: Numbers | None, passes: int, entropy: int) -> Trained:
        """Train and keep the parameters."""
        target = as_rows(X)
        look_at_range(X)
        trained = train(kernel, target, start, batch=kernel.batch, passes=passes, entropy=entropy, progress=self.progress)
        weights, visible_bias, hidden_bias = unpacked(trained.position, X.shape[1])
        self.components_ = np.ascontiguousarray(weights.T, dtype=X.dtype)
        self.intercept_visible_ = visible_bias.astype(X.dtype)
        self.intercept_hidden_ = hidden_bias.astype(X.dtype)
        self._n_features_out = self.components_.shape[0]
        if trained.reason:
            warnings.warn(
                f"RBM: stopped early: {trained.reason}; the parameters after {trained.passes} whole passes or more are kept."
                " Where they were not finite, lower learning_rate or scale X to [0, 1]",
                ConvergenceWarning,
                stacklevel=3,
            )
        return trained

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
