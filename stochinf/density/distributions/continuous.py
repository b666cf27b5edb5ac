"""Log densities of continuous distributions on the whole line or an interval.

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

from stochinf.density.special import log_gamma, log_ndtr, softplus

__all__ = ["cauchy", "gumbel", "laplace", "logistic", "normal", "skew_normal", "student_t", "uniform"]

HALF_LOG_TAU = 0.5 * math.log(2.0 * math.pi)


def normal(x: Any, mean: Any = 0.0, sd: Any = 1.0) -> Any:
    r"""Return the log density of a normal distribution.

    .. math:: -\tfrac12 ((x - \mu) / \sigma)^2 - \log\sigma - \tfrac12 \log 2\pi

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    mean, sd : number, array or traced value
        Mean and standard deviation.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.normal(1.0, 0.0, 2.0)), 6)
    -1.737086
    """
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - HALF_LOG_TAU


def student_t(x: Any, df: Any, mean: Any = 0.0, scale: Any = 1.0) -> Any:
    r"""Return the log density of Student's t distribution.

    .. math:: \log\Gamma(\tfrac{\nu + 1}2) - \log\Gamma(\tfrac\nu2) - \tfrac12 \log(\nu \pi) - \log s
        - \tfrac{\nu + 1}2 \log(1 + z^2 / \nu), \quad z = (x - m) / s

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    df, mean, scale : number, array or traced value
        Degrees of freedom, centre, scale.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.student_t(1.0, 3.0, 0.0, 2.0)), 6)
    -1.854121
    """
    half = 0.5 * (df + 1.0)
    constant = log_gamma(half) - log_gamma(0.5 * df) - 0.5 * np.log(df * math.pi)
    return constant - np.log(scale) - half * np.log1p(((x - mean) / scale) ** 2 / df)


def cauchy(x: Any, location: Any = 0.0, scale: Any = 1.0) -> Any:
    r"""Return the log density of a Cauchy distribution.

    .. math:: -\log(\pi s) - \log(1 + ((x - m) / s)^2)

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    location, scale : number, array or traced value
        Median and scale.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.cauchy(1.0, 0.0, 2.0)), 6)
    -2.061021
    """
    return -math.log(math.pi) - np.log(scale) - np.log1p(((x - location) / scale) ** 2)


def laplace(x: Any, location: Any = 0.0, scale: Any = 1.0) -> Any:
    r"""Return the log density of a Laplace distribution.

    .. math:: -\log(2 s) - |x - m| / s

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    location, scale : number, array or traced value
        Median and scale.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.laplace(1.0, 0.0, 2.0)), 6)
    -1.886294
    """
    return -math.log(2.0) - np.log(scale) - np.abs(x - location) / scale


def logistic(x: Any, location: Any = 0.0, scale: Any = 1.0) -> Any:
    r"""Return the log density of a logistic distribution.

    .. math:: -z - \log s - 2 \log(1 + e^{-z}), \quad z = (x - m) / s

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    location, scale : number, array or traced value
        Mean and scale.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.logistic(1.0, 0.0, 2.0)), 6)
    -2.141301
    """
    z = (x - location) / scale
    return z - np.log(scale) - 2.0 * softplus(z)


def gumbel(x: Any, location: Any = 0.0, scale: Any = 1.0) -> Any:
    r"""Return the log density of a Gumbel distribution, of maxima.

    .. math:: -z - e^{-z} - \log s, \quad z = (x - m) / s

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    location, scale : number, array or traced value
        Mode and scale.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.gumbel(1.0, 0.0, 2.0)), 6)
    -1.799678
    """
    z = (x - location) / scale
    return -z - np.exp(-z) - np.log(scale)


def skew_normal(x: Any, location: Any = 0.0, scale: Any = 1.0, skew: Any = 0.0) -> Any:
    r"""Return the log density of a skew normal distribution.

    .. math:: \log 2 - \log s + \log\phi(z) + \log\Phi(\alpha z), \quad z = (x - m) / s

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    location, scale, skew : number, array or traced value
        Location, scale and the slant alpha.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.skew_normal(1.0, 0.0, 2.0, 3.0)), 6)
    -1.113082
    """
    z = (x - location) / scale
    return math.log(2.0) - HALF_LOG_TAU - np.log(scale) - 0.5 * z**2 + log_ndtr(skew * z)


def uniform(x: Any, lower: Any = 0.0, upper: Any = 1.0) -> Any:
    r"""Return the log density of a uniform distribution.

    .. math:: -\log(u - l) \text{ for } l \le x \le u

    Parameters
    ----------
    x : number, array or traced value
        Where; of any shape.
    lower, upper : number, array or traced value
        Bounds.

    Returns
    -------
    number, array or traced value
        One number for each of x, broadcast with the parameters.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.uniform(1.0, 0.0, 2.0)), 6)
    -0.693147
    """
    inside = np.logical_and(np.greater_equal(x, lower), np.less_equal(x, upper))
    return np.where(inside, -np.log(upper - lower), -np.inf)
