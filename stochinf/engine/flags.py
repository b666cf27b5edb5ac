"""Compare numba's compile options quickly.

Numba keeps what it knows of a function by the options in force, and looks there for every operator of a function. Its options
all have one hash, and comparing two builds two dictionaries of twenty properties, a twentieth of a first call's time.
"""

from __future__ import annotations

from typing import Any

from stochinf.engine import light  # noqa: F401  (first)

# isort: split
from numba.core.targetconfig import TargetConfig

__all__ = ["compare_quickly"]


def compare_quickly() -> None:
    """Give numba's options a hash that tells them apart, and a comparison of what has been set; else leave them as they are."""
    if hasattr(TargetConfig(), "_values") and hasattr(TargetConfig, "options"):
        TargetConfig.__hash__ = _hash
        TargetConfig.__eq__ = _equal


def _hash(self: Any) -> int:
    """Hash the names of the switches that are on and would be off."""
    options = self.options
    return hash(frozenset(name for name, value in self._values.items() if value is True and options[name].default is not True))


def _equal(self: Any, other: Any) -> Any:
    """Compare what has been set, and defaults where only one has been."""
    if not isinstance(other, TargetConfig):
        return NotImplemented
    if self is other:
        return True
    if type(self) is not type(other):
        return self.values() == other.values()
    mine, others, options = self._values, other._values, self.options
    return all(
        mine.get(name, options[name].default) == others.get(name, options[name].default) for name in mine.keys() | others.keys()
    )
