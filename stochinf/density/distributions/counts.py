"""Log probabilities of counts and categories.

Each function gives one number for every number it is given, so that `sd.poisson(k, rate).sum()` is the log density of
independent data. They work on arrays and on traced values alike, and are normalised; outside of its support a density is zero.
Rates and probabilities out of range give NaN, which a sampler counts as a rejection.

References
----------
Johnson, N. L., Kemp, A. W. and Kotz, S. (2005). Univariate Discrete Distributions, 3rd edition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stochinf.density.special import log_beta, log_gamma, log_sum_exp, softplus

__all__ = [
    "bernoulli",
    "bernoulli_logit",
    "beta_binomial",
    "binomial",
    "binomial_logit",
    "categorical",
    "categorical_logit",
    "geometric",
    "multinomial",
    "negative_binomial",
    "poisson",
    "poisson_log",
]


def whole(k: Any, most: Any = None) -> Any:
    """Whether counts are whole numbers from 0 to `most`."""
    inside = np.logical_and(np.greater_equal(k, 0), np.equal(np.floor(k), k))
    return inside if most is None else np.logical_and(inside, np.less_equal(k, most))


def barrier(inside: Any) -> Any:
    """Return 0 where counts are possible, -infinity elsewhere: a term of data alone, which costs gradients nothing."""
    return np.where(inside, 0.0, -np.inf)


def log_factorial(k: Any) -> Any:
    """Return log(k!)."""
    return log_gamma(k + 1.0)


def choose(n: Any, k: Any) -> Any:
    """Return the logarithm of the number of ways to choose k of n."""
    return log_factorial(n) - log_factorial(k) - log_factorial(n - k)


def bernoulli(k: Any, probability: Any) -> Any:
    r"""Return the log density of a Bernoulli distribution.

    .. math:: k \log p + (1 - k) \log(1 - p)

    Parameters
    ----------
    k : number, array or traced value
        0 or 1; of any shape.
    probability : number, array or traced value
        Of a 1.

    Returns
    -------
    number, array or traced value
        One number for each of k, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.bernoulli(1, 0.25)), 6)
    -1.386294
    """
    return np.log(np.where(np.equal(k, 1), probability, 1.0 - probability)) + barrier(whole(k, 1))


def bernoulli_logit(k: Any, logit: Any) -> Any:
    r"""Return the log density of a Bernoulli distribution by its logit.

    .. math:: k x - \log(1 + e^x)

    Parameters
    ----------
    k : number, array or traced value
        0 or 1; of any shape.
    logit : number, array or traced value
        The logit x = log(p / (1 - p)).

    Returns
    -------
    number, array or traced value
        One number for each of k, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.bernoulli_logit(1, -1.0)), 6)
    -1.313262
    """
    return k * logit - softplus(logit) + barrier(whole(k, 1))


def binomial(k: Any, n: Any, probability: Any) -> Any:
    r"""Return the log density of a binomial distribution.

    .. math:: \log\tbinom nk + k \log p + (n - k) \log(1 - p)

    Parameters
    ----------
    k : number, array or traced value
        Counts; of any shape.
    n, probability : number, array or traced value
        Trials, and the chance of success in each.

    Returns
    -------
    number, array or traced value
        One number for each of k, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.binomial(2, 5, 0.25)), 6)
    -1.33305
    """
    return choose(n, k) + k * np.log(probability) + (n - k) * np.log1p(-probability) + barrier(whole(k, n))


def binomial_logit(k: Any, n: Any, logit: Any) -> Any:
    r"""Return the log density of a binomial distribution by its logit.

    .. math:: \log\tbinom nk + k x - n \log(1 + e^x)

    Parameters
    ----------
    k : number, array or traced value
        Counts; of any shape.
    n, logit : number, array or traced value
        Trials, and x = log(p / (1 - p)).

    Returns
    -------
    number, array or traced value
        One number for each of k, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.binomial_logit(2, 5, -1.0)), 6)
    -1.263723
    """
    return choose(n, k) + k * logit - n * softplus(logit) + barrier(whole(k, n))


def beta_binomial(k: Any, n: Any, a: Any, b: Any) -> Any:
    r"""Return the log density of a binomial distribution whose chance has a beta distribution.

    .. math:: \log\tbinom nk + \log B(k + a, n - k + b) - \log B(a, b)

    Parameters
    ----------
    k : number, array or traced value
        Counts; of any shape.
    n, a, b : number, array or traced value
        Trials, and the shapes of the beta distribution.

    Returns
    -------
    number, array or traced value
        One number for each of k, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.beta_binomial(2, 5, 1.5, 2.0)), 6)
    -1.545899
    """
    inside = whole(k, n)
    safe = np.where(inside, k, 0)
    return choose(n, safe) + log_beta(safe + a, n - safe + b) - log_beta(a, b) + barrier(inside)


def poisson(k: Any, rate: Any) -> Any:
    r"""Return the log density of a Poisson distribution.

    .. math:: k \log\lambda - \lambda - \log k!

    Parameters
    ----------
    k : number, array or traced value
        Counts; of any shape.
    rate : number, array or traced value
        The mean.

    Returns
    -------
    number, array or traced value
        One number for each of k, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.poisson(2, 1.5)), 6)
    -1.382217
    """
    return k * np.log(rate) - rate - log_factorial(k) + barrier(whole(k))


def poisson_log(k: Any, log_rate: Any) -> Any:
    r"""Return the log density of a Poisson distribution by the logarithm of its mean.

    .. math:: k x - e^x - \log k!

    Parameters
    ----------
    k : number, array or traced value
        Counts; of any shape.
    log_rate : number, array or traced value
        The logarithm x of the mean.

    Returns
    -------
    number, array or traced value
        One number for each of k, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.poisson_log(2, 0.5)), 6)
    -1.341868
    """
    return k * log_rate - np.exp(log_rate) - log_factorial(k) + barrier(whole(k))


def negative_binomial(k: Any, mean: Any, concentration: Any) -> Any:
    r"""Return the log density of a negative binomial distribution: a Poisson one whose mean has a gamma distribution.

    .. math:: \log\tbinom{k + \phi - 1}k + k \log\tfrac\mu{\mu + \phi} + \phi \log\tfrac\phi{\mu + \phi}

    Parameters
    ----------
    k : number, array or traced value
        Counts; of any shape.
    mean, concentration : number, array or traced value
        Mean, and phi: the variance is mean + mean^2 / phi.

    Returns
    -------
    number, array or traced value
        One number for each of k, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.negative_binomial(2, 1.5, 3.0)), 6)
    -1.62186
    """
    inside = whole(k)
    safe = np.where(inside, k, 0)
    total = np.log(mean + concentration)
    ways = log_gamma(safe + concentration) - log_gamma(concentration) - log_factorial(safe)
    return ways + safe * (np.log(mean) - total) + concentration * (np.log(concentration) - total) + barrier(inside)


def geometric(k: Any, probability: Any) -> Any:
    r"""Return the log density of a geometric distribution: failures before the first success.

    .. math:: \log p + k \log(1 - p)

    Parameters
    ----------
    k : number, array or traced value
        Counts; of any shape.
    probability : number, array or traced value
        Of success in a trial.

    Returns
    -------
    number, array or traced value
        One number for each of k, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.geometric(2, 0.25)), 6)
    -1.961659
    """
    return np.log(probability) + k * np.log1p(-probability) + barrier(whole(k))


def categorical(k: Any, probabilities: Any) -> Any:
    r"""Return the log density of a categorical distribution.

    .. math:: \log p_k

    Parameters
    ----------
    k : number, array or traced value
        Which category, counted from 0: a whole number, or an array (n,) of them; it must exist.
    probabilities : number, array or traced value
        A vector.

    Returns
    -------
    number, array or traced value
        One number for each of k.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> import numpy as np
    >>> round(float(sd.categorical(1, np.array([0.2, 0.5, 0.3]))), 6)
    -0.693147
    """
    return np.log(probabilities)[k]


def categorical_logit(k: Any, logits: Any) -> Any:
    r"""Return the log density of a categorical distribution by logits.

    .. math:: x_k - \log\sum_j e^{x_j}

    Parameters
    ----------
    k : number, array or traced value
        Which category, counted from 0: a whole number, or an array (n,) of them; it must exist.
    logits : number, array or traced value
        A vector x, up to a constant.

    Returns
    -------
    number, array or traced value
        One number for each of k.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> import numpy as np
    >>> round(float(sd.categorical_logit(1, np.array([0.2, 0.5, 0.3]))), 6)
    -0.939831
    """
    return logits[k] - log_sum_exp(logits)


def multinomial(k: Any, probabilities: Any) -> Any:
    r"""Return the log density of a multinomial distribution.

    .. math:: \log n! + \sum_j (k_j \log p_j - \log k_j!)

    Parameters
    ----------
    k : number, array or traced value
        Counts: a vector.
    probabilities : number, array or traced value
        A vector as long.

    Returns
    -------
    number, array or traced value
        A number.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> import numpy as np
    >>> round(float(sd.multinomial(np.array([1, 2, 0]), np.array([0.2, 0.5, 0.3]))), 6)
    -1.89712
    """
    return log_factorial(np.sum(k)) + np.sum(k * np.log(probabilities) - log_factorial(k) + barrier(whole(k)))
