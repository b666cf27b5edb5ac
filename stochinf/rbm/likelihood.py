r"""How well a restricted Boltzmann machine explains data: free energy and pseudo-log-likelihood, without sampling.

The free energy of a visible vector is :math:`F(v) = -b^\top v - \sum_j \log(1 + e^{a_j})` with :math:`a = c + W^\top v`, so
that :math:`p(v) \propto e^{-F(v)}`. With :math:`v^{(i)}` for v with unit i flipped, the pseudo-log-likelihood is

.. math:: \sum_i \log p(v_i | v_{-i}) = \sum_i \log \sigma\bigl(F(v^{(i)}) - F(v)\bigr).

A flip moves every :math:`a_j` by :math:`\delta_{ij} = (1 - 2 v_i) W_{ij}`, and with :math:`q_j = \sigma(a_j)`

.. math:: F(v^{(i)}) - F(v) = -(1 - 2 v_i) b_i - \sum_j \log\bigl(1 - q_j + q_j e^{\delta_{ij}}\bigr),

which takes no difference of nearly equal numbers.

References
----------
Besag, J. (1975). Statistical analysis of non-lattice data. The Statistician 24(3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from stochinf.rbm.parameters import Parameters

__all__ = ["free_energy", "pseudo_log_likelihood"]

Floats = npt.NDArray[np.float64]
CHUNK = 2**16
"""Numbers worked on at once: they stay in the second-level cache."""


def free_energy(X: Any, parameters: Parameters) -> Floats:
    """Return the free energy of every row, float64 (n,).

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, n_visible)
    parameters : Parameters
    """
    weights, visible_bias, hidden_bias = (np.asarray(p, dtype=np.float64) for p in parameters[:3])
    return np.concatenate(
        [
            -(rows @ visible_bias) - np.logaddexp(0.0, rows @ weights + hidden_bias).sum(axis=1)
            for rows in _chunks(X, max(weights.shape))
        ]
    )


def pseudo_log_likelihood(X: Any, parameters: Parameters) -> Floats:
    """Return the sum over all visible units of the log conditional probability, float64 (n,).

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, n_visible)
        Rows of 0 and 1; a value between is compared with its reflection 1 - v.
    parameters : Parameters
    """
    weights, visible_bias, hidden_bias = (np.asarray(p, dtype=np.float64) for p in parameters[:3])
    return np.concatenate([_all_flips(rows, weights, visible_bias, hidden_bias) for rows in _chunks(X, max(weights.shape))])


def _all_flips(rows: Floats, weights: Floats, visible_bias: Floats, hidden_bias: Floats) -> Floats:
    activation = rows @ weights + hidden_bias
    on, off = expit(activation), expit(-activation)
    flip = 1.0 - 2.0 * rows
    gain = flip * visible_bias
    with np.errstate(over="ignore"):
        for i in range(weights.shape[0]):
            ratio = np.exp(np.multiply.outer(flip[:, i], weights[i]))
            ratio *= on
            ratio += off
            gain[:, i] += np.log(ratio).sum(axis=1)
    value: Floats = -np.logaddexp(0.0, gain).sum(axis=1)
    return value


def _chunks(X: Any, width: int) -> Iterator[Floats]:
    """Yield rows a few at a time, dense and in double precision."""
    size = max(1, CHUNK // width)
    for start in range(0, X.shape[0], size):
        rows = X[start : start + size]
        yield np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
