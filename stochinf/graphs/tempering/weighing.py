"""The log weights of all lanes at once, for code between chunks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.block import Block, advance
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.schedules import Constant

__all__ = ["Weighing", "weigh_lanes"]


@part(reorder=True)
class Weighing(NamedTuple):
    """A step writes the log weight of the configuration in every lane; it moves nothing."""

    move: Any

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Weigh all lanes."""
        self.move.weigh(target, state)


def weigh_lanes(move: Any, target: Any, state: Any) -> None:
    """Write the log weights of all lanes to `state.score`, in compiled code: `move.weigh` itself is plain Python here."""
    nothing = np.zeros(4, np.uint64)
    block = Block(Weighing(move), target, Scan(1), Constant(1.0), Nothing(), state, nothing, nothing.copy(), state.score.size)
    advance(block, 1)
