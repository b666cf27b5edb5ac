"""Shares of states and of pairs of states among weighted sequences, and how well those of a model agree with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.memory import demand
from stochinf.learning.structure.alignment import as_alignment, sequence_weights
from stochinf.learning.structure.potts_learning import PairShares

__all__ = ["between_sites", "checked_weights", "connected", "pair_shares", "pearson", "raw_shares"]

Floats = npt.NDArray[np.float64]
ROWS = 4096


def checked_weights(weights: Any, n: int) -> Floats:
    """Return sample weights as floats.

    Raises
    ------
    StochinfError
        If they are not n finite numbers of at least 0 with a positive sum.
    """
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (n,) or not np.isfinite(given).all() or (given < 0).any() or not given.sum() > 0:
        raise StochinfError(
            f"sample_weight: shape {given.shape}; {n} finite numbers of at least 0, not all 0, are needed, one for each sequence"
        )
    return given


def raw_shares(states: npt.NDArray[Any], n_states: int, weights: Floats | None = None) -> Floats:
    """Return the share of every pair of states among rows (N, L), shape (L q, L q), the shares of states on the diagonal."""
    n, sites = states.shape
    size = sites * n_states
    demand(8 * size * size + 8 * min(n, ROWS) * size, f"shares of pairs among {sites} sites with {n_states} states")
    weights = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    total = np.zeros((size, size))
    places = np.arange(sites) * n_states
    for first in range(0, n, ROWS):
        rows = states[first : first + ROWS].astype(np.int64) + places
        marks = np.zeros((len(rows), size))
        np.put_along_axis(marks, rows, 1.0, axis=1)
        total += marks.T @ (marks * weights[first : first + ROWS, None])
    return total


def pair_shares(
    sequences: Any, *, identity: float = 0.8, sample_weight: Any = None, pseudocount: float | None = None
) -> PairShares:
    r"""Return what learning needs of sequences: shares of states and pairs, reweighted and with a pseudocount.

    .. math:: f_i(a) = (1 - \lambda) \frac{1}{M} \sum_n w_n [x_{ni} = a] + \frac{\lambda}{q}, \qquad
       f_{ij}(a, b) = (1 - \lambda) \frac{1}{M} \sum_n w_n [x_{ni} = a, x_{nj} = b] + \frac{\lambda}{q^2}

    with the weights of `sequence_weights` and their sum M, the effective number of sequences.

    Parameters
    ----------
    sequences : Alignment, path, list of str or array of state numbers (N, L)
        Of equal length.
    identity : float
        Sequences that agree at this share of their sites count as one; above 1 each counts 1.
    sample_weight : array_like of shape (N,), optional
        Weights in place of these.
    pseudocount : float, optional
        The share lambda, from 0 to 1; 1 / M by default.

    Returns
    -------
    PairShares
        For `PottsContrastive` and `potts_mean_field`.

    Raises
    ------
    StochinfError
        If the sequences, weights or the pseudocount break a rule.

    References
    ----------
    Morcos, F. et al. (2011). PNAS 108(49), SI, equations (S1)-(S3).

    Examples
    --------
    >>> import stochinf as si
    >>> si.learning.pair_shares(["AC", "AG"], pseudocount=0).single.reshape(2, -1)
    array([[0. , 1. , 0. , 0. , 0. ],
           [0. , 0. , 0.5, 0.5, 0. ]], dtype=float32)
    """
    alignment = as_alignment(sequences)
    weights = sequence_weights(alignment, identity) if sample_weight is None else sample_weight
    weights = checked_weights(weights, len(alignment.states))
    share = 1.0 / max(weights.sum(), 1.0) if pseudocount is None else float(pseudocount)
    if not 0 <= share <= 1:
        raise StochinfError(f"pseudocount = {pseudocount}; a share from 0 to 1 is needed")
    q = alignment.n_states
    pairs = (1 - share) * raw_shares(alignment.states, q, weights) + share / q**2
    single = np.diag(pairs) + share / q - share / q**2
    for first in range(0, single.size, q):
        pairs[first : first + q, first : first + q] = np.diag(single[first : first + q])
    return PairShares(single.astype(np.float32), pairs.astype(np.float32), q)


def between_sites(sites: int, n_states: int) -> npt.NDArray[np.bool_]:
    """Return which entries of a matrix over states belong to two sites, the first before the second."""
    site = np.repeat(np.arange(sites), n_states)
    return site[:, None] < site[None, :]


def connected(pairs: npt.NDArray[Any], n_states: int) -> Floats:
    """Return f_ij(a, b) - f_i(a) f_j(b) for every pair of sites, one after the other, from shares of pairs."""
    single = np.diag(pairs).astype(np.float64)
    covariance: Floats = pairs - np.outer(single, single)
    return covariance[between_sites(single.size // n_states, n_states)]


def pearson(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """Return Pearson's correlation of two arrays; 0 where one does not vary."""
    a, b = (np.asarray(values, dtype=np.float64).ravel() - np.mean(values) for values in (first, second))
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 0 else 0.0
