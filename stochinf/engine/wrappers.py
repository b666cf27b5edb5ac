"""Kernels that wrap a kernel: picks that look at the state, and points that stand for many."""

from __future__ import annotations

from typing import Any, NamedTuple

from stochinf.engine.parts import part

__all__ = ["EachOfColour", "GreedyChoice", "unwrapped"]


def unwrapped(kernel: Any) -> Any:
    """Return the kernel inside the wrappers that a picker put around it."""
    while isinstance(kernel, (GreedyChoice, EachOfColour)):
        kernel = kernel.kernel
    return kernel


@part
class GreedyChoice(NamedTuple):
    """Update the point with the largest score; ties go to the smallest. The tape holds the number of candidates."""

    kernel: Any

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Choose among points 0..point-1, then update."""
        best = 0
        highest = self.kernel.score(target, state, 0)
        for candidate in range(1, point):
            score = self.kernel.score(target, state, candidate)
            if score > highest:
                best = candidate
                highest = score
        self.kernel.update(target, state, best, rate, rng)


@part
class EachOfColour(NamedTuple):
    """Update every member of a colour class."""

    kernel: Any

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Update the members of colour `point`."""
        for k in range(target.colour_start[point], target.colour_start[point + 1]):
            self.kernel.update(target, state, target.colour_members[k], rate, rng)
