"""What message passing sees of a graph: factors of two or more variables, and what single variables bring along."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import FlatFactors
from stochinf.graphs.zeros.supports import spans, starts

__all__ = ["MessageGraph", "message_graph"]

Floats = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@part
class MessageGraph(NamedTuple):
    """Factors of two or more variables; factors over the same variables are one.

    Attributes
    ----------
    cardinality : int32 (V,)
    first : int64 (V + 1,)
        State s of variable i is number ``first[i] + s`` among all states.
    base : float64 (S,)
        Log weights of single variables, the largest of each variable 0; zeros are left out and counted in `barred`.
    barred : int32 (S,)
    entry_start, entry_factor : int64 (V + 1,), int32
        Factors of each variable.
    scope_start, scope, stride, table_start
        As in `FlatFactors`.
    place_first : int64 (P + 1,)
        Where the message of each place of ``scope`` lies.
    log_table : float64
        Log weights over `weight`, the largest of each table 0.
    table : float64
        exp(log_table).
    weight : float64 (F,)
        1, or how often a factor appears in the trees of a bound.
    constant : float
        What the log weights have beyond that: the log score is
        ``constant + sum_i (base - inf barred) + sum_f weight_f log_table_f``.
    """

    cardinality: Int32s
    first: Int64s
    base: Floats
    barred: Int32s
    entry_start: Int64s
    entry_factor: Int32s
    scope_start: Int64s
    scope: Int32s
    stride: Int64s
    table_start: Int64s
    place_first: Int64s
    log_table: Floats
    table: Floats
    weight: Floats
    constant: float

    @property
    def n_points(self) -> int:
        """Number of factors."""
        return self.weight.size

    def weighted(self, weight: Floats) -> MessageGraph:
        """Return the graph with weights for its factors."""
        log_table = self.log_table * np.repeat(self.weight / weight, np.diff(self.table_start))
        return self._replace(weight=weight, log_table=log_table, table=np.exp(log_table))


def message_graph(graph: FactorGraph) -> MessageGraph:
    """Return the arrays for message passing.

    Raises
    ------
    MemoryLimitError
        If they do not fit.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.variational.layout import message_graph
    >>> message_graph(si.FactorGraph([2, 2], [(0,), (0, 1), (1, 0)], [[1, 3], [1, 2, 3, 4], [1, 1, 1, 1]])).n_points
    1
    """
    flat = graph.flat
    demand(32 * flat.log_weights.size + 64 * flat.scope.size, f"messages of {graph.n_factors} factors")
    arity = np.diff(flat.scope_start)
    first = starts(flat.cardinality)
    base, barred, constant = _singles(graph, first)
    constant += float(flat.log_weights[flat.table_start[:-1][arity == 0]].sum())
    factors = _distinct(graph, np.flatnonzero(arity >= 2))
    sizes = np.diff(factors.table_start)
    logs = factors.log_weights
    if sizes.size:
        highest = np.maximum.reduceat(logs, factors.table_start[:-1])
        highest = np.where(np.isfinite(highest), highest, 0.0)
        logs = logs - np.repeat(highest, sizes)
        constant += float(highest.sum())
    members = np.diff(factors.scope_start)
    factor = np.repeat(np.arange(members.size), members).astype(np.int32)
    return MessageGraph(
        flat.cardinality, first, base, barred, starts(np.bincount(factors.scope, minlength=graph.n_variables)),
        factor[np.argsort(factors.scope, kind="stable")], factors.scope_start, factors.scope, factors.stride, factors.table_start,
        starts(flat.cardinality[factors.scope]), logs, np.exp(logs), np.ones(members.size), constant,
    )  # fmt: skip


def _singles(graph: FactorGraph, first: Int64s) -> tuple[Floats, Int32s, float]:
    """Add up the factors of one variable: log weights, counts of zeros, and what was subtracted."""
    flat = graph.flat
    one = np.flatnonzero(np.diff(flat.scope_start) == 1)
    variable = flat.scope[flat.scope_start[one]]
    sizes = flat.cardinality[variable]
    target, source = spans(first[variable], sizes), spans(flat.table_start[one], sizes)
    values = flat.log_weights[source]
    zero = np.isneginf(values)
    barred = np.bincount(target, zero, int(first[-1])).astype(np.int32)
    base = np.bincount(target, np.where(zero, 0.0, values), int(first[-1])).astype(np.float64)
    if not base.size:
        return base, barred, 0.0
    open_base = np.where(barred == 0, base, -np.inf)
    highest = np.maximum.reduceat(open_base, first[:-1])
    highest = np.where(np.isfinite(highest), highest, 0.0)
    return base - np.repeat(highest, flat.cardinality), barred, float(highest.sum())


def _distinct(graph: FactorGraph, chosen: Int64s) -> FlatFactors:
    """Return some factors of a graph, those over the same variables multiplied."""
    flat = graph.flat
    arity, sizes = np.diff(flat.scope_start)[chosen], np.diff(flat.table_start)[chosen]
    place, scope_start = spans(flat.scope_start[chosen], arity), starts(arity)
    logs = flat.log_weights[spans(flat.table_start[chosen], sizes)]
    kept = FlatFactors(flat.cardinality, scope_start, flat.scope[place], flat.stride[place], starts(sizes), logs)
    groups = _same_scope(kept, graph.n_variables)
    if not groups:
        return kept
    keep = np.ones(chosen.size, bool)
    for group in groups:
        members = [kept.scope[scope_start[f] : scope_start[f + 1]].tolist() for f in group]
        for f, order in zip(group[1:], members[1:], strict=True):
            table = logs[kept.table_start[f] : kept.table_start[f + 1]].reshape(flat.cardinality[order])
            turned = table.transpose([order.index(v) for v in members[0]]).ravel()
            logs[kept.table_start[group[0]] : kept.table_start[group[0] + 1]] += turned
            keep[f] = False
    left = np.flatnonzero(keep)
    place, entry = spans(scope_start[left], arity[left]), spans(kept.table_start[left], sizes[left])
    return FlatFactors(
        flat.cardinality, starts(arity[left]), kept.scope[place], kept.stride[place], starts(sizes[left]), logs[entry]
    )


def _same_scope(factors: FlatFactors, n_variables: int) -> list[list[int]]:
    """Return groups of two or more factors over the same variables."""
    arity = np.diff(factors.scope_start)
    found = []
    for m in np.unique(arity).tolist():
        which = np.flatnonzero(arity == m)
        rows = np.sort(factors.scope[factors.scope_start[which][:, None] + np.arange(m)], axis=1)
        order = np.lexsort(rows.T[::-1])
        same = (rows[order][1:] == rows[order][:-1]).all(axis=1)
        for group in np.split(which[order], np.flatnonzero(~same) + 1) if same.any() else ():
            if group.size > 1:
                found.append(sorted(group.tolist()))
    return found
