r"""The ladder of inverse temperatures: how hard it is to get from 0 to 1, and where the rungs belong.

With :math:`r_k` the mean probability that a swap between rungs k and k + 1 is refused, the communication barrier up to rung k is

.. math:: \Lambda(\beta_k) \approx \sum_{j < k} r_j;

round trips are fastest where the barrier is cut into equal parts, and about :math:`2 \Lambda` rungs make the best use of lanes.

References
----------
Syed, S., Bouchard-Côté, A., Deligiannidis, G. and Doucet, A. (2022). Non-reversible parallel tempering: a scalable highly
parallel MCMC scheme. JRSS B 84(2), section 5, equations 27-30 and algorithm 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["equalised", "first_ladder", "ratios", "refusals", "scores_by_rung"]

Floats = npt.NDArray[np.float64]

SMALLEST = 1e-3
"""What a refusal rate counts for at least, so that no two rungs meet."""

BISECTIONS = 80

MOST_REFUSED = 0.85
"""Refusal rate at which swaps count as hopeless: the ladder then begins above 0."""


def first_ladder(rungs: int, scale: float) -> Floats:
    """Return a ladder from 0 to 1 before anything is known: linear up to 1 / scale, geometric above.

    Parameters
    ----------
    rungs : int
    scale : float
        Standard deviation of the log weight at beta = 0.

    References
    ----------
    Bennett, C. H. (1976). J. Comput. Phys. 22, equations 12a and 12b.

    Examples
    --------
    >>> from stochinf.graphs.tempering.ladder import first_ladder
    >>> first_ladder(4, 30.0).round(3)
    array([0.   , 0.061, 0.254, 1.   ])
    """
    ladder = np.sinh(np.linspace(0.0, np.arcsinh(scale), rungs)) / scale
    ladder[-1] = 1.0
    return _distinct(ladder)


def _distinct(ladder: Floats) -> Floats:
    """Return a ladder whose rungs differ in single precision."""
    rounded = ladder.astype(np.float32).astype(np.float64)
    for k in range(1, rounded.size - 1):
        if rounded[k] <= rounded[k - 1]:
            rounded[k] = np.nextafter(np.float32(rounded[k - 1]), np.float32(2.0))
    return rounded if rounded[-2] < 1.0 else ladder


def refusals(blocks: list[Any]) -> Floats:
    """Return the mean refusal rate of each pair of rungs over all ladders."""
    tried = np.sum([block.state.tried for block in blocks], axis=0)
    refused = np.sum([block.state.rejected for block in blocks], axis=0)
    return np.asarray(refused / np.maximum(tried, 1))


def equalised(ladder: Floats, refused: Floats, rungs: int, scale: float, longest: float = np.inf) -> Floats:
    """Return a ladder of equal refusal rates.

    Parameters
    ----------
    ladder : float64 (K,)
    refused : float64 (K - 1,)
        Refusal rates measured on it.
    rungs : int
        Length of the new ladder.
    scale : float
        As in `first_ladder`: between rungs, the barrier is taken to grow evenly in arcsinh(scale beta).
    longest : float
        The largest barrier the new ladder can cover; beyond it, the ladder begins above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.tempering.ladder import equalised
    >>> equalised(np.array([0, 0.5, 1]), np.array([0.6, 0.2]), 3, 1e-6).round(3)
    array([0.   , 0.333, 1.   ])
    """
    barrier = np.concatenate([[0.0], np.cumsum(np.maximum(refused, SMALLEST))])
    lowest = max(0.0, barrier[-1] - longest)
    even = np.interp(np.linspace(lowest, barrier[-1], rungs), barrier, np.arcsinh(scale * ladder))
    moved = np.sinh(even) / scale
    moved[-1] = 1.0
    if lowest == 0.0:
        moved[0] = ladder[0]
    return _distinct(moved)


def scores_by_rung(blocks: list[Any]) -> Floats:
    """Return the log weights (ladders, K) of where the lanes stand now."""
    return np.concatenate([np.take_along_axis(b.state.score[None, :], b.state.lane_at, axis=1) for b in blocks])


def ratios(ladder: Floats, scores: Floats) -> Floats:
    r"""Return log Z_{k+1} - log Z_k from samples of log weights by Bennett's acceptance ratio.

    The c at which both sides of the identity in `stochinf.graphs.tempering.kernel` have equal means, by bisection.

    Parameters
    ----------
    ladder : float64 (K,)
    scores : float64 (n, K)

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.tempering.ladder import ratios
    >>> ratios(np.array([0.0, 1.0]), np.full((5, 2), 3.0)).round(6)
    array([3.])
    """
    steps = np.diff(ladder)
    hot, cold = steps * scores[:, :-1], steps * scores[:, 1:]
    low, high = np.minimum(hot, cold).min(axis=0), np.maximum(hot, cold).max(axis=0)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        above = _fermi(hot - middle).sum(axis=0) > _fermi(middle - cold).sum(axis=0)
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray(0.5 * (low + high))


def _fermi(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))
