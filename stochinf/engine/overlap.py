"""No two arrays of a run share memory: compiled code counts on it, and a saved run restores each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.checkpoint import arrays_of
from stochinf.engine.errors import StochinfError

__all__ = ["check_overlap"]


def check_overlap(blocks: list[Any]) -> None:
    """Demand that what the blocks change overlaps neither itself nor what they read.

    Raises
    ------
    StochinfError
        Naming the two arrays and the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace as Block
    >>> from stochinf.engine.overlap import check_overlap
    >>> x = np.zeros(4)
    >>> check_overlap([Block(kernel=(), target=(), state=(x, x[1:]), observer=(), picker=(), schedule=())])
    Traceback (most recent call last):
    ...
    stochinf.engine.errors.StochinfError: state.0 and state.1 share memory; make one of them a copy
    """
    first = blocks[0]
    spans = [*spans_of(first.target, "target"), *spans_of(first.kernel, "kernel")]
    reading = len(spans)
    for number, block in enumerate(blocks):
        prefix = f"block {number}: " if number else ""
        for name in ("state", "observer", "picker", "schedule"):
            spans += spans_of(getattr(block, name), prefix + name)
    changed = {place for _, _, place in spans[reading:]}
    reached, before = 0, ""
    for start, stop, place in sorted(spans):
        if start < reached and (place in changed or before in changed):
            raise StochinfError(f"{before} and {place} share memory; make one of them a copy")
        if stop > reached:
            reached, before = stop, place


def spans_of(value: Any, place: str) -> list[tuple[int, int, str]]:
    """Return where the arrays inside a part begin and end in memory, by name."""
    return [(*_bounds(array), name) for name, array in arrays_of(value, place).items() if array.size]


def _bounds(array: npt.NDArray[Any]) -> tuple[int, int]:
    start = int(array.__array_interface__["data"][0])
    return start, start + (array.nbytes if array.flags.c_contiguous else int(np.abs(array.strides).max()) * max(array.shape))
