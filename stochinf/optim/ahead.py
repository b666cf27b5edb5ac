r"""NAdam: Adam with Nesterov's momentum, in its two forms.

With :math:`m, v, c_1, c_2` as in `stochinf.optim.moments`:

.. math::

    \text{ByWarmedMoments:}\quad & \mu_t = \beta_1 (1 - \tfrac12 0.96^{t \psi}), \quad P_t = \mu_1 \cdots \mu_t, \quad
        T = \left( \frac{1 - \mu_t}{1 - P_t} g + \frac{\mu_{t+1}}{1 - P_t \mu_{t+1}} m \right) / (\sqrt{v / c_2} + \epsilon) \\
    \text{ByMomentsAhead:}\quad & T = \left( \frac{1 - \beta_1}{1 - \beta_1^t} g + \frac{\beta_1}{1 - \beta_1^{t+1}} m \right)
        / (\sqrt{v / c_2 + \epsilon_r} + \epsilon)

References
----------
Dozat, T. (2016). Incorporating Nesterov momentum into Adam. ICLR workshop, algorithm 2; with a schedule, section 3.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.optim.contract import Move, elementwise, flushed
from stochinf.optim.moments import Moments, corrections, fresh_clock, over

__all__ = ["ByMomentsAhead", "ByWarmedMoments"]

Floats = npt.NDArray[Any]


@part
@elementwise
class ByWarmedMoments(NamedTuple):
    """NAdam as in PyTorch (momentum_decay 0.004) and Keras (1): the momentum grows towards beta1."""

    beta1: float
    beta2: float
    eps: float
    momentum_decay: float

    def init(self, dim: int) -> Moments:
        """Return averages of zero; the clock ends with the step, the product of momenta, and the weights of g and m."""
        return Moments(np.zeros(dim), np.zeros(dim), np.concatenate([fresh_clock(), [1.0, 0.0, 0.0]]))

    def tick(self, memory: Moments, move: Move) -> None:
        """Write the weights."""
        clock = memory.clock
        corrections(clock, self.beta1, self.beta2, 1.0, 1.0)
        clock[5] += 1.0
        now = self.beta1 * (1.0 - 0.5 * 0.96 ** (clock[5] * self.momentum_decay))
        then = self.beta1 * (1.0 - 0.5 * 0.96 ** ((clock[5] + 1.0) * self.momentum_decay))
        clock[6] = flushed(clock[6] * now)
        clock[7] = (1.0 - now) / (1.0 - clock[6])
        clock[8] = then / (1.0 - clock[6] * then)

    def element(self, j: int, position: Floats, gradient: Floats, memory: Moments, move: Move) -> float:
        """Renew both averages; mix the gradient in."""
        g = gradient[j]
        m = self.beta1 * memory.first[j] + (1.0 - self.beta1) * g
        v = self.beta2 * memory.second[j] + (1.0 - self.beta2) * g * g
        memory.first[j] = flushed(m)
        memory.second[j] = flushed(v)
        size = math.sqrt(v * memory.clock[3]) + self.eps
        return over(memory.clock[7] * g + memory.clock[8] * m, size)


@part
@elementwise
class ByMomentsAhead(NamedTuple):
    """NAdam as in optax: Dozat's algorithm with a constant momentum."""

    beta1: float
    beta2: float
    eps: float
    eps_root: float

    def init(self, dim: int) -> Moments:
        """Return averages of zero; the clock ends with the weights of g and m."""
        return Moments(np.zeros(dim), np.zeros(dim), np.append(fresh_clock(), np.zeros(2)))

    def tick(self, memory: Moments, move: Move) -> None:
        """Write the weights."""
        clock = memory.clock
        corrections(clock, self.beta1, self.beta2, 1.0, 1.0)
        clock[6] = (1.0 - self.beta1) * clock[2]
        clock[7] = self.beta1 / (1.0 - self.beta1 * clock[0])

    def element(self, j: int, position: Floats, gradient: Floats, memory: Moments, move: Move) -> float:
        """Renew both averages; mix the gradient in."""
        g = gradient[j]
        m = self.beta1 * memory.first[j] + (1.0 - self.beta1) * g
        v = self.beta2 * memory.second[j] + (1.0 - self.beta2) * g * g
        memory.first[j] = flushed(m)
        memory.second[j] = flushed(v)
        size = math.sqrt(v * memory.clock[3] + self.eps_root) + self.eps
        return over(memory.clock[6] * g + memory.clock[7] * m, size)
