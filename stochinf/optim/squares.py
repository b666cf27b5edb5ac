r"""Transforms that divide each coordinate of the gradient by the size it usually has.

With gradient :math:`g`, step :math:`t = 1, 2, \dots` and :math:`\epsilon` inside or outside the root (one of the two is 0):

.. math::

    \text{BySum:}\quad & G \leftarrow G + g^2, & T &= \frac{g}{\sqrt{G + \epsilon_i} + \epsilon_o} \frac{1}{1 + (t-1) \delta} \\
    \text{ByAverage:}\quad & v \leftarrow \rho v + (1-\rho) g^2, & T &= \frac{g}{\sqrt{v / c + \epsilon_i} + \epsilon_o} \\
    \text{ByDeviation:}\quad & m \leftarrow \rho m + (1-\rho) g,\ v \text{ as before}, &
        T &= \frac{g}{\sqrt{v - m^2 + \epsilon_i} + \epsilon_o} \\
    \text{ByUnits:}\quad & v \text{ as before},\ u \leftarrow \rho u + (1-\rho) T^2,
        & T &= \sqrt{\frac{u + \epsilon}{v + \epsilon}} g

where c is 1, or :math:`1 - \rho^t` with a correction for the start from zero, and T uses u as it was before the step.

References
----------
Duchi, J., Hazan, E. and Singer, Y. (2011). Adaptive subgradient methods. JMLR 12, figure 1: BySum (AdaGrad).
Tieleman, T. and Hinton, G. (2012). Lecture 6.5, RMSProp; Graves, A. (2013). Generating sequences with recurrent neural
networks, equations (38)-(41): ByAverage, ByDeviation.
Zeiler, M. D. (2012). ADADELTA: an adaptive learning rate method, algorithm 1: ByUnits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.optim.contract import Move, elementwise, flushed
from stochinf.optim.moments import over

__all__ = ["ByAverage", "ByDeviation", "BySum", "ByUnits", "Squares"]

Floats = npt.NDArray[Any]


class Squares(NamedTuple):
    """Sums or averages of squares, shape (dim,), and a clock."""

    squares: Floats
    clock: npt.NDArray[np.float64]


class Deviations(NamedTuple):
    """Averages of squares and of gradients, shape (dim,)."""

    squares: Floats
    means: Floats


class Units(NamedTuple):
    """Averages of the squares of gradients and of steps, shape (dim,)."""

    squares: Floats
    steps: Floats


@part(lazy=True)
@elementwise
class BySum(NamedTuple):
    """AdaGrad: divide by the root of the sum of squares."""

    initial: float
    eps_in: float
    eps_out: float
    lr_decay: float

    def init(self, dim: int) -> Squares:
        """Return the initial sums, and a clock at 0."""
        return Squares(np.full(dim, self.initial), np.zeros(2))

    def tick(self, memory: Squares, move: Move) -> None:
        """Note the factor of this step's rate."""
        memory.clock[1] = 1.0 / (1.0 + memory.clock[0] * self.lr_decay)
        memory.clock[0] += 1.0

    def element(self, j: int, position: Floats, gradient: Floats, memory: Squares, move: Move) -> float:
        """Add the square, divide by the root."""
        g = gradient[j]
        total = memory.squares[j] + g * g
        memory.squares[j] = total
        size = math.sqrt(total + self.eps_in) + self.eps_out
        return over(memory.clock[1] * g, size)

    def rest(self, j: int, memory: Squares, missed: int) -> None:
        """Make up for steps without a gradient: they change nothing."""


@part(lazy=True)
@elementwise
class ByAverage(NamedTuple):
    """RMSProp: divide by the root of the average of squares."""

    rho: float
    eps_in: float
    eps_out: float
    corrected: float

    def init(self, dim: int) -> Squares:
        """Return averages of zero, and the power of rho at step 0."""
        return Squares(np.zeros(dim), np.ones(2))

    def tick(self, memory: Squares, move: Move) -> None:
        """Let the power of rho fall; note the correction."""
        power = memory.clock[0] * self.rho
        memory.clock[0] = flushed(power)
        memory.clock[1] = 1.0 / (1.0 - self.corrected * memory.clock[0])

    def element(self, j: int, position: Floats, gradient: Floats, memory: Squares, move: Move) -> float:
        """Renew the average, divide by its root."""
        g = gradient[j]
        v = flushed(self.rho * memory.squares[j] + (1.0 - self.rho) * g * g)
        memory.squares[j] = v
        size = math.sqrt(v * memory.clock[1] + self.eps_in) + self.eps_out
        return over(g, size)

    def rest(self, j: int, memory: Squares, missed: int) -> None:
        """Make up for steps without a gradient: the average falls."""
        v = memory.squares[j] * self.rho**missed
        memory.squares[j] = flushed(v)


@part
@elementwise
class ByDeviation(NamedTuple):
    """Centred RMSProp: divide by the root of the variance."""

    rho: float
    eps_in: float
    eps_out: float

    def init(self, dim: int) -> Deviations:
        """Return averages of zero."""
        return Deviations(np.zeros(dim), np.zeros(dim))

    def element(self, j: int, position: Floats, gradient: Floats, memory: Deviations, move: Move) -> float:
        """Renew both averages, divide by the root of the variance."""
        g = gradient[j]
        v = self.rho * memory.squares[j] + (1.0 - self.rho) * g * g
        m = self.rho * memory.means[j] + (1.0 - self.rho) * g
        memory.squares[j] = flushed(v)
        memory.means[j] = flushed(m)
        size = math.sqrt(max(v - m * m, 0.0) + self.eps_in) + self.eps_out
        return over(g, size)


@part
@elementwise
class ByUnits(NamedTuple):
    """AdaDelta: divide by the size of gradients, multiply by that of steps."""

    rho: float
    eps: float

    def init(self, dim: int) -> Units:
        """Return averages of zero."""
        return Units(np.zeros(dim), np.zeros(dim))

    def element(self, j: int, position: Floats, gradient: Floats, memory: Units, move: Move) -> float:
        """Renew both averages."""
        g = gradient[j]
        v = self.rho * memory.squares[j] + (1.0 - self.rho) * g * g
        memory.squares[j] = flushed(v)
        size = math.sqrt(v + self.eps)
        step = over(math.sqrt(memory.steps[j] + self.eps), size) * g
        u = self.rho * memory.steps[j] + (1.0 - self.rho) * step * step
        memory.steps[j] = flushed(u)
        return step  # type: ignore[no-any-return]
