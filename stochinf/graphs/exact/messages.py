"""Kernels that send messages over a junction tree: a step is one message, the points are the cliques.

References
----------
Lauritzen, S. L. and Spiegelhalter, D. J. (1988). Local computations with probabilities on graphical structures and their
application to expert systems. JRSS B 50(2), section 5.
Jensen, F. V., Lauritzen, S. L. and Olesen, K. G. (1990). Bayesian updating in causal probabilistic networks by local
computations. Computational Statistics Quarterly 4.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.graphs.exact.junction_tree import INNER, CliqueTree

__all__ = ["Collect", "Distribute", "TreeState", "tree_state"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

RUN = 8
"""Cells in a row from which on a run is worth a loop of its own."""


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
    lost : int64 (1,)
        Products of positive numbers that came to nothing.
    digits, index : int64
        Work space: a position, and places of neighbouring cells in an operand.
    fold : float64
        Work space: a table over the residual variables of one clique.
    choice, choice_from : int32, int64 (1,)
        Where in its block the maximum behind each entry of a message lies, and the first message's place in the pool.
    """

    position: Floats
    stats: Floats
    pool: Floats
    tables: Floats
    scale: Floats
    lost: Int64s
    digits: Int64s
    index: Int64s
    fold: Floats
    choice: npt.NDArray[np.int32]
    choice_from: Int64s


def tree_state(tree: CliqueTree, entries: int, cells: int, fold: int, choices: int) -> TreeState:
    """Allocate the state: `entries` of factors, `cells` of tables, work space and choices."""
    widest = int(np.diff(tree.axis_start).max(initial=1))
    return TreeState(
        np.zeros(int(tree.state_start[-1])), np.empty(0), np.zeros(entries + int(tree.message_start[-1])), np.empty(cells),
        np.zeros(tree.n_points), np.zeros(1, np.int64), np.zeros(widest, np.int64),
        np.zeros(max(INNER, int(tree.size.max(initial=1))), np.int64), np.empty(fold), np.empty(choices, np.int32),
        np.array([entries], np.int64),
    )  # fmt: skip


@part(single=True)
class Collect(NamedTuple):
    """Fill the table of a clique and send its message to the parent, children first."""

    algebra: Any

    def update(self, target: CliqueTree, state: TreeState, point: int, rate: float, rng: Any) -> None:
        """Multiply factors and messages in, the shortest tables first, then close the clique."""
        c = point
        at = target.table_start[c]
        state.tables[at] = self.algebra.unit()
        first, end = target.axis_start[c], target.axis_start[c + 1]
        axis, n = first, 1
        for o in range(target.operand_start[c], target.operand_start[c + 1]):
            level = first + target.operand_level[o]
            while axis < level:
                spread(state.tables, at, n, target.size[target.axes[axis]])
                n *= target.size[target.axes[axis]]
                axis += 1
            multiply(self.algebra, target, state, at, n, level - first, first, target.operand_source[o], target.operand_row[o])
        while axis < end:
            spread(state.tables, at, n, target.size[target.axes[axis]])
            n *= target.size[target.axes[axis]]
            axis += 1
        separator = target.message_start[c + 1] - target.message_start[c]
        state.scale[c] = self.algebra.close(state, at, target.message_source[c], separator, n // separator)


@helper()
def spread(tables: Floats, at: int, n: int, k: int) -> None:
    """Repeat each of n cells k times, in place."""
    if k == 1:
        return
    for i in range(n - 1, -1, -1):
        value = tables[at + i]
        for s in range(k):
            tables[at + i * k + s] = value


@helper()
def multiply(
    algebra: Any, target: CliqueTree, state: TreeState, at: int, n: int, level: int, first: int, source: int, row: int
) -> None:
    """Multiply an operand into the first n cells of a table, whose leading `level` axes it depends on.

    The places of up to INNER neighbouring cells in the operand are worked out once; from one such stretch to the next only
    their common offset changes.
    """
    split = stretch(target, state, first, level, row)
    inner = state.digits[0]
    constant, dense = runs(target, first, split, level, row)
    for a in range(split):
        state.digits[a] = 0
    offset = source
    for start in range(at, at + n, inner):
        if constant >= RUN:
            for j in range(0, inner, constant):
                by_one(algebra, state, start + j, constant, offset + state.index[j])
        elif dense >= RUN:
            for j in range(0, inner, dense):
                by_many(algebra, state, start + j, dense, offset + state.index[j])
        else:
            by_index(algebra, state, start, inner, offset)
        offset = step(target, state, first, split, row, offset)


@helper()
def stretch(target: CliqueTree, state: TreeState, first: int, level: int, row: int) -> int:
    """Work the index of the innermost axes out; return the number of axes outside, and write the cells to `digits[0]`."""
    axis, inner = level, 1
    state.index[0] = 0
    while axis > 0 and (inner == 1 or inner * target.size[target.axes[first + axis - 1]] <= INNER):
        axis -= 1
        stride = target.strides[row + axis]
        for s in range(1, target.size[target.axes[first + axis]]):
            for i in range(inner):
                state.index[s * inner + i] = state.index[i] + s * stride
        inner *= target.size[target.axes[first + axis]]
    state.digits[0] = inner
    return axis


@helper()
def runs(target: CliqueTree, first: int, split: int, level: int, row: int) -> tuple[int, int]:
    """Return how many neighbouring cells meet one entry of the operand, or neighbouring entries."""
    constant, dense = 1, 1
    same, following = True, True
    for axis in range(level - 1, split - 1, -1):
        k, stride = target.size[target.axes[first + axis]], target.strides[row + axis]
        same = same and (stride == 0 or k == 1)
        following = following and (stride == dense or k == 1)
        if same:
            constant *= k
        if following:
            dense *= k
    return constant, dense


@helper()
def step(target: CliqueTree, state: TreeState, first: int, split: int, row: int, offset: int) -> int:
    """Move to the next stretch: count the outer axes up, and return the operand's offset there."""
    a = split - 1
    while a >= 0:
        stride = target.strides[row + a]
        state.digits[a] += 1
        offset += stride
        if state.digits[a] < target.size[target.axes[first + a]]:
            break
        offset -= state.digits[a] * stride
        state.digits[a] = 0
        a -= 1
    return offset


@helper(reorder=True)
def by_one(algebra: Any, state: TreeState, start: int, n: int, place: int) -> None:
    """Multiply n cells by one entry."""
    b = state.pool[place]
    tables = state.tables
    lost = 0
    for i in range(start, start + n):
        a = tables[i]
        tables[i] = algebra.joined(a, b)
        lost += algebra.lost(a, b, tables[i])
    state.lost[0] += lost


@helper(reorder=True)
def by_many(algebra: Any, state: TreeState, start: int, n: int, place: int) -> None:
    """Multiply n cells by n entries."""
    tables, pool = state.tables, state.pool
    lost = 0
    for i in range(n):
        a, b = tables[start + i], pool[place + i]
        tables[start + i] = algebra.joined(a, b)
        lost += algebra.lost(a, b, tables[start + i])
    state.lost[0] += lost


@helper(reorder=True)
def by_index(algebra: Any, state: TreeState, start: int, n: int, offset: int) -> None:
    """Multiply n cells by the entries that the index names."""
    tables, pool, index = state.tables, state.pool, state.index
    lost = 0
    for i in range(n):
        a, b = tables[start + i], pool[offset + index[i]]
        product = algebra.joined(a, b)
        tables[start + i] = product
        lost += algebra.lost(a, b, product)
    state.lost[0] += lost


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
            level = target.axis_start[p + 1] - target.axis_start[p]
            first, row = target.axis_start[p], target.message_row[c]
            add_up(target, state, target.table_start[p], target.cells[p], level, first, source, row)
            for s in range(separator):
                b = state.pool[source + s]
                for i in range(at + s * block, at + (s + 1) * block):
                    state.tables[i] *= b
        fold(state, at, separator, block)
        peel(target, state, c, block)


@helper()
def add_up(target: CliqueTree, state: TreeState, at: int, n: int, level: int, first: int, source: int, row: int) -> None:
    """Add the cells of a table to the entries of a smaller one: the reverse of `multiply`."""
    split = stretch(target, state, first, level, row)
    inner = state.digits[0]
    constant, dense = runs(target, first, split, level, row)
    for a in range(split):
        state.digits[a] = 0
    offset = source
    tables, pool, index = state.tables, state.pool, state.index
    for start in range(at, at + n, inner):
        if constant >= RUN:
            for j in range(0, inner, constant):
                pool[offset + index[j]] += total(tables, start + j, constant)
        elif dense >= RUN:
            for j in range(0, inner, dense):
                place = offset + index[j]
                for i in range(dense):
                    pool[place + i] += tables[start + j + i]
        else:
            for i in range(inner):
                pool[offset + index[i]] += tables[start + i]
        offset = step(target, state, first, split, row, offset)


@helper(reorder=True)
def total(values: Floats, first: int, n: int) -> float:
    """Return the sum of n numbers."""
    result = 0.0
    for i in range(first, first + n):
        result += values[i]
    return result


@helper()
def fold(state: TreeState, at: int, separator: int, block: int) -> None:
    """Sum a table over its separator."""
    tables, folded = state.tables, state.fold
    for r in range(block):
        folded[r] = tables[at + r]
    if block < RUN:
        for r in range(block):
            result = 0.0
            for s in range(separator):
                result += tables[at + s * block + r]
            folded[r] = result
        return
    for s in range(1, separator):
        first = at + s * block
        for r in range(block):
            folded[r] += tables[first + r]


@helper()
def peel(target: CliqueTree, state: TreeState, c: int, block: int) -> None:
    """Take the marginals of the residual variables from the folded table, summing out one after the other."""
    folded = state.fold
    n = block
    for axis in range(target.axis_start[c] + target.separator[c], target.axis_start[c + 1]):
        v = target.axes[axis]
        k = target.size[v]
        n //= k
        whole = 0.0
        for s in range(k):
            p = total(folded, s * n, n)
            state.position[target.state_start[v] + s] = p
            whole += p
        if whole > 0.0:
            for s in range(k):
                state.position[target.state_start[v] + s] /= whole
        for s in range(1, k):
            for i in range(n):
                folded[i] += folded[s * n + i]
