"""Numpy's functions of whole arrays on traced values: reductions, shapes, joins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from stochinf.density.axes import around, places_given, turn
from stochinf.density.traced import FUNCTIONS, Traced, TraceError, joint, traced

__all__ = ["broadcast_to", "concatenate", "embed", "moved", "reshape", "sliced", "transpose"]

Shape = tuple[int, ...]


def new(x: Traced, op: str, operands: tuple[Traced, ...], shape: Shape, attributes: tuple[Any, ...] = ()) -> Traced:
    """Add a node of the kind of a value."""
    numbers = tuple(operand.number for operand in operands)
    return Traced(x.builder, x.builder.add(op, numbers, shape, x.node.kind, attributes))


def real(x: Any) -> Traced:
    """Return a value as float."""
    return Traced(x.builder, x.builder.real(x.number))


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
    return x if tuple(wanted) == x.shape else new(x, "reshape", (x,), tuple(wanted))


def transpose(x: Traced, axes: Any = None) -> Traced:
    """Return an array with its axes in another order, backwards by default."""
    order = range(x.ndim - 1, -1, -1) if axes is None else [axis % max(x.ndim, 1) for axis in axes]
    if sorted(order) != list(range(x.ndim)):
        raise TraceError(f"axes {axes} of an array of shape {x.shape}", "name each axis once")
    if tuple(order) == tuple(range(x.ndim)):
        return x
    if x.ndim > 2:
        return permuted(x, tuple(order))
    if x.node.op == "transpose":
        return Traced(x.builder, x.node.operands[0])
    return new(x, "transpose", (x,), x.shape[::-1])


def permuted(x: Traced, order: Shape) -> Traced:
    """Return an array of more than two axes with these in another order: a matrix turned round, or its rows reordered."""
    shape, cut = tuple(x.shape[axis] for axis in order), turn(order, x.ndim)
    if cut is not None:
        return reshape(transpose(reshape(x, (math.prod(x.shape[:cut]), math.prod(x.shape[cut:])))), shape)
    ahead = max(axis for axis, place in enumerate(order) if axis != place) + 1
    rows = np.arange(math.prod(x.shape[:ahead])).reshape(x.shape[:ahead]).transpose(order[:ahead]).reshape(-1)
    flat = x.shape[ahead:] and (math.prod(x.shape[ahead:]),)
    matrix = reshape(x, (rows.size, *flat))
    return reshape(new(x, "gather", (matrix, traced(x.builder, rows)), (rows.size, *flat)), shape)


def moved(x: Traced, source: Any, target: Any) -> Traced:
    """Return an array with some of its axes elsewhere."""
    old, new_places = ([axis % x.ndim for axis in (a if isinstance(a, (tuple, list)) else (a,))] for a in (source, target))
    rest = [axis for axis in range(x.ndim) if axis not in old]
    for place, axis in sorted(zip(new_places, old, strict=True)):
        rest.insert(place, axis)
    return transpose(x, rest)


def swapped(x: Traced, first: int, second: int) -> Traced:
    """Return an array with two of its axes exchanged."""
    order = list(range(x.ndim))
    order[first], order[second] = order[second], order[first]
    return transpose(x, order)


def broadcast_to(x: Traced, shape: Any, subok: bool = False) -> Traced:
    """Return an array repeated along axes."""
    wanted = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    return Traced(x.builder, x.builder.broadcast(x.number, wanted))


def sliced(x: Traced, starts: Sequence[int], steps: Sequence[int], shape: Shape) -> Traced:
    """Return elements at regular places."""
    if shape == x.shape and all(step == 1 for step, count in zip(steps, shape, strict=True) if count > 1):
        return x
    if x.ndim > 2:
        for axis, place in enumerate(zip(starts, steps, shape, strict=True)):
            x = sliced_along(x, axis, *place)
        return x
    return new(x, "slice", (x,), shape, tuple(zip(starts, steps, strict=True)))


def sliced_along(x: Traced, axis: int, start: int, step: int, count: int) -> Traced:
    """Return elements at regular places of one of many axes."""
    before, n, after = around(x.shape, axis)
    if count == n and (step == 1 or n == 1):
        return x
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    if after == 1 or before == 1:
        rows = reshape(x, (before, n) if after == 1 else (n, after))
        own = ((0, 1, before), (start, step, count)) if after == 1 else ((start, step, count), (0, 1, after))
        return reshape(sliced(rows, *map(tuple, zip(*own, strict=True))), shape)
    if step == 1 or count <= 1:
        part = sliced(reshape(x, (before, n * after)), (0, start * after), (1, 1), (before, count * after))
        return reshape(part, shape)
    rows_wanted = np.array(places_given(x.shape, axis, range(start, start + step * count, step)))
    matrix = reshape(x, (before * n, after))
    return reshape(new(x, "gather", (matrix, traced(x.builder, rows_wanted)), (rows_wanted.size, after)), shape)


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
    if first.ndim > 2 and len(values) > 1:
        before, _, after = around(shape, axis % first.ndim)
        counts = [value.shape[axis] for value in values]
        sides = [(n, after) if before == 1 else (before, n * after) for n in counts]
        rows = [reshape(value, side) for value, side in zip(values, sides, strict=True)]
        return reshape(concatenate(rows, 0 if before == 1 else 1), shape)
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
    return concatenate([value if value.ndim > 1 else reshape(value, (1, value.size)) for value in at_least(1, parts)], 0)


def column_stack(parts: Sequence[Any]) -> Traced:
    """Return vectors as the columns of a matrix."""
    return concatenate([value if value.ndim > 1 else reshape(value, (value.size, 1)) for value in at_least(1, parts)], 1)


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
        along = (slice(None),) * (axis % x.ndim)
        x = x[(*along, slice(1, None))] - x[(*along, slice(None, -1))]
    return x


def roll(x: Traced, shift: int, axis: Any = None) -> Traced:
    """Return an array turned by some places."""
    if axis is None and x.ndim > 1:
        return reshape(roll(reshape(x, -1), shift), x.shape)
    place = 0 if axis is None else axis % x.ndim
    cut = -shift % x.shape[place]
    along = (slice(None),) * place
    first, last = x[(*along, slice(cut))], x[(*along, slice(cut, None))]
    return concatenate([last, first], place) if cut else x


def repeat(x: Traced, repeats: Any, axis: Any = None) -> Any:
    """Return an array with each element repeated."""
    x = reshape(x, -1) if axis is None else x
    rows = np.repeat(np.arange(x.shape[(axis or 0) % x.ndim]), repeats)
    return x[(*(slice(None),) * ((axis or 0) % x.ndim), rows)]


def tile(x: Traced, reps: Any) -> Any:
    """Return copies of an array one after the other."""
    counts = (reps,) if isinstance(reps, int) else tuple(reps)
    ndim = max(len(counts), x.ndim)
    out = reshape(x, (1,) * (ndim - x.ndim) + x.shape)
    for axis, count in enumerate(counts, ndim - len(counts)):
        out = concatenate([out] * count, axis)
    return out


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
    "transpose": transpose, "permute_dims": transpose, "swapaxes": swapped, "moveaxis": moved,
    "broadcast_to": broadcast_to, "expand_dims": expand_dims, "squeeze": squeeze,
    "concatenate": concatenate, "stack": stack, "hstack": hstack, "vstack": vstack, "column_stack": column_stack,
    "append": lambda x, y, axis=None: concatenate([traced(joint(x, y), x), traced(joint(x, y), y)], axis),
    "atleast_1d": lambda x: x if x.ndim else reshape(x, (1,)),
    "atleast_2d": lambda x: x if x.ndim > 1 else reshape(x, (1, x.size)),
    "flip": flip, "roll": roll, "repeat": repeat, "tile": tile, "split": split, "array_split": split,
    "flipud": lambda x: flip(x, 0), "fliplr": lambda x: flip(x, 1),
    "shape": lambda x: x.shape, "ndim": lambda x: x.ndim,
    "size": lambda x, axis=None: x.size if axis is None else x.shape[axis],
    "zeros_like": like(0.0), "ones_like": like(1.0),
    "full_like": lambda x, value, dtype=None, shape=None, **options: value + np.zeros(x.shape if shape is None else shape),
}  # fmt: skip
