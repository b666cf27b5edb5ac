"""Deep belief networks: machines upon machines, and the classifier that grows out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.progress import shown
from stochinf.engine.streams import entropy_of
from stochinf.optim.adam import Adam
from stochinf.rbm.answers import LogLikelihood, LogPartition
from stochinf.rbm.checks import entropy_from, number_between, whole
from stochinf.rbm.estimator import RBM
from stochinf.rbm.network import Layers, Network, descended, forward, joined_layers, layers_of
from stochinf.rbm.partition import binarised
from stochinf.rbm.units import Bernoulli

__all__ = ["DBN"]

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
TOP_SCALE = 0.01


class DBN(ClassifierMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Deep belief network: a stack of restricted Boltzmann machines, each trained on the features of the one below.

    The model is :math:`p(v, h^1, \dots, h^L) = p(v | h^1) \cdots p(h^{L-2} | h^{L-1})\, p(h^{L-1}, h^L)` with the last machine as
    its top. Given classes, the weights become those of a network with a softmax on top, which backpropagation tunes.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
        Units of each hidden layer, from below.
    rbm : RBM or sequence of RBM, optional
        How each layer is trained: one for all, or one each; `n_components` is set here.
    n_iter : int
        Passes of fine-tuning.
    batch_size : int
        Rows of a minibatch of fine-tuning.
    rule : part, optional
        Any rule of `stochinf.optim` for fine-tuning; `Adam(1e-3)` by default.
    l2 : float
        Penalty of fine-tuning: l2 / 2 times the squares of the parameters.
    dropout : float or pair of float
        Chance that a hidden unit takes no part in a row of fine-tuning; of a pair the first number is that of the numbers of the
        rows. The others grow by 1 / (1 - chance) meanwhile, so that what is learnt serves all of them together.
    random_state : int, RandomState, Generator or None
        As in scikit-learn: an int repeats, None draws from numpy's global generator.
    progress : bool, optional
        Show progress; by default in a terminal or a notebook only.

    Attributes
    ----------
    rbms_ : list of RBM
        As trained without classes.
    layers_ : list of (weights, bias)
        The tuned network, from below, its last layer the classes'; only with classes.
    classes_ : ndarray
    n_features_in_ : int

    References
    ----------
    Hinton, G. E., Osindero, S. and Teh, Y.-W. (2006). A fast learning algorithm for deep belief nets. Neural Computation 18.
    Hinton, G. E. and Salakhutdinov, R. R. (2006). Reducing the dimensionality of data with neural networks. Science 313.
    Srivastava, N. et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> X = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 50, axis=0)
    >>> y = np.repeat(["right", "left"], 50)
    >>> dbn = si.DBN((6, 4), si.RBM(1, n_iter=5, batch_size=10), n_iter=30, batch_size=10, random_state=0).fit(X, y)
    >>> dbn.predict([[1, 1, 0, 0]]), dbn.transform(X).shape
    (array(['left'], dtype='<U5'), (100, 4))
    """

    layers_: Layers

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (500, 500),
        rbm: Any = None,
        *,
        n_iter: int = 10,
        batch_size: int = 100,
        rule: Any = None,
        l2: float = 0.0,
        dropout: Any = 0.0,
        random_state: Any = None,
        progress: bool | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.rbm = rbm
        self.n_iter = n_iter
        self.batch_size = batch_size
        self.rule = rule
        self.l2 = l2
        self.dropout = dropout
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> DBN:
        """Train the machines from below, and where classes are given the classifier.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
        y : array_like of shape (n,) or (n, n_classes), optional
            Classes, or what a teacher says of them: shares that add up to 1, as floats.

        Raises
        ------
        StochinfError
            If a parameter breaks a rule.
        """
        rows = self._validated(X, reset=True)
        self._entropy = entropy_from(self.random_state)
        for name in ("layers_", "classes_"):
            if hasattr(self, name):
                delattr(self, name)
        self.rbms_: list[Any] = []
        for place, machine in enumerate(self._machines()):
            machine.set_params(random_state=self._seed(place))
            self.rbms_.append(machine.fit(rows))
            rows = machine.transform(rows)
        return self if y is None else self.fine_tune(X, y)

    def fine_tune(self, X: Any, y: Any) -> DBN:
        """Train the classifier by backpropagation, from the machines' weights; from its own where it has been trained.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
        y : array_like of shape (n,) or (n, n_classes)
        """
        check_is_fitted(self, "rbms_")
        rows = self._validated(X, reset=False).astype(np.float32, copy=False)
        targets = self._targets(y, len(rows))
        widths = np.array([rows.shape[1], *(len(machine.hidden_bias_) for machine in self.rbms_), targets.shape[1]])
        if not hasattr(self, "layers_") or self.layers_[-1][1].size != targets.shape[1]:
            self.layers_ = self._grown(targets.shape[1])
        batch = min(whole("batch_size", self.batch_size), len(rows))
        rule, seed = Adam(1e-3) if self.rule is None else self.rule, self._seed(len(self.rbms_) + 2)
        network = Network(rows, targets, widths, batch, float(self.l2), self._chances(), seed)
        position = descended(
            network, rule, joined_layers(self.layers_), batch=batch, passes=whole("n_iter", self.n_iter),
            entropy=self._seed(len(self.rbms_)), progress=shown(self.progress),
        )  # fmt: skip
        self.layers_ = layers_of(position, widths)
        return self

    def transform(self, X: Any) -> Numbers:
        """Return the chances of the units of the highest hidden layer, tuned where there are classes.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
        """
        check_is_fitted(self, "rbms_")
        return forward(self._recognition(), self._validated(X, reset=False))

    def predict_proba(self, X: Any) -> Numbers:
        """Return the chances of the classes.

        Parameters
        ----------
        X : array_like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        check_is_fitted(self, "layers_")
        weights, bias = self.layers_[-1]
        return np.asarray(softmax(self.transform(X) @ weights + bias, axis=1))

    def predict(self, X: Any) -> Numbers:
        """Return the most probable classes.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
        """
        found: Numbers = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found

    def sample(self, n: int, *, thin: int = 10, warmup: int = 200, rng: Any = None) -> Floats:
        """Draw visible units: the top machine by block Gibbs sampling, then downwards layer by layer.

        Parameters
        ----------
        n, thin, warmup : int
            As in `RBM.sample`, of the top machine.
        rng : int, SeedSequence, Generator or None
        """
        check_is_fitted(self, "rbms_")
        entropy = entropy_of(rng)
        rows: Any = self.rbms_[-1].sample(n, thin=thin, warmup=warmup, rng=entropy)
        chance = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(8,))))
        for machine in self.rbms_[-2::-1]:
            below = machine.machine()
            rows = below.visible.sample(rows @ below.weights.T.astype(float) + below.visible_bias, chance)
        return np.asarray(rows, dtype=np.float64)

    def lower_bound(
        self, X: Any, *, draws: int = 10, binarise: str | None = None, partition: LogPartition | None = None, rng: Any = None
    ) -> LogLikelihood:
        r"""Return a lower bound of the mean log likelihood of rows, in nats.

        .. math:: \log p(v) \ge E_Q\bigl[\log p(v | h^1) + \dots + \log p^*(h^{L-1})\bigr] - \log Z + H(Q)

        with Q the upward pass, unit by unit, and the top machine's Z; for one machine it is the likelihood itself.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
        draws : int
            Of Q for each row.
        binarise : {None, "threshold", "sample"}
            As in `RBM.log_likelihood`.
        partition : LogPartition, optional
            Of the top machine.
        rng : int, SeedSequence, Generator or None

        References
        ----------
        Salakhutdinov, R. and Murray, I. (2008). On the quantitative analysis of deep belief networks. ICML, section 5.
        """
        check_is_fitted(self, "rbms_")
        entropy, machines = entropy_of(rng), [machine.machine() for machine in self.rbms_]
        for machine in machines[1:]:
            if not isinstance(machine.visible.units, Bernoulli):
                raise StochinfError("lower_bound: hidden layers of units 0 or 1 are needed")
        dense = self._validated(X, reset=False)
        dense = dense.toarray() if hasattr(dense, "toarray") else dense
        rows, how = binarised(machines[0], dense.astype(float), binarise, entropy)
        z = self.rbms_[-1].log_partition(rng=entropy) if partition is None else partition
        chance = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(10,))))
        values = np.array([_bound(machines, rows, chance) for _ in range(counted("draws", draws))]) - z.value
        means = values.mean(axis=0)
        noise = float(values.std(axis=0, ddof=1).mean() / np.sqrt(values.size)) if draws > 1 and len(machines) > 1 else 0.0
        spread = float(means.std(ddof=1) / np.sqrt(means.size)) if means.size > 1 else float("nan")
        return LogLikelihood(
            value=float(means.mean()), mcse=float(np.hypot(z.mcse, noise)), standard_error=spread, binarisation=how,
            rows=means.size, partition=z,
        )  # fmt: skip

    def _machines(self) -> list[Any]:
        """Return untrained machines of the asked sizes."""
        sizes = [whole("hidden_layer_sizes", size) for size in np.atleast_1d(np.asarray(self.hidden_layer_sizes)).tolist()]
        given = self.rbm if isinstance(self.rbm, (list, tuple)) else [RBM(1) if self.rbm is None else self.rbm] * len(sizes)
        if not sizes or len(given) != len(sizes):
            raise StochinfError(f"rbm: {len(given)} machines for {len(sizes)} hidden layers; one for all or one each is needed")
        return [clone(machine).set_params(n_components=size) for machine, size in zip(given, sizes, strict=True)]

    def _chances(self) -> tuple[float, float]:
        """Return the chances that numbers of the rows and hidden units drop out."""
        pair = self.dropout if isinstance(self.dropout, (tuple, list)) else (0.0, self.dropout)
        if len(pair) != 2:
            raise StochinfError(f"dropout = {self.dropout!r}: a chance, or a pair for rows and hidden layers, is needed")
        visible, hidden = (number_between("dropout", chance, 0.0, 0.999) for chance in pair)
        return visible, hidden

    def _recognition(self) -> Layers:
        if hasattr(self, "layers_"):
            return self.layers_[:-1]
        return [(machine.weights_.T, machine.hidden_bias_) for machine in self.rbms_]

    def _grown(self, classes: int) -> Layers:
        """Return the machines' weights as layers, and a small random one for the classes."""
        layers = [(machine.weights_.T, machine.hidden_bias_) for machine in self.rbms_]
        chance = np.random.Generator(np.random.SFC64(self._seed(len(self.rbms_) + 1)))
        top = chance.normal(0.0, TOP_SCALE, (layers[-1][1].size, classes))
        return [*layers, (top, np.zeros(classes))]

    def _targets(self, y: Any, n: int) -> npt.NDArray[np.float32]:
        """Return shares of the classes, a row each; remember the classes."""
        labels = np.asarray(y)
        if len(labels) != n:
            raise StochinfError(f"y has {len(labels)} rows, X {n}")
        if labels.ndim == 2 and labels.shape[1] > 1:
            shares = labels.astype(np.float32)
            if not np.isfinite(shares).all() or (shares < 0).any() or np.abs(shares.sum(axis=1) - 1).max() > 1e-3:
                raise StochinfError("y: shares of the classes must not be negative and add up to 1 in every row")
            self.classes_ = np.arange(labels.shape[1])
            return shares
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels.ravel(), return_inverse=True)
        return np.eye(len(self.classes_), dtype=np.float32)[codes]

    def _seed(self, place: int) -> int:
        return int(np.random.SeedSequence(self._entropy, spawn_key=(place,)).generate_state(1)[0])

    def _validated(self, X: Any, reset: bool) -> Any:
        try:
            return validate_data(self, X, accept_sparse="csr", dtype=[np.float32, np.float64], reset=reset)
        except ValueError as error:
            raise StochinfError(str(error)) from error


def _bound(machines: list[Any], rows: Floats, chance: np.random.Generator) -> Floats:
    """Return one draw of the bound of every row, without the partition function."""
    total = np.zeros(len(rows))
    for machine in machines[:-1]:
        weights = machine.weights.astype(float)
        up = expit(rows @ weights + machine.hidden_bias)
        with np.errstate(divide="ignore", invalid="ignore"):
            total -= np.nan_to_num(up * np.log(up) + (1 - up) * np.log1p(-up)).sum(axis=1)
        hidden = (chance.random(up.shape) < up).astype(float)
        fields = hidden @ weights.T + machine.visible_bias
        total += (rows * fields).sum(axis=1) - machine.visible.log_partition(fields)
        total += machine.visible.units.log_base(rows, machine.visible.log_precision.astype(float))
        rows = hidden
    values: Floats = total + machines[-1].log_density(rows)
    return values
