r"""Gibbs sampling of dense Potts models: many chains side by side, a sweep a step.

.. math:: p(x_i = a \mid \text{rest}) \propto \exp\Big(\beta \big(h_i(a) + \sum_{j \ne i} J_{ij}(a, x_j)\big)\Big)

with inverse temperature :math:`\beta`, the rate. Sites are drawn in order. Every chain keeps the log weights of all its states
between sites, and a site that changes swaps one row of the couplings for another.

References
----------
Geman, S. and Geman, D. (1984). Stochastic relaxation, Gibbs distributions and the Bayesian restoration of images. IEEE PAMI 6(6).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import CheckpointError, StochinfError
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.learning.structure.potts_steps import sweep_block

__all__ = ["BlockWork", "DenseGibbs", "DenseGibbsState", "DensePotts", "block_work"]

Singles = npt.NDArray[np.float32]


class BlockWork(NamedTuple):
    """Work space of a block of chains: log weights of all states, those of one site, and what a draw needs.

    Attributes
    ----------
    fields : float32 (block, L q)
    weights : float32 (q, block)
    level : float32 (block,)
    offset, before : int32 (block,)
    """

    fields: Singles
    weights: Singles
    level: Singles
    offset: npt.NDArray[np.int32]
    before: npt.NDArray[np.int32]


def block_work(chains: int, size: int, n_states: int) -> BlockWork:
    """Return work space for a block of chains of `size` log weights each."""
    return BlockWork(
        np.zeros((chains, size), np.float32), np.zeros((n_states, chains), np.float32), np.zeros(chains, np.float32),
        np.zeros(chains, np.int32), np.zeros(chains, np.int32),
    )  # fmt: skip


@part
class DensePotts(NamedTuple):
    """A Potts model with a coupling between every two sites.

    Parameters
    ----------
    biases : float32 (L q,)
        Those of state a of site i, h_i(a), at i q + a.
    couplings : float32 (L q, L q)
        J, symmetric, zero within a site.
    n_states : int
        States of a site, q, from 2 to 127.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> si.learning.DensePotts(np.zeros(6), np.zeros((6, 6)), 3).dim
    2
    """

    biases: Singles
    couplings: Singles
    n_states: int

    def checked(self) -> DensePotts:
        """Check shapes and numbers."""
        size, q = self.biases.size, self.n_states
        if not 2 <= q <= 127 or size % q or not size or self.couplings.shape != (size, size):
            raise StochinfError(
                f"DensePotts: {size} biases, couplings {self.couplings.shape}, {q} states; L q, (L q, L q), 2 to 127 are needed"
            )
        if not (np.isfinite(self.biases).all() and np.isfinite(self.couplings).all()):
            raise StochinfError("DensePotts: biases and couplings must be finite")
        return self

    def sites(self) -> int:
        """Return the number of sites."""
        return self.biases.size // self.n_states

    @property
    def dim(self) -> int:
        """Number of sites."""
        return self.biases.size // self.n_states

    @property
    def n_points(self) -> int:
        """One: a step draws every site."""
        return 1

    def variables(self, positions: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.uint8]]:
        """Return state numbers of shape (chain, draw, site)."""
        return {"states": positions.astype(np.uint8)}


class DenseGibbsState(NamedTuple):
    """State of a block of chains.

    Attributes
    ----------
    position : uint8 (L, lanes)
        State numbers.
    stats : float64 (0, lanes)
    words : uint32 (2, lanes)
        A small generator per lane.
    work : BlockWork
    """

    position: npt.NDArray[np.uint8]
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    work: BlockWork


@part(needs=("sites",), lanes=True, yields="draws", rate_field="inverse_temperature")
class DenseGibbs(NamedTuple):
    """Gibbs sweeps over a dense Potts model.

    Parameters
    ----------
    inverse_temperature : float or schedule
        Multiplies the log weights.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> model = si.learning.DensePotts(np.zeros(4), np.kron([[0, 1], [1, 0]], 2 * np.eye(2)), 2)
    >>> draws = si.run(si.learning.DenseGibbs(), model, steps=500, warmup=50, chains=8, rng=0)["states"]
    >>> bool(abs((draws[..., 0] == draws[..., 1]).mean() - 1 / (1 + np.exp(-2))) < 0.03)
    True
    """

    inverse_temperature: Any = 1.0

    def pick(self, target: Any) -> Scan:
        """Return the picker of one point: a step draws every site."""
        return Scan(1)

    def init(self, target: DensePotts, position: npt.NDArray[Any] | None, streams: Any) -> DenseGibbsState:
        """Return states drawn uniformly, or those given as (L,) or (lanes, L)."""
        sites, q, lanes = target.dim, target.n_states, streams.lanes
        demand(lanes * (4 * target.biases.size + sites), f"{lanes} chains of {sites} sites")
        if position is None:
            states = (streams.generator().random((sites, lanes)) * q).astype(np.uint8)
        else:
            given = np.asarray(position)
            rows = given[None, :] if given.ndim == 1 else given
            if rows.shape[1] != sites or (rows < 0).any() or (rows >= q).any():
                raise StochinfError(f"init: rows of {rows.shape[1]} states; {sites} numbers from 0 to {q - 1} are needed")
            states = np.ascontiguousarray(np.broadcast_to(rows.T, (sites, lanes)).astype(np.uint8))
        return DenseGibbsState(states, np.empty((0, lanes)), streams.lane_words(), block_work(lanes, target.biases.size, q))

    def check_state(self, target: DensePotts, state: DenseGibbsState) -> None:
        """Demand that every number is a state: what a damaged file holds must not reach compiled code."""
        if (state.position >= target.n_states).any():
            raise CheckpointError(f"a chain is in state {state.position.max()}; there are 0 to {target.n_states - 1}")

    def update(self, target: DensePotts, state: DenseGibbsState, point: int, rate: float, rng: Any) -> None:
        """Draw every site of every chain in order."""
        sweep_block(target.couplings, target.biases, state.position, state.words, 1, rate, state.work)
