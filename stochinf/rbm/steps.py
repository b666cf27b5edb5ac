r"""Momentum in single precision: :math:`v \leftarrow \mu v + g`, :math:`\theta \leftarrow \theta - \eta v`, as vector code.

The transforms of `stochinf.optim` compute each coordinate in double precision; this one is theirs where float32 will do.

References
----------
Polyak, B. T. (1964). Some methods of speeding up the convergence of iteration methods, equation (9).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.optim.contract import Move

__all__ = ["Steady"]

Singles = npt.NDArray[np.float32]
TINY = np.float32(1e-30)


class SteadyVelocity(NamedTuple):
    """A velocity, shape (n_parameters,); without numbers where there is no momentum."""

    velocity: Singles


@part(reorder=True)
class Steady(NamedTuple):
    """Steps with momentum, or without.

    Parameters
    ----------
    momentum : float
        What a step keeps of the velocity, from 0 to below 1.

    Examples
    --------
    >>> import stochinf as si
    >>> si.rbm.Steady(0.9)
    Steady(momentum=0.9)
    """

    momentum: float = 0.0

    def checked(self) -> Steady:
        """Check the momentum."""
        if not 0 <= self.momentum < 1:
            raise StochinfError(f"momentum = {self.momentum}: a number of at least 0 and below 1 is needed")
        return self

    def init(self, dim: int) -> SteadyVelocity:
        """Return a velocity of zero."""
        return SteadyVelocity(np.zeros(dim if self.momentum else 0, np.float32))

    def look(self, position: Singles, memory: SteadyVelocity) -> None:
        """Take the gradient where the position is."""

    def direct(self, position: Singles, gradient: Singles, memory: SteadyVelocity, move: Move) -> None:
        """Replace the gradient by the velocity."""
        kept = np.float32(self.momentum)
        for j in range(memory.velocity.size):
            v = np.float32(kept * memory.velocity[j] + gradient[j])
            memory.velocity[j] = v if abs(v) > TINY else np.float32(0.0)
            gradient[j] = memory.velocity[j]

    def descend(self, position: Singles, gradient: Singles, memory: Any, move: Move) -> None:
        """Replace the gradient by the velocity, and move."""
        kept, rate = np.float32(self.momentum), np.float32(move.rate)
        for j in range(memory.velocity.size):
            v = np.float32(kept * memory.velocity[j] + gradient[j])
            memory.velocity[j] = v if abs(v) > TINY else np.float32(0.0)
            position[j] -= np.float32(rate * v)
        for j in range(memory.velocity.size, position.size):
            position[j] -= np.float32(rate * gradient[j])
