r"""Linear models: objectives that see a row x of the features only through its score x.w.

.. math:: f(w) = \frac{1}{n} \sum_i \ell(x_i \cdot w, y_i) + \frac{\lambda_2}{2} |w|^2 + \lambda_1 |w|_1

One target serves them all: a design matrix (`DenseRows` or `CompressedRows`), a loss of `stochinf.models.losses`, the responses
and the strengths of the penalties. The last coefficient is not penalised where it is an intercept. Kernels that step along
gradients see the smooth part; the l1 penalty is left to those that declare `proximal=True`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry
from stochinf.engine.parts import part
from stochinf.models.batch import member, size_of
from stochinf.models.certificates import Certificate, least_subgradient, linear_certificate
from stochinf.models.design import CompressedRows, matrix
from stochinf.models.weights import as_responses

__all__ = ["LinearTarget", "Smoothness", "largest_eigenvalue", "squared_norms"]

Floats = npt.NDArray[np.float64]


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


@entry
def write_gradient(target: Any, position: Floats, out: Floats) -> float:
    """Write the gradient of the smooth part of f; return the sum of the losses."""
    return float(target.smooth_gradient(position, out))


@part(linear=True)
class LinearTarget(NamedTuple):
    """A linear model as compiled code reads it; made by the `as_target` of the models; the log density is -n f(w).

    Attributes
    ----------
    design : DenseRows or CompressedRows
        Shape (n, dim).
    loss : part
        With `loss_value(z, y)`, `loss_slope(z, y)`, `loss_curvature(z, y)`.
    labels : ndarray of shape (n,)
        With weights, complex: their imaginary parts.
    l2, l1 : float
    penalised : int
        How many coefficients, from the first, the penalties see: dim, or dim - 1 with an intercept.
    """

    design: Any
    loss: Any
    labels: Any
    l2: float
    l1: float
    penalised: int

    def checked(self) -> LinearTarget:
        """Make the responses an array of one kind."""
        return self._replace(labels=as_responses(self.labels))

    def score(self, row: int, vector: Floats) -> float:
        """Return x.vector."""
        return self.design.dot(row, vector)  # type: ignore[no-any-return]

    def add_row(self, row: int, amount: float, vector: Floats) -> None:
        """Add amount * x to a vector."""
        self.design.add(row, amount, vector)

    def spread(self, point: Any, factor: float, gradient: Floats, vector: Floats) -> None:
        """Add factor * gradient to a vector where the rows of a point may have features, and clear the gradient there."""
        self.design.spread(point, factor, gradient, vector)

    def row_loss(self, row: int, score: float) -> float:
        """Return the loss of a row at a score."""
        return self.loss.loss_value(score, self.labels[row])  # type: ignore[no-any-return]

    def slope(self, row: int, score: float) -> float:
        """Return the derivative of a row's loss in the score."""
        return self.loss.loss_slope(score, self.labels[row])  # type: ignore[no-any-return]

    def curvature(self, row: int, score: float) -> float:
        """Return the second derivative of a row's loss in the score."""
        return self.loss.loss_curvature(score, self.labels[row])  # type: ignore[no-any-return]

    def penalty(self, position: Floats) -> float:
        """Return l2/2 |w|^2 + l1 |w|_1."""
        squares, absolutes = 0.0, 0.0
        for j in range(self.penalised):
            squares += position[j] * position[j]
            absolutes += abs(position[j])
        return 0.5 * self.l2 * squares + self.l1 * absolutes

    def value(self, position: Floats, point: Any) -> float:
        """Return the mean loss of the rows of a point, plus the penalty."""
        total = 0.0
        for k in range(size_of(point)):
            row = member(point, k)
            total += self.row_loss(row, self.score(row, position))
        return total / size_of(point) + self.penalty(position)

    def gradient(self, position: Floats, point: Any, out: Floats) -> None:
        """Write the mean gradient of the rows of a point, plus l2 w."""
        for j in range(out.size):
            out[j] = self.l2 * position[j] if j < self.penalised else 0.0
        weight = 1.0 / size_of(point)
        for k in range(size_of(point)):
            row = member(point, k)
            self.add_row(row, weight * self.slope(row, self.score(row, position)), out)

    def smooth_gradient(self, position: Floats, out: Floats) -> float:
        """Write the gradient of f without l1; return the sum of the losses."""
        n, total = self.labels.size, 0.0
        for j in range(out.size):
            out[j] = n * self.l2 * position[j] if j < self.penalised else 0.0
        for row in range(n):
            score = self.score(row, position)
            total += self.row_loss(row, score)
            self.add_row(row, self.slope(row, score), out)
        for j in range(out.size):
            out[j] /= n
        return total

    def whole(self, position: Floats, out: Floats) -> float:
        """Write the gradient of f without l1; return f."""
        return self.smooth_gradient(position, out) / self.labels.size + self.penalty(position)  # type: ignore[no-any-return]

    def log_density(self, position: Floats) -> float:
        """Return -n f(w)."""
        total = 0.0
        for row in range(self.labels.size):
            total += self.row_loss(row, self.score(row, position))
        return -total - self.labels.size * self.penalty(position)  # type: ignore[no-any-return]

    def log_density_gradient(self, position: Floats, out: Floats) -> float:
        """Write -n times the gradient of f, at 0 a subgradient of |w|_1; return -n f(w)."""
        total = self.smooth_gradient(position, out)
        for j in range(out.size):
            if j < self.penalised and position[j] != 0.0:
                out[j] += self.l1 if position[j] > 0.0 else -self.l1
            out[j] *= -self.labels.size
        return -total - self.labels.size * self.penalty(position)  # type: ignore[no-any-return]

    @property
    def sparse(self) -> bool:
        """Whether rows are compressed."""
        return isinstance(self.design, CompressedRows)

    @property
    def dim(self) -> int:
        """Number of coefficients."""
        return int(self.design.shape[1])

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return int(self.labels.size)

    def start(self, generator: np.random.Generator) -> Floats:
        """Return zeros."""
        return np.zeros(self.dim)

    def variables(self, positions: Floats) -> dict[str, Floats]:
        """Return the coefficients, shape (chain, draw, penalised), and the intercept where there is one."""
        if self.penalised == self.dim:
            return {"coefficients": positions}
        return {"coefficients": positions[..., :-1], "intercept": positions[..., -1]}

    def objective(self, position: Floats) -> float:
        """Return f(w)."""
        at = np.asarray(position, dtype=np.float64)
        with np.errstate(all="ignore"):
            losses = self.loss.total(np.asarray(matrix(self.design) @ at), self.labels)
            head = at[: self.penalised]
            penalty = 0.5 * self.l2 * (head @ head) + self.l1 * np.abs(head).sum()
        return float(losses / self.n_points + penalty)

    def full_gradient(self, position: Floats) -> Floats:
        """Return the gradient of f; with l1, its subgradient of least norm."""
        at = np.array(position, dtype=np.float64)
        out = np.empty(self.dim)
        write_gradient(self, at, out)
        return least_subgradient(out, at, self.l1, self.penalised)

    def certificate(self, position: Floats) -> Certificate:
        """Return the duality gap where there is a penalty, else the norm of the gradient."""
        return linear_certificate(self, np.array(position, dtype=np.float64))

    def row_smoothness(self) -> float:
        """Return the largest Lipschitz constant of a row's gradient, c max |x|^2 + l2 for curvatures of at most c."""
        norms, steepest = squared_norms(self.design), float(self.loss.steepest)
        if np.iscomplexobj(self.labels):
            norms, steepest = norms * self.labels.imag, float(self.loss.inner.steepest)
        largest = float(norms.max())
        return (steepest * largest if largest > 0 else 0.0) + self.l2

    def smoothness(self) -> Smoothness:
        """Return the constants of a row's gradient and of the whole, c times the largest eigenvalue of X'X / n, + l2."""
        whole = float(self.loss.steepest) * largest_eigenvalue(self.design) / self.n_points
        return Smoothness(self.row_smoothness(), whole + self.l2)


def squared_norms(rows: Any) -> Floats:
    """Return |x|^2 of every row."""
    if isinstance(rows, CompressedRows):
        squares = rows.to_scipy().power(2, dtype=np.float64)
        return np.asarray(squares.sum(axis=1), dtype=np.float64).reshape(-1)
    return np.asarray(np.einsum("ij,ij->i", matrix(rows), matrix(rows), dtype=np.float64))


def largest_eigenvalue(rows: Any) -> float:
    """Return the largest eigenvalue of X'X.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.models.linear import largest_eigenvalue
    >>> largest_eigenvalue(np.diag([1.0, 3.0, 2.0, 0.0]))
    9.0
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    features = matrix(rows).astype(np.float64)
    dim = features.shape[1]
    if dim < 200:
        gram = features.T @ features
        return float(np.linalg.eigvalsh(gram.toarray() if hasattr(gram, "toarray") else gram)[-1])
    product = LinearOperator((dim, dim), matvec=lambda v: features.T @ (features @ v), dtype=np.float64)
    start = np.random.Generator(np.random.SFC64(0)).standard_normal(dim)
    return float(eigsh(product, k=1, v0=start, return_eigenvectors=False)[0])
