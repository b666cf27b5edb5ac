r"""What the samplers that follow a gradient share: their state, and the way from a momentum to a velocity.

The metric is :math:`\Sigma = T T^\top` with

.. math:: T = \mathrm{diag}(s)\,\bigl(I + V^\top \mathrm{diag}(a)\, V\bigr),

where the rows of V are orthonormal: no rows make a diagonal metric, few a low-rank one, as many as there are dimensions a
dense one, and compiled code sees no difference but the number of rows. Momenta are kept whitened, :math:`r = T^\top p`, so that
they are standard normal, the kinetic energy is :math:`|r|^2 / 2`, and a U-turn is seen in plain scalar products.

References
----------
Neal, R. M. (2011). MCMC using Hamiltonian dynamics, section 4.1 (the metric as a linear transformation), equations (2.28-2.30).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.target import demand_success

__all__ = ["STATISTICS", "TREE_STATISTICS", "HamiltonianState", "new_state", "starting_gradient"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEFT, RIGHT = 0, 3
"""Rows of `paths`: position, whitened momentum and gradient at each end of a trajectory; the gradient is whitened where the
metric has directions."""

PROPOSALS, SUM, SUB_SUM, SLOPE, VELOCITY, EDGE, ROWS = 6, 10, 11, 12, 13, 14, 15
"""Rows of `paths`: two proposals (position, gradient), sums of momenta of the whole and of the new half, the gradient as the
target gives it, the velocity, the momentum where the new half sets out."""

LP, ACCEPTANCE, STEP, NOMINAL, N_STEPS, DIVERGING, ENERGY, ERROR, LARGEST, DEPTH, REACHED = range(11)
STATISTICS = ("lp", "acceptance_rate", "step_size", "step_size_nom", "n_steps", "diverging", "energy", "energy_error")
TREE_STATISTICS = (*STATISTICS, "max_energy_error", "tree_depth", "reached_max_treedepth")
"""The names of `stats`, arviz's: of every sampler here, and of the no-U-turn sampler."""

KEPT = 50
"""Places of divergences that are kept for each chain."""

HISTORY = 200_000
"""Numbers that may be kept of the draws of warm-up, and as many of their gradients."""

MOST_DRAWS, FEWEST_DRAWS = 600, 40


class HamiltonianState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient : ndarray of shape (dim,)
    stats : ndarray
        The statistics of the last step, named by the kernel's `statistics`.
    scale : ndarray of shape (dim,)
        s of the metric.
    directions, stretch : ndarray of shape (most directions, dim) and (most directions,)
        V and a of the metric; `counts[RANK]` rows are in use.
    paths : ndarray of shape (15, dim)
        Both ends of the trajectory, proposals, sums of momenta.
    checkpoints : ndarray of shape (3 max_depth, dim)
        Momenta and sums of momenta at which subtrees began.
    figures, tuning : ndarray
        Numbers of the present trajectory, and those by which the step size adapts.
    counts : ndarray of int64
        Counts of warm-up.
    moments : ndarray of shape (8, dim)
        Running means and sums of squares of draws and gradients, in two windows.
    history : ndarray of shape (2, draws, dim)
        Draws and gradients of warm-up, where the metric may have directions.
    divergences : ndarray of shape (50, dim)
        Where the first trajectories after warm-up began to diverge; NaN where there was none.
    nonfinite : ndarray of shape (1,)
        Log densities that were NaN or +infinity; their steps were rejected.
    """

    position: Floats
    gradient: Floats
    stats: Floats
    scale: Floats
    directions: Floats
    stretch: Floats
    paths: Floats
    checkpoints: Floats
    figures: Floats
    tuning: Floats
    counts: Integers
    moments: Floats
    history: Floats
    divergences: Floats
    nonfinite: Integers


def starting_gradient(kernel: Any, target: Any, start: Floats) -> tuple[float, Floats]:
    """Return log density and gradient at a starting point.

    Raises
    ------
    StochinfError
        If one of them is not finite.
    DensityError
        If the density met an error of its own.
    """
    gradient = np.zeros(start.size)
    with np.errstate(all="ignore"):
        log_density = float(target.log_density_gradient(start, gradient))
    demand_success(target)
    if not np.isfinite(log_density) or not np.isfinite(gradient).all():
        what = "log density" if not np.isfinite(log_density) else "gradient"
        value = log_density if what == "log density" else gradient[~np.isfinite(gradient)][0]
        raise StochinfError(
            f"{type(kernel).__name__}: the {what} at the starting point {start} is {value}; give init= where it is finite"
        )
    return log_density, gradient


def new_state(
    kernel: Any, target: Any, position: Floats | None, streams: Any, max_depth: int = 0, guess: bool = True
) -> HamiltonianState:
    """Return the state at a starting point, with the metric that is given.

    Where none is, warm-up begins with one from the size of the gradient at the start, or without `guess` with the unit metric: a
    coordinate that starts near its mode is guessed to be wide, and a sampler that takes every proposal would leave for good.
    """
    start = target.start(streams.generator()) if position is None else np.array(position, dtype=np.float64).reshape(-1)
    dim = int(getattr(target, "dim", start.size))
    if start.size != dim:
        raise StochinfError(
            f"{type(kernel).__name__}: a starting position of {start.size} numbers given, {dim} needed: one row per chain"
        )
    log_density, gradient = starting_gradient(kernel, target, start)
    metric = kernel.metric
    scale, directions, stretch, rank = metric.first(gradient if guess else np.ones(dim))
    draws = min(MOST_DRAWS, max(FEWEST_DRAWS, HISTORY // dim)) if metric.rank and metric.adapts else 0
    stats = np.zeros(len(kernel.statistics))
    stats[LP] = log_density
    counts = np.zeros(16, np.int64)
    counts[0], counts[1] = -1, rank
    return HamiltonianState(
        start, gradient, stats, scale, directions, stretch, np.zeros((ROWS, dim)), np.zeros((3 * max_depth, dim)), np.zeros(17),
        np.zeros(16), counts, np.zeros((8, dim)), np.zeros((2, draws, dim)), np.full((KEPT, dim), np.nan), np.zeros(1, np.int64),
    )  # fmt: skip
