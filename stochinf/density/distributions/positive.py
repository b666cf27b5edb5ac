"""Log densities of distributions of positive numbers, and of numbers between 0 and 1.

Each function gives one number for every number it is given, so that `sd.normal(y, mu, sigma).sum()` is the log density of
independent data. They work on arrays and on traced values alike, and are normalised; outside of its support a density is zero.
Scales, rates and the like are above zero: NaN comes of others, which a sampler counts as a rejection.

References
----------
Johnson, N. L., Kotz, S. and Balakrishnan, N. (1994). Continuous Univariate Distributions, 2nd edition.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.density.distributions.continuous import normal, student_t
from stochinf.density.special import log_beta, log_gamma

__all__ = [
    "beta",
    "chi_squared",
    "exponential",
    "gamma",
    "half_cauchy",
    "half_normal",
    "half_student_t",
    "inverse_gamma",
    "lognormal",
    "pareto",
    "weibull",
]


def supported(inside: Any, value: Any) -> Any:
    """Return the log density where the density is not zero, -infinity elsewhere."""
    return np.where(inside, value, -np.inf)


def half_normal(x: Any, sd: Any = 1.0) -> Any:
    r"""Return the log density of the absolute value of a normal number of mean zero.

    .. math:: \tfrac12 \log\tfrac2\pi - \log\sigma - \tfrac12 (x / \sigma)^2

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    sd : number, array or traced value
        Standard deviation of the normal distribution.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.half_normal(1.0, 2.0)), 6)
    -1.043939
    """
    return supported(np.greater_equal(x, 0.0), 0.5 * math.log(2.0 / math.pi) - np.log(sd) - 0.5 * (x / sd) ** 2)


def half_cauchy(x: Any, scale: Any = 1.0) -> Any:
    r"""Return the log density of the absolute value of a Cauchy number of median zero.

    .. math:: \log\tfrac2\pi - \log s - \log(1 + (x / s)^2)

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    scale : number, array or traced value
        Scale of the Cauchy distribution.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.half_cauchy(1.0, 2.0)), 6)
    -1.367873
    """
    return supported(np.greater_equal(x, 0.0), math.log(2.0 / math.pi) - np.log(scale) - np.log1p((x / scale) ** 2))


def half_student_t(x: Any, df: Any, scale: Any = 1.0) -> Any:
    r"""Return the log density of the absolute value of a Student's t number of median zero.

    .. math:: \log 2 + \log t_\nu(x \mid 0, s)

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    df, scale : number, array or traced value
        Degrees of freedom and scale of the t distribution.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.half_student_t(1.0, 3.0, 2.0)), 6)
    -1.160974
    """
    return supported(np.greater_equal(x, 0.0), math.log(2.0) + student_t(x, df, 0.0, scale))


def lognormal(x: Any, mean: Any = 0.0, sd: Any = 1.0) -> Any:
    r"""Return the log density of a number whose logarithm is normal.

    .. math:: \log N(\log x \mid \mu, \sigma) - \log x

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    mean, sd : number, array or traced value
        Mean and standard deviation of the logarithm.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.lognormal(1.5, 0.0, 2.0)), 6)
    -2.038101
    """
    inside = np.greater(x, 0.0)
    log = np.log(np.where(inside, x, 1.0))
    return supported(inside, normal(log, mean, sd) - log)


def exponential(x: Any, rate: Any = 1.0) -> Any:
    r"""Return the log density of an exponential distribution.

    .. math:: \log\lambda - \lambda x

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    rate : number, array or traced value
        One over the mean.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.exponential(1.0, 2.0)), 6)
    -1.306853
    """
    return supported(np.greater_equal(x, 0.0), np.log(rate) - rate * x)


def gamma(x: Any, shape: Any, rate: Any = 1.0) -> Any:
    r"""Return the log density of a gamma distribution.

    .. math:: a \log b - \log\Gamma(a) + (a - 1) \log x - b x

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    shape, rate : number, array or traced value
        Shape a and rate b; the mean is a / b.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.gamma(1.5, 3.0, 2.0)), 6)
    -0.802775
    """
    inside = np.greater(x, 0.0)
    log = np.log(np.where(inside, x, 1.0))
    return supported(inside, shape * np.log(rate) - log_gamma(shape) + (shape - 1.0) * log - rate * x)


def inverse_gamma(x: Any, shape: Any, scale: Any = 1.0) -> Any:
    r"""Return the log density of an inverse gamma distribution.

    .. math:: a \log b - \log\Gamma(a) - (a + 1) \log x - b / x

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    shape, scale : number, array or traced value
        Shape a and scale b; the mean is b / (a - 1).

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.inverse_gamma(1.5, 3.0, 2.0)), 6)
    -1.568899
    """
    inside = np.greater(x, 0.0)
    safe = np.where(inside, x, 1.0)
    return supported(inside, shape * np.log(scale) - log_gamma(shape) - (shape + 1.0) * np.log(safe) - scale / safe)


def chi_squared(x: Any, df: Any) -> Any:
    r"""Return the log density of a chi-squared distribution.

    .. math:: \log\mathrm{Gamma}(x \mid \nu / 2, 1 / 2)

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    df : number, array or traced value
        Degrees of freedom.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.chi_squared(1.5, 3.0)), 6)
    -1.466206
    """
    return gamma(x, 0.5 * df, 0.5)


def weibull(x: Any, shape: Any, scale: Any = 1.0) -> Any:
    r"""Return the log density of a Weibull distribution.

    .. math:: \log\tfrac ks + (k - 1) \log\tfrac xs - (x / s)^k

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    shape, scale : number, array or traced value
        Shape k and scale s.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.weibull(1.5, 3.0, 2.0)), 6)
    -0.591774
    """
    inside = np.greater(x, 0.0)
    log = np.log(np.where(inside, x, 1.0)) - np.log(scale)
    return supported(inside, np.log(shape) - np.log(scale) + (shape - 1.0) * log - np.exp(shape * log))


def pareto(x: Any, minimum: Any, shape: Any) -> Any:
    r"""Return the log density of a Pareto distribution.

    .. math:: \log a + a \log m - (a + 1) \log x \text{ for } x \ge m

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    minimum, shape : number, array or traced value
        Least value m and shape a.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.pareto(2.5, 2.0, 3.0)), 6)
    -0.487109
    """
    inside = np.greater_equal(x, minimum)
    log = np.log(np.where(inside, x, minimum))
    return supported(inside, np.log(shape) + shape * np.log(minimum) - (shape + 1.0) * log)


def beta(x: Any, a: Any, b: Any) -> Any:
    r"""Return the log density of a beta distribution.

    .. math:: (a - 1) \log x + (b - 1) \log(1 - x) - \log B(a, b)

    Parameters
    ----------
    x : number, array or traced value
        Where, between 0 and 1; of any shape.
    a, b : number, array or traced value
        Shapes.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.beta(0.3, 3.0, 2.0)), 6)
    -0.279714
    """
    inside = np.logical_and(np.greater(x, 0.0), np.less(x, 1.0))
    safe = np.where(inside, x, 0.5)
    return supported(inside, (a - 1.0) * np.log(safe) + (b - 1.0) * np.log1p(-safe) - log_beta(a, b))
