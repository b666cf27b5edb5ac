r"""Junction trees as flat arrays: cliques, the tables they need, and what is multiplied into each.

A clique is a table over its residual variables r and its separator s, which it shares with its parent. The residual axes come
first, the separator's follow in the order in which the parent has them, so that the message

.. math:: m_c(s) = \sum_r T_c(r, s)

adds contiguous rows, and so that the factors, each of which has a residual variable, depend on few leading axes. Cliques are
numbered so that children come before their parents.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import MemoryLimitError
from stochinf.engine.parts import part
from stochinf.graphs.exact.elimination import Elimination
from stochinf.graphs.exact.layout import cut_tables, factor_strides, merge_cliques, message_strides, order_axes
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["CliqueTree", "clique_tree"]

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

INNER = 1024
"""Cells whose places in an operand are worked out once and used for a whole table."""


@part(whole=True)
class CliqueTree(NamedTuple):
    """The layout of a junction tree.

    Attributes
    ----------
    size : int32 (V,)
        States of each variable.
    state_start : int64 (V + 1,)
        Where its probabilities lie in the flat result.
    parent : int64 (C,)
        Clique that each clique sends its message to; -1 for a root.
    axis_start, axes : int64 (C + 1,), int32
        Variables of each clique, the last fastest.
    axis_size : int64
        States of each axis.
    residual : int64 (C,)
        How many of the axes, the first, do not lie in the parent.
    split, stretch : int64 (C,)
        How many axes stay outside of stretches of up to `INNER` cells, and the size of those.
    cells, table_start, message_start : int64 (C,), (C + 1,), (C + 1,)
        Size of each table; where tables and messages lie.
    operand_start : int64 (C + 1,)
        Operands of each clique: factors and messages of children, those first that leave out the most last axes.
    operand_source, operand_level, operand_row, operand_number : int64
        Where in the pool an operand's table begins; how many leading axes it depends on; where its strides begin; the number of
        the factor, or of factors plus that of the child.
    strides : int64
        For each operand, one stride for each axis of its clique.
    message_row : int64 (C,)
        Where the strides of the clique's message over the parent's axes begin.
    message_source : int64 (C,)
        Where the message lies in the pool: behind the tables of the factors.
    """

    size: Int32s
    state_start: Int64s
    parent: Int64s
    axis_start: Int64s
    axes: Int32s
    axis_size: Int64s
    residual: Int64s
    split: Int64s
    stretch: Int64s
    cells: Int64s
    table_start: Int64s
    message_start: Int64s
    operand_start: Int64s
    operand_source: Int64s
    operand_level: Int64s
    operand_row: Int64s
    operand_number: Int64s
    strides: Int64s
    message_row: Int64s
    message_source: Int64s

    @property
    def n_points(self) -> int:
        """Number of cliques."""
        return self.parent.size


def clique_tree(graph: FactorGraph, plan: Elimination) -> CliqueTree:
    """Lay out the junction tree of a plan.

    Raises
    ------
    MemoryLimitError
        If the plan was given up because no tree is small enough.
    """
    if not plan.complete:
        raise MemoryLimitError(f"{graph}: every elimination order tried needs too many cells; use a sampler, or more evidence")
    flat = graph.flat
    rank, clique_of, parent, residual_start, residual, near_start, near = _cliques(graph, plan)
    n_residual = np.diff(residual_start)
    axis_start = _starts(np.diff(near_start) + n_residual)
    axes = np.empty(int(axis_start[-1]), np.int32)
    order_axes(parent, axis_start, residual_start, residual, near_start, near, axes, np.empty(graph.n_variables, np.int64))
    sizes = flat.cardinality[axes].astype(np.int64)
    cells, message_start = _sizes(graph, axis_start, axes, n_residual)
    home = _homes(graph, rank, clique_of)
    operands = _operands(graph, parent, n_residual, axis_start, axes, message_start, home)
    split, stretch = np.empty(parent.size, np.int64), np.empty(parent.size, np.int64)
    cut_tables(axis_start, axes, flat.cardinality, INNER, split, stretch)
    return CliqueTree(
        flat.cardinality, _starts(flat.cardinality), parent, axis_start, axes, sizes, n_residual, split, stretch, cells,
        _starts(cells), message_start, *operands,
    )  # fmt: skip


def _starts(lengths: Any) -> Int64s:
    """Return where consecutive pieces begin, and where the last ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _cliques(graph: FactorGraph, plan: Elimination) -> tuple[Any, ...]:
    """Return maximal cliques in the order in which they end: parents, residual variables and separators."""
    n = graph.n_variables
    rank, up, chain, top = (np.empty(n, np.int64) for _ in range(4))
    merge_cliques(plan.order, plan.clique_start, plan.members, rank, up, chain, top)
    firsts = np.flatnonzero(chain == np.arange(n))
    firsts = firsts[np.argsort(top[firsts])]
    number = np.empty(n, np.int64)
    number[firsts] = np.arange(firsts.size)
    clique_of = number[chain]
    above = up[top[firsts]]
    parent = np.where(above >= 0, clique_of[above], -1)
    by_clique = np.argsort(clique_of, kind="stable")
    residual_start = _starts(np.bincount(clique_of, minlength=firsts.size))
    counts = np.diff(plan.clique_start)[top[firsts]]
    near_start = _starts(counts)
    places = np.repeat(plan.clique_start[top[firsts]] - near_start[:-1], counts) + np.arange(near_start[-1])
    return rank, clique_of, parent, residual_start, plan.order[by_clique], near_start, plan.members[places]


def _sizes(graph: FactorGraph, axis_start: Int64s, axes: Int32s, n_residual: Int64s) -> tuple[Int64s, Int64s]:
    logs = _starts_of_floats(np.log(graph.n_states.astype(np.float64))[axes])
    cells = np.rint(np.exp(logs[axis_start[1:]] - logs[axis_start[:-1]]))
    message = np.rint(np.exp(logs[axis_start[1:]] - logs[axis_start[:-1] + n_residual]))
    return cells.astype(np.int64), _starts(message)


def _starts_of_floats(values: Floats) -> Floats:
    return np.concatenate([np.zeros(1), np.cumsum(values)])


def _homes(graph: FactorGraph, rank: Int64s, clique_of: Int64s) -> Int64s:
    """Return the clique of each factor: that of the variable of its scope that goes first; -1 for constants."""
    flat = graph.flat
    home = np.full(graph.n_factors, -1, np.int64)
    wide = np.flatnonzero(np.diff(flat.scope_start) > 0)
    if wide.size:
        home[wide] = clique_of[np.minimum.reduceat(rank[flat.scope], flat.scope_start[wide])]
    return home


def _operands(
    graph: FactorGraph, parent: Int64s, n_residual: Int64s, axis_start: Int64s, axes: Int32s, message_start: Int64s, home: Int64s
) -> tuple[Int64s, ...]:
    """Return what is multiplied into each clique, with strides: factors at home in it, and messages of its children."""
    flat = graph.flat
    wide, below = np.flatnonzero(home >= 0), np.flatnonzero(parent >= 0)
    clique = np.concatenate([home[wide], parent[below]])
    widths = np.diff(axis_start)[clique]
    rows = _starts(widths)
    strides, level = np.empty(int(rows[-1]), np.int64), np.empty(clique.size, np.int64)
    scope_start = np.append(flat.scope_start[wide], flat.scope_start[-1])
    factor_strides(home[wide], scope_start, flat.scope, flat.stride, axis_start, axes, rows[: wide.size], strides, level)
    message_row, message_level = np.zeros(parent.size, np.int64), np.zeros(parent.size, np.int64)
    message_row[below] = rows[wide.size : -1]
    message_strides(parent, axis_start, n_residual, axes, flat.cardinality, message_row, strides, message_level)
    message_source = flat.log_weights.size + message_start[:-1]
    level[wide.size :] = message_level[below]
    source = np.concatenate([flat.table_start[:-1][wide], message_source[below]])
    number = np.concatenate([wide, graph.n_factors + below])
    order = np.lexsort((level, clique))
    operand_start = _starts(np.bincount(clique, minlength=parent.size))
    return operand_start, source[order], level[order], rows[:-1][order], number[order], strides, message_row, message_source
