"""Log densities of vectors and matrices, and of mixtures.

They work on arrays and on traced values alike, and are normalised; outside of its support a density is zero.
Scales, rates and the like are above zero: NaN comes of others, which a sampler counts as a rejection.

References
----------
Lewandowski, D., Kurowicka, D. and Joe, H. (2009). Generating random correlation matrices. J. Multivariate Analysis 100, (16).
Rabiner, L. (1989). A tutorial on hidden Markov models. Proceedings of the IEEE 77, equations (18) to (21) and (91).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from stochinf.density.distributions.continuous import HALF_LOG_TAU
from stochinf.density.linear import solve_triangular
from stochinf.density.loops import scan
from stochinf.density.special import log_beta, log_gamma

__all__ = ["dirichlet", "hidden_markov", "lkj_cholesky", "mixture", "multivariate_normal", "multivariate_normal_cholesky"]


def dirichlet(x: Any, concentration: Any) -> Any:
    r"""Return the log density of a Dirichlet distribution.

    .. math:: \log\Gamma(\textstyle\sum_k a_k) + \sum_k \big((a_k - 1) \log x_k - \log\Gamma(a_k)\big)

    Parameters
    ----------
    x : number, array or traced value
        A vector on the simplex, (k,), or one in each row, (n, k).
    concentration : number, array or traced value
        A vector a, or one number for all.

    Returns
    -------
    number, array or traced value
        A number, or one for each row.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> import numpy as np
    >>> round(float(sd.dirichlet(np.array([0.2, 0.8]), np.array([2.0, 3.0]))), 6)
    0.429182
    """
    a = concentration * np.ones(x.shape[-1])
    axis = len(x.shape) - 1
    return np.sum((a - 1.0) * np.log(x), axis=axis) + log_gamma(np.sum(a)) - np.sum(log_gamma(a))


def multivariate_normal(x: Any, mean: Any, covariance: Any) -> Any:
    r"""Return the log density of a multivariate normal distribution.

    .. math:: -\tfrac12 (x - \mu)^T \Sigma^{-1} (x - \mu) - \tfrac12 \log|\Sigma| - \tfrac d2 \log 2\pi

    Parameters
    ----------
    x : number, array or traced value
        A vector (d,).
    mean, covariance : number, array or traced value
        A vector or a number, and a matrix (d, d).

    Returns
    -------
    number, array or traced value
        A number; NaN or an error where the covariance is not positive definite.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> import numpy as np
    >>> round(float(sd.multivariate_normal(np.array([1.0, 2.0]), 0.0, np.eye(2))), 6)
    -4.337877
    """
    return multivariate_normal_cholesky(x, mean, np.linalg.cholesky(covariance))


def multivariate_normal_cholesky(x: Any, mean: Any, factor: Any) -> Any:
    r"""Return the log density of a multivariate normal distribution by the Cholesky factor of its covariance.

    .. math:: -\tfrac12 |L^{-1} (x - \mu)|^2 - \textstyle\sum_i \log L_{ii} - \tfrac d2 \log 2\pi

    Parameters
    ----------
    x : number, array or traced value
        A vector (d,).
    mean, factor : number, array or traced value
        A vector or a number, and the lower factor (d, d).

    Returns
    -------
    number, array or traced value
        A number.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> import numpy as np
    >>> round(float(sd.multivariate_normal_cholesky(np.array([1.0, 2.0]), 0.0, 2 * np.eye(2))), 6)
    -3.849171
    """
    z = solve_triangular(factor, x - mean, lower=True)
    return -0.5 * np.sum(z**2) - np.sum(np.log(np.diagonal(factor))) - x.shape[0] * HALF_LOG_TAU


def lkj_cholesky(factor: Any, concentration: Any = 1.0) -> Any:
    r"""Return the log density of the Cholesky factor of a correlation matrix with the LKJ distribution.

    .. math:: \sum_{k=2}^n (n - k + 2 \eta - 2) \log L_{kk} + \text{constant}, \qquad p(L L^T) \propto |L L^T|^{\eta - 1}

    Parameters
    ----------
    factor : number, array or traced value
        A lower factor (n, n) with rows of length 1.
    concentration : number, array or traced value
        The parameter eta; 1 is uniform over correlation matrices, more draws them to the identity.

    Returns
    -------
    number, array or traced value
        A number.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> import numpy as np
    >>> round(float(sd.lkj_cholesky(np.eye(2), 2.0)), 6)
    -0.287682
    """
    n = factor.shape[0]
    left = np.arange(n - 1, 0, -1)
    ways = left * ((2.0 * concentration - 2.0 + left) * math.log(2.0) + log_beta(*2 * (concentration + 0.5 * (left - 1),)))
    powers = left + 2.0 * concentration - 3.0
    return np.sum(powers * np.log(np.diagonal(factor)[1:])) - np.sum(ways)


def mixture(weights: Any, log_densities: Any) -> Any:
    r"""Return the log density of a mixture from its components'.

    .. math:: \log\sum_k w_k e^{l_k}

    Parameters
    ----------
    weights : number, array or traced value
        A vector of probabilities, one for each component.
    log_densities : sequence of number, array or traced value
        Of the components: one number for each datum.

    Returns
    -------
    number, array or traced value
        As the log densities.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.mixture([0.5, 0.5], [sd.normal(1.0), sd.normal(1.0)])), 6)
    -1.418939
    """
    terms = [np.log(weights[k]) + each for k, each in enumerate(log_densities)]
    return functools.reduce(np.logaddexp, terms)


def hidden_markov(emissions: Any, transitions: Any, start: Any = None) -> Any:
    r"""Return the log density of a hidden Markov chain's emissions, its states summed out: the forward algorithm.

    .. math:: a_1 = \pi \circ e^{l_1}, \quad a_t = (a_{t-1} P) \circ e^{l_t}, \quad \log\textstyle\sum_k a_{n,k},

    each :math:`a_t` scaled to sum to one, so that a step of the loop needs no exponentials.

    Parameters
    ----------
    emissions : array or traced value
        Log densities l of each datum in each state, (n, k).
    transitions : array or traced value
        P, (k, k): row i holds the probabilities of the states after state i.
    start : array or traced value, optional
        Probabilities of the first state; weights of one by default.

    Returns
    -------
    number or traced value
        The log density.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf import density as sd
    >>> emissions = np.log(np.array([[0.5, 0.1], [0.2, 0.6]]))
    >>> half = np.full((2, 2), 0.5)
    >>> round(float(sd.hidden_markov(emissions, half, half[0])), 6)  # log(0.3) + log(0.4)
    -2.120264
    """
    highest = np.max(emissions, axis=1)
    weights = np.exp(emissions - highest[:, None])
    first = weights[0] if start is None else weights[0] * start
    total = np.sum(first)

    def step(shares: Any, weight: Any) -> tuple[Any, Any]:
        reached = (shares @ transitions) * weight
        scale = np.sum(reached)
        return reached / scale, scale

    _, scales = scan(step, first / total, weights[1:])
    return np.log(total) + np.sum(np.log(scales)) + np.sum(highest)
