r"""Dropout: each step sees a random part of the coefficients; and Glorot's initial weights.

With a fresh mask m of zeros and ones, kept with probability 1 - p each, the gradient of a step is

.. math:: g = \frac{m}{1-p} \odot \nabla f\left(\frac{m}{1-p} \odot w\right),

for a linear model that of dropping features from the rows, and in the mean over masks a penalty: in least squares exactly
:math:`\frac{p}{2(1-p)} \sum_j \overline{x_j^2}\, w_j^2`.

References
----------
Srivastava, N. et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15, sections 4 and 9.1.
Wager, S., Wang, S. and Liang, P. (2013). Dropout training as adaptive regularization. NIPS, section 2.
Glorot, X. and Bengio, Y. (2010). Understanding the difficulty of training deep feedforward neural networks, equation (16).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.random import uniform
from stochinf.engine.streams import entropy_of
from stochinf.optim.contract import Move

__all__ = ["Dropout", "Masks", "dropout", "glorot"]

Floats = npt.NDArray[Any]


class Masks(NamedTuple):
    """The factors of a step's mask and the position before it, shape (dim,), and the stream that masks are drawn from."""

    factors: Floats
    before: Floats
    rng: npt.NDArray[np.uint64]


@part
class Dropout(NamedTuple):
    """See `dropout`."""

    share: float = 0.5

    def checked(self) -> Dropout:
        """Check the share."""
        if not 0 <= self.share < 1:
            raise StochinfError(f"dropout({self.share}): a share of at least 0 and below 1 is needed")
        return self

    def init(self, dim: int) -> Masks:
        """Return no mask; the kernel seeds the stream."""
        return Masks(np.zeros(dim), np.zeros(dim), np.zeros(4, np.uint64))

    def look(self, position: Floats, memory: Masks) -> None:
        """Draw a mask, and go to the masked position."""
        for j in range(position.size):
            factor = 0.0 if uniform(memory.rng) < self.share else 1.0 / (1.0 - self.share)
            memory.factors[j] = factor
            memory.before[j] = position[j]
            position[j] *= factor

    def direct(self, position: Floats, gradient: Floats, memory: Masks, move: Move) -> None:
        """Come back, and mask the gradient."""
        for j in range(position.size):
            position[j] = memory.before[j]
            gradient[j] *= memory.factors[j]


def dropout(share: float = 0.5) -> Dropout:
    """Return a transform that leaves out a random share of the coefficients at each step, and makes up for it in the others.

    An intercept is a coefficient like the others. One mask serves all rows of a batch.

    Parameters
    ----------
    share : float
        The chance of each coefficient to be left out, at least 0 and below 1.

    Returns
    -------
    Dropout
        For the `transform` of a rule, alone or the first of a `chain`.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.chain(si.optim.dropout(0.2), si.optim.Adam(0.01)).learning_rate
    0.01
    """
    return Dropout(share)


def glorot(inputs: int, outputs: int, rng: Any = None) -> npt.NDArray[np.float64]:
    """Draw weights uniform on +-sqrt(6 / (inputs + outputs)), so that signals keep their variance in both directions.

    Parameters
    ----------
    inputs, outputs : int
        Units on both sides.
    rng : int, SeedSequence, Generator or None
        Where the randomness comes from.

    Returns
    -------
    ndarray of shape (inputs, outputs)
        For example a starting point `x0`, ravelled.

    Examples
    --------
    >>> import stochinf as si
    >>> weights = si.optim.glorot(4, 2, rng=0)
    >>> weights.shape, bool(abs(weights).max() < 1.0)
    ((4, 2), True)
    """
    shape = counted("inputs", inputs), counted("outputs", outputs)
    limit = math.sqrt(6.0 / sum(shape))
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy_of(rng))))
    return generator.uniform(-limit, limit, shape)
