"""The elementwise operations of a graph in LLVM's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stochinf.density.emit import functions, special
from stochinf.density.emit.words import BIT, DOUBLE, WORD, Writer

__all__ = ["OPERATIONS", "WHOLE"]


def maximum(w: Writer, a: Any, b: Any) -> Any:
    """Return the larger of two numbers, NaN where one is."""
    return w.select(w.compare("!=", a, a), a, w.select(w.compare(">", a, b), a, b))


def minimum(w: Writer, a: Any, b: Any) -> Any:
    """Return the smaller of two numbers, NaN where one is."""
    return w.select(w.compare("!=", a, a), a, w.select(w.compare("<", a, b), a, b))


def sign(w: Writer, x: Any) -> Any:
    """Return -1, 0 or 1, NaN for NaN."""
    below = w.select(w.compare("<", x, w.number(0.0)), w.number(-1.0), x)
    return w.select(w.compare(">", x, w.number(0.0)), w.number(1.0), below)


def to_float(w: Writer, x: Any) -> Any:
    """Return an integer or a bit as a number."""
    return w.builder.uitofp(x, DOUBLE) if x.type == BIT else w.builder.sitofp(x, DOUBLE)


def pow_(w: Writer, x: Any, y: Any) -> Any:
    """Return x to the power y."""
    return w.intrinsic("pow", x, y)


def floor_divide(w: Writer, a: Any, b: Any) -> Any:
    """Return the quotient of integers, rounded down; 0 where the divisor is 0."""
    none = w.builder.icmp_signed("==", b, w.word(0))
    divisor = w.select(none, w.word(1), b)
    quotient, rest = w.builder.sdiv(a, divisor), w.builder.srem(a, divisor)
    apart = w.builder.icmp_signed("<", w.builder.xor(rest, divisor), w.word(0))
    down = w.builder.and_(w.builder.icmp_signed("!=", rest, w.word(0)), apart)
    return w.select(none, w.word(0), w.builder.sub(quotient, w.builder.zext(down, WORD)))


def comparison(sign: str) -> Callable[..., Any]:
    """Return a comparison of numbers, integers or bits."""

    def compare(w: Writer, a: Any, b: Any) -> Any:
        return w.compare(sign, a, b) if a.type == DOUBLE else w.builder.icmp_signed(sign, a, b)

    return compare


def library(name: str) -> Callable[..., Any]:
    """Return a function of the C library."""
    return lambda w, *values: w.call(name, *values)


def own(name: str) -> Callable[..., Any]:
    """Return a function of LLVM's."""
    return lambda w, *values: w.intrinsic(name, *values)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "neg": Writer.negative,
    "add": Writer.add,
    "sub": Writer.subtract,
    "mul": Writer.multiply,
    "div": Writer.divide,
    "minimum": minimum,
    "maximum": maximum,
    "abs": own("fabs"),
    "pow": pow_,
    "exp": functions.exp,
    "expm1": functions.expm1,
    "log": functions.log,
    "log1p": functions.log1p,
    "sqrt": own("sqrt"),
    "sin": own("sin"),
    "cos": own("cos"),
    "tan": library("tan"),
    "arcsin": library("asin"),
    "arccos": library("acos"),
    "arctan": library("atan"),
    "arctan2": library("atan2"),
    "sinh": library("sinh"),
    "cosh": library("cosh"),
    "tanh": functions.tanh,
    "arcsinh": library("asinh"),
    "arccosh": library("acosh"),
    "arctanh": library("atanh"),
    "sign": sign,
    "floor": own("floor"),
    "ceil": own("ceil"),
    "rint": own("rint"),
    "sigmoid": functions.sigmoid,
    "softplus": functions.softplus,
    "logaddexp": functions.logaddexp,
    "lgamma": library("lgamma"),
    "digamma": special.digamma,
    "trigamma": special.trigamma,
    "erf": library("erf"),
    "erfc": library("erfc"),
    "log_ndtr": special.log_ndtr,
    "float": to_float,
    "lt": comparison("<"),
    "le": comparison("<="),
    "eq": comparison("=="),
    "ne": comparison("!="),
    "and": lambda w, a, b: w.builder.and_(a, b),
    "or": lambda w, a, b: w.builder.or_(a, b),
    "not": lambda w, a: w.builder.not_(a),
    "where": Writer.select,
}
"""What an operation writes for values in registers."""


def whole_larger(sign: str) -> Callable[..., Any]:
    """Return the larger or smaller of two integers."""
    return lambda w, a, b: w.select(w.builder.icmp_signed(sign, a, b), a, b)


WHOLE: dict[str, Callable[..., Any]] = {
    "neg": lambda w, a: w.builder.neg(a),
    "add": lambda w, a, b: w.builder.add(a, b),
    "sub": lambda w, a, b: w.builder.sub(a, b),
    "mul": lambda w, a, b: w.builder.mul(a, b),
    "minimum": whole_larger("<"),
    "maximum": whole_larger(">"),
    "abs": lambda w, a: w.select(w.builder.icmp_signed("<", a, w.word(0)), w.builder.neg(a), a),
    "floordiv": floor_divide,
}
"""The same for nodes of integers."""
