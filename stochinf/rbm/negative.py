r"""Where the chains of the negative phase come from, and how they move.

- `FromData` (CD): chains start at the rows of the minibatch in every step.
- `Persistent` (PCD): chains go on from step to step.
- `Fast` (FPCD): persistent chains of a machine with fast weights beside the slow ones, which learn at a rate of their own and
  decay, so that the chains are driven from where they stand.
- `Tempered` (PT): persistent chains at inverse temperatures :math:`1 = \beta_1 > \dots > \beta_T = 0` of the machines
  :math:`p_\beta \propto \exp(\beta (v^\top W h + c^\top h) + b^\top v + \dots)`; neighbours change places with the chance
  :math:`\min(1, e^{(\beta_s - \beta_t)(\phi_t - \phi_s)})`, :math:`\phi = v^\top W h + c^\top h`.

A negative phase is a part with `init(n_parameters, n_visible, n_hidden, hidden, generator) -> memory`; `rows(found, first)`, how
many chains enter the statistics of a group of rows; `follows()`, whether each belongs to a row; `run`, which leaves the chains in
the first rows of `visible` and `hidden`; and `learnt`, which sees every gradient.

References
----------
Hinton, G. E. (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14(8), section 4.
Tieleman, T. (2008). Training restricted Boltzmann machines using approximations to the likelihood gradient. ICML, section 3.
Tieleman, T. and Hinton, G. (2009). Using fast weights to improve persistent contrastive divergence. ICML, section 3.
Desjardins, G. et al. (2010). Tempered Markov chain Monte Carlo for training of restricted Boltzmann machines. AISTATS, section 3.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.blas import multiply
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import random
from stochinf.rbm.products import project

__all__ = ["Fast", "FromData", "Persistent", "Tempered", "gibbs"]

Singles = npt.NDArray[np.float32]


@helper()
def gibbs(kernel: Any, position: Singles, state: Any, rows: int, sample: Singles) -> None:
    """Move chains by k Gibbs steps from the hidden units in `sample`; leave visible units, and means of the hidden ones."""
    visible, hidden = state.visible[:rows], state.hidden[:rows]
    n_visible, n_hidden = visible.shape[1], hidden.shape[1]
    biases = n_visible * n_hidden
    weights = position[:biases].reshape((n_visible, n_hidden))
    visible_bias = position[biases : biases + n_visible]
    hidden_bias = position[biases + n_visible : biases + n_visible + n_hidden]
    log_precision = position[biases + n_visible + n_hidden :]
    for _ in range(kernel.k):
        if kernel.dropout > 0.0:
            for i in range(rows):
                for j in range(n_hidden):
                    sample[i, j] *= state.mask[i, j]
        multiply(sample, False, weights, True, visible, np.float32(0.0))
        kernel.visible.draw_in_place(visible, visible_bias, log_precision, state.words)
        project(visible, weights, hidden, state.places)
        kernel.hidden.draw(hidden, hidden_bias, position[:0], state.words, sample)


class NoChains(NamedTuple):
    """Chains that remember nothing."""

    sample: Singles


class Fantasy(NamedTuple):
    """The hidden units of persistent chains, shape (n_chains, n_hidden)."""

    sample: Singles


class FastWeights(NamedTuple):
    """As `Fantasy`, with fast parameters and their sum with the slow ones, shape (n_parameters,)."""

    sample: Singles
    fast: Singles
    total: Singles


class Ladder(NamedTuple):
    """Chains at all temperatures, a block of rows each: visible units, activations and units drawn of the hidden layer.

    Attributes
    ----------
    visible, hidden, activation, sample : ndarray of shape (n_temperatures * n_chains, units)
    bias : ndarray of shape (n_hidden,)
        Hidden biases at a temperature.
    swaps : ndarray of shape (2,)
        Changes of place tried and made.
    """

    visible: Singles
    hidden: Singles
    activation: Singles
    sample: Singles
    bias: Singles
    swaps: npt.NDArray[np.int64]


def demand_chains(name: str, n_chains: int) -> None:
    """Demand at least one chain."""
    if not 1 <= n_chains < 2**31:
        raise StochinfError(f"{name}: n_chains = {n_chains}; a whole number from 1 on is needed")


def fresh(n_chains: int, n_hidden: int, hidden: Any, generator: np.random.Generator) -> Singles:
    """Return hidden units drawn without activation."""
    units: Singles = hidden.sample(np.zeros((n_chains, n_hidden)), np.empty(0), generator).astype(np.float32)
    return units


@part
class FromData(NamedTuple):
    """Chains from the data: contrastive divergence.

    Examples
    --------
    >>> import stochinf as si
    >>> si.rbm.ContrastiveDivergence(2, chains=si.rbm.FromData()).chains.rows(10, True)
    10
    """

    unused: int = 0

    def init(self, n_parameters: int, n_visible: int, n_hidden: int, hidden: Any, generator: Any) -> NoChains:
        """Return no chains."""
        return NoChains(np.zeros((0, n_hidden), np.float32))

    def rows(self, found: int, first: bool) -> int:
        """Return one chain for each row."""
        return found

    def follows(self) -> bool:
        """Whether each chain belongs to a row: it does."""
        return True

    def run(self, kernel: Any, state: Any, rows: int, rng: Any) -> None:
        """Move chains from the hidden units drawn for the data."""
        gibbs(kernel, state.position, state, rows, state.drawn[:rows])

    def learnt(self, state: Any, rate: float) -> None:
        """Remember nothing."""


@part
class Persistent(NamedTuple):
    """Chains that go on from step to step: persistent contrastive divergence.

    Parameters
    ----------
    n_chains : int
        Chains.

    Examples
    --------
    >>> import stochinf as si
    >>> si.rbm.ContrastiveDivergence(2, chains=si.rbm.Persistent(20)).chains.rows(10, True)
    20
    """

    n_chains: int = 100

    def checked(self) -> Persistent:
        """Check the number of chains."""
        demand_chains("Persistent", self.n_chains)
        return self

    def init(self, n_parameters: int, n_visible: int, n_hidden: int, hidden: Any, generator: Any) -> Fantasy:
        """Return fresh chains."""
        return Fantasy(fresh(self.n_chains, n_hidden, hidden, generator))

    def rows(self, found: int, first: bool) -> int:
        """Return all chains for the first group of rows."""
        return self.n_chains if first else 0

    def follows(self) -> bool:
        """Whether each chain belongs to a row: it does not."""
        return False

    def run(self, kernel: Any, state: Any, rows: int, rng: Any) -> None:
        """Move the chains on."""
        gibbs(kernel, state.position, state, rows, state.chains.sample)

    def learnt(self, state: Any, rate: float) -> None:
        """Remember nothing more."""


@part
class Fast(NamedTuple):
    """Persistent chains with fast weights.

    Parameters
    ----------
    n_chains : int
        Chains.
    decay : float
        What fast weights keep from step to step.
    factor : float
        Their learning rate over that of the slow weights.

    Examples
    --------
    >>> import stochinf as si
    >>> si.rbm.Fast(20).decay
    0.95
    """

    n_chains: int = 100
    decay: float = 0.95
    factor: float = 1.0

    def checked(self) -> Fast:
        """Check the numbers."""
        demand_chains("Fast", self.n_chains)
        if not (0 <= self.decay < 1 and 0 <= self.factor < math.inf):
            raise StochinfError(f"Fast: decay = {self.decay}, factor = {self.factor}; 0 <= decay < 1 and factor >= 0 are needed")
        return self

    def init(self, n_parameters: int, n_visible: int, n_hidden: int, hidden: Any, generator: Any) -> FastWeights:
        """Return fresh chains and fast weights of zero."""
        zero = np.zeros(n_parameters, np.float32)
        return FastWeights(fresh(self.n_chains, n_hidden, hidden, generator), zero, zero.copy())

    def rows(self, found: int, first: bool) -> int:
        """Return all chains for the first group of rows."""
        return self.n_chains if first else 0

    def follows(self) -> bool:
        """Whether each chain belongs to a row: it does not."""
        return False

    def run(self, kernel: Any, state: Any, rows: int, rng: Any) -> None:
        """Move the chains on under slow and fast weights together."""
        own = state.chains
        for i in range(own.total.size):
            own.total[i] = state.position[i] + own.fast[i]
        gibbs(kernel, own.total, state, rows, own.sample)

    def learnt(self, state: Any, rate: float) -> None:
        """Let the fast weights decay and learn."""
        kept, step = np.float32(self.decay), np.float32(self.factor * rate)
        for i in range(state.chains.fast.size):
            state.chains.fast[i] = np.float32(kept * state.chains.fast[i] - step * state.gradient[i])


@part
class Tempered(NamedTuple):
    """Persistent chains at several temperatures that change places (parallel tempering).

    Parameters
    ----------
    n_chains : int
        Chains at each temperature.
    n_temperatures : int
        Inverse temperatures, evenly spaced from 1 to 0.

    Examples
    --------
    >>> import stochinf as si
    >>> si.rbm.Tempered(20, 5).n_temperatures
    5
    """

    n_chains: int = 100
    n_temperatures: int = 10

    def checked(self) -> Tempered:
        """Check the numbers."""
        demand_chains("Tempered", self.n_chains)
        if not 2 <= self.n_temperatures < 2**20:
            raise StochinfError(f"Tempered: n_temperatures = {self.n_temperatures}; at least 2 are needed")
        return self

    def init(self, n_parameters: int, n_visible: int, n_hidden: int, hidden: Any, generator: Any) -> Ladder:
        """Return fresh chains."""
        rows = self.n_chains * self.n_temperatures
        sample = fresh(rows, n_hidden, hidden, generator)
        return Ladder(
            np.zeros((rows, n_visible), np.float32), np.zeros_like(sample), np.zeros_like(sample), sample,
            np.zeros(n_hidden, np.float32), np.zeros(2, np.int64),
        )  # fmt: skip

    def rows(self, found: int, first: bool) -> int:
        """Return the chains at temperature 1 for the first group of rows."""
        return self.n_chains if first else 0

    def follows(self) -> bool:
        """Whether each chain belongs to a row: it does not."""
        return False

    def run(self, kernel: Any, state: Any, rows: int, rng: Any) -> None:
        """Move all chains, let neighbours change places, and leave those at temperature 1."""
        own = state.chains
        biases = own.visible.shape[1] * own.hidden.shape[1] + own.visible.shape[1]
        weights = state.position[: own.visible.shape[1] * own.hidden.shape[1]].reshape(
            (own.visible.shape[1], own.hidden.shape[1])
        )
        hidden_bias = state.position[biases : biases + own.hidden.shape[1]]
        for _ in range(kernel.k):
            temper(kernel, state, weights, self.n_temperatures, rows)
            change_places(own, hidden_bias, self.n_temperatures, rows, rng)
        visible, hidden = state.visible[:rows], state.hidden[:rows]
        for i in range(rows):
            for j in range(visible.shape[1]):
                visible[i, j] = own.visible[i, j]
        project(visible, weights, hidden, state.places)
        kernel.hidden.draw(hidden, hidden_bias, state.position[:0], state.words, own.sample[:rows])

    def learnt(self, state: Any, rate: float) -> None:
        """Remember nothing more."""


@helper()
def temper(kernel: Any, state: Any, weights: Singles, temperatures: int, rows: int) -> None:
    """Move the chains of every temperature by one Gibbs step, and keep the activations of the hidden units."""
    own = state.chains
    n_visible, n_hidden = weights.shape
    visible_bias = state.position[weights.size : weights.size + n_visible]
    hidden_bias = state.position[weights.size + n_visible : weights.size + n_visible + n_hidden]
    log_precision = state.position[weights.size + n_visible + n_hidden :]
    for t in range(temperatures):
        beta = np.float32(1.0 - t / (temperatures - 1))
        sample = own.sample[t * rows : (t + 1) * rows]
        visible, hidden = own.visible[t * rows : (t + 1) * rows], own.hidden[t * rows : (t + 1) * rows]
        multiply(sample, False, weights, True, visible, np.float32(0.0))
        for i in range(rows):
            for j in range(n_visible):
                visible[i, j] *= beta
        kernel.visible.draw_in_place(visible, visible_bias, log_precision, state.words)
        project(visible, weights, hidden, state.places)
        for j in range(n_hidden):
            own.bias[j] = beta * hidden_bias[j]
        for i in range(rows):
            for j in range(n_hidden):
                own.activation[t * rows + i, j] = hidden[i, j]
                hidden[i, j] *= beta
        kernel.hidden.draw(hidden, own.bias, state.position[:0], state.words, sample)


@helper()
def score(own: Any, bias: Singles, row: int) -> float:
    """Return v'W h + c'h of a chain."""
    total = 0.0
    for j in range(bias.size):
        total += own.sample[row, j] * (own.activation[row, j] + bias[j])
    return total


@helper()
def change_places(own: Any, bias: Singles, temperatures: int, rows: int, rng: Any) -> None:
    """Let neighbouring temperatures change places, even pairs, then odd ones."""
    for parity in range(2):
        for t in range(parity, temperatures - 1, 2):
            for i in range(rows):
                first, second = t * rows + i, (t + 1) * rows + i
                gain = (score(own, bias, second) - score(own, bias, first)) / (temperatures - 1)
                own.swaps[0] += 1
                if math.log(1.0 - random(rng)) < gain:
                    own.swaps[1] += 1
                    trade(own.visible, first, second)
                    trade(own.sample, first, second)
                    trade(own.activation, first, second)


@helper()
def trade(rows: Singles, first: int, second: int) -> None:
    """Exchange two rows."""
    for j in range(rows.shape[1]):
        kept = rows[first, j]
        rows[first, j] = rows[second, j]
        rows[second, j] = kept
