"""The factors that forbid something, as compiled code sees them, and the walk over the configurations still possible."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["Supports", "first_tuple", "next_tuple", "owners", "supports_of"]

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


@part
class Supports(NamedTuple):
    """The factors of a graph that have zeros, over the variables in their scopes, renumbered from 0.

    Attributes
    ----------
    variables : int32 (n,)
        Number in the graph of each variable.
    factors : int64 (H,)
        Number in the graph of each factor.
    cardinality : int32 (n,)
    first : int64 (n + 1,)
        State s of variable i is bit ``first[i] + s`` of a domain.
    entry_start : int64 (n + 1,)
        Variable i stands at the places ``entry_place[entry_start[i]:entry_start[i + 1]]`` of ``scope``.
    entry_place : int64
    place_factor : int32
        Factor of each place.
    scope_start, scope, stride, table_start
        As in `FlatFactors`.
    allowed : uint8
        1 where an entry is positive.
    active : uint8 (H,)
        Factors that take part.
    """

    variables: Int32s
    factors: Int64s
    cardinality: Int32s
    first: Int64s
    entry_start: Int64s
    entry_place: Int64s
    place_factor: Int32s
    scope_start: Int64s
    scope: Int32s
    stride: Int64s
    table_start: Int64s
    allowed: Bytes
    active: Bytes

    @property
    def n_points(self) -> int:
        """Number of variables."""
        return self.cardinality.size

    def tables(self, factor: int) -> Bytes:
        """Return the table of one factor, an axis for each variable of its scope."""
        places = slice(self.scope_start[factor], self.scope_start[factor + 1])
        entries = self.allowed[self.table_start[factor] : self.table_start[factor + 1]]
        return entries.reshape(self.cardinality[self.scope[places]])

    def members(self, factor: int) -> Int32s:
        """Return the variables of one factor."""
        return self.scope[self.scope_start[factor] : self.scope_start[factor + 1]]


def supports_of(graph: FactorGraph) -> Supports:
    """Return the factors of a graph that have zeros.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.zeros.supports import supports_of
    >>> supports_of(si.FactorGraph([2, 2, 2], [(0, 1), (1, 2)], [[1, 2, 3, 4], [1, 0, 0, 1]])).variables
    array([1, 2], dtype=int32)
    """
    flat = graph.flat
    zero = np.isneginf(flat.log_weights)
    factors = np.flatnonzero(np.add.reduceat(zero, flat.table_start[:-1])) if zero.size else np.empty(0, np.int64)
    arity = np.diff(flat.scope_start)[factors]
    places = spans(flat.scope_start[factors], arity)
    sizes = np.diff(flat.table_start)[factors]
    scope_start, table_start = starts(arity), starts(sizes)
    variables, scope = np.unique(flat.scope[places], return_inverse=True)
    cardinality = flat.cardinality[variables]
    entry_start = starts(np.bincount(scope, minlength=variables.size))
    return Supports(
        variables.astype(np.int32), factors, cardinality, starts(cardinality), entry_start,
        np.argsort(scope, kind="stable"), np.repeat(np.arange(factors.size), arity).astype(np.int32), scope_start,
        scope.astype(np.int32), flat.stride[places], table_start,
        (~zero[spans(flat.table_start[factors], sizes)]).astype(np.uint8), np.ones(factors.size, np.uint8),
    )  # fmt: skip


def starts(sizes: npt.NDArray[Any]) -> Int64s:
    """Return where stretches of these sizes begin, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])


def spans(begin: npt.NDArray[Any], sizes: npt.NDArray[Any]) -> Int64s:
    """Return begin[0], begin[0] + 1, ..., one stretch after the other."""
    ends = np.cumsum(sizes, dtype=np.int64)
    within = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - sizes, sizes)
    stretches: Int64s = np.repeat(begin, sizes) + within
    return stretches


def owners(supports: Supports) -> Int32s:
    """Return the variable of each bit of a domain."""
    return np.repeat(np.arange(supports.cardinality.size), supports.cardinality).astype(np.int32)


@helper()
def first_tuple(target: Any, state: Any, f: int, skip: int) -> int:
    """Set the digits of a factor's places, all but `skip`, to the first state that is alive; return the entry."""
    entry = target.table_start[f]
    begin = target.scope_start[f]
    for q in range(begin, target.scope_start[f + 1]):
        if q != skip:
            base = target.first[target.scope[q]]
            s = 0
            while state.alive[base + s] == 0:
                s += 1
            state.digit[q - begin] = s
            entry += s * target.stride[q]
    return int(entry)


@helper()
def next_tuple(target: Any, state: Any, f: int, skip: int, entry: int) -> int:
    """Move the digits to the next configuration of states that are alive, the last place fastest; -1 after the last one."""
    begin = target.scope_start[f]
    q = target.scope_start[f + 1] - 1
    while q >= begin:
        if q != skip:
            i = target.scope[q]
            base = target.first[i]
            old = state.digit[q - begin]
            s = old + 1
            while s < target.cardinality[i] and state.alive[base + s] == 0:
                s += 1
            wrapped = s == target.cardinality[i]
            if wrapped:
                s = 0
                while state.alive[base + s] == 0:
                    s += 1
            state.digit[q - begin] = s
            entry += (s - old) * target.stride[q]
            if not wrapped:
                return int(entry)
        q -= 1
    return -1
