r"""Transforms of Adam's family: averages of the gradient and of its square, corrected for their start from zero.

With :math:`m \leftarrow \beta_1 m + (1-\beta_1) g`, :math:`v \leftarrow \beta_2 v + (1-\beta_2) g^2`, and the corrections
:math:`c_1 = 1 - \beta_1^t`, :math:`c_2 = 1 - \beta_2^t` at step :math:`t = 1, 2, \dots`, or 1 where a correction is off:

.. math::

    \text{ByMoments:}\quad & T = \frac{m / c_1}{\sqrt{v / c_2 + \epsilon_r} + \epsilon} \\
    \text{LargestRaw:}\quad & x \leftarrow \max(x, v), \quad T = \frac{m / c_1}{\sqrt{x / c_2} + \epsilon} \\
    \text{LargestCorrected:}\quad & x \leftarrow \max(x, v / c_2), \quad T = \frac{m / c_1}{\sqrt{x + \epsilon_r} + \epsilon} \\
    \text{ByLargest:}\quad & u \leftarrow \max(\beta_2 u, |g| + \epsilon_i), \quad T = \frac{m / c_1}{u + \epsilon_o} \\
    \text{Rectified:}\quad & T = \frac{r_t\, m / c_1}{\sqrt{v / c_2} + \epsilon} \text{ where } \rho_t > 5, \text{ else } m / c_1

In the form with :math:`\hat\epsilon`, :math:`\epsilon = \hat\epsilon / \sqrt{c_2}`.

References
----------
Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization. ICLR, algorithms 1 and 2; section 2 for epsilon hat.
Reddi, S. J., Kale, S. and Kumar, S. (2018). On the convergence of Adam and beyond. ICLR, algorithm 2: AMSGrad.
Liu, L. et al. (2020). On the variance of the adaptive learning rate and beyond. ICLR, algorithm 2: RAdam.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.pairs import over_roots
from stochinf.engine.parts import part
from stochinf.optim.contract import Move, elementwise, flushed

__all__ = ["ByLargest", "ByMoments", "LargestCorrected", "LargestMoments", "LargestRaw", "Moments", "Rectified", "corrections"]

Floats = npt.NDArray[Any]


SMALLEST = 1e-140
"""Sizes below this, near the root of what is flushed, count as this."""


NOTHING = 1e-17
"""One less a number below this is one."""


class Moments(NamedTuple):
    """Averages of gradients and of squares, shape (dim,), and a clock.

    The clock holds the powers of beta1 and beta2, 1 / c1, 1 / c2, and the epsilon of this step.
    """

    first: Floats
    second: Floats
    clock: npt.NDArray[np.float64]


class LargestMoments(NamedTuple):
    """As `Moments`, with the largest second moment so far."""

    first: Floats
    second: Floats
    largest: Floats
    clock: npt.NDArray[np.float64]


def fresh_clock() -> npt.NDArray[np.float64]:
    """Return the clock at step 0."""
    return np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])


@helper()
def corrections(clock: npt.NDArray[np.float64], beta1: float, beta2: float, first: float, second: float) -> None:
    """Let the powers fall; write 1 / c1 and 1 / c2; `first` and `second` are 1, or 0 where a correction is off."""
    power1 = clock[0] * beta1
    power2 = clock[1] * beta2
    clock[0] = flushed(power1)
    clock[1] = flushed(power2)
    clock[2] = 1.0 / (1.0 - first * clock[0]) if clock[0] > NOTHING else 1.0
    clock[3] = 1.0 / (1.0 - second * clock[1])


@helper()
def hatted(eps_hat: float, correction: float) -> float:
    """Return eps hat / sqrt(c2); a root is not taken where there is none to take."""
    return eps_hat * math.sqrt(correction) if eps_hat > 0.0 else 0.0


@helper()
def over(number: float, size: float) -> float:
    """Return number / size, where a size of 0 stands for one too small to be told, and the number is smaller still."""
    return number / max(size, SMALLEST)


@part
@elementwise
class ByMoments(NamedTuple):
    """Adam."""

    beta1: float
    beta2: float
    eps: float
    eps_hat: float
    eps_root: float

    def init(self, dim: int) -> Moments:
        """Return averages of zero."""
        return Moments(np.zeros(dim), np.zeros(dim), fresh_clock())

    def tick(self, memory: Moments, move: Move) -> None:
        """Write the corrections, multiplied through by sqrt(c2): that leaves least to do for each coordinate."""
        clock = memory.clock
        corrections(clock, self.beta1, self.beta2, 1.0, 1.0)
        root = math.sqrt(1.0 - clock[1])
        clock[2] *= root
        clock[3] = self.eps_root * (1.0 - clock[1])
        clock[4] = max(self.eps * root + self.eps_hat, SMALLEST)

    def renewed(self, j: int, gradient: Floats, memory: Moments) -> tuple[float, float]:
        """Renew both averages of a coordinate."""
        g = gradient[j]
        m = flushed(self.beta1 * memory.first[j] + (1.0 - self.beta1) * g)
        v = self.beta2 * memory.second[j] + (1.0 - self.beta2) * g * g
        memory.first[j] = m
        memory.second[j] = flushed(v)
        return m, v

    def element(self, j: int, position: Floats, gradient: Floats, memory: Moments, move: Move) -> float:
        """Renew both averages, divide one by the root of the other."""
        m, v = self.renewed(j, gradient, memory)
        return m * memory.clock[2] / (math.sqrt(v + memory.clock[3]) + memory.clock[4])  # type: ignore[no-any-return]

    def descend(self, position: Floats, gradient: Floats, memory: Moments, move: Move) -> None:
        """Turn every coordinate and move it at once; two that a loop over fours leaves over go together."""
        self.tick(memory, move)
        scale, under, beside = move.rate * memory.clock[2], memory.clock[3], memory.clock[4]
        fours = position.size - position.size % 4
        for j in range(fours):
            m, v = self.renewed(j, gradient, memory)
            position[j] -= m * scale / (math.sqrt(v + under) + beside)
        j = fours
        if position.size % 4 >= 2:
            m, v = self.renewed(j, gradient, memory)
            n, w = self.renewed(j + 1, gradient, memory)
            one, two = over_roots(m * scale, n * scale, v + under, w + under, beside)
            position[j] -= one
            position[j + 1] -= two
            j += 2
        if position.size % 2 == 1:
            m, v = self.renewed(j, gradient, memory)
            position[j] -= m * scale / (math.sqrt(v + under) + beside)


@part
@elementwise
class LargestRaw(NamedTuple):
    """AMSGrad as in PyTorch and Keras: the largest of the raw averages, then the correction."""

    beta1: float
    beta2: float
    eps: float
    eps_hat: float

    def init(self, dim: int) -> LargestMoments:
        """Return averages of zero."""
        return LargestMoments(np.zeros(dim), np.zeros(dim), np.zeros(dim), fresh_clock())

    def tick(self, memory: LargestMoments, move: Move) -> None:
        """Write the corrections."""
        corrections(memory.clock, self.beta1, self.beta2, 1.0, 1.0)
        memory.clock[4] = self.eps + hatted(self.eps_hat, memory.clock[3])

    def element(self, j: int, position: Floats, gradient: Floats, memory: LargestMoments, move: Move) -> float:
        """Renew the averages and the largest, divide by its root."""
        g = gradient[j]
        scale = memory.clock[2]
        m = self.beta1 * memory.first[j] + (1.0 - self.beta1) * g
        v = self.beta2 * memory.second[j] + (1.0 - self.beta2) * g * g
        largest = max(memory.largest[j], v)
        memory.first[j] = flushed(m)
        memory.second[j] = flushed(v)
        memory.largest[j] = largest
        size = math.sqrt(largest * memory.clock[3]) + memory.clock[4]
        return over(m * scale, size)


@part
@elementwise
class LargestCorrected(NamedTuple):
    """AMSGrad as in optax: the largest of the corrected averages; without corrections, as in the paper."""

    beta1: float
    beta2: float
    eps: float
    eps_root: float
    corrected: float

    def init(self, dim: int) -> LargestMoments:
        """Return averages of zero."""
        return LargestMoments(np.zeros(dim), np.zeros(dim), np.zeros(dim), fresh_clock())

    def tick(self, memory: LargestMoments, move: Move) -> None:
        """Write the corrections."""
        corrections(memory.clock, self.beta1, self.beta2, self.corrected, self.corrected)

    def element(self, j: int, position: Floats, gradient: Floats, memory: LargestMoments, move: Move) -> float:
        """Renew the averages and the largest, divide by its root."""
        g = gradient[j]
        scale = memory.clock[2]
        m = self.beta1 * memory.first[j] + (1.0 - self.beta1) * g
        v = self.beta2 * memory.second[j] + (1.0 - self.beta2) * g * g
        largest = max(memory.largest[j], v * memory.clock[3])
        memory.first[j] = flushed(m)
        memory.second[j] = flushed(v)
        memory.largest[j] = largest
        size = math.sqrt(largest + self.eps_root) + self.eps
        return over(m * scale, size)


@part
@elementwise
class ByLargest(NamedTuple):
    """AdaMax."""

    beta1: float
    beta2: float
    eps_in: float
    eps_out: float

    def init(self, dim: int) -> Moments:
        """Return averages of zero."""
        return Moments(np.zeros(dim), np.zeros(dim), fresh_clock())

    def tick(self, memory: Moments, move: Move) -> None:
        """Write the correction."""
        corrections(memory.clock, self.beta1, self.beta2, 1.0, 0.0)

    def element(self, j: int, position: Floats, gradient: Floats, memory: Moments, move: Move) -> float:
        """Renew the average and the decaying maximum."""
        g = gradient[j]
        scale = memory.clock[2]
        m = self.beta1 * memory.first[j] + (1.0 - self.beta1) * g
        u = max(self.beta2 * memory.second[j], abs(g) + self.eps_in)
        memory.first[j] = flushed(m)
        memory.second[j] = flushed(u)
        size = u + self.eps_out
        return over(m * scale, size)


@part
@elementwise
class Rectified(NamedTuple):
    """RAdam: plain momentum until the variance of the second moment is known."""

    beta1: float
    beta2: float
    eps: float
    eps_hat: float

    def init(self, dim: int) -> Moments:
        """Return averages of zero."""
        return Moments(np.zeros(dim), np.zeros(dim), np.append(fresh_clock(), np.zeros(2)))

    def tick(self, memory: Moments, move: Move) -> None:
        """Write the corrections, and the rectification r_t: 0 as long as there is none."""
        corrections(memory.clock, self.beta1, self.beta2, 1.0, 1.0)
        memory.clock[4] = self.eps + hatted(self.eps_hat, memory.clock[3])
        memory.clock[5] += 1.0
        longest = 2.0 / (1.0 - self.beta2) - 1.0
        length = longest - 2.0 * memory.clock[5] * memory.clock[1] * memory.clock[3]
        memory.clock[6] = 0.0
        if length > 5.0:
            ratio = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
            memory.clock[6] = math.sqrt(ratio)

    def element(self, j: int, position: Floats, gradient: Floats, memory: Moments, move: Move) -> float:
        """Renew both averages; divide where the rectification is known."""
        g = gradient[j]
        scale = memory.clock[2]
        m = self.beta1 * memory.first[j] + (1.0 - self.beta1) * g
        v = self.beta2 * memory.second[j] + (1.0 - self.beta2) * g * g
        memory.first[j] = flushed(m)
        memory.second[j] = flushed(v)
        if memory.clock[6] == 0.0:
            return m * scale  # type: ignore[no-any-return]
        size = math.sqrt(v * memory.clock[3]) + memory.clock[4]
        return over(memory.clock[6] * m * scale, size)
