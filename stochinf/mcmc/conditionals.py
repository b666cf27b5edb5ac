r"""Gibbs sampling by conditionals of the user's.

The target says how to draw each block of its position from the distribution of that block given all others,

.. math:: x_b \sim \pi(x_b \mid x_{-b}), \qquad b = 0, 1, \ldots, n - 1,

and a step of the kernel draws every block once, in order.

References
----------
Geman, S. and Geman, D. (1984). Stochastic relaxation, Gibbs distributions, and the Bayesian restoration of images. IEEE PAMI 6.
Gelfand, A. E. and Smith, A. F. M. (1990). Sampling-based approaches to calculating marginal densities. JASA 85.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan

__all__ = ["Gibbs", "GibbsState"]

Floats = npt.NDArray[np.float64]


class GibbsState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
    stats : ndarray of shape (1,)
        Blocks drawn in the last step.
    nonfinite : ndarray of shape (1,)
        Steps that left a number that is not finite in the position.
    """

    position: Floats
    stats: Floats
    nonfinite: npt.NDArray[np.int64]


@part(needs=("redraw",), yields="draws", statistics=("n_steps",))
class Gibbs(NamedTuple):
    """Gibbs sampling of a target that can draw its blocks.

    The target is `Conditionals`, functions in plain Python; or, compiled, a part with `redraw(position, block, rng)`, which
    writes a draw of a block into the position, and the number of blocks as `n_blocks`. Its random numbers are those of
    `stochinf.engine.random`, so that the same seed gives the same bits.

    Parameters
    ----------
    n_blocks : int
        Number of blocks; 0 takes the target's `n_blocks`.

    Raises
    ------
    StochinfError
        If neither says how many blocks there are.

    Examples
    --------
    >>> import math
    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.engine.random import normal
    >>> @si.kernel
    ... class Pair(NamedTuple):
    ...     rho: float
    ...     n_blocks: int = 2
    ...     dim: int = 2
    ...
    ...     def start(self, generator):
    ...         return np.zeros(2)
    ...
    ...     def redraw(self, position, block, rng):
    ...         position[block] = self.rho * position[1 - block] + math.sqrt(1 - self.rho**2) * normal(rng)
    >>> d = si.sample(Pair(0.5), draws=2000, warmup=10, chains=2, kernel=si.mcmc.Gibbs(), rng=0)
    >>> bool(abs(np.corrcoef(d["position"].reshape(-1, 2).T)[0, 1] - 0.5) < 0.05)
    True
    """

    n_blocks: int = 0

    def prepare(self, target: Any) -> Gibbs:
        """Take the number of blocks from the target."""
        n = self.n_blocks or int(getattr(target, "n_blocks", 0))
        if n < 1 and hasattr(target, "redraw"):
            raise StochinfError(f"Gibbs: {n} blocks; give n_blocks, or a {type(target).__name__} that has them")
        return Gibbs(n)

    def pick(self, target: Any) -> Scan:
        """Draw all blocks at every step."""
        return Scan(1)

    def init(self, target: Any, position: Floats | None, streams: Any) -> GibbsState:
        """Return the state at a starting point."""
        start = target.start(streams.generator()) if position is None else position
        start = np.array(start, dtype=np.float64).reshape(-1)
        dim = int(getattr(target, "dim", start.size))
        if start.size != dim:
            raise StochinfError(f"Gibbs: a starting position of {start.size} numbers given, {dim} needed: one row per chain")
        return GibbsState(start, np.zeros(1), np.zeros(1, np.int64))

    def update(self, target: Any, state: GibbsState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Draw every block."""
        for block in range(self.n_blocks):
            target.redraw(state.position, block, rng)
        state.stats[0] = self.n_blocks
        total = 0.0
        for i in range(state.position.size):
            total += state.position[i]
        if not math.isfinite(total):
            state.nonfinite[0] += 1
