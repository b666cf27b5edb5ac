"""The design matrix of regression models: features as the user has them, made into what compiled code reads.

Features become float64, but for those in float32, which stay so: a C-contiguous array, or compressed rows (CSR) with sorted,
unique columns and int32 indices where they fit. The user's own arrays are never changed. Both forms are parts with the same
methods, so that models and kernels are written once: `dot(row, vector)`, `add(row, amount, vector)`, `outer(row, amount,
square)`, `spread(point, factor, gradient, vector)`; for kernels that look at single entries, `first(row)`, `end(row)`,
`column(place)`, `entry(row, place)`; and, where rows are visited in any order, `ahead(points, step, stop)`. Those of compressed
rows index by unsigned integers: a look at the sign doubles the time of an outer product.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.prefetch import prefetch
from stochinf.models.batch import member, size_of

__all__ = ["CompressedRows", "DenseRows", "as_design", "features", "matrix", "with_intercept"]

Floats = npt.NDArray[Any]

AHEAD = 4
"""Steps before its turn at which a row is asked for."""


@part(reorder=True)
class DenseRows(NamedTuple):
    """A dense matrix by rows, shape (n_rows, n_columns).

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.models.design import DenseRows
    >>> float(DenseRows([[1.0, 2.0], [3.0, 4.0]]).dot(1, np.array([1.0, 10.0])))
    43.0
    """

    rows: Floats

    def checked(self) -> DenseRows:
        """Make the entries float64, or float32."""
        return self._replace(rows=np.require(self.rows, precise(self.rows.dtype), ["C", "A", "W"]))

    @property
    def precision(self) -> Any:
        """The type of the entries: float32 or float64."""
        return self.rows.dtype.type

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.shape[0], self.rows.shape[1]

    def dot(self, row: int, vector: Floats) -> float:
        """Return the product of a row and a vector."""
        total = 0.0
        for j in range(self.rows.shape[1]):
            total += self.rows[row, j] * vector[j]
        return total

    def add(self, row: int, amount: float, vector: Floats) -> None:
        """Add amount times a row to a vector."""
        for j in range(self.rows.shape[1]):
            vector[j] += amount * self.rows[row, j]

    def width(self) -> int:
        """Return the number of columns."""
        return int(self.rows.shape[1])

    def first(self, row: int) -> int:
        """Return the place of a row's first entry."""
        return 0

    def end(self, row: int) -> int:
        """Return the place after a row's last entry."""
        return int(self.rows.shape[1])

    def ahead(self, points: Any, step: int, stop: int) -> None:
        """Ask for nothing: a processor sees by itself that whole rows are read."""

    def column(self, place: int) -> int:
        """Return the column of an entry."""
        return place

    def entry(self, row: int, place: int) -> float:
        """Return an entry of a row."""
        return self.rows[row, place]  # type: ignore[no-any-return]

    def outer(self, row: int, amount: float, square: Floats) -> None:
        """Add amount times the row's outer product with itself to the lower triangle of a matrix."""
        for i in range(self.rows.shape[1]):
            factor = amount * self.rows[row, i]
            if factor != 0.0:
                for j in range(i + 1):
                    square[i, j] += factor * self.rows[row, j]

    def spread(self, point: Any, factor: float, gradient: Floats, vector: Floats) -> None:
        """Add factor * gradient to a vector, and clear the gradient."""
        for j in range(vector.size):
            vector[j] += factor * gradient[j]
            gradient[j] = 0.0


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

    def checked(self) -> CompressedRows:
        """Make the entries float64, or float32."""
        return self._replace(values=np.require(self.values, precise(self.values.dtype), ["C", "A", "W"]))

    @property
    def precision(self) -> Any:
        """The type of the entries: float32 or float64."""
        return self.values.dtype.type

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.row_start.size - 1, self.n_columns

    def to_scipy(self) -> Any:
        """Return scipy's sparse array of the same data."""
        from scipy.sparse import csr_array

        return csr_array((self.values, self.columns, self.row_start), shape=self.shape)

    def dot(self, row: int, vector: Floats) -> float:
        """Return the product of a row and a vector."""
        total = 0.0
        for k in range(np.uint64(self.row_start[row]), np.uint64(self.row_start[row + 1])):
            total += self.values[k] * vector[np.uint64(self.columns[k])]
        return total

    def add(self, row: int, amount: float, vector: Floats) -> None:
        """Add amount times a row to a vector."""
        for k in range(np.uint64(self.row_start[row]), np.uint64(self.row_start[row + 1])):
            vector[np.uint64(self.columns[k])] += amount * self.values[k]

    def width(self) -> int:
        """Return the number of columns."""
        return self.n_columns

    def first(self, row: int) -> Any:
        """Return the place of a row's first entry."""
        return np.uint64(self.row_start[row])

    def end(self, row: int) -> Any:
        """Return the place after a row's last entry."""
        return np.uint64(self.row_start[row + 1])

    def ahead(self, points: Any, step: int, stop: int) -> None:
        """Ask for the beginning of the row whose turn on the tape comes a few steps later."""
        if step + AHEAD < stop and size_of(points[step + AHEAD]) == 1:
            first = np.uint64(self.row_start[member(points[step + AHEAD], 0)])
            for place in (0, 15):
                prefetch(self.columns, first + np.uint64(place))
            for place in (0, 8, 15):
                prefetch(self.values, first + np.uint64(place))

    def column(self, place: int) -> Any:
        """Return the column of an entry."""
        return np.uint64(self.columns[place])

    def entry(self, row: int, place: int) -> float:
        """Return an entry of a row."""
        return self.values[place]  # type: ignore[no-any-return]

    def outer(self, row: int, amount: float, square: Floats) -> None:
        """Add amount times the row's outer product with itself to the lower triangle of a matrix."""
        first = np.uint64(self.row_start[row])
        for k in range(first, np.uint64(self.row_start[row + 1])):
            line, factor = square[np.uint64(self.columns[k])], amount * self.values[k]
            for m in range(first, k + np.uint64(1)):
                line[np.uint64(self.columns[m])] += factor * self.values[m]

    def spread(self, point: Any, factor: float, gradient: Floats, vector: Floats) -> None:
        """Add factor * gradient to a vector where the rows of a point have features, and clear the gradient there."""
        for b in range(size_of(point)):
            row = member(point, b)
            for k in range(np.uint64(self.row_start[row]), np.uint64(self.row_start[row + 1])):
                j = np.uint64(self.columns[k])
                vector[j] += factor * gradient[j]
                gradient[j] = 0.0


def precise(dtype: np.dtype[Any]) -> Any:
    """Return float32 for float32, else float64."""
    return np.float32 if dtype == np.float32 else np.float64


def as_design(rows: Floats | CompressedRows) -> DenseRows | CompressedRows:
    """Return features as the part that compiled code reads."""
    return rows if isinstance(rows, CompressedRows) else DenseRows(rows)


def matrix(rows: Any) -> Any:
    """Return features or a design as what `@` multiplies: an ndarray or scipy's sparse array."""
    if isinstance(rows, CompressedRows):
        return rows.to_scipy()
    return rows.rows if isinstance(rows, DenseRows) else rows


def with_intercept(rows: Floats | CompressedRows) -> Floats | CompressedRows:
    """Return features with a last column of ones.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.models.design import with_intercept
    >>> with_intercept(np.array([[2.0], [3.0]]))
    array([[2., 1.],
           [3., 1.]])
    """
    if not isinstance(rows, CompressedRows):
        return np.ascontiguousarray(np.column_stack([rows, np.ones(rows.shape[0], rows.dtype)]))
    ends = rows.row_start[1:]
    index = rows.columns.dtype
    return CompressedRows(
        np.insert(rows.values, ends, 1.0),
        np.insert(rows.columns, ends, rows.n_columns).astype(index),
        (rows.row_start + np.arange(rows.row_start.size)).astype(index),
        rows.n_columns + 1,
    )


def features(name: str, X: Any) -> Floats | CompressedRows:
    """Return a matrix of features as float64, or float32 where it is: dense and C-contiguous, or in compressed rows.

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
    demand_unmasked(name, X)
    if given.ndim != 2:
        raise StochinfError(f"{name}: shape {given.shape}; a matrix of shape (rows, columns) is needed")
    return np.require(given, dtype=precise(given.dtype), requirements=["C", "A", "W"])


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


def demand_unmasked(name: str, values: Any) -> None:
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
