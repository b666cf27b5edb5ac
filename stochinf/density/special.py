"""Functions that densities need and numpy lacks; on arrays and on values that are being traced alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.density.operations import ELEMENTWISE
from stochinf.density.traced import Traced, elementwise

__all__ = ["log_beta", "log_gamma", "log_ndtr", "log_sum_exp", "sigmoid", "softplus"]


def applied(op: str, x: Any) -> Any:
    """Return an elementwise operation of one operand, of an array or of a traced value."""
    return elementwise(op, x) if isinstance(x, Traced) else ELEMENTWISE[op].function(x)


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)), the inverse of the logit.

    Parameters
    ----------
    x : number, array or traced value
        Of any shape.

    Returns
    -------
    number, array or traced value
        Elementwise.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> float(sd.sigmoid(0.0))
    0.5
    """
    return elementwise("sigmoid", x) if isinstance(x, Traced) else np.exp(-np.logaddexp(0.0, np.negative(x)))


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)) without overflow.

    Parameters
    ----------
    x : number, array or traced value
        Of any shape.

    Returns
    -------
    number, array or traced value
        Elementwise.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> float(sd.softplus(1000.0))
    1000.0
    """
    return applied("softplus", x)


def log_gamma(x: Any) -> Any:
    """Return the logarithm of the gamma function.

    Parameters
    ----------
    x : number, array or traced value
        Above zero.

    Returns
    -------
    number, array or traced value
        Elementwise.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.log_gamma(5.0)), 6)  # log 4!
    3.178054
    """
    return math.lgamma(x) if isinstance(x, (int, float)) else applied("lgamma", x)


def log_beta(a: Any, b: Any) -> Any:
    """Return the logarithm of the beta function.

    Parameters
    ----------
    a, b : number, array or traced value
        Above zero.

    Returns
    -------
    number, array or traced value
        Elementwise.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> abs(round(float(sd.log_beta(1.0, 1.0)), 12))
    0.0
    """
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b)


def log_ndtr(x: Any) -> Any:
    """Return the logarithm of the standard normal probability of (-infinity, x].

    Parameters
    ----------
    x : number, array or traced value
        Of any shape.

    Returns
    -------
    number, array or traced value
        Elementwise.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> round(float(sd.log_ndtr(0.0)), 6)
    -0.693147
    """
    return applied("log_ndtr", x)


def log_sum_exp(x: Any, axis: int | None = None) -> Any:
    """Return the logarithm of a sum of exponentials, without overflow.

    Parameters
    ----------
    x : number, array or traced value
        Terms.
    axis : int, optional
        Along which to sum; over all numbers by default.

    Returns
    -------
    number, array or traced value
        Of the shape of x less the axis.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf import density as sd
    >>> round(float(sd.log_sum_exp(np.array([1000.0, 1000.0]))), 6)
    1000.693147
    """
    return np.logaddexp.reduce(x, axis=axis)
