"""Random numbers for compiled code: SFC64 for one chain, xoroshiro64* for SIMD lanes.

A stream is an array `rng` of four `uint64` (SFC64: three words and a counter, exactly numpy's), or for lanes two arrays of
`uint32`. Streams are made in Python by `streams` and `lane_streams` from a `numpy.random.SeedSequence`, by role and block,
so that no result depends on how chains are dealt to threads.

References
----------
Doty-Humphrey, C. (2010). PractRand: SFC64.
Blackman, D. and Vigna, S. (2021). Scrambled linear pseudorandom number generators, ACM TOMS 47(4): xoroshiro64*.
Lemire, D. (2019). Fast random integer generation in an interval, ACM TOMACS 29(1).
Wichura, M. J. (1988). Algorithm AS 241: the percentage points of the normal distribution. Applied Statistics 37(3).
Walker, A. J. (1977); Vose, M. D. (1991). The alias method.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.normal import (
    CENTRE_DENOMINATOR,
    CENTRE_NUMERATOR,
    FAR_DENOMINATOR,
    FAR_NUMERATOR,
    TAIL_DENOMINATOR,
    TAIL_NUMERATOR,
)

__all__ = [
    "alias_table", "below", "categorical", "exponential", "from_alias", "lane_streams", "lane_uniform", "next_word", "normal",
    "normal_quantile", "permute", "random", "stream", "uniform",
]  # fmt: skip

Stream = npt.NDArray[np.uint64]


def stream(seed: np.random.SeedSequence) -> Stream:
    """Return a fresh SFC64 stream, bit for bit that of `numpy.random.SFC64(seed)`.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.engine.random import random, stream
    >>> rng = stream(np.random.SeedSequence(1))
    >>> random(rng) == np.random.Generator(np.random.SFC64(np.random.SeedSequence(1))).random()
    True
    """
    state = np.random.SFC64(seed).state
    return np.array(state["state"]["state"], dtype=np.uint64)


def lane_streams(seed: np.random.SeedSequence, lanes: int) -> npt.NDArray[np.uint32]:
    """Return xoroshiro64* states for `lanes` lanes, shape (2, lanes); no lane is all zero."""
    words = seed.generate_state(2 * lanes, np.uint32).reshape(2, lanes)
    words[0] |= np.uint32(words[1] == 0)
    return np.ascontiguousarray(words)


@helper()
def next_word(rng: Stream) -> np.uint64:
    """Return the next 64-bit word of an SFC64 stream."""
    word = np.uint64(np.uint64(rng[0] + rng[1]) + rng[3])
    rng[3] = np.uint64(rng[3] + np.uint64(1))
    rng[0] = rng[1] ^ (rng[1] >> np.uint64(11))
    rng[1] = np.uint64(rng[2] + np.uint64(rng[2] << np.uint64(3)))
    rng[2] = np.uint64(((rng[2] << np.uint64(24)) | (rng[2] >> np.uint64(40))) + word)
    return word


@helper()
def random(rng: Stream) -> float:
    """Return a uniform number in [0, 1), the one `numpy.random.Generator.random` would."""
    return np.float64(next_word(rng) >> np.uint64(11)) * 1.1102230246251565e-16


@helper()
def uniform(rng: Stream) -> float:
    """Return a uniform number in (0, 1): the midpoints of 2^52 cells."""
    return (np.float64(next_word(rng) >> np.uint64(12)) + 0.5) * 2.220446049250313e-16


@helper()
def exponential(rng: Stream) -> float:
    """Return an exponential number of mean 1, -log U."""
    return -math.log(uniform(rng))


@helper()
def below(rng: Stream, n: int) -> int:
    """Return an integer uniform on 0..n-1 for 1 <= n < 2^32, without bias (Lemire 2019, algorithm 5)."""
    width = np.uint64(n)
    product = np.uint64(np.uint64(next_word(rng) >> np.uint64(32)) * width)
    low = product & np.uint64(0xFFFFFFFF)
    if low < width:
        threshold = np.uint64(np.uint64(0x100000000) - width) % width
        while low < threshold:
            product = np.uint64(np.uint64(next_word(rng) >> np.uint64(32)) * width)
            low = product & np.uint64(0xFFFFFFFF)
    return int(np.int64(product >> np.uint64(32)))


@helper()
def polynomial(coefficients: tuple[float, ...], x: float) -> float:
    """Return a polynomial by Horner's rule, highest power first."""
    value = coefficients[0]
    for c in coefficients[1:]:
        value = value * x + c
    return value


@helper()
def normal_quantile(p: float) -> float:
    """Return the standard normal quantile of p in (0, 1) to 1e-16 (Wichura 1988, PPND16)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * polynomial(CENTRE_NUMERATOR, r) / polynomial(CENTRE_DENOMINATOR, r)
    r = math.sqrt(-math.log(p if q < 0.0 else 1.0 - p))
    if r <= 5.0:
        z = polynomial(TAIL_NUMERATOR, r - 1.6) / polynomial(TAIL_DENOMINATOR, r - 1.6)
    else:
        z = polynomial(FAR_NUMERATOR, r - 5.0) / polynomial(FAR_DENOMINATOR, r - 5.0)
    return -z if q < 0.0 else z


@helper()
def normal(rng: Stream) -> float:
    """Return a standard normal number by inversion: one word of the stream each."""
    return normal_quantile(uniform(rng))


@helper()
def categorical(rng: Stream, weights: npt.NDArray[np.float64]) -> int:
    """Return index i with probability weights[i] / sum(weights), by inversion; a zero weight is never chosen."""
    total = 0.0
    for i in range(weights.size):
        total += weights[i]
    level = uniform(rng) * total
    chosen = 0
    reached = 0.0
    for i in range(weights.size):
        if weights[i] > 0.0:
            chosen = i
            reached += weights[i]
            if level < reached:
                break
    return chosen


@helper()
def from_alias(rng: Stream, threshold: npt.NDArray[np.float64], alias: npt.NDArray[np.int64]) -> int:
    """Return an index in constant time from the tables of `alias_table`."""
    column = below(rng, threshold.size)
    return column if random(rng) < threshold[column] else alias[column]


@helper()
def permute(rng: Stream, order: npt.NDArray[np.int64]) -> None:
    """Shuffle `order` in place, every permutation equally likely (Fisher and Yates)."""
    for i in range(order.size - 1, 0, -1):
        j = below(rng, i + 1)
        kept = order[i]
        order[i] = order[j]
        order[j] = kept


@helper()
def lane_uniform(words: npt.NDArray[np.uint32], lane: int) -> np.float32:
    """Return a float32 uniform in (0, 1) from one lane: the midpoints of 2^23 cells, so that no lane draws 0 or 1."""
    a = words[0, lane]
    b = np.uint32(words[1, lane] ^ a)
    word = np.uint32(a * np.uint32(0x9E3779BB))
    words[0, lane] = np.uint32(np.uint32(a << np.uint32(26)) | np.uint32(a >> np.uint32(6))) ^ b ^ np.uint32(b << np.uint32(9))
    words[1, lane] = np.uint32(np.uint32(b << np.uint32(13)) | np.uint32(b >> np.uint32(19)))
    return (np.float32(np.int32(word >> np.uint32(9))) + np.float32(0.5)) * np.float32(1.1920929e-07)


def alias_table(weights: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the alias tables of non-negative weights: draws then cost the same for any number of weights.

    Raises
    ------
    StochinfError
        If the weights are not one-dimensional, finite and non-negative with a positive sum.

    Examples
    --------
    >>> from stochinf.engine.random import alias_table
    >>> alias_table([1.0, 0.0, 3.0])
    (array([0.75, 0.  , 1.  ]), array([2, 2, 2]))
    """
    values = np.asarray(weights, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all() or (values < 0).any() or not values.max() > 0:
        raise StochinfError(f"weights {values!r}: a list of finite non-negative numbers with a positive sum is needed")
    threshold = values / values.max()
    threshold *= values.size / threshold.sum()
    alias = np.arange(values.size, dtype=np.int64)
    small = [i for i, t in enumerate(threshold) if t < 1.0]
    large = [i for i, t in enumerate(threshold) if t >= 1.0]
    while small and large:
        i, j = small.pop(), large[-1]
        alias[i] = j
        threshold[j] -= 1.0 - threshold[i]
        if threshold[j] < 1.0:
            small.append(large.pop())
    for i in (*small, *large):
        impossible = values[i] == 0.0
        threshold[i] = 0.0 if impossible else 1.0
        alias[i] = int(values.argmax()) if impossible else i
    return threshold, alias
