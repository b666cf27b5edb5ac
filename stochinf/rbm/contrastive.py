r"""Contrastive learning of a restricted Boltzmann machine: chains stand for what the model expects.

With rows :math:`v` of a minibatch and chains :math:`\tilde v` of the model (`stochinf.rbm.negative`) the gradient of the mean
negative log-likelihood is estimated by

.. math:: g_W = \langle \tilde v\, E[h | \tilde v]^\top \rangle - \langle v\, E[h | v]^\top \rangle, \quad
   g_b = \langle \tilde v - v \rangle, \quad g_c = \langle E[h | \tilde v] - E[h | v] \rangle,

and for log precisions by the difference of :math:`-\tfrac12 \gamma v^2`. Units of chains are drawn; statistics use the means of
the hidden units (less noise, the same expectation). The means run over rows and over chains, each by its own count.

A centred machine takes :math:`v - \mu` and :math:`h - \lambda` for v and h in :math:`g_W`, and

.. math:: g_b \leftarrow g_b - g_W \lambda, \quad g_c \leftarrow g_c - g_W^\top \mu,

with running means :math:`\mu, \lambda` over the data: learning is then the same whichever way units are coded.

References
----------
Hinton, G. E. (2012). A practical guide to training restricted Boltzmann machines. LNCS 7700, sections 3, 4, 8-11.
Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep Boltzmann machines. JMLR 17(99), equations (19)-(21) and
algorithm 1.
Srivastava, N. et al. (2014). Dropout. JMLR 15, section 8.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg.cython_blas  # noqa: F401  # the BLAS that compiled code calls, loaded before its threads are limited

from stochinf.engine.errors import StochinfError
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Minibatches
from stochinf.engine.random import lane_streams
from stochinf.engine.rates import is_open
from stochinf.optim.contract import check_transform, in_precision, seeded
from stochinf.optim.transforms import complete
from stochinf.rbm.entries import Entries, no_entries
from stochinf.rbm.learning import learn
from stochinf.rbm.negative import FromData, Tempered
from stochinf.rbm.parameters import joined, n_parameters
from stochinf.rbm.penalties import Penalties
from stochinf.rbm.steps import Steady
from stochinf.rbm.units import Bernoulli, Spin

__all__ = ["ContrastiveDivergence", "ContrastiveDivergenceState"]

Singles = npt.NDArray[np.float32]
WEIGHT_SCALE = 0.01
"""Of the first weights of layers with real units; see `first_scale`."""
LARGEST_SCALE = 0.1
ACTIVITY = 0.1
"""Share of hidden units of two values that are on at the mean row."""


class ContrastiveDivergenceState(NamedTuple):
    """Parameters, chains and work space.

    Attributes
    ----------
    position, gradient : ndarray of shape (n_parameters,)
        Weights, visible and hidden biases, log precisions as one vector (`stochinf.rbm.parameters`).
    visible, hidden : ndarray of shape (chains + batch, n_visible) and (chains + batch, n_hidden)
        Chains and, below them, data; means of the hidden units, later less their offsets and times `factors`.
    drawn : ndarray of shape (batch, n_hidden)
        Hidden units drawn for the data.
    factors : ndarray of shape (chains + batch,)
        What each row counts in the gradient.
    sums, means : ndarray of shape (n_visible + n_hidden,)
        First moments of the chains, later less those of the data, and those of the data.
    squares : ndarray of shape (n_visible,)
        Differences of the mean squares; empty where units have no precision.
    offsets : ndarray of shape (n_visible + n_hidden,)
        Running means over the data.
    mask : ndarray of shape (chains + batch, n_hidden)
        Hidden units that take part; without rows where none drops out.
    words : ndarray of shape (2, max(n_visible, n_hidden))
        A small generator per unit.
    places : ndarray of shape (n_visible,)
        Work space: which units are not 0.
    entries : Entries
        Work space: all numbers that are not 0, where they are few.
    chains, memory : NamedTuple of arrays
        What the negative phase and the transform of gradients remember.
    stats : ndarray of shape (1,)
        Mean squared difference between the rows of the last batch and the ends of their chains; NaN where chains persist.
    """

    position: Singles
    gradient: Singles
    visible: Singles
    hidden: Singles
    drawn: Singles
    factors: Singles
    sums: Singles
    means: Singles
    squares: Singles
    offsets: Singles
    mask: Singles
    words: npt.NDArray[np.uint32]
    places: npt.NDArray[np.int32]
    entries: Entries
    chains: Any
    memory: Any
    stats: npt.NDArray[np.float64]


@part(needs=("gather",), yields="optimum", rate_field="learning_rate", statistics=("reconstruction_error",), blas=True)
class ContrastiveDivergence(NamedTuple):
    """Contrastive learning with k Gibbs steps, chains from the data (CD-k) or persistent ones.

    Parameters
    ----------
    n_hidden : int
        Hidden units.
    k : int
        Gibbs steps of each chain.
    learning_rate : float or schedule
        Rate; NaN takes 0.05.
    batch : int
        Rows per minibatch, and rows worked on at once where a picker hands out more.
    visible, hidden : part
        Kinds of units (`Bernoulli`, `Spin`, `Gaussian`, `ReLU`, `Softmax`).
    chains : part
        `FromData`, `Persistent`, `Fast` or `Tempered`.
    transform : part
        What is done to the gradient before the step, as in `stochinf.optim.SGD`.
    penalties : Penalties
        Weight decay and a target for the activity of hidden units.
    centered : float
        1 for centred gradients, 0 for plain ones.
    sliding : float
        Share of a minibatch in the running means.
    dropout : float
        Chance that a hidden unit takes no part in a row or chain.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> rows = si.rbm.Rows(np.repeat([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]], 50, axis=0))
    >>> kernel = si.rbm.ContrastiveDivergence(2, batch=10)
    >>> si.run(kernel, rows, steps=100, thin=100, rng=0)["weights"].shape
    (1, 1, 3, 2)
    """

    n_hidden: int
    k: int = 1
    learning_rate: Any = math.nan
    batch: int = 100
    visible: Any = Bernoulli()
    hidden: Any = Bernoulli()
    chains: Any = FromData()
    transform: Any = Steady()
    penalties: Any = Penalties()
    centered: float = 1.0
    sliding: float = 0.01
    dropout: float = 0.0

    def checked(self) -> ContrastiveDivergence:
        """Check counts, rate and shares."""
        for name in ("n_hidden", "k", "batch"):
            if not 1 <= getattr(self, name) < 2**31:
                raise StochinfError(f"ContrastiveDivergence: {name} = {getattr(self, name)}; a whole number from 1 on is needed")
        if isinstance(self.learning_rate, (int, float)) and not (
            math.isnan(self.learning_rate) or 0 < self.learning_rate < math.inf
        ):
            raise StochinfError(
                f"ContrastiveDivergence: learning_rate = {self.learning_rate}; a positive finite number is needed"
            )
        for name, least, most in (("centered", 0, 1), ("sliding", 0, 1), ("dropout", 0, 0.999)):
            if not least <= getattr(self, name) <= most:
                raise StochinfError(
                    f"ContrastiveDivergence: {name} = {getattr(self, name)}; a number from {least} to {most} is needed"
                )
        check_transform("ContrastiveDivergence", self.transform)
        if self.dropout and isinstance(self.chains, Tempered):
            raise StochinfError("ContrastiveDivergence: no dropout with tempered chains; take Persistent")
        return self

    def prepare(self, target: Any) -> ContrastiveDivergence:
        """Choose the rate, complete the transform and fit the batch to the data."""
        return self._replace(
            learning_rate=0.05 if is_open(self.learning_rate) else self.learning_rate,
            batch=min(self.batch, getattr(target, "n_points", self.batch)),
            transform=complete(self.transform),
        )

    def pick(self, target: Any) -> Minibatches:
        """Take shuffled minibatches."""
        return Minibatches(self.batch)

    def init(self, target: Any, position: npt.NDArray[Any] | None, streams: Any) -> ContrastiveDivergenceState:
        """Return the state at given parameters, or at small random weights and biases that fit the means of the data."""
        n_visible, n_hidden, batch = target.n_visible, self.n_hidden, self.batch
        size = n_parameters(n_visible, n_hidden, self.visible.has_precision)
        rows = batch + self.chains.rows(batch, True)
        demand(4 * (3 * size + rows * (3 * n_visible // 2 + 3 * n_hidden)), f"an RBM of {n_visible} by {n_hidden} units")
        if position is not None and position.size != size:
            raise StochinfError(f"init: {position.size} numbers given, {size} needed: weights, visible biases, hidden biases")
        generator = streams.generator()
        means = target.visible_means()
        start = starting_parameters(self, target, means, generator) if position is None else position
        start = np.array(start, dtype=np.float32).reshape(-1)
        offsets = starting_offsets(self, means, start)
        memory = seeded(in_precision(self.transform.init(size), size, np.float32), streams)
        empty = np.zeros(0, np.float32)
        return ContrastiveDivergenceState(
            start, np.zeros(size, np.float32), np.zeros((rows, n_visible), np.float32), np.zeros((rows, n_hidden), np.float32),
            np.zeros((batch, n_hidden), np.float32), np.zeros(rows, np.float32), np.zeros(n_visible + n_hidden, np.float32),
            np.zeros(n_visible + n_hidden, np.float32), np.zeros(n_visible if self.visible.has_precision else 0, np.float32),
            offsets, np.zeros((rows, n_hidden), np.float32) if self.dropout else empty.reshape(0, n_hidden),
            lane_streams(streams.seed("lanes"), max(n_visible, n_hidden)),
            np.zeros(n_visible, np.int32), no_entries(n_visible, n_hidden, rows),
            self.chains.init(size, n_visible, n_hidden, self.hidden, generator), memory, np.full(1, np.nan),
        )  # fmt: skip

    def update(self, target: Any, state: Any, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Run the chains of one minibatch and move the parameters."""
        learn(self, target, state, point, rate, rng)

    def sweep(self, target: Any, state: Any, points: Any, rates: Any, start: int, stop: int, rng: Any) -> None:
        """Do a stretch of the tape; beside the loop over steps nothing is compiled twice."""
        for step in range(start, stop):
            learn(self, target, state, points[step], rates[step], rng)


def first_scale(kernel: Any, n_visible: int) -> float:
    """Return the standard deviation of the first weights: sqrt(2 / units), at most 0.1; 0.01 where units have real values.

    Weights of 0.01 among units of few values learn nothing for as long as these stay alike.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010). Understanding the difficulty of training deep feedforward neural networks. AISTATS, eq. 12.
    """
    if not all(np.isfinite(unit.bounds).all() for unit in (kernel.visible, kernel.hidden)):
        return WEIGHT_SCALE
    return min(LARGEST_SCALE, math.sqrt(2.0 / (n_visible + kernel.n_hidden)))


def quiet(unit: Any) -> float:
    """Return the field in which a tenth of hidden units of two values is on; 0 for others.

    Where half of them is on, hidden units and their opposites learn alike, and features remain dense and nearly linear.

    References
    ----------
    Hinton, G. E. (2012). A practical guide to training restricted Boltzmann machines. LNCS 7700, sections 8 and 11.
    """
    if type(unit) not in (Bernoulli, Spin):
        return 0.0
    low, high = unit.bounds
    mean = np.full(1, low + ACTIVITY * (high - low))
    return float(unit.start(mean, mean, 10**9)[0][0])


def starting_parameters(kernel: Any, target: Any, means: npt.NDArray[np.float64], generator: np.random.Generator) -> Singles:
    """Return small normal weights, visible biases that fit the means of the data, and hidden biases that suit its mean row.

    Given that row a tenth of the hidden units is on.
    So the start, like centred learning, is the same whichever way visible units are coded.
    """
    squares = target.visible_squares() if kernel.visible.has_precision else means
    bias, log_precision = kernel.visible.start(means, squares, target.n_points)
    weights = generator.normal(0.0, first_scale(kernel, target.n_visible), (target.n_visible, kernel.n_hidden))
    return joined(weights, bias, quiet(kernel.hidden) - means @ weights, log_precision)


def starting_offsets(kernel: Any, means: npt.NDArray[np.float64], start: Singles) -> Singles:
    """Return the means of the visible units, and those of the hidden ones given these."""
    size = means.size * kernel.n_hidden
    weights, biases = start[:size].reshape(means.size, kernel.n_hidden), start[size + means.size :]
    hidden = kernel.hidden.mean((means @ weights + biases[: kernel.n_hidden]).astype(np.float64)[None])[0]
    return np.concatenate([means, hidden]).astype(np.float32)
