"""Errors of a target's own function: found between two chunks, and the run put back to where the chunk began.

A target that can fail has two plain Python methods: `private()` returns it with arrays of its own for one block of chains,
and `failure()` returns the error that its function met, or None.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine import observers
from stochinf.engine.block import Block
from stochinf.engine.checkpoint import Arrays, arrays_of
from stochinf.engine.session import Session

__all__ = ["Mark", "demand_success", "mark"]

CHANGING = ("picker", "schedule", "state", "picker_rng", "kernel_rng")

Mark = list[tuple[int, Arrays]]
"""Where each block stood: its step, and copies of what it changes."""


def mark(session: Session) -> Mark:
    """Note where the blocks stand, if their target can fail."""
    if not hasattr(session.plan.target, "failure"):
        return []
    return [(block.step, {name: array.copy() for name, array in _changing(block).items()}) for block in session.blocks]


def _changing(block: Block) -> Arrays:
    """Return what a block changes; of draws their number, since those beyond it are overwritten."""
    found: Arrays = {}
    for name in CHANGING:
        found |= arrays_of(getattr(block, name), name)
    for number, leaf in enumerate(observers.leaves(block.observer)):
        kept: Any = leaf.seen if hasattr(leaf, "grown") else leaf
        found |= arrays_of(kept, f"observer{number}")
    return found


def demand_success(session: Session, before: Mark) -> None:
    """Put the run back to where a chunk began and raise the target's error, if there is one.

    Raises
    ------
    DensityError
        Or what else the target's `failure()` returns.
    """
    failed = [error for block in session.blocks[: len(before)] if (error := block.target.failure()) is not None]
    if not failed:
        return
    for block, (step, kept) in zip(session.blocks, before, strict=True):
        block.step = step
        _copy_back(kept, _changing(block))
    session.interrupted, session.reason = True, str(failed[0])
    raise failed[0]


def _copy_back(kept: Arrays, arrays: dict[str, npt.NDArray[Any]]) -> None:
    for name, array in arrays.items():
        np.copyto(array, kept[name])
