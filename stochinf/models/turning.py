"""Features as the user has them, turned into columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.engine.errors import StochinfError
from stochinf.models.columns import CompressedColumns, DenseColumns
from stochinf.models.design import CompressedRows, DenseRows, features

__all__ = ["as_columns", "columns_of"]

PRECISIONS = (np.float64, np.float32)
"""Types of entries that stay as they are."""


def columns_of(name: str, X: Any) -> DenseColumns | CompressedColumns:
    """Return a matrix of features by columns; a CSC matrix or an array in Fortran order is not copied.

    Parameters
    ----------
    name : str
        How messages call the matrix.
    X : array-like of shape (n, d), scipy sparse matrix or array, or a design

    Raises
    ------
    StochinfError
        If it is no matrix of finite real numbers with at least one row and one column.
    """
    if isinstance(X, (DenseColumns, CompressedColumns)):
        return X
    if getattr(X, "format", "") == "csc" and X.dtype in PRECISIONS and X.ndim == 2 and 0 not in X.shape:
        kept = _compressed(name, X)
        if math.isfinite(float(kept.values.sum(dtype=np.float64))) or np.isfinite(kept.values).all():
            return kept
    plain = isinstance(X, np.ndarray) and not np.ma.isMaskedArray(X) and X.dtype in PRECISIONS
    if plain and X.ndim == 2 and X.size and X.flags.f_contiguous and np.isfinite(X).all():
        return DenseColumns(X.T)
    return as_columns(features(name, X))


def as_columns(rows: Any) -> DenseColumns | CompressedColumns:
    """Return checked features or a design by columns."""
    if isinstance(rows, CompressedRows):
        turned = rows.to_scipy().tocsc()
        index = rows.columns.dtype
        return CompressedColumns(
            turned.data, turned.indices.astype(index, copy=False), turned.indptr.astype(index, copy=False), turned.shape[0]
        )
    dense = rows.rows if isinstance(rows, DenseRows) else rows
    return DenseColumns(np.ascontiguousarray(dense.T))


def _compressed(name: str, X: Any) -> CompressedColumns:
    """Return a CSC matrix as it is, or with duplicates summed."""
    try:
        X.check_format(full_check=False)
    except ValueError as error:
        raise StochinfError(f"{name}: not a valid sparse matrix ({error})") from error
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    small = max(X.nnz, *X.shape) < 2**31
    index = np.int32 if small else np.int64
    data, rows = (
        np.require(X.data, requirements=["C", "A", "W"]),
        np.require(X.indices.astype(index, copy=False), requirements="W"),
    )
    if rows.size and int(rows.view(np.uint32 if index is np.int32 else np.uint64).max()) >= X.shape[0]:
        raise StochinfError(f"{name}: not a valid sparse matrix (a row index is outside 0..{X.shape[0] - 1})")
    return CompressedColumns(data, rows, X.indptr.astype(index, copy=False), X.shape[0])
