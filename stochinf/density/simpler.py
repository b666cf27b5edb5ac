"""Simpler nodes for elementwise operations: neutral elements, whole powers, constant factors in front."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stochinf.density.graph import Builder

__all__ = ["moderate", "simplified"]


def simplified(builder: Builder, op: str, operands: tuple[int, ...], values: tuple[Any, ...]) -> int | None:
    """Return a node that is known to equal an elementwise operation, if there is one; values are those of constants."""
    first, last = values[0], values[-1]
    if (op in ("add", "sub") and _is(last, 0)) or (op in ("mul", "div", "pow") and _is(last, 1)):
        return operands[0]
    if (op == "add" and _is(first, 0)) or (op == "mul" and _is(first, 1)):
        return operands[1]
    if op == "pow" and last in _POWERS:
        return _POWERS[last](builder, operands[0])
    if op == "where" and first is not None:
        return operands[1] if first else operands[2]
    return _scaled(builder, op, operands, values)


def _scaled(builder: Builder, op: str, operands: tuple[int, ...], values: tuple[Any, ...]) -> int | None:
    """Return sums of equal terms, products and quotients with their constant factor in front."""
    if op == "add" and operands[0] == operands[1]:
        return builder.elementwise("mul", builder.constant(2), operands[0])
    if op == "div" and values[1] is not None and _power_of_two(values[1]):
        return builder.elementwise("mul", builder.constant(1.0 / values[1]), operands[0])
    if op == "neg":
        factor, x = builder.factored(operands[0])
        return None if factor == 1 else builder.scaled(-factor, x)
    if op not in ("mul", "div"):
        return None
    (first, x), (second, y) = builder.factored(operands[0]), builder.factored(operands[1])
    if op == "div":
        return None if first == 1 else builder.scaled(first, builder.elementwise("div", x, operands[1]))
    if values[0] is not None or values[1] is not None:
        factor, other, plain = (values[0], y, second) if values[0] is not None else (values[1], x, first)
        placed = values[0] is not None and plain == 1 and factor != -1
        return None if placed or (plain != 1 and not moderate(factor)) else builder.scaled(factor * plain, other)
    return None if first == second == 1 else builder.scaled(first * second, builder.elementwise("mul", x, y))


def moderate(value: float) -> bool:
    """Whether products of two such numbers neither overflow nor vanish."""
    return 1e-150 < abs(value) < 1e150


def _power_of_two(value: float) -> bool:
    """Whether dividing by a number is the same as multiplying with its reciprocal."""
    return 1e-300 < abs(value) < 1e300 and abs(math.frexp(value)[0]) == 0.5


def _is(value: Any, number: int) -> bool:
    """Whether an operand is a constant of this value."""
    return value is not None and value == number


def _cube(builder: Builder, x: int) -> int:
    return builder.elementwise("mul", builder.elementwise("mul", x, x), x)


_POWERS: dict[Any, Callable[[Builder, int], int]] = {
    0: lambda builder, x: builder.constant(1.0),
    2: lambda builder, x: builder.elementwise("mul", x, x),
    3: _cube,
    0.5: lambda builder, x: builder.elementwise("sqrt", x),
    -0.5: lambda builder, x: builder.elementwise("div", builder.constant(1.0), builder.elementwise("sqrt", x)),
    -1: lambda builder, x: builder.elementwise("div", builder.constant(1.0), x),
}
"""Powers that are something simpler."""
