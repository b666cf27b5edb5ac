r"""Step sizes from the signal and the noise of each coordinate's gradient.

A minibatch of b rows has the gradient :math:`\hat g`. For every coordinate on its own, with a window of B rows:

.. math::

    \bar g &\leftarrow (1 - b/B) \bar g + (b/B) \hat g, \quad s \leftarrow (1 - b/B) s + (b/B) \hat g^2, \quad
        \sigma^2 = s - \bar g^2 \\
    B &\leftarrow K \text{ while } t \le K, \text{ then } \max(b, \tilde\beta \sigma^2 / (\bar g^2 + \epsilon)) \\
    \theta &\leftarrow \theta - \eta \hat g, \quad \eta = 0 \text{ while } t \le K, \text{ then } \tilde\eta\, \bar g^2 / \sigma^2

at step :math:`t = 1, 2, \dots`. The reason: on a quadratic of curvature L, what a row contributes is greatest for batches of
:math:`b^* = 16 \sigma^2 / \bar g^2` rows with :math:`\eta^* = 1 / (2 L)`, hence
:math:`\eta_b = b\, \bar g^2 / (32\, \sigma^2 L)` for smaller batches. The ratio :math:`\bar g^2 / \sigma^2` may be bounded by
`limit`; 16 / b is where :math:`\eta_b` reaches :math:`\eta^*`.

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


class Windows(NamedTuple):
    """Averages of gradients and squares and the window of each coordinate, shape (dim,), and the number of steps."""

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
        """Return averages of zero over windows of K rows."""
        return Windows(np.zeros(dim), np.zeros(dim), np.full(dim, self.warmup), np.zeros(1))

    def tick(self, memory: Windows, move: Move) -> None:
        """Count the step."""
        memory.clock[0] += 1.0

    def element(self, j: int, position: Floats, gradient: Floats, memory: Windows, move: Move) -> float:
        """Renew the averages and the window; scale the gradient."""
        g = gradient[j]
        share = min(move.rows / memory.windows[j], 1.0)
        mean = (1.0 - share) * memory.means[j] + share * g
        square = (1.0 - share) * memory.squares[j] + share * g * g
        memory.means[j] = mean
        memory.squares[j] = square
        if memory.clock[0] <= self.warmup:
            return 0.0 * g  # type: ignore[no-any-return]
        signal = mean * mean
        noise = max(square - signal, 0.0)
        memory.windows[j] = max(float(move.rows), self.beta * noise / (signal + self.eps))
        ratio = min(signal / noise, self.limit) if noise > 0.0 else 0.0
        return ratio * g  # type: ignore[no-any-return]


@rule({"textbook": {}, None: {"warmup": 100.0, "beta": 20.0, "eps": 1e-8, "limit": math.inf}}, OPEN_RATE=0.1)
class StatisticalStep(NamedTuple):
    """Step sizes from the squared mean over the variance of each coordinate's gradient, over windows that adapt.

    Parameters
    ----------
    learning_rate : float or schedule
        The factor of the ratio of signal to noise; NaN is 0.1.
    warmup : float
        K: steps without movement, and the first window in rows.
    beta : float
        The window in units of noise over signal.
    eps : float
        Keeps the window finite where the mean vanishes.
    limit : float
        The largest ratio of signal to noise that is believed. Where the noise is 0, nothing moves.
    convention : {None, "textbook"}
        There is one formula.

    Examples
    --------
    >>> import stochinf as si
    >>> rule = si.optim.StatisticalStep(0.1, warmup=4)
    >>> si.optim.trajectory(rule, [1.0], [[g] for g in (1.0, 2.0, 1.0, 2.0, 1.0)])[-2:].round(3).tolist()
    [[1.0], [0.789]]
    """

    learning_rate: Any = math.nan
    warmup: Any = None
    beta: Any = None
    eps: Any = None
    limit: Any = None
    convention: Any = None

    def completed(self) -> StatisticalStep:
        """Check the numbers."""
        made = self._replace(
            **{name: convert(f"StatisticalStep.{name}", getattr(self, name), float) for name in ("warmup", "beta", "limit")}
        )
        if not (1 <= made.warmup < math.inf and 0 < made.beta < math.inf and made.limit > 0):
            raise StochinfError(
                f"StatisticalStep: warmup = {self.warmup!r}, beta = {self.beta!r}, limit = {self.limit!r};"
                " a window of at least 1 and positive numbers are needed"
            )
        return made

    def as_transform(self) -> Any:
        """Return the transform."""
        return BySignal(self.warmup, self.beta, self.eps, self.limit)

    def formula(self) -> str:
        """Return the equations."""
        averages = "gm <- (1 - b/B) gm + (b/B) g; s <- (1 - b/B) s + (b/B) g^2; "
        return (
            averages + "w <- w - rate gm^2 / (s - gm^2) g, B <- max(b, beta (s - gm^2) / (gm^2 + eps)), from step warmup + 1 on"
        )
