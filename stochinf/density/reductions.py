"""Numpy's reductions on traced values, and running sums and products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from stochinf.density.array_functions import concatenate, expand_dims, moved, new, real, reshape, transpose
from stochinf.density.traced import FUNCTIONS, UFUNCS, Traced, TraceError, elementwise, joint, traced

__all__ = ["reduced"]


def axis_of(x: Traced, axis: Any) -> int | None:
    """Return an axis as 0, 1 or None for all."""
    if isinstance(axis, (tuple, list)):
        if len(axis) == x.ndim:
            return None
        (axis,) = axis
    if axis is not None and not -x.ndim <= axis < x.ndim:
        raise TraceError(f"axis {axis} of an array of shape {x.shape}", "count axes from 0")
    return None if axis is None or x.ndim == 1 else axis % x.ndim


def reduced(op: str, x: Traced, axis: Any = None, keepdims: bool = False) -> Traced:
    """Reduce an array by sum, max or logsumexp, along an axis or as a whole."""
    chosen = axes_of(x, axis)
    if op != "sum" and 0 in x.shape:
        raise TraceError(f"{op} of an array of shape {x.shape}", "there must be an element")
    factor, plain = x.builder.factored(x.number) if op == "sum" else (1, x.number)
    if x.ndim and factor != 1:
        return factor * reduced(op, Traced(x.builder, plain), axis, keepdims)  # type: ignore[no-any-return]
    if len(chosen) == x.ndim:
        out = x if x.ndim == 0 else new(x, op, (x,), (), (None,))
    else:
        rest = [k for k in range(x.ndim) if k not in chosen]
        matrix, place = in_two(x, chosen, rest)
        out = reshape(new(x, op, (matrix,), (matrix.shape[1 - place],), (place,)), [x.shape[k] for k in rest])
    return reshape(out, [1 if k in chosen else count for k, count in enumerate(x.shape)]) if keepdims else out


def axes_of(x: Traced, axis: Any) -> tuple[int, ...]:
    """Return the axes that are meant, in order."""
    given = range(x.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    for k in given:
        if not -x.ndim <= k < x.ndim:
            raise TraceError(f"axis {k} of an array of shape {x.shape}", "count axes from 0")
    return tuple(sorted({k % x.ndim for k in given}))


def in_two(x: Traced, chosen: tuple[int, ...], rest: list[int]) -> tuple[Traced, int]:
    """Return an array as a matrix with some axes taken together as one, and which; they are neither none nor all."""
    if x.ndim == 2:
        return x, chosen[0]
    sizes = [math.prod(x.shape[k] for k in axes) for axes in (chosen, rest)]
    if chosen[-1] < rest[0]:
        return reshape(x, sizes), 0
    return reshape(transpose(x, (*rest, *chosen)), sizes[::-1]), 1


def number(x: Traced) -> Traced:
    """Return truth values as whole numbers."""
    return elementwise("where", x, 1, 0) if x.node.kind == "bool" else x


def sum_(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, **options: Any) -> Any:
    """Return a sum."""
    if not isinstance(x, Traced):
        raise TraceError("np.sum of a list of traced values", "np.stack them first, or add them with sum()")
    return reduced("sum", number(x), axis, keepdims)


def mean(x: Traced, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Return an average."""
    total = sum_(x, axis, keepdims=keepdims)
    return total / (x.size / max(total.size, 1))


def var(x: Traced, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Return the mean squared distance from the mean."""
    d = x - mean(x, axis, keepdims=True)
    total = sum_(d * d, axis, keepdims=keepdims)
    return total / (x.size / max(total.size, 1) - ddof)


def max_(x: Traced, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the largest element."""
    return reduced("max", real(x), axis, keepdims)


def min_(x: Traced, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the smallest element."""
    return -reduced("max", -real(x), axis, keepdims)


def logsumexp(x: Traced, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Return the logarithm of a sum of exponentials."""
    return reduced("logsumexp", real(x), axis, keepdims)


def cumsum(x: Traced, axis: Any = None, dtype: Any = None) -> Traced:
    """Return running sums."""
    x = number(reshape(x, -1) if axis is None else x)
    place = (axis or 0) % x.ndim
    if x.ndim < 3:
        return new(x, "cumsum", (x,), x.shape, (place, False))
    if 0 < place < x.ndim - 1:
        return moved(cumsum(moved(x, place, 0), 0), 0, place)
    matrix = reshape(x, (-1, x.shape[-1]) if place else (x.shape[0], -1))
    return reshape(new(x, "cumsum", (matrix,), matrix.shape, (1 if place else 0, False)), x.shape)


def prod(x: Traced, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Return a product, halves multiplied with halves."""
    place = axis_of(x, axis)
    rows = reshape(x, -1) if place is None else moved(x, place, 0)
    while rows.shape[0] > 1:
        half = rows.shape[0] // 2
        product = rows[:half] * rows[half : 2 * half]
        rows = concatenate([product, rows[2 * half :]]) if rows.shape[0] % 2 else product
    out = rows[0]
    return expand_dims(out, () if axis is None else axis) if keepdims else out


def cumprod(x: Traced, axis: Any = None, dtype: Any = None) -> Traced:
    """Return running products, each stage reaching twice as far."""
    x = reshape(x, -1) if axis is None else x
    if axis is not None and axis % x.ndim:
        return moved(cumprod(moved(x, axis, 0), 0), 0, axis)
    reach = 1
    while reach < x.shape[0]:
        x = concatenate([x[:reach], x[reach:] * x[:-reach]])
        reach *= 2
    return x


def average(x: Traced, axis: Any = None, weights: Any = None, **options: Any) -> Any:
    """Return an average, weighted or not."""
    if weights is None:
        return mean(x, axis, **options)
    w = traced(joint(*(v for v in (x, weights) if isinstance(v, Traced))), weights)
    if w.shape != np.shape(x) and axis is not None:
        w = reshape(w, [w.size if k == axis % len(np.shape(x)) else 1 for k in range(len(np.shape(x)))])
        return sum_(x * w, axis) / sum_(w)
    return sum_(x * w, axis) / sum_(w, axis)


def every(x: Traced, axis: Any = None) -> Any:
    """Whether all hold."""
    return elementwise("eq", sum_(elementwise("where", x, 0, 1), axis), 0)


def some(x: Traced, axis: Any = None) -> Any:
    """Whether any holds."""
    return elementwise("lt", 0, sum_(elementwise("where", x, 1, 0), axis))


def first_axis(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reduction as the method of a ufunc, whose axis is the first unless another is named."""
    return lambda x, axis=0, **options: function(x, axis, **options)


UFUNCS |= {
    "add.reduce": first_axis(sum_),
    "maximum.reduce": first_axis(max_),
    "minimum.reduce": first_axis(min_),
    "multiply.reduce": first_axis(prod),
    "logaddexp.reduce": first_axis(logsumexp),
    "logical_and.reduce": first_axis(every),
    "logical_or.reduce": first_axis(some),
    "add.accumulate": first_axis(cumsum),
    "multiply.accumulate": first_axis(cumprod),
}
FUNCTIONS |= {
    "sum": sum_, "mean": mean, "average": average, "var": var, "max": max_, "amax": max_, "min": min_, "amin": min_, "prod": prod,
    "std": lambda *inputs, **options: elementwise("sqrt", var(*inputs, **options)),
    "ptp": lambda x, axis=None: max_(x, axis) - min_(x, axis),
    "cumsum": cumsum, "cumprod": cumprod, "all": every, "any": some, "logsumexp": logsumexp,
}  # fmt: skip
