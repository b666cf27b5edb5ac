r"""Pareto-smoothed importance sampling.

The largest M = min(S / 5, 3 sqrt(S)) of S importance ratios are replaced by quantiles of a generalised Pareto distribution
fitted to them. Its shape k says how far draws can be trusted: up to 0.5 the ratios have a variance, up to 0.7 weighted means
converge at a useful rate, beyond that the proposal misses too much of the posterior.

References
----------
Vehtari, A., Simpson, D., Gelman, A., Yao, Y. and Gabry, J. (2024). Pareto smoothed importance sampling. JMLR 25(72), section 3.
Zhang, J. and Stephens, M. A. (2009). A new and efficient estimation method for the generalized Pareto distribution.
Technometrics 51(3), equations (7-10).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["pareto_smoothed"]

Floats = npt.NDArray[np.float64]

FEWEST = 25
"""Ratios below which no tail is fitted."""
ALIKE = 1e-6
"""Range of the logarithms of the largest ratios within which they are one: all else is rounding."""
PRIOR_DRAWS, PRIOR_SHAPE = 10.0, 0.5
"""The shape is drawn towards 1/2 as by ten more draws."""


def pareto_smoothed(log_ratios: npt.ArrayLike) -> tuple[Floats, float]:
    """Return normalised weights, the largest smoothed, and the shape of their tail.

    Parameters
    ----------
    log_ratios : array_like of shape (n,)
        Log density of the posterior, unnormalised, less that of the proposal, at draws of the proposal.

    Returns
    -------
    log_weights : ndarray of shape (n,)
        Their exponentials sum to 1.
    shape : float
        The Pareto k; NaN where there are fewer than 25 draws, infinity where a ratio is.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> x = np.random.default_rng(0).normal(size=2000)
    >>> log_weights, shape = si.vi.pareto_smoothed(-0.5 * (x - 0.3) ** 2 + 0.5 * x**2)
    >>> round(float(np.exp(log_weights) @ x), 1), bool(shape < 0.5)
    (0.3, True)
    """
    ratios = np.where(np.isnan(log_ratios), -np.inf, np.asarray(log_ratios, dtype=np.float64))
    top = float(ratios.max(initial=-np.inf))
    if not math.isfinite(top):
        return np.full(ratios.size, -math.log(max(1, ratios.size))), math.inf
    ratios = ratios - top
    length = math.ceil(min(ratios.size / 5, 3 * math.sqrt(ratios.size)))
    shape = math.nan
    if ratios.size >= FEWEST:
        ratios, shape = _smoothed(ratios, length)
    weights = np.minimum(ratios, 0.0)
    return weights - math.log(np.exp(weights).sum()), shape


def _smoothed(ratios: Floats, length: int) -> tuple[Floats, float]:
    """Return the log ratios with the largest replaced, and the shape of the tail."""
    order = np.argsort(ratios, kind="stable")
    tail = order[-length:]
    if np.ptp(ratios[tail]) < ALIKE:
        return ratios, 0.0
    cutoff = max(float(ratios[order[-length - 1]]), math.log(np.finfo(np.float64).tiny))
    excess = np.exp(ratios[tail]) - math.exp(cutoff)
    if not (excess[-1] > 0 and np.count_nonzero(excess > 0) > 4):
        return ratios, math.inf
    shape, scale = _generalised_pareto(excess[excess > 0])
    probabilities = (np.arange(length) + 0.5) / length
    quantiles = -np.log1p(-probabilities) if abs(shape) < 1e-12 else np.expm1(-shape * np.log1p(-probabilities)) / shape
    smooth = ratios.copy()
    smooth[tail] = np.log(scale * quantiles + math.exp(cutoff))
    return smooth, shape


def _generalised_pareto(excess: Floats) -> tuple[float, float]:
    """Return shape and scale fitted to excesses over a cutoff, in increasing order."""
    n = excess.size
    points = 30 + int(math.sqrt(n))
    grid = 1.0 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))
    grid = grid / (3.0 * excess[int(n / 4 + 0.5) - 1]) + 1.0 / excess[-1]
    shapes = np.log1p(-grid[:, np.newaxis] * excess).mean(axis=1)
    with np.errstate(all="ignore"):
        profile = n * (np.log(-grid / shapes) - shapes - 1.0)
        weights = np.nan_to_num(1.0 / np.exp(profile - profile[:, np.newaxis]).sum(axis=1))
    theta = float((grid * weights).sum() / weights.sum())
    shape = float(np.log1p(-theta * excess).mean())
    scale = -shape / theta
    return (n * shape + PRIOR_DRAWS * PRIOR_SHAPE) / (n + PRIOR_DRAWS), scale
