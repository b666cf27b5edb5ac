"""Adjoints of operations of whole arrays, and what forward mode makes of them.

`ADJOINTS[op]` takes (k, node, bar, out, operands) and gives the adjoint of operand k; an adjoint of shape () stands for an array
whose elements are all equal. `TANGENTS[op]` takes (node, tangents, out, operands), tangents None where they are zero.

Source for the Cholesky factor: Murray, Differentiation of the Cholesky decomposition, 2016, equations 8 to 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from stochinf.density.array_functions import (
    broadcast_to,
    concatenate,
    embed,
    expand_dims,
    new,
    reshape,
    sliced,
    transpose,
)
from stochinf.density.graph import Node
from stochinf.density.linear import lower_part, matmul, outer, solve_triangular
from stochinf.density.reductions import reduced
from stochinf.density.traced import Traced, elementwise

__all__ = ["ADJOINTS", "TANGENTS", "full", "plus", "unbroadcast"]

Operands = list[Traced]
Tangents = list[Traced | None]


def full(bar: Traced, shape: tuple[int, ...]) -> Traced:
    """Return an adjoint with all its elements."""
    return broadcast_to(bar, shape)


def plus(first: Traced | None, second: Traced | None) -> Traced | None:
    """Add two adjoints, None being zero."""
    return second if first is None else first if second is None else first + second


def unbroadcast(bar: Traced, wide: tuple[int, ...], shape: tuple[int, ...]) -> Traced:
    """Return the adjoint of an array of some shape that was repeated to a wide one."""
    if wide == shape:
        return bar
    if bar.shape == ():
        return bar * float(math.prod(wide) // max(math.prod(shape), 1))  # type: ignore[no-any-return]
    if shape == () or (math.prod(shape) == 1 and math.prod(wide) != 1):
        return reshape(reduced("sum", bar), shape)
    kept = (1,) * (len(wide) - len(shape)) + shape
    for axis, (count, now) in enumerate(zip(kept, wide, strict=True)):
        if count != now:
            bar = reduced("sum", bar, axis, keepdims=True)
    return reshape(bar, shape)


def over_axis(x: Traced, axis: int | None, shape: tuple[int, ...]) -> Traced:
    """Return what was reduced along an axis, repeated along it."""
    return x if axis is None or x.shape == () else full(expand_dims(x, axis), shape)


def of_slice(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Return zeros with the adjoint where the slice was."""
    starts, steps = zip(*node.attributes, strict=True)
    return embed(full(bar, node.shape), starts, steps, operands[0].shape)


def of_embed(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Return the places of the adjoint where x was put."""
    starts, steps = zip(*node.attributes, strict=True)
    return bar if bar.shape == () else sliced(bar, starts, steps, operands[0].shape)


def of_concatenate(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Return the part of the adjoint that belongs to one array."""
    if bar.shape == ():
        return bar
    (axis,) = node.attributes
    starts = [0] * len(node.shape)
    starts[axis] = sum(operand.shape[axis] for operand in operands[:k])
    return sliced(bar, starts, [1] * len(starts), operands[k].shape)


def of_gather(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Add the rows of the adjoint to the rows they were taken from."""
    x, rows = operands
    return new(x, "scatter", (full(bar, node.shape), rows), x.shape)


def of_scatter(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Take the rows to which those of x were added."""
    x, rows = operands
    return bar if bar.shape == () else new(x, "gather", (bar, rows), x.shape)


def of_max(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Give the adjoint to the largest elements, in equal shares."""
    (axis,), shape = node.attributes, operands[0].shape
    largest = elementwise("where", elementwise("eq", operands[0], over_axis(out, axis, shape)), 1.0, 0.0)
    weight = bar / reduced("sum", largest, axis)
    return over_axis(weight, axis, shape) * largest  # type: ignore[no-any-return]


def of_logsumexp(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Return the adjoint times the shares exp(x - out); none where all x are -infinity."""
    (axis,), (x,) = node.attributes, operands
    finite = elementwise("where", elementwise("eq", out, -math.inf), 0.0, out)
    shares = elementwise("exp", x - over_axis(finite, axis, x.shape))
    return over_axis(bar, axis, x.shape) * shares  # type: ignore[no-any-return]


def of_cumsum(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Sum from the other end."""
    axis, reverse = node.attributes
    return new(out, "cumsum", (full(bar, node.shape),), node.shape, (axis, not reverse))


def of_matmul(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Return the adjoint of either matrix of a product, or of its vector."""
    turned = node.attributes
    a, b = (transpose(x) if turn else x for x, turn in zip(operands, turned, strict=True))
    bar = full(bar, node.shape)
    if k == 1:
        adjoint = matmul(transpose(a), bar)
    else:
        adjoint = outer(bar, b) if b.ndim == 1 else matmul(bar, transpose(b))
    return transpose(adjoint) if turned[k] else adjoint


def half_lower(x: Traced) -> Traced:
    """Return the lower part with half the diagonal."""
    return lower_part(x, 0.5)


def of_cholesky(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Return L^-T P L^-1 in its lower part, twice off the diagonal, P of L^T bar symmetric from its lower part."""
    p = half_lower(matmul(transpose(out), lower_part(full(bar, node.shape))))
    left = solve_triangular(out, p, lower=True, trans=1)
    whole = transpose(solve_triangular(out, transpose(left), lower=True, trans=1))
    return lower_part(whole + transpose(whole), 0.5)


def of_solve_triangular(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Return the adjoint of the right side, or of the lower part of the matrix."""
    (turn,) = node.attributes
    right = solve_triangular(operands[0], full(bar, node.shape), lower=True, trans=0 if turn else 1)
    if k == 1:
        return right  # type: ignore[no-any-return]
    first, second = (out, right) if turn else (right, out)
    product = outer(first, second) if first.ndim == 1 else matmul(first, transpose(second))
    return -lower_part(product)  # type: ignore[no-any-return]


def of_sum(k: int, node: Node, bar: Traced, out: Traced, operands: Operands) -> Traced:
    """Give the adjoint to every term."""
    return over_axis(bar, node.attributes[0], operands[0].shape)


ADJOINTS: dict[str, Callable[[int, Node, Traced, Traced, Operands], Traced]] = {
    "broadcast": lambda k, node, bar, out, operands: unbroadcast(bar, node.shape, operands[0].shape),
    "reshape": lambda k, node, bar, out, operands: bar if bar.shape == () else reshape(bar, operands[0].shape),
    "transpose": lambda k, node, bar, out, operands: transpose(bar),
    "slice": of_slice,
    "embed": of_embed,
    "concatenate": of_concatenate,
    "gather": of_gather,
    "scatter": of_scatter,
    "tril": lambda k, node, bar, out, operands: lower_part(full(bar, node.shape), *node.attributes),
    "sum": of_sum,
    "max": of_max,
    "logsumexp": of_logsumexp,
    "cumsum": of_cumsum,
    "matmul": of_matmul,
    "dot": lambda k, node, bar, out, operands: bar * operands[1 - k],
    "cholesky": of_cholesky,
    "solve_triangular": of_solve_triangular,
}
"""The adjoint of an operand by operation."""


def same(node: Node, tangents: Tangents, out: Traced, operands: Operands) -> Traced:
    """Apply a linear operation to the change of its first operand; others are places."""
    first = tangents[0]
    inputs = (full(given(first, out), operands[0].shape), *operands[1:])
    return new(out, node.op, inputs, node.shape, node.attributes)


def along_concatenate(node: Node, tangents: Tangents, out: Traced, operands: Operands) -> Traced:
    """Join the changes."""
    pairs = zip(tangents, operands, strict=True)
    return concatenate([full(given(t, out), o.shape) for t, o in pairs], node.attributes[0])


def given(change: Traced | None, like: Traced) -> Traced:
    """Return a change; the number 0 for None."""
    return Traced(like.builder, like.builder.constant(0.0)) if change is None else change


def along_sum(node: Node, tangents: Tangents, out: Traced, operands: Operands) -> Traced:
    """Sum the changes."""
    return reduced("sum", full(given(tangents[0], out), operands[0].shape), node.attributes[0])


def along_shares(node: Node, tangents: Tangents, out: Traced, operands: Operands) -> Traced:
    """Return the change of a maximum or of a logsumexp: its shares, times the changes."""
    one = Traced(out.builder, out.builder.constant(1.0))
    shares = ADJOINTS[node.op](0, node, full(one, node.shape), out, operands)
    return reduced("sum", shares * given(tangents[0], out), node.attributes[0])


def along_product(node: Node, tangents: Tangents, out: Traced, operands: Operands) -> Any:
    """Return the change of a product of matrices or vectors."""
    total: Traced | None = None
    for k, tangent in enumerate(tangents):
        if tangent is not None:
            pair = list(operands)
            pair[k] = full(tangent, operands[k].shape)
            total = plus(total, new(out, node.op, (pair[0], pair[1]), node.shape, node.attributes))
    return total


def along_cholesky(node: Node, tangents: Tangents, out: Traced, operands: Operands) -> Traced:
    """Return L P of L^-1 dA L^-T, dA symmetric from its lower part."""
    change = lower_part(full(given(tangents[0], out), node.shape), 0.5)
    change = change + transpose(change)
    left = solve_triangular(out, change, lower=True)
    both = transpose(solve_triangular(out, transpose(left), lower=True))
    return matmul(out, half_lower(both))  # type: ignore[no-any-return]


def along_solve(node: Node, tangents: Tangents, out: Traced, operands: Operands) -> Any:
    """Return L^-1 (db - dL x), dL of the lower part; transposed where the solution is."""
    (turn,) = node.attributes
    total: Traced | None = None
    if tangents[0] is not None:
        change = lower_part(full(tangents[0], operands[0].shape))
        total = -matmul(transpose(change) if turn else change, out)
    if tangents[1] is not None:
        total = plus(total, full(tangents[1], node.shape))
    return solve_triangular(operands[0], total, lower=True, trans=int(turn))


TANGENTS: dict[str, Callable[[Node, Tangents, Traced, Operands], Traced]] = {
    **dict.fromkeys(("broadcast", "reshape", "transpose", "slice", "embed", "gather", "scatter", "tril", "cumsum"), same),
    "concatenate": along_concatenate,
    "sum": along_sum,
    "max": along_shares,
    "logsumexp": along_shares,
    "matmul": along_product,
    "dot": along_product,
    "cholesky": along_cholesky,
    "solve_triangular": along_solve,
}
"""The change of a result by operation."""
