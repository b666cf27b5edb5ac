"""The weights and features of a weighted graph, as the user gives them, to one number for each entry of its tables."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.bulk import flatten_tables
from stochinf.graphs.flat import FlatFactors, Floats, Int32s, scope_of
from stochinf.graphs.naming import did_you_mean, factor_title, quote

__all__ = ["entry_features", "entry_weights"]

BY_ENTRY = -2
"""Stands for a factor whose entries have weights of their own."""


def entry_weights(
    weights: Sequence[Any] | npt.NDArray[Any], layout: FlatFactors, variables: Sequence[Hashable]
) -> tuple[list[Hashable], Int32s, Int32s]:
    """Return the names of the weights, the weight of each entry, and that of each factor.

    Returns
    -------
    names : list
        In order of first appearance; of an int array 0 ... the largest.
    entry_weight : int32 (entries,)
        Number of a weight, -1 for none.
    factor_weight : int32 (F,)
        Number of the weight of all entries, -1 for none, `BY_ENTRY` where they differ.

    Raises
    ------
    GraphError
        If there are not as many as factors, or entries of a factor; or a name is not hashable.
    """
    sizes = np.diff(layout.table_start)
    if not isinstance(weights, (Sequence, np.ndarray)) or isinstance(weights, (str, bytes)):
        raise GraphError(f"weights is {quote(weights)}; give a name, or a list of names, for each factor")
    if len(weights) != sizes.size:
        raise GraphError(f"{len(weights)} weights for {sizes.size} scopes; give one for each factor")
    if isinstance(weights, np.ndarray) and weights.dtype.kind in "iu":
        return _numbered(weights, layout, variables)
    numbers: dict[Hashable, int] = {}
    factor = np.empty(sizes.size, np.int32)
    entries: dict[int, list[int]] = {}
    for f, given in enumerate(weights):
        if isinstance(given, (list, np.ndarray)):
            entries[f] = _by_entry(given, numbers, f, layout, variables)
            factor[f] = BY_ENTRY
        else:
            factor[f] = _number(given, numbers, f, layout, variables)
    found = np.repeat(factor, sizes)
    for f, row in entries.items():
        found[layout.table_start[f] : layout.table_start[f + 1]] = row
    return list(numbers), found, factor


def _numbered(weights: npt.NDArray[Any], layout: FlatFactors, variables: Sequence[Hashable]) -> tuple[Any, Int32s, Int32s]:
    sizes = np.diff(layout.table_start)
    if weights.size and (weights.min() < -1 or weights.max() >= 2**31 - 1):
        f = int(np.argmax((weights.reshape(sizes.size, -1) < -1).any(axis=1)))
        raise GraphError(f"{_title(f, layout, variables)}: weight number {weights.min()}; from 0, or -1 for none")
    names: list[Hashable] = list(range(int(weights.max(initial=-1)) + 1))
    if weights.ndim == 1:
        factor = weights.astype(np.int32)
        return names, np.repeat(factor, sizes), factor
    rows = weights.reshape(sizes.size, -1)
    if (sizes != rows.shape[1]).any():
        f = int(np.argmax(sizes != rows.shape[1]))
        raise GraphError(f"{_title(f, layout, variables)}: {rows.shape[1]} weights given for {sizes[f]} entries")
    return names, rows.astype(np.int32).ravel(), np.full(sizes.size, BY_ENTRY, np.int32)


def _by_entry(
    given: Any, numbers: dict[Hashable, int], factor: int, layout: FlatFactors, variables: Sequence[Hashable]
) -> list[int]:
    shape = layout.cardinality[layout.scope[layout.scope_start[factor] : layout.scope_start[factor + 1]]].tolist()
    row = list(given)
    for length in shape[1:]:
        if any(not isinstance(part, (list, np.ndarray)) for part in row):
            break
        if any(len(part) != length for part in row):
            raise GraphError(f"{_title(factor, layout, variables)}: its weights do not have the shape {tuple(shape)}")
        row = [name for part in row for name in part]
    needed = int(layout.table_start[factor + 1] - layout.table_start[factor])
    if len(row) != needed:
        raise GraphError(f"{_title(factor, layout, variables)}: {len(row)} weights given for {needed} entries")
    return [_number(name, numbers, factor, layout, variables) for name in row]


def _number(name: Any, numbers: dict[Hashable, int], factor: int, layout: FlatFactors, variables: Sequence[Hashable]) -> int:
    if name is None:
        return -1
    try:
        return numbers.setdefault(name, len(numbers))
    except TypeError:
        raise GraphError(f"{_title(factor, layout, variables)}: weight {quote(name)} is not hashable; use strings") from None


def entry_features(
    features: Any, factor_weight: Int32s, names: Sequence[Hashable], layout: FlatFactors, variables: Sequence[Hashable]
) -> Floats:
    """Return the feature value of each entry.

    Raises
    ------
    GraphError
        If a table has the wrong shape, a number is not finite, or a tied weight multiplies all entries of a factor alike.
    """
    sizes = np.diff(layout.table_start)
    given: list[Any] | npt.NDArray[Any]
    if features is None:
        found = np.ones(int(layout.table_start[-1]))
    else:
        if isinstance(features, Mapping):
            given = _by_name(features, factor_weight, names)
        elif isinstance(features, (Sequence, np.ndarray)) and not isinstance(features, (str, bytes)):
            given = features if isinstance(features, np.ndarray) else list(features)
        else:
            raise GraphError(f"features is {quote(features)}; give a table or a number for each factor, or a dict by weight")
        if len(given) != sizes.size:
            raise GraphError(f"{len(given)} features for {sizes.size} scopes; give a table or a number for each factor")
        found = _tables(given, layout, variables)
    if not np.isfinite(found).all():
        place = int(np.argmin(np.isfinite(found)))
        f = int(np.searchsorted(layout.table_start, place, side="right")) - 1
        raise GraphError(f"{_title(f, layout, variables)}: a feature value is {found[place]}; finite numbers are needed")
    _refuse_constants(found, factor_weight, names, layout, variables)
    return found


def _by_name(features: Mapping[Any, Any], factor_weight: Int32s, names: Sequence[Hashable]) -> list[Any]:
    for name in features:
        if name not in names:
            raise GraphError(f"features: {quote(name)} is no weight of the graph{did_you_mean(name, names)}")
    rows = [features.get(name, 1.0) for name in names]
    return [rows[k] if k >= 0 else 1.0 for k in factor_weight.tolist()]


def _tables(given: Any, layout: FlatFactors, variables: Sequence[Hashable]) -> Floats:
    """Return tables and numbers as one array, a number repeated over its factor."""
    sizes = np.diff(layout.table_start)
    if isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind in "iuf":
        return np.repeat(given.astype(np.float64), sizes)
    if isinstance(given, np.ndarray) and given.dtype.kind in "iuf":
        return flatten_tables(given, layout, variables)  # type: ignore[arg-type]
    shared: dict[tuple[float, int], Floats] = {}
    rows = []
    for row, size in zip(given, sizes.tolist(), strict=True):
        if isinstance(row, (int, float, np.integer, np.floating)) and not isinstance(row, bool):
            rows.append(shared.setdefault((float(row), size), np.full(size, float(row))))
        else:
            rows.append(np.ones(size) if row is None else row)
    return flatten_tables(rows, layout, variables)


def _refuse_constants(
    found: Floats, factor_weight: Int32s, names: Sequence[Hashable], layout: FlatFactors, variables: Sequence[Hashable]
) -> None:
    tied = np.flatnonzero(factor_weight >= 0)
    if not tied.size:
        return
    low, high = (least.reduceat(found, layout.table_start[:-1])[tied] for least in (np.minimum, np.maximum))
    useless = (low == high) & (np.diff(layout.table_start)[tied] > 1)
    if useless.any():
        f = int(tied[np.argmax(useless)])
        raise GraphError(
            f"{_title(f, layout, variables)}: weight {quote(names[factor_weight[f]])} multiplies the same feature value in every "
            "entry, which changes nothing; give a table of features, such as [[1, -1], [-1, 1]]"
        )


def _title(factor: int, layout: FlatFactors, variables: Sequence[Hashable]) -> str:
    return factor_title(factor, scope_of(factor, layout.scope_start, layout.scope, variables))
