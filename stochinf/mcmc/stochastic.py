"""What the stochastic-gradient samplers share: the choice of a step, of the estimate of the gradient, of the batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.normals import write_normals
from stochinf.engine.pickers import Minibatches
from stochinf.engine.rates import checked_rate, is_open
from stochinf.mcmc.batches import all_finite
from stochinf.mcmc.estimators import check_estimator
from stochinf.mcmc.noise import checked_temperature, noise_scale

__all__ = ["BATCH", "checked_dynamics", "default_batches", "fitted", "overdamped", "rejected"]

Floats = npt.NDArray[np.float64]

BATCH = 100
"""Rows of a batch where no picker is given."""

TOLERATED = 0.05
"""Share that the noise of the minibatches may add to the variance of the injected noise, where the step is chosen here."""


def checked_dynamics(kernel: Any) -> Any:
    """Return a kernel whose step size, temperature and estimator are what they should be."""
    name = type(kernel).__name__
    check_estimator(name, kernel.estimator)
    checked_temperature(name, kernel.temperature)
    return kernel._replace(step_size=checked_rate(name, "step_size", kernel.step_size))


def fitted(kernel: Any, target: Any) -> Any:
    """Return a kernel with what was left open taken from the target: number of points, centre of the estimator, step size.

    Raises
    ------
    StochinfError
        If the target lacks what the choice needs, or has an l1 penalty, which has no gradient.
    """
    if not hasattr(target, "gradient"):
        return kernel
    name = type(kernel).__name__
    if getattr(target, "l1", 0.0) > 0:
        raise StochinfError(
            f"{name}: l1 = {target.l1:g}, a penalty without a gradient; use l2 (a normal prior), or a sampler that needs only"
            " the log density, such as stochinf.mcmc.Slice()"
        )
    estimator = kernel.estimator.prepare(target) if hasattr(kernel.estimator, "prepare") else kernel.estimator
    step = chosen_step(name, target, estimator) if is_open(kernel.step_size) else kernel.step_size
    return kernel._replace(step_size=step, estimator=estimator)


def chosen_step(asker: str, target: Any, estimator: Any) -> float:
    r"""Return a step for overdamped dynamics: half of what is stable, and small enough for the noise of the minibatches.

    With L the largest Lipschitz constant of a row's gradient, :math:`\nabla U` has at most n L, and h = 1 / (2 n L) adds a third
    to the variance in the stiffest direction at worst. The variance of the gradient of a row of a log likelihood is its mean
    curvature, hence at most L, so that a batch of B of n rows has noise of at most :math:`V = n^2 L (1/B - 1/n)`; h V / 2 is its
    share of the injected noise.
    """
    if not hasattr(target, "row_smoothness"):
        raise StochinfError(
            f"{asker}: step_size was left open, and {type(target).__name__} has no row_smoothness() to choose it by;"
            " give a number"
        )
    n, largest = int(target.n_points), float(target.row_smoothness())
    if not math.isfinite(largest):
        raise StochinfError(
            f"{asker}: step_size was left open, and no constant bounds the curvature of {type(target).__name__}; give a number"
        )
    if largest <= 0.0:
        return 1.0
    stable = 0.5 / (n * largest)
    batch = min(n, BATCH)
    if batch == n or not getattr(estimator, "noisy", True):
        return stable
    return min(stable, 2.0 * TOLERATED / (n * largest * (n / batch - 1.0)))


def default_batches(target: Any) -> Minibatches:
    """Return batches of 100 rows, or of all where there are fewer."""
    return Minibatches(min(int(target.n_points), BATCH))


@helper()
def overdamped(state: Any, rate: float, temperature: float, rng: npt.NDArray[np.uint64]) -> None:
    """Move down the gradient, with the noise of a temperature; stay, and count it, where that leads to no finite position."""
    noise = noise_scale(rate, temperature)
    write_normals(rng, state.proposal)
    for j in range(state.position.size):
        state.proposal[j] = state.position[j] - rate * state.gradient[j] + noise * state.proposal[j]
    if not all_finite(state.proposal):
        rejected(state)
        return
    for j in range(state.position.size):
        state.position[j] = state.proposal[j]


@helper()
def rejected(state: Any) -> None:
    """Count a step that would have led to a position that is not finite."""
    state.nonfinite[0] += 1
