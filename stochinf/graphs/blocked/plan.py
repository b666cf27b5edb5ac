"""What drawing a block needs, as flat arrays: steps, tables, and where in them the rest of the model comes in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.graphs.blocked.cutsets import Step
from stochinf.graphs.targets import SpinGraph

__all__ = ["BlockPlan", "Factors", "block_plan", "factors_of", "neighbourhoods"]

Int32s = npt.NDArray[np.int32]
Float32s = npt.NDArray[np.float32]

FEW = 4
"""States of a variable up to which comparing costs less than gathering."""


class Factors(NamedTuple):
    """Factors of a target: scopes, strides and log tables, as in `TableGraph`."""

    scope_start: Int32s
    scope: Int32s
    stride: Int32s
    table_start: Int32s
    log_tables: Float32s


@part
class BlockPlan(NamedTuple):
    """Steps of all blocks, in order of elimination.

    A step eliminates a variable with k states, given the states s of those that follow and that it interacts with. Its table
    has the rows s k + x. Factors with variables outside of the block are read for each lane; all others are in `fixed`.

    Attributes
    ----------
    block_start : int32 (B + 1,)
        Steps of each block.
    variable, size, states : int32 (N,)
        Variable of each step, its states, and how many states the variables that it depends on have together.
    counted : int32 (N,)
        1 where this step adds its probabilities to the sums: each variable has one such step.
    later_start, later, later_stride : int32
        Variables that a step depends on, and how far apart their states lie in s.
    table, message : int32 (N,)
        Rows of the block's work space where the step's table and message begin.
    fixed_start, fixed : int32 (N,), float32
        Log weights of the factors inside the block, by row.
    near_start : int32 (N + 1,)
        Factors of each step that reach out of the block; the next five are by such factor.
    near_table : int32
        Where the factor's log table begins.
    near_stride : int32
        How far apart the states of the step's variable lie in it where it has no other variable of the block, else -1.
    near_size : int32
        States of the one other variable of the factor where it has one of few states, outside of the block; else 0.
    near_map : int32
        Where in `maps` the places of all rows begin, otherwise.
    outer_start, outer, outer_stride : int32
        Variables outside of the block of each factor, and how far apart their states lie in its table.
    parent, child_map : int32 (N,)
        The step to which a step sends its message, and where in `maps` the message's places for the rows of that begin.
    child_start, child : int32
        Steps whose messages come in.
    maps : int32
    """

    block_start: Int32s
    variable: Int32s
    size: Int32s
    states: Int32s
    counted: Int32s
    later_start: Int32s
    later: Int32s
    later_stride: Int32s
    table: Int32s
    message: Int32s
    fixed_start: Int32s
    fixed: Float32s
    near_start: Int32s
    near_table: Int32s
    near_stride: Int32s
    near_size: Int32s
    near_map: Int32s
    outer_start: Int32s
    outer: Int32s
    outer_stride: Int32s
    parent: Int32s
    child_map: Int32s
    child_start: Int32s
    child: Int32s
    maps: Int32s

    @property
    def rows(self) -> tuple[int, int]:
        """Rows of the largest block's tables and messages."""
        ends = self.block_start[1:] - 1
        last = ends[ends >= 0]
        messages = self.message[last] + self.states[last]
        return int(self.table_rows[last].max(initial=1)), int(messages.max(initial=1))

    @property
    def table_rows(self) -> Any:
        """Where each step's table ends."""
        sizes = np.diff(np.append(self.fixed_start, self.fixed.size))
        return self.table + sizes


def factors_of(target: Any) -> Factors:
    """Return the factors of a target; fields and couplings of spins become tables."""
    if not isinstance(target, SpinGraph):
        return Factors(target.scope_start, target.scope, target.stride, target.table_start, target.log_tables)
    n = target.field.size
    tail = np.repeat(np.arange(n), np.diff(target.start))
    once = tail < target.neighbours
    pairs = np.stack([tail[once], target.neighbours[once]], axis=1)
    coupling = target.coupling[once][:, None] * np.array([1, -1, -1, 1], np.float32)
    field = target.field[:, None] * np.array([-1, 1], np.float32)
    arity = np.repeat([1, 2], [n, len(pairs)])
    return Factors(
        np.concatenate([[0], np.cumsum(arity)]).astype(np.int32),
        np.concatenate([np.arange(n), pairs.ravel()]).astype(np.int32),
        np.concatenate([np.ones(n), np.tile([2, 1], len(pairs))]).astype(np.int32),
        np.concatenate([[0], np.cumsum(2**arity)]).astype(np.int32),
        np.concatenate([field.ravel(), coupling.ravel()]).astype(np.float32),
    )


def neighbourhoods(factors: Factors, free: Int32s, n_variables: int) -> list[set[int]]:
    """Return the free variables that share a factor with each free variable."""
    is_free = np.zeros(n_variables, bool)
    is_free[free] = True
    near: list[set[int]] = [set() for _ in range(n_variables)]
    start, scope = factors.scope_start.tolist(), factors.scope.tolist()
    for f in range(len(start) - 1):
        members = [v for v in scope[start[f] : start[f + 1]] if is_free[v]]
        if len(members) > 1:
            for v in members:
                near[v].update(members)
    for v in range(n_variables):
        near[v].discard(v)
    return near


def block_plan(factors: Factors, cardinality: Int32s, blocks: list[list[Step]]) -> BlockPlan:
    """Lay out the steps of all blocks."""
    writer = _Writer(factors, cardinality)
    for block in blocks:
        writer.add(block)
    return writer.plan()


class _Writer:
    """Lists that become the arrays of a plan."""

    def __init__(self, factors: Factors, cardinality: Int32s) -> None:
        self.factors = factors
        self.sizes = cardinality.tolist()
        self.lists: dict[str, list[Any]] = {name: [] for name in BlockPlan._fields}
        for name in ("block_start", "later_start", "near_start", "outer_start", "child_start"):
            self.lists[name].append(0)
        self.maps: list[Int32s] = []
        self.mapped = 0
        self.map_at: dict[Any, int] = {}
        self.places: dict[Any, npt.NDArray[np.int64]] = {}
        self.scope_start, self.table_start = factors.scope_start.tolist(), factors.table_start.tolist()
        self.scope, self.stride = factors.scope.tolist(), factors.stride.tolist()
        self.fixed: list[Float32s] = []
        self.fixed_size = 0
        self.counted: set[int] = set()
        order = np.argsort(factors.scope, kind="stable")
        owner = np.repeat(np.arange(factors.scope_start.size - 1), np.diff(factors.scope_start))[order]
        first = np.concatenate([[0], np.cumsum(np.bincount(factors.scope, minlength=cardinality.size))])
        self.of = [rows.tolist() for rows in np.split(owner, first[1:-1])]

    def add(self, block: list[Step]) -> None:
        rank = {v: i for i, (v, _) in enumerate(block)}
        base = len(self.lists["variable"])
        done: set[int] = set()
        children: list[list[int]] = [[] for _ in block]
        table = message = 0
        laters = [sorted(later, key=rank.__getitem__, reverse=True) for _, later in block]
        for i, (v, _) in enumerate(block):
            later = laters[i]
            k, states = self.sizes[v], int(np.prod([self.sizes[u] for u in later], dtype=np.int64))
            self._step(v, k, states, later, table, message)
            self._factors(v, later, states * k, rank, done)
            up = min((rank[u] for u in later), default=-1)
            self._up(base, up, later, block, laters)
            if up >= 0:
                children[up].append(base + i)
            table, message = table + states * k, message + states
        for below in children:
            self.lists["child"] += below
            self.lists["child_start"].append(len(self.lists["child"]))
        self.lists["block_start"].append(base + len(block))

    def _step(self, v: int, k: int, states: int, later: list[int], table: int, message: int) -> None:
        lists = self.lists
        lists["variable"].append(v)
        lists["size"].append(k)
        lists["states"].append(states)
        lists["counted"].append(int(v not in self.counted))
        self.counted.add(v)
        lists["later"] += later
        lists["later_stride"] += _strides([self.sizes[u] for u in later])
        lists["later_start"].append(len(lists["later"]))
        lists["table"].append(table)
        lists["message"].append(message)
        lists["fixed_start"].append(self.fixed_size)

    def _factors(self, v: int, later: list[int], rows: int, rank: dict[int, int], done: set[int]) -> None:
        """Sort the factors whose first variable to go is v into those inside the block and those that reach out."""
        factors, lists = self.factors, self.lists
        fixed = np.zeros(rows, np.float32)
        for f in self.of[v]:
            if f in done:
                continue
            done.add(f)
            first, last = self.scope_start[f], self.scope_start[f + 1]
            strides = dict(zip(self.scope[first:last], self.stride[first:last], strict=True))
            outside = [u for u in strides if u not in rank]
            inside = [u for u in later if u in strides]
            begin = self.table_start[f]
            if outside and not inside:
                lists["near_stride"].append(strides[v])
                lists["near_map"].append(0)
            else:
                axes = [*later, v]
                key = (tuple(strides.get(u, 0) for u in axes), tuple(self.sizes[u] for u in axes))
                if not outside:
                    fixed += factors.log_tables[begin + self._places(key)]
                    continue
                lists["near_stride"].append(-1)
                lists["near_map"].append(self._map(key))
            alone = len(outside) == 1 and not inside and self.sizes[outside[0]] <= FEW
            lists["near_size"].append(self.sizes[outside[0]] if alone else 0)
            lists["near_table"].append(begin)
            lists["outer"] += outside
            lists["outer_stride"] += [strides[u] for u in outside]
            lists["outer_start"].append(len(lists["outer"]))
        lists["near_start"].append(len(lists["near_table"]))
        self.fixed.append(fixed)
        self.fixed_size += rows

    def _up(self, base: int, up: int, later: list[int], block: list[Step], laters: list[list[int]]) -> None:
        if up < 0:
            self.lists["parent"].append(-1)
            self.lists["child_map"].append(0)
            return
        own = dict(zip(later, _strides([self.sizes[u] for u in later]), strict=True))
        axes = [*laters[up], block[up][0]]
        self.lists["parent"].append(base + up)
        self.lists["child_map"].append(self._map((tuple(own.get(u, 0) for u in axes), tuple(self.sizes[u] for u in axes))))

    def _places(self, key: Any) -> npt.NDArray[np.int64]:
        """Return the places of all rows for strides and sizes, worked out once for each pair."""
        if key not in self.places:
            self.places[key] = _places(*key)
        return self.places[key]

    def _map(self, key: Any) -> int:
        """Return where in `maps` the places of all rows begin; steps of the same shape share them."""
        if key not in self.map_at:
            self.map_at[key] = self.mapped
            self.maps.append(self._places(key).astype(np.int32))
            self.mapped += self.maps[-1].size
        return self.map_at[key]

    def plan(self) -> BlockPlan:
        """Return the arrays."""
        empty = np.empty(0, np.int32)
        arrays = {name: np.array(values, np.int32) for name, values in self.lists.items()}
        arrays["maps"] = np.concatenate([*self.maps, empty])
        fixed = np.concatenate([*self.fixed, np.empty(0, np.float32)])
        return BlockPlan(**{**arrays, "fixed": fixed})


def _strides(sizes: list[int]) -> list[int]:
    """Return the strides of axes, the last fastest."""
    strides, step = [0] * len(sizes), 1
    for a in range(len(sizes) - 1, -1, -1):
        strides[a] = step
        step *= sizes[a]
    return strides


def _places(strides: Iterable[int], sizes: Iterable[int]) -> npt.NDArray[np.int64]:
    """Return the sum of stride times state for every combination of states, the last axis fastest."""
    places = np.zeros(1, np.int64)
    for stride, size in zip(strides, sizes, strict=True):
        places = (places[:, None] + stride * np.arange(size)).ravel()
    return places
