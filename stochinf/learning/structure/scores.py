r"""Which sites touch: couplings in the zero-sum gauge, their size, and its correction by averages.

.. math:: J'_{ij}(a, b) = J_{ij}(a, b) - J_{ij}(\cdot, b) - J_{ij}(a, \cdot) + J_{ij}(\cdot, \cdot), \qquad
   F_{ij} = \Big(\sum_{a, b} J'_{ij}(a, b)^2\Big)^{1/2}, \qquad S_{ij} = F_{ij} - \frac{F_{i \cdot} F_{\cdot j}}{F_{\cdot \cdot}},

where a dot means the average, over states in the first equation (all of them) and over other sites in the last.

References
----------
Ekeberg, M. et al. (2013). Improved contact prediction in proteins: using pseudolikelihoods to infer Potts models. Phys. Rev. E
87, 012707, equations (14) to (17): norm without gaps, average-product correction.
Dunn, S. D., Wahl, L. M. and Gloor, G. B. (2008). Mutual information without the influence of phylogeny or entropy dramatically
improves residue contact prediction. Bioinformatics 24(3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["corrected", "norms", "zero_sum"]

Floats = npt.NDArray[np.float64]


def zero_sum(biases: npt.NDArray[Any], couplings: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the same model in the zero-sum gauge: biases add up to 0, and so do couplings along either state.

    Parameters
    ----------
    biases : ndarray of shape (L, q)
    couplings : ndarray of shape (L, L, q, q)
        Symmetric: ``couplings[i, j, a, b] == couplings[j, i, b, a]``, zero where i = j.

    Returns
    -------
    tuple of ndarray
        Of the same shapes. Log weights of all states change by the same constant.
    """
    J = np.asarray(couplings, dtype=np.float64)
    right = J.mean(axis=3, keepdims=True)
    both = right.mean(axis=2, keepdims=True)
    h = np.asarray(biases, dtype=np.float64) + (right - both)[..., 0].sum(axis=1)
    return h - h.mean(axis=1, keepdims=True), J - right - J.mean(axis=2, keepdims=True) + both


def norms(couplings: Floats, first: int = 0) -> Floats:
    """Return the Frobenius norm of the couplings of every pair of sites, states below `first` left out; shape (L, L)."""
    taken = couplings[:, :, first:, first:]
    sizes: Floats = np.sqrt(np.einsum("ijab,ijab->ij", taken, taken))
    np.fill_diagonal(sizes, 0.0)
    return sizes


def corrected(sizes: Floats) -> Floats:
    """Return sizes less the product of the averages of both sites over the average of all; the diagonal is 0."""
    sites = len(sizes)
    if sites < 2 or not sizes.any():
        return np.zeros_like(sizes)
    means = sizes.sum(axis=1) / (sites - 1)
    scores: Floats = sizes - np.outer(means, means) / means.mean()
    np.fill_diagonal(scores, 0.0)
    return scores
