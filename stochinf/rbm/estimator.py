"""The restricted Boltzmann machine as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from stochinf.engine.errors import ConvergenceWarning, StochinfError
from stochinf.engine.streams import entropy_of
from stochinf.rbm.checks import checked_weights, entropy_from, whole
from stochinf.rbm.drawn import once, rows_of
from stochinf.rbm.fitted import Fitted
from stochinf.rbm.gauge import without_gauge
from stochinf.rbm.learnt import Learnt
from stochinf.rbm.monitors import Monitor
from stochinf.rbm.parameters import joined, unpacked
from stochinf.rbm.rates import with_rate
from stochinf.rbm.settings import check_values, kernel_of, rate_of
from stochinf.rbm.starting import factors_of
from stochinf.rbm.tapes import Later
from stochinf.rbm.training import Carry, train

__all__ = ["RBM"]


class RBM(Fitted, Learnt, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Restricted Boltzmann machine, trained by contrastive or persistent contrastive divergence.

    .. math:: p(v, h) \propto \exp\Bigl(v^\top W h + b^\top v + c^\top h + \sum_i u(v_i) + \sum_j u(h_j)\Bigr)

    with units of several kinds (`stochinf.rbm.units`). Data are values of the visible units or their means: for binary units
    probabilities, or 0 and 1. Values that the units cannot take are clipped, with a warning. Training works in single precision
    and keeps one thread busy; the same `random_state` gives the same bits. Of sparse rows (CSR) training touches only what is
    stored; wide dense rows with few numbers that are not zero are worked on in the same way.

    Parameters
    ----------
    n_components : int
        Hidden units.
    units : pair
        Kinds of visible and of hidden units: "bernoulli", "spin", "gaussian", "relu", or `stochinf.rbm.Softmax(n)` for columns
        in groups of n of which one is 1.
    algorithm : {'cd', 'pcd', 'fpcd', 'pt'}
        Where the chains of the negative phase come from: the data, the step before, the same with fast weights, or parallel
        tempering.
    k : int
        Gibbs steps of each chain.
    batch_size : int
        Largest minibatch: a pass is cut into batches whose sizes differ by at most one. All rows are one batch where it
        exceeds their number.
    n_iter : int
        Passes over the data.
    learning_rate : float or schedule, optional
        Rate of a step, for example `0.05` or `0.1 * stochinf.schedules.Linear(1000)`; None takes the optimiser's, else one
        chosen by the size of the machine that falls with the steps (`stochinf.rbm.rates`).
    optimizer : rule or transform, optional
        Any of `stochinf.optim`'s by gradients, such as `stochinf.optim.Adam(0.001)`; None steps against the gradient.
    n_chains : int
        Persistent chains.
    n_temperatures : int
        Temperatures of parallel tempering.
    momentum : float
        Momentum of the steps without an optimiser.
    l1, l2 : float
        Penalties on the weights.
    sparsity_target, sparsity : float
        Mean that hidden units should have (None for no such wish), and how strongly they are pulled there.
    dropout : float
        Chance that a hidden unit takes no part in a row.
    clip : float, optional
        Greatest length of the gradient.
    centered : bool
        Centred gradients, with the running means of the data as offsets.
    init : {'random', 'pca'}
        Small normal weights, or weights along the principal components of the data. Biases fit the means of the data.
    binarise : {None, 'sample'}
        'sample' takes values of X as means of units of two values, drawn afresh whenever a row is visited; None takes them as
        they are.
    warm_start : bool
        Let `fit` go on where it stood, to `n_iter` passes in all: the same bits as without a break.
    monitor : int
        Passes between looks at the machine, recorded in `history_`; 0 for none.
    random_state : int, RandomState, Generator or None
        As in scikit-learn: an int repeats, None draws from numpy's global generator.
    verbose : int
        Print what the monitor sees.
    progress : bool, optional
        Show progress; by default in a terminal or a notebook only.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components, n_features)
        Weights, of the type of the data; also `components_`.
    visible_bias_, hidden_bias_ : ndarray of shape (n_features,) and (n_components,)
        Biases; also `intercept_visible_` and `intercept_hidden_`.
    log_precision_ : ndarray of shape (n_features,)
        Logarithms of the precisions of visible units; empty where these have none.
    visible_mean_ : ndarray of shape (n_features,)
        Means of the (first) data.
    history_ : dict of lists
        What the monitor saw; see `stochinf.rbm.monitors`.
    n_iter_ : int
        Passes done.
    n_features_in_ : int
        Visible units.

    References
    ----------
    Hinton, G. E. (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14(8).
    Tieleman, T. (2008). Training restricted Boltzmann machines using approximations to the likelihood gradient. ICML.

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
        units: Any = ("bernoulli", "bernoulli"),
        algorithm: str = "pcd",
        k: int = 1,
        batch_size: int = 100,
        n_iter: int = 20,
        *,
        learning_rate: Any = None,
        optimizer: Any = None,
        n_chains: int = 100,
        n_temperatures: int = 10,
        momentum: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        sparsity_target: float | None = None,
        sparsity: float = 0.01,
        dropout: float = 0.0,
        clip: float | None = None,
        centered: bool = True,
        init: str = "random",
        binarise: str | None = None,
        warm_start: bool = False,
        monitor: int = 0,
        random_state: Any = None,
        verbose: int = 0,
        progress: bool | None = None,
    ) -> None:
        self.n_components = n_components
        self.units = units
        self.algorithm = algorithm
        self.k = k
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.n_chains = n_chains
        self.n_temperatures = n_temperatures
        self.momentum = momentum
        self.l1 = l1
        self.l2 = l2
        self.sparsity_target = sparsity_target
        self.sparsity = sparsity
        self.dropout = dropout
        self.clip = clip
        self.centered = centered
        self.init = init
        self.binarise = binarise
        self.warm_start = warm_start
        self.monitor = monitor
        self.random_state = random_state
        self.verbose = verbose
        self.progress = progress

    def fit(self, X: Any, y: Any = None, *, row_weights: Any = None, validation: Any = None) -> RBM:
        """Train from fresh parameters, or with `warm_start` go on where training stood.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : ignored
        row_weights : array-like of shape (n_samples,), optional
            What each row counts.
        validation : array-like of shape (n, n_features), optional
            Rows that the monitor compares with.

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
            If X has values that the units cannot take.
        ConvergenceWarning
            If training stopped early: the parameters were no longer finite or grew beyond all bounds (the last good ones are
            kept), or Ctrl-C.
        """
        kernel, passes = kernel_of(self, rate_of(self)), whole("n_iter", self.n_iter)
        carry = getattr(self, "_carry", None) if self.warm_start else None
        if carry is not None and passes <= self.n_iter_:
            raise StochinfError(f"n_iter = {passes}: {self.n_iter_} passes are done already; warm_start goes on to more")
        X = self._validated(X, reset=carry is None)
        kernel = with_rate(kernel, X.shape[1])
        if carry is None:
            self._begin()
        self._train(kernel, X, None, passes, self._entropy, carry, row_weights, validation)
        return self

    def partial_fit(self, X: Any, y: Any = None, *, row_weights: Any = None) -> RBM:
        """Train on: one pass over these rows, in minibatches.

        The first call starts from fresh parameters, as `fit` does; `n_iter_` counts the passes over chunks. Chains, momentum,
        running means and a schedule of rates go on where they stood.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : ignored
        row_weights : array-like of shape (n_samples,), optional
            What each row counts.

        Returns
        -------
        RBM
            Itself.

        Raises
        ------
        StochinfError
            As `fit`.
        """
        first = not hasattr(self, "weights_")
        kernel = kernel_of(self, rate_of(self))
        X = self._validated(X, reset=first)
        kernel = with_rate(kernel, X.shape[1])
        if hasattr(kernel.learning_rate, "at") and not first:
            kernel = kernel._replace(learning_rate=Later(kernel.learning_rate, getattr(self, "_steps", 0)))
        if first or not hasattr(self, "_entropy"):
            self._begin()
        seed = np.random.SeedSequence(self._entropy, spawn_key=(self._chunks,))
        start = None if first else joined(*self._parameters())
        before = (0, 0) if first else (getattr(self, "n_iter_", 0), getattr(self, "_steps", 0))
        carry = None if first else getattr(self, "_carry", None)
        self._train(kernel, X, start, 1, entropy_of(seed), carry, row_weights, None)
        self._chunks += 1
        self.n_iter_, self._steps = before[0] + self.n_iter_, before[1] + self._steps
        return self

    def _begin(self) -> None:
        """Draw the entropy of fresh training."""
        self._entropy, self._chunks = entropy_from(self.random_state), 0
        self.history_: dict[str, list[float]] = {}

    def _train(
        self, kernel: Any, X: Any, start: Any, passes: int, entropy: int, carry: Carry | None, row_weights: Any, validation: Any
    ) -> None:
        """Train and keep the parameters and what training goes on with."""
        X = check_values(kernel.visible, X)
        target = rows_of(X, checked_weights(row_weights, X.shape[0]), self.binarise, kernel.visible)
        monitor = None
        if self.monitor:
            rows = None if validation is None else self._validated(validation, reset=False)
            seen = [once(some, self.binarise, kernel.visible) for some in (X, rows)]
            monitor = Monitor(kernel, seen[0], seen[1], whole("monitor", self.monitor), self.verbose)
            monitor.history = self.history_
        if carry is None and start is None and self.init != "random":
            start = factors_of(self.init, kernel, target, entropy)
        trained = train(
            kernel, target, start, batch=kernel.batch, passes=passes, entropy=entropy, progress=self.progress, carry=carry,
            monitor=monitor,
        )  # fmt: skip
        weights, visible_bias, hidden_bias, log_precision = without_gauge(kernel, unpacked(trained.position, X.shape[1]))
        self._set_parameters(
            np.ascontiguousarray(weights.T, dtype=X.dtype), visible_bias.astype(X.dtype), hidden_bias.astype(X.dtype),
            log_precision.astype(X.dtype),
        )  # fmt: skip
        if (carry is None and start is None) or not hasattr(self, "visible_mean_"):
            self.visible_mean_ = target.visible_means()
        self.n_iter_, self._steps, self._carry = trained.passes, trained.steps, trained.carry
        if trained.reason:
            warnings.warn(
                f"RBM: stopped early: {trained.reason}; the parameters after {trained.passes} whole passes or more are kept."
                " Where they were not good, lower learning_rate or scale X to what the units stand for",
                ConvergenceWarning,
                stacklevel=3,
            )
