"""Training data of restricted Boltzmann machines: rows of numbers in single precision, dense or sparse (CSR).

`gather` writes the rows of a minibatch into the work array of the kernel; a sparse matrix is never made dense as a whole.
A point below zero names no row: so batches of unequal size fit on one tape.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.models.batch import member
from stochinf.rbm.parameters import unpacked

__all__ = ["Rows", "SparseRows", "as_rows"]

Singles = npt.NDArray[np.float32]


@part
class Rows(NamedTuple):
    """Dense rows.

    Parameters
    ----------
    values : ndarray of shape (n_points, n_visible)
        Probabilities that a visible unit is on, or 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> si.rbm.Rows(np.eye(3)).visible_means()
    array([0.33333333, 0.33333333, 0.33333333])
    """

    values: Singles

    def checked(self) -> Rows:
        """Check the shape and that every number is finite."""
        demand_rows("Rows", self.values.shape)
        demand_finite("Rows", self.values)
        return self

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return len(self.values)

    @property
    def n_visible(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    def visible_means(self) -> npt.NDArray[np.float64]:
        """Return the mean of every column."""
        means: npt.NDArray[np.float64] = self.values.mean(axis=0, dtype=np.float64)
        return means

    def variables(self, positions: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return weights and biases by name."""
        return unpacked(positions, self.n_visible)._asdict()

    def gather(self, point: Any, start: int, stop: int, out: Singles) -> int:
        """Write the rows named by points start..stop-1 to `out`; return how many there are."""
        found = 0
        for k in range(start, stop):
            row = member(point, k)
            if row >= 0:
                for j in range(self.values.shape[1]):
                    out[found, j] = self.values[row, j]
                found += 1
        return found


@part
class SparseRows(NamedTuple):
    """Rows of a sparse matrix (CSR): row r holds values[start[r]:start[r+1]] in columns[start[r]:start[r+1]].

    Parameters
    ----------
    values, columns, start : ndarray
        `data`, `indices` and `indptr` of scipy's matrix.
    n_visible : int
        Number of columns.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from stochinf.rbm.data import as_rows
    >>> type(as_rows(csr_array(np.eye(3)))).__name__
    'SparseRows'
    """

    values: Singles
    columns: npt.NDArray[np.int32]
    start: npt.NDArray[np.int64]
    n_visible: int

    def checked(self) -> SparseRows:
        """Check the shape, the places and that every number is finite."""
        demand_rows("SparseRows", (self.start.size - 1, self.n_visible))
        stored = min(self.values.size, self.columns.size)
        if self.start[0] != 0 or (np.diff(self.start) < 0).any() or self.start[-1] > stored:
            raise StochinfError(f"SparseRows: start must rise from 0 to at most the {stored} numbers stored")
        if stored and not 0 <= self.columns.min() <= self.columns.max() < self.n_visible:
            raise StochinfError(f"SparseRows: columns must lie between 0 and n_visible - 1 = {self.n_visible - 1}")
        demand_finite("SparseRows", self.values)
        return self

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return self.start.size - 1

    def visible_means(self) -> npt.NDArray[np.float64]:
        """Return the mean of every column."""
        end = self.start[-1]
        return np.bincount(self.columns[:end], self.values[:end], self.n_visible) / self.n_points

    def variables(self, positions: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return weights and biases by name."""
        return unpacked(positions, self.n_visible)._asdict()

    def gather(self, point: Any, start: int, stop: int, out: Singles) -> int:
        """Write the rows named by points start..stop-1 to `out`; return how many there are."""
        found = 0
        for k in range(start, stop):
            row = member(point, k)
            if row >= 0:
                for j in range(self.n_visible):
                    out[found, j] = np.float32(0.0)
                for place in range(self.start[row], self.start[row + 1]):
                    out[found, self.columns[place]] += self.values[place]
                found += 1
        return found


def as_rows(X: Any) -> Rows | SparseRows:
    """Return the target of a matrix, a numpy array or a scipy CSR matrix."""
    with np.errstate(over="ignore"):
        if hasattr(X, "indptr"):
            return SparseRows(X.data, X.indices, X.indptr, X.shape[1])
        return Rows(X)


def demand_rows(name: str, shape: tuple[int, ...]) -> None:
    """Demand a matrix with at least one row and one column."""
    if len(shape) != 2 or min(shape) < 1:
        raise StochinfError(f"{name}: shape {shape}; at least one row and one column are needed")


def demand_finite(name: str, values: Singles) -> None:
    """Demand numbers that are finite in single precision."""
    if not np.isfinite(values).all():
        wrong = values[~np.isfinite(values)].flat[0]
        raise StochinfError(f"{name}: {wrong} among the data; numbers that are finite in single precision (float32) are needed")
