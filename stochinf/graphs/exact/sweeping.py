"""Kernels that go down a collected junction tree: draws from the joint distribution, and the most probable state."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import uniform
from stochinf.graphs.exact.junction_tree import CliqueTree
from stochinf.graphs.exact.messages import TreeState

__all__ = ["Backtrack", "ChoiceState", "Cumulate", "DrawState", "DrawTree"]

Int32s = npt.NDArray[np.int32]


class DrawState(NamedTuple):
    """States drawn, int32 (n, V), and the tables they are drawn from."""

    position: Int32s
    stats: npt.NDArray[np.float64]
    tables: npt.NDArray[np.float64]


class ChoiceState(NamedTuple):
    """The most probable state, int32 (1, V), and the rows in which the maxima lie."""

    position: Int32s
    stats: npt.NDArray[np.float64]
    choice: Int32s


@helper()
def row_of(target: CliqueTree, states: Int32s, row: int, c: int) -> int:
    """Return the position of the separator's states in the message of clique c."""
    s = 0
    for axis in range(target.axis_start[c] + target.residual[c], target.axis_start[c + 1]):
        v = target.axes[axis]
        s = s * target.size[v] + states[row, v]
    return s


@helper()
def write_block(target: CliqueTree, states: Int32s, row: int, c: int, r: int) -> None:
    """Write the states of the residual variables at position r of them."""
    first = target.axis_start[c]
    for axis in range(first + target.residual[c] - 1, first - 1, -1):
        v = target.axes[axis]
        states[row, v] = r % target.size[v]
        r //= target.size[v]


@part(single=True)
class Cumulate(NamedTuple):
    """Replace the conditionals of a clique by their running sums, so that a draw is a binary search."""

    unused: int = 0

    def update(self, target: CliqueTree, state: TreeState, point: int, rate: float, rng: Any) -> None:
        """Do one clique."""
        separator = target.message_start[point + 1] - target.message_start[point]
        first = target.table_start[point]
        for i in range(first + separator, first + target.cells[point]):
            state.tables[i] += state.tables[i - separator]


@part(single=True)
class DrawTree(NamedTuple):
    """Draw one configuration: the residual variables of each clique given its separator, from the roots down.

    A cell is chosen where the running sum first exceeds a uniform number strictly between 0 and the whole, so that a cell of
    weight zero never is.
    """

    unused: int = 0

    def update(self, target: CliqueTree, state: DrawState, point: int, rate: float, rng: Any) -> None:
        """Draw number `point`."""
        tables = state.tables
        for c in range(target.parent.size - 1, -1, -1):
            separator = target.message_start[c + 1] - target.message_start[c]
            first = target.table_start[c] + row_of(target, state.position, point, c)
            low, high = 0, target.cells[c] // separator - 1
            level = uniform(rng) * tables[first + high * separator]
            while low < high:
                middle = (low + high) // 2
                if tables[first + middle * separator] > level:
                    high = middle
                else:
                    low = middle + 1
            write_block(target, state.position, point, c, low)


@part(single=True)
class Backtrack(NamedTuple):
    """Read the most probable state off, from the roots down."""

    unused: int = 0

    def update(self, target: CliqueTree, state: ChoiceState, point: int, rate: float, rng: Any) -> None:
        """Do one clique; points count from the roots."""
        c = target.parent.size - 1 - point
        at = target.message_start[c] + row_of(target, state.position, 0, c)
        write_block(target, state.position, 0, c, state.choice[at])
