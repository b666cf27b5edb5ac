"""Kernels that send messages over a junction tree: a step is one message, the points are the cliques.

References
----------
Lauritzen, S. L. and Spiegelhalter, D. J. (1988). Local computations with probabilities on graphical structures and their
application to expert systems. JRSS B 50(2), section 5.
Jensen, F. V., Lauritzen, S. L. and Olesen, K. G. (1990). Bayesian updating in causal probabilistic networks by local
computations. Computational Statistics Quarterly 4.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.graphs.exact.algebra import TINY
from stochinf.graphs.exact.filling import RUN, advance_digits, fill, moved, places, runs
from stochinf.graphs.exact.junction_tree import INNER, CliqueTree

__all__ = ["Collect", "Distribute", "TreeState", "tree_state"]

Floats = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Places = npt.NDArray[np.uint64]

STRIP = 512
"""Columns of a table that are done together: they stay in the first-level cache."""

SAFE = math.log(TINY)
"""Products of entries that cannot be smaller than this need no watching."""


class TreeState(NamedTuple):
    """Tables and messages of a junction tree.

    Attributes
    ----------
    position : float64 (sum of n_states,)
        Marginal probabilities.
    pool : float64
        The factors' tables, then the messages.
    tables : float64
        The cliques' tables.
    scale : float64 (C,)
        Logarithm of what each message was divided by.
    least : float64 (F + C,)
        Logarithm of the smallest positive entry of each factor and message, the largest being 1.
    lost : int64 (1,)
        Products of positive numbers that came to nothing.
    digits, near, offset, place, constant, dense : int64
        Work space of `stochinf.graphs.exact.filling`: a position; places of neighbouring cells in each operand; where each
        operand is, where its places begin, and how long its runs are.
    fold : float64
        Work space: a table over the residual variables of one clique.
    total : float64 (STRIP,)
        Work space: sums of neighbouring columns.
    choice : int32
        The row in which the maximum behind each entry of a message lies.
    """

    position: Floats
    stats: Floats
    pool: Floats
    tables: Floats
    scale: Floats
    least: Floats
    lost: Int64s
    digits: Int64s
    near: Places
    offset: Int64s
    place: Int64s
    constant: Int64s
    dense: Int64s
    fold: Floats
    total: Floats
    choice: npt.NDArray[np.int32]


def tree_state(tree: CliqueTree, factors: int, entries: int, cells: int, fold: int, choices: int) -> TreeState:
    """Allocate the state: `entries` in `factors` tables, `cells` of cliques, work space and choices."""
    widest = int(np.diff(tree.axis_start).max(initial=1))
    operands = np.diff(tree.operand_start)
    most = int(operands.max(initial=1))
    places = int((operands * tree.stretch).max(initial=1)) + max(INNER, int(tree.size.max(initial=1)))
    work = [np.zeros(most, np.int64) for _ in range(4)]
    return TreeState(
        np.zeros(int(tree.state_start[-1])), np.empty(0), np.zeros(entries + int(tree.message_start[-1])), np.empty(cells),
        np.zeros(tree.n_points), np.zeros(factors + tree.n_points), np.zeros(1, np.int64), np.zeros(widest, np.int64),
        np.zeros(places, np.uint64), work[0], work[1], work[2], work[3], np.empty(fold), np.empty(STRIP),
        np.empty(choices, np.int32),
    )  # fmt: skip


@part(single=True)
class Collect(NamedTuple):
    """Fill the table of a clique and send its message to the parent, children first."""

    algebra: Any

    def update(self, target: CliqueTree, state: TreeState, point: int, rate: float, rng: Any) -> None:
        """Multiply factors and messages in and close the clique; where it could underflow, watch every product."""
        c = point
        bound = 0.0
        for o in range(target.operand_start[c], target.operand_start[c + 1]):
            bound += state.least[target.operand_number[o]]
        fill(self.algebra, target, state, c, bound < SAFE)
        separator = target.message_start[c + 1] - target.message_start[c]
        at, source = target.table_start[c], target.message_source[c]
        table, message = state.tables[at : at + target.cells[c]], state.pool[source : source + separator]
        choice = state.choice[target.message_start[c] : target.message_start[c] + separator]
        state.scale[c] = self.algebra.close(table, message, state.total, choice)
        state.least[state.least.size - target.parent.size + c] = self.algebra.least(message)


@part(single=True)
class Distribute(NamedTuple):
    """Turn conditionals into joint probabilities, parents first, and sum them into the marginals of the variables.

    The probabilities of a clique are those of its separator, summed from the parent's, times the conditional in its table.
    """

    unused: int = 0

    def update(self, target: CliqueTree, state: TreeState, point: int, rate: float, rng: Any) -> None:
        """Do one clique; points count from the roots."""
        c = target.parent.size - 1 - point
        separator = target.message_start[c + 1] - target.message_start[c]
        block = target.cells[c] // separator
        at, source = target.table_start[c], target.message_source[c]
        p = target.parent[c]
        if p >= 0:
            for s in range(separator):
                state.pool[source + s] = 0.0
            add_up(target, state, p, source, target.message_row[c])
        for r in range(block):
            row = at + r * separator
            if p >= 0:
                weigh(state.tables[row : row + separator], state.pool[source : source + separator])
            state.fold[r] = total(state.tables[row : row + separator])
        first = target.axis_start[c]
        peel(state.fold[:block], state.position, target.axes, target.size, target.state_start, first, first + target.residual[c])


@helper()
def weigh(cells: Floats, weights: Floats) -> None:
    """Multiply conditional probabilities by those of the separator."""
    for s in range(cells.size):
        cells[s] *= weights[s]


@helper()
def add_up(target: CliqueTree, state: TreeState, p: int, source: int, row: int) -> None:
    """Add the cells of the table of clique p to the entries of a message: the reverse of multiplying."""
    first, split = target.axis_start[p], target.split[p]
    level = target.axis_start[p + 1] - first
    inner = places(state.near, target.axis_size, target.strides, 0, first, split, level, row)
    constant, dense = runs(target.axis_size, target.strides, first, split, level, row)
    for a in range(split):
        state.digits[a] = 0
    offset = source
    begin, index = target.table_start[p], state.near[:inner]
    for start in range(begin, begin + target.cells[p], inner):
        cells, entries = state.tables[start : start + inner], state.pool[offset:]
        if constant >= RUN:
            for j in range(0, inner, constant):
                entries[index[j]] += total(cells[j : j + constant])
        elif dense >= RUN:
            for j in range(0, inner, dense):
                place = np.int64(index[j])
                add_many(cells[j : j + dense], entries[place:])
        else:
            for i in range(inner):
                entries[index[i]] += cells[i]
        a = advance_digits(state.digits, target.axis_size, first, split)
        offset += moved(target.axis_size, target.strides, first, split, a, row)


@helper()
def add_many(cells: Floats, entries: Floats) -> None:
    """Add cells to as many entries."""
    for i in range(cells.size):
        entries[i] += cells[i]


@helper(reorder=True)
def total(values: Floats) -> float:
    """Return the sum of an array."""
    result = 0.0
    for i in range(values.size):
        result += values[i]
    return result


@helper()
def peel(folded: Floats, position: Floats, axes: Int32s, size: Int32s, start: Int64s, first: int, end: int) -> None:
    """Take the marginals of the residual variables from the folded table, summing out one after the other."""
    n = folded.size
    for axis in range(first, end):
        v = axes[axis]
        k = size[v]
        n //= k
        out = position[start[v] : start[v + 1]]
        whole = 0.0
        for s in range(k):
            out[s] = total(folded[s * n : s * n + n])
            whole += out[s]
        if whole > 0.0:
            for s in range(k):
                out[s] /= whole
        for s in range(1, k):
            add_many(folded[s * n : s * n + n], folded)
