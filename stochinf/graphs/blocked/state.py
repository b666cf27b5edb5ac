"""What a block changes, and how states are kept: as indices or as spins."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.graphs.lane_state import starting_states

__all__ = ["BlockState", "Indices", "Spins"]

Float32s = npt.NDArray[np.float32]


class BlockState(NamedTuple):
    """A `LaneState` with work space for a block.

    Attributes
    ----------
    position, stats, words, potential, level, offset, sums, squares, shift, recent
        As in `LaneState`.
    tables, messages : float32 (rows, lanes)
    total : float32 (lanes,)
    """

    position: npt.NDArray[Any]
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    potential: Float32s
    level: Float32s
    offset: npt.NDArray[np.int32]
    sums: Float32s
    squares: Float32s
    shift: Float32s
    recent: Float32s
    tables: Float32s
    messages: Float32s
    total: Float32s


@part
class Indices(NamedTuple):
    """States kept as they are."""

    unused: int = 0

    def start(self, target: Any, position: Any, streams: Any) -> Any:
        """Return state indices (V, lanes)."""
        return np.ascontiguousarray(starting_states(target, position, streams), dtype=np.int32)

    def read(self, position: Any, v: int, l: int) -> int:
        """Return the state of a variable in a lane."""
        return position[v, l]  # type: ignore[no-any-return]

    def write(self, position: Any, v: int, l: int, state: int) -> None:
        """Set the state of a variable in a lane."""
        position[v, l] = state


@part
class Spins(NamedTuple):
    """States kept as spins -1 and +1."""

    unused: int = 0

    def start(self, target: Any, position: Any, streams: Any) -> Any:
        """Return spins (V, lanes); positions are given as the draws are."""
        indices = (np.asarray(position) + 1) // 2 if position is not None and target.spin_labels else position
        return np.ascontiguousarray(2 * starting_states(target, indices, streams) - 1, dtype=np.float32)

    def read(self, position: Any, v: int, l: int) -> int:
        """Return the state of a spin in a lane."""
        return np.int32(1) if position[v, l] > np.float32(0.0) else np.int32(0)  # type: ignore[return-value]

    def write(self, position: Any, v: int, l: int, state: int) -> None:
        """Set the spin of a variable in a lane."""
        position[v, l] = np.float32(2 * state - 1)
