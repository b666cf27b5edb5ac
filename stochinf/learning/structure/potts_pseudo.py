r"""Pseudo-likelihood of dense Potts models: every site given the others, a finite sum over sequences.

.. math:: f(h, J) = -\frac{1}{M} \sum_n w_n \sum_i \log p(x_{ni} \mid x_{n, -i}) + \frac{\lambda_h}{2} \sum_i |h_i|^2
   + \frac{\lambda_J}{2} \sum_{i < j} |J_{ij}|^2,

with couplings shared by both sites of a pair. The position holds h and then J as a symmetric matrix; gradients are symmetric, so
that steps along them keep it so. A row of the data touches L rows of J and no more.

References
----------
Besag, J. (1975). Statistical analysis of non-lattice data. The Statistician 24(3).
Ekeberg, M. et al. (2013). Improved contact prediction in proteins: using pseudolikelihoods to infer Potts models. Phys. Rev. E
87, 012707, equations (7) to (11).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry, helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.learning.structure.alignment import Alignment
from stochinf.learning.structure.potts_steps import local_fields
from stochinf.models.batch import member, size_of
from stochinf.models.certificates import Certificate

__all__ = ["PottsPseudoLikelihood", "potts_pseudo_likelihood"]

Floats = npt.NDArray[np.float64]
EMPTY = np.empty(0)


@helper(reorder=True)
def site_losses(states: Any, row: int, n_states: int, fields: Any) -> float:
    """Turn log weights of all states into the gradient of a row's loss by them; return the loss."""
    loss = 0.0
    for i in range(states.shape[0]):
        own = fields[i * n_states : (i + 1) * n_states]
        top = own[0]
        for s in range(1, n_states):
            top = max(top, own[s])
        total = 0.0
        seen = np.int64(states[i, row])
        chosen = own[seen]
        for s in range(n_states):
            own[s] = math.exp(own[s] - top)
            total += own[s]
        loss += math.log(total) + top - chosen
        for s in range(n_states):
            own[s] /= total
        own[seen] -= 1.0
    return loss


@helper(reorder=True)
def add_scaled(row: Any, weight: float, out: Any) -> None:
    """Add a row times a weight."""
    for t in range(out.size):
        out[t] += weight * row[t]


@helper(reorder=True)
def share_out(size: int, n_states: int, l2: float, position: Any, out: Any) -> None:
    """Make the gradient of the couplings symmetric, nothing within a site, and add half the penalty's."""
    J, g = position[size:].reshape((size, size)), out[size:].reshape((size, size))
    for r in range(size):
        right = (r // n_states + 1) * n_states
        for s in range(r // n_states * n_states, right):
            g[r, s] = 0.0
        for s in range(right, size):
            value = 0.5 * (g[r, s] + g[s, r] + l2 * J[r, s])
            g[r, s] = value
            g[s, r] = value


@entry
def write_whole(target: Any, position: Floats, out: Floats) -> float:
    """Write the gradient of the whole; return its value."""
    return float(target.whole(position, out))


@part
class PottsPseudoLikelihood(NamedTuple):
    """The mean negative log pseudo-likelihood as a problem to minimise; made by `potts_pseudo_likelihood`.

    Attributes
    ----------
    states : uint8 (L, N)
        Sequences as columns.
    weights : float64 (N,)
        Of sequences, 1 on average.
    n_states : int
    l2, l2_biases : float
    fields : float64 (L q,)
        Work space.
    """

    states: npt.NDArray[np.uint8]
    weights: Floats
    n_states: int
    l2: float = 0.01
    l2_biases: float = 0.01
    fields: Floats = EMPTY

    def checked(self) -> PottsPseudoLikelihood:
        """Make room to work in."""
        size = self.states.shape[0] * self.n_states
        demand(8 * 30 * size * (size + 1), f"the pseudo-likelihood of {self.states.shape[0]} sites with {self.n_states} states")
        return self if self.fields.size else self._replace(fields=np.zeros(size))

    def private(self) -> PottsPseudoLikelihood:
        """Return the same sum for a block of its own."""
        return self._replace(fields=np.zeros(self.fields.size))

    @property
    def n_points(self) -> int:
        """Number of sequences."""
        return int(self.weights.size)

    @property
    def dim(self) -> int:
        """Number of biases and entries of the matrix of couplings."""
        return int(self.fields.size * (self.fields.size + 1))

    def start(self, generator: np.random.Generator) -> Floats:
        """Return zeros."""
        return np.zeros(self.dim)

    def row_loss(self, position: Floats, row: int) -> float:
        """Return the loss of one sequence; `fields` becomes its gradient by the log weights."""
        size = self.fields.size
        local_fields(position[size:].reshape((size, size)), position[:size], self.states, row, self.n_states, self.fields)
        return float(site_losses(self.states, row, self.n_states, self.fields))

    def penalty(self, position: Floats) -> float:
        """Return the penalties."""
        size = self.fields.size
        biases, couplings = 0.0, 0.0
        for r in range(size):
            biases += position[r] * position[r]
        for r in range(size, position.size):
            couplings += position[r] * position[r]
        return 0.5 * self.l2_biases * biases + 0.25 * self.l2 * couplings

    def value(self, position: Floats, point: Any) -> float:
        """Return the mean loss of the sequences of a point, plus the penalties."""
        total = 0.0
        for k in range(size_of(point)):
            row = member(point, k)
            total += self.weights[row] * self.row_loss(position, row)
        return total / size_of(point) + self.penalty(position)

    def add_row(self, position: Floats, row: int, share: float, out: Floats) -> float:
        """Add the gradient of a sequence, its couplings not yet symmetric; return its loss times its weight."""
        size, q = self.fields.size, self.n_states
        loss = self.weights[row] * self.row_loss(position, row)
        slopes, weight = out[size:].reshape((size, size)), share * self.weights[row]
        add_scaled(self.fields, weight, out[:size])
        for j in range(self.states.shape[0]):
            add_scaled(self.fields, weight, slopes[j * q + np.int64(self.states[j, row])])
        return float(loss)

    def finish(self, position: Floats, out: Floats) -> None:
        """Complete a gradient: symmetric couplings, penalties."""
        size = self.fields.size
        share_out(size, self.n_states, self.l2, position, out)
        for r in range(size):
            out[r] += self.l2_biases * position[r]

    def gradient(self, position: Floats, point: Any, out: Floats) -> None:
        """Write the mean gradient of the sequences of a point."""
        for j in range(out.size):
            out[j] = 0.0
        for k in range(size_of(point)):
            self.add_row(position, member(point, k), 1.0 / size_of(point), out)
        self.finish(position, out)

    def whole(self, position: Floats, out: Floats) -> float:
        """Write the gradient of the whole; return its value."""
        total, n = 0.0, self.weights.size
        for j in range(out.size):
            out[j] = 0.0
        for row in range(n):
            total += self.add_row(position, row, 1.0 / n, out)
        self.finish(position, out)
        return total / n + self.penalty(position)

    def lasso(self, j: int) -> float:
        """Return the l1 penalty of a coordinate: none."""
        return 0.0

    def log_density(self, position: Floats) -> float:
        """Return -N f."""
        total = 0.0
        for row in range(self.weights.size):
            total += self.weights[row] * self.row_loss(position, row)
        return -total - self.weights.size * self.penalty(position)

    def objective(self, position: Floats) -> float:
        """Return f, for Python."""
        return float(write_whole(self, np.array(position, dtype=np.float64), np.empty(self.dim)))

    def full_gradient(self, position: Floats) -> Floats:
        """Return the gradient of f, for Python."""
        out = np.empty(self.dim)
        write_whole(self, np.array(position, dtype=np.float64), out)
        return out

    def certificate(self, position: Floats) -> Certificate:
        """Return the norm of the gradient, and the bound that the penalties give."""
        norm = float(np.linalg.norm(self.full_gradient(position)))
        curvature = min(0.5 * self.l2, self.l2_biases)
        bound = norm**2 / (2 * curvature) if curvature > 0 else math.inf
        return Certificate("grad_norm", norm, bound, "norm of the gradient; f - min f is at most its square / (2 l2)")


def potts_pseudo_likelihood(
    alignment: Alignment, weights: Floats, l2: float = 0.01, l2_biases: float = 0.01
) -> PottsPseudoLikelihood:
    """Return the pseudo-likelihood of weighted sequences as a problem for `stochinf.minimize`.

    Parameters
    ----------
    alignment : Alignment
        The sequences.
    weights : ndarray of shape (N,)
        As of `sequence_weights`; their mean is divided out.
    l2, l2_biases : float
        Strengths of the penalties.

    Returns
    -------
    PottsPseudoLikelihood
        Its position is the biases, then the couplings as a symmetric matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> alignment = si.learning.Alignment.from_states([[0, 0], [1, 1], [0, 0], [1, 0]])
    >>> problem = si.learning.potts_pseudo_likelihood(alignment, np.ones(4), 0.1)
    >>> float(problem.objective(np.zeros(problem.dim)) / np.log(2)).__round__(6)
    2.0
    """
    return PottsPseudoLikelihood(
        np.ascontiguousarray(alignment.states.T), weights / weights.mean(), alignment.n_states, float(l2), float(l2_biases)
    )
