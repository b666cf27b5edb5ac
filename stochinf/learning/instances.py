"""A model cut into parts that can be summed out alone, equal parts put together with all that was observed of them.

Variables that are given cut the graph: what they separate is independent once they are known. Parts with the same tables are one
part, observed more often. Of a part that many rows observe, equal rows are one with the sum of their weights; what is not
observed at all says nothing and is left out.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import MemoryLimitError
from stochinf.graphs.conditioning import old_entries
from stochinf.graphs.flat import FlatFactors, Floats, Int32s, Int64s, flat_factors
from stochinf.learning.alike import alike, distinct
from stochinf.learning.model import Model
from stochinf.learning.observations import Observations
from stochinf.learning.terms import Entries

__all__ = ["Instance", "instances", "learnt_entries"]

MOST_CASES = 2**16
"""Cases that the soft observations of one part may stand for."""


class Instance(NamedTuple):
    """A part of the model that nothing connects to another, and what was observed of it.

    Attributes
    ----------
    entries : Entries
        Its tables; `weight_id` counts the weights that are learnt.
    patterns : int32 (m, variables)
        Different observations, -1 for hidden.
    weights : float64 (m,)
        How often each was made.
    variables : int32
        The variables of the first of the parts that are alike, as numbered in the graph.
    """

    entries: Entries
    patterns: Int32s
    weights: Floats
    variables: Int32s

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Which patterns hide nothing, bool (m,)."""
        return np.asarray((self.patterns >= 0).all(axis=1), np.bool_)


def learnt_entries(model: Model) -> Entries:
    """Return a model's tables with fixed weights in the base, and numbers that count the learnt ones alone.

    Raises
    ------
    MemoryLimitError
        If logical factors have too many variables for tables.
    """
    entries = model.tabulated().entries
    if not model.fixed.any():
        return entries
    place = np.full(model.n_weights + 1, -1, np.int32)
    place[model.learnt] = np.arange(model.learnt.size)
    base = entries.log_tables(np.where(model.fixed, model.values, 0.0))
    return entries._replace(base=base, weight_id=place[entries.weight_id])


def instances(entries: Entries, observed: Observations, most: int | None = None) -> list[Instance]:
    """Return the different parts of a model.

    Parameters
    ----------
    entries : Entries
        From `learnt_entries`.
    observed : Observations
    most : int, optional
        Parts with inputs or soft observations, which are looked at one by one, beyond which none is returned.

    Raises
    ------
    MemoryLimitError
        If there are more than `most` such parts, or soft observations stand for too many cases.
    """
    label, order = _components(entries, ~observed.given)
    count = int(label.max(initial=-1)) + 1
    sorted_entries, ends = _sorted(entries, order, label)
    members = np.argsort(label, kind="stable").astype(np.int32)[np.count_nonzero(label < 0) :]
    starts = np.concatenate([[0], np.cumsum(np.bincount(label[label >= 0], minlength=count))])
    special = _special(sorted_entries, label, observed) | (np.diff(ends) == 0)
    found: dict[tuple[bytes, ...], _Gathered] = {}
    for same in alike(sorted_entries, ends, members, starts, np.flatnonzero(~special)):
        variables = members[starts[same][:, None] + np.arange(starts[same[0] + 1] - starts[same[0]])]
        part = _Part(sorted_entries, ends[same[0]], ends[same[0] + 1], variables[0])
        patterns = observed.rows[:, variables].reshape(-1, variables.shape[1])
        nothing = np.empty(0, np.int32)
        _add(found, part, nothing, nothing, patterns, np.repeat(observed.weights, len(variables)))
    single = np.flatnonzero(special & (np.diff(ends) > 0))
    if most is not None and single.size > most:
        raise MemoryLimitError(f"{single.size} independent parts with inputs or soft observations; {most} are taken one by one")
    for c in single.tolist():
        part = _Part(sorted_entries, ends[c], ends[c + 1], members[starts[c] : starts[c + 1]])
        _gather(found, part, observed)
    return [instance for gathered in found.values() if (instance := gathered.instance()) is not None]


def _special(entries: Entries, label: Int32s, observed: Observations) -> npt.NDArray[np.bool_]:
    """Return which parts have given variables beside them, or soft observations, bool (C,)."""
    found = np.zeros(int(label.max(initial=-1)) + 1, np.bool_)
    found[label[list(observed.soft)]] = True
    factor = np.repeat(np.arange(entries.n_factors), np.diff(entries.scope_start))
    part = np.full(entries.n_factors, -1, np.int64)
    np.maximum.at(part, factor, label[entries.scope])
    found[part[factor[observed.given[entries.scope]]]] = True
    return found


class _Part(NamedTuple):
    """Factors `first` to `last` of sorted tables, and the free variables they are about."""

    entries: Entries
    first: int
    last: int
    variables: Int32s

    def places(self) -> slice:
        starts = self.entries.scope_start
        return slice(int(starts[self.first]), int(starts[self.last]))

    def context(self) -> Int32s:
        """Return the given variables that its factors name."""
        return np.setdiff1d(self.entries.scope[self.places()], self.variables).astype(np.int32)

    def signature(self, context: Int32s, states: Int32s) -> tuple[bytes, ...]:
        """Return what equal parts have in common, once the context is known."""
        starts, tables = self.entries.scope_start, self.entries.table_start
        cells = slice(int(tables[self.first]), int(tables[self.last]))
        scope = self.entries.scope[self.places()]
        local = np.searchsorted(self.variables, scope).astype(np.int32)
        if context.size:
            inside = np.isin(scope, context)
            local[inside] = -1 - states[np.searchsorted(context, scope[inside])]
        arity = np.diff(starts[self.first : self.last + 1])
        values = self.entries.cardinality[scope], self.entries.cardinality[self.variables], arity, local
        rows = self.entries.weight_id[cells], self.entries.feature[cells], self.entries.base[cells]
        return tuple(array.tobytes() for array in (*values, *rows))

    def local(self, context: Int32s, states: Int32s) -> Entries:
        """Return its tables with the context put in."""
        whole, places = self.entries, self.places()
        scope, stride = whole.scope[places], whole.stride[places]
        kept = np.isin(scope, self.variables)
        factor = np.repeat(np.arange(self.last - self.first), np.diff(whole.scope_start[self.first : self.last + 1]))
        base = np.array(whole.table_start[self.first : self.last])
        if context.size:
            np.add.at(base, factor[~kept], stride[~kept] * states[np.searchsorted(context, scope[~kept])])
        arity = np.bincount(factor[kept], minlength=base.size)
        scope_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity)])
        cardinality = whole.cardinality[self.variables]
        local = np.searchsorted(self.variables, scope[kept]).astype(np.int32)
        layout = flat_factors(cardinality, scope_start, local, range(cardinality.size))
        state = np.concatenate([np.arange(k) for k in cardinality.tolist()])
        old = old_entries(layout, stride[kept], base, state)
        tables = (cardinality, layout.scope_start, layout.scope, layout.stride, layout.table_start)
        return Entries(*tables, whole.base[old], whole.weight_id[old], whole.feature[old])


class _Gathered:
    """One part, and the observations of all that are like it."""

    def __init__(self, entries: Entries, variables: Int32s) -> None:
        self.entries, self.variables = entries, variables
        self.patterns: list[Int32s] = []
        self.weights: list[Floats] = []

    def add(self, patterns: Int32s, weights: Floats) -> None:
        seen = (patterns >= 0).any(axis=1)
        if seen.any():
            self.patterns.append(patterns[seen])
            self.weights.append(weights[seen])

    def instance(self) -> Instance | None:
        """Return the part with its different observations, None where there are none."""
        if not self.patterns:
            return None
        rows, which = distinct(np.concatenate(self.patterns))
        weights: Floats = np.bincount(which, np.concatenate(self.weights)).astype(np.float64)
        return Instance(self.entries, np.ascontiguousarray(rows, dtype=np.int32), weights, self.variables)


def _gather(found: dict[tuple[bytes, ...], _Gathered], part: _Part, observed: Observations) -> None:
    """Add a part and what was observed of it, once for each state of its context."""
    context = part.context()
    rows, weights = _cases(observed, part.variables)
    if not context.size:
        _add(found, part, context, context, rows, weights)
        return
    states, which = distinct(observed.rows[:, context])
    for g, row in enumerate(states):
        inside = which == g if not observed.single else np.ones(len(rows), bool)
        _add(found, part, context, row, rows[inside], weights[inside])


def _add(
    found: dict[tuple[bytes, ...], _Gathered], part: _Part, context: Int32s, states: Int32s, rows: Int32s, weights: Floats
) -> None:
    if not (rows >= 0).any():
        return
    key = part.signature(context, states)
    if key not in found:
        found[key] = _Gathered(part.local(context, states), part.variables)
    found[key].add(rows, weights)


def _cases(observed: Observations, variables: Int32s) -> tuple[Int32s, Floats]:
    """Return observations of some variables: rows, or the cases that soft observations stand for."""
    rows = observed.rows[:, variables]
    soft = [(i, observed.soft[v]) for i, v in enumerate(variables.tolist()) if v in observed.soft] if observed.soft else []
    if not soft:
        return rows, observed.weights
    possible = [np.flatnonzero(chances).tolist() for _, chances in soft]
    count = float(np.prod([float(len(states)) for states in possible]))
    if count > MOST_CASES:
        raise MemoryLimitError(f"{len(soft)} soft observations in one part stand for {count:.3g} cases; at most {MOST_CASES}")
    cases = np.array(list(itertools.product(*possible)), np.int32)
    weights = np.prod([chances[cases[:, j]] for j, (_, chances) in enumerate(soft)], axis=0)
    found = np.repeat(rows, len(cases), axis=0)
    found[:, [i for i, _ in soft]] = cases
    return found, weights


def _components(entries: Entries, free: npt.NDArray[np.bool_]) -> tuple[Int32s, Int64s]:
    """Return the number of the part of each free variable (-1 for given ones), and the factors with a free one by part."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, n_factors = entries.cardinality.size, entries.n_factors
    factor = np.repeat(np.arange(n_factors), np.diff(entries.scope_start))
    inside = free[entries.scope]
    ties = (np.ones(np.count_nonzero(inside), np.int8), (entries.scope[inside], n + factor[inside]))
    label = connected_components(coo_array(ties, shape=(n + n_factors, n + n_factors)), directed=False)[1]
    names = np.unique(label[:n][free])
    number = np.full(int(label.max(initial=0)) + 1, -1, np.int32)
    number[names] = np.arange(names.size)
    touched = np.flatnonzero(np.bincount(factor[inside], minlength=n_factors))
    found = np.where(free, number[label[:n]], -1).astype(np.int32)
    of_factor = number[label[n + touched]]
    order = np.argsort(of_factor, kind="stable")
    return found, touched[order]


def _sorted(entries: Entries, order: Int64s, label: Int32s) -> tuple[Entries, Int64s]:
    """Return the tables of some factors in order, and where those of each part begin."""
    scopes, scope_start = _segments(entries.scope_start, order)
    cells, table_start = _segments(entries.table_start, order)
    scope = entries.scope[scopes]
    layout = FlatFactors(entries.cardinality, scope_start, scope, entries.stride[scopes], table_start, np.empty(0))
    found = Entries(*layout[:5], entries.base[cells], entries.weight_id[cells], entries.feature[cells])
    factor = np.repeat(np.arange(order.size), np.diff(scope_start))
    part = np.full(order.size, -1, np.int64)
    np.maximum.at(part, factor, label[scope])
    return found, np.searchsorted(part, np.arange(int(label.max(initial=-1)) + 2))


def _segments(starts: Int64s, order: Int64s) -> tuple[Int64s, Int64s]:
    """Return the places of some segments, one after the other, and where each begins."""
    sizes = np.diff(starts)[order]
    new = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    return np.repeat(starts[order] - new[:-1], sizes) + np.arange(int(new[-1])), new
