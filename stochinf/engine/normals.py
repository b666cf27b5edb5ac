"""Many normal numbers at once: those that `stochinf.engine.random.normal` would draw one after the other, in half the time.

The state of the stream stays in registers, and the rational function of the centre, where six of seven uniforms lie, is evaluated
for all by vector instructions; the tails are then done one by one. Sums and products are the same, so the bits are too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.normal import CENTRE_DENOMINATOR, CENTRE_NUMERATOR
from stochinf.engine.random import normal_quantile, polynomial

__all__ = ["write_normals", "write_uniforms"]

MARK = 2.0**60
"""Uniforms in the tails are multiplied by it, exactly, until their turn comes: larger than any number of the centre."""


@helper()
def write_uniforms(rng: npt.NDArray[np.uint64], out: npt.NDArray[np.float64]) -> None:
    """Fill an array with the numbers that `stochinf.engine.random.uniform` would draw."""
    a, b, c, counter = rng[0], rng[1], rng[2], rng[3]
    for j in range(out.size):
        word = np.uint64(np.uint64(a + b) + counter)
        counter = np.uint64(counter + np.uint64(1))
        a = b ^ (b >> np.uint64(11))
        b = np.uint64(c + np.uint64(c << np.uint64(3)))
        c = np.uint64(((c << np.uint64(24)) | (c >> np.uint64(40))) + word)
        out[j] = (np.float64(word >> np.uint64(12)) + 0.5) * 2.220446049250313e-16
    rng[0] = a
    rng[1] = b
    rng[2] = c
    rng[3] = counter


@helper()
def write_normals(rng: npt.NDArray[np.uint64], out: npt.NDArray[np.float64]) -> None:
    """Fill an array with standard normal numbers by inversion, one word of the stream each.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.engine.normals import write_normals
    >>> from stochinf.engine.random import normal, stream
    >>> out, rng = np.empty(3), stream(np.random.SeedSequence(0))
    >>> write_normals(rng, out)
    >>> rng = stream(np.random.SeedSequence(0))
    >>> [normal(rng) for _ in range(3)] == out.tolist()
    True
    """
    write_uniforms(rng, out)
    for j in range(out.size):
        p = out[j]
        q = p - 0.5
        r = 0.180625 - q * q
        centre = q * polynomial(CENTRE_NUMERATOR, r) / polynomial(CENTRE_DENOMINATOR, r)
        out[j] = centre if abs(q) <= 0.425 else p * MARK
    for j in range(out.size):
        if out[j] > 64.0:
            out[j] = normal_quantile(out[j] / MARK)
