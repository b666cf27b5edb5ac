r"""Directions of descent that are learnt from gradients: L-BFGS, BFGS, nonlinear conjugate gradients.

With steps :math:`s_k = w_{k+1} - w_k` and changes of the gradient :math:`y_k = g_{k+1} - g_k` the direction is
:math:`-H_k g_k`. BFGS keeps the matrix

.. math:: H_{k+1} = (I - \rho s y')\, H_k\, (I - \rho y s') + \rho s s', \quad \rho = 1 / y's;

L-BFGS applies the last few of these factors to a multiple of the identity, y's / y'y; conjugate gradients keep the last
direction,

.. math:: d_{k+1} = -g_{k+1} + \max(0, \beta)\, d_k, \quad \beta = g_{k+1}' y_k / g_k' g_k \quad \text{(Polak-Ribiere)}.

References
----------
Nocedal, J. and Wright, S. J. (2006). Numerical Optimization, 2nd edition, equations (6.17), (5.44), algorithm 7.4.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part

__all__ = ["Conjugate", "LimitedMemory", "Matrix", "product"]

Floats = npt.NDArray[np.float64]


@helper(reorder=True)
def product(a: Any, b: Any) -> float:
    """Return the inner product of two vectors."""
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


class LimitedState(NamedTuple):
    """Steps and changes, shape (memory, dim), with 1 / y's and a work space, shape (memory,); how many were learnt."""

    steps: Floats
    changes: Floats
    inverses: Floats
    work: Floats
    learnt: npt.NDArray[np.int64]


@part
class LimitedMemory(NamedTuple):
    """L-BFGS."""

    memory: int = 10
    curvature: float = 0.9
    scaled: int = 0

    def init(self, dim: int) -> LimitedState:
        """Return an empty memory."""
        rows, numbers = np.zeros((self.memory, dim)), np.zeros(self.memory)
        return LimitedState(rows, rows.copy(), numbers, numbers.copy(), np.zeros(1, np.int64))

    def direct(self, kept: LimitedState, gradient: Floats, out: Floats) -> None:
        """Write the direction: the loop of algorithm 7.4."""
        learnt = kept.learnt[0]
        for j in range(out.size):
            out[j] = -gradient[j]
        oldest = max(0, learnt - self.memory)
        for k in range(learnt - 1, oldest - 1, -1):
            i = k % self.memory
            kept.work[i] = kept.inverses[i] * product(kept.steps[i], out)
            for j in range(out.size):
                out[j] -= kept.work[i] * kept.changes[i, j]
        if learnt > 0:
            i = (learnt - 1) % self.memory
            scale = 1.0 / (kept.inverses[i] * product(kept.changes[i], kept.changes[i]))
            for j in range(out.size):
                out[j] *= scale
        for k in range(oldest, learnt):
            i = k % self.memory
            amount = kept.work[i] - kept.inverses[i] * product(kept.changes[i], out)
            for j in range(out.size):
                out[j] += amount * kept.steps[i, j]

    def learn(self, kept: LimitedState, length: float, direction: Floats, old: Floats, new: Floats) -> None:
        """Remember a step and what it did to the gradient."""
        i = kept.learnt[0] % self.memory
        total, size = 0.0, 0.0
        for j in range(old.size):
            step, change = length * direction[j], new[j] - old[j]
            kept.steps[i, j], kept.changes[i, j] = step, change
            total += step * change
            size += change * change
        if total > 1e-300 and total > 1e-16 * size:
            kept.inverses[i] = 1.0 / total
            kept.learnt[0] += 1

    def forget(self, kept: LimitedState) -> None:
        """Begin anew."""
        kept.learnt[0] = 0


class MatrixState(NamedTuple):
    """The matrix H, shape (dim, dim), H y, shape (dim,), and how many steps were learnt."""

    inverse: Floats
    work: Floats
    learnt: npt.NDArray[np.int64]


@part
class Matrix(NamedTuple):
    """BFGS."""

    memory: int = 0
    curvature: float = 0.9
    scaled: int = 0

    def init(self, dim: int) -> MatrixState:
        """Return the identity."""
        return MatrixState(np.eye(dim), np.zeros(dim), np.zeros(1, np.int64))

    def direct(self, kept: MatrixState, gradient: Floats, out: Floats) -> None:
        """Write the direction."""
        for i in range(out.size):
            out[i] = -product(kept.inverse[i], gradient)

    def learn(self, kept: MatrixState, length: float, direction: Floats, old: Floats, new: Floats) -> None:
        """Update the matrix; the first one is first scaled by y's / y'y."""
        dim = old.size
        total, size = 0.0, 0.0
        for j in range(dim):
            total += length * direction[j] * (new[j] - old[j])
            size += (new[j] - old[j]) * (new[j] - old[j])
        if not (total > 1e-300 and total > 1e-16 * size):
            return
        if kept.learnt[0] == 0:
            for i in range(dim):
                kept.inverse[i, i] = total / size
        curved = 0.0
        for i in range(dim):
            kept.work[i] = 0.0
            for j in range(dim):
                kept.work[i] += kept.inverse[i, j] * (new[j] - old[j])
            curved += kept.work[i] * (new[i] - old[i])
        for i in range(dim):
            step = length * direction[i]
            for j in range(dim):
                other = length * direction[j]
                kept.inverse[i, j] += (1.0 + curved / total) * step * other / total
                kept.inverse[i, j] -= (kept.work[i] * other + step * kept.work[j]) / total
        kept.learnt[0] += 1

    def forget(self, kept: MatrixState) -> None:
        """Begin anew."""
        kept.learnt[0] = 0
        for i in range(kept.work.size):
            for j in range(kept.work.size):
                kept.inverse[i, j] = 1.0 if i == j else 0.0


class ConjugateState(NamedTuple):
    """The last direction, shape (dim,); beta; how many steps were learnt since the last beginning."""

    last: Floats
    beta: Floats
    learnt: npt.NDArray[np.int64]


@part
class Conjugate(NamedTuple):
    """Nonlinear conjugate gradients, begun anew after dim steps."""

    memory: int = 0
    curvature: float = 0.1
    scaled: int = 1

    def init(self, dim: int) -> ConjugateState:
        """Return no direction."""
        return ConjugateState(np.zeros(dim), np.zeros(1), np.zeros(1, np.int64))

    def direct(self, kept: ConjugateState, gradient: Floats, out: Floats) -> None:
        """Write the direction."""
        for j in range(out.size):
            out[j] = kept.beta[0] * kept.last[j] - gradient[j]

    def learn(self, kept: ConjugateState, length: float, direction: Floats, old: Floats, new: Floats) -> None:
        """Remember a direction and what share of it the next one keeps."""
        total = 0.0
        for j in range(old.size):
            kept.last[j] = direction[j]
            total += new[j] * (new[j] - old[j])
        kept.learnt[0] += 1
        kept.beta[0] = max(0.0, total / product(old, old))
        if kept.learnt[0] % (old.size + 1) == 0:
            kept.beta[0] = 0.0

    def forget(self, kept: ConjugateState) -> None:
        """Begin anew."""
        kept.learnt[0] = 0
        kept.beta[0] = 0.0
