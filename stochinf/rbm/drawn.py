r"""Training data drawn afresh: rows of two values whose means are given, a new draw whenever a minibatch takes a row.

A grey picture stands for all black and white pictures whose pixels are on with the chance its values say. A machine that sees new
ones in every pass learns their distribution, where one fixed draw of each would be learnt by heart, and the values themselves
stand for pictures that binary units cannot be in.

The numbers come from the small generators of the kernel's state, one per unit: so the same seed gives the same rows however a run
is cut into chunks, and training that is resumed draws those that were due.

References
----------
Salakhutdinov, R. and Murray, I. (2008). On the quantitative analysis of deep belief networks. ICML, section 6: sampled pixels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform
from stochinf.rbm.data import Rows, SparseRows, as_rows, by_density
from stochinf.rbm.monitors import first_rows
from stochinf.rbm.products import project
from stochinf.rbm.units import Bernoulli, Spin, squared_difference

__all__ = ["Binarised", "once", "rows_of"]

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@part
class Binarised(NamedTuple):
    """Rows of two values, drawn from their means whenever a minibatch takes them.

    Of sparse rows only a minibatch at a time is made dense.

    Parameters
    ----------
    rows : Rows or SparseRows
        Means.
    low, high : float
        The two values.

    Raises
    ------
    StochinfError
        If the two values do not rise, or the means do not lie between them.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> grey = si.rbm.Binarised(si.rbm.Rows(np.full((50, 4), 0.25)))
    >>> kernel = si.rbm.ContrastiveDivergence(2, learning_rate=0.1, batch=10)
    >>> si.run(kernel, grey, 20, rng=0).position.shape
    (1, 14)
    """

    rows: Any
    low: np.float32 = np.float32(0.0)
    high: np.float32 = np.float32(1.0)

    def checked(self) -> Binarised:
        """Check the two values, and that the means lie between them."""
        if not isinstance(self.rows, (Rows, SparseRows)):
            raise StochinfError(f"Binarised: rows = {self.rows!r}; stochinf.rbm.Rows or SparseRows are needed")
        if not -np.inf < self.low < self.high < np.inf:
            raise StochinfError(f"Binarised: low = {self.low:g}, high = {self.high:g}; two finite numbers that rise are needed")
        left_out = np.zeros(1 if isinstance(self.rows, SparseRows) else 0, np.float32)
        values = [part for part in (self.rows.values, left_out) if part.size]
        found = min(part.min() for part in values), max(part.max() for part in values)
        if not self.low <= found[0] <= found[1] <= self.high:
            raise StochinfError(
                f"Binarised: means from {found[0]:g} to {found[1]:g}; numbers from {self.low:g} to {self.high:g} are needed"
            )
        return self

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return int(self.rows.n_points)

    @property
    def n_visible(self) -> int:
        """Number of columns."""
        return int(self.rows.n_visible)

    def visible_means(self) -> Floats:
        """Return the mean of every column over rows and draws."""
        means: Floats = self.rows.visible_means()
        return means

    def visible_squares(self) -> Floats:
        """Return the mean square of every column over rows and draws."""
        low, high = float(self.low), float(self.high)
        return low**2 + (self.visible_means() - low) * (high + low)

    def variables(self, positions: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return weights and biases by name."""
        named: dict[str, npt.NDArray[Any]] = self.rows.variables(positions)
        return named

    def weight(self, row: int) -> float:
        """Return what a row counts."""
        return self.rows.weight(row)  # type: ignore[no-any-return]

    def merged(self) -> bool:
        """Whether rows stand in the work array of the kernel."""
        return True

    def activate(self, point: Any, start: int, stop: int, weights: Singles, rows: Singles, out: Singles, state: Any) -> None:
        """Draw the rows of points start..stop-1 into `rows` and write their products with the weights to `out`."""
        self.rows.gather(point, start, stop, rows)
        draw_from_means(rows, self.low, self.high, state.words)
        project(rows, weights, out, state.places)

    def learn(self, point: Any, start: int, stop: int, factors: Singles, hidden: Singles, state: Any, out: Singles) -> None:
        """Add nothing: the rows take part in the products of the work array."""

    def stored(self, point: Any, start: int, stop: int) -> int:
        """Return how many numbers stand elsewhere than in the work array: none."""
        return 0

    def tally(self, point: Any, start: int, stop: int, starts: npt.NDArray[np.int64]) -> None:
        """Count nothing."""

    def enter(self, point: Any, start: int, stop: int, chains: int, state: Any) -> None:
        """Enter nothing."""

    def distance(self, point: Any, start: int, stop: int, rows: Singles, ends: Singles) -> float:
        """Return the sum of squared differences between the rows drawn and the ends of their chains."""
        return squared_difference(rows, ends)

    def gather(self, point: Any, start: int, stop: int, out: Singles) -> int:
        """Write the means of the rows named by points start..stop-1 to `out`; return how many there are."""
        return self.rows.gather(point, start, stop, out)  # type: ignore[no-any-return]


@helper(reorder=True)
def draw_from_means(rows: Singles, low: np.float32, high: np.float32, words: npt.NDArray[np.uint32]) -> None:
    """Replace means by one of two values."""
    span = np.float32(high - low)
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            place = np.float32(low + np.float32(span * lane_uniform(words, j)))
            rows[i, j] = high if place < rows[i, j] else low


def rows_of(X: Any, row_weights: Any, binarise: str | None, unit: Any) -> Any:
    """Return the target of a matrix for units of a kind, drawn afresh where that is asked for.

    Raises
    ------
    StochinfError
        If `binarise` is neither None nor 'sample', or the units have more than two values.
    """
    if binarise is not None and not (isinstance(binarise, str) and binarise == "sample"):
        raise StochinfError(f"binarise = {binarise!r}: None or 'sample' is needed; thresholds are set before training: X > 0.5")
    if binarise and type(unit) not in (Bernoulli, Spin):
        raise StochinfError(f"binarise = 'sample' with visible units {unit!r}; units of two values are needed")
    rows = as_rows(by_density(X), row_weights)
    return Binarised(rows, *unit.bounds) if binarise else rows


def once(X: Any, binarise: str | None, unit: Any) -> Any:
    """Return the rows that a monitor watches: the first ones of X, and where rows are drawn one draw of these."""
    if not binarise or X is None:
        return X
    low, high = unit.bounds
    rows = first_rows(X)
    uniform = np.random.Generator(np.random.SFC64(0)).random(rows.shape)
    return np.where(low + (high - low) * uniform < rows, high, low)
