"""A block: the chains that one thread runs together, with everything they change."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from stochinf.engine.explain import explained
from stochinf.engine.loop import fill_points, iterate
from stochinf.engine.rates import write_rates

__all__ = ["Block", "advance", "advance_elsewhere"]

TAPE = 65536
"""Points on a tape: it stays in the second-level cache, and its filling is not felt."""

NEVER = 2**62

_KEPT = threading.local()


@dataclass
class Block:
    """What a stretch of a run needs and changes.

    Attributes
    ----------
    kernel, target, picker, schedule, observer : parts
        Immutable but for the arrays of picker, schedule and observer, which are this block's own.
    state : NamedTuple of arrays
    picker_rng, kernel_rng : ndarray of uint64, shape (4,)
    step : int
        Steps done.
    observe_from, every : int
        The observer looks `every` steps after `observe_from`, and so on.
    lanes : int
        Chains in the block.
    """

    kernel: Any
    target: Any
    picker: Any
    schedule: Any
    observer: Any
    state: Any
    picker_rng: Any
    kernel_rng: Any
    lanes: int
    observe_from: int = 0
    every: int = 1
    step: int = 0

    def observations(self, step: int) -> int:
        """Return how many times the observer has looked once `step` steps are done."""
        return max(0, (step - self.observe_from) // self.every)


def advance(block: Block, steps: int) -> Block:
    """Run a block for some steps, a tape at a time; the result does not depend on how steps are cut into calls."""
    batch = int(getattr(block.picker, "batch", 0))
    longest = max(1, TAPE // max(1, batch))
    end = block.step + steps
    parts = (block.kernel, block.target, block.state, block.observer, block.picker, block.schedule)
    with explained(*parts), _tapes(min(steps, longest), batch) as (points, rates):
        while block.step < end:
            length = min(end - block.step, longest)
            _stretch(block, points[:length], rates[:length])
            block.step += length
    return block


@contextlib.contextmanager
def _tapes(size: int, batch: int) -> Iterator[tuple[Any, Any]]:
    """Lend the thread's tapes, whose memory is at hand; new ones where they are too short, or lent to a run around this one."""
    kept = _KEPT.__dict__.pop("tapes", None)
    if size * max(1, batch) > TAPE:
        points, rates = np.empty(size * batch, np.int64), np.empty(size)
    else:
        points, rates = kept or (np.empty(TAPE, np.int64), np.empty(TAPE))
        kept = points, rates
    try:
        taken = points[: size * max(1, batch)]
        yield taken.reshape(size, batch) if batch else taken, rates[:size]
    finally:
        if kept:
            _KEPT.tapes = kept


def _stretch(block: Block, points: Any, rates: Any) -> None:
    since = block.step - block.observe_from
    first = block.every - since % block.every if since >= 0 else min(NEVER, block.every - since)
    fill_points(block.picker, points, block.step, block.picker_rng)
    write_rates(block.schedule, rates, block.step)
    iterate(block.kernel, block.target, block.state, block.observer, points, rates, block.kernel_rng, first, block.every)


def advance_elsewhere(block: Block, steps: int, blas_on_one_thread: bool, parent: int) -> Block:
    """Run a block for an executor; in a process other than `parent`, Ctrl-C is the parent's business."""
    from stochinf.engine.threads import single_threaded_blas

    if os.getpid() != parent and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with single_threaded_blas(blas_on_one_thread):
        return advance(block, steps)
