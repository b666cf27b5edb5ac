r"""Transforms that look at the sign of the gradient, and the averaged descent of ASGD.

.. math::

    \text{BySign:}\quad & T = \operatorname{sign}(\beta_1 m + (1-\beta_1) g), \quad m \leftarrow \beta_2 m + (1-\beta_2) g \\
    \text{Resilient:}\quad & s \leftarrow \operatorname{clip}(s\, \eta^\pm), \quad w \leftarrow w - s \operatorname{sign}(g) \\
    \text{Averaged:}\quad & \eta_t = \eta (1 + \lambda \eta (t-1))^{-\alpha}, \quad
        w \leftarrow (1 - \lambda \eta_t) w - \eta_t g, \quad
        a \leftarrow a + (w - a) / \max(1, t - 1 - t_0)

In Resilient a step size s, one per coordinate, starts from the learning rate and grows by the second factor while the gradient
keeps its sign; where the sign changes it falls by the first, and the gradient counts as 0. The rates of later steps are not used.

References
----------
Chen, X. et al. (2023). Symbolic discovery of optimization algorithms. NeurIPS, algorithm 2: Lion.
Riedmiller, M. and Braun, H. (1993). A direct adaptive method for faster backpropagation learning, equations (4)-(7): Rprop.
Polyak, B. T. and Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging. SIAM J. Control Optim. 30.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.optim.contract import Move, elementwise, flushed
from stochinf.optim.transforms import Velocity

__all__ = ["Averaged", "BySign", "Resilient"]

Floats = npt.NDArray[Any]


class StepSizes(NamedTuple):
    """Step sizes and the gradients before, shape (dim,), and the number of steps."""

    sizes: Floats
    before: Floats
    clock: npt.NDArray[np.float64]


class Averages(NamedTuple):
    """The averaged position, shape (dim,), and the clock: steps, rate, weight of the average."""

    average: Floats
    clock: npt.NDArray[np.float64]


@part
@elementwise
class BySign(NamedTuple):
    """Lion."""

    beta1: float
    beta2: float

    def init(self, dim: int) -> Velocity:
        """Return an average of zero."""
        return Velocity(np.zeros(dim))

    def element(self, j: int, position: Floats, gradient: Floats, memory: Velocity, move: Move) -> float:
        """Return the sign of the mixed gradient; renew the average."""
        g = gradient[j]
        mixed = self.beta1 * memory.velocity[j] + (1.0 - self.beta1) * g
        memory.velocity[j] = flushed(self.beta2 * memory.velocity[j] + (1.0 - self.beta2) * g)
        if mixed == 0.0 or mixed != mixed:
            return mixed  # type: ignore[no-any-return]
        return math.copysign(1.0, mixed)


@part
@elementwise
class Resilient(NamedTuple):
    """Rprop; it moves the position itself."""

    falls: float
    grows: float
    smallest: float
    largest: float

    def init(self, dim: int) -> StepSizes:
        """Return sizes of zero: the first step takes them from the rate."""
        return StepSizes(np.zeros(dim), np.zeros(dim), np.zeros(1))

    def tick(self, memory: StepSizes, move: Move) -> None:
        """Count the step."""
        memory.clock[0] += 1.0

    def element(self, j: int, position: Floats, gradient: Floats, memory: StepSizes, move: Move) -> float:
        """Adapt the size, move, and leave nothing to do."""
        g = gradient[j]
        size = memory.sizes[j] if memory.clock[0] > 1.0 else move.rate
        agreement = g * memory.before[j]
        if agreement > 0.0:
            size *= self.grows
        elif agreement < 0.0:
            size *= self.falls
            g = 0.0
        size = min(max(size, self.smallest), self.largest)
        memory.sizes[j] = size
        memory.before[j] = g
        if g != 0.0:
            position[j] -= math.copysign(size, g)
        return 0.0 if g == g else g


@part
@elementwise
class Averaged(NamedTuple):
    """ASGD as in PyTorch: a decaying rate, a pull to zero, and an average kept in the memory."""

    lambd: float
    alpha: float
    t0: float

    def init(self, dim: int) -> Averages:
        """Return an average of zero."""
        return Averages(np.zeros(dim), np.zeros(3))

    def tick(self, memory: Averages, move: Move) -> None:
        """Write the factor of the rate and the weight of the average."""
        done = memory.clock[0]
        memory.clock[0] = done + 1.0
        memory.clock[1] = (1.0 + self.lambd * move.rate * done) ** -self.alpha
        memory.clock[2] = 1.0 / max(1.0, done - self.t0)

    def element(self, j: int, position: Floats, gradient: Floats, memory: Averages, move: Move) -> float:
        """Shrink the position; note where the step leads."""
        factor = memory.clock[1]
        position[j] *= 1.0 - self.lambd * move.rate * factor
        direction = factor * gradient[j]
        there = position[j] - move.rate * direction
        memory.average[j] += (there - memory.average[j]) * memory.clock[2]
        return direction  # type: ignore[no-any-return]
