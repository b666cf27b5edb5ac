r"""What momentum and Adam do to a coordinate while its gradient is zero, many steps at once.

After step s, at which the velocity of a coordinate was v, steps without a gradient move it by

.. math:: \Delta_{s,t} = -v \, \mu^{-s} (S_t - S_s), \qquad S_t = \sum_{k \le t} \eta_k \mu^k,

and leave the velocity :math:`\mu^{t-s} v`; the sums S are the same for all coordinates. For Adam, with :math:`\sigma = \sqrt v`,
the scale :math:`\alpha_k` and the :math:`\epsilon_k` of step k,

.. math:: \Delta_{s,t} = -\frac{m}{\sigma} \sum_{p \ge 0} \left(-\frac1\sigma\right)^p \rho_p^{-s} (S^p_t - S^p_s), \qquad
    S^p_t = \sum_{k \le t} \eta_k \alpha_k \epsilon_k^p \rho_p^k, \qquad \rho_p = \beta_1 \beta_2^{-(p+1)/2},

of which four terms are taken where :math:`\epsilon / \sigma` is at most 1/1000; where it is more the steps are done one by one,
and none where all that is left of them is less than 1e-25.
Steps are counted from the last at which every coordinate was brought up to date, after `period()` steps: :math:`\mu^{-s}` then
costs at most three digits.

References
----------
Langford, J., Li, L. and Zhang, T. (2009). Sparse online learning via truncated gradient. JMLR 10, section 4: lazy updates.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.optim.contract import Move, flushed
from stochinf.optim.moments import ByMoments, Moments
from stochinf.optim.transforms import Momentum, RunningAverage, Velocity
from stochinf.optim.velocity import Ahead

__all__ = ["GlidingMoments", "GlidingVelocity", "gliding"]

Floats = npt.NDArray[Any]

LOSS = 1e-3
"""Least power of the decay within a period."""
SMALL = 1e-3
"""Largest eps over sigma at which four terms do: the fifth is 1e-12."""


NOTHING = 1e-25
"""A way that a coordinate has left to go, in units of the learning rate, that is not gone."""


@part
class GlidingVelocity(NamedTuple):
    """Momentum: v <- decay v + gain g, and the direction direct g + share v."""

    decay: float
    gain: float
    direct: float
    share: float

    def init(self, dim: int) -> Velocity:
        """Return a velocity of zero."""
        return Velocity(np.zeros(dim))

    def period(self) -> int:
        """Return after how many steps all coordinates are brought up to date."""
        return max(1, int(math.log(LOSS) / math.log(self.decay))) if self.decay > 0 else 1000

    def table(self) -> npt.NDArray[np.float64]:
        """Return the sums and powers of the decay, before the first step."""
        made = np.zeros((self.period() + 1, 2))
        made[0, 1] = 1.0
        return made

    def tick(self, memory: Velocity, table: Floats, place: int, move: Move) -> None:
        """Write the sum and the power of a step."""
        table[place, 1] = table[place - 1, 1] * self.decay
        table[place, 0] = table[place - 1, 0] + move.rate * table[place, 1]

    def element(self, j: int, gradient: Floats, memory: Velocity, table: Floats, place: int, move: Move) -> float:
        """Renew the velocity; return the step of a coordinate."""
        v = self.decay * memory.velocity[j] + self.gain * gradient[j]
        memory.velocity[j] = flushed(v)
        return move.rate * (self.direct * gradient[j] + self.share * v)  # type: ignore[no-any-return]

    def glide(self, j: int, memory: Velocity, table: Floats, since: int, now: int) -> float:
        """Return what steps without a gradient move a coordinate by."""
        v = memory.velocity[j]
        if v == 0.0:
            return 0.0
        return -self.share * v * (table[now, 0] - table[since, 0]) / table[since, 1]  # type: ignore[no-any-return]

    def fade(self, j: int, memory: Velocity, table: Floats, since: int, now: int) -> None:
        """Let the velocity fall as in those steps."""
        v = memory.velocity[j] * (table[now, 1] / table[since, 1])
        memory.velocity[j] = flushed(v)


@part
class GlidingMoments(NamedTuple):
    """Adam; the columns of its table: four sums, the powers of beta1 and beta2, rate times scale, eps."""

    plain: Any

    def init(self, dim: int) -> Moments:
        """Return averages of zero."""
        return self.plain.init(dim)  # type: ignore[no-any-return]

    def period(self) -> int:
        """Return after how many steps all coordinates are brought up to date."""
        smallest = max(min(self.plain.beta1, self.plain.beta2**2), 1e-3)
        return max(1, int(math.log(LOSS) / math.log(smallest)))

    def table(self) -> npt.NDArray[np.float64]:
        """Return the sums and powers before the first step."""
        made = np.zeros((self.period() + 1, 8))
        made[0, 4:6] = 1.0
        return made

    def tick(self, memory: Moments, table: Floats, place: int, move: Move) -> None:
        """Write the sums and powers of a step."""
        self.plain.tick(memory, move)
        scale, eps = move.rate * memory.clock[2], memory.clock[4]
        table[place, 4] = table[place - 1, 4] * self.plain.beta1
        table[place, 5] = table[place - 1, 5] * self.plain.beta2
        root = 1.0 / math.sqrt(table[place, 5])
        weight = scale * table[place, 4] * root
        for p in range(4):
            table[place, p] = table[place - 1, p] + weight
            weight *= eps * root
        table[place, 6] = scale
        table[place, 7] = eps

    def element(self, j: int, gradient: Floats, memory: Moments, table: Floats, place: int, move: Move) -> float:
        """Renew both averages; return the step of a coordinate."""
        m, v = self.plain.renewed(j, gradient, memory)
        return table[place, 6] * m / (math.sqrt(v) + table[place, 7])  # type: ignore[no-any-return]

    def glide(self, j: int, memory: Moments, table: Floats, since: int, now: int) -> float:
        """Return what steps without a gradient move a coordinate by."""
        m, last = memory.first[j], table[now, 7]
        if abs(m) * (table[now, 6] + table[since + 1, 6]) <= NOTHING * (1.0 - self.plain.beta1) * min(last, 1.0):
            return 0.0
        sigma = math.sqrt(memory.second[j])
        if last > SMALL * sigma or table[since + 1, 7] > SMALL * sigma:
            return self.crawl(j, memory, table, since, now)
        root = math.sqrt(table[since, 5])
        factor, total = m / sigma * root / table[since, 4], 0.0
        for p in range(4):
            total += factor * (table[now, p] - table[since, p])
            factor *= -root / sigma
        return -total

    def crawl(self, j: int, memory: Moments, table: Floats, since: int, now: int) -> float:
        """Return the same, step by step."""
        m, v, total = memory.first[j] * 1.0, memory.second[j] * 1.0, 0.0
        for place in range(since + 1, now + 1):
            m *= self.plain.beta1
            v *= self.plain.beta2
            total += table[place, 6] * m / (math.sqrt(v) + table[place, 7])
        return -total

    def fade(self, j: int, memory: Moments, table: Floats, since: int, now: int) -> None:
        """Let both averages fall as in those steps."""
        m = memory.first[j] * (table[now, 4] / table[since, 4])
        v = memory.second[j] * (table[now, 5] / table[since, 5])
        memory.first[j] = flushed(m)
        memory.second[j] = flushed(v)


def gliding(transform: Any) -> Any:
    """Return the transform that makes up for many steps at once, or None where there is none."""
    if isinstance(transform, Momentum):
        return GlidingVelocity(transform.decay, 1.0, 0.0, 1.0)
    if isinstance(transform, RunningAverage):
        return GlidingVelocity(transform.decay, 1.0 - transform.decay, 0.0, 1.0)
    if isinstance(transform, Ahead) and transform.dampening == 0.0:
        return GlidingVelocity(transform.decay, 1.0, 1.0, transform.decay)
    if isinstance(transform, ByMoments) and transform.eps_root == 0.0 and transform.beta1 > 0.0:
        return GlidingMoments(transform)
    return None
