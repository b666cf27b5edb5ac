r"""Block coordinate descent: one group of coefficients a step, for the group Lasso.

With the gradient d of the mean loss by the group's coefficients and the largest eigenvalue L of its second derivatives,

.. math:: w_g \leftarrow \left(1 - \frac{\lambda \sqrt{|g|}}{L |z|}\right)_+ z, \qquad z = w_g - d / L.

References
----------
Qin, Z., Scheinberg, K. and Goldfarb, D. (2013). Efficient block-coordinate descent algorithms for the group lasso. Mathematical
Programming Computation 5, section 2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.optim.coordinate.steps import QUIET, shift, slope_at
from stochinf.optim.starting import starting_point

__all__ = ["Blocks", "BlocksState"]

Floats = npt.NDArray[np.float64]


class BlocksState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
    scores : ndarray of shape (n,)
    curvatures : ndarray of shape (groups,)
        L of every group; then that of the intercept, where there is one.
    there : ndarray of shape (largest group,)
    watch : ndarray of shape (4,)
        As in `stochinf.optim.coordinate.steps`.
    stats : ndarray of shape (1,)
        Length of the last move.
    """

    position: Floats
    scores: Floats
    curvatures: Floats
    there: Floats
    watch: Floats
    stats: Floats


@part(needs=("columns", "penalty"), yields="optimum", rate_field="learning_rate", single=True, statistics=("move",))
class Blocks(NamedTuple):
    """What `CoordinateDescent` becomes where coefficients enter in groups.

    Parameters
    ----------
    learning_rate : float or schedule
        In units of 1 / L.
    tolerance : float
        The run ends after a few passes whose largest move is at most this.
    """

    learning_rate: Any
    tolerance: float

    def pick(self, target: Any) -> Scan:
        """Visit the groups in order."""
        return Scan(self.points(target))

    def points(self, target: Any) -> int:
        """Return the number of groups, and one for the intercept."""
        return int(target.penalty.weights.size) + int(target.intercept)

    def init(self, target: Any, position: Floats | None, streams: Any) -> BlocksState:
        """Return the state at a starting point."""
        start = np.asarray(starting_point("CoordinateDescent", target, position, streams), dtype=np.float64)
        groups = np.split(target.penalty.members, target.penalty.start[1:-1])
        steepest, matrix = float(target.loss.steepest), target.columns.matrix()
        if not math.isfinite(steepest):
            raise StochinfError(f"CoordinateDescent in groups: {type(target.loss).__name__} has no largest curvature to step by")
        largest = [_largest(matrix[:, group]) for group in groups] + [float(target.labels.size)] * target.intercept
        curvatures = np.maximum(steepest * np.array(largest) / target.labels.size, 1e-100)
        width = max(group.size for group in groups)
        return BlocksState(start, target.scores(start), curvatures, np.zeros(width), np.zeros(4), np.zeros(1))

    def finished(self, state: BlocksState) -> str:
        """Return why no further step is needed, or an empty string."""
        return f"converged: the largest move of a pass was {state.watch[2]:.2g}" if state.watch[3] >= QUIET else ""

    def update(self, target: Any, state: BlocksState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Move one group, or the intercept."""
        length = rate / state.curvatures[point]
        if point < target.penalty.weights.size:
            move = self.step(target, state, point, length)
        else:
            move = abs(length * slope_at(target, state, target.penalised))
            shift(target, state, target.penalised, -length * slope_at(target, state, target.penalised))
        state.stats[0] = move
        state.watch[0] = max(state.watch[0], move)
        state.watch[1] += 1.0
        if state.watch[1] >= state.curvatures.size:
            state.watch[2] = state.watch[0]
            state.watch[3] = state.watch[3] + 1.0 if state.watch[0] <= self.tolerance else 0.0
            state.watch[0] = 0.0
            state.watch[1] = 0.0

    def step(self, target: Any, state: BlocksState, group: int, length: float) -> float:
        """Shrink a step along the gradient; return how far the group moved."""
        first, size = target.penalty.start[group], target.penalty.start[group + 1] - target.penalty.start[group]
        total = 0.0
        for k in range(size):
            j = target.penalty.members[first + k]
            state.there[k] = state.position[j] - length * slope_at(target, state, j)
            total += state.there[k] * state.there[k]
        limit = length * target.penalty.l1 * target.penalty.weights[group]
        share = 1.0 - limit / math.sqrt(total) if total > limit * limit else 0.0
        moved = 0.0
        for k in range(size):
            j = target.penalty.members[first + k]
            amount = share * state.there[k] - state.position[j]
            if amount != 0.0:
                shift(target, state, j, amount)
            moved += amount * amount
        return math.sqrt(moved)


def _largest(block: Any) -> float:
    """Return the largest eigenvalue of B'B."""
    gram = block.T @ block
    return float(np.linalg.eigvalsh(gram.toarray() if hasattr(gram, "toarray") else gram)[-1])
