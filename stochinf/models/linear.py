r"""Linear models: objectives that see a row x of the features only through its score x.w.

.. math:: f(w) = \frac{1}{n} \sum_i \ell_i(x_i \cdot w) + \frac{\lambda}{2} |w|^2

A target is a NamedTuple with the fields `rows` (dense) or `values, columns, row_start, dim` (compressed rows), `labels` and
`l2`. It gives `loss(row, score)` and `slope(row, score)`, the derivative of the loss, and takes everything else from here
with the decorator `sharing`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry
from stochinf.engine.loop import evaluate
from stochinf.models.batch import member, size_of
from stochinf.models.design import CompressedRows

__all__ = ["DenseRows", "LinearModel", "Smoothness", "SparseRows", "largest_eigenvalue", "sharing", "squared_norms"]

Floats = npt.NDArray[np.float64]
Class = TypeVar("Class", bound=type)


class Smoothness(NamedTuple):
    """Lipschitz constants of gradients.

    Attributes
    ----------
    row : float
        The largest over the rows.
    full : float
        That of the whole objective.
    """

    row: float
    full: float


def sharing(*sources: type) -> Callable[[Class], Class]:
    """Give a NamedTuple class, which can have no bases, the methods of others."""

    def decorate(cls: Class) -> Class:
        for source in sources:
            for name, method in vars(source).items():
                if not name.startswith("__"):
                    setattr(cls, name, method)
        return cls

    return decorate


class DenseRows:
    """How a target with dense rows reads them."""

    def score(self: Any, row: int, vector: Floats) -> float:
        """Return x.vector."""
        total = 0.0
        for j in range(vector.size):
            total += self.rows[row, j] * vector[j]
        return total

    def add_row(self: Any, row: int, amount: float, vector: Floats) -> None:
        """Add amount * x to a vector."""
        for j in range(vector.size):
            vector[j] += amount * self.rows[row, j]

    def spread(self: Any, point: Any, factor: float, gradient: Floats, vector: Floats) -> None:
        """Add factor * gradient to a vector, and clear the gradient."""
        for j in range(vector.size):
            vector[j] += factor * gradient[j]
            gradient[j] = 0.0

    @property
    def dim(self: Any) -> int:
        """Number of coefficients."""
        return int(self.rows.shape[1])


class SparseRows:
    """How a target with compressed rows reads them."""

    def score(self: Any, row: int, vector: Floats) -> float:
        """Return x.vector."""
        total = 0.0
        for k in range(self.row_start[row], self.row_start[row + 1]):
            total += self.values[k] * vector[self.columns[k]]
        return total

    def add_row(self: Any, row: int, amount: float, vector: Floats) -> None:
        """Add amount * x to a vector."""
        for k in range(self.row_start[row], self.row_start[row + 1]):
            vector[self.columns[k]] += amount * self.values[k]

    def spread(self: Any, point: Any, factor: float, gradient: Floats, vector: Floats) -> None:
        """Add factor * gradient to a vector where the rows of a point have features, and clear the gradient there."""
        for b in range(size_of(point)):
            row = member(point, b)
            for k in range(self.row_start[row], self.row_start[row + 1]):
                j = self.columns[k]
                vector[j] += factor * gradient[j]
                gradient[j] = 0.0


@entry
def write_gradient(target: Any, position: Floats, out: Floats) -> float:
    """Write the gradient of the log density; return the log density."""
    return float(target.log_density_gradient(position, out))


class LinearModel:
    """What every linear model does with scores, losses and slopes; the log density is -n f(w)."""

    linear = True

    def value(self: Any, position: Floats, point: Any) -> float:
        """Return the mean loss of the rows of a point, plus l2/2 |w|^2."""
        total = 0.0
        for k in range(size_of(point)):
            row = member(point, k)
            total += self.loss(row, self.score(row, position))
        return total / size_of(point) + self.penalty(position)  # type: ignore[no-any-return]

    def gradient(self: Any, position: Floats, point: Any, out: Floats) -> None:
        """Write the mean gradient of the rows of a point, plus l2 w."""
        for j in range(out.size):
            out[j] = self.l2 * position[j]
        weight = 1.0 / size_of(point)
        for k in range(size_of(point)):
            row = member(point, k)
            self.add_row(row, weight * self.slope(row, self.score(row, position)), out)

    def log_density(self: Any, position: Floats) -> float:
        """Return -n f(w)."""
        total = 0.0
        for row in range(self.labels.size):
            total += self.loss(row, self.score(row, position))
        return -total - self.labels.size * self.penalty(position)  # type: ignore[no-any-return]

    def log_density_gradient(self: Any, position: Floats, out: Floats) -> float:
        """Write -n times the gradient of f; return -n f(w)."""
        total = 0.0
        for j in range(out.size):
            out[j] = -self.labels.size * self.l2 * position[j]
        for row in range(self.labels.size):
            score = self.score(row, position)
            total += self.loss(row, score)
            self.add_row(row, -self.slope(row, score), out)
        return -total - self.labels.size * self.penalty(position)  # type: ignore[no-any-return]

    def penalty(self: Any, position: Floats) -> float:
        """Return l2/2 |w|^2."""
        total = 0.0
        for j in range(position.size):
            total += position[j] * position[j]
        return 0.5 * self.l2 * total  # type: ignore[no-any-return]

    @property
    def n_points(self: Any) -> int:
        """Number of rows."""
        return int(self.labels.size)

    def start(self: Any, generator: np.random.Generator) -> Floats:
        """Return zeros."""
        return np.zeros(self.dim)

    def variables(self: Any, positions: Floats) -> dict[str, Floats]:
        """Return the coefficients, shape (chain, draw, dim)."""
        return {"coefficients": positions}

    def objective(self: Any, position: Floats) -> float:
        """Return f(w)."""
        return -float(evaluate(self, np.array(position, dtype=np.float64))) / int(self.n_points)

    def full_gradient(self: Any, position: Floats) -> Floats:
        """Return the gradient of f."""
        out = np.empty(self.dim)
        write_gradient(self, np.array(position, dtype=np.float64), out)
        out /= -float(self.n_points)
        return out

    def certificate(self: Any, position: Floats) -> float:
        """Return the norm of the gradient of f."""
        return float(np.linalg.norm(self.full_gradient(position)))


def squared_norms(rows: Floats | CompressedRows) -> Floats:
    """Return |x|^2 of every row."""
    if isinstance(rows, CompressedRows):
        return np.asarray(rows.to_scipy().power(2).sum(axis=1), dtype=np.float64).reshape(-1)
    return np.asarray(np.einsum("ij,ij->i", rows, rows))


def largest_eigenvalue(rows: Floats | CompressedRows) -> float:
    """Return the largest eigenvalue of X'X.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.models.linear import largest_eigenvalue
    >>> largest_eigenvalue(np.diag([1.0, 3.0, 2.0, 0.0]))
    9.0
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    matrix = rows.to_scipy() if isinstance(rows, CompressedRows) else rows
    dim = matrix.shape[1]
    if dim < 200:
        gram = matrix.T @ matrix
        return float(np.linalg.eigvalsh(gram.toarray() if hasattr(gram, "toarray") else gram)[-1])
    product = LinearOperator((dim, dim), matvec=lambda v: matrix.T @ (matrix @ v), dtype=np.float64)
    start = np.random.Generator(np.random.SFC64(0)).standard_normal(dim)
    return float(eigsh(product, k=1, v0=start, return_eigenvectors=False)[0])
