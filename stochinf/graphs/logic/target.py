"""What compiled code sees of a logical graph: for each variable its factors, and what its state changes there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import MemoryLimitError
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.colouring import colour_classes
from stochinf.graphs.flat import Int64s
from stochinf.graphs.logic.graph import LogicalGraph
from stochinf.graphs.targets import IMPOSSIBLE

__all__ = ["LogicGraph", "logic_target"]

Int32s = npt.NDArray[np.int32]
Float32s = npt.NDArray[np.float32]

_MOST_PAIRS = 200_000
"""Pairs of variables that share a factor up to which they are coloured; beyond, every variable has a colour of its own."""


@part
class LogicGraph(NamedTuple):
    r"""Logical factors by counters.

    With c the sum of steps of the literals of factor f that hold, those of variable i aside, the state literal of variable i
    is better than any other of its states by

    .. math:: w_f (levels[c + step] - levels[c]) = w_f \, gain[c].

    Attributes
    ----------
    cardinality : int32 (V,)
    field_start : int32 (V + 1,), field : float32
        Log weights of the states of each variable, those of factors of a single literal included; `IMPOSSIBLE` for zeros.
    entry_start : int32 (V + 1,)
        Variable i lies in the factors ``entry_factor[entry_start[i]:entry_start[i + 1]]``.
    entry_factor, entry_literal, entry_step, entry_gain : int32
        Factor, the state that makes the literal true, its step, and where its gains begin.
    entry_weight : float32
    gain : float32
    scope_start : int64 (F + 1,), scope, literal, step : int32
        The factors of more than one literal, to count from.
    free, clamped, first_slot, colour_start, colour_members : int32
        As in `stochinf.graphs.targets.TableGraph`.
    """

    cardinality: Int32s
    field_start: Int32s
    field: Float32s
    entry_start: Int32s
    entry_factor: Int32s
    entry_literal: Int32s
    entry_step: Int32s
    entry_gain: Int32s
    entry_weight: Float32s
    gain: Float32s
    scope_start: Int64s
    scope: Int32s
    literal: Int32s
    step: Int32s
    free: Int32s
    clamped: Int32s
    first_slot: Int32s
    colour_start: Int32s
    colour_members: Int32s

    @property
    def n_points(self) -> int:
        """Number of free variables."""
        return self.free.size

    def variables(self, positions: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.int16]]:
        """Return state indices as int16 of shape (chain, draw, node)."""
        return {"state": positions.astype(np.int16)}

    def counts(self, states: npt.NDArray[Any]) -> Int32s:
        """Return the counters (F, lanes) of states (V, lanes)."""
        counters = np.zeros((self.scope_start.size - 1, states.shape[1]), np.int32)
        if self.scope.size:
            for lane in range(states.shape[1]):
                held = np.where(states[self.scope, lane] == self.literal, self.step, 0)
                counters[:, lane] = np.add.reduceat(held, self.scope_start[:-1])
        return counters


def logic_target(graph: LogicalGraph, clamped: Int32s | None = None) -> LogicGraph:
    """Return the compiled form of a logical graph.

    Parameters
    ----------
    graph : LogicalGraph
    clamped : int32 (V,), optional
        State index of evidence variables, -1 for free ones.

    Raises
    ------
    MemoryLimitError
        If there are more literals or states than 32-bit offsets can reach, or too little memory.
    """
    evidence = np.full(graph.n_variables, -1, np.int32) if clamped is None else clamped
    logic, cardinality = graph.logic, graph.n_states
    if max(logic.scope.size, graph.field.size, 2 * logic.levels.size) >= 2**31:
        raise MemoryLimitError(f"{logic.scope.size} literals and {graph.field.size} states: a sampler reaches at most 2^31")
    demand(64 * logic.scope.size + 8 * graph.field.size, f"{logic.scope.size} literals")
    field_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(cardinality)])
    arity, strength = np.diff(logic.scope_start), logic.strength()
    rules = np.flatnonzero(arity > 1)
    places = np.repeat(arity > 1, arity)
    factor = np.repeat(np.arange(rules.size), arity[rules])
    scope, literal, step = logic.scope[places], logic.literal[places], logic.step[places]
    gain, gain_start = _gains(logic.levels, logic.level_start[rules][factor], step, arity[rules][factor])
    order = np.argsort(scope, kind="stable")
    entry_start = np.concatenate([[0], np.cumsum(np.bincount(scope, minlength=cardinality.size))])
    free = np.flatnonzero(evidence < 0).astype(np.int32)
    wide = np.where(cardinality > 2, cardinality, 1) * (evidence < 0)
    scope_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity[rules])])
    arrays = (
        factor[order].astype(np.int32), literal[order], step[order], gain_start[order].astype(np.int32),
        strength[rules][factor][order].astype(np.float32), gain.astype(np.float32), scope_start, scope, literal, step,
        free, evidence, np.concatenate([[0], np.cumsum(wide)]).astype(np.int32),
    )  # fmt: skip
    field = _field(graph, field_start).astype(np.float32)
    colours = _colours(scope_start, scope, free, cardinality.size)
    return LogicGraph(cardinality, field_start.astype(np.int32), field, entry_start.astype(np.int32), *arrays, *colours)


def _field(graph: LogicalGraph, field_start: Int64s) -> npt.NDArray[np.float64]:
    """Return the log weights of states, factors of a single literal added up in them."""
    logic, field = graph.logic, graph.field.copy()
    single = np.flatnonzero(np.diff(logic.scope_start) == 1)
    place = logic.scope_start[single]
    gains = logic.strength()[single] * (logic.levels[logic.level_start[single] + 1] - logic.levels[logic.level_start[single]])
    np.add.at(field, field_start[logic.scope[place]] + logic.literal[place], gains)
    highest = np.maximum.reduceat(field, field_start[:-1])
    relative: npt.NDArray[np.float64] = np.maximum(field - np.repeat(highest, graph.n_states), IMPOSSIBLE)
    return relative


def _gains(
    levels: npt.NDArray[np.float64], level_start: Int64s, step: Int32s, arity: Int64s
) -> tuple[npt.NDArray[np.float64], Int64s]:
    """Return what a literal gains by the sum of the others, for each kind of literal, and where those of each literal begin."""
    if not step.size:
        return np.empty(0), np.empty(0, np.int64)
    kinds, first, which = np.unique(2 * level_start + (step > 1), return_index=True, return_inverse=True)
    headed = set((kinds[kinds % 2 == 1] // 2).tolist())
    pieces = []
    for kind, move, n in zip(kinds.tolist(), step[first].tolist(), arity[first].tolist(), strict=True):
        start, top = kind // 2, 2 * n if kind // 2 in headed else n + 1
        pieces.append(levels[start + move : start + top] - levels[start : start + top - move])
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum([piece.size for piece in pieces])])
    return np.concatenate(pieces), begins[:-1][which]


def _colours(scope_start: Int64s, scope: Int32s, free: Int32s, n_variables: int) -> tuple[Int32s, Int32s]:
    arity = np.diff(scope_start)
    if (arity.astype(np.float64) ** 2).sum() > _MOST_PAIRS:
        return np.arange(free.size + 1, dtype=np.int32), np.arange(free.size, dtype=np.int32)
    pairs = [np.empty(0, np.int64)]
    for size in np.unique(arity).tolist():
        members = scope[scope_start[:-1][arity == size][:, None] + np.arange(size)].astype(np.int64)
        left, right = np.nonzero(~np.eye(size, dtype=bool))
        pairs.append((members[:, left] * n_variables + members[:, right]).ravel())
    near, far = np.divmod(np.unique(np.concatenate(pairs)), n_variables)
    start = np.concatenate([[0], np.cumsum(np.bincount(near, minlength=n_variables))])
    return colour_classes(free, start, far.astype(np.int32))
