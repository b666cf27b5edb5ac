"""Rules: what a user names, a learning rate and the numbers of a transform, and how conventions fill in what was left out.

A rule is a part whose first field is `learning_rate`, with

- `as_transform()`: the transform of the gradient that it stands for;
- `formula()`: its equations, for the repr.

The decorator `rule` adds what all rules share. On a target a rule becomes the kernel of its transform (`descent`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from stochinf.engine.convert import convert
from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import is_part, part
from stochinf.engine.rates import checked_rate, is_open
from stochinf.engine.target import check_needs
from stochinf.optim.curvature import bounded
from stochinf.optim.descent import descent

__all__ = ["CONVENTIONS", "is_rule", "name_of", "rule"]

Class = TypeVar("Class", bound=type)

CONVENTIONS = ("torch", "optax", "keras", "textbook")

BELOW_ONE = "at least 0 and below 1"
NOT_NEGATIVE = "finite and at least 0"
LIMITS: dict[str, tuple[str, Callable[[float], bool]]] = {
    **dict.fromkeys(("beta1", "beta2", "beta3", "rho", "momentum"), (BELOW_ONE, lambda x: 0 <= x < 1)),
    **dict.fromkeys(
        ("eps", "eps_root", "weight_decay", "lr_decay", "initial_accumulator_value", "momentum_decay", "lambd", "alpha", "t0"),
        (NOT_NEGATIVE, lambda x: 0 <= x < math.inf),
    ),
    "dampening": ("at least 0 and at most 1", lambda x: 0 <= x <= 1),
}
"""What the numbers of rules may be, by the field's name."""


class _Ruled:
    """What all rules share."""

    def checked(self: Any) -> Any:
        """Fill in what was left out, by the convention, and check every number."""
        name = name_of(self)
        if self.convention not in self.DEFAULTS:
            known = ", ".join(repr(convention) for convention in self.DEFAULTS)
            raise StochinfError(f"{name}: convention = {self.convention!r}; one of {known} is needed")
        defaults = self.DEFAULTS[self.convention]
        values = {
            field: _number(name, field, defaults.get(field, self.DEFAULTS[None][field]) if value is None else value)
            for field, value in self._asdict().items()
            if field in self.DEFAULTS[None]
        }
        rate = checked_rate(name, "learning_rate", self.learning_rate)
        if self.convention is not None and is_open(rate):
            rate = defaults.get("learning_rate", rate)
            if self.convention == "optax" and is_open(rate):
                raise StochinfError(f"{name}: optax has no default learning_rate for it; give one")
        made = self._replace(learning_rate=rate, **values)
        return made.completed() if hasattr(made, "completed") else made

    def prepare(self: Any, target: Any) -> Any:
        """Return the kernel on a target, with a rate where it was left open."""
        check_needs(self, target)
        return descent(self.rate_on(target), self.as_transform(), target, name_of(self))

    def given_rate(self: Any) -> Any:
        """Return the learning rate; where it was left open, the rule's own choice, NaN if it takes it from the data."""
        return getattr(self, "OPEN_RATE", math.nan) if is_open(self.learning_rate) else self.learning_rate

    def rate_on(self: Any, target: Any) -> Any:
        """Return the learning rate on a target, from its curvature where the rule was left open and takes it from there."""
        if hasattr(self, "rate_for") and is_open(self.given_rate()):
            return self.rate_for(target, bounded(name_of(self), target))
        return self.given_rate()


def name_of(rule: Any) -> str:
    """Return the public name of a rule."""
    return getattr(rule, "NAME", type(rule).__name__)


def _number(rule: str, field: str, value: Any) -> Any:
    if isinstance(value, bool) or field not in LIMITS:
        return value
    number = convert(f"{rule}.{field}", value, float)
    wanted, holds = LIMITS[field]
    if not holds(number):
        raise StochinfError(f"{rule}: {field} = {value!r}; a number {wanted} is needed")
    return number


def _repr(self: Any) -> str:
    rate = "from the data" if is_open(self.given_rate()) else repr(self.given_rate())
    shown = [f"{name}={value!r}" for name, value in self._asdict().items() if name not in ("learning_rate", "convention")]
    numbers = ", ".join([f"learning_rate={rate}", *shown, f"convention={self.convention!r}"])
    return f"{name_of(self)}({numbers}): {self.formula()}"


def rule(defaults: dict[str | None, dict[str, Any]], **traits: Any) -> Callable[[Class], Class]:
    """Make a NamedTuple with `as_transform` and `formula` a rule.

    Parameters
    ----------
    defaults : dict
        For each convention, None included, the values of fields left out; those of None fill what a convention does not name.
    **traits
        `OPEN_RATE`: the learning rate where none is given, for rules that do not take it from the data. `NAME`: the public name
        where the class has another.
    """

    def decorate(cls: Class) -> Class:
        for name in ("checked", "given_rate", "prepare", "rate_on"):
            if name not in vars(cls):
                setattr(cls, name, vars(_Ruled)[name])
        cls.__repr__ = _repr  # type: ignore[assignment]
        made: Class = part(needs=("gradient",), yields="optimum", DEFAULTS=defaults, **traits)(cls)
        return made

    return decorate


def is_rule(value: Any) -> bool:
    """Whether a value is a rule: a part with a learning rate and a transform."""
    return is_part(type(value)) and "learning_rate" in value._fields and hasattr(value, "as_transform")
