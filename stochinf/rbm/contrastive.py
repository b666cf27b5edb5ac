r"""Contrastive divergence: learning a restricted Boltzmann machine from short chains that start at the data.

For rows :math:`v^0` of a minibatch the chain :math:`h^0 \sim p(h | v^0)`, :math:`v^1 \sim p(v | h^0)`, ..., :math:`v^k`
gives the step

.. math:: \Delta W = \eta \bigl(\langle v^0 p(h | v^0)^\top \rangle - \langle v^k p(h | v^k)^\top \rangle\bigr), \quad
   \Delta b = \eta \langle v^0 - v^k \rangle, \quad \Delta c = \eta \langle p(h | v^0) - p(h | v^k) \rangle.

Visible and hidden units of the chain are drawn; the statistics use the probabilities of the hidden units (less noise, the
same mean). The means run over the rows of data and over the chains, each by its own count.

References
----------
Hinton, G. E. (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14(8), section 4.
Hinton, G. E. (2012). A practical guide to training restricted Boltzmann machines. LNCS 7700, sections 3, 4 and 8.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg.cython_blas  # noqa: F401  # the BLAS that compiled code calls, loaded before its threads are limited

from stochinf.engine.blas import multiply
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Minibatches
from stochinf.engine.random import lane_streams
from stochinf.models.batch import member, size_of
from stochinf.rbm.parameters import joined, n_parameters
from stochinf.rbm.units import draw, draw_in_place, squared_difference

__all__ = ["ContrastiveDivergence", "ContrastiveDivergenceState"]

Singles = npt.NDArray[np.float32]
WEIGHT_SCALE = 0.01


class ContrastiveDivergenceState(NamedTuple):
    """Parameters and work space.

    Attributes
    ----------
    position, gradient : ndarray of shape (n_parameters,)
        Weights, visible and hidden biases as one vector (`stochinf.rbm.parameters`); the last step, rate included.
    visible, hidden : ndarray of shape (2 * batch, n_visible) and (2 * batch, n_hidden)
        Data and, below them, chains; probabilities of the hidden units, later times the rate over the count.
    sample : ndarray of shape (batch, n_hidden)
        Hidden units drawn.
    words : ndarray of shape (2, max(n_visible, n_hidden))
        A small generator per unit.
    stats : ndarray of shape (1,)
        Mean squared difference between the data of the last batch and the ends of their chains.
    """

    position: Singles
    gradient: Singles
    visible: Singles
    hidden: Singles
    sample: Singles
    words: npt.NDArray[np.uint32]
    stats: npt.NDArray[np.float64]


@part(needs=("gather",), yields="optimum", rate_field="learning_rate", statistics=("reconstruction_error",), blas=True)
class ContrastiveDivergence(NamedTuple):
    """Contrastive divergence with k steps (CD-k) for Bernoulli units.

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

    def checked(self) -> ContrastiveDivergence:
        """Check counts and rate."""
        for name in ("n_hidden", "k", "batch"):
            if not 1 <= getattr(self, name) < 2**31:
                raise StochinfError(f"ContrastiveDivergence: {name} = {getattr(self, name)}; a whole number from 1 on is needed")
        if isinstance(self.learning_rate, (int, float)) and not (
            math.isnan(self.learning_rate) or 0 < self.learning_rate < math.inf
        ):
            raise StochinfError(
                f"ContrastiveDivergence: learning_rate = {self.learning_rate}; a positive finite number is needed"
            )
        return self

    def prepare(self, target: Any) -> ContrastiveDivergence:
        """Choose the rate and fit the batch to the data."""
        is_open = isinstance(self.learning_rate, float) and math.isnan(self.learning_rate)
        rate = 0.05 if is_open else self.learning_rate
        return ContrastiveDivergence(self.n_hidden, self.k, rate, min(self.batch, getattr(target, "n_points", self.batch)))

    def pick(self, target: Any) -> Minibatches:
        """Take shuffled minibatches."""
        return Minibatches(self.batch)

    def init(self, target: Any, position: npt.NDArray[Any] | None, streams: Any) -> ContrastiveDivergenceState:
        """Return the state at given parameters, or at small random weights and the log odds of the data."""
        n_visible, n_hidden, batch = target.n_visible, self.n_hidden, self.batch
        size = n_parameters(n_visible, n_hidden)
        demand(4 * (2 * size + 2 * batch * (n_visible + 2 * n_hidden)), f"an RBM of {n_visible} by {n_hidden} units")
        if position is not None and position.size != size:
            raise StochinfError(f"init: {position.size} numbers given, {size} needed: weights, visible biases, hidden biases")
        start = starting_parameters(target, n_hidden, streams.generator()) if position is None else position
        return ContrastiveDivergenceState(
            np.array(start, dtype=np.float32).reshape(-1),
            np.zeros(size, np.float32),
            np.zeros((2 * batch, n_visible), np.float32),
            np.zeros((2 * batch, n_hidden), np.float32),
            np.zeros((batch, n_hidden), np.float32),
            lane_streams(streams.seed("lanes"), max(n_visible, n_hidden)),
            np.full(1, np.nan),
        )

    def update(self, target: Any, state: Any, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Run the chains of one minibatch and move the parameters."""
        learn(target, state, point, rate, self.k)

    def sweep(self, target: Any, state: Any, points: Any, rates: Any, start: int, stop: int, rng: Any) -> None:
        """Do a stretch of the tape; beside the loop over steps nothing is compiled twice."""
        for step in range(start, stop):
            learn(target, state, points[step], rates[step], self.k)


@helper()
def learn(target: Any, state: Any, point: Any, rate: float, k: int) -> None:
    """Run the chains of one minibatch, no more rows at once than the work space holds, and move the parameters."""
    capacity = state.sample.shape[0]
    points = size_of(point)
    rows = 0
    for place in range(points):
        rows += 1 if member(point, place) >= 0 else 0
    biases = state.visible.shape[1] * state.hidden.shape[1]
    for i in range(biases if rows > 0 and points <= capacity else 0, state.gradient.size):
        state.gradient[i] = np.float32(0.0)
    error = 0.0
    for start in range(0, points, capacity):
        found = target.gather(point, start, min(start + capacity, points), state.visible)
        if found > 0:
            run_chains(state, found, k)
            add_statistics(state, found, np.float32(rate / rows), np.float32(-rate / rows), start == 0)
            error += squared_difference(state.visible[:found], state.visible[found : 2 * found])
    for i in range(state.position.size):
        state.position[i] += state.gradient[i]
    state.stats[0] = error / max(1, rows * state.visible.shape[1])


@helper()
def run_chains(state: Any, rows: int, k: int) -> None:
    """Run k Gibbs steps from the first rows of `visible` to the next ones, with the probabilities of hidden units beside."""
    n_visible, n_hidden = state.visible.shape[1], state.hidden.shape[1]
    biases = n_visible * n_hidden
    weights = state.position[:biases].reshape((n_visible, n_hidden))
    visible_bias = state.position[biases : biases + n_visible]
    hidden_bias = state.position[biases + n_visible :]
    sample = state.sample[:rows]
    for step in range(k + 1):
        first = 0 if step == 0 else rows
        visible, hidden = state.visible[first : first + rows], state.hidden[first : first + rows]
        if step > 0:
            multiply(sample, False, weights, True, visible, np.float32(0.0))
            draw_in_place(visible, visible_bias, state.words)
        multiply(visible, False, weights, False, hidden, np.float32(0.0))
        draw(hidden, hidden_bias, state.words, sample)


@helper()
def add_statistics(state: Any, rows: int, data_factor: Any, chain_factor: Any, first: bool) -> None:
    """Add the products and sums of data and chains to the gradient, each with its factor."""
    n_visible, n_hidden = state.visible.shape[1], state.hidden.shape[1]
    biases = n_visible * n_hidden
    visible, hidden = state.visible[: 2 * rows], state.hidden[: 2 * rows]
    visible_sums = state.gradient[biases : biases + n_visible]
    hidden_sums = state.gradient[biases + n_visible :]
    for row in range(2 * rows):
        factor = data_factor if row < rows else chain_factor
        for j in range(n_hidden):
            hidden[row, j] *= factor
            hidden_sums[j] += hidden[row, j]
        for j in range(n_visible):
            visible_sums[j] += visible[row, j] * factor
    weights = state.gradient[:biases].reshape((n_visible, n_hidden))
    multiply(visible, True, hidden, False, weights, np.float32(0.0 if first else 1.0))


def starting_parameters(target: Any, n_hidden: int, generator: np.random.Generator) -> Singles:
    r"""Return weights from N(0, 0.01^2), visible biases at the log odds of the data and hidden biases 0.

    The bias of a visible unit is :math:`\log(p / (1 - p))` with :math:`p = (n \bar v + 1/2) / (n + 1)`, kept between
    :math:`1 / (2n + 2)` and one minus that, so that a unit that is always off starts at a finite bias (Hinton 2012, section 8).
    """
    n = target.n_points
    least = 0.5 / (n + 1)
    p = np.clip((n * target.visible_means() + 0.5) / (n + 1), least, 1.0 - least)
    weights = generator.normal(0.0, WEIGHT_SCALE, (target.n_visible, n_hidden))
    return joined(weights, np.log(p / (1.0 - p)), np.zeros(n_hidden))
