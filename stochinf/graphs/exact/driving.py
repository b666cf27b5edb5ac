"""Run a kernel over its points once, in chunks between which Ctrl-C works; nothing is drawn and nothing observed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import Block, advance
from stochinf.engine.observers import Nothing
from stochinf.engine.pickers import Scan
from stochinf.engine.schedules import Constant

__all__ = ["run_points"]

NO_RANDOMNESS = np.zeros(4, np.uint64)
CHUNK = 3e7
"""Work between two looks at the keyboard, in cells."""


def run_points(
    kernel: Any, target: Any, state: Any, n: int, work: npt.NDArray[Any] | None = None, rng: npt.NDArray[np.uint64] | None = None
) -> None:
    """Visit points 0 to n - 1 in order; `work` tells what each costs, and a chunk ends when enough has been done."""
    stream = NO_RANDOMNESS.copy() if rng is None else rng
    block = Block(kernel, target, Scan(n), Constant(1.0), Nothing(), state, NO_RANDOMNESS.copy(), stream, 1)
    if work is None:
        advance(block, n)
        return
    done = np.cumsum(work)
    while block.step < n:
        before = done[block.step - 1] if block.step else 0.0
        stop = int(np.searchsorted(done, before + CHUNK, side="right"))
        advance(block, min(max(stop, block.step + 1), n) - block.step)
