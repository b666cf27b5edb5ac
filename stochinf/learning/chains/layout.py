r"""The arrays that chains of a graph with weights run on: single-variable terms, and factors that keep a counter.

A factor of one variable only adds to the log weights of states, the same in every chain: these are *terms*. Any other factor f
has, for every chain, a counter c and the log weight

.. math:: strength_f \; cell[start_f + c], \qquad
   c = \sum_j step_j x_j \text{ (a table)} \quad\text{or}\quad c = \sum_j step_j [x_j = literal_j] \text{ (a rule)},

so that a visit of a variable costs the same whatever the number of variables in its factors, and the active entry is at hand
when statistics are taken. Cells of tables are made of weights, :math:`base + w_k \phi`; those of rules are the values of the
function, and the weight is in the strength, :math:`w_k \phi_f`. Equal tables share their cells.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import MemoryLimitError
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.targets import IMPOSSIBLE
from stochinf.learning.model import Entries, Model, Rules

__all__ = ["ChainGraph", "chain_graph"]

Int16s = npt.NDArray[np.int16]
Int32s = npt.NDArray[np.int32]
Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

WORK = 4096
"""Literals and terms that a step visits at least, where there are as many."""

REACH = 2**31


@part(whole=True)
class ChainGraph(NamedTuple):
    """A graph with D weights that are learnt, numbered 0 ... D - 1 (`slot`), -1 standing for none.

    Attributes
    ----------
    cardinality : int32 (V,)
    field_start : int32 (V + 1,), field : float32
        Log weights of states that no weight to be learnt enters.
    term_start : int32 (V + 1,), term_state, term_slot : int32, term_value : float32
        What weights add to the states of each variable.
    entry_start : int32 (V + 1,), entry_factor, entry_literal, entry_step, entry_cell, entry_slot : int32, entry_value : float32
        The factors of each variable; the literal is -1 for tables. The last three repeat what is below, one after the other.
    factor_start, factor_slot : int32 (F,), factor_value : float32 (F,)
        Where the cells of a factor begin; its slot, and what multiplies it (-1: `factor_value` is the strength).
    cell_slot : int32, cell_value, cell_base : float32
    scope_start : int64 (F + 1,), scope, literal, step : int32
        To count from.
    block_start : int32 (B + 1,), block_factor_start : int32 (B + 1,), block_factors : int32
        Variables come in blocks, which are the points; each factor with a weight is taken statistics of in one of them.
    """

    cardinality: Int32s
    field_start: Int32s
    field: Singles
    term_start: Int32s
    term_state: Int32s
    term_slot: Int32s
    term_value: Singles
    entry_start: Int32s
    entry_factor: Int32s
    entry_literal: Int32s
    entry_step: Int32s
    entry_cell: Int32s
    entry_slot: Int32s
    entry_value: Singles
    factor_start: Int32s
    factor_slot: Int32s
    factor_value: Singles
    cell_slot: Int32s
    cell_value: Singles
    cell_base: Singles
    scope_start: npt.NDArray[np.int64]
    scope: Int32s
    literal: Int32s
    step: Int32s
    block_start: Int32s
    block_factor_start: Int32s
    block_factors: Int32s

    @property
    def n_variables(self) -> int:
        """V."""
        return self.cardinality.size

    @property
    def n_factors(self) -> int:
        """Factors that keep a counter."""
        return self.factor_slot.size

    @property
    def n_blocks(self) -> int:
        """B."""
        return self.block_start.size - 1

    @property
    def n_points(self) -> int:
        """Points of the pickers: the blocks."""
        return self.n_blocks

    def counters(self, states: npt.NDArray[Any]) -> Int32s:
        """Return the counters (F, lanes) of states (V, lanes)."""
        found = np.zeros((self.n_factors, states.shape[1]), np.int32)
        if self.scope.size:
            for lane in range(states.shape[1]):
                given = states[self.scope, lane]
                held = np.where(self.literal < 0, given * self.step, np.where(given == self.literal, self.step, 0))
                found[:, lane] = np.add.reduceat(held, self.scope_start[:-1])
        return found


class _Pieces(NamedTuple):
    """What tables and rules have in common."""

    cardinality: Int32s
    scope_start: npt.NDArray[np.int64]
    scope: Int32s
    literal: Int32s
    step: npt.NDArray[Any]
    start: npt.NDArray[np.int64]
    slot: Int32s
    value: Floats
    cell_slot: Int32s
    cell_value: Floats
    cell_base: Floats


def chain_graph(model: Model, blocks: int | None = None) -> ChainGraph:
    """Return the arrays of a model.

    Parameters
    ----------
    model : Model
    blocks : int, optional
        Into how many blocks to cut the variables; by default so many that a step has work enough for its D weights.

    Raises
    ------
    MemoryLimitError
        If there are more literals or entries than 32-bit numbers reach, or too little memory.
    """
    terms = model.terms
    slot = np.full(model.n_weights + 1, -1, np.int32)
    slot[model.learnt] = np.arange(model.learnt.size)
    literals = terms.scope.size
    most = max(literals, terms.base.size if isinstance(terms, Entries) else terms.levels.size)
    if most >= REACH:
        raise MemoryLimitError(f"{most} literals or entries: chains reach at most 2^31; use pieces of the graph")
    demand(132 * literals, f"{literals} literals")
    found = _of_entries(terms, slot, model.values) if isinstance(terms, Entries) else _of_rules(terms, slot, model.values)
    pieces, singles, field = found
    return _assembled(pieces, singles, field, model.learnt.size, blocks)


Singled = tuple[Int32s, npt.NDArray[Any], Int32s, Floats]


def _of_entries(terms: Entries, slot: Int32s, values: Floats) -> tuple[_Pieces, Singled, Floats]:
    """Return tables of more than one variable, the terms of the others, and log weights of states."""
    sizes, arity = np.diff(terms.table_start), np.diff(terms.scope_start)
    own = slot[terms.weight_id]
    settled = np.where((own < 0) & (terms.weight_id >= 0), np.append(values, 0.0)[terms.weight_id] * terms.feature, 0.0)
    base = np.maximum(terms.base + settled, IMPOSSIBLE)
    alone = np.repeat(arity == 1, sizes)
    variable = np.repeat(terms.scope[terms.scope_start[:-1][arity == 1]], sizes[arity == 1])
    state = np.flatnonzero(alone) - np.repeat(terms.table_start[:-1][arity == 1], sizes[arity == 1])
    starts = _starts(terms.cardinality)
    field = np.bincount(starts[variable] + state, base[alone], int(starts[-1])).astype(np.float64)
    used = own[alone] >= 0
    singles = (variable[used], state[used], own[alone][used], terms.feature[alone][used])
    many, kept = np.flatnonzero(arity > 1), np.repeat(arity > 1, arity)
    cells = np.repeat(arity > 1, sizes)
    columns = own[cells], np.where(own[cells] >= 0, terms.feature[cells], 0.0), base[cells]
    start, columns = _shared(sizes[many], *columns)
    scope_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity[many])])
    scope, none = terms.scope[kept], np.full(many.size, -1, np.int32)
    pieces = _Pieces(
        terms.cardinality, scope_start, scope, np.full(scope.size, -1, np.int32), terms.stride[kept], start, none,
        np.ones(many.size), *columns,
    )  # fmt: skip
    return pieces, singles, field


def _of_rules(terms: Rules, slot: Int32s, values: Floats) -> tuple[_Pieces, Singled, Floats]:
    """Return rules of more than one literal, the terms of the others, and log weights of states."""
    arity, own = np.diff(terms.scope_start), slot[terms.weight_id]
    value = np.where(own >= 0, terms.feature, terms.feature * values[terms.weight_id])
    starts, field = _starts(terms.cardinality), np.maximum(terms.field, IMPOSSIBLE)
    alone = np.flatnonzero(arity == 1)
    place, level = terms.scope_start[alone], terms.level_start[alone]
    gain = value[alone] * (terms.levels[level + 1] - terms.levels[level])
    variable, state, learnt = terms.scope[place], terms.literal[place], own[alone] >= 0
    field = field + np.bincount((starts[variable] + state)[~learnt], gain[~learnt], field.size)
    singles = (variable[learnt], state[learnt], own[alone][learnt], gain[learnt])
    many, kept = np.flatnonzero(arity > 1), np.repeat(arity > 1, arity)
    scope_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity[many])])
    levels = terms.levels
    pieces = _Pieces(
        terms.cardinality, scope_start, terms.scope[kept], terms.literal[kept], terms.step[kept], terms.level_start[many],
        own[many], value[many], np.full(levels.size, -1, np.int32), np.zeros(levels.size), levels,
    )  # fmt: skip
    return pieces, singles, field


def _shared(
    sizes: npt.NDArray[np.int64], slot: Int32s, value: Floats, base: Floats
) -> tuple[npt.NDArray[np.int64], tuple[Int32s, Floats, Floats]]:
    """Return where the cells of each table begin, equal tables sharing theirs, and the cells that are left."""
    begin = _starts(sizes)[:-1]
    start, kept, used = np.zeros(sizes.size, np.int64), [np.empty(0, np.int64)], 0
    for size in np.unique(sizes).tolist():
        tables = np.flatnonzero(sizes == size)
        places = begin[tables][:, None] + np.arange(size)
        rows = np.concatenate([slot[places].astype(np.float64), value[places], base[places]], axis=1)
        first, which = _kinds(rows)
        start[tables] = used + size * which
        kept.append(places[first].ravel())
        used += size * first.size
    cells = np.concatenate(kept)
    return start, (slot[cells], value[cells], base[cells])


def _kinds(rows: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the places of rows that differ, and which of them each row is; told apart by a hash, which is checked."""
    words = (rows + 0.0).view(np.uint64)
    odd = np.random.default_rng(0).integers(2**63, size=words.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    mixed = (words ^ (words >> np.uint64(29))) * odd
    keys = np.bitwise_xor.reduce(mixed ^ (mixed >> np.uint64(32)), axis=1)
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    if not np.array_equal(rows[first][which], rows):
        return np.arange(len(rows)), np.arange(len(rows))
    return first, which


def _assembled(pieces: _Pieces, singles: Singled, field: Floats, n_slots: int, blocks: int | None) -> ChainGraph:
    n = pieces.cardinality.size
    variable, state, slot, value = singles
    order, places = np.argsort(variable, kind="stable"), np.argsort(pieces.scope, kind="stable")
    factor = np.repeat(np.arange(pieces.slot.size), np.diff(pieces.scope_start))
    work = np.bincount(variable, minlength=n) + np.bincount(pieces.scope, minlength=n)
    learnt = int((pieces.cell_slot >= 0).sum())
    count = _blocks_for(int(work.sum()), n, max(n_slots, learnt)) if blocks is None else min(blocks, n)
    block_start = np.searchsorted(np.cumsum(work + 1.0), np.linspace(0, work.sum() + n, count + 1)[1:-1])
    block_start = np.unique(np.concatenate([[0], block_start, [n]]))
    arrays: Any = (
        pieces.cardinality, _starts(pieces.cardinality), _relative(field, pieces.cardinality),
        _starts(np.bincount(variable, minlength=n)), state[order], slot[order], value[order],
        _starts(np.bincount(pieces.scope, minlength=n)), factor[places], pieces.literal[places], pieces.step[places],
        pieces.start[factor[places]], pieces.slot[factor[places]], pieces.value[factor[places]],
        pieces.start, pieces.slot, pieces.value, pieces.cell_slot, pieces.cell_value, pieces.cell_base,
        pieces.scope_start, pieces.scope, pieces.literal, pieces.step, block_start, *_owned(pieces, block_start),
    )  # fmt: skip
    return ChainGraph(*arrays)


def _owned(pieces: _Pieces, block_start: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the factors with weights by the block of their first variable."""
    slots = np.append(np.cumsum(pieces.cell_slot >= 0), 0)
    if not pieces.slot.size:
        return np.zeros(block_start.size, np.int64), np.empty(0, np.int64)
    first = pieces.scope_start[:-1]
    sizes = np.multiply.reduceat(pieces.cardinality[pieces.scope].astype(np.int64), first)
    table = pieces.literal[first] < 0
    inside = slots[pieces.start + np.where(table, sizes, 1) - 1] - slots[pieces.start - 1] > 0
    learnt = np.flatnonzero((pieces.slot >= 0) | (table & inside))
    block = np.searchsorted(block_start, pieces.scope[pieces.scope_start[learnt]], side="right") - 1
    return _starts(np.bincount(block, minlength=block_start.size - 1)), learnt[np.argsort(block, kind="stable")]


def _blocks_for(work: int, n_variables: int, slots: int) -> int:
    """Return how many blocks: a step then has as many literals and terms as weights to move, and enough of them."""
    return int(max(1, min(n_variables, work // max(WORK, 4 * slots))))


def _starts(counts: Any) -> npt.NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _relative(field: Floats, cardinality: Int32s) -> Floats:
    """Return log weights of states less the largest of each variable."""
    highest = np.maximum.reduceat(field, _starts(cardinality)[:-1])
    relative: Floats = np.maximum(field - np.repeat(highest, cardinality), IMPOSSIBLE)
    return relative
