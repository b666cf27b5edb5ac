r"""Contrastive learning of Potts models of sequences: persistent chains stand for what the model expects.

Sequences of L sites with q states each are modelled by

.. math:: p(x) \propto \exp\Big(\sum_i h_i(x_i) + \sum_{i < j} J_{ij}(x_i, x_j)\Big).

The gradient of the mean negative log-likelihood is the difference of shares: of states and of pairs of states, among the chains
of the model less among the sequences. It is taken in centred parameters, with the shares :math:`f_i` of the data as centres,

.. math:: g_{J_{ij}}(a, b) = \langle (\delta_{x_i a} - f_i(a)) (\delta_{x_j b} - f_j(b)) \rangle_\text{model}
   - \langle \cdot \rangle_\text{data}, \qquad
   g_{h_i}(a) = m_i(a) - f_i(a) - \sum_{j, b} g_{J_{ij}}(a, b) f_j(b),

whose couplings add up to zero along every row and column: from couplings of zero, steps along it stay in the zero-sum gauge.

References
----------
Tieleman, T. (2008). Training restricted Boltzmann machines using approximations to the likelihood gradient. ICML.
Figliuzzi, M., Barrat-Charlaix, P. and Weigt, M. (2018). How pairwise coevolutionary models capture the collective residue
variability in proteins. Molecular Biology and Evolution 35(4): Boltzmann machine learning.
Melchior, J., Fischer, A. and Wiskott, L. (2016). How to center deep Boltzmann machines. JMLR 17(99), equations (19)-(21).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import lane_streams
from stochinf.engine.rates import is_open
from stochinf.learning.structure.dense_gibbs import BlockWork, block_work
from stochinf.learning.structure.potts_steps import count_chains, sweep_block, write_gradient
from stochinf.optim.contract import Move, check_transform, in_precision, seeded
from stochinf.optim.transforms import Identity, complete

__all__ = ["PairShares", "PottsContrastive", "PottsContrastiveState"]

Singles = npt.NDArray[np.float32]
BLOCK = 64
RATE = 0.3


@part
class PairShares(NamedTuple):
    """What contrastive learning reads of the data: shares of states and of pairs; made by `pair_shares`.

    Parameters
    ----------
    single : float32 (L q,)
        Share of sequences with state a at site i, at i q + a.
    pairs : float32 (L q, L q)
        Share with a at i and b at j.
    n_states : int
        States of a site, q.

    Examples
    --------
    >>> import stochinf as si
    >>> si.learning.pair_shares([[0, 1], [1, 0]], pseudocount=0).single
    array([0.5, 0.5, 0.5, 0.5], dtype=float32)
    """

    single: Singles
    pairs: Singles
    n_states: int

    @property
    def n_points(self) -> int:
        """One: every step sees the shares of all sequences."""
        return 1

    @property
    def dim(self) -> int:
        """Number of parameters."""
        return int(self.single.size * (self.single.size + 1))

    def shares(self) -> int:
        """Return the number of states of all sites."""
        return self.single.size


class PottsContrastiveState(NamedTuple):
    """Parameters, chains and work space.

    Attributes
    ----------
    position, gradient : float32 (L q + (L q)^2,)
        Biases h, then couplings J as a symmetric matrix.
    states : uint8 (blocks, L, 64)
        The persistent chains, 64 to a block.
    words : uint32 (2, chains)
        A small generator per chain.
    pairs : float32 (L q, L q)
        Shares of pairs among the chains, above the diagonal; of states on it.
    excess : float32 (L q,)
        Shares of states less those of the data.
    work : BlockWork
    memory : NamedTuple of arrays
        What the transform of gradients remembers.
    stats : ndarray of shape (1,)
        Root mean square of the couplings' gradient.
    """

    position: Singles
    gradient: Singles
    states: npt.NDArray[np.uint8]
    words: npt.NDArray[np.uint32]
    pairs: Singles
    excess: Singles
    work: BlockWork
    memory: Any
    stats: npt.NDArray[np.float64]


@part(needs=("shares",), yields="optimum", rate_field="learning_rate", statistics=("gradient_rms",))
class PottsContrastive(NamedTuple):
    """Persistent contrastive divergence for a dense Potts model.

    Parameters
    ----------
    chains : int
        Persistent chains; a multiple of 64 is taken.
    sweeps : int
        Gibbs sweeps of every chain in a step.
    learning_rate : float or schedule
        Rate; NaN takes 0.3.
    transform : part
        What is done to the gradient before the step, as in `stochinf.optim.SGD`.
    l2 : float
        Strength of the penalty l2/2 |J|^2.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> shares = si.learning.pair_shares(si.learning.Alignment.from_states([[0, 1], [1, 0], [0, 1], [1, 0]], 2))
    >>> si.run(si.learning.PottsContrastive(64), shares, steps=10, thin=10, rng=0)["position"].shape
    (1, 1, 20)
    """

    chains: int = 1024
    sweeps: int = 1
    learning_rate: Any = math.nan
    transform: Any = Identity()
    l2: float = 0.0

    def checked(self) -> PottsContrastive:
        """Check counts, rate and penalty."""
        for name in ("chains", "sweeps"):
            if not 1 <= getattr(self, name) < 2**24:
                raise StochinfError(f"PottsContrastive: {name} = {getattr(self, name)}; a whole number from 1 on is needed")
        rate = self.learning_rate
        if isinstance(rate, (int, float)) and not (math.isnan(rate) or 0 < rate < math.inf):
            raise StochinfError(f"PottsContrastive: learning_rate = {rate}; a positive finite number is needed")
        if not 0 <= self.l2 < math.inf:
            raise StochinfError(f"PottsContrastive: l2 = {self.l2}; a finite number of at least 0 is needed")
        check_transform("PottsContrastive", self.transform)
        return self

    def prepare(self, target: Any) -> PottsContrastive:
        """Choose the rate, complete the transform and round the chains up to whole blocks."""
        return self._replace(
            learning_rate=RATE if is_open(self.learning_rate) else self.learning_rate,
            transform=complete(self.transform),
            chains=-(-self.chains // BLOCK) * BLOCK,
        )

    def pick(self, target: Any) -> Scan:
        """Return the picker of one point: a step sees all sequences."""
        return Scan(1)

    def points(self, target: Any) -> int:
        """There is one point."""
        return 1

    def init(self, target: PairShares, position: npt.NDArray[Any] | None, streams: Any) -> PottsContrastiveState:
        """Return the state at given parameters, or at no couplings and biases that fit the shares; chains fit the shares too."""
        size, q = target.single.size, target.n_states
        sites = size // q
        demand(4 * (5 * size * (size + 1)) + self.chains * sites, f"a Potts model of {sites} sites with {q} states")
        start = independent(target) if position is None else np.array(position, dtype=np.float32).reshape(-1)
        if start.size != target.dim:
            raise StochinfError(f"init: {start.size} numbers given, {target.dim} needed: biases, then a matrix of couplings")
        memory = seeded(in_precision(self.transform.init(start.size), start.size, np.float32), streams)
        return PottsContrastiveState(
            start, np.zeros(start.size, np.float32), profile_states(target, self.chains, streams.generator()),
            lane_streams(streams.seed("lanes"), self.chains), np.zeros((size, size), np.float32), np.zeros(size, np.float32),
            block_work(BLOCK, size, q), memory, np.full(1, np.nan),
        )  # fmt: skip

    def update(self, target: Any, state: Any, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Run the chains, compare their shares with those of the data, and move the parameters."""
        size = state.excess.size
        couplings, biases = state.position[size:].reshape((size, size)), state.position[:size]
        self.transform.look(state.position, state.memory)
        state.pairs[:] = np.float32(0.0)
        for block in range(state.states.shape[0]):
            chains, words = state.states[block], state.words[:, block * BLOCK : (block + 1) * BLOCK]
            sweep_block(couplings, biases, chains, words, self.sweeps, 1.0, state.work)
            count_chains(chains, target.n_states, state.pairs)
        scale = np.float32(1.0 / state.words.shape[1])
        for r in range(size):
            row = state.pairs[r]
            for s in range(size):
                row[s] *= scale
        square = write_gradient(target, np.float32(self.l2), state.position, state.pairs, state.excess, state.gradient)
        state.stats[0] = math.sqrt(square)
        self.transform.descend(state.position, state.gradient, state.memory, Move(rate, 1))


def independent(target: PairShares) -> Singles:
    """Return parameters without couplings whose sites have the shares of the data; biases of a site add up to zero."""
    logs = np.log(np.maximum(target.single.astype(np.float64), 1e-30)).reshape(-1, target.n_states)
    start = np.zeros(target.dim, np.float32)
    start[: target.single.size] = (logs - logs.mean(axis=1, keepdims=True)).ravel()
    return start


def profile_states(target: PairShares, chains: int, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return chains whose sites are drawn independently by the shares of the data, shape (blocks, L, 64)."""
    cumulative = np.cumsum(target.single.astype(np.float64).reshape(-1, target.n_states), axis=1)
    cumulative /= cumulative[:, -1:]
    levels = generator.random((len(cumulative), chains))
    states = np.empty(levels.shape, np.uint8)
    for site, row in enumerate(cumulative):
        states[site] = np.searchsorted(row, levels[site], side="right")
    return np.ascontiguousarray(states.reshape(len(states), -1, BLOCK).transpose(1, 0, 2))
