"""Numpy's reductions on traced values, and running sums and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stochinf.density.array_functions import concatenate, expand_dims, new, real, reshape, transpose
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
    place = axis_of(x, axis)
    shape = x.shape if x.ndim == 0 else () if place is None else (x.shape[1 - place],)
    if op != "sum" and 0 in x.shape:
        raise TraceError(f"{op} of an array of shape {x.shape}", "there must be an element")
    factor, plain = x.builder.factored(x.number) if op == "sum" else (1, x.number)
    if x.ndim and factor != 1:
        return factor * reduced(op, Traced(x.builder, plain), axis, keepdims)  # type: ignore[no-any-return]
    out = x if x.ndim == 0 else new(x, op, (x,), shape, (place,))
    if keepdims:
        kept = [1 if place is None or k == place else count for k, count in enumerate(x.shape)]
        return reshape(out, kept)
    return out


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
    return new(x, "cumsum", (x,), x.shape, (place, False))


def prod(x: Traced, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Return a product, halves multiplied with halves."""
    place = axis_of(x, axis)
    rows = reshape(x, -1) if place is None else x if place == 0 else transpose(x)
    while rows.shape[0] > 1:
        half = rows.shape[0] // 2
        product = rows[:half] * rows[half : 2 * half]
        rows = concatenate([product, rows[2 * half :]]) if rows.shape[0] % 2 else product
    out = rows[0]
    return expand_dims(out, () if axis is None else axis) if keepdims else out


def cumprod(x: Traced, axis: Any = None, dtype: Any = None) -> Traced:
    """Return running products, each stage reaching twice as far."""
    x = reshape(x, -1) if axis is None else x
    if x.ndim == 2 and axis % 2:
        return transpose(cumprod(transpose(x), 0))
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
    w = w if w.shape == np.shape(x) or axis_of(x, axis) != 0 else reshape(w, (-1, 1))
    return sum_(x * w, axis) / sum_(w, 0 if w.shape != np.shape(x) else axis)


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
