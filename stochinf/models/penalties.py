r"""Penalties of single coefficients: :math:`g(w_j)`, with what methods that move one coefficient at a time ask of them.

Each is a part with compiled `penalty_value(w)`, `prox(v, step)`, the least x of (x - v)^2 / 2 + step g(x), `distance(w, v)` of v
from the subdifferential of g at w, and for certificates

- `excess(v)`: by how much v must be divided before the conjugate :math:`g^*(v)` is finite (at most 1 where it is); it grows
  with |v|;
- `duality(w, v)`, the Fenchel-Young sum :math:`g(w) + g^*(v) - w v \ge 0`, infinite where g is not convex;
- `slack(v)`: how far v may move before a coefficient other than zero can be optimal; negative where nothing can be said.

References
----------
Parikh, N. and Boyd, S. (2014). Proximal algorithms. Foundations and Trends in Optimization 1, section 6.
Zhang, C.-H. (2010). Nearly unbiased variable selection under minimax concave penalty. Annals of Statistics 38, eq. (2.1).
Fan, J. and Li, R. (2001). Variable selection via nonconcave penalized likelihood. JASA 96, eq. (2.7).
Breheny, P. and Huang, J. (2011). Coordinate descent algorithms for nonconvex penalized regression. AOAS 5, section 2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part

__all__ = ["L1", "MCP", "SCAD", "Box", "ElasticNet"]


def _demand(penalty: str, field: str, value: float, least: float, strict: bool = False) -> None:
    if not (math.isfinite(value) and (value > least if strict else value >= least)):
        words = f"above {least:g}" if strict else f"of at least {least:g}"
        raise StochinfError(f"{penalty}: {field} = {value}; a finite number {words} is needed")


@part(convex=True)
class ElasticNet(NamedTuple):
    """The elastic net, l1 |w| + l2 w^2 / 2.

    Parameters
    ----------
    l1, l2 : float
        Not negative. In scikit-learn's words l1 is alpha * l1_ratio, and l2 is alpha * (1 - l1_ratio).

    Examples
    --------
    >>> import stochinf as si
    >>> si.models.ElasticNet(1.0, 1.0).prox(3.0, 1.0)
    1.0
    """

    l1: float
    l2: float = 0.0

    def checked(self) -> ElasticNet:
        """Check the strengths."""
        _demand("ElasticNet", "l1", self.l1, 0.0)
        _demand("ElasticNet", "l2", self.l2, 0.0)
        return self

    def penalty_value(self, w: float) -> float:
        """Return the penalty."""
        return self.l1 * abs(w) + 0.5 * self.l2 * w * w

    def prox(self, v: float, step: float) -> float:
        """Shrink, then scale."""
        amount = step * self.l1
        if v > amount:
            return (v - amount) / (1.0 + step * self.l2)
        return (v + amount) / (1.0 + step * self.l2) if v < -amount else 0.0

    def distance(self, w: float, v: float) -> float:
        """Return how far v is from the subdifferential at w."""
        if w == 0.0:
            return max(abs(v) - self.l1, 0.0)
        return abs(v - self.l2 * w - (self.l1 if w > 0.0 else -self.l1))

    def excess(self, v: float) -> float:
        """Return |v| / l1 where there is no l2, whose conjugate is finite everywhere."""
        if self.l2 > 0.0 or v == 0.0:
            return 0.0
        return abs(v) / self.l1 if self.l1 > 0.0 else math.inf

    def duality(self, w: float, v: float) -> float:
        """Return g(w) + g*(v) - w v."""
        beyond = max(abs(v) - self.l1, 0.0)
        conjugate = 0.5 * beyond * beyond / self.l2 if self.l2 > 0.0 else 0.0
        return max(self.penalty_value(w) + conjugate - w * v, 0.0)

    def slack(self, v: float) -> float:
        """Return l1 - |v|."""
        return self.l1 - abs(v)

    def strength(self) -> float:
        """Return the slope at zero, by which tolerances are measured."""
        return self.l1


@part(convex=True)
class Box(NamedTuple):
    """Bounds: 0 for lower <= w <= upper, else infinite.

    Parameters
    ----------
    lower, upper : float
        May be infinite.

    Examples
    --------
    >>> import stochinf as si
    >>> si.models.Box(0.0).prox(-3.0, 1.0)
    0.0
    """

    lower: float = -math.inf
    upper: float = math.inf

    def checked(self) -> Box:
        """Check that the bounds leave room."""
        if not self.lower <= self.upper or self.lower == math.inf or self.upper == -math.inf:
            raise StochinfError(f"Box: lower = {self.lower}, upper = {self.upper}; the lower bound must not exceed the upper")
        return self

    def penalty_value(self, w: float) -> float:
        """Return 0 inside."""
        return 0.0 if self.lower <= w <= self.upper else math.inf

    def prox(self, v: float, step: float) -> float:
        """Return the nearest number inside."""
        return min(max(v, self.lower), self.upper)

    def distance(self, w: float, v: float) -> float:
        """Return how far v is from the normal cone at w."""
        if w <= self.lower and w >= self.upper:
            return 0.0
        if w <= self.lower:
            return max(v, 0.0)
        return max(-v, 0.0) if w >= self.upper else abs(v)

    def excess(self, v: float) -> float:
        """Return 0: no scaling makes the conjugate finite."""
        return 0.0

    def duality(self, w: float, v: float) -> float:
        """Return max(lower v, upper v) - w v."""
        if v == 0.0:
            return 0.0
        return max((self.upper if v > 0.0 else self.lower) * v - w * v, 0.0)

    def slack(self, v: float) -> float:
        """Say nothing."""
        return -math.inf

    def strength(self) -> float:
        """Return 0: a box has no slope."""
        return 0.0


@part(convex=False)
class MCP(NamedTuple):
    r"""The minimax concave penalty: l1 |w| - w^2 / (2 gamma) up to |w| = gamma l1, constant from there.

    Parameters
    ----------
    l1 : float
        Slope at zero, positive.
    gamma : float
        Above 1; at infinity it is the Lasso.

    Examples
    --------
    >>> import stochinf as si
    >>> penalty = si.models.MCP(1.0, 2.0)
    >>> penalty.prox(0.5, 1.0), penalty.prox(1.5, 1.0), penalty.prox(5.0, 1.0)
    (0.0, 1.0, 5.0)
    """

    l1: float
    gamma: float = 3.0

    def checked(self) -> MCP:
        """Check both."""
        _demand("MCP", "l1", self.l1, 0.0, strict=True)
        _demand("MCP", "gamma", self.gamma, 1.0, strict=True)
        return self

    def penalty_value(self, w: float) -> float:
        """Return the penalty."""
        size, flat = abs(w), self.gamma * self.l1
        return self.l1 * size - 0.5 * size * size / self.gamma if size < flat else 0.5 * flat * self.l1

    def prox(self, v: float, step: float) -> float:
        """Return the best of zero, the point where the slope vanishes, and the flat part."""
        size, flat = abs(v), self.gamma * self.l1
        best, least = 0.0, 0.5 * size * size
        middle = (size - step * self.l1) / (1.0 - step / self.gamma) if step < self.gamma else 0.0
        for x in (min(max(middle, 0.0), flat), max(size, flat)):
            cost = 0.5 * (x - size) * (x - size) + step * self.penalty_value(x)
            if cost < least:
                best, least = x, cost
        return best if v >= 0.0 else -best

    def distance(self, w: float, v: float) -> float:
        """Return how far v is from the derivative at w, or from [-l1, l1] at zero."""
        if w == 0.0:
            return max(abs(v) - self.l1, 0.0)
        slope = max(self.l1 - abs(w) / self.gamma, 0.0)
        return abs(v - (slope if w > 0.0 else -slope))

    def excess(self, v: float) -> float:
        """Return 0."""
        return 0.0

    def duality(self, w: float, v: float) -> float:
        """Return infinity: there is no gap without convexity."""
        return math.inf

    def slack(self, v: float) -> float:
        """Say nothing."""
        return -math.inf

    def strength(self) -> float:
        """Return the slope at zero."""
        return self.l1


@part(convex=False)
class SCAD(NamedTuple):
    r"""Smoothly clipped absolute deviation: l1 |w| up to |w| = l1, a parabola up to a l1, constant from there.

    Parameters
    ----------
    l1 : float
        Slope at zero, positive.
    a : float
        Above 2.

    Examples
    --------
    >>> import stochinf as si
    >>> penalty = si.models.SCAD(1.0)
    >>> penalty.prox(0.5, 1.0), penalty.prox(1.5, 1.0), penalty.prox(5.0, 1.0)
    (0.0, 0.5, 5.0)
    """

    l1: float
    a: float = 3.7

    def checked(self) -> SCAD:
        """Check both."""
        _demand("SCAD", "l1", self.l1, 0.0, strict=True)
        _demand("SCAD", "a", self.a, 2.0, strict=True)
        return self

    def penalty_value(self, w: float) -> float:
        """Return the penalty."""
        size, l1 = abs(w), self.l1
        if size <= l1:
            return l1 * size
        if size < self.a * l1:
            return (2.0 * self.a * l1 * size - size * size - l1 * l1) / (2.0 * (self.a - 1.0))
        return 0.5 * l1 * l1 * (self.a + 1.0)

    def prox(self, v: float, step: float) -> float:
        """Return the best of zero and of the points where the slope vanishes in the three parts."""
        size, room = abs(v), self.a - 1.0
        middle = (room * size - step * self.a * self.l1) / (room - step) if step < room else 0.0
        first = min(max(size - step * self.l1, 0.0), self.l1)
        second = min(max(middle, self.l1), self.a * self.l1)
        best, least = 0.0, 0.5 * size * size
        for x in (first, second, max(size, self.a * self.l1)):
            cost = 0.5 * (x - size) * (x - size) + step * self.penalty_value(x)
            if cost < least:
                best, least = x, cost
        return best if v >= 0.0 else -best

    def distance(self, w: float, v: float) -> float:
        """Return how far v is from the derivative at w, or from [-l1, l1] at zero."""
        if w == 0.0:
            return max(abs(v) - self.l1, 0.0)
        slope = min(max((self.a * self.l1 - abs(w)) / (self.a - 1.0), 0.0), self.l1)
        return abs(v - (slope if w > 0.0 else -slope))

    def excess(self, v: float) -> float:
        """Return 0."""
        return 0.0

    def duality(self, w: float, v: float) -> float:
        """Return infinity: there is no gap without convexity."""
        return math.inf

    def slack(self, v: float) -> float:
        """Say nothing."""
        return -math.inf

    def strength(self) -> float:
        """Return the slope at zero."""
        return self.l1


def L1(l1: float) -> ElasticNet:
    """Return the l1 penalty: an elastic net without l2, so that both are compiled once.

    Parameters
    ----------
    l1 : float
        Not negative.

    Returns
    -------
    ElasticNet
        With l2 = 0.

    Examples
    --------
    >>> import stochinf as si
    >>> si.models.L1(0.5)
    ElasticNet(l1=0.5, l2=0.0)
    """
    return ElasticNet(l1)
