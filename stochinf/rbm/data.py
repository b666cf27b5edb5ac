"""Training data of restricted Boltzmann machines: rows of numbers in single precision, dense or sparse (CSR).

Dense rows of a minibatch are gathered into the work array of the kernel, below the chains, and share their products with BLAS.
Of sparse rows only what is stored is touched: a row of weights is added for every number. A point below zero names no row: so
batches of unequal size fit on one tape. Where rows have weights, means over the data are weighted means.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.blas import multiply
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.models.batch import member
from stochinf.rbm.parameters import unpacked
from stochinf.rbm.products import add_multiple
from stochinf.rbm.units import squared_difference

__all__ = ["Rows", "SparseRows", "as_rows", "by_density"]

Singles = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
EQUAL = np.empty(0, np.float32)
FEW = 256
"""Rows summed at once in single precision."""
WIDE, FILLED = 256, 0.15
"""Columns from which, and share of numbers up to which, dense rows are worked on as sparse ones."""


@part
class Rows(NamedTuple):
    """Dense rows.

    Parameters
    ----------
    values : ndarray of shape (n_points, n_visible)
        Values of the visible units, or their means: for binary units probabilities, or 0 and 1.
    row_weights : ndarray of shape (n_points,)
        What each row counts; empty for equally.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> si.rbm.Rows(np.eye(4)).visible_means()
    array([0.25, 0.25, 0.25, 0.25])
    """

    values: Singles
    row_weights: Singles = EQUAL

    def checked(self) -> Rows:
        """Check the shape, the weights and that every number is finite."""
        demand_rows("Rows", self.values.shape)
        demand_finite("Rows", self.values)
        demand_weights("Rows", self.row_weights, len(self.values))
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
        return self._sums(lambda rows: rows)

    def visible_squares(self) -> npt.NDArray[np.float64]:
        """Return the mean square of every column."""
        return self._sums(np.square)

    def _sums(self, change: Any) -> npt.NDArray[np.float64]:
        """Return the means of changed columns, a few rows at a time."""
        total = np.zeros(self.n_visible)
        share = shares(self) if self.row_weights.size else None
        for first in range(0, self.n_points, FEW):
            rows = change(self.values[first : first + FEW])
            total += rows.sum(axis=0) / self.n_points if share is None else share[first : first + FEW] @ rows
        return total

    def variables(self, positions: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return weights and biases by name."""
        return unpacked(positions, self.n_visible).named()

    def weight(self, row: int) -> float:
        """Return what a row counts."""
        return self.row_weights[row] if self.row_weights.size > 0 else 1.0

    def merged(self) -> bool:
        """Whether rows stand in the work array of the kernel."""
        return True

    def activate(self, point: Any, start: int, stop: int, weights: Singles, rows: Singles, out: Singles, state: Any) -> None:
        """Write the rows of points start..stop-1 to `rows` and their products with the weights to `out`."""
        self.gather(point, start, stop, rows)
        multiply(rows, False, weights, False, out, np.float32(0.0))

    def learn(self, point: Any, start: int, stop: int, factors: Singles, hidden: Singles, state: Any, out: Singles) -> None:
        """Add nothing: the rows take part in the products of the work array."""

    def stored(self, point: Any, start: int, stop: int) -> int:
        """Return how many numbers stand elsewhere than in the work array: none."""
        return 0

    def tally(self, point: Any, start: int, stop: int, starts: Places) -> None:
        """Count nothing."""

    def enter(self, point: Any, start: int, stop: int, chains: int, state: Any) -> None:
        """Enter nothing."""

    def distance(self, point: Any, start: int, stop: int, rows: Singles, ends: Singles) -> float:
        """Return the sum of squared differences between rows and the ends of their chains."""
        return squared_difference(rows, ends)

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
    row_weights : ndarray of shape (n_points,)
        What each row counts; empty for equally.

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
    row_weights: Singles = EQUAL

    def checked(self) -> SparseRows:
        """Check the shape, the places and that every number is finite."""
        demand_rows("SparseRows", (self.start.size - 1, self.n_visible))
        stored = min(self.values.size, self.columns.size)
        if self.start[0] != 0 or (np.diff(self.start) < 0).any() or self.start[-1] > stored:
            raise StochinfError(f"SparseRows: start must rise from 0 to at most the {stored} numbers stored")
        if stored and not 0 <= self.columns.min() <= self.columns.max() < self.n_visible:
            raise StochinfError(f"SparseRows: columns must lie between 0 and n_visible - 1 = {self.n_visible - 1}")
        demand_finite("SparseRows", self.values)
        demand_weights("SparseRows", self.row_weights, self.n_points)
        return self

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return self.start.size - 1

    def visible_means(self) -> npt.NDArray[np.float64]:
        """Return the mean of every column."""
        means: npt.NDArray[np.float64] = shares(self) @ self.matrix()
        return means

    def visible_squares(self) -> npt.NDArray[np.float64]:
        """Return the mean square of every column; numbers stored twice in one place are first added."""
        matrix = self.matrix()
        matrix.sum_duplicates()
        squares: npt.NDArray[np.float64] = shares(self) @ matrix.power(2)
        return squares

    def matrix(self) -> Any:
        """Return scipy's matrix, in double precision."""
        from scipy.sparse import csr_array

        end = int(self.start[-1])
        shape = (self.n_points, self.n_visible)
        return csr_array((self.values[:end].astype(np.float64), self.columns[:end].copy(), self.start.copy()), shape=shape)

    def variables(self, positions: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return weights and biases by name."""
        return unpacked(positions, self.n_visible).named()

    def weight(self, row: int) -> float:
        """Return what a row counts."""
        return self.row_weights[row] if self.row_weights.size > 0 else 1.0

    def merged(self) -> bool:
        """Whether rows stand in the work array of the kernel."""
        return False

    def activate(self, point: Any, start: int, stop: int, weights: Singles, rows: Singles, out: Singles, state: Any) -> None:
        """Write the products of the rows of points start..stop-1 with the weights to `out`."""
        found = 0
        for k in range(start, stop):
            row = member(point, k)
            if row >= 0:
                add_weights(self.values, self.columns, self.start[row], self.start[row + 1], weights, out[found])
                found += 1

    def learn(self, point: Any, start: int, stop: int, factors: Singles, hidden: Singles, state: Any, out: Singles) -> None:
        """Add the products of rows and hidden units to `out`, and the moments of the rows to those of the state."""
        found = 0
        for k in range(start, stop):
            row = member(point, k)
            if row >= 0:
                for place in range(self.start[row], self.start[row + 1]):
                    column, value = self.columns[place], self.values[place]
                    add_multiple(hidden[found], value, out[column])
                    add_moments(state, column, factors[found], value)
                found += 1

    def stored(self, point: Any, start: int, stop: int) -> int:
        """Return how many numbers the rows of points start..stop-1 hold."""
        total = 0
        for k in range(start, stop):
            row = member(point, k)
            if row >= 0:
                total += self.start[row + 1] - self.start[row]
        return total

    def tally(self, point: Any, start: int, stop: int, starts: Places) -> None:
        """Count the numbers of every column, one place further on."""
        for k in range(start, stop):
            row = member(point, k)
            if row >= 0:
                for place in range(self.start[row], self.start[row + 1]):
                    starts[self.columns[place] + 1] += 1

    def enter(self, point: Any, start: int, stop: int, chains: int, state: Any) -> None:
        """Enter the numbers into the columns of `state.entries`, and their moments into those of the state."""
        starts, rows, values = state.entries.starts, state.entries.rows, state.entries.values
        found = chains
        for k in range(start, stop):
            row = member(point, k)
            if row >= 0:
                for place in range(self.start[row], self.start[row + 1]):
                    column, value = self.columns[place], self.values[place]
                    free = starts[column + 1]
                    rows[free] = found
                    values[free] = value
                    starts[column + 1] = free + 1
                    add_moments(state, column, state.factors[found], value)
                found += 1

    def distance(self, point: Any, start: int, stop: int, rows: Singles, ends: Singles) -> float:
        """Return the sum of squared differences between rows and the ends of their chains."""
        total = squares(ends)
        found = 0
        for k in range(start, stop):
            row = member(point, k)
            if row >= 0:
                for place in range(self.start[row], self.start[row + 1]):
                    value = self.values[place]
                    total += value * (value - 2.0 * ends[found, self.columns[place]])
                found += 1
        return total

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


@helper()
def add_moments(state: Any, column: int, factor: Any, value: Any) -> None:
    """Add the moments of a number of the data, whose factor has a minus, to those of the state."""
    state.means[column] -= factor * value
    if state.squares.size > 0:
        state.squares[column] += factor * value * value


@helper(reorder=True)
def add_weights(values: Singles, columns: Any, first: int, last: int, weights: Singles, out: Singles) -> None:
    """Write the sum of rows of weights times values, four at a time, to `out`."""
    for j in range(out.size):
        out[j] = np.float32(0.0)
    place = first
    while place + 4 <= last:
        a, b, c, d = values[place], values[place + 1], values[place + 2], values[place + 3]
        i, k, m, n = columns[place], columns[place + 1], columns[place + 2], columns[place + 3]
        for j in range(out.size):
            out[j] += np.float32(a * weights[i, j] + b * weights[k, j]) + np.float32(c * weights[m, j] + d * weights[n, j])
        place += 4
    while place < last:
        add_multiple(weights[columns[place]], values[place], out)
        place += 1


@helper(reorder=True)
def squares(rows: Singles) -> np.float64:
    """Return the sum of squares."""
    total = np.float64(0.0)
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            total += np.float64(rows[i, j] * rows[i, j])
    return total


def shares(rows: Any) -> npt.NDArray[np.float64]:
    """Return what each row counts, summing to 1."""
    counts = rows.row_weights.astype(np.float64) if rows.row_weights.size else np.ones(rows.n_points)
    share: npt.NDArray[np.float64] = counts / counts.sum()
    return share


def as_rows(X: Any, row_weights: Any = EQUAL) -> Rows | SparseRows:
    """Return the target of a matrix, a numpy array or a scipy CSR matrix."""
    with np.errstate(over="ignore"):
        if hasattr(X, "indptr"):
            return SparseRows(X.data, X.indices, X.indptr, X.shape[1], row_weights)
        return Rows(X, row_weights)


def by_density(X: Any) -> Any:
    """Return a wide matrix with few numbers that are not zero as CSR, for which its products are cheaper; another as it is."""
    if hasattr(X, "indptr") or X.shape[1] < WIDE or np.count_nonzero(X) > FILLED * X.size:
        return X
    from scipy.sparse import csr_array

    return csr_array(X)


def demand_weights(name: str, weights: Singles, n: int) -> None:
    """Demand weights for all rows or none, not negative, with a positive sum."""
    if not weights.size:
        return
    if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise StochinfError(f"{name}: row_weights of shape {weights.shape}; {n} finite numbers from 0 on are needed, not all 0")


def demand_rows(name: str, shape: tuple[int, ...]) -> None:
    """Demand a matrix with at least one row and one column."""
    if len(shape) != 2 or min(shape) < 1:
        raise StochinfError(f"{name}: shape {shape}; at least one row and one column are needed")


def demand_finite(name: str, values: Singles) -> None:
    """Demand numbers that are finite in single precision."""
    if not np.isfinite(values).all():
        wrong = values[~np.isfinite(values)].flat[0]
        raise StochinfError(f"{name}: {wrong} among the data; numbers that are finite in single precision (float32) are needed")
