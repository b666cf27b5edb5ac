"""Logical factors as tables."""

from typing import TYPE_CHECKING

import numpy as np

from stochinf.engine.errors import MemoryLimitError
from stochinf.graphs.flat import MAX_ENTRIES, FlatFactors, Floats, Int64s, flat_factors

if TYPE_CHECKING:
    from stochinf.graphs.logic.graph import LogicalGraph

__all__ = ["tables_of"]


def tables_of(graph: "LogicalGraph", max_entries: int = MAX_ENTRIES) -> FlatFactors:
    """Return the factors of a logical graph as tables: one for each logical factor, then one for each weighted variable.

    Raises
    ------
    MemoryLimitError
        If the tables need more than ``max_entries`` entries; nothing was allocated.
    """
    logic, alone = graph.logic, graph.weighted()
    starts = np.concatenate([logic.scope_start, logic.scope_start[-1] + np.arange(1, alone.size + 1)])
    scope = np.concatenate([logic.scope, alone.astype(np.int32)])
    try:
        layout = flat_factors(graph.n_states, starts, scope, graph.variables, max_entries)
    except MemoryLimitError as error:
        raise MemoryLimitError(f"{error}; method='gibbs' needs no tables") from None
    logs = np.empty(int(layout.table_start[-1]))
    strength = logic.strength()
    for n in np.unique(np.diff(logic.scope_start)).tolist():
        _fill(graph, np.flatnonzero(np.diff(logic.scope_start) == n), n, strength, layout.table_start, logs)
    first = np.cumsum(graph.n_states) - graph.n_states
    for place, v in enumerate(alone.tolist(), logic.feature.size):
        logs[layout.table_start[place] : layout.table_start[place + 1]] = graph.field[first[v] : first[v] + graph.n_states[v]]
    return layout._replace(log_weights=logs)


def _fill(graph: "LogicalGraph", factors: Int64s, n: int, strength: Floats, table_start: Int64s, logs: Floats) -> None:
    """Write the tables of the factors of n literals: those of one shape, literals and function differ by their weight alone."""
    logic = graph.logic
    places = logic.scope_start[factors][:, None] + np.arange(n)
    shapes = graph.n_states[logic.scope[places]]
    key = np.concatenate([shapes, logic.literal[places], logic.step[places[:, -1:]], logic.level_start[factors][:, None]], axis=1)
    kinds, which = _kinds(key.astype(np.int64))
    order = np.argsort(which, kind="stable")
    groups = np.split(factors[order], np.cumsum(np.bincount(which))[:-1])
    for kind, members in zip(kinds.tolist(), groups, strict=True):
        shape, literals, head, level = kind[:n], kind[n : 2 * n], kind[2 * n], kind[2 * n + 1]
        count = np.zeros(shape, np.int64)
        for axis, (state, step) in enumerate(zip(literals, [1] * (n - 1) + [head], strict=True)):
            np.moveaxis(count, axis, 0)[state] += step
        table = logic.levels[level + count].reshape(-1)
        logs[table_start[members][:, None] + np.arange(table.size)] = strength[members][:, None] * table


def _kinds(rows: Int64s) -> tuple[Int64s, Int64s]:
    """Return the different rows of non-negative numbers, and which of them each row is."""
    which = np.zeros(len(rows), np.int64)
    first = np.zeros(1, np.int64)
    for column in rows.T:
        _, first, which = np.unique(which * (int(column.max()) + 1) + column, return_index=True, return_inverse=True)
    return rows[first], which
