"""The design matrix by columns, as methods that move one coefficient at a time read it.

Two parts with the same methods: `dot(column, vector)`, `add(column, amount, vector)`, `add_scaled(column, amount, scales,
vector)`, `squares(column, scales)`; sums over a column of what a loss makes of scores (`slope`, `curvature`, `change`); and what
a Gram matrix of chosen columns needs, `enlist` and `products`. Compressed columns index by unsigned integers, which saves a
look at the sign. Entries are float64, or float32 where they were given so; sums are in double precision.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.models.design import precise

__all__ = ["CompressedColumns", "DenseColumns", "Slots"]

Floats = npt.NDArray[np.float64]
Entries = npt.NDArray[Any]


class Slots(NamedTuple):
    """Rows of the columns chosen so far: row r holds places start[r]:filled[r] of `place` and `value`; it has room to start[r+1].

    Attributes
    ----------
    start : ndarray of shape (n_rows + 1,)
    filled : ndarray of shape (n_rows,)
    place : ndarray of shape (stored,)
        Where a column stands among the chosen ones, ascending within a row.
    value : ndarray of shape (stored,)
    """

    start: npt.NDArray[np.int64]
    filled: npt.NDArray[np.int64]
    place: npt.NDArray[np.int32]
    value: Floats


@part(reorder=True)
class DenseColumns(NamedTuple):
    """A dense matrix by columns: the transpose, shape (n_columns, n_rows).

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.models.columns import DenseColumns
    >>> float(DenseColumns([[1.0, 3.0], [2.0, 4.0]]).dot(1, np.array([1.0, 10.0])))
    42.0
    """

    columns: Entries

    def checked(self) -> DenseColumns:
        """Make the entries float64, or float32."""
        return self._replace(columns=np.require(self.columns, precise(self.columns.dtype), ["C", "A", "W"]))

    @property
    def precision(self) -> Any:
        """The type of the entries: float32 or float64."""
        return self.columns.dtype.type

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.columns.shape[1], self.columns.shape[0]

    @property
    def stored(self) -> int:
        """How many entries rows of chosen columns may need: none, dense columns are multiplied as they are."""
        return 0

    def matrix(self) -> Any:
        """Return what `@` multiplies, shape (n_rows, n_columns)."""
        return self.columns.T

    def dot(self, column: int, vector: Floats) -> float:
        """Return the product of a column and a vector."""
        total = 0.0
        for i in range(self.columns.shape[1]):
            total += self.columns[column, i] * vector[i]
        return total

    def measured(self, column: int, vector: Floats) -> tuple[float, float]:
        """Return the product of a column and a vector, and the sum of x^2."""
        total, squares = 0.0, 0.0
        for i in range(self.columns.shape[1]):
            x = np.float64(self.columns[column, i])
            total += x * vector[i]
            squares += x * x
        return total, squares

    def squares(self, column: int, scales: Floats) -> float:
        """Return the sum of scales * x^2."""
        total = 0.0
        for i in range(self.columns.shape[1]):
            total += scales[i] * self.columns[column, i] * self.columns[column, i]
        return total

    def add(self, column: int, amount: float, vector: Floats) -> None:
        """Add amount * x to a vector."""
        for i in range(self.columns.shape[1]):
            vector[i] += amount * self.columns[column, i]

    def add_scaled(self, column: int, amount: float, scales: Floats, vector: Floats) -> None:
        """Add amount * scales * x to a vector."""
        for i in range(self.columns.shape[1]):
            vector[i] += amount * scales[i] * self.columns[column, i]

    def slope(self, column: int, loss: Any, scores: Floats, labels: Floats) -> float:
        """Return the sum of x times the slopes of the losses."""
        total = 0.0
        for i in range(self.columns.shape[1]):
            total += self.columns[column, i] * loss.loss_slope(scores[i], labels[i])
        return total

    def curvature(self, column: int, loss: Any, scores: Floats, labels: Floats) -> float:
        """Return the sum of x^2 times the curvatures of the losses."""
        total = 0.0
        for i in range(self.columns.shape[1]):
            x = np.float64(self.columns[column, i])
            total += x * x * loss.loss_curvature(scores[i], labels[i])
        return total

    def change(self, column: int, amount: float, loss: Any, scores: Floats, labels: Floats) -> float:
        """Return by how much the losses change when the scores do by amount * x."""
        total = 0.0
        for i in range(self.columns.shape[1]):
            moved = scores[i] + amount * self.columns[column, i]
            total += loss.loss_value(moved, labels[i]) - loss.loss_value(scores[i], labels[i])
        return total

    def entries(self, column: int) -> int:
        """Return how many entries a column has."""
        return self.columns.shape[1]  # type: ignore[no-any-return]

    def entry_slope(self, column: int, k: int, loss: Any, scores: Floats, labels: Floats) -> float:
        """Return x times the slope of the loss at entry k of a column."""
        return self.columns[column, k] * loss.loss_slope(scores[k], labels[k])  # type: ignore[no-any-return]

    def enlist(self, chosen: Any, old: int, size: int, slots: Slots) -> None:
        """Do nothing: dense columns need no rows."""

    def pairs(self, slots: Slots, size: int) -> float:
        """Return what a Gram matrix of `size` columns costs, in products at the price of a sparse one."""
        return 0.05 * size * size * self.columns.shape[1]  # type: ignore[no-any-return]

    def products(self, chosen: Any, old: int, size: int, slots: Slots, scales: Floats, gram: Floats) -> None:
        """Write the lower triangle of X' diag(scales) X for the chosen columns, rows from `old`."""
        for q in range(old, size):
            for p in range(q + 1):
                total = 0.0
                for i in range(self.columns.shape[1]):
                    total += scales[i] * self.columns[chosen[q], i] * self.columns[chosen[p], i]
                gram[q, p] = total


@part(reorder=True)
class CompressedColumns(NamedTuple):
    """A sparse matrix by columns (CSC): column j holds values[start[j]:start[j+1]] in rows at the same places.

    Attributes
    ----------
    values : ndarray of shape (stored,)
    rows : ndarray of shape (stored,)
        Unique within a column.
    column_start : ndarray of shape (n_columns + 1,)
    n_rows : int

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.models.columns import CompressedColumns
    >>> columns = CompressedColumns([5.0, 7.0], np.array([1, 0]), np.array([0, 1, 2]), 2)
    >>> float(columns.dot(0, np.array([1.0, 10.0])))
    50.0
    """

    values: Entries
    rows: npt.NDArray[Any]
    column_start: npt.NDArray[Any]
    n_rows: int

    def checked(self) -> CompressedColumns:
        """Make the entries float64, or float32."""
        return self._replace(values=np.require(self.values, precise(self.values.dtype), ["C", "A", "W"]))

    @property
    def precision(self) -> Any:
        """The type of the entries: float32 or float64."""
        return self.values.dtype.type

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.n_rows, self.column_start.size - 1

    @property
    def stored(self) -> int:
        """How many entries rows of chosen columns may need."""
        return int(self.values.size) + 8 * self.n_rows

    def matrix(self) -> Any:
        """Return what `@` multiplies, shape (n_rows, n_columns)."""
        from scipy.sparse import csc_array

        return csc_array((self.values, self.rows, self.column_start), shape=self.shape)

    def dot(self, column: int, vector: Floats) -> float:
        """Return the product of a column and a vector."""
        total = 0.0
        for k in range(np.uint64(self.column_start[column]), np.uint64(self.column_start[column + 1])):
            total += self.values[k] * vector[np.uint64(self.rows[k])]
        return total

    def measured(self, column: int, vector: Floats) -> tuple[float, float]:
        """Return the product of a column and a vector, and the sum of x^2."""
        total, squares = 0.0, 0.0
        for k in range(np.uint64(self.column_start[column]), np.uint64(self.column_start[column + 1])):
            x = np.float64(self.values[k])
            total += x * vector[np.uint64(self.rows[k])]
            squares += x * x
        return total, squares

    def squares(self, column: int, scales: Floats) -> float:
        """Return the sum of scales * x^2."""
        total = 0.0
        for k in range(np.uint64(self.column_start[column]), np.uint64(self.column_start[column + 1])):
            total += scales[np.uint64(self.rows[k])] * self.values[k] * self.values[k]
        return total

    def add(self, column: int, amount: float, vector: Floats) -> None:
        """Add amount * x to a vector."""
        for k in range(np.uint64(self.column_start[column]), np.uint64(self.column_start[column + 1])):
            vector[np.uint64(self.rows[k])] += amount * self.values[k]

    def add_scaled(self, column: int, amount: float, scales: Floats, vector: Floats) -> None:
        """Add amount * scales * x to a vector."""
        for k in range(np.uint64(self.column_start[column]), np.uint64(self.column_start[column + 1])):
            i = np.uint64(self.rows[k])
            vector[i] += amount * scales[i] * self.values[k]

    def slope(self, column: int, loss: Any, scores: Floats, labels: Floats) -> float:
        """Return the sum of x times the slopes of the losses."""
        total = 0.0
        for k in range(np.uint64(self.column_start[column]), np.uint64(self.column_start[column + 1])):
            i = np.uint64(self.rows[k])
            total += self.values[k] * loss.loss_slope(scores[i], labels[i])
        return total

    def curvature(self, column: int, loss: Any, scores: Floats, labels: Floats) -> float:
        """Return the sum of x^2 times the curvatures of the losses."""
        total = 0.0
        for k in range(np.uint64(self.column_start[column]), np.uint64(self.column_start[column + 1])):
            i = np.uint64(self.rows[k])
            x = np.float64(self.values[k])
            total += x * x * loss.loss_curvature(scores[i], labels[i])
        return total

    def change(self, column: int, amount: float, loss: Any, scores: Floats, labels: Floats) -> float:
        """Return by how much the losses change when the scores do by amount * x."""
        total = 0.0
        for k in range(np.uint64(self.column_start[column]), np.uint64(self.column_start[column + 1])):
            i = np.uint64(self.rows[k])
            total += loss.loss_value(scores[i] + amount * self.values[k], labels[i]) - loss.loss_value(scores[i], labels[i])
        return total

    def entries(self, column: int) -> int:
        """Return how many entries a column has."""
        return np.int64(self.column_start[column + 1] - self.column_start[column])  # type: ignore[return-value]

    def entry_slope(self, column: int, k: int, loss: Any, scores: Floats, labels: Floats) -> float:
        """Return x times the slope of the loss at entry k of a column."""
        place = self.column_start[column] + k
        i = self.rows[place]
        return self.values[place] * loss.loss_slope(scores[i], labels[i])  # type: ignore[no-any-return]

    def fits(self, chosen: Any, old: int, size: int, slots: Slots) -> bool:
        """Enter the columns from `old` into the rows; False where a row has no room."""
        for q in range(old, size):
            first = np.uint64(self.column_start[chosen[q]])
            for k in range(first, np.uint64(self.column_start[chosen[q] + 1])):
                i = np.uint64(self.rows[k])
                at = slots.filled[i]
                if at >= slots.start[i + np.uint64(1)]:
                    return False
                slots.place[at] = q
                slots.value[at] = self.values[k]
                slots.filled[i] = at + 1
        return True

    def enlist(self, chosen: Any, old: int, size: int, slots: Slots) -> None:
        """Enter the columns from `old` into the rows; if they lack room, give twice the room and enter all."""
        begin = old
        while not self.fits(chosen, begin, size, slots):
            begin = 0
            self.make_room(chosen, size, slots)

    def make_room(self, chosen: Any, size: int, slots: Slots) -> None:
        """Empty the rows, and give them room for twice the chosen columns and more, or as much as there is."""
        total = 0
        for i in range(self.n_rows):
            slots.filled[i] = 0
        for q in range(size):
            for k in range(np.uint64(self.column_start[chosen[q]]), np.uint64(self.column_start[chosen[q] + 1])):
                slots.filled[np.uint64(self.rows[k])] += 1
                total += 1
        spare = 4 + total // self.n_rows
        ample = 2 * total + spare * self.n_rows <= slots.place.size
        at = 0
        for i in range(self.n_rows):
            count = slots.filled[i]
            slots.start[i] = at
            slots.filled[i] = at
            at += 2 * count + spare if ample else count
        slots.start[self.n_rows] = at

    def pairs(self, slots: Slots, size: int) -> float:
        """Return how many products a Gram matrix of the enlisted columns takes."""
        total = 0.0
        for i in range(self.n_rows):
            count = slots.filled[i] - slots.start[i]
            total += 0.5 * count * (count + 1)
        return total

    def products(self, chosen: Any, old: int, size: int, slots: Slots, scales: Floats, gram: Floats) -> None:
        """Write the lower triangle of X' diag(scales) X for the chosen columns, rows from `old`."""
        for q in range(old, size):
            for p in range(q + 1):
                gram[q, p] = 0.0
        for i in range(self.n_rows):
            first = np.uint64(slots.start[i])
            last = np.uint64(slots.filled[i])
            while last > first and slots.place[last - np.uint64(1)] >= old:
                last -= np.uint64(1)
                line = gram[np.uint64(slots.place[last])]
                factor = scales[i] * slots.value[last]
                for k in range(first, last + np.uint64(1)):
                    line[np.uint64(slots.place[k])] += factor * slots.value[k]
