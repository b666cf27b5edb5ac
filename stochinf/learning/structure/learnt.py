"""What was learnt from sequences: a Potts model, its contacts, its draws, its factor graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls, drive
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.progress import shown
from stochinf.engine.session import Plan, build
from stochinf.engine.streams import entropy_of
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.learning.structure.alignment import Alignment, as_alignment
from stochinf.learning.structure.dense_gibbs import DenseGibbs, DensePotts
from stochinf.learning.structure.scores import corrected, norms, zero_sum
from stochinf.learning.structure.shares import connected, pearson, raw_shares

__all__ = ["LearntPotts", "matrix_of", "tables_of"]

Floats = npt.NDArray[np.float64]


def tables_of(matrix: npt.NDArray[Any], n_states: int) -> Floats:
    """Return a matrix over states (L q, L q) as couplings (L, L, q, q), zero within a site."""
    sites = len(matrix) // n_states
    tables = np.asarray(matrix, dtype=np.float64).reshape(sites, n_states, sites, n_states).transpose(0, 2, 1, 3).copy()
    tables[np.arange(sites), np.arange(sites)] = 0.0
    return tables


def matrix_of(tables: Floats) -> npt.NDArray[np.float32]:
    """Return couplings (L, L, q, q) as a matrix over states."""
    sites, q = tables.shape[0], tables.shape[2]
    return np.ascontiguousarray(tables.transpose(0, 2, 1, 3).reshape(sites * q, sites * q), dtype=np.float32)


class LearntPotts:
    """A Potts model learnt from sequences; made by `stochinf.learn_potts`.

    Attributes
    ----------
    biases : ndarray of shape (L, q)
        h, in the zero-sum gauge.
    couplings : ndarray of shape (L, L, q, q)
        J, in the zero-sum gauge; symmetric, zero where both sites are one.
    n_states : int
        q.
    alphabet : str
        Letters of the states; empty where the data had none.
    n_effective : float
        Sum of the weights of the sequences.
    weights : ndarray of shape (N,)
        What each sequence counts.
    method, reason : str
        How it was learnt, and why learning ended there.
    converged : bool
    history : dict of lists
        What was watched: of chains their Pearson correlation with the data, of pseudo-likelihood the objective.
    rng_entropy : int
        With which the same bits are learnt again.
    """

    def __init__(self, biases: Floats, couplings: Floats, alignment: Alignment, weights: Floats, **facts: Any) -> None:
        self.biases, self.couplings = zero_sum(biases, couplings)
        self.n_states, self.alphabet = alignment.n_states, alignment.alphabet
        self.weights, self.n_effective = weights, float(weights.sum())
        self._data = alignment.states
        self.method: str = facts["method"]
        self.reason: str = facts["reason"]
        self.converged: bool = facts["converged"]
        self.history: dict[str, list[float]] = facts["history"]
        self.rng_entropy: int = facts["entropy"]

    def __repr__(self) -> str:
        sites = len(self.biases)
        return f"LearntPotts({sites} sites, {self.n_states} states, method={self.method!r}: {self.reason})"

    @property
    def model(self) -> DensePotts:
        """The model as a target for chains of your own, with `stochinf.learning.DenseGibbs`."""
        return DensePotts(self.biases.ravel().astype(np.float32), matrix_of(self.couplings), self.n_states)

    @property
    def graph(self) -> FactorGraph:
        """The model as a factor graph: a factor for every site and for every two."""
        sites, q = self.biases.shape
        first, second = np.triu_indices(sites, 1)
        scopes = [[i] for i in range(sites)] + np.stack([first, second], axis=1).tolist()
        tables = [*self.biases, *self.couplings[first, second]]
        labels = [list(self.alphabet)] * sites if self.alphabet else None
        return FactorGraph.from_log_tables([q] * sites, scopes, tables, states=labels)

    @property
    def scores(self) -> Floats:
        """Contact scores (L, L): norms of couplings between states that are no gaps, with average-product correction."""
        return corrected(norms(self.couplings, 1 if self.alphabet.startswith("-") else 0))

    def contacts(self, n: int | None = None, separation: int = 4) -> list[tuple[int, int, float]]:
        """Return pairs of sites that score highest.

        Parameters
        ----------
        n : int, optional
            How many; by default as many as there are sites.
        separation : int
            Least distance of the two along the sequence.

        Returns
        -------
        list of (int, int, float)
            Sites, the first before the second, and their score, the highest first.
        """
        separation = counted("separation", separation)
        scores, sites = self.scores, len(self.biases)
        first, second = np.triu_indices(sites, separation)
        order = np.argsort(-scores[first, second], kind="stable")[: sites if n is None else counted("n", n)]
        return [(int(first[k]), int(second[k]), float(scores[first[k], second[k]])) for k in order]

    def log_density(self, sequences: Any) -> Floats:
        """Return the log density of sequences, not normalised.

        Parameters
        ----------
        sequences : Alignment, list of str or array of state numbers (N, L)

        Returns
        -------
        ndarray of shape (N,)
        """
        states = self._states(sequences)
        sites = np.arange(states.shape[1])
        total: Floats = self.biases[sites, states].sum(axis=1)
        for i in sites[:-1]:
            later = sites[i + 1 :]
            total += self.couplings[i, later[None, :], states[:, i, None], states[:, later]].sum(axis=1)
        return total

    def _states(self, sequences: Any) -> npt.NDArray[np.int64]:
        alignment = as_alignment(sequences, self.alphabet or None, self.n_states)
        if alignment.states.shape[1] != len(self.biases) or alignment.n_states != self.n_states:
            raise StochinfError(
                f"sequences of {alignment.states.shape[1]} sites with {alignment.n_states} states;"
                f" {len(self.biases)} with {self.n_states} are needed"
            )
        return alignment.states.astype(np.int64)

    def sample(
        self,
        n: int,
        *,
        sweeps: int = 200,
        inverse_temperature: float = 1.0,
        init: Any = None,
        rng: Any = None,
        progress: bool | None = None,
    ) -> Alignment:
        """Draw sequences, each at the end of a chain of its own.

        Parameters
        ----------
        n : int
        sweeps : int
            Gibbs sweeps of each chain, from states drawn uniformly or from `init`.
        inverse_temperature : float
            Above 1 for sequences that are more probable than typical ones.
        init : array of shape (L,) or (n, L), optional
            State numbers.
        rng : int, SeedSequence, Generator or None
        progress : bool, optional

        Returns
        -------
        Alignment
            `.states`, and letters by `.text()` where the data had some.
        """
        kernel, n, sweeps = DenseGibbs(inverse_temperature), counted("n", n), counted("sweeps", sweeps)
        session = build(Plan(kernel, self.model, None, None, Nothing(), init, n, 0, 1, False, entropy_of(rng)), 0)
        drive(session, sweeps, Controls(threads=1, progress=shown(progress)))
        states = np.concatenate([block.state.position for block in session.blocks], axis=1).T
        return Alignment(np.ascontiguousarray(states), self.n_states, self.alphabet)

    def agreement(self, n: int = 2048, *, sweeps: int = 200, rng: Any = None) -> dict[str, float]:
        """Compare fresh draws with the data: shares of states, and connected shares of pairs.

        Parameters
        ----------
        n, sweeps, rng
            As in `sample`.

        Returns
        -------
        dict
            "pearson" and "slope" of connected shares of pairs of states, "single" the correlation of shares of states, "mixing"
            the correlation of pairs in draws after half the sweeps with those after all: near "noise", what two halves of the
            draws reach with each other, the chains have forgotten where they began.
        """
        seeds = np.random.SeedSequence(entropy_of(rng)).spawn(2)
        early = self.sample(n, sweeps=max(1, sweeps // 2), rng=seeds[0]).states
        late = self.sample(n, sweeps=max(1, sweeps // 2), init=early, rng=seeds[1]).states
        q = self.n_states
        data = raw_shares(self._data, q, self.weights)
        model, before, one, two = (raw_shares(s, q) for s in (late, early, late[: n // 2], late[n // 2 :]))
        wanted, found = connected(data, q), connected(model, q)
        return {
            "pearson": pearson(wanted, found),
            "slope": float(wanted @ found) / max(float(wanted @ wanted), 1e-300),
            "single": pearson(np.diag(data), np.diag(model)),
            "mixing": pearson(connected(before, q), found),
            "noise": pearson(connected(one, q), connected(two, q)),
        }

    def spins(self) -> tuple[Floats, Floats]:
        """Return fields (L,) and couplings (L, L) of the same model with spins -1 and +1 for the states 0 and 1.

        Raises
        ------
        StochinfError
            If there are more than two states.
        """
        if self.n_states != 2:
            raise StochinfError(f"spins: {self.n_states} states; an Ising model has two")
        return self.biases[:, 1].copy(), self.couplings[:, :, 1, 1].copy()
