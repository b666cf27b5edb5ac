"""Factor graphs as flat arrays: layout, checks and limits.

A factor over the variables v_1 ... v_m is a table in which the last variable of the scope varies fastest,

    position of (x_1, ..., x_m) = table_start + sum_j stride_j x_j,   stride_m = 1,   stride_j = stride_{j+1} k_{j+1},

as in NumPy's C order and in the UAI format.
"""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.graphs.naming import factor_title, quote

__all__ = [
    "MAX_CARDINALITY", "MAX_ENTRIES", "FlatFactors", "check_cardinality", "flat_factors", "flat_rows", "log_of_weights",
    "scope_of",
]  # fmt: skip

Floats: TypeAlias = npt.NDArray[np.float64]
Int32s: TypeAlias = npt.NDArray[np.int32]
Int64s: TypeAlias = npt.NDArray[np.int64]

MAX_CARDINALITY = 2**15
"""States one variable may have."""

MAX_ENTRIES = 2**28
"""Entries all tables of a graph may have together (2 GiB of float64)."""


class FlatFactors(NamedTuple):
    """The factors of a graph, concatenated; all arrays are read-only.

    Attributes
    ----------
    cardinality : int32 (V,)
        States of each variable.
    scope_start : int64 (F + 1,)
        Factor f has the variables ``scope[scope_start[f]:scope_start[f + 1]]``.
    scope : int32
        Variables of all factors.
    stride : int64, as long as ``scope``
        How far apart in its table neighbouring states of that variable lie.
    table_start : int64 (F + 1,)
        Factor f has the entries ``log_weights[table_start[f]:table_start[f + 1]]``.
    log_weights : float64
        Natural logarithms of the entries of all tables; -inf for an impossible configuration.
    """

    cardinality: Int32s
    scope_start: Int64s
    scope: Int32s
    stride: Int64s
    table_start: Int64s
    log_weights: Floats


def scope_of(factor: int, scope_start: Int64s, scope: npt.NDArray[Any], variables: Sequence[Hashable]) -> list[Hashable]:
    """Return the nodes of one factor."""
    return [variables[v] for v in scope[scope_start[factor] : scope_start[factor + 1]]]


def check_cardinality(n_states: Sequence[int] | npt.NDArray[Any], variables: Sequence[Hashable]) -> Int32s:
    """Return the numbers of states as int32, each a whole number from 1 to `MAX_CARDINALITY`.

    Raises
    ------
    GraphError
        If there is no variable, or the entry of one is no such number.
    """
    whole = isinstance(n_states, np.ndarray) and n_states.ndim == 1 and n_states.dtype.kind in "iu" and n_states.size > 0
    if whole and np.min(n_states) >= 1 and np.max(n_states) <= MAX_CARDINALITY:
        return np.array(n_states, dtype=np.int32)
    counts = n_states.tolist() if isinstance(n_states, np.ndarray) else n_states
    if len(counts) == 0:
        raise GraphError("empty graph: n_states is empty; give the number of states of at least one variable")
    for i, count in enumerate(counts):
        if isinstance(count, (bool, np.bool_)) or not isinstance(count, (int, np.integer)):
            raise GraphError(f"variable {quote(variables[i])}: {quote(count)} states; give a whole number (int) of at least 1")
        if not 1 <= count <= MAX_CARDINALITY:
            raise GraphError(f"variable {quote(variables[i])}: {quote(count)} states; from 1 to {MAX_CARDINALITY} are possible")
    return np.array(counts, dtype=np.int32)


def flat_factors(
    cardinality: Int32s, scope_start: Int64s, scope: Int32s, variables: Sequence[Hashable], max_entries: int = MAX_ENTRIES
) -> FlatFactors:
    """Lay the tables out, before any of them is read or allocated; ``log_weights`` is left empty.

    Raises
    ------
    GraphError
        If a variable appears twice in one scope.
    MemoryLimitError
        If the tables together need more than ``max_entries`` entries.
    """
    _refuse_repeats(cardinality.size, scope_start, scope, variables)
    _refuse_huge(cardinality, scope_start, scope, variables, max_entries)
    stride, sizes = _strides(cardinality, scope_start, scope)
    table_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    return FlatFactors(cardinality, scope_start, scope, stride, table_start, np.empty(0))


def flat_rows(cardinality: Int32s, rows: Int32s, variables: Sequence[Hashable]) -> FlatFactors:
    """As `flat_factors`, of scopes (F, arity); the faster for many factors over variables of as many states."""
    n_factors, arity = rows.shape
    states = int(cardinality[0])
    scope_start = np.arange(0, rows.size + 1, arity)
    plain = states == cardinality.max() == cardinality.min() and n_factors * float(states) ** arity <= MAX_ENTRIES
    if not plain or any((rows[:, i] == rows[:, j]).any() for j in range(arity) for i in range(j)):
        return flat_factors(cardinality, scope_start, rows.reshape(-1), variables)
    strides = states ** np.arange(arity, -1, -1)
    table_start = np.arange(0, n_factors * strides[0] + 1, strides[0])
    return FlatFactors(cardinality, scope_start, rows.reshape(-1), np.tile(strides[1:], n_factors), table_start, np.empty(0))


def _refuse_repeats(n_variables: int, scope_start: Int64s, scope: Int32s, variables: Sequence[Hashable]) -> None:
    factor = np.repeat(np.arange(scope_start.size - 1), np.diff(scope_start))
    key = np.sort(factor * n_variables + scope)
    repeated = np.flatnonzero(key[1:] == key[:-1])
    if repeated.size:
        bad, variable = divmod(int(key[repeated[0]]), n_variables)
        title = factor_title(bad, scope_of(bad, scope_start, scope, variables))
        raise GraphError(f"{title}: variable {quote(variables[variable])} appears twice; take the diagonal of the table instead")


def _refuse_huge(cardinality: Int32s, scope_start: Int64s, scope: Int32s, variables: Sequence[Hashable], most: int) -> None:
    n_factors, widest = scope_start.size - 1, int(np.diff(scope_start).max(initial=0))
    if n_factors == 0 or widest * np.log2(cardinality.max()) + np.log2(n_factors) < np.log2(most) - 1e-9:
        return
    logs = np.concatenate([np.zeros(1), np.cumsum(np.log2(cardinality)[scope])])
    log_sizes = np.diff(logs[scope_start])
    if log_sizes.size == 0 or (log_sizes.max() < 53 and np.round(np.exp2(log_sizes)).sum() <= most):
        return
    worst = int(np.argmax(log_sizes))
    exponent = float(log_sizes[worst])
    needed = f"{2.0**exponent:.3g}" if exponent < 60 else f"2^{exponent:.0f}"
    raise MemoryLimitError(
        f"{factor_title(worst, scope_of(worst, scope_start, scope, variables))} needs about {needed} entries; "
        f"all {log_sizes.size} tables together may have {most} (max_entries); split the factor into smaller ones"
    )


def _strides(cardinality: Int32s, scope_start: Int64s, scope: Int32s) -> tuple[Int64s, Int64s]:
    arity, end = np.diff(scope_start), scope_start[1:]
    sizes = np.ones(arity.size, np.int64)
    stride = np.ones(scope.size, np.int64)
    active, depth = np.flatnonzero(arity >= 1), 1
    while active.size:
        position = end[active] - depth
        stride[position] = sizes[active]
        sizes[active] *= cardinality[scope[position]]
        depth += 1
        active = active[arity[active] >= depth]
    return stride, sizes


def log_of_weights(weights: Floats, layout: FlatFactors, variables: Sequence[Hashable], logarithms: bool = False) -> Floats:
    """Return log(weights), or the logarithms as given, after checking every entry.

    Raises
    ------
    GraphError
        If an entry is NaN, infinite or negative (logarithms: NaN or +inf), or a table is all zero (-inf).
    """
    rule = "log weights are below +inf, -inf for impossible" if logarithms else "weights are finite and at least 0"
    with np.errstate(over="ignore", invalid="ignore"):
        if logarithms and np.isfinite(weights.sum()):
            return weights
    lowest, highest = (weights.min(), weights.max()) if weights.size else (1.0, 1.0)
    if not (highest < np.inf and (logarithms or lowest >= 0)):
        valid = weights < np.inf if logarithms else (weights >= 0) & (weights < np.inf)
        _blame_entry(int(np.argmin(valid)), weights, layout, variables, rule)
    with np.errstate(divide="ignore"):
        logs = weights if logarithms else np.log(weights)
    if lowest == (-np.inf if logarithms else 0.0):
        best = np.maximum.reduceat(logs, layout.table_start[:-1])
        if best.min() == -np.inf:
            bad = int(np.argmin(best))
            title = factor_title(bad, scope_of(bad, layout.scope_start, layout.scope, variables))
            raise GraphError(f"{title}: all entries are zero, so no configuration is possible; give at least one positive entry")
    return logs


def _blame_entry(position: int, weights: Floats, layout: FlatFactors, variables: Sequence[Hashable], rule: str) -> None:
    bad = int(np.searchsorted(layout.table_start, position, side="right")) - 1
    first, last = layout.scope_start[bad], layout.scope_start[bad + 1]
    entry = position - layout.table_start[bad]
    states = entry // layout.stride[first:last] % layout.cardinality[layout.scope[first:last]]
    title = factor_title(bad, scope_of(bad, layout.scope_start, layout.scope, variables))
    raise GraphError(f"{title}: entry {entry} (states {tuple(states.tolist())}) is {weights[position]}; {rule}")
