"""What the compiler knows of parts before they run: constants by which it drops loops and branches."""

from __future__ import annotations

from typing import Any

from stochinf.engine.jit import compiled_as
from stochinf.engine.parts import sweep

__all__ = ["dimension", "has_own_sweep"]


def has_own_sweep(kernel: Any) -> bool:
    """Whether a kernel does stretches of the tape in its own way, and not one step at a time."""
    return type(kernel).sweep is not sweep


def dimension(target: Any, position: Any) -> int:
    """Return the size of a position of one chain: a constant where the target's class has the trait `dim`."""
    return int(position.size)


@compiled_as(has_own_sweep)
def _own_sweep(kernel: Any) -> Any:
    own = kernel.instance_class.sweep is not sweep

    def known(kernel: Any) -> bool:
        return own

    return known


@compiled_as(dimension)
def _dimension(target: Any, position: Any) -> Any:
    dim = getattr(getattr(target, "instance_class", None), "dim", None)

    def known(target: Any, position: Any) -> Any:
        return dim

    def measured(target: Any, position: Any) -> Any:
        return position.size

    return known if isinstance(dim, int) and position.ndim == 1 else measured
