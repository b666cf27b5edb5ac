"""How far draws can be trusted: R-hat, effective sample size, Monte Carlo standard error.

Functions of one scalar quantity take ``float64[chain, draw]`` and give a float, NaN where the question has no answer (fewer
than four draws, a draw that is not finite). They need numpy alone, so that the driver can ask between chunks, and they equal
arviz. :func:`lane_statistics` answers the same questions from the sums that a graph sampler keeps instead of draws.

References
----------
A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C. Bürkner (2021). Rank-normalization, folding, and localization: an
improved R-hat for assessing convergence of MCMC. Bayesian Analysis 16(2), 667-718.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stochinf.engine.errors import StochinfError
from stochinf.engine.lane_statistics import LaneStatistics, lane_statistics
from stochinf.engine.normal import normal_quantile

__all__ = [
    "LaneStatistics",
    "SummaryRow",
    "ess_bulk",
    "ess_mean",
    "ess_tail",
    "lane_statistics",
    "mcse_mean",
    "rhat",
    "summary_row",
]

Floats = NDArray[np.float64]
TAIL_PROBABILITIES = (0.05, 0.95)
MIN_DRAWS = 4


class SummaryRow(NamedTuple):
    """What a table says of one scalar quantity; ``sd`` divides by the number of draws less one."""

    mean: float
    sd: float
    mcse_mean: float
    ess_bulk: float
    ess_tail: float
    r_hat: float


@np.errstate(all="ignore")
def rhat(x: ArrayLike) -> float:
    """Rank-normalised split R-hat, the larger of the bulk and the folded one; 1 when the chains agree.

    ``R = sqrt((n - 1) / n + B / (n W))`` over half chains of n draws, with W the mean of their variances and B / n the variance
    of their means. A constant gives NaN; chains frozen at different values give infinity. One chain is compared with itself, its
    first half with its second (arviz gives NaN there).

    Parameters
    ----------
    x : float64[chain, draw]

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4, 500))
    >>> rhat(draws) < 1.01 < rhat(draws + [[0], [0], [0], [1]])
    True

    References
    ----------
    Vehtari et al. (2021), equations 1-4 (R-hat), 14 (ranks), section 4 (folding).
    """
    halves = _halves(_checked(x))
    return math.nan if halves is None else _rank_rhat(halves, _normal_scores(halves))


@np.errstate(all="ignore")
def ess_bulk(x: ArrayLike) -> float:
    """Effective sample size of the rank-normalised draws: how well the body of the distribution is known.

    A constant counts every draw.

    Parameters
    ----------
    x : float64[chain, draw]

    Examples
    --------
    >>> bool(1700 < ess_bulk(np.random.default_rng(1).normal(size=(4, 500))) < 2300)
    True

    References
    ----------
    Vehtari et al. (2021), equations 10-14.
    """
    halves = _halves(_checked(x))
    return math.nan if halves is None else _ess(_normal_scores(halves))


@np.errstate(all="ignore")
def ess_tail(x: ArrayLike, probabilities: tuple[float, float] = TAIL_PROBABILITIES) -> float:
    """Effective sample size of the worse of two tail quantiles, by default those of 5 % and 95 %.

    Parameters
    ----------
    x : float64[chain, draw]
    probabilities : tuple of float

    Examples
    --------
    >>> bool(1400 < ess_tail(np.random.default_rng(1).normal(size=(4, 500))) < 2500)
    True

    References
    ----------
    Vehtari et al. (2021), section 4.3.
    """
    draws = _checked(x)
    return math.nan if _halves(draws) is None else _tail(draws, probabilities)


@np.errstate(all="ignore")
def ess_mean(x: ArrayLike) -> float:
    """Effective sample size of the mean: ``x.size`` over the integrated autocorrelation time.

    Parameters
    ----------
    x : float64[chain, draw]

    Examples
    --------
    >>> ess_mean(np.ones((2, 100)))
    200.0

    References
    ----------
    Vehtari et al. (2021), equations 10-13; C. J. Geyer (1992), Practical Markov chain Monte Carlo, section 3.3.
    """
    halves = _halves(_checked(x))
    return math.nan if halves is None else _ess(halves)


@np.errstate(all="ignore")
def mcse_mean(x: ArrayLike) -> float:
    """Monte Carlo standard error of the mean, ``sd / sqrt(ess_mean)``; 0 for a constant.

    Parameters
    ----------
    x : float64[chain, draw]

    Examples
    --------
    >>> bool(0.9 < mcse_mean(np.random.default_rng(1).normal(size=(4, 2500))) * 100 < 1.1)
    True

    References
    ----------
    Vehtari et al. (2021), section 4.2.
    """
    draws = _checked(x)
    halves = _halves(draws)
    return math.nan if halves is None else _sd(draws) / math.sqrt(_ess(halves))


@np.errstate(all="ignore")
def summary_row(x: ArrayLike) -> SummaryRow:
    """All figures of one quantity at once, the work they share done once.

    Parameters
    ----------
    x : float64[chain, draw]

    Examples
    --------
    >>> row = summary_row([[1.0, 2.0, 3.0, 4.0]])
    >>> row.mean, round(row.sd, 3)
    (2.5, 1.291)
    """
    draws = _checked(x)
    if not draws.size or not np.isfinite(draws).all():
        return SummaryRow(*6 * (math.nan,))
    mean, sd = float(draws.mean()), _sd(draws)
    halves = _halves(draws)
    if halves is None:
        return SummaryRow(mean, sd, *4 * (math.nan,))
    if np.ptp(draws) == 0.0:
        return SummaryRow(float(draws[0, 0]), 0.0, 0.0, float(halves.size), float(halves.size), math.nan)
    scores = _normal_scores(halves)
    error = sd / math.sqrt(_ess(halves))
    return SummaryRow(mean, sd, error, _ess(scores), _tail(draws, TAIL_PROBABILITIES), _rank_rhat(halves, scores))


def _checked(x: ArrayLike) -> Floats:
    draws = np.asarray(x, dtype=np.float64)
    if draws.ndim != 2:
        raise StochinfError(f"draws of shape {draws.shape}: (chain, draw) needed; give one chain as x[None, :]")
    return draws


def _sd(draws: Floats) -> float:
    if np.ptp(draws) == 0.0:
        return 0.0 if draws.size > 1 else math.nan
    return float(np.std(draws, ddof=1))


def _halves(draws: Floats) -> Floats | None:
    """Half chains ``(2 * chain, draw // 2)``, the middle draw of an odd number dropped; None where nothing can be said."""
    n = draws.shape[1]
    if n < MIN_DRAWS or not draws.size or not np.isfinite(draws).all():
        return None
    return np.concatenate((draws[:, : n // 2], draws[:, n - n // 2 :]))


def _normal_scores(x: Floats) -> Floats:
    """Turn ranks over all entries into normal quantiles, ties at their mean rank (Blom's offset 3/8)."""
    order = np.argsort(x, axis=None)
    ordered = x.ravel()[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    length = np.diff(first, append=x.size)
    quantiles = normal_quantile((first + (length + 1) / 2 - 0.375) / (x.size + 0.25))
    scores = np.empty(x.size)
    scores[order] = quantiles if first.size == x.size else np.repeat(quantiles, length)
    return scores.reshape(x.shape)


def _rank_rhat(halves: Floats, scores: Floats) -> float:
    return float(np.fmax(_rhat(scores), _rhat(_normal_scores(np.abs(halves - np.median(halves))))))


def _rhat(x: Floats) -> float:
    n = x.shape[1]
    within = float(np.where(np.ptp(x, axis=1) == 0.0, 0.0, x.var(axis=1, ddof=1)).mean())
    if within == 0.0:
        return math.nan if np.ptp(x) == 0.0 else math.inf
    return math.sqrt((n - 1) / n + float(x.mean(axis=1).var(ddof=1)) / within)


def _tail(draws: Floats, probabilities: tuple[float, float]) -> float:
    quantiles = np.quantile(draws, probabilities)
    return min(_ess(_indicator_halves(draws, quantile)) for quantile in quantiles)


def _indicator_halves(draws: Floats, quantile: float) -> Floats:
    half = draws.shape[1] // 2
    below = (draws <= quantile).astype(np.float64)
    return np.concatenate((below[:, :half], below[:, draws.shape[1] - half :]))


def _ess(x: Floats) -> float:
    """Effective sample size of sequences ``(chain, draw)`` by Geyer's initial monotone sequence of pairs."""
    if np.ptp(x) == 0.0:
        return float(x.size)
    chains, n = x.shape
    covariance = _autocovariance(x)
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + (float(x.mean(axis=1).var(ddof=1)) if chains > 1 else 0.0)
    rho = 1.0 - (within - covariance) / total
    rho[0] = 1.0
    pairs = rho[0 : 2 * (n // 2) : 2] + rho[1::2]
    last = max((n - 1) // 2 - 1, 0)
    ends = np.flatnonzero(pairs[:last] <= 0.0)
    last = int(ends[0]) if ends.size else last
    even = rho[2 * last] if pairs[last] >= 0.0 else max(rho[2 * last], 0.0)
    tau = 2.0 * float(np.minimum.accumulate(pairs[:last]).sum()) + float(even) - 1.0
    return x.size / max(tau, 1.0 / math.log10(x.size))


def _autocovariance(x: Floats) -> Floats:
    """Mean over chains of the autocovariances at lags 0 to n - 1, each sum divided by n."""
    n = x.shape[1]
    length = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(x - x.mean(axis=1, keepdims=True), length, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=0)
    return np.asarray(np.fft.irfft(power, length)[:n] / n)
