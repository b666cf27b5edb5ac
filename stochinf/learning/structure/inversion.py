r"""Potts models by inverting covariances: naive mean field, the quickest answer and the roughest.

.. math:: J_{ij}(a, b) = -(C^{-1})_{ij}(a, b), \quad C_{ij}(a, b) = f_{ij}(a, b) - f_i(a) f_j(b), \qquad
   h_i(a) = \log \frac{f_i(a)}{f_i(q)} - \sum_{j \ne i} \sum_b J_{ij}(a, b) f_j(b),

over all states but the last, whose couplings and biases are zero. Shares with a pseudocount as strong as the data (1/2) keep
the inverse in bounds.

References
----------
Morcos, F. et al. (2011). Direct-coupling analysis of residue coevolution captures native contacts across many protein families.
PNAS 108(49), equations (4) to (6) and SI.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.learning.structure.potts_learning import PairShares

__all__ = ["potts_mean_field"]

Floats = npt.NDArray[np.float64]
ROUNDING = 1e-6


def potts_mean_field(shares: PairShares) -> tuple[Floats, Floats]:
    """Return biases (L, q) and couplings (L, L, q, q) by inverting the covariances.

    Parameters
    ----------
    shares : PairShares
        With a pseudocount, 0.5 as a rule.

    Returns
    -------
    tuple of ndarray
        Biases and couplings; those of the last state are zero.

    Raises
    ------
    StochinfError
        If the covariances cannot be inverted, as without a pseudocount.

    Examples
    --------
    >>> import stochinf as si
    >>> shares = si.learning.pair_shares(["AC", "AC", "CA", "CA"], identity=2, pseudocount=0.5)
    >>> biases, couplings = si.learning.potts_mean_field(shares)
    >>> couplings.shape, bool(couplings[0, 1, 1, 2] > couplings[0, 1, 1, 1])
    ((2, 2, 5, 5), True)
    """
    q = shares.n_states
    sites = shares.single.size // q
    single, pairs = shares.single.astype(np.float64), shares.pairs.astype(np.float64)
    kept = np.arange(single.size) % q < q - 1
    covariance = (pairs - np.outer(single, single))[np.ix_(kept, kept)]
    covariance = 0.5 * (covariance + covariance.T)
    if not invertible(covariance):
        raise StochinfError(
            "mean field: the covariances of the sequences cannot be inverted; a larger pseudocount, such as 0.5, is needed"
        )
    inverse = np.zeros((single.size, single.size))
    inverse[np.ix_(kept, kept)] = -np.linalg.inv(covariance)
    couplings = inverse.reshape(sites, q, sites, q).transpose(0, 2, 1, 3).copy()
    couplings[np.arange(sites), np.arange(sites)] = 0.0
    shares_of_sites = single.reshape(sites, q)
    logs = np.log(shares_of_sites)
    biases = logs - logs[:, -1:] - np.einsum("ijab,jb->ia", couplings, shares_of_sites)
    return biases, couplings


def invertible(covariance: Floats) -> bool:
    """Whether a covariance is positive definite beyond the rounding of its single-precision shares."""
    try:
        diagonal = np.diag(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError:
        return False
    return bool(diagonal.min() ** 2 > ROUNDING * diagonal.max() ** 2)
