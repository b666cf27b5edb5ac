r"""The arithmetic of messages: sums of products in the linear or the logarithmic domain, or maxima of sums.

Each algebra is a part with a neutral element, the product of a table's cells with an operand's, and `close`, which sends the
message of a clique to its parent. The two for sums leave the conditional distribution of the residual variables given the
separator in the table,

.. math:: P(r \mid s) = T(s, r) / m(s),

so that all that comes after (beliefs, draws) is the same, in the linear domain, and divides by nothing.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part

__all__ = ["TINY", "Linear", "Logarithmic", "Maximal", "exponential"]

Floats = npt.NDArray[np.float64]

TINY = 1e-290
"""Positive numbers below this are taken to be lost."""

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
ROUND = 6755399441055744.0


@helper(reorder=True)
def exponential(x: float) -> float:
    """Return e^x for x <= 0 to 3e-16 relative, and 0 below -700: no calls and no branches, so that loops vectorise.

    x = n ln 2 + z with n whole; 2^n goes into the exponent bits, e^z is its Taylor polynomial of degree 13.
    """
    bounded = max(x, -700.0)
    shifted = bounded * LOG2_E + ROUND
    bits = np.int64(np.float64(shifted).view(np.int64))
    whole = shifted - ROUND
    z = (bounded - whole * LN2_HIGH) - whole * LN2_LOW
    p = 1.6059043836821613e-10
    p = p * z + 2.08767569878681e-09
    p = p * z + 2.505210838544172e-08
    p = p * z + 2.755731922398589e-07
    p = p * z + 2.7557319223985893e-06
    p = p * z + 2.48015873015873e-05
    p = p * z + 0.0001984126984126984
    p = p * z + 0.001388888888888889
    p = p * z + 0.008333333333333333
    p = p * z + 0.041666666666666664
    p = p * z + 0.16666666666666666
    p = p * z + 0.5
    p = p * z + 1.0
    p = p * z + 1.0
    power = np.int64((bits + np.int64(1023)) << np.int64(52)).view(np.float64)
    return p * power if x > -700.0 else 0.0


@part(reorder=True)
class Linear(NamedTuple):
    """Sums of products of weights; underflow is counted."""

    conditionals: bool = True

    def unit(self) -> float:
        """Return what changes nothing."""
        return 1.0

    def joined(self, a: float, b: float) -> float:
        """Return the product."""
        return a * b

    def lost(self, a: float, b: float, product: float) -> int:
        """Return 1 where a product of positive numbers is too small to keep."""
        return np.int64((product < TINY) & (min(a, b) > 0.0))

    def close(self, state: Any, table: int, message: int, separator: int, block: int) -> float:
        """Sum blocks into the message, its largest entry 1; return the logarithm of what it was divided by."""
        tables, pool = state.tables, state.pool
        top = 0.0
        for s in range(separator):
            first = table + s * block
            total = 0.0
            for r in range(first, first + block):
                total += tables[r]
            pool[message + s] = total
            top = max(top, total)
            if self.conditionals and total > 0.0:
                scale = 1.0 / total
                for r in range(first, first + block):
                    tables[r] *= scale
        if not top > 0.0:
            return -math.inf
        for s in range(separator):
            pool[message + s] /= top
        return math.log(top)


@part
class Logarithmic(NamedTuple):
    """Sums of products by their logarithms: nothing over- or underflows; slower."""

    conditionals: bool = True

    def unit(self) -> float:
        """Return what changes nothing."""
        return 0.0

    def joined(self, a: float, b: float) -> float:
        """Return the logarithm of the product."""
        return a + b

    def lost(self, a: float, b: float, product: float) -> int:
        """Return 0: no logarithm is too small."""
        return np.int64(0)

    def close(self, state: Any, table: int, message: int, separator: int, block: int) -> float:
        """Sum blocks into the message, its largest entry 0; return what was subtracted."""
        tables, pool = state.tables, state.pool
        top = -math.inf
        for s in range(separator):
            first = table + s * block
            highest = largest(tables, first, block)
            total = 0.0
            if highest > -math.inf:
                total = exponentiate(tables, first, block, highest)
            else:
                for r in range(first, first + block):
                    tables[r] = 0.0
            pool[message + s] = highest + math.log(total) if total > 0.0 else -math.inf
            top = max(top, pool[message + s])
            if self.conditionals and total > 0.0:
                scale = 1.0 / total
                for r in range(first, first + block):
                    tables[r] *= scale
        if top == -math.inf:
            return top
        for s in range(separator):
            pool[message + s] -= top
        return top


@part
class Maximal(NamedTuple):
    """Maxima of sums of logarithms; `state.choice` keeps where in each block the maximum is."""

    conditionals: bool = False

    def unit(self) -> float:
        """Return what changes nothing."""
        return 0.0

    def joined(self, a: float, b: float) -> float:
        """Return the sum."""
        return a + b

    def lost(self, a: float, b: float, product: float) -> int:
        """Return 0: no logarithm is too small."""
        return np.int64(0)

    def close(self, state: Any, table: int, message: int, separator: int, block: int) -> float:
        """Write the maximum of each block into the message, the largest of them 0; return what was subtracted."""
        tables, pool = state.tables, state.pool
        top = -math.inf
        at = message - state.choice_from[0]
        for s in range(separator):
            first = table + s * block
            highest = largest(tables, first, block)
            r = 0
            while tables[first + r] != highest:
                r += 1
            pool[message + s] = highest
            state.choice[at + s] = r
            top = max(top, highest)
        if top == -math.inf:
            return top
        for s in range(separator):
            pool[message + s] -= top
        return top


@helper(reorder=True)
def largest(values: Floats, first: int, n: int) -> float:
    """Return the largest of n numbers."""
    top = values[first]
    for r in range(first + 1, first + n):
        top = max(top, values[r])
    return top


@helper(reorder=True)
def exponentiate(values: Floats, first: int, n: int, highest: float) -> float:
    """Replace logarithms by weights relative to the highest; return their sum."""
    total = 0.0
    for r in range(first, first + n):
        values[r] = exponential(values[r] - highest)
    for r in range(first, first + n):
        total += values[r]
    return total
