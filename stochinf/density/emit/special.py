"""Functions of the gamma family and of the normal distribution, each a function of the module, made where it is used.

`lgamma`, `erf` and `erfc` are the C library's. M. Abramowitz, I. Stegun, Handbook of mathematical functions (1964): recurrence
6.3.5 and 6.4.6, reflection 6.3.7 and 6.4.7, series 6.3.18 and 6.4.12, tail of the normal distribution 26.2.12.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from stochinf.density.emit.functions import polynomial
from stochinf.density.emit.words import Writer, shared

__all__ = ["digamma", "log_ndtr", "trigamma"]

STEPS = 10
"""The series are taken at x + 10, where eight terms leave an error below 1e-16."""
BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510]
TAIL = -35.0
"""Below it the normal probability comes near the smallest number."""


def either(w: Writer, bit: Any, first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    """Return one of two values, of which only one is computed."""
    place = w.slot(w.number(0.0))
    with w.builder.if_else(bit) as (then, otherwise):
        with then:
            w.builder.store(first(), place)
        with otherwise:
            w.builder.store(second(), place)
    return w.builder.load(place)


def digamma(w: Writer, x: Any) -> Any:
    """Return the derivative of lgamma."""
    return shared(w, "digamma", _digamma, x, flags=("contract",))


def _digamma(w: Writer, x: Any) -> Any:
    def reflected() -> Any:
        turned = w.multiply(w.number(math.pi), w.subtract(x, w.intrinsic("rint", x)))
        return w.subtract(_digamma_positive(w, w.subtract(w.number(1.0), x)), w.divide(w.number(math.pi), w.call("tan", turned)))

    return either(w, w.compare("<=", x, w.number(0.0)), reflected, lambda: _digamma_positive(w, x))


def _digamma_positive(w: Writer, x: Any) -> Any:
    total = w.number(0.0)
    for step in range(STEPS):
        total = w.add(total, w.divide(w.number(1.0), w.add(x, w.number(step))))
    y = w.add(x, w.number(STEPS))
    inverse = w.divide(w.number(1.0), y)
    square = w.multiply(inverse, inverse)
    series = polynomial(w, square, [b / (2 * k) for k, b in enumerate(BERNOULLI, 1)])
    smooth = w.subtract(w.subtract(w.intrinsic("log", y), w.multiply(w.number(0.5), inverse)), w.multiply(square, series))
    return w.subtract(smooth, total)


def trigamma(w: Writer, x: Any) -> Any:
    """Return the derivative of digamma."""
    return shared(w, "trigamma", _trigamma, x, flags=("contract",))


def _trigamma(w: Writer, x: Any) -> Any:
    def reflected() -> Any:
        sine = w.intrinsic("sin", w.multiply(w.number(math.pi), w.subtract(x, w.intrinsic("rint", x))))
        ratio = w.divide(w.number(math.pi), sine)
        return w.subtract(w.multiply(ratio, ratio), _trigamma_positive(w, w.subtract(w.number(1.0), x)))

    return either(w, w.compare("<=", x, w.number(0.0)), reflected, lambda: _trigamma_positive(w, x))


def _trigamma_positive(w: Writer, x: Any) -> Any:
    total = w.number(0.0)
    for step in range(STEPS):
        inverse = w.divide(w.number(1.0), w.add(x, w.number(step)))
        total = w.add(total, w.multiply(inverse, inverse))
    inverse = w.divide(w.number(1.0), w.add(x, w.number(STEPS)))
    square = w.multiply(inverse, inverse)
    series = w.multiply(w.multiply(inverse, square), polynomial(w, square, BERNOULLI))
    return w.add(total, w.add(w.add(inverse, w.multiply(w.number(0.5), square)), series))


def log_ndtr(w: Writer, x: Any) -> Any:
    """Return the logarithm of the standard normal probability of values below x."""
    return shared(w, "log_ndtr", _log_ndtr, x, flags=("contract",))


def _log_ndtr(w: Writer, x: Any) -> Any:
    def half(sign: float) -> Any:
        return w.multiply(w.number(0.5), w.call("erfc", w.multiply(x, w.number(sign / math.sqrt(2.0)))))

    def tail() -> Any:
        square = w.multiply(x, x)
        inverse = w.divide(w.number(1.0), square)
        series = w.call("log1p", w.multiply(inverse, polynomial(w, inverse, [-1.0, 3.0, -15.0, 105.0])))
        scale = w.add(w.intrinsic("log", w.negative(x)), w.number(0.5 * math.log(2.0 * math.pi)))
        return w.subtract(w.subtract(series, scale), w.multiply(w.number(0.5), square))

    def below() -> Any:
        return either(w, w.compare("<", x, w.number(TAIL)), tail, lambda: w.intrinsic("log", half(-1.0)))

    return either(w, w.compare(">", x, w.number(0.0)), lambda: w.call("log1p", w.negative(half(1.0))), below)
