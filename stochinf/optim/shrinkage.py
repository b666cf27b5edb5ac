"""Weight decay: in the gradient, or beside the step, where weights shrink whatever the transform makes of the gradient.

References
----------
Krogh, A. and Hertz, J. A. (1991). A simple weight decay can improve generalization. NIPS 4, equation (3).
Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization. ICLR, algorithm 2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.optim.contract import Move, NoMemory

__all__ = ["Shrink", "WeightDecay", "shrink", "weight_decay"]

Floats = npt.NDArray[Any]


@part
class WeightDecay(NamedTuple):
    """Add `strength` times the position to the gradient."""

    strength: float = 1e-4

    def checked(self) -> WeightDecay:
        """Check the strength."""
        if not (self.strength >= 0 and math.isfinite(self.strength)):
            raise StochinfError(f"weight_decay({self.strength}): a finite number of at least 0 is needed")
        return self

    def init(self, dim: int) -> NoMemory:
        """Return no memory."""
        return NoMemory(np.zeros(0))

    def apply(self, position: Floats, gradient: Floats, memory: NoMemory) -> None:
        """Add the pull towards zero."""
        for j in range(gradient.size):
            gradient[j] += self.strength * position[j]


@part
class Shrink(NamedTuple):
    """Multiply the position by 1 - rate * strength, once the gradient has been taken: weight decay apart from the gradient."""

    strength: float = 1e-4

    def checked(self) -> Shrink:
        """Check the strength."""
        if not (self.strength >= 0 and math.isfinite(self.strength)):
            raise StochinfError(f"shrink({self.strength}): a finite number of at least 0 is needed")
        return self

    def init(self, dim: int) -> NoMemory:
        """Return no memory."""
        return NoMemory(np.zeros(0))

    def look(self, position: Floats, memory: NoMemory) -> None:
        """Take the gradient where the position is."""

    def direct(self, position: Floats, gradient: Floats, memory: NoMemory, move: Move) -> None:
        """Shrink the position."""
        kept = 1.0 - move.rate * self.strength
        for j in range(position.size):
            position[j] *= kept


def shrink(strength: float) -> Shrink:
    """Return weight decay apart from the gradient: w <- (1 - rate * strength) w beside the step.

    Parameters
    ----------
    strength : float
        Not negative.

    Returns
    -------
    Shrink
        For the `transform` of a rule, alone or in a `chain`.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization. ICLR, algorithm 2.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.shrink(1e-4)
    Shrink(strength=0.0001)
    """
    return Shrink(strength)


def weight_decay(strength: float) -> WeightDecay:
    """Return a transform that adds `strength` times the position to the gradient.

    Parameters
    ----------
    strength : float
        Not negative.

    Returns
    -------
    WeightDecay
        For the `transform` of a rule, alone or in a `chain`.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.weight_decay(1e-4)
    WeightDecay(strength=0.0001)
    """
    return WeightDecay(strength)
