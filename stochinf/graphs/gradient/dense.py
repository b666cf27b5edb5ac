"""Spins with dense couplings: the state of a block of lanes, fields by a matrix product, and the gain of every flip."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.graphs.lanes import exp2
from stochinf.graphs.spin_gibbs import MINUS_TWO_LOG2_E, spin_state
from stochinf.graphs.targets import SpinGraph

__all__ = ["DenseState", "add_spins", "dense_couplings", "dense_state", "local_fields", "recorded"]

Float32s = npt.NDArray[np.float32]


class DenseState(NamedTuple):
    """State of a block of lanes of densely coupled spins.

    Attributes
    ----------
    position, trial : float32 (V, lanes)
        Spins, and those proposed.
    local, trial_local : float32 (V, lanes)
        Local fields h_i + sum_j J_ij s_j at both.
    stats : float64 (1, lanes)
        Acceptance rate of the last step.
    words : uint32 (2, lanes)
    level, total, most : float32 (lanes,), chosen : int32 (lanes,), ratio : float64 (lanes,)
        Work space.
    step : float64 (3,)
        Logarithm of the step size; 1 while it adapts; steps adapted.
    sums, squares, shift, recent
        As in `stochinf.graphs.lane_state.LaneState`.
    """

    position: Float32s
    trial: Float32s
    local: Float32s
    trial_local: Float32s
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    level: Float32s
    total: Float32s
    most: Float32s
    chosen: npt.NDArray[np.int32]
    ratio: npt.NDArray[np.float64]
    step: npt.NDArray[np.float64]
    sums: Float32s
    squares: Float32s
    shift: Float32s
    recent: Float32s


def dense_couplings(target: SpinGraph) -> Float32s:
    """Return J as a symmetric float32 matrix (V, V), its diagonal 0.

    Raises
    ------
    MemoryLimitError
        If it does not fit.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.gradient.dense import dense_couplings
    >>> dense_couplings(si.FactorGraph.from_log_tables([2, 2], [(0, 1)], [[1, -1, -1, 1]]).as_target())
    array([[0., 1.],
           [1., 0.]], dtype=float32)
    """
    n = target.field.size
    demand(4 * n * n, f"couplings of {n} spins as a dense matrix; method='gibbs' takes sparse ones")
    matrix = np.zeros((n, n), np.float32)
    matrix[np.repeat(np.arange(n), np.diff(target.start)), target.neighbours] = target.coupling
    return matrix


def dense_state(
    target: SpinGraph, couplings: Float32s, position: npt.NDArray[Any] | None, streams: Any, sums: bool, step: tuple[float, bool]
) -> DenseState:
    """Return the state with spins drawn uniformly, or as given, and a step size that adapts or not."""
    plain = spin_state(target, position, streams, int(target.first_slot[-1]) if sums else 0)
    spins, lanes = plain.position, plain.position.shape[1]
    demand(16 * spins.size, f"{lanes} chains of {spins.shape[0]} variables")
    local = np.ascontiguousarray(couplings @ spins + target.field[:, None], dtype=np.float32)
    level, total, most = np.zeros((3, lanes), np.float32).copy()
    return DenseState(
        spins, spins.copy(), local, local.copy(), np.zeros((1, lanes)), streams.lane_words(), level.copy(), total.copy(),
        most.copy(), np.zeros(lanes, np.int32), np.zeros(lanes), np.array([np.log(step[0]), float(step[1]), 0.0]), plain.sums,
        plain.squares, plain.shift, plain.recent,
    )  # fmt: skip


@helper(reorder=True)
def local_fields(couplings: Any, field: Any, spins: Any, out: Any) -> None:
    """Write field + couplings @ spins, four rows and four columns at a time: sixteen products for eight numbers read."""
    n = field.size
    whole = n - n % 4
    for i in range(n):
        for l in range(spins.shape[1]):
            out[i, l] = field[i]
    for i in range(np.uint64(0), np.uint64(whole), np.uint64(4)):
        for j in range(np.uint64(0), np.uint64(whole), np.uint64(4)):
            add_block(couplings, spins, out, i, j)
        for j in range(whole, n):
            for row in range(i, i + np.uint64(4)):
                add_row(couplings[row, j], spins, out, row, j)
    for row in range(whole, n):
        for j in range(n):
            add_row(couplings[row, j], spins, out, row, j)


@helper(reorder=True)
def add_row(coupling: np.float32, spins: Any, out: Any, i: int, j: int) -> None:
    """Add coupling times row j of the spins to row i."""
    for l in range(spins.shape[1]):
        out[i, l] += coupling * spins[j, l]


@helper(reorder=True)
def add_block(J: Any, spins: Any, out: Any, i: Any, j: Any) -> None:
    """Add rows j to j + 3 of the spins, times the couplings, to rows i to i + 3."""
    i1, i2, i3 = i + np.uint64(1), i + np.uint64(2), i + np.uint64(3)
    j1, j2, j3 = j + np.uint64(1), j + np.uint64(2), j + np.uint64(3)
    a, b, c, d = J[i, j], J[i, j1], J[i, j2], J[i, j3]
    e, f, g, h = J[i1, j], J[i1, j1], J[i1, j2], J[i1, j3]
    p, q, r, s = J[i2, j], J[i2, j1], J[i2, j2], J[i2, j3]
    t, u, v, w = J[i3, j], J[i3, j1], J[i3, j2], J[i3, j3]
    for l in range(spins.shape[1]):
        x, y, z, o = spins[j, l], spins[j1, l], spins[j2, l], spins[j3, l]
        out[i, l] += (a * x + b * y) + (c * z + d * o)
        out[i1, l] += (e * x + f * y) + (g * z + h * o)
        out[i2, l] += (p * x + q * y) + (r * z + s * o)
        out[i3, l] += (t * x + u * y) + (v * z + w * o)


@helper(reorder=True)
def add_spins(target: Any, state: Any, rate: float) -> None:
    """Add the conditional of every free spin, which its local field gives."""
    scale = np.float32(rate) * MINUS_TWO_LOG2_E
    for point in range(target.free.size):
        i = target.free[point]
        slot = target.first_slot[i]
        shift = state.shift[slot]
        for l in range(state.level.size):
            p = np.float32(1.0) / (np.float32(1.0) + exp2(scale * state.local[i, l]))
            d = p - shift
            state.sums[slot, l] += d
            state.squares[slot, l] += d * d
            state.level[l] = p
        state.recent[slot] = state.level[0]


def recorded(state: Any) -> None:
    """End the adaptation of the step size and forget the sums of warm-up."""
    state.step[1] = 0.0
    state.shift[:] = state.recent
    state.sums[:] = 0.0
    state.squares[:] = 0.0
