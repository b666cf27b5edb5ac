"""Indexing of traced arrays: places, slices, arrays of places, masks; places that are out of range are told at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.density.array_functions import moved, reshape, sliced, transpose
from stochinf.density.graph import Builder
from stochinf.density.known import UNKNOWN, int_range, known
from stochinf.density.traced import FUNCTIONS, Traced, TraceError, elementwise, joint, traced

__all__ = ["gathered"]


def index(x: Traced, key: Any) -> Any:
    """Return x[key]."""
    keys = tuple(key) if isinstance(key, tuple) else (key,)
    keys = tuple(places_of(part) for k in keys for part in parts_of(k))
    used = sum(k is not None and k is not Ellipsis for k in keys)
    if used > x.ndim:
        raise TraceError(f"{used} indices for an array of shape {x.shape}", "count its axes")
    fill = (slice(None),) * (x.ndim - used)
    dots = next((place for place, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys = (*keys[:dots], *fill, *keys[dots + 1 :])
    if not any(isinstance(k, (Traced, np.ndarray)) for k in keys):
        return basic(x, keys)
    if any(k is None for k in keys):
        raise TraceError("a new axis and an array of places in one index", "index twice: x[places][:, None]")
    return advanced(x, keys)


def parts_of(key: Any) -> tuple[Any, ...]:
    """Return one part of an index axis by axis: a mask of several axes becomes an array of places for each."""
    mask: Any = None
    if isinstance(key, Traced) and key.node.kind == "bool":
        mask = known(key.builder, key.number)
    elif isinstance(key, (np.ndarray, list)):
        mask = np.asarray(key)
    return (key,) if mask is None or mask.dtype.kind != "b" or mask.ndim < 2 else tuple(np.nonzero(mask))


def places_of(key: Any) -> Any:
    """Return one part of an index as int, slice, None, Ellipsis, an array of places or a traced one."""
    if key is None or key is Ellipsis or isinstance(key, slice):
        return key
    if isinstance(key, Traced):
        if key.node.kind == "bool":
            mask = known(key.builder, key.number)
            if mask is not None:
                return np.flatnonzero(mask)
            raise TraceError(
                "a mask that is traced selects a number of elements that is not known",
                "write np.where(mask, x, 0.0)",
            )
        if key.node.kind == "float":
            raise TraceError("an index must be of whole numbers", "give the data as an int array")
        return key
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        return int(key)
    array = np.asarray(key)
    if array.dtype.kind == "b":
        return np.flatnonzero(array)
    if array.dtype.kind not in "iu":
        raise TraceError(f"an index of {array.dtype}", "places are whole numbers")
    return int(array) if array.ndim == 0 else array


def basic(x: Traced, keys: tuple[Any, ...]) -> Any:
    """Return x indexed by numbers, slices and new axes."""
    starts, steps, counts, shape = [], [], [], []
    axis = 0
    for key in keys:
        if key is None:
            shape.append(1)
            continue
        n = x.shape[axis]
        if isinstance(key, slice):
            places = range(n)[key]
            starts.append(places.start if places else 0)
            steps.append(places.step)
            shape.append(len(places))
            counts.append(len(places))
        else:
            starts.append(checked(key, n))
            steps.append(1)
            counts.append(1)
        axis += 1
    return reshape(sliced(x, starts, steps, tuple(counts)), shape)


def checked(place: int, n: int) -> int:
    """Return a place counted from the beginning."""
    if not -n <= place < n:
        raise TraceError(f"index {place} of an axis of {n}", f"places are 0 to {n - 1}")
    return place % n


def advanced(x: Traced, keys: tuple[Any, ...]) -> Any:
    """Return x indexed by arrays of places, and by numbers and slices along the other axis."""
    if x.ndim == 1:
        return gathered(x, keys[0])
    if x.ndim > 2:
        return among_many(x, keys)
    first, second = keys
    arrays = [isinstance(key, (Traced, np.ndarray)) for key in keys]
    if all(arrays):
        rows, columns = (within(joint(x, *traced_of(keys)), key, n) for key, n in zip(keys, x.shape, strict=True))
        return gathered(reshape(x, -1), rows * x.shape[1] + columns)
    if arrays[0]:
        return gathered(basic(x, (slice(None), second)), first)
    part = basic(x, (first, slice(None)))
    return gathered(part, second) if part.ndim == 1 else transpose(gathered(transpose(part), second))


def among_many(x: Traced, keys: tuple[Any, ...]) -> Any:
    """Return an array of more than two axes indexed by arrays; as in numpy, numbers count as arrays then.

    The axes of places come first and are counted through as one; they go to where they were if they were next to each other.
    """
    x = basic(x, tuple(key if isinstance(key, slice) else slice(None) for key in keys))
    chosen = [axis for axis, key in enumerate(keys) if not isinstance(key, slice)]
    rest = [axis for axis in range(x.ndim) if axis not in chosen]
    builder = joint(x, *traced_of(keys))
    places: Any = None
    for axis in chosen:
        rows = within(builder, keys[axis], x.shape[axis])
        places = rows if places is None else places * x.shape[axis] + rows
    counts = [x.shape[axis] for axis in rest]
    matrix = reshape(transpose(traced(builder, x), (*chosen, *rest)), (-1, *counts))
    out, ahead = gathered(matrix, places), places.ndim
    if chosen[-1] - chosen[0] >= len(chosen) or not rest:
        return out
    return moved(out, tuple(range(ahead)), tuple(range(chosen[0], chosen[0] + ahead)))


def traced_of(values: tuple[Any, ...]) -> list[Traced]:
    """Return those of some values that are traced."""
    return [value for value in values if isinstance(value, Traced)]


def gathered(x: Traced, places: Any) -> Any:
    """Return rows of an array at places."""
    builder = joint(x, *traced_of((places,)))
    array, rows = traced(builder, x), within(builder, places, x.shape[0])
    if rows.ndim > 1 or x.ndim > 2:
        matrix = array if x.ndim < 3 else reshape(array, (x.shape[0], math.prod(x.shape[1:])))
        line = rows if rows.ndim < 2 else reshape(rows, -1)
        return reshape(gathered(matrix, line), (*rows.shape, *x.shape[1:]))
    shape = (*rows.shape, *x.shape[1:])
    return Traced(builder, builder.add("gather", (array.number, rows.number), shape, x.node.kind))


def within(builder: Builder, places: Any, n: int) -> Traced:
    """Return places counted from the beginning, after a look at their range."""
    rows = traced(builder, places)
    low, high = int_range(builder, rows.number)
    if low < -n or high >= n:
        raise TraceError(
            f"places from {low} to {high} in an axis of {n}" if (low, high) != UNKNOWN else "an index whose range is not known",
            f"places are 0 to {n - 1}; an index comes from data or from the sequences of a loop",
        )
    if high < 0:
        return rows + n  # type: ignore[no-any-return]
    return elementwise("where", elementwise("lt", rows, 0), rows + n, rows) if low < 0 else rows


FUNCTIONS["index"] = index
FUNCTIONS["take"] = lambda x, places, axis=None: (
    index(reshape(x, -1), places) if axis is None else index(x, (*(slice(None),) * (axis % x.ndim), places))
)
