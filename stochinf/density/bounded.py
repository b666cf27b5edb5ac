"""Parameters whose constraint may depend on other parameters and on data: bounds, centres and scales."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.density.constraints import Known, Parameter, demand, shaped
from stochinf.density.special import sigmoid, softplus

__all__ = ["Affine", "Bound", "Interval", "endless"]

Floats = npt.NDArray[np.float64]
Bound = Any
"""A number, an array, the name of a parameter or of data, or a function of them by their names."""


@dataclass(frozen=True)
class Interval(Parameter):
    r"""Numbers between two bounds, one of which may be infinite.

    .. math:: y = l + (u - l) \sigma(x), \qquad \log J = \log(u - l) + \log\sigma(x) + \log\sigma(-x).

    Parameters
    ----------
    shape : tuple of int
        Shape of the value.
    lower, upper : number, array, str or callable
        As in `interval`.
    """

    lower: Bound
    upper: Bound

    @property
    def needs(self) -> tuple[str, ...]:
        """Names in the bounds."""
        return (*names_in(self.lower), *names_in(self.upper))

    @property
    def endless(self) -> bool:
        """Whether a bound is infinite."""
        return endless(self.lower) or endless(self.upper)

    def bounds(self, free: Any, known: Known) -> tuple[Any, Any]:
        """Return both bounds, fit for free numbers of one draw or of many."""
        many = getattr(free, "ndim", 1) == 2
        return bound_at(self.lower, known, many), bound_at(self.upper, known, many)

    def constrain(self, free: Any, known: Known) -> Any:
        """Return l + (u - l) sigmoid(x), l + exp(x) or u - exp(x)."""
        lower, upper = self.bounds(free, known)
        x = shaped(free, self.shape)
        if endless(self.upper):
            return lower + np.exp(x)
        if endless(self.lower):
            return upper - np.exp(x)
        return lower + (upper - lower) * sigmoid(x)

    def log_jacobian(self, free: Any, known: Known) -> Any:
        """Return the sum over all numbers."""
        if endless(self.upper) or endless(self.lower):
            return np.sum(free)
        lower, upper = self.bounds(free, known)
        x = shaped(free, self.shape)
        return np.sum(np.log(upper - lower) - softplus(x) - softplus(-x))

    def unconstrain(self, value: Floats, known: Known) -> Floats:
        """Return logit((y - l) / (u - l)), log(y - l) or log(u - y)."""
        lower, upper = self.bounds(np.empty(1), known)
        demand(bool(np.all(np.less(lower, upper))), f"its bounds cross: lower = {lower}, upper = {upper}")
        inside = bool(np.all((value > lower) & (value < upper)))
        demand(inside, f"numbers between {lower} and {upper} are needed")
        if endless(self.upper):
            return np.asarray(np.log(value - lower)).reshape(-1)
        if endless(self.lower):
            return np.asarray(np.log(upper - value)).reshape(-1)
        return np.asarray(np.log(value - lower) - np.log(upper - value)).reshape(-1)


@dataclass(frozen=True)
class Affine(Parameter):
    r"""Real numbers with a centre and a scale: y = c + s x, log-Jacobian the sum of log(s).

    Parameters
    ----------
    shape : tuple of int
        Shape of the value.
    centre, scale : number, array, str or callable
        As in `affine`.
    """

    centre: Bound
    scale: Bound

    @property
    def needs(self) -> tuple[str, ...]:
        """Names in centre and scale."""
        return (*names_in(self.centre), *names_in(self.scale))

    def both(self, free: Any, known: Known) -> tuple[Any, Any]:
        """Return centre and scale, fit for free numbers of one draw or of many."""
        many = getattr(free, "ndim", 1) == 2
        return bound_at(self.centre, known, many), bound_at(self.scale, known, many)

    def constrain(self, free: Any, known: Known) -> Any:
        """Return c + s x."""
        centre, scale = self.both(free, known)
        return centre + scale * shaped(free, self.shape)

    def log_jacobian(self, free: Any, known: Known) -> Any:
        """Return the sum of log(s)."""
        scale = self.both(free, known)[1]
        return self.size * np.log(scale) if np.shape(scale) == () else np.sum(np.log(scale))

    def unconstrain(self, value: Floats, known: Known) -> Floats:
        """Return (y - c) / s."""
        centre, scale = self.both(np.empty(1), known)
        demand(bool(np.all(np.greater(scale, 0))), f"its scale {scale} is not above 0")
        return np.asarray((value - centre) / scale).reshape(-1)


def names_in(bound: Bound) -> tuple[str, ...]:
    """Return the names of parameters and data that a bound depends on."""
    if isinstance(bound, str):
        return (bound,)
    return tuple(inspect.signature(bound).parameters) if callable(bound) else ()


def bound_at(bound: Bound, known: Known, many: bool) -> Any:
    """Return a bound's value; what does not depend on parameters gets an axis for the draws where there are many."""
    if isinstance(bound, str):
        return known[bound]
    if callable(bound):
        return bound(*(known[name] for name in names_in(bound)))
    return bound[..., None] if many and np.ndim(bound) else bound


def endless(bound: Bound) -> bool:
    """Whether a bound is infinite."""
    return isinstance(bound, float) and math.isinf(bound)
