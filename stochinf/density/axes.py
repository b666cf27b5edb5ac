"""Arrays of any number of axes by nodes of at most two: axes before, along and after the one that counts are taken together.

Elementwise operations, reshapes and leaves have any number of axes, and an array lies row by row whatever its shape; so that
everything else is done to a matrix that holds the same numbers in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stochinf.density.graph import Builder

__all__ = ["around", "places_given", "repeated", "turn"]

Shape = tuple[int, ...]


def around(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    """Return how many numbers lie before, along and after an axis.

    Examples
    --------
    >>> from stochinf.density.axes import around
    >>> around((2, 3, 4, 5), 2)
    (6, 4, 5)
    """
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def turn(axes: Sequence[int], n: int) -> int | None:
    """Return after how many axes a permutation of n cuts them to exchange both parts; None where it does something else.

    Examples
    --------
    >>> from stochinf.density.axes import turn
    >>> turn((2, 0, 1), 3), turn((0, 2, 1), 3)
    (2, None)
    """
    first = axes[0]
    return first if tuple(axes) == (*range(first, n), *range(first)) else None


def places_given(shape: Shape, axis: int, rows: Sequence[int]) -> list[int]:
    """Return the rows of a matrix (before * along, after) that are some places of an axis, for each place before it."""
    before, along, _ = around(shape, axis)
    return [start * along + row for start in range(before) for row in rows]


def repeated(builder: Builder, number: int, shape: Shape) -> int:
    """Return a node in a shape of more than two axes that its own can be broadcast to.

    One axis after the other is repeated, the first ones first: in front of everything, or behind everything, or by turning the
    matrix round, so that what is in front of the axis comes behind the rest.
    """
    node = builder.nodes[number]
    now = [1] * (len(shape) - len(node.shape)) + list(node.shape)
    for axis, count in enumerate(shape):
        if now[axis] != count:
            before, _, after = around(now, axis)
            number = along_one(builder, number, before, count, after)
            now[axis] = count
    return reshaped(builder, number, shape)


def along_one(builder: Builder, number: int, before: int, count: int, after: int) -> int:
    """Return numbers (before, after) as (before, count, after), in a shape of two axes."""
    kind = builder.nodes[number].kind
    if before == 1:
        row = reshaped(builder, number, (after,))
        return builder.add("broadcast", (row,), (count, after), kind)
    if after == 1:
        column = reshaped(builder, number, (before, 1))
        return builder.add("broadcast", (column,), (before, count), kind)
    matrix = builder.add("transpose", (reshaped(builder, number, (before, after)),), (after, before), kind)
    row = reshaped(builder, matrix, (after * before,))
    wide = reshaped(builder, builder.add("broadcast", (row,), (count, after * before), kind), (count * after, before))
    return builder.add("transpose", (wide,), (before, count * after), kind)


def reshaped(builder: Builder, number: int, shape: Shape) -> int:
    """Return a node in another shape."""
    node = builder.nodes[number]
    if node.op == "reshape":
        number = node.operands[0]
        node = builder.nodes[number]
    return number if node.shape == shape else builder.add("reshape", (number,), shape, node.kind)
