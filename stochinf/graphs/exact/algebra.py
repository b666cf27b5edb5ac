r"""The arithmetic of messages: sums of products in the linear or the logarithmic domain, or maxima of sums.

Each algebra is a part with a neutral element, the product of a table's cells with an operand's, and `close`, which sends the
message of a clique to its parent. The two for sums leave the conditional distribution of the residual variables given the
separator in the table,

.. math:: P(r \mid s) = T(s, r) / m(s),

so that all that comes after (beliefs, draws) is the same, in the linear domain, and divides by nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part

__all__ = ["TINY", "Linear", "Logarithmic", "Maximal", "exponential"]

Floats = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]

TINY = 1e-290
"""Positive numbers below this are taken to be lost."""

LOWEST = -1e300
"""Stands for the logarithm of zero where it is subtracted."""

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
ROUND = 6755399441055744.0


@helper()
def exponential(x: float) -> float:
    """Return e^x for x <= 0 to 3e-16 relative, and 0 below -700: no calls and no branches, so that loops vectorise.

    x = n ln 2 + z with n whole; 2^n goes into the exponent bits, e^z is its Taylor polynomial of degree 13. Adding 3 * 2^51
    rounds to a whole number, which is why no sum here may be reordered.
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
    return float(p * power) if x > -700.0 else 0.0


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
        return 1 if (product < TINY) & (a > 0.0) & (b > 0.0) else 0

    def least(self, message: Floats) -> float:
        """Return the logarithm of the smallest positive entry."""
        low = 1.0
        for i in range(message.size):
            low = message[i] if 0.0 < message[i] < low else low
        return math.log(low)

    def close(self, table: Floats, message: Floats, total: Floats, choice: Int32s) -> float:
        """Add rows into the message, its largest entry 1; return the logarithm of what it was divided by."""
        for start in range(0, message.size, total.size):
            n = min(total.size, message.size - start)
            strip = total[:n]
            for i in range(n):
                strip[i] = 0.0
            for row in range(start, table.size, message.size):
                add(table[row : row + n], strip)
            copy(strip, message[start : start + n])
            if self.conditionals:
                condition(table[start:], strip, message.size)
        top = largest(message)
        if not top > 0.0:
            return -math.inf
        scale = 1.0 / top
        for s in range(message.size):
            message[s] *= scale
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
        return 0

    def least(self, message: Floats) -> float:
        """Return 0: nothing needs watching."""
        return 0.0

    def close(self, table: Floats, message: Floats, total: Floats, choice: Int32s) -> float:
        """Add rows into the message, its largest entry 0; return what was subtracted."""
        for start in range(0, message.size, total.size):
            n = min(total.size, message.size - start)
            strip, out = total[:n], message[start : start + n]
            copy(table[start : start + n], out)
            for row in range(start + message.size, table.size, message.size):
                raise_to(table[row : row + n], out)
            for i in range(n):
                strip[i] = 0.0
            for row in range(start, table.size, message.size):
                exponentiate(table[row : row + n], out, strip)
            for i in range(n):
                out[i] += math.log(strip[i]) if strip[i] > 0.0 else 0.0
            if self.conditionals:
                condition(table[start:], strip, message.size)
        return lowered(message)


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
        return 0

    def least(self, message: Floats) -> float:
        """Return 0: nothing needs watching."""
        return 0.0

    def close(self, table: Floats, message: Floats, total: Floats, choice: Int32s) -> float:
        """Write the maxima over the rows into the message, the largest of them 0; return what was subtracted."""
        copy(table[: message.size], message)
        for s in range(choice.size):
            choice[s] = np.int32(0)
        for r in range(1, table.size // message.size):
            row = table[r * message.size : (r + 1) * message.size]
            for s in range(message.size):
                better = row[s] > message[s]
                choice[s] = np.int32(r) if better else choice[s]
                message[s] = row[s] if better else message[s]
        return lowered(message)


@helper()
def copy(source: Floats, out: Floats) -> None:
    """Copy an array."""
    for i in range(source.size):
        out[i] = source[i]


@helper()
def add(source: Floats, out: Floats) -> None:
    """Add an array to another."""
    for i in range(source.size):
        out[i] += source[i]


@helper(reorder=True)
def raise_to(source: Floats, out: Floats) -> None:
    """Raise the entries of an array to those of another where these are larger."""
    for i in range(source.size):
        out[i] = max(out[i], source[i])


@helper(reorder=True)
def largest(values: Floats) -> float:
    """Return the largest of an array."""
    top = -math.inf
    for i in range(values.size):
        top = max(top, values[i])
    return top


@helper()
def lowered(values: Floats) -> float:
    """Subtract the largest of an array of logarithms from all, and return it."""
    top = float(largest(values))
    if top > -math.inf:
        for i in range(values.size):
            values[i] -= top
    return top


@helper()
def condition(table: Floats, total: Floats, separator: int) -> None:
    """Divide the first columns of a table by their totals, where these are not zero."""
    n = total.size
    for i in range(n):
        total[i] = 1.0 / total[i] if total[i] > 0.0 else 0.0
    for first in range(0, table.size, separator):
        row = table[first : first + n]
        for i in range(n):
            row[i] *= total[i]


@helper(reorder=True)
def exponentiate(row: Floats, highest: Floats, total: Floats) -> None:
    """Replace logarithms by weights relative to the highest of their columns, and add them to the totals."""
    for i in range(row.size):
        row[i] = exponential(row[i] - max(highest[i], LOWEST))
        total[i] += row[i]
