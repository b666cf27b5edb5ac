"""What is searched: ranges of numbers, and choices. Each maps places in [0, 1] to values, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stochinf.engine.convert import convert
from stochinf.engine.errors import StochinfError

__all__ = ["Choice", "Integers", "Log", "Uniform", "checked_space"]


@dataclass(frozen=True)
class Uniform:
    """Numbers of a range, all alike.

    Parameters
    ----------
    low, high : float
        The ends.

    Raises
    ------
    StochinfError
        If the ends are not finite, or not in order.

    Examples
    --------
    >>> import stochinf as si
    >>> si.search.Uniform(1, 3).value(0.25)
    1.5
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        check_ends(self)

    def value(self, place: float) -> Any:
        """Return the value at a place."""
        return min(self.high, self.low + (self.high - self.low) * place)

    def place(self, value: Any) -> float:
        """Return the place of a value."""
        return float((value - self.low) / (self.high - self.low))


@dataclass(frozen=True)
class Log:
    """Positive numbers of a range, whose logarithms are all alike.

    Parameters
    ----------
    low, high : float
        The ends, positive.

    Raises
    ------
    StochinfError
        If the ends are not positive and finite, or not in order.

    Examples
    --------
    >>> import stochinf as si
    >>> round(si.search.Log(1e-4, 1.0).value(0.5), 6)
    0.01
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        check_ends(self)
        if not self.low > 0:
            raise StochinfError(f"{self!r}: both ends of a range of logarithms are positive")

    def value(self, place: float) -> Any:
        """Return the value at a place."""
        return min(self.high, max(self.low, self.low * math.exp(math.log(self.high / self.low) * place)))

    def place(self, value: Any) -> float:
        """Return the place of a value."""
        return math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True)
class Integers:
    """Whole numbers of a range, its ends included.

    Parameters
    ----------
    low, high : int
        The ends.
    log : bool
        Whether their logarithms are all alike, not they themselves.

    Raises
    ------
    StochinfError
        If the ends are not whole numbers in order, or not positive where logarithms are meant.

    Examples
    --------
    >>> import stochinf as si
    >>> [si.search.Integers(1, 4).value(place) for place in (0.0, 0.3, 0.6, 1.0)]
    [1, 2, 3, 4]
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            convert("Integers", end, int)
        check_ends(self)
        if self.log and self.low < 1:
            raise StochinfError(f"{self!r}: both ends of a range of logarithms are positive")

    def value(self, place: float) -> Any:
        """Return the value at a place."""
        low, high = self.low - 0.5, self.high + 0.5
        x = low * math.exp(math.log(high / low) * place) if self.log else low + (high - low) * place
        return min(self.high, max(self.low, round(x)))

    def place(self, value: Any) -> float:
        """Return a place of a value: the middle of its places."""
        low, high = self.low - 0.5, self.high + 0.5
        if self.log:
            return math.log(value / low) / math.log(high / low)
        return float((value - low) / (high - low))


@dataclass(frozen=True)
class Choice:
    """One of some values, without an order.

    Parameters
    ----------
    values : tuple
        At least one.

    Raises
    ------
    StochinfError
        If there is none.

    Examples
    --------
    >>> import stochinf as si
    >>> si.search.Choice(("hinge", "logistic")).value(0.9)
    'logistic'
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values:
            raise StochinfError("Choice: at least one value is needed")

    def value(self, place: float) -> Any:
        """Return the value at a place."""
        return self.values[min(len(self.values) - 1, int(place * len(self.values)))]

    def place(self, value: Any) -> float:
        """Return the middle of the places of a value."""
        return (self.values.index(value) + 0.5) / len(self.values)


def check_ends(interval: Any) -> None:
    """Demand finite ends in order.

    Raises
    ------
    StochinfError
        If they are not.
    """
    try:
        ordered = -math.inf < interval.low < interval.high < math.inf
    except TypeError:
        ordered = False
    if not ordered:
        raise StochinfError(f"{interval!r}: two finite numbers are needed, the lower one first")


def checked_space(space: Any) -> dict[str, Any]:
    """Return a space as a dictionary of names and ranges.

    Raises
    ------
    StochinfError
        If it is none.
    """
    if not isinstance(space, Mapping) or not space:
        raise StochinfError(
            f"space = {space!r}: a dictionary of names and ranges such as stochinf.search.Log(1e-4, 1.0) is needed"
        )
    for name, interval in space.items():
        if not (hasattr(interval, "value") and hasattr(interval, "place")):
            raise StochinfError(f"space[{name!r}] = {interval!r}: Log, Uniform, Integers or Choice is needed")
    return dict(space)
