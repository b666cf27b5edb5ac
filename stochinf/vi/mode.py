r"""Laplace's method: a normal distribution at the mode, with the curvature there.

.. math:: q(x) = N(x^*, (-\nabla^2 \log p(x^*))^{-1}), \qquad
          \log Z \approx \log p(x^*) + \tfrac{d}{2} \log 2\pi - \tfrac{1}{2} \log |-\nabla^2 \log p(x^*)|

on the free numbers, where constrained parameters have no walls. The Hessian is found by central differences of the gradient, with
steps of a thousandth of each coordinate's standard deviation.

References
----------
Tierney, L. and Kadane, J. B. (1986). Accurate approximations for posterior moments and marginal densities. JASA 81, section 2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import entropy_of
from stochinf.vi.approximation import Approximation, warned, weighed
from stochinf.vi.ascent import Path, climb
from stochinf.vi.oracle import Oracle

__all__ = ["curvature", "laplace", "position_of"]

Floats = npt.NDArray[np.float64]

STEP = 1e-3
"""Of the differences, in standard deviations."""


def laplace(target: Any, draws: int = 1000, *, init: Any = None, rng: Any = None) -> Approximation:
    """Approximate a posterior by a normal distribution at its mode.

    Parameters
    ----------
    target : model or part
        With a gradient of its log density.
    draws : int
        Draws of the normal distribution.
    init : array of shape (dim,) or dict, optional
        Where the search for the mode begins; the target's choice by default.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same bits.

    Returns
    -------
    Approximation
        Its `covariance` is the inverse of the Hessian, its `log_evidence` is corrected by importance sampling.

    Raises
    ------
    StochinfError
        If there is no mode, or the density does not fall off around it in every direction.

    Warns
    -----
    ConvergenceWarning
        If importance ratios say that the posterior is far from normal.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf import density as sd
    >>> target = si.Density(lambda mu: sd.normal(mu, 3.0, 2.0), params={"mu": sd.real()})
    >>> found = si.vi.laplace(target, draws=2000, rng=0)
    >>> round(float(found.mean[0]), 4), round(float(found.covariance[0, 0]), 4)
    (3.0, 4.0)
    """
    count = counted("draws", draws)
    oracle = Oracle("laplace", target)
    generator = np.random.default_rng(entropy_of(rng))
    path = climb(oracle, oracle.start(generator, position_of(target, init)))
    factor = _factor(path, curvature(oracle, path))
    mode = _polished(oracle, path, factor)
    noise = generator.standard_normal((count, oracle.dim))
    positions = mode + np.linalg.solve(factor.T, noise.T).T
    log_proposal = np.log(np.diagonal(factor)).sum() - 0.5 * oracle.dim * math.log(2 * math.pi) - 0.5 * (noise**2).sum(axis=1)
    inverse = np.linalg.inv(factor)
    covariance = inverse.T @ inverse
    return warned(weighed("laplace", target, oracle, positions, log_proposal, mean=mode, covariance=covariance))


def position_of(model: Any, init: Any) -> Any:
    """Return a starting point as a position, where it is given by names."""
    return model.unconstrain(init) if isinstance(init, dict) and hasattr(model, "unconstrain") else init


def curvature(oracle: Oracle, path: Path) -> Floats:
    """Return minus the Hessian of the log density at the end of a path."""
    mode, scale = path.positions[-1], np.maximum(1.0, np.abs(path.positions[-1]))
    precision = _differences(oracle, mode, 1e-5 * scale)
    diagonal = np.diagonal(precision)
    if (diagonal > 0).all():
        precision = _differences(oracle, mode, STEP / np.sqrt(diagonal))
    return 0.5 * (precision + precision.T)


def _polished(oracle: Oracle, path: Path, factor: Floats) -> Floats:
    """Return the end of a path after a Newton step, where that loses nothing."""
    there = path.positions[-1] + np.linalg.solve(factor.T, np.linalg.solve(factor, path.gradients[-1]))
    value, gradient = oracle.slope(there)
    shorter = np.linalg.norm(np.linalg.solve(factor, gradient)) <= np.linalg.norm(np.linalg.solve(factor, path.gradients[-1]))
    return np.asarray(there if math.isfinite(value) and shorter else path.positions[-1], dtype=np.float64)


def _differences(oracle: Oracle, mode: Floats, steps: Floats) -> Floats:
    rows = []
    for k, step in enumerate(steps):
        there = [mode.copy(), mode.copy()]
        there[0][k] += step
        there[1][k] -= step
        width = there[0][k] - there[1][k]
        rows.append((oracle.slope(there[1])[1] - oracle.slope(there[0])[1]) / width)
    return np.array(rows)


def _factor(path: Path, precision: Floats) -> Floats:
    """Return the Cholesky factor of the precision at a mode."""
    mode = path.positions[-1]
    try:
        if not np.isfinite(precision).all():
            raise np.linalg.LinAlgError
        return np.asarray(np.linalg.cholesky(precision), dtype=np.float64)
    except np.linalg.LinAlgError:
        pass
    shown = np.array2string(mode, precision=3, threshold=8)
    if not path.settled:
        raise StochinfError(
            f"laplace: no mode was found, the log density was {path.values[-1]:.4g} and rising at {shown}; it may have none"
            " (a hierarchical scale near 0?): sample, or rewrite the model"
        )
    raise StochinfError(f"laplace: the log density does not fall off in every direction around {shown}; sample instead")
