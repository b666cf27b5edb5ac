"""The user's scopes and tables to flat arrays, in bulk; a slow second look finds the culprit where something is wrong."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import chain
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.flat import FlatFactors, Floats, Int32s, Int64s, scope_of
from stochinf.graphs.naming import did_you_mean, factor_title, quote

__all__ = ["flatten_scopes", "flatten_tables", "numbered_rows"]


def numbered_rows(scopes: Any, n_variables: int) -> Int32s | None:
    """Return scopes as int32 where they are an array (F, arity) of the numbers of variables; None if they are none.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.bulk import numbered_rows
    >>> numbered_rows(np.array([[0, 1], [2, 0]]), 3).tolist()
    [[0, 1], [2, 0]]
    """
    if not isinstance(scopes, np.ndarray) or scopes.ndim != 2 or scopes.dtype.kind not in "iu" or np.ma.isMaskedArray(scopes):
        return None
    if not scopes.size or scopes.min() < 0 or scopes.max() >= n_variables:
        return None
    return np.array(scopes, dtype=np.int32, order="C")


def flatten_scopes(
    scopes: Sequence[Sequence[Hashable]] | npt.NDArray[Any], index: Mapping[Hashable, int]
) -> tuple[Int64s, Int32s]:
    """Return ``scope_start`` int64 (F + 1,) and ``scope`` int32 of factors given as tuples of nodes.

    Parameters
    ----------
    scopes : sequence of tuples, or an array (F, arity)
        The nodes of each factor, or their numbers where no node is a number itself.
    index : dict
        The number of each node; every node has one.

    Raises
    ------
    GraphError
        If a scope is no tuple, list or array, or names a node that does not exist.
    """
    rows = scopes.tolist() if isinstance(scopes, np.ndarray) else scopes
    if not {type(row) for row in rows} <= {tuple, list, np.ndarray}:
        _blame_scope(rows, index, index)
    arity = np.fromiter(map(len, rows), np.int64, len(rows))
    places: dict[Hashable, int] = {i: i for i in range(len(index))}
    numbered = index if any(isinstance(node, int) for node in index) else {**places, **index}
    try:
        nodes = list(chain.from_iterable(rows))
        flat = [numbered[node] for node in nodes]
    except (KeyError, TypeError):
        _blame_scope(rows, index, numbered)
    if bool in set(map(type, nodes)):
        _refuse_booleans(rows, index)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(arity)]), np.array(flat, dtype=np.int32)


def _blame_scope(rows: Sequence[Any], index: Mapping[Hashable, int], numbered: Mapping[Hashable, int]) -> NoReturn:
    for f, row in enumerate(rows):
        if not isinstance(row, (tuple, list, np.ndarray)):
            raise GraphError(f"factor {f}: its scope is {quote(row)}; give a tuple of variables, such as ({quote(row)},)")
        for node in row:
            try:
                known = node in numbered
            except TypeError:
                raise GraphError(f"factor {f}: {quote(node)} is not hashable, so it cannot be a variable") from None
            if not known:
                hint = did_you_mean(node, index)
                raise GraphError(f"factor {f}: variable {quote(node)} is not among the {len(index)} of the graph{hint}")
    raise GraphError("scopes: give one tuple of variables for each factor")


def _refuse_booleans(rows: Sequence[Any], index: Mapping[Hashable, int]) -> None:
    if not any(isinstance(node, bool) for node in index):
        culprit = next(f for f, row in enumerate(rows) if bool in set(map(type, row)))
        raise GraphError(f"factor {culprit}: its scope {quote(tuple(rows[culprit]))} holds a bool; name the variable")


def flatten_tables(tables: Sequence[npt.ArrayLike], layout: FlatFactors, variables: Sequence[Hashable]) -> Floats:
    """Return the entries of all tables as one float64 array.

    Parameters
    ----------
    tables : sequence of arrays or lists, or one array (F, ...)
        Each flat, or of the shape its scope asks for; read-only arrays are fine.

    Raises
    ------
    GraphError
        If there is not one table for each factor, or one has the wrong shape, size or type.
    """
    n_factors = layout.table_start.size - 1
    if len(tables) != n_factors:
        raise GraphError(f"{len(tables)} tables for {n_factors} scopes; give one table for each factor")
    together: Any = tables
    if isinstance(together, np.ndarray) and _one_piece(together, layout):
        with np.errstate(over="ignore"):
            return together.reshape(-1).astype(np.float64)
    try:
        arrays = [np.asarray(table) for table in tables]
    except (ValueError, TypeError):
        _blame_table(tables, layout, variables)
    sizes = np.fromiter((array.size for array in arrays), np.int64, n_factors)
    shaped = np.flatnonzero(np.fromiter((array.ndim > 1 for array in arrays), np.bool_, n_factors))
    kinds = {array.dtype.kind for array in arrays}
    if (
        any(map(np.ma.is_masked, tables))
        or not kinds <= set("iuf")
        or (sizes != np.diff(layout.table_start)).any()
        or not _shapes_fit(arrays, shaped, layout)
    ):
        _blame_table(tables, layout, variables)
    if n_factors == 0:
        return np.empty(0)
    with np.errstate(over="ignore"):
        return np.concatenate([array.reshape(-1) for array in arrays], dtype=np.float64, casting="same_kind")


def _one_piece(tables: npt.NDArray[Any], layout: FlatFactors) -> bool:
    """Whether an array holds one table after the other, each as large as its scope asks for."""
    if np.ma.isMaskedArray(tables) or tables.dtype.kind not in "iuf" or tables.ndim < 2 or not tables.size:
        return False
    sizes = layout.table_start
    if sizes[-1] != tables.size or (sizes[1:] - sizes[:-1] != tables[0].size).any():
        return False
    if tables.ndim == 2:
        return True
    arity = tables.ndim - 1
    if layout.scope.size != arity * len(tables) or (np.diff(layout.scope_start) != arity).any():
        return False
    needed = layout.cardinality[layout.scope].reshape(len(tables), arity)
    return bool((needed == np.array(tables.shape[1:])).all())


def _shape(factor: int, layout: FlatFactors) -> tuple[int, ...]:
    scope = layout.scope[layout.scope_start[factor] : layout.scope_start[factor + 1]]
    return tuple(layout.cardinality[scope].tolist())


def _shapes_fit(arrays: Sequence[npt.NDArray[Any]], shaped: Int64s, layout: FlatFactors) -> bool:
    arity = np.diff(layout.scope_start)
    counts = layout.cardinality[layout.scope]
    starts = layout.scope_start[:-1]
    for ndim in {arrays[f].ndim for f in shaped.tolist()}:
        rows = np.array([f for f in shaped.tolist() if arrays[f].ndim == ndim])
        if (arity[rows] != ndim).any():
            return False
        needed = counts[starts[rows][:, None] + np.arange(ndim)]
        if (np.array([arrays[f].shape for f in rows.tolist()]) != needed).any():
            return False
    return True


def _blame_table(tables: Sequence[npt.ArrayLike], layout: FlatFactors, variables: Sequence[Hashable]) -> NoReturn:
    for f, table in enumerate(tables):
        title, shape = factor_title(f, scope_of(f, layout.scope_start, layout.scope, variables)), _shape(f, layout)
        needed = int(layout.table_start[f + 1] - layout.table_start[f])
        try:
            array = np.asarray(table)
        except (ValueError, TypeError) as error:
            raise GraphError(f"{title}: its table is no regular array of numbers ({error})") from None
        if np.ma.is_masked(table):
            raise GraphError(f"{title}: its table has masked entries; give every entry")
        if array.dtype.kind not in "iuf":
            raise GraphError(f"{title}: its table has dtype {array.dtype}; give real numbers, such as table.astype(float)")
        if array.size != needed:
            product = " x ".join(map(str, shape)) or "a constant"
            raise GraphError(f"{title}: {array.size} entries given, {needed} needed ({product})")
        if array.ndim > 1 and array.shape != shape:
            raise GraphError(f"{title}: its table has shape {array.shape}, needed {shape}; the last variable varies fastest")
    raise GraphError("tables: give one array of numbers for each factor")
