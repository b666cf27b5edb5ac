r"""Elementary functions written out, without a branch and without a call, so that loops over them become vector code.

A call of the C library's `exp` takes 5 ns and stays one call; here a number takes 2 ns in a loop. `exp`, `expm1`: reduction by
ln 2 in two parts and a polynomial of degree 13; `log`: Sun Microsystems, msun library, e_log.c (1993). Errors are at most two
units in the last place; NaN, infinities and subnormal numbers are kept. Outside loops (`Writer.wide` is False) the C library
is called.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

from stochinf.density.emit.words import DOUBLE, INT, WORD, Writer, shared

__all__ = ["exp", "expm1", "log", "log1p", "logaddexp", "sigmoid", "softplus", "tanh"]

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LOG = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
"""e_log.c's Lg1, ..., Lg7."""
LEAST, SHIFT = 2.0**-1022, 54
LOWEST, HIGHEST = -746.0, 710.0


def polynomial(w: Writer, x: Any, coefficients: list[float]) -> Any:
    """Return c0 + c1 x + c2 x^2 + ... by Horner's rule."""
    total = w.number(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = w.add(w.multiply(total, x), w.number(coefficient))
    return total


def power_of_two(w: Writer, k: Any) -> Any:
    """Return 2^k for a 32-bit integer k in -1022, ..., 1023."""
    bits = w.builder.shl(w.builder.sext(w.builder.add(k, ir.Constant(INT, 1023)), WORD), w.word(52))
    return w.builder.bitcast(bits, DOUBLE)


def reduced(w: Writer, x: Any) -> tuple[Any, Any]:
    """Return integer k and r with x = k ln 2 + r, |r| <= ln 2 / 2; x is clamped, NaN becomes a number."""
    x = w.select(w.compare("<", x, w.number(HIGHEST)), x, w.number(HIGHEST))
    x = w.select(w.compare(">", x, w.number(LOWEST)), x, w.number(LOWEST))
    turns = w.intrinsic("rint", w.multiply(x, w.number(1.0 / math.log(2.0))))
    r = w.subtract(w.subtract(x, w.multiply(turns, w.number(LN2_HIGH))), w.multiply(turns, w.number(LN2_LOW)))
    return w.builder.fptosi(turns, INT), r


def tail(w: Writer, r: Any) -> Any:
    """Return (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2."""
    return polynomial(w, r, [1.0 / math.factorial(n) for n in range(2, 14)])


def exp(w: Writer, x: Any) -> Any:
    """Return exp(x)."""
    return shared(w, "exp", _exp, x, inline=True) if w.wide else w.intrinsic("exp", x)


def _exp(w: Writer, x: Any) -> Any:
    with w.strict("contract"):
        k, r = reduced(w, x)
        value = w.add(w.number(1.0), w.add(r, w.multiply(w.multiply(r, r), tail(w, r))))
        half = w.builder.ashr(k, ir.Constant(INT, 1))
        value = w.multiply(w.multiply(value, power_of_two(w, half)), power_of_two(w, w.builder.sub(k, half)))
        return w.select(w.compare("!=", x, x), x, value)


def expm1(w: Writer, x: Any) -> Any:
    """Return exp(x) - 1."""
    return shared(w, "expm1", _expm1, x, inline=True) if w.wide else w.call("expm1", x)


def _expm1(w: Writer, x: Any) -> Any:
    with w.strict("contract"):
        k, r = reduced(w, x)
        small = w.add(r, w.multiply(w.multiply(r, r), tail(w, r)))
        k = w.builder.select(w.builder.icmp_signed("<", k, ir.Constant(INT, 1000)), k, ir.Constant(INT, 1000))
        k = w.builder.select(w.builder.icmp_signed(">", k, ir.Constant(INT, -1000)), k, ir.Constant(INT, -1000))
        scale = power_of_two(w, k)
        value = w.add(w.multiply(scale, small), w.subtract(scale, w.number(1.0)))
        value = w.select(w.compare(">", x, w.number(600.0)), exp(w, x), value)
        return w.select(w.compare("!=", x, x), x, value)


def log(w: Writer, x: Any) -> Any:
    """Return log(x), -infinity at 0, NaN below."""
    return shared(w, "log", _log, x, inline=True) if w.wide else w.intrinsic("log", x)


def _log(w: Writer, x: Any) -> Any:
    with w.strict("contract"):
        subnormal = w.compare("<", x, w.number(LEAST))
        scaled = w.select(subnormal, w.multiply(x, w.number(2.0**SHIFT)), x)
        bits = w.builder.bitcast(scaled, WORD)
        high = w.builder.add(bits, w.word(0x3FF0000000000000 - 0x3FE6A09E667F3BCD))
        k = w.builder.sub(w.builder.trunc(w.builder.ashr(high, w.word(52)), INT), ir.Constant(INT, 1023))
        rest = w.builder.and_(high, w.word(0x000FFFFFFFFFFFFF))
        m = w.builder.bitcast(w.builder.add(rest, w.word(0x3FE6A09E667F3BCD)), DOUBLE)
        k = w.builder.sub(k, w.builder.select(subnormal, ir.Constant(INT, SHIFT), ir.Constant(INT, 0)))
        value = _log_of_parts(w, w.builder.sitofp(k, DOUBLE), w.subtract(m, w.number(1.0)))
        value = w.select(w.compare("<", x, w.number(math.inf)), value, x)
        outside = w.select(w.compare("==", x, w.number(0.0)), w.number(-math.inf), w.number(math.nan))
        return w.select(w.compare(">", x, w.number(0.0)), value, outside)


def _log_of_parts(w: Writer, k: Any, f: Any) -> Any:
    """Return k ln 2 + log(1 + f) for f in about -0.3, ..., 0.42."""
    s = w.divide(f, w.add(w.number(2.0), f))
    z = w.multiply(s, s)
    remainder = w.multiply(z, polynomial(w, z, list(LOG)))
    square = w.multiply(w.number(0.5), w.multiply(f, f))
    low = w.add(w.multiply(s, w.add(square, remainder)), w.multiply(k, w.number(LN2_LOW)))
    return w.subtract(w.multiply(k, w.number(LN2_HIGH)), w.subtract(w.subtract(square, low), f))


def log1p(w: Writer, x: Any) -> Any:
    """Return log(1 + x): the logarithm of the rounded sum, corrected by what rounding lost."""
    return shared(w, "log1p", _log1p, x, inline=True) if w.wide else w.call("log1p", x)


def _log1p(w: Writer, x: Any) -> Any:
    with w.strict():
        u = w.add(w.number(1.0), x)
        small, large = w.subtract(x, w.subtract(u, w.number(1.0))), w.subtract(w.number(1.0), w.subtract(u, x))
        lost = w.select(w.compare("<", x, w.number(1.0)), small, large)
        corrected = w.add(log(w, u), w.divide(lost, u))
        usual = w.builder.and_(w.compare(">", u, w.number(0.0)), w.compare("<", u, w.number(math.inf)))
        return w.select(usual, corrected, log(w, u))


def sigmoid(w: Writer, x: Any) -> Any:
    """Return 1 / (1 + exp(-x)), of the exponential that cannot overflow."""
    e = exp(w, w.negative(w.intrinsic("fabs", x)))
    return w.divide(w.select(w.compare("<", x, w.number(0.0)), e, w.number(1.0)), w.add(w.number(1.0), e))


def softplus(w: Writer, x: Any) -> Any:
    """Return log(1 + exp(x)), of the exponential that cannot overflow."""
    e = exp(w, w.negative(w.intrinsic("fabs", x)))
    return w.add(w.select(w.compare("<", x, w.number(0.0)), w.number(0.0), x), log1p(w, e))


def logaddexp(w: Writer, x: Any, y: Any) -> Any:
    """Return log(exp(x) + exp(y)); equal infinities give themselves."""
    larger = w.select(w.compare(">", x, y), x, y)
    near = w.add(larger, log1p(w, exp(w, w.negative(w.intrinsic("fabs", w.subtract(x, y))))))
    same = w.builder.and_(w.compare("==", x, y), w.compare("==", w.intrinsic("fabs", x), w.number(math.inf)))
    return w.select(same, x, near)


def tanh(w: Writer, x: Any) -> Any:
    """Return tanh(x) = -t / (2 + t), t = expm1(-2|x|), with the sign of x."""
    return shared(w, "tanh", _tanh, x, inline=True) if w.wide else w.call("tanh", x)


def _tanh(w: Writer, x: Any) -> Any:
    t = expm1(w, w.multiply(w.number(-2.0), w.intrinsic("fabs", x)))
    value = w.divide(w.negative(t), w.add(w.number(2.0), t))
    return w.intrinsic("copysign", value, x)
