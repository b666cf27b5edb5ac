r"""Transforms with a velocity, beside plain momentum (`stochinf.optim.transforms.Momentum`).

With decay :math:`\mu`, dampening :math:`\delta`, gradient :math:`g` and rate :math:`\eta`:

.. math::

    \text{Dampened:}\quad & v_1 = g_1, \quad v \leftarrow \mu v + (1-\delta) g, & T = v \\
    \text{Ahead:}\quad & v \leftarrow \mu v + (1-\delta) g \text{ likewise}, & T = g + \mu v \\
    \text{HeavyBall:}\quad & v \leftarrow \mu v - \eta g, & w \leftarrow w + v \\
    \text{LookAhead:}\quad & v \leftarrow \mu v - \eta g(w + \mu v), & w \leftarrow w + v

The last two keep the rate inside the velocity, as textbooks do; they equal the first two only while the rate is constant, and
LookAhead equals Ahead with the iterates :math:`w + \mu v` there.

References
----------
Polyak, B. T. (1964). Some methods of speeding up the convergence of iteration methods, equation (9).
Nesterov, Y. (1983). A method of solving a convex programming problem with convergence rate O(1/k^2).
Sutskever, I. et al. (2013). On the importance of initialization and momentum in deep learning. ICML, equations (1)-(4).
Goodfellow, I., Bengio, Y. and Courville, A. (2016). Deep Learning, algorithms 8.2 and 8.3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.optim.contract import Move, elementwise, flushed
from stochinf.optim.transforms import Velocity

__all__ = ["Ahead", "ClockedVelocity", "Dampened", "HeavyBall", "HeavyBallAhead", "LookAhead"]

Floats = npt.NDArray[Any]


class ClockedVelocity(NamedTuple):
    """A velocity, shape (dim,), and the weight of the next gradient in it, shape (1,)."""

    velocity: Floats
    clock: npt.NDArray[np.float64]


@part
@elementwise
class Dampened(NamedTuple):
    """Momentum whose later gradients count 1 - dampening."""

    decay: float
    dampening: float = 0.0

    def init(self, dim: int) -> ClockedVelocity:
        """Return a velocity of zero."""
        return ClockedVelocity(np.zeros(dim), np.full(2, 1.0))

    def tick(self, memory: ClockedVelocity, move: Move) -> None:
        """Take the weight of this step's gradient; the first counts in full."""
        memory.clock[0] = memory.clock[1]
        memory.clock[1] = 1.0 - self.dampening

    def element(self, j: int, position: Floats, gradient: Floats, memory: ClockedVelocity, move: Move) -> float:
        """Return the velocity."""
        v = flushed(self.decay * memory.velocity[j] + memory.clock[0] * gradient[j])
        memory.velocity[j] = v
        return v


@part
@elementwise
class Ahead(NamedTuple):
    """Nesterov's momentum in the form of the libraries: the gradient plus mu times the velocity after it."""

    decay: float
    dampening: float = 0.0

    def init(self, dim: int) -> ClockedVelocity:
        """Return a velocity of zero."""
        return ClockedVelocity(np.zeros(dim), np.full(2, 1.0))

    def tick(self, memory: ClockedVelocity, move: Move) -> None:
        """Take the weight of this step's gradient; the first counts in full."""
        memory.clock[0] = memory.clock[1]
        memory.clock[1] = 1.0 - self.dampening

    def element(self, j: int, position: Floats, gradient: Floats, memory: ClockedVelocity, move: Move) -> float:
        """Return the gradient plus mu v."""
        v = flushed(self.decay * memory.velocity[j] + memory.clock[0] * gradient[j])
        memory.velocity[j] = v
        return gradient[j] + self.decay * v  # type: ignore[no-any-return]


@part
@elementwise
class HeavyBall(NamedTuple):
    """Momentum with the rate in the velocity: w moves by mu v before the gradient step completes the new velocity."""

    decay: float

    def init(self, dim: int) -> Velocity:
        """Return a velocity of zero."""
        return Velocity(np.zeros(dim))

    def element(self, j: int, position: Floats, gradient: Floats, memory: Velocity, move: Move) -> float:
        """Carry the position along; return the gradient."""
        carried = self.decay * memory.velocity[j]
        position[j] += carried
        v = flushed(carried - move.rate * gradient[j])
        memory.velocity[j] = v
        return gradient[j]  # type: ignore[no-any-return]


@part
@elementwise
class LookAhead(NamedTuple):
    """Nesterov's momentum with the rate in the velocity: the gradient is taken at w + mu v."""

    decay: float

    def init(self, dim: int) -> Velocity:
        """Return a velocity of zero."""
        return Velocity(np.zeros(dim))

    def look(self, position: Floats, memory: Velocity) -> None:
        """Go to w + mu v."""
        for j in range(position.size):
            position[j] += self.decay * memory.velocity[j]

    def element(self, j: int, position: Floats, gradient: Floats, memory: Velocity, move: Move) -> float:
        """Complete the new velocity; return the gradient."""
        v = flushed(self.decay * memory.velocity[j] - move.rate * gradient[j])
        memory.velocity[j] = v
        return gradient[j]  # type: ignore[no-any-return]


@part
@elementwise
class HeavyBallAhead(NamedTuple):
    """Keras's form of Nesterov's momentum: w <- w + mu v - eta g with the new velocity v, the rate inside."""

    decay: float

    def init(self, dim: int) -> Velocity:
        """Return a velocity of zero."""
        return Velocity(np.zeros(dim))

    def element(self, j: int, position: Floats, gradient: Floats, memory: Velocity, move: Move) -> float:
        """Carry the position along; return the gradient."""
        v = flushed(self.decay * memory.velocity[j] - move.rate * gradient[j])
        memory.velocity[j] = v
        position[j] += self.decay * v
        return gradient[j]  # type: ignore[no-any-return]
