r"""Step sizes from the signal and the noise of each coordinate's gradient.

A minibatch of b rows has the gradient :math:`\hat g`. For every coordinate on its own, with a window of B rows:

.. math::

    \bar g &\leftarrow (1 - b/B) \bar g + (b/B) \hat g, \quad s \leftarrow (1 - b/B) s + (b/B) \hat g^2, \quad
        \sigma^2 = s - \bar g^2 \\
    B &\leftarrow K \text{ while } t \le K, \text{ then } \max(b, \tilde\beta \sigma^2 / (\bar g^2 + \epsilon)) \\
    \theta &\leftarrow \theta - \eta \hat g, \quad \eta = 0 \text{ while } t \le K, \text{ then } \tilde\eta\, \bar g^2 / \sigma^2

at step :math:`t = 1, 2, \dots`. The reason: on a quadratic of curvature L, what a row contributes is greatest for batches of
:math:`b^* = 16 \sigma^2 / \bar g^2` rows with :math:`\eta^* = 1 / (2 L)`, hence
:math:`\eta_b = b\, \bar g^2 / (32\, \sigma^2 L)` for smaller batches. Where :math:`\bar g^2 / \sigma^2` is 16 / b,
:math:`\eta_b` reaches :math:`\eta^*`; larger ratios are not believed (`limit`), and where the window has shrunk to the batch, so
that no variance is seen, the step is that of the limit.

References
----------
McAllester, D. (2018). Fundamentals of deep learning, lecture notes (TTIC 31230): stochastic gradient descent, "RMSProp and Adam
from a statistical point of view".
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import convert
from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.optim.contract import Move, elementwise
from stochinf.optim.rule import rule

__all__ = ["BySignal", "StatisticalStep", "Windows"]

Floats = npt.NDArray[Any]

BATCHES = 20.0
"""What K and beta are where they are left open, in batches: a variance of fewer would be little worth."""


class Windows(NamedTuple):
    """Averages of gradients and squares and the window of each coordinate, shape (dim,); steps done, K, beta, limit."""

    means: Floats
    squares: Floats
    windows: Floats
    clock: npt.NDArray[np.float64]


@part
@elementwise
class BySignal(NamedTuple):
    """Multiply each coordinate by its squared mean over its variance."""

    warmup: float
    beta: float
    eps: float
    limit: float

    def init(self, dim: int) -> Windows:
        """Return averages of zero; the first window, K rows, is written at the first step."""
        return Windows(np.zeros(dim), np.zeros(dim), np.zeros(dim), np.zeros(4))

    def tick(self, memory: Windows, move: Move) -> None:
        """Count the step; write K, beta and the limit, in units of the batch where they were left open."""
        memory.clock[0] += 1.0
        memory.clock[1] = self.warmup if self.warmup > 0.0 else BATCHES * move.rows
        memory.clock[2] = self.beta if self.beta > 0.0 else BATCHES * move.rows
        memory.clock[3] = self.limit if self.limit > 0.0 else 16.0 / move.rows

    def element(self, j: int, position: Floats, gradient: Floats, memory: Windows, move: Move) -> float:
        """Renew the averages and the window; scale the gradient."""
        g = gradient[j]
        window = memory.windows[j] if memory.clock[0] > memory.clock[1] + 1.0 else memory.clock[1]
        share = min(move.rows / window, 1.0)
        mean = (1.0 - share) * memory.means[j] + share * g
        square = (1.0 - share) * memory.squares[j] + share * g * g
        memory.means[j] = mean
        memory.squares[j] = square
        if memory.clock[0] <= memory.clock[1]:
            return 0.0 * g  # type: ignore[no-any-return]
        signal = mean * mean
        noise = max(square - signal, 0.0)
        memory.windows[j] = max(float(move.rows), memory.clock[2] * noise / (signal + self.eps))
        if signal >= memory.clock[3] * noise:
            return memory.clock[3] * g  # type: ignore[no-any-return]
        return signal / noise * g  # type: ignore[no-any-return]


@rule({"textbook": {}, None: {"warmup": None, "beta": None, "eps": 1e-8, "limit": None}}, OPEN_RATE=0.1)
class StatisticalStep(NamedTuple):
    """Step sizes from the squared mean over the variance of each coordinate's gradient, over windows that adapt.

    Parameters
    ----------
    learning_rate : float or schedule
        The factor of the ratio of signal to noise; NaN is 0.1.
    warmup : float
        K: steps without movement, and the first window in rows; 20 batches by default.
    beta : float
        The window in units of noise over signal; 20 batches by default.
    eps : float
        Keeps the window finite where the mean vanishes.
    limit : float
        The largest ratio of signal to noise that is believed; 16 over the batch by default.
    convention : {None, "textbook"}
        There is one formula.

    Examples
    --------
    >>> import stochinf as si
    >>> rule = si.optim.StatisticalStep(0.1, warmup=4)
    >>> si.optim.trajectory(rule, [1.0], [[g] for g in (1.0, 2.0, 1.0, 2.0, 1.0)])[-2:].round(3).tolist()
    [[1.0], [0.789]]
    >>> si.optim.StatisticalStep().warmup is None
    True
    """

    learning_rate: Any = math.nan
    warmup: Any = None
    beta: Any = None
    eps: Any = None
    limit: Any = None
    convention: Any = None

    def completed(self) -> StatisticalStep:
        """Check the numbers."""
        given = {name: getattr(self, name) for name in ("warmup", "beta", "limit") if getattr(self, name) is not None}
        numbers = {name: convert(f"StatisticalStep.{name}", value, float) for name, value in given.items()}
        for name, number in numbers.items():
            if not (1 if name == "warmup" else 0) <= number < math.inf or number == 0:
                raise StochinfError(f"StatisticalStep: {name} = {given[name]!r}; a positive number is needed, warmup at least 1")
        return self._replace(**numbers)

    def as_transform(self) -> Any:
        """Return the transform."""
        return BySignal(self.warmup or 0.0, self.beta or 0.0, self.eps, self.limit or 0.0)

    def formula(self) -> str:
        """Return the equations."""
        averages = "gm <- (1 - b/B) gm + (b/B) g; s <- (1 - b/B) s + (b/B) g^2; "
        return (
            averages + "w <- w - rate gm^2 / (s - gm^2) g, B <- max(b, beta (s - gm^2) / (gm^2 + eps)), from step warmup + 1 on"
        )
