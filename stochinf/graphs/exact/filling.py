"""Fill the tables of cliques: products of factors and messages, built up axis by axis in the first-level cache.

A table is cut into stretches of up to `INNER` cells, which differ in their last axes alone. Within a stretch the operands come
in the order of the last axis that they depend on: the product over the leading axes is worked out first and then repeated for
each state of the next axis, so that most operands touch few cells. Where an operand's entries for the cells of a stretch lie
is worked out once; from one stretch to the next only its offset changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.graphs.exact.junction_tree import CliqueTree

__all__ = ["RUN", "advance_digits", "fill", "moved", "places", "runs"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Places = npt.NDArray[np.uint64]

RUN = 8
"""Cells in a row from which on a run is worth a loop of its own."""


@helper()
def fill(algebra: Any, target: CliqueTree, state: Any, c: int, careful: bool) -> None:
    """Write the product of all operands into the table of clique c."""
    first, split = target.axis_start[c], target.split[c]
    begin, end = target.operand_start[c], target.operand_start[c + 1]
    stretches = prepare_operands(target, state, c)
    coarse = begin
    while coarse < end and target.operand_level[coarse] <= split:
        coarse += 1
    inner = target.cells[c] // stretches
    at = target.table_start[c]
    for _ in range(stretches):
        value = algebra.unit()
        for o in range(begin, coarse):
            b = state.pool[state.offset[o - begin]]
            if careful:
                state.lost[0] += algebra.lost(value, b, algebra.joined(value, b))
            value = algebra.joined(value, b)
        state.tables[at] = value
        axis, n = split, 1
        for o in range(coarse, end):
            n = grow(state.tables, target.axis_size, at, n, first + axis, first + target.operand_level[o])
            axis = target.operand_level[o]
            place, entries = state.place[o - begin], state.pool[state.offset[o - begin] :]
            cells, where = state.tables[at : at + n], state.near[place : place + n]
            if careful:
                state.lost[0] += lost_products(algebra, cells, entries, where)
            multiply(algebra, cells, entries, where, state.constant[o - begin], state.dense[o - begin])
        grow(state.tables, target.axis_size, at, n, first + axis, target.axis_start[c + 1])
        at += inner
        a = advance_digits(state.digits, target.axis_size, first, split)
        for o in range(begin, end):
            state.offset[o - begin] += moved(target.axis_size, target.strides, first, split, a, target.operand_row[o])


@helper()
def prepare_operands(target: CliqueTree, state: Any, c: int) -> int:
    """Work out where the entries of the operands lie for the cells of a stretch; return the number of stretches."""
    first, split = target.axis_start[c], target.split[c]
    stretches = 1
    for a in range(split):
        stretches *= target.axis_size[first + a]
        state.digits[a] = 0
    free = 0
    begin = target.operand_start[c]
    for o in range(begin, target.operand_start[c + 1]):
        level, row = target.operand_level[o], target.operand_row[o]
        state.offset[o - begin] = target.operand_source[o]
        state.place[o - begin] = free
        if level > split:
            free += places(state.near, target.axis_size, target.strides, free, first, split, level, row)
            constant, dense = runs(target.axis_size, target.strides, first, split, level, row)
            state.constant[o - begin] = constant
            state.dense[o - begin] = dense
    return stretches


@helper()
def places(index: Places, sizes: Int64s, strides: Int64s, free: int, first: int, split: int, level: int, row: int) -> int:
    """Write the places in an operand of the cells over the axes from `split` to `level`; return how many there are."""
    n = 1
    where = index[free:]
    where[0] = np.uint64(0)
    for axis in range(level - 1, split - 1, -1):
        stride = strides[row + axis]
        k = sizes[first + axis]
        for s in range(1, k):
            shifted = where[s * n :]
            distance = np.uint64(s * stride)
            for i in range(n):
                shifted[i] = np.uint64(where[i] + distance)
        n *= k
    return n


@helper()
def runs(sizes: Int64s, strides: Int64s, first: int, split: int, level: int, row: int) -> tuple[int, int]:
    """Return how many neighbouring cells meet one entry of the operand, or neighbouring entries."""
    constant, dense = 1, 1
    same, following = True, True
    for axis in range(level - 1, split - 1, -1):
        k, stride = sizes[first + axis], strides[row + axis]
        same = same and (stride == 0 or k == 1)
        following = following and (stride == dense or k == 1)
        if same:
            constant *= k
        if following:
            dense *= k
    return constant, dense


@helper()
def advance_digits(digits: Int64s, sizes: Int64s, first: int, split: int) -> int:
    """Count the digits of the first axes up by one; return the axis that was increased, -1 after the last position."""
    a = split - 1
    while a >= 0:
        digits[a] += 1
        if digits[a] < sizes[first + a]:
            break
        digits[a] = 0
        a -= 1
    return a


@helper()
def moved(sizes: Int64s, strides: Int64s, first: int, split: int, a: int, row: int) -> Any:
    """Return how far an operand's offset moves when axis a is increased and those behind it begin anew."""
    if a < 0:
        return np.int64(0)
    distance = strides[row + a]
    for axis in range(a + 1, split):
        distance -= (sizes[first + axis] - 1) * strides[row + axis]
    return distance


@helper()
def grow(tables: Floats, sizes: Int64s, at: int, n: int, axis: int, level: int) -> int:
    """Repeat each of n cells for the axes from `axis` to `level`, in place; return how many there are then."""
    k = 1
    while axis < level:
        k *= sizes[axis]
        axis += 1
    if k > 1:
        repeat(tables[at : at + n * k], n, k)
    return n * k


@helper()
def repeat(cells: Floats, n: int, k: int) -> None:
    """Repeat the first n cells k times each, in place, the last first."""
    if k == 2:
        for j in range(n):
            i = np.uint64(n - 1 - j)
            value = cells[i]
            cells[np.uint64(i + i)] = value
            cells[np.uint64(np.uint64(i + i) + np.uint64(1))] = value
        return
    for j in range(n):
        first = (n - 1 - j) * k
        value = cells[np.uint64(n - 1 - j)]
        for s in range(k):
            cells[np.uint64(first + s)] = value


@helper()
def multiply(algebra: Any, cells: Floats, entries: Floats, where: Places, constant: int, dense: int) -> None:
    """Multiply the first cells of a stretch by an operand."""
    if constant >= RUN:
        for j in range(0, cells.size, constant):
            by_one(algebra, cells[j : j + constant], entries[where[j]])
    elif dense >= RUN:
        for j in range(0, cells.size, dense):
            by_many(algebra, cells[j : j + dense], entries[np.int64(where[j]) :])
    else:
        by_index(algebra, cells, entries, where)


@helper()
def lost_products(algebra: Any, cells: Floats, entries: Floats, where: Places) -> int:
    """Return how many products come to nothing."""
    lost = 0
    for i in range(cells.size):
        a, b = cells[i], entries[where[i]]
        lost += algebra.lost(a, b, algebra.joined(a, b))
    return lost


@helper(reorder=True)
def by_one(algebra: Any, cells: Floats, b: float) -> None:
    """Multiply cells by one entry."""
    for i in range(cells.size):
        cells[i] = algebra.joined(cells[i], b)


@helper(reorder=True)
def by_many(algebra: Any, cells: Floats, entries: Floats) -> None:
    """Multiply cells by as many entries."""
    for i in range(cells.size):
        cells[i] = algebra.joined(cells[i], entries[i])


@helper(reorder=True)
def by_index(algebra: Any, cells: Floats, entries: Floats, where: Places) -> None:
    """Multiply cells by the entries that the index names."""
    for i in range(cells.size):
        cells[i] = algebra.joined(cells[i], entries[where[i]])
