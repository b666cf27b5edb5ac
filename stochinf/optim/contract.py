r"""What a transform of the gradient is.

Every optimiser by gradients is one loop around a transform :math:`T` that turns a gradient into a direction,

.. math:: w \leftarrow w - \eta_t \, T(g),

and remembers between steps what it needs. A transform is a part with `init(dim) -> memory`, a NamedTuple of arrays, and one of

- `apply(position, gradient, memory)`, which changes the gradient in place: all that a user's own transform needs;
- `look(position, memory)` and `direct(position, gradient, memory, move)`: `look` may displace the position before the gradient is
  taken, and `direct` sees the `Move` as well: its rate and the rows of its batch;
- `tick(memory, move)` and `element(j, position, gradient, memory, move) -> float`, decorated with `elementwise`: what happens
  once a step, and the direction of one coordinate, which may look at that coordinate alone.

Arrays of a memory of length `dim` are kept in the precision of the position; one called `clock` stays in float64. One called
`rng`, of four `uint64`, is filled with a stream of random numbers of the run's.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import is_part, part
from stochinf.engine.random import stream
from stochinf.engine.streams import ROLES

__all__ = ["Move", "NoMemory", "Plain", "Turning", "check_transform", "elementwise", "flushed", "in_precision", "moved", "seeded"]

Floats = npt.NDArray[Any]
Class = TypeVar("Class", bound=type)

TINY = 1e-290
"""Memories below this are set to zero, steps below this are not done: numbers that underflow slow the processor down."""


@helper()
def flushed(number: float) -> float:
    """Return a number, or 0 where it would soon underflow."""
    return 0.0 if abs(number) <= TINY else number


@helper()
def moved(coordinate: float, rate: float, direction: float) -> float:
    """Return a coordinate after a step, unless the step would soon underflow.

    The step has a name since Python 3.12 and later would copy a shorter return into both branches: 8 ns at 10 coordinates.
    """
    step = 0.0 if abs(direction) <= TINY else rate * direction
    return coordinate - step


class Move(NamedTuple):
    """What a transform may know of a step.

    Attributes
    ----------
    rate : float
        The learning rate of the step.
    rows : int
        Points whose mean gradient it is.
    """

    rate: float
    rows: int


class NoMemory(NamedTuple):
    """The memory of a transform that has none."""

    unused: Floats


class _Elementwise:
    """What `elementwise` adds."""

    def look(self: Any, position: Floats, memory: Any) -> None:
        """Take the gradient where the position is."""

    def tick(self: Any, memory: Any, move: Move) -> None:
        """Keep no clock."""

    def direct(self: Any, position: Floats, gradient: Floats, memory: Any, move: Move) -> None:
        """Let the clock tick, then turn every coordinate."""
        self.tick(memory, move)
        for j in range(gradient.size):
            gradient[j] = self.element(j, position, gradient, memory, move)

    def descend(self: Any, position: Floats, gradient: Floats, memory: Any, move: Move) -> None:
        """Turn every coordinate and move it at once."""
        self.tick(memory, move)
        for j in range(position.size):
            direction = self.element(j, position, gradient, memory, move)
            position[j] = moved(position[j], move.rate, direction)


def elementwise(cls: Class) -> Class:
    """Give a transform with `element` the methods `look`, `tick` and `direct`, where it lacks them."""
    for name in ("look", "tick", "direct", "descend"):
        if name not in vars(cls):
            setattr(cls, name, vars(_Elementwise)[name])
    return cls


@part
class Plain(NamedTuple):
    """A transform that has only `apply`, with the rest of the contract around it."""

    inner: Any

    def init(self, dim: int) -> Any:
        """Return the transform's memory."""
        return self.inner.init(dim)

    def look(self, position: Floats, memory: Any) -> None:
        """Take the gradient where the position is."""

    def direct(self, position: Floats, gradient: Floats, memory: Any, move: Move) -> None:
        """Apply the transform."""
        self.inner.apply(position, gradient, memory)

    def descend(self, position: Floats, gradient: Floats, memory: Any, move: Move) -> None:
        """Apply the transform, and move."""
        self.inner.apply(position, gradient, memory)
        for j in range(position.size):
            position[j] = moved(position[j], move.rate, gradient[j])


@part
class Turning(NamedTuple):
    """A transform that has `look` and `direct`, with the rest of the contract around it."""

    inner: Any

    def init(self, dim: int) -> Any:
        """Return the transform's memory."""
        return self.inner.init(dim)

    def look(self, position: Floats, memory: Any) -> None:
        """Let the transform look ahead."""
        self.inner.look(position, memory)

    def direct(self, position: Floats, gradient: Floats, memory: Any, move: Move) -> None:
        """Turn the gradient."""
        self.inner.direct(position, gradient, memory, move)

    def descend(self, position: Floats, gradient: Floats, memory: Any, move: Move) -> None:
        """Turn the gradient, and move."""
        self.inner.direct(position, gradient, memory, move)
        for j in range(position.size):
            position[j] = moved(position[j], move.rate, gradient[j])


def check_transform(asker: str, transform: Any) -> None:
    """Demand a part with `init` and either `apply` or `direct`.

    Raises
    ------
    StochinfError
        Naming who asked and what was given.
    """
    acts = hasattr(transform, "apply") or hasattr(transform, "direct")
    if not (is_part(type(transform)) and hasattr(transform, "init") and acts):
        raise StochinfError(f"{asker}: {transform!r} is no transform of gradients; give for example momentum(0.9) or clip(1.0)")


def in_precision(memory: Any, dim: int, dtype: Any) -> Any:
    """Return a memory whose arrays of length `dim` have the type of the position; clocks stay as they are."""
    if isinstance(memory, np.ndarray):
        return memory.astype(dtype, copy=False) if memory.size == dim and memory.dtype.kind == "f" else memory
    if not is_part(type(memory)):
        return memory
    kept = [
        value if name == "clock" else in_precision(value, dim, dtype) for name, value in zip(memory._fields, memory, strict=True)
    ]
    return type(memory)._make(kept)


def seeded(memory: Any, streams: Any, path: tuple[int, ...] = ()) -> Any:
    """Return a memory whose arrays called `rng` are streams of their own."""
    if not is_part(type(memory)):
        return memory
    kept = [
        stream(np.random.SeedSequence(streams.entropy, spawn_key=(ROLES["transform"], streams.block, *path)))
        if name == "rng"
        else seeded(value, streams, (*path, k))
        for k, (name, value) in enumerate(zip(memory._fields, memory, strict=True))
    ]
    return type(memory)._make(kept)
