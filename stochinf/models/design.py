"""Data of regression models: features and labels as the user has them, made into what compiled code reads.

Features become float64: a C-contiguous array, or compressed rows (CSR) with sorted, unique columns and int32 indices where
they fit. The user's own arrays are never changed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part

__all__ = ["CompressedRows", "binary_labels", "features"]

Floats = npt.NDArray[np.float64]


@part
class CompressedRows(NamedTuple):
    """A sparse matrix by rows (CSR): row r holds values[row_start[r]:row_start[r+1]] in columns at the same places.

    Attributes
    ----------
    values : ndarray of shape (stored,)
    columns : ndarray of shape (stored,)
        Sorted and unique within a row; int32 where they fit, else int64.
    row_start : ndarray of shape (n_rows + 1,)
        Of the type of `columns`.
    n_columns : int

    Examples
    --------
    >>> from stochinf.models.design import features
    >>> from scipy.sparse import coo_array
    >>> features("X", coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 3))).values
    array([3.])
    """

    values: Floats
    columns: npt.NDArray[Any]
    row_start: npt.NDArray[Any]
    n_columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.row_start.size - 1, self.n_columns

    def to_scipy(self) -> Any:
        """Return scipy's sparse array of the same data."""
        from scipy.sparse import csr_array

        return csr_array((self.values, self.columns, self.row_start), shape=self.shape)


def features(name: str, X: Any) -> Floats | CompressedRows:
    """Return a matrix of features as float64: dense and C-contiguous, or in compressed rows.

    Parameters
    ----------
    name : str
        How messages call the matrix.
    X : array-like of shape (n, d), scipy sparse matrix or array, or CompressedRows
        The features.

    Returns
    -------
    ndarray or CompressedRows

    Raises
    ------
    StochinfError
        If it is no matrix of finite real numbers with at least one row and one column.
    """
    if isinstance(X, CompressedRows):
        X = X.to_scipy()
    rows = _compressed(name, X) if hasattr(X, "tocsr") else _dense(name, X)
    if 0 in rows.shape:
        raise StochinfError(f"{name}: shape {rows.shape}; at least one row and one column are needed")
    _demand_finite(name, rows)
    return rows


def _dense(name: str, X: Any) -> Floats:
    try:
        given = np.asarray(X)
    except ValueError as error:
        raise StochinfError(f"{name}: the rows have unequal lengths; a matrix is needed") from error
    _demand_real(name, given.dtype)
    _demand_unmasked(name, X)
    if given.ndim != 2:
        raise StochinfError(f"{name}: shape {given.shape}; a matrix of shape (rows, columns) is needed")
    return np.require(given, dtype=np.float64, requirements=["C", "A", "W"])


def _compressed(name: str, X: Any) -> CompressedRows:
    from scipy.sparse import csr_array

    _demand_real(name, X.dtype)
    if X.ndim != 2:
        raise StochinfError(f"{name}: shape {X.shape}; a matrix of shape (rows, columns) is needed")
    try:
        rows = csr_array(X)
        rows.check_format(full_check=True)
    except ValueError as error:
        raise StochinfError(f"{name}: not a valid sparse matrix ({error})") from error
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    index = np.int32 if max(rows.nnz, *rows.shape) < 2**31 else np.int64
    return CompressedRows(rows.data, rows.indices.astype(index), rows.indptr.astype(index), rows.shape[1])


def _demand_real(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "biuf":
        raise StochinfError(f"{name}: real numbers are needed, not {dtype}; encode categories and text as numbers first")


def _demand_unmasked(name: str, values: Any) -> None:
    if np.ma.is_masked(values):
        raise StochinfError(f"{name}: {int(np.ma.getmaskarray(values).sum())} entries are masked; remove or impute them")


def _demand_finite(name: str, rows: Floats | CompressedRows) -> None:
    values = rows.values if isinstance(rows, CompressedRows) else rows.reshape(-1)
    wrong = np.flatnonzero(~np.isfinite(values))
    if not wrong.size:
        return
    place = int(wrong[0])
    if isinstance(rows, CompressedRows):
        row, column = int(np.searchsorted(rows.row_start, place, side="right")) - 1, int(rows.columns[place])
    else:
        row, column = divmod(place, rows.shape[1])
    raise StochinfError(
        f"{name}[{row}, {column}] = {values[place]}: features are finite numbers; remove or impute the {wrong.size} that are not"
    )


def binary_labels(name: str, y: Any, n: int) -> tuple[Floats, npt.NDArray[Any]]:
    """Return labels as -1 and +1, and the two classes in order: the first is -1.

    Parameters
    ----------
    name : str
        How messages call the labels.
    y : array-like of shape (n,)
        Two different values: numbers, booleans or strings.
    n : int
        Rows of the features.

    Returns
    -------
    labels : ndarray of shape (n,)
    classes : ndarray of shape (2,)

    Raises
    ------
    StochinfError
        If there are not n labels of exactly two kinds.
    """
    _demand_unmasked(name, y)
    given = np.asarray(y)
    if given.dtype == object:
        given = np.asarray(given.tolist())
    if given.ndim != 1 or given.dtype.kind not in "biufUS":
        raise StochinfError(f"{name}: shape {given.shape} of {given.dtype}; one label per row is needed, numbers or strings")
    if given.size != n:
        raise StochinfError(f"{name}: {given.size} labels for {n} rows of features; one label per row is needed")
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        row = int(np.flatnonzero(~np.isfinite(given))[0])
        raise StochinfError(f"{name}[{row}] = {given[row]}: labels are finite")
    classes = np.unique(given)
    if classes.size != 2:
        shown = ", ".join(str(c) for c in classes[:5]) + (", ..." if classes.size > 5 else "")
        raise StochinfError(f"{name}: {classes.size} different labels ({shown}); two are needed")
    return np.where(given == classes[1], 1.0, -1.0), classes
