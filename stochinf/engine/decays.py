"""Schedules that fall; public in `stochinf.schedules`."""

from __future__ import annotations

from typing import NamedTuple

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.rates import demand_finite, demand_positive

__all__ = ["Exponential", "Linear", "Polynomial", "RobbinsMonro", "Step"]


@part
class Linear(NamedTuple):
    """Linear decay (1 - t/horizon) initial + (t/horizon) final, then `final`.

    A rule of thumb: `horizon` of a few hundred epochs, `final` one per cent of `initial`.

    Parameters
    ----------
    horizon : int
        Steps until the factor is `final`.
    initial, final : float
        Factor at step 0; factor from the horizon on.

    Examples
    --------
    >>> import stochinf as si
    >>> falling = si.schedules.Linear(4, final=0.0)
    >>> [falling(t) for t in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    horizon: int
    initial: float = 1.0
    final: float = 0.01

    def checked(self) -> Linear:
        """Check the horizon."""
        return demand_positive(self, "horizon")

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        done = min(step / self.horizon, 1.0)
        return (1.0 - done) * self.initial + done * self.final


@part
class RobbinsMonro(NamedTuple):
    """Rates a / (b + t)^p, with sum of rates infinite and sum of squares finite: 1/2 < p <= 1.

    Parameters
    ----------
    a, b : float
        Scale; delay in steps. Both positive.
    p : float
        Power, above 1/2 and at most 1.

    References
    ----------
    Robbins, H. and Monro, S. (1951). A stochastic approximation method, equation (6).

    Examples
    --------
    >>> import stochinf as si
    >>> harmonic = si.schedules.RobbinsMonro(p=1.0)
    >>> [harmonic(t) for t in (0, 1, 3)]
    [1.0, 0.5, 0.25]
    """

    a: float = 1.0
    b: float = 1.0
    p: float = 0.75

    def checked(self) -> RobbinsMonro:
        """Check the two conditions."""
        if not (self.a > 0 and self.b > 0 and 0.5 < self.p <= 1.0):
            raise StochinfError(
                f"{self!r}: a > 0, b > 0 and 1/2 < p <= 1 are needed, so that the rates sum to infinity and their squares do not"
            )
        return demand_finite(self)

    def at(self, step: int) -> float:
        """Return the rate at a step; a power of 1, the usual one of optimisers, costs no call of pow."""
        if self.p == 1.0:
            return self.a / (self.b + step)
        return float(self.a / (self.b + step) ** self.p)


@part
class Step(NamedTuple):
    """Multiply by `factor` every `every` steps: factor^floor(t / every).

    Parameters
    ----------
    every : int
        Steps between two drops.
    factor : float
        What a drop multiplies by.

    Examples
    --------
    >>> import stochinf as si
    >>> stairs = si.schedules.Step(2, factor=0.5)
    >>> [stairs(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: int
    factor: float = 0.1

    def checked(self) -> Step:
        """Check the stride."""
        return demand_positive(self, "every")

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        return float(self.factor ** (step // self.every))


@part
class Exponential(NamedTuple):
    """Exponential decay: decay^t.

    Parameters
    ----------
    decay : float
        From 0 to 1.

    Examples
    --------
    >>> import stochinf as si
    >>> halving = si.schedules.Exponential(0.5)
    >>> [halving(t) for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    decay: float

    def checked(self) -> Exponential:
        """Check the base: from 0 to 1."""
        if not 0 < self.decay <= 1:
            raise StochinfError(f"{self!r}: 0 < decay <= 1 is needed")
        return self

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        return float(self.decay**step)


@part
class Polynomial(NamedTuple):
    """Polynomial decay: (initial - final) (1 - t/horizon)^power + final, then `final`.

    Parameters
    ----------
    horizon : int
        Steps until the factor is `final`.
    power : float
        1 is linear; larger powers fall faster at first.
    initial, final : float
        Factor at step 0; factor from the horizon on.

    Examples
    --------
    >>> import stochinf as si
    >>> square = si.schedules.Polynomial(4)
    >>> [square(t) for t in range(5)]
    [1.0, 0.5625, 0.25, 0.0625, 0.0]
    """

    horizon: int
    power: float = 2.0
    initial: float = 1.0
    final: float = 0.0

    def checked(self) -> Polynomial:
        """Check the horizon."""
        return demand_positive(self, "horizon")

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        left = max(1.0 - step / self.horizon, 0.0)
        return float((self.initial - self.final) * left**self.power + self.final)
