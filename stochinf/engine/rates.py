"""What schedules are made of: numbers as schedules, products, the tape of rates, and what front doors check.

A schedule gives the rate of each step; see `stochinf.engine.schedules` for those with a shape. One that is made of others may
have a plain Python `write(rates, start)` that puts their tapes together, so that no combination of schedules is ever compiled.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import convert
from stochinf.engine.errors import StochinfError
from stochinf.engine.loop import fill_rates
from stochinf.engine.parts import is_part, part

__all__ = [
    "Constant", "Product", "as_schedule", "checked_rate", "demand_finite", "demand_positive", "is_open", "multiply", "prepared",
    "watched", "write_rates",
]  # fmt: skip

Part = TypeVar("Part")


def is_open(number: Any) -> bool:
    """Whether a number was left for the library to choose: NaN, and no schedule.

    Examples
    --------
    >>> import math
    >>> import stochinf as si
    >>> from stochinf.engine.rates import is_open
    >>> is_open(math.nan), is_open(0.1), is_open(si.schedules.Linear(100))
    (True, False, False)
    """
    return isinstance(number, (float, np.floating)) and math.isnan(number)


def demand_positive(schedule: Part, field: str) -> Part:
    """Return the schedule if a field of it is positive, and every number finite."""
    if not getattr(schedule, field) > 0:
        raise StochinfError(f"{schedule!r}: {field} must be positive")
    return demand_finite(schedule)


def demand_finite(schedule: Part) -> Part:
    """Return the schedule if every number in it is finite."""
    for name, value in schedule._asdict().items():  # type: ignore[attr-defined]
        if isinstance(value, float) and not math.isfinite(value):
            raise StochinfError(f"{schedule!r}: {name} must be finite")
    return schedule


@part
class Constant(NamedTuple):
    """The same rate at every step.

    Parameters
    ----------
    rate : float
        The rate; a number in the place of a schedule is one of these.

    Examples
    --------
    >>> import stochinf as si
    >>> si.schedules.Constant(0.5)(10)
    0.5
    """

    rate: float = 1.0

    def checked(self) -> Constant:
        """Check the rate."""
        return demand_finite(self)

    def at(self, step: int) -> float:
        """Return the rate."""
        return self.rate

    def write(self, rates: npt.NDArray[np.float64], start: int) -> None:
        """Write the rate onto a tape."""
        rates[:] = self.rate


@part
class Product(NamedTuple):
    """The product of two schedules; `*` makes one.

    Parameters
    ----------
    first, second : schedule
        The factors.

    Examples
    --------
    >>> import stochinf as si
    >>> product = si.schedules.Warmup(2) * si.schedules.Exponential(0.5)
    >>> type(product).__name__, [product(t) for t in range(3)]
    ('Product', [0.5, 0.5, 0.25])
    """

    first: Any
    second: Any

    def prepare(self, target: Any) -> Product:
        """Prepare both factors."""
        return Product(prepared(self.first, target), prepared(self.second, target))

    def at(self, step: int) -> float:
        """Return the product at a step."""
        return float(self.first.at(step) * self.second.at(step))

    def write(self, rates: npt.NDArray[np.float64], start: int) -> None:
        """Write the product of two tapes."""
        write_rates(self.first, rates, start)
        factor = np.empty_like(rates)
        write_rates(self.second, factor, start)
        with np.errstate(all="ignore"):
            rates *= factor


def write_rates(schedule: Any, rates: npt.NDArray[np.float64], start: int) -> None:
    """Write the rates of the steps from `start` onto the tape."""
    if hasattr(schedule, "write"):
        schedule.write(rates, start)
    else:
        fill_rates(schedule, rates, start)


def multiply(first: Any, second: Any) -> Any:
    """Multiply schedules or numbers: `schedule * schedule`, `0.1 * schedule`."""
    a, b = as_schedule(first), as_schedule(second)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return Constant(a.rate * b.rate)
    return Product(a, b)


def as_schedule(rate: Any) -> Any:
    """Return a rate as a schedule: a schedule as it is, a number as a constant one.

    Parameters
    ----------
    rate : float or schedule
        The rate; a number is finite and not negative.

    Returns
    -------
    schedule
        A part with `at(step)`.

    Raises
    ------
    StochinfError
        If `rate` is neither.

    Examples
    --------
    >>> from stochinf.engine.rates import as_schedule
    >>> as_schedule(0.5)(10)
    0.5
    """
    if is_part(type(rate)) and hasattr(rate, "at"):
        return rate
    try:
        constant = Constant(rate)
    except StochinfError as error:
        raise StochinfError(f"schedule {rate!r}: a finite number or a schedule with at(step) is needed") from error
    if constant.rate < 0:
        raise StochinfError(f"schedule {rate!r}: a factor of the rate is not negative")
    return constant


def checked_rate(kernel: str, field: str, rate: Any) -> Any:
    """Return a kernel's own rate: a schedule as it is, a positive finite number, or NaN for one still to be chosen.

    Raises
    ------
    StochinfError
        If it is none of these.

    Examples
    --------
    >>> from stochinf.engine.rates import checked_rate
    >>> checked_rate("SGD", "learning_rate", 1)
    1.0
    """
    if is_part(type(rate)) and hasattr(rate, "at"):
        return rate
    try:
        number = math.inf if isinstance(rate, (bool, np.bool_)) else convert(field, rate, float)
    except StochinfError:
        number = math.inf
    if not (math.isnan(number) or 0 < number < math.inf):
        raise StochinfError(f"{kernel}: {field} = {rate!r}; a positive finite number or a schedule is needed")
    return number


def prepared(part_: Any, target: Any) -> Any:
    """Return a part after its `prepare`, if it has one."""
    return part_.prepare(target) if hasattr(part_, "prepare") else part_


def watched(schedule: Any) -> list[Any]:
    """Return the schedules inside a schedule that review the objective."""
    if isinstance(schedule, Product):
        return watched(schedule.first) + watched(schedule.second)
    return [schedule] if hasattr(schedule, "review") else []


for _schedule in (Constant, Product):
    _schedule.__mul__ = _schedule.__rmul__ = multiply  # type: ignore[method-assign]
