"""Random picks from rows of weights in constant time each, and Poisson numbers: what minibatches are made of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry, helper
from stochinf.engine.random import lane_uniform, next_word, uniform

__all__ = ["CERTAIN", "alias_rows", "lane_poisson", "lane_word", "pick", "poisson"]

CERTAIN = np.int32(2**31 - 1)
"""Threshold of a cell that keeps its own number, and hands over to itself otherwise."""

LOW = np.uint64(0x7FFFFFFF)
HALF = np.uint64(32)
PIECE = 64.0
"""Largest mean of one Poisson number: larger ones are sums of several."""


def alias_rows(start: npt.NDArray[Any], weights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return, for every row of weights, the cells of Walker's alias method: thresholds (of 2^31) and the other choice.

    Parameters
    ----------
    start : int (rows + 1,)
        Row i has the weights ``weights[start[i]:start[i + 1]]``.
    weights : float64
        Not negative.

    Returns
    -------
    tuple of int32 arrays, as long as weights
        A uniform place of a row keeps itself with probability threshold / 2^31, else hands over to the place in the second
        array, counted from the beginning of the row.

    References
    ----------
    Walker, A. J. (1977). An efficient method for generating discrete random variables. ACM TOMS 3(3). Vose, M. D. (1991).

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.minibatch.picking import alias_rows
    >>> threshold, other = alias_rows(np.array([0, 2]), np.array([1.0, 3.0]))
    >>> (threshold / 2**31).round(3).tolist(), other.tolist()
    ([0.5, 1.0], [1, 1])
    """
    threshold, other = np.full(weights.size, CERTAIN, np.int32), np.zeros(weights.size, np.int32)
    longest = int(np.diff(start).max(initial=0))
    fill_rows(start.astype(np.int64), weights, threshold, other, np.empty(longest), np.empty(longest, np.int64))
    return threshold, other


@entry
def fill_rows(start: Any, weights: Any, threshold: Any, other: Any, share: Any, queue: Any) -> None:
    """Fill the cells; the queue holds the small shares from its front and the large ones from its end."""
    for i in range(start.size - 1):
        first, size = start[i], start[i + 1] - start[i]
        total = 0.0
        for k in range(size):
            total += weights[first + k]
        small, large = 0, size
        for k in range(size):
            share[k] = weights[first + k] * size / total if total > 0.0 else 1.0
            other[first + k] = k
            if share[k] < 1.0:
                queue[small] = k
                small += 1
            else:
                large -= 1
                queue[large] = k
        while small > 0 and large < size:
            small -= 1
            k, j = queue[small], queue[large]
            threshold[first + k] = np.int32(min(share[k] * 2147483648.0, 2147483647.0))
            other[first + k] = j
            share[j] -= 1.0 - share[k]
            if share[j] < 1.0:
                large += 1
                queue[small] = j
                small += 1


@helper()
def pick(rng: Any, threshold: Any, other: Any, first: int, size: int) -> Any:
    """Return a place of a row, counted from the beginning of all rows; one word of the stream.

    The upper half of the word chooses the cell, to size / 2^32 relatively, 31 bits of the lower half decide about it.
    """
    word = next_word(rng)
    k = np.int64(((word >> HALF) * np.uint64(size)) >> HALF)
    kept = np.int32(word & LOW) < threshold[first + k]
    return first + (k if kept else np.int64(other[first + k]))


@helper()
def poisson(rng: Any, mean: float) -> int:
    """Return a Poisson number by inversion, a sum of several where the mean is above 64.

    References
    ----------
    Devroye, L. (1986). Non-uniform random variate generation, section X.3.3.
    """
    pieces = math.ceil(mean / PIECE)
    part = mean / max(pieces, 1)
    least = math.exp(-part)
    number = 0
    for _ in range(pieces):
        level = uniform(rng)
        p = least
        n = 0
        while level > p and n < 1000:
            level -= p
            n += 1
            p *= part / n
        number += n
    return number


@helper(reorder=True)
def lane_word(words: Any, lane: int) -> Any:
    """Return the next 32 bits of one lane, of which `stochinf.engine.random.lane_uniform` makes a number."""
    a = words[0, lane]
    b = np.uint32(words[1, lane] ^ a)
    words[0, lane] = np.uint32(np.uint32(a << np.uint32(26)) | np.uint32(a >> np.uint32(6))) ^ b ^ np.uint32(b << np.uint32(9))
    words[1, lane] = np.uint32(np.uint32(b << np.uint32(13)) | np.uint32(b >> np.uint32(19)))
    return np.uint32(a * np.uint32(0x9E3779BB))


@helper(reorder=True)
def lane_poisson(words: Any, mean: float, chances: Any, level: Any, out: Any) -> None:
    """Write a Poisson number of mean 8 at most for every lane: how many of the distribution function's values u exceeds.

    `chances` holds that function, whose 32 values miss 1e-10 of the tail; `level` is work space.
    """
    p = math.exp(-mean)
    total = p
    for n in range(chances.size):
        chances[n] = np.float32(total)
        p *= mean / (n + 1)
        total += p
    for l in range(out.size):
        level[l] = lane_uniform(words, l)
        out[l] = np.int32(0)
    for n in range(chances.size):
        for l in range(out.size):
            out[l] += np.int32(1) if level[l] > chances[n] else np.int32(0)
