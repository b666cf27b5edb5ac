"""What a machine with parameters answers without chance: features, free energies, scores; and how it is kept in a file."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.utils.validation import check_is_fitted, validate_data

from stochinf.engine.errors import StochinfError
from stochinf.rbm import likelihood, saving
from stochinf.rbm.monitors import free_energies
from stochinf.rbm.parameters import Parameters
from stochinf.rbm.settings import kernel_of, units_of
from stochinf.rbm.units import Bernoulli

__all__ = ["Learnt"]

Numbers = npt.NDArray[Any]


class Learnt:
    """Methods of the estimator once it has parameters."""

    units: Any
    weights_: Numbers
    visible_bias_: Numbers
    hidden_bias_: Numbers
    log_precision_: Numbers
    n_iter_: int
    _steps: int

    def transform(self, X: Any) -> Numbers:
        """Return the mean of every hidden unit given the visible ones: for binary units the probability that it is on.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the precision of X.
        """
        X = self._seen(X)
        activation = X @ self.weights_.T.astype(X.dtype, copy=False)
        activation += self.hidden_bias_
        hidden = self._layers()[1]
        if isinstance(hidden, Bernoulli):
            return expit(activation, out=activation)  # type: ignore[no-any-return]
        return hidden.mean(activation.astype(np.float64)).astype(X.dtype)  # type: ignore[no-any-return]

    def free_energy(self, X: Any) -> npt.NDArray[np.float64]:
        r"""Return :math:`F(v) = -b^\top v - \sum_i u(v_i) - \sum_j \log z(c_j + (W^\top v)_j)` of every row.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        X, (visible, hidden) = self._seen(X), self._layers()
        if isinstance(visible, Bernoulli) and isinstance(hidden, Bernoulli):
            return likelihood.free_energy(X, self._parameters())
        rows = np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)
        return free_energies(kernel_of(self, 1.0), rows, self._parameters())

    def score_samples(self, X: Any) -> npt.NDArray[np.float64]:
        r"""Return the pseudo-log-likelihood :math:`\sum_i \log p(v_i | v_{-i})` of every row, over all units, without chance.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
            Of 0 and 1; a value between is compared with its reflection 1 - v.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        StochinfError
            If the units are not binary.
        """
        X = self._seen(X)
        if not all(isinstance(unit, Bernoulli) for unit in self._layers()):
            raise StochinfError(f"score_samples: units = {self.units!r}; a pseudo-likelihood is offered for 'bernoulli' units")
        return likelihood.pseudo_log_likelihood(X, self._parameters())

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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters, settings and all that training goes on with to a file (npz, without pickle).

        Parameters
        ----------
        path : path

        Raises
        ------
        CheckpointError
            If the file cannot be written, or a setting cannot be saved.

        Examples
        --------
        >>> import numpy as np, os, tempfile
        >>> import stochinf as si
        >>> path = os.path.join(tempfile.mkdtemp(), "machine.npz")
        >>> si.RBM(2, n_iter=2, random_state=0).fit(np.eye(4)).save(path)
        >>> si.RBM.load(path).set_params(n_iter=5, warm_start=True).fit(np.eye(4)).n_iter_
        5
        """
        check_is_fitted(self)
        saving.write(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the machine in a file that `save` wrote.

        Parameters
        ----------
        path : path

        Returns
        -------
        RBM

        Raises
        ------
        CheckpointError
            If there is no such file, or it is damaged or of another kind.
        """
        return saving.read(cls, path)  # type: ignore[no-any-return]

    @property
    def components_(self) -> Numbers:
        """The weights, under scikit-learn's name."""
        return self.weights_

    @property
    def intercept_visible_(self) -> Numbers:
        """The visible biases, under scikit-learn's name."""
        return self.visible_bias_

    @property
    def intercept_hidden_(self) -> Numbers:
        """The hidden biases, under scikit-learn's name."""
        return self.hidden_bias_

    def _layers(self) -> tuple[Any, Any]:
        return units_of(self.units)

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
        return Parameters(self.weights_.T, self.visible_bias_, self.hidden_bias_, self.log_precision_)

    def _set_parameters(self, weights: Any, visible_bias: Any, hidden_bias: Any, log_precision: Any = None) -> None:
        """Take parameters, weights (n_components, n_features), as if they had been learnt."""
        self.weights_, self.visible_bias_, self.hidden_bias_ = weights, visible_bias, hidden_bias
        self.log_precision_ = np.zeros(0, weights.dtype) if log_precision is None else log_precision
        self._n_features_out, self.n_features_in_ = weights.shape
        self.n_iter_ = getattr(self, "n_iter_", 0)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may know of the estimator."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
