r"""Coordinate descent on growing working sets, with a certificate: the solver of sparse regression.

A step is a round: the coefficients farthest from optimal join the working set, Newton's model of the objective (the objective
itself for least squares) is minimised over the set by sweeps with extrapolation, and a look at all coefficients gives the
duality gap and leaves out those that are surely zero.

References
----------
Massias, M., Gramfort, A. and Salmon, J. (2018). Celer: a fast solver for the lasso with dual extrapolation. ICML.
Bertrand, Q. et al. (2022). Beyond L1: faster and better sparse models with skglm. NeurIPS, algorithm 1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.models.certificates import Certificate
from stochinf.models.columns import Slots
from stochinf.models.losses import SquaredLoss, write_slopes
from stochinf.optim.coordinate.choosing import BINS, choose
from stochinf.optim.coordinate.inner import DEPTH, Sweeps
from stochinf.optim.coordinate.looking import look
from stochinf.optim.coordinate.solving import solve
from stochinf.optim.starting import starting_point

__all__ = ["Rounds", "RoundsState"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CAPACITY = 2048
"""Working sets up to this size may have a Gram matrix."""
STALLS = 3
"""Rounds without progress after which the run ends."""


class RoundsState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position : ndarray of shape (dim,)
    scores, slopes, dual, earlier, curvatures : ndarray of shape (n,)
        The dual point u, and that of the look before.
    v, norms, far : ndarray of shape (dim,)
        -X'u/n, or a bound of it; |X_j|; distances from optimality.
    alive, chosen : ndarray of shape (features,), (dim,)
        Coefficients that may be other than zero; the working set.
    member : ndarray of shape (dim,)
    slots : Slots
    sweeps : Sweeps
    sizes : ndarray of shape (8,)
        Alive, chosen, rounds, enlisted, sweeps, whether by columns, stalls, why it ended (0: it has not).
    bins : ndarray of shape (BINS,)
    best : ndarray of shape (2,)
        Highest dual objective; lowest certificate.
    stats : ndarray of shape (5,)
    """

    position: Floats
    scores: Floats
    slopes: Floats
    dual: Floats
    earlier: Floats
    curvatures: Floats
    v: Floats
    norms: Floats
    far: Floats
    alive: Integers
    chosen: Integers
    member: npt.NDArray[np.uint8]
    slots: Slots
    sweeps: Sweeps
    sizes: Integers
    bins: Integers
    best: Floats
    stats: Floats


@part(needs=("columns", "penalty"), yields="optimum", single=True, statistics=("objective", "gap", "violation", "size", "sweeps"))
class Rounds(NamedTuple):
    """What `CoordinateDescent` becomes where nothing is said about its steps.

    Parameters
    ----------
    gap, violation : float
        The run ends when the gap, or the violation where there is no gap, is at most this.
    unit, slope : float
        The objective without a model; the slope of the penalty at zero: what tolerances of sweeps are measured by.
    steepest : float
        Largest curvature of the loss.
    fixed : int
        1 where the curvature never changes.
    """

    gap: float
    violation: float
    unit: float
    slope: float
    steepest: float
    fixed: int

    def pick(self, target: Any) -> Scan:
        """Count the rounds: nothing is picked from outside."""
        return Scan(1)

    def points(self, target: Any) -> int:
        """Return 1."""
        return 1

    def init(self, target: Any, position: Floats | None, streams: Any) -> RoundsState:
        """Return the state before the first look."""
        start = np.asarray(starting_point("CoordinateDescent", target, position, streams), dtype=np.float64)
        dim, n, features = start.size, target.labels.size, target.penalised
        slopes, dual, curvatures = np.zeros(n), np.zeros(n), np.zeros(n)
        v, norms, far = np.zeros(dim), np.zeros(dim), np.zeros(dim)
        scores = target.scores(start) if start.any() else np.zeros(n)
        sizes = np.zeros(8, np.int64)
        sizes[0] = features
        return RoundsState(
            start, scores, slopes, dual, np.zeros(n), curvatures, v, norms, far, np.arange(features), np.zeros(dim, np.int64),
            np.zeros(dim, np.uint8), self._slots(target), self._sweeps(n, features), sizes, np.zeros(BINS, np.int64),
            np.array([-math.inf, math.inf]), np.array([objective_at(target, start), math.inf, math.inf, 0.0, 0.0]),
        )  # fmt: skip

    def _slots(self, target: Any) -> Slots:
        stored = target.columns.stored
        rows = target.labels.size if stored else 0
        return Slots(np.zeros(rows + 1, np.int64), np.zeros(rows, np.int64), np.empty(stored, np.int32), np.empty(stored))

    def _sweeps(self, n: int, features: int) -> Sweeps:
        capacity = min(features, CAPACITY)
        length, held = max(n, capacity), features + 1
        weights, trial, gradient, diagonal, cross = (np.empty(held) for _ in range(5))
        cross[:capacity] = 0.0
        return Sweeps(
            weights, trial, np.empty(length), np.empty(length), gradient, diagonal, cross, np.empty((DEPTH + 1, held)),
            np.empty((DEPTH + 1, length)), np.zeros((DEPTH, DEPTH)), np.zeros(DEPTH), np.empty((capacity, capacity)),
        )  # fmt: skip

    def objective(self, state: RoundsState) -> float:
        """Return the objective where the state stands; NaN before the first look."""
        return float(state.stats[0])

    def finished(self, state: RoundsState) -> str:
        """Return why no further round is needed, or an empty string."""
        gap, violation = state.stats[1], state.stats[2]
        return ("", f"gap {gap:.2g}", f"violation {violation:.2g}", "rounds bring no further progress")[int(state.sizes[7])]

    def certificate(self, state: RoundsState) -> Certificate:
        """Return what the last look found: the gap, else the violation."""
        gap, violation = float(state.stats[1]), float(state.stats[2])
        if gap < math.inf:
            return Certificate("gap", gap, gap, "duality gap: f - min f is at most this")
        return Certificate("violation", violation, math.inf, "largest distance of a coefficient's subdifferential from zero")

    def update(self, target: Any, state: RoundsState, point: int, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Do a round; before the first, look."""
        for stage in range(2):
            first = state.sizes[2] == 0 and stage == 0
            if stage == 1 and state.sizes[7] == 0:
                choose(target, state, state.sizes[5] == 1)
                solve(target, state, self.aim(state), self.fixed == 1)
            if first or (stage == 1 and state.sizes[7] == 0):
                look(target, state, first, self.steepest)
                state.sizes[7] = self.verdict(state)
        state.stats[3] = state.sizes[1]
        state.stats[4] = state.sizes[4]

    def aim(self, state: RoundsState) -> float:
        """Return how well the sweeps of a round must do: the better, the less they cost beside a look at the rows."""
        slope = self.slope if self.slope > 0.0 else state.stats[2]
        cost = state.sizes[1] * state.sizes[1] / (100.0 * state.scores.size) if state.sizes[5] == 0 else 1.0
        share = 0.03 * min(1.0, max(cost, 0.003))
        if state.stats[1] < math.inf:
            return share * slope * min(state.stats[1] / self.unit, 1.0)  # type: ignore[no-any-return]
        return share * min(slope, state.stats[2])  # type: ignore[no-any-return]

    def verdict(self, state: RoundsState) -> int:
        """Return why the run ends, 0 if it does not."""
        if state.stats[1] <= self.gap:
            return 1
        if not state.stats[1] < math.inf and state.stats[2] <= self.violation:
            return 2
        certificate = state.stats[1] if state.stats[1] < math.inf else state.stats[2]
        if certificate < 0.9 * state.best[1]:
            state.best[1] = certificate
            state.sizes[6] = 0
        else:
            state.sizes[6] += 1
        return 3 if state.sizes[6] >= STALLS else 0


def objective_at(target: Any, start: Floats) -> float:
    """Return the objective at a starting point; at zero no column is read."""
    if start.any():
        return float(target.objective(start))
    n = target.labels.size
    penalty = target.penalised * float(target.penalty.penalty_value(0.0))
    return float(write_slopes(target.loss, np.zeros(n), target.labels, np.empty(n))) / n + penalty  # type: ignore[no-any-return]


def renewed(state: RoundsState, slope: float) -> None:
    """Let the rounds begin again for another penalty, from the position and the working set that there are."""
    state.sizes[0] = state.alive.size
    state.alive[:] = np.arange(state.alive.size)
    state.sizes[6] = state.sizes[7] = 0
    state.best[:] = -math.inf, math.inf
    state.stats[1], state.stats[2] = math.inf, slope


def rounds(target: Any, tolerance: float) -> Rounds:
    """Return the kernel for a target; the tolerance is in units of the objective without a model."""
    unit = max(target.null_objective(), 1e-300)
    slope = float(target.penalty.strength())
    violation = tolerance * max(slope, unit)
    return Rounds(
        tolerance * unit, violation, unit, slope, float(target.loss.steepest), int(isinstance(target.loss, SquaredLoss))
    )
