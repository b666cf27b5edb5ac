"""Numpy's functions of whole arrays on traced values: reductions, shapes, joins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from stochinf.density.traced import FUNCTIONS, Traced, TraceError, joint, traced

__all__ = ["broadcast_to", "concatenate", "embed", "reshape", "sliced", "transpose", "vector_or_matrix"]

Shape = tuple[int, ...]


def new(x: Traced, op: str, operands: tuple[Traced, ...], shape: Shape, attributes: tuple[Any, ...] = ()) -> Traced:
    """Add a node of the kind of a value."""
    numbers = tuple(operand.number for operand in operands)
    return Traced(x.builder, x.builder.add(op, numbers, shape, x.node.kind, attributes))


def real(x: Any) -> Traced:
    """Return a value as float."""
    return Traced(x.builder, x.builder.real(x.number))


def vector_or_matrix(shape: Sequence[int]) -> Shape:
    """Check that a shape has at most two axes."""
    if len(shape) > 2:
        raise TraceError(f"an array of shape {tuple(shape)}", "at most two axes can be traced: reshape, or loop with scan")
    return tuple(shape)


def reshape(x: Traced, shape: Any, order: str = "C", **options: Any) -> Traced:
    """Return the same numbers in another shape."""
    wanted = [int(count) for count in (shape if isinstance(shape, (tuple, list, np.ndarray)) else (shape,))]
    if -1 in wanted:
        rest = -math.prod(wanted)
        wanted[wanted.index(-1)] = x.size // rest if rest > 0 else 0
    if math.prod(wanted) != x.size or min(wanted, default=0) < 0:
        raise TraceError(f"an array of shape {x.shape} cannot take the shape {shape}", "the number of elements must be kept")
    if order not in ("C", "A", "K"):
        raise TraceError(f"reshape with order {order!r}", "transpose before")
    if x.node.op == "reshape":
        x = Traced(x.builder, x.node.operands[0])
    return x if tuple(wanted) == x.shape else new(x, "reshape", (x,), vector_or_matrix(wanted))


def transpose(x: Traced, axes: Any = None) -> Traced:
    """Return the transpose of a matrix."""
    if x.ndim < 2 or (axes is not None and tuple(axis % 2 for axis in axes) == (0, 1)):
        return x
    if x.node.op == "transpose":
        return Traced(x.builder, x.node.operands[0])
    return new(x, "transpose", (x,), x.shape[::-1])


def broadcast_to(x: Traced, shape: Any, subok: bool = False) -> Traced:
    """Return an array repeated along axes."""
    wanted = vector_or_matrix(shape if isinstance(shape, (tuple, list)) else (shape,))
    return Traced(x.builder, x.builder.broadcast(x.number, wanted))


def sliced(x: Traced, starts: Sequence[int], steps: Sequence[int], shape: Shape) -> Traced:
    """Return elements at regular places."""
    if shape == x.shape and all(step == 1 for step, count in zip(steps, shape, strict=True) if count > 1):
        return x
    return new(x, "slice", (x,), shape, tuple(zip(starts, steps, strict=True)))


def embed(x: Traced, starts: Sequence[int], steps: Sequence[int], shape: Shape) -> Traced:
    """Return zeros with x at regular places; x itself, or x turned round, where it fills them."""
    if x.shape == shape:
        return sliced(x, starts, steps, shape)
    return new(x, "embed", (x,), shape, tuple(zip(starts, steps, strict=True)))


def concatenate(parts: Sequence[Any], axis: int | None = 0, **options: Any) -> Traced:
    """Return arrays one after the other along an axis."""
    builder = joint(*parts)
    values = [traced(builder, part) for part in parts]
    if axis is None:
        values, axis = [reshape(value, -1) for value in values], 0
    kinds = {value.node.kind for value in values}
    values = [real(value) for value in values] if len(kinds) > 1 else values
    first = values[0]
    if not first.ndim or not all(agree(first.shape, value.shape, axis % first.ndim) for value in values):
        raise TraceError(
            f"arrays of shapes {', '.join(str(value.shape) for value in values)} cannot be joined along axis {axis}",
            "np.stack joins numbers; along the other axes the sizes must be equal",
        )
    shape = list(first.shape)
    shape[axis] = sum(value.shape[axis] for value in values)
    return first if len(values) == 1 else new(first, "concatenate", tuple(values), tuple(shape), (axis % first.ndim,))


def agree(first: Shape, second: Shape, axis: int) -> bool:
    """Whether two shapes differ at most along an axis."""
    return len(first) == len(second) and all(a == b for k, (a, b) in enumerate(zip(first, second, strict=True)) if k != axis)


def stack(parts: Sequence[Any], axis: int = 0, **options: Any) -> Traced:
    """Return arrays of one shape along a new axis."""
    parts = list(parts)
    builder = joint(*parts)
    return concatenate([expand_dims(traced(builder, part), axis) for part in parts], axis)


def expand_dims(x: Traced, axis: Any) -> Traced:
    """Return an array with a new axis of one element."""
    shape = list(x.shape)
    for place in axis if isinstance(axis, (tuple, list)) else (axis,):
        shape.insert(place if place >= 0 else len(shape) + 1 + place, 1)
    return reshape(x, shape)


def squeeze(x: Traced, axis: Any = None) -> Traced:
    """Return an array without its axes of one element."""
    chosen = range(x.ndim) if axis is None else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    return reshape(x, [count for place, count in enumerate(x.shape) if place not in chosen or count != 1])


def hstack(parts: Sequence[Any], **options: Any) -> Traced:
    """Return arrays side by side."""
    values = at_least(1, parts)
    return concatenate(values, 0 if values[0].ndim == 1 else 1)


def vstack(parts: Sequence[Any], **options: Any) -> Traced:
    """Return arrays one below the other."""
    return concatenate([value if value.ndim == 2 else reshape(value, (1, value.size)) for value in at_least(1, parts)], 0)


def column_stack(parts: Sequence[Any]) -> Traced:
    """Return vectors as the columns of a matrix."""
    return concatenate([value if value.ndim == 2 else reshape(value, (value.size, 1)) for value in at_least(1, parts)], 1)


def at_least(ndim: int, parts: Sequence[Any]) -> list[Traced]:
    """Return values with numbers made vectors."""
    parts = list(parts)
    builder = joint(*parts)
    values = [traced(builder, part) for part in parts]
    return [value if value.ndim >= ndim else reshape(value, (1,)) for value in values]


def flip(x: Traced, axis: Any = None) -> Traced:
    """Return an array from its end to its beginning."""
    chosen = range(x.ndim) if axis is None else [axis % x.ndim]
    starts = [count - 1 if k in chosen else 0 for k, count in enumerate(x.shape)]
    steps = [-1 if k in chosen else 1 for k in range(x.ndim)]
    return sliced(x, starts, steps, x.shape)


def diff(x: Traced, n: int = 1, axis: int = -1) -> Any:
    """Return differences of neighbours."""
    for _ in range(n):
        x = x[..., 1:] - x[..., :-1] if axis % x.ndim == x.ndim - 1 else x[1:] - x[:-1]
    return x


def roll(x: Traced, shift: int, axis: Any = None) -> Traced:
    """Return an array turned by some places."""
    if axis is None and x.ndim > 1:
        return reshape(roll(reshape(x, -1), shift), x.shape)
    place = 0 if axis is None else axis % x.ndim
    cut = -shift % x.shape[place]
    first, last = (x[:cut], x[cut:]) if place == 0 else (x[:, :cut], x[:, cut:])
    return concatenate([last, first], place) if cut else x


def repeat(x: Traced, repeats: Any, axis: Any = None) -> Any:
    """Return an array with each element repeated."""
    x = reshape(x, -1) if axis is None else x
    rows = np.repeat(np.arange(x.shape[(axis or 0) % x.ndim]), repeats)
    return x[rows] if (axis or 0) % x.ndim == 0 else x[:, rows]


def tile(x: Traced, reps: Any) -> Any:
    """Return copies of an array one after the other."""
    counts = (reps,) if isinstance(reps, int) else tuple(reps)
    out = concatenate([x if x.ndim else reshape(x, (1,))] * counts[-1], axis=-1)
    return out if len(counts) == 1 else concatenate([out if out.ndim == 2 else reshape(out, (1, -1))] * counts[0], axis=0)


def split(x: Traced, sections: Any, axis: int = 0) -> list[Any]:
    """Return pieces of an array."""
    bounds = np.array_split(np.arange(x.shape[axis]), sections)
    key = (slice(None),) * (axis % x.ndim)
    return [x[(*key, slice(int(b[0]), int(b[-1]) + 1))] for b in bounds if b.size]


def like(value: float) -> Any:
    """Return a function that makes an array of one value, of the shape of another."""
    return lambda x, dtype=None, shape=None, **options: np.full(x.shape if shape is None else shape, value)


FUNCTIONS |= {
    "diff": diff,
    "reshape": reshape, "ravel": lambda x, order="C": reshape(x, -1, order), "flatten": lambda x: reshape(x, -1),
    "transpose": transpose, "swapaxes": lambda x, a, b: transpose(x) if (a - b) % x.ndim else x,
    "moveaxis": lambda x, a, b: transpose(x) if (a - b) % x.ndim else x,
    "broadcast_to": broadcast_to, "expand_dims": expand_dims, "squeeze": squeeze,
    "concatenate": concatenate, "stack": stack, "hstack": hstack, "vstack": vstack, "column_stack": column_stack,
    "append": lambda x, y, axis=None: concatenate([traced(joint(x, y), x), traced(joint(x, y), y)], axis),
    "atleast_1d": lambda x: x if x.ndim else reshape(x, (1,)),
    "atleast_2d": lambda x: x if x.ndim == 2 else reshape(x, (1, x.size)),
    "flip": flip, "roll": roll, "repeat": repeat, "tile": tile, "split": split, "array_split": split,
    "flipud": lambda x: flip(x, 0), "fliplr": lambda x: flip(x, 1),
    "shape": lambda x: x.shape, "ndim": lambda x: x.ndim,
    "size": lambda x, axis=None: x.size if axis is None else x.shape[axis],
    "zeros_like": like(0.0), "ones_like": like(1.0),
    "full_like": lambda x, value, dtype=None, shape=None, **options: value + np.zeros(x.shape if shape is None else shape),
}  # fmt: skip
