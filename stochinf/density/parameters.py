"""The parameters of a density: their kinds, by the names that users write."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.density.bounded import Affine, Bound, Interval, endless
from stochinf.density.constraints import CholeskyCorr, Ordered, Parameter, Positive, PositiveOrdered, Shape, Simplex
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError

__all__ = ["affine", "cholesky_corr", "interval", "ordered", "positive", "positive_ordered", "real", "simplex"]


def real(shape: int | Shape = ()) -> Parameter:
    """Return a parameter without a constraint.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the value; a number by default.

    Returns
    -------
    Parameter
        For `stochinf.Density(params=)`.

    Raises
    ------
    StochinfError
        If a length is below 1.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> sd.real(8).size, sd.real((2, 3)).shape
    (8, (2, 3))
    """
    return Parameter(checked_shape("real", shape))


def positive(shape: int | Shape = ()) -> Parameter:
    """Return a parameter above zero: the exponential of a free number.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the value; a number by default.

    Returns
    -------
    Parameter
        For `stochinf.Density(params=)`.

    Raises
    ------
    StochinfError
        If a length is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf import density as sd
    >>> tau = sd.positive()
    >>> float(tau.constrain(np.array([0.0]), {})), float(tau.log_jacobian(np.array([1.5]), {}))
    (1.0, 1.5)
    """
    return Positive(checked_shape("positive", shape))


def interval(lower: Bound = -math.inf, upper: Bound = math.inf, shape: int | Shape = ()) -> Parameter:
    """Return a parameter between two bounds; an infinite bound is none.

    Parameters
    ----------
    lower, upper : number, array, str or callable
        The bounds: numbers or arrays of the parameter's shape; the name of a parameter or of data; or a function of
        parameters and data, whose arguments bear their names. Parameters that a bound needs come before this one in `params`.
    shape : int or tuple of int
        Shape of the value; a number by default.

    Returns
    -------
    Parameter
        For `stochinf.Density(params=)`.

    Raises
    ------
    StochinfError
        If the bounds are given and cross, or are not numbers.

    Examples
    --------
    >>> from stochinf import density as sd
    >>> params = {"alpha1": sd.interval(0, 1), "beta1": sd.interval(0, lambda alpha1: 1 - alpha1)}
    >>> params["beta1"].needs
    ('alpha1',)
    """
    form = checked_shape("interval", shape)
    low, high = (checked_bound(name, bound, form) for name, bound in (("lower", lower), ("upper", upper)))
    if endless(low) and endless(high):
        return Parameter(form)
    fixed = not any(callable(bound) or isinstance(bound, str) for bound in (low, high))
    nothing = (endless(low) and low > 0) or (endless(high) and high < 0)
    if nothing or (fixed and not np.all(np.less(low, high))):
        raise StochinfError(f"interval: lower = {lower}, upper = {upper}; the lower bound lies below the upper one")
    return Interval(form, low, high)


def affine(centre: Bound = 0.0, scale: Bound = 1.0, shape: int | Shape = ()) -> Parameter:
    """Return a real parameter whose free numbers are its distances from a centre, in units of a scale.

    A hierarchy written with `theta ~ normal(mu, tau)` is a funnel for a sampler; with `affine("mu", "tau")` the sampler moves on
    (theta - mu) / tau, and the density stays as it is written.

    Parameters
    ----------
    centre, scale : number, array, str or callable
        Numbers or arrays of the parameter's shape; the name of a parameter or of data; or a function of parameters and data,
        whose arguments bear their names. Scales are above zero. Parameters that are needed come before this one in `params`.
    shape : int or tuple of int
        Shape of the value; a number by default.

    Returns
    -------
    Parameter
        For `stochinf.Density(params=)`.

    Raises
    ------
    StochinfError
        If a scale that is given is not above zero.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf import density as sd
    >>> theta = sd.affine("mu", "tau", shape=2)
    >>> theta.constrain(np.array([-1.0, 1.0]), {"mu": 10.0, "tau": 2.0})
    array([ 8., 12.])
    """
    form = checked_shape("affine", shape)
    middle, width = (checked_bound(name, bound, form, "affine") for name, bound in (("centre", centre), ("scale", scale)))
    for name, bound, least in (("centre", middle, -math.inf), ("scale", width, 0.0)):
        if not callable(bound) and not isinstance(bound, str) and not np.all((np.asarray(bound) > least) & np.isfinite(bound)):
            raise StochinfError(f"affine: {name} = {bound}; {'finite numbers' if least else 'numbers above 0'} are needed")
    return Affine(form, middle, width)


def ordered(n: int, shape: int | Shape = ()) -> Parameter:
    """Return a parameter that is a vector whose numbers grow.

    Parameters
    ----------
    n : int
        Length of the vector.
    shape : int or tuple of int
        () for one vector, k or (k, l, ...) for more: an array (k, l, ..., n).

    Returns
    -------
    Parameter
        For `stochinf.Density(params=)`.

    Raises
    ------
    StochinfError
        If a length is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf import density as sd
    >>> sd.ordered(3).constrain(np.array([-1.0, 0.0, 0.0]), {})
    array([-1.,  0.,  1.])
    """
    return Ordered(vectors("ordered", n, shape))


def positive_ordered(n: int, shape: int | Shape = ()) -> Parameter:
    """Return a parameter that is a vector above zero whose numbers grow.

    Parameters
    ----------
    n : int
        Length of the vector.
    shape : int or tuple of int
        () for one vector, k or (k, l, ...) for more: an array (k, l, ..., n).

    Returns
    -------
    Parameter
        For `stochinf.Density(params=)`.

    Raises
    ------
    StochinfError
        If a length is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf import density as sd
    >>> sd.positive_ordered(3).constrain(np.zeros(3), {})
    array([1., 2., 3.])
    """
    return PositiveOrdered(vectors("positive_ordered", n, shape))


def simplex(n: int, shape: int | Shape = ()) -> Parameter:
    """Return a parameter that is a vector of numbers above zero that sum to one.

    Parameters
    ----------
    n : int
        Number of components, at least 2.
    shape : int or tuple of int
        () for one vector, k or (k, l, ...) for more: an array (k, l, ..., n).

    Returns
    -------
    Parameter
        For `stochinf.Density(params=)`; it takes n - 1 free numbers.

    Raises
    ------
    StochinfError
        If n is below 2, or a length below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf import density as sd
    >>> sd.simplex(4).constrain(np.zeros(3), {})
    array([0.25, 0.25, 0.25, 0.25])
    """
    return Simplex(vectors("simplex", counted("simplex: n", n, least=2), shape))


def cholesky_corr(n: int, shape: int | Shape = ()) -> Parameter:
    """Return a parameter that is the lower Cholesky factor of a correlation matrix.

    Parameters
    ----------
    n : int
        Rows of the matrix, at least 2.
    shape : int or tuple of int
        () for one matrix, k or (k, l, ...) for more: an array (k, l, ..., n, n).

    Returns
    -------
    Parameter
        For `stochinf.Density(params=)`; a matrix takes n (n - 1) / 2 free numbers.

    Raises
    ------
    StochinfError
        If n is below 2, or a length below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf import density as sd
    >>> factor = sd.cholesky_corr(2).constrain(np.array([0.5]), {})
    >>> (factor @ factor.T).round(3)
    array([[1.   , 0.462],
           [0.462, 1.   ]])
    """
    order = counted("cholesky_corr: n", n, least=2)
    return CholeskyCorr((*checked_shape("cholesky_corr", shape), order, order))


def checked_shape(kind: str, shape: Any) -> Shape:
    """Return a shape as a tuple of lengths."""
    lengths = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple(counted(f"{kind}: shape", length) for length in lengths)


def vectors(kind: str, n: Any, shape: Any) -> Shape:
    """Return the shape of vectors of length n."""
    return (*checked_shape(kind, shape), counted(f"{kind}: n", n))


def checked_bound(name: str, bound: Any, shape: Shape, kind: str = "interval") -> Bound:
    """Return a bound as a number, an array of the shape, a name or a function."""
    if isinstance(bound, str) or callable(bound):
        return bound
    try:
        value = np.asarray(bound, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StochinfError(f"{kind}: {name} = {bound!r}; a number, an array, a name or a function is needed") from error
    if value.ndim == 0 and not np.isnan(value):
        return float(value)
    if value.shape != shape or not np.isfinite(value).all():
        raise StochinfError(f"{kind}: {name} = {bound!r}; a number, or finite numbers of the parameter's shape {shape}")
    return value
