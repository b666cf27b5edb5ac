"""Marginals of a graph sampler and their accuracy, from sums over batches of sweeps and over lanes, without stored draws."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stochinf.engine.errors import StochinfError

__all__ = ["LaneStatistics", "lane_statistics", "square_error", "student_widening"]

Floats = NDArray[np.float64]
MIN_LANES = 8
MIN_BATCHES = 4
VANISHING = 1e-18
"""Differences of probabilities that squares in float32 cannot see; an impossible state may have a weight of 1e-39."""


class LaneStatistics(NamedTuple):
    """Mean, its Monte Carlo standard error, R-hat and effective sample size of marginals, each ``float64[states]``."""

    mean: Floats
    mcse: Floats
    rhat: Floats
    ess: Floats


def lane_statistics(sums: ArrayLike, squares: ArrayLike, counts: ArrayLike) -> LaneStatistics:
    """Marginals and their accuracy from sums of conditional probabilities, kept by batch of sweeps and by lane.

    With ``p[t, l]`` the conditional of a state at sweep t of lane l, N sweeps and L independent lanes::

        mean = sum p / (N L)
        s^2  = var(lane means) (1 / L + max(r, 0)^3)                             8 lanes or more
        s^2  = sum_bl n_b (m_bl - mean)^2 / ((B L - 1) N L)                      fewer: means of B batches of n_b sweeps
        mcse = s t(0.975; L - 1) / z(0.975)                                      fewer: B L - 1 degrees of freedom
        rhat = sqrt((n - 1) / n + V / W)    over stretches of n = N / G sweeps:  G = 2 halves, 4 quarters for fewer lanes
        ess  = min(var(p) / s^2, N L)       var over all sweeps and lanes

    W is the variance inside the stretches, exact from the squares since ``sum (p - m)^2 = sum p^2 - n m^2``; V is the variance of
    the stretches' means. Lane means need no assumption on the autocorrelation; batch means need batches longer than it. The ESS
    counts independent draws of the conditional, which is worth more than as many draws of the state.

    r is the correlation, over the lanes, of the means of the first and the second half. Lanes that forget where they started
    have none; lanes that do not have r near 1, and then the mean is that of the starting points, off by about as much as
    lanes differ. Where a deviation dies out as exp(-t / T), lanes start as widely spread as the model, and warm-up took a fifth
    as long as sampling, the squared bias of the mean is 0.85 to 1 times r^3 var(lane means) for all T above N / 6, less below.

    mean +- 1.96 mcse is Student's 95 % interval, however few lanes there are.

    Parameters
    ----------
    sums : float64[batches, states, lanes]
        Sums of conditional probabilities over the sweeps of a batch.
    squares : float64[states, lanes]
        Sums of squared conditional probabilities over all batches.
    counts : int64[batches]
        Sweeps per batch; batches of none are left out.

    Returns
    -------
    LaneStatistics
        A constant conditional has mcse 0, R-hat NaN (infinite where the lanes differ by more than 1e-18) and as many effective
        draws as there were. ``mcse`` and ``ess`` are NaN below 4 batches when there are fewer than 8 lanes.

    Examples
    --------
    >>> p = np.random.default_rng(1).random((4, 100, 1, 16))
    >>> result = lane_statistics(p.sum(1), (p**2).sum((0, 1)), np.full(4, 100))
    >>> bool(abs(result.mean[0] - 0.5) < 4 * result.mcse[0] < 0.05)
    True

    References
    ----------
    A. E. Gelfand, A. F. M. Smith (1990), section 2.3 (means of conditionals); J. M. Flegal, G. L. Jones (2010), Batch means and
    spectral variance estimators in Markov chain Monte Carlo, equation 6.
    """
    sums, squares, counts = _checked_lanes(sums, squares, counts)
    sweeps, lanes, batches = float(counts.sum()), squares.shape[1], counts.size
    if not batches or not lanes:
        return LaneStatistics(*(np.full(squares.shape[0], math.nan) for _ in range(4)))
    draws = sweeps * lanes
    mean = sums.sum(axis=(0, 2)) / draws
    total = _variance(squares.sum(axis=1), draws * mean**2, draws - 1, sweeps)
    stretches = _stretches(sums, counts, min(batches, 2 if lanes >= MIN_LANES else 4))
    square, freedom = square_error(sums, counts)
    square = np.where(total == 0.0, 0.0, square)
    few = np.divide(total, square, out=np.where(np.isnan(square), math.nan, draws), where=square > 0.0)
    error = np.sqrt(square) * student_widening(freedom)
    return LaneStatistics(mean, error, _lane_rhat(*stretches, squares, mean), np.minimum(few, draws))


def square_error(sums: Floats, counts: Floats) -> tuple[Floats, int]:
    """Squared standard error s^2 of each mean, as `lane_statistics` has it, and its degrees of freedom.

    Parameters
    ----------
    sums : float64[batches, states, lanes]
    counts : float64[batches]
        Sweeps per batch, none of them 0.

    Examples
    --------
    >>> square, freedom = square_error(np.random.default_rng(1).normal(size=(4, 1, 64)), np.ones(4))
    >>> bool(0.5 < square[0] * 256 < 2), freedom
    (True, 63)
    """
    lanes = sums.shape[2]
    few = lanes < MIN_LANES
    if few and counts.size < MIN_BATCHES:
        return np.full(sums.shape[1], math.nan), 0
    mean = sums.sum(axis=(0, 2)) / (counts.sum() * lanes)
    means, length = _stretches(sums, counts, counts.size if few else 1)
    square = _spread(means, length, mean) / float(length.sum() * lanes)
    if not few:
        square *= 1.0 + lanes * _memory(_stretches(sums, counts, min(counts.size, 2))[0]) ** 3
    return square, length.size * lanes - 1


def student_widening(freedom: float) -> float:
    """Return t(0.975) / z(0.975), how much wider a 95 % interval is with few degrees of freedom, to 1 % from 3 on.

    Examples
    --------
    >>> [round(student_widening(freedom) * 1.95996, 2) for freedom in (3, 7, 15, 63)]
    [3.16, 2.36, 2.13, 2.0]

    References
    ----------
    M. Abramowitz, I. A. Stegun (1964), Handbook of Mathematical Functions, equation 26.7.5.
    """
    if freedom < 1:
        return math.nan
    return 1.0 + 1.210365 / freedom + 1.440077 / freedom**2 + 1.304029 / freedom**3


def _checked_lanes(sums: ArrayLike, squares: ArrayLike, counts: ArrayLike) -> tuple[Floats, Floats, Floats]:
    sums, squares, counts = (np.asarray(array, dtype=np.float64) for array in (sums, squares, counts))
    if sums.ndim != 3 or squares.shape != sums.shape[1:] or counts.shape != sums.shape[:1]:
        shapes = f"sums {sums.shape}, squares {squares.shape}, counts {counts.shape}"
        raise StochinfError(f"{shapes}: (batches, states, lanes), (states, lanes), (batches,) needed")
    kept = counts > 0
    return (sums, squares, counts) if kept.all() else (sums[kept], squares, counts[kept])


def _stretches(sums: Floats, counts: Floats, n_stretches: int) -> tuple[Floats, Floats]:
    """Means ``(stretch, state, lane)`` and lengths ``(stretch,)`` of neighbouring batches joined."""
    starts = np.arange(n_stretches) * counts.size // n_stretches
    length = np.add.reduceat(counts, starts)
    return np.add.reduceat(sums, starts, axis=0) / length[:, None, None], length


def _spread(means: Floats, length: Floats, mean: Floats) -> Floats:
    """Variance of the means of stretches, times their length: ``sum n (m - mean)^2 / (stretches - 1)``."""
    squares = np.einsum("g,gsl->s", length, (means - mean[:, None]) ** 2)
    return np.asarray(squares / (length.size * means.shape[2] - 1))


def _memory(halves: Floats) -> Floats:
    """Correlation over the lanes of the means of both halves, where it is positive, else 0; 0 where there is one half."""
    if halves.shape[0] < 2:
        return np.zeros(halves.shape[1])
    halves = halves - halves.mean(axis=2, keepdims=True)
    scale = np.sqrt((halves[0] ** 2).sum(axis=1) * (halves[1] ** 2).sum(axis=1))
    together = np.einsum("sl,sl->s", halves[0], halves[1])
    return np.asarray(np.clip(np.divide(together, scale, out=np.zeros(scale.size), where=scale > 0.0), 0.0, 1.0))


def _variance(squares: Floats, centre: Floats, freedom: float, sweeps: float) -> Floats:
    """``(squares - centre) / freedom``, zero where the difference may be rounding error of a running sum of that many sweeps."""
    if freedom <= 0:
        return np.full(squares.shape, math.nan)
    excess = squares - centre
    return np.where(excess > sweeps * np.finfo(np.float64).eps * squares, excess, 0.0) / freedom


def _lane_rhat(means: Floats, length: Floats, squares: Floats, mean: Floats) -> Floats:
    lanes, stretches = means.shape[2], length.size
    if lanes * stretches < 2:
        return np.full(mean.shape, math.nan)
    sweeps = float(length.sum())
    n = sweeps / stretches
    centre = np.einsum("g,gsl->s", length, means**2)
    within = _variance(squares.sum(axis=1), centre, (sweeps - stretches) * lanes, sweeps)
    between = _spread(means, length, mean) / n
    differ = between > np.maximum(sweeps * np.finfo(np.float64).eps * mean**2, VANISHING**2)
    within = np.where(within > VANISHING**2, within, 0.0)
    frozen = np.where((within == 0.0) & differ, math.inf, math.nan)
    ratio = np.divide(between, within, out=frozen, where=within > 0.0)
    return np.sqrt((n - 1) / n + ratio)
