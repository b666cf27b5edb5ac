r"""Godambe's sandwich: the covariance of estimates that maximise a pseudo-likelihood.

.. math:: Cov(\hat w) \approx \frac1N H^{-1} J H^{-1}, \quad H = \nabla^2 f, \quad J = Cov(\nabla f_r)

Over rows J is the mean of the outer products of their gradients. In one graph the gradients :math:`g_i` of two variables that
share no factor are uncorrelated, because the conditional expectation of :math:`g_i` given all others is 0, so that

.. math:: J = \sum_i \sum_{j \in N(i) \cup \{i\}} g_i g_j'.

References
----------
Godambe, V. P. (1960). An optimum property of regular maximum likelihood estimation. Ann. Math. Statist. 31.
Varin, C., Reid, N. and Firth, D. (2011). An overview of composite likelihood methods. Statistica Sinica 21, section 2.3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.exact.driving import run_points
from stochinf.graphs.flat import Floats, Int64s
from stochinf.learning.conditionals import PseudoLikelihood
from stochinf.learning.precision import inverse

__all__ = ["curvature", "godambe", "score_covariance"]

MOST_SCORES = 2**24
"""Numbers that gradients of terms may take at a time."""


class CurvatureState(NamedTuple):
    """Second derivatives as they are added up.

    Attributes
    ----------
    position : float64 (D,)
        Weights.
    hessian : float64 (D, D)
    mean : float64 (D,)
        Statistics that one variable's conditional expects; 0 between variables.
    marked : bool (D,)
        Which of them were met; False between variables.
    touched : int64
        Their numbers.
    """

    position: Floats
    stats: Floats
    hessian: Floats
    mean: Floats
    marked: npt.NDArray[np.bool_]
    touched: Int64s


@part(single=True)
class Curvature(NamedTuple):
    """Add the covariances of the statistics of the variables of one point, in their conditionals."""

    unused: int = 0

    def update(self, target: PseudoLikelihood, state: CurvatureState, point: int, rate: float, rng: Any) -> None:
        """Do one point."""
        blocks = target.block_start.size - 1
        row, block = point // blocks, point % blocks
        for m in range(target.block_start[block], target.block_start[block + 1]):
            i = target.members[m]
            target.look(state.position, row, i)
            count = self.add_squares(target, state, i, target.scale[row])
            self.take_means(state, count, target.scale[row])

    def add_squares(self, target: PseudoLikelihood, state: CurvatureState, i: int, scale: float) -> int:
        """Add second moments and note the means; return how many statistics are touched."""
        terms, first, last = target.tables, target.entry_start[i], target.entry_start[i + 1]
        count = 0
        for s in range(terms.cardinality[i]):
            chance = target.chance[s]
            for a in range(first, last):
                one = target.place[a - first] + s * target.entry_stride[a]
                w = terms.weight_id[one]
                if w >= 0:
                    if not state.marked[w]:
                        state.touched[count] = w
                        state.marked[w] = True
                        count += 1
                    state.mean[w] += chance * terms.feature[one]
                    for b in range(first, last):
                        other = target.place[b - first] + s * target.entry_stride[b]
                        v = terms.weight_id[other]
                        if v >= 0:
                            state.hessian[w, v] += scale * chance * terms.feature[one] * terms.feature[other]
        return count

    def take_means(self, state: CurvatureState, count: int, scale: float) -> None:
        """Take the products of means away, and clear them."""
        for a in range(count):
            for b in range(count):
                w, v = state.touched[a], state.touched[b]
                state.hessian[w, v] -= scale * state.mean[w] * state.mean[v]
        for a in range(count):
            state.mean[state.touched[a]] = 0.0
            state.marked[state.touched[a]] = False


def curvature(target: PseudoLikelihood, values: Floats) -> Floats:
    """Return the second derivatives of the objective without penalty, float64 (D, D).

    Raises
    ------
    MemoryLimitError
        If they do not fit.
    """
    demand(8 * target.dim**2, f"second derivatives of {target.dim} weights")
    widest = int(np.diff(target.entry_start).max(initial=1) * target.tables.cardinality.max())
    hessian = np.zeros((target.dim, target.dim))
    mean, marked = np.zeros(target.dim), np.zeros(target.dim, np.bool_)
    state = CurvatureState(np.array(values), np.empty(0), hessian, mean, marked, np.zeros(widest + 1, np.int64))
    work = np.full(target.n_points, float(target.block_start[-1] / (target.block_start.size - 1) * 400.0))
    run_points(Curvature(), target, state, target.n_points, work)
    return hessian / target.n_points


class ScoreState(NamedTuple):
    """Gradients of terms.

    Attributes
    ----------
    position : float64 (D,)
        Weights.
    scores : float64 (terms, D)
    first : int64 (1,)
        The term of the first row.
    """

    position: Floats
    stats: Floats
    scores: Floats
    first: Int64s


@part(single=True)
class Scores(NamedTuple):
    """Write the gradient of a term without its scale."""

    unused: int = 0

    def update(self, target: PseudoLikelihood, state: ScoreState, point: int, rate: float, rng: Any) -> None:
        """Do one term."""
        target.add_term(state.position, state.first[0] + point, 1.0, state.scores[point])


def scores(target: PseudoLikelihood, values: Floats, first: int, last: int) -> Floats:
    """Return the gradients of some terms, without scale and penalty, float64 (last - first, D)."""
    found = np.zeros((last - first, target.dim))
    run_points(Scores(), target, ScoreState(np.array(values), np.empty(0), found, np.array([first])), last - first)
    return found


def score_covariance(target: PseudoLikelihood, values: Floats) -> Floats | None:
    """Return the covariance of the gradient of the sum of all terms, by term; None where it takes too much memory."""
    total = np.zeros((target.dim, target.dim))
    if len(target.rows) == 1 and target.block_start.size > 2:
        if target.n_points * target.dim > MOST_SCORES:
            return None
        rows = scores(target, values, 0, target.n_points)
        total = np.asarray(rows.T @ (_neighbours(target) @ rows))
        return 0.5 * (total + total.T) / target.n_points
    stride = max(1, MOST_SCORES // max(1, target.dim))
    for first in range(0, target.n_points, stride):
        last = min(first + stride, target.n_points)
        rows = scores(target, values, first, last)
        total += (rows * target.scale[first:last, None]).T @ rows
    return total / target.n_points


def _neighbours(target: PseudoLikelihood) -> Any:
    """Return which terms of one graph share a factor, itself included, as a sparse matrix of ones."""
    from scipy.sparse import csr_array

    n = target.entry_start.size - 1
    ones = np.ones(target.entry_factor.size)
    ties = csr_array((ones, target.entry_factor, target.entry_start), shape=(n, target.tables.n_factors))[target.members]
    near = (ties @ ties.T).tocsr()
    near.data[:] = 1.0
    return near


def godambe(target: PseudoLikelihood, values: Floats, total: float, active: npt.NDArray[np.bool_] | None = None) -> Floats | None:
    """Return the covariance of the estimated weights, float64 (a, a); infinite where they are not determined.

    Parameters
    ----------
    target : PseudoLikelihood
    values : float64 (D,)
        The estimate.
    total : float
        Sum of the weights of the rows; of one graph the number of its terms.
    active : bool (D,), optional
        Weights that an l1 penalty has not set to 0: those of which the covariance is.
    """
    outer = score_covariance(target, values)
    if outer is None:
        return None
    chosen = np.ones(target.dim, np.bool_) if active is None else active
    inside = np.ix_(chosen, chosen)
    bread, known = inverse((curvature(target, values) + target.l2 * np.eye(target.dim))[inside])
    found: Floats = bread @ outer[inside] @ bread / total
    found[~known], found[:, ~known] = np.inf, np.inf
    return found
