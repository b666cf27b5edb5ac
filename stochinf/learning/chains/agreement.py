"""Whether learners that started alike with different chains agree, and whether weights still grow at the end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["runaways", "split_rhat", "spread_of"]

Floats = npt.NDArray[np.float64]

FAR, GROWING = 2.0, 0.03
"""A weight beyond the first that grows by more than this share of it from the third quarter to the last runs away."""


def split_rhat(draws: Floats) -> Floats:
    r"""Return R-hat of each weight, each chain cut into halves.

    .. math:: \hat R^2 = \frac{n - 1}{n} + \frac{\mathrm{var}(\text{means of halves})}{\text{mean of variances}}

    Parameters
    ----------
    draws : float64 (chains, draws, D)

    Returns
    -------
    float64 (D,)
        1 where nothing varies; NaN for fewer than 4 draws.

    References
    ----------
    Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd edition, equations (11.3) and (11.4).

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.learning.chains.agreement import split_rhat
    >>> bool(split_rhat(np.random.default_rng(0).normal(size=(4, 100, 1)))[0] < 1.05)
    True
    """
    half = draws.shape[1] // 2
    if half < 2:
        return np.full(draws.shape[2], np.nan)
    halves = np.concatenate([draws[:, :half], draws[:, -half:]])
    within, between = halves.var(axis=1, ddof=1).mean(axis=0), halves.mean(axis=1).var(axis=0, ddof=1)
    scale = np.maximum(np.abs(halves).max(axis=(0, 1)), 1.0) * 1e-6
    still = np.maximum(within, between) <= scale**2
    ratio = np.divide(between, within, out=np.full(within.size, np.inf), where=within > 0)
    found: Floats = np.where(still, 1.0, np.sqrt((half - 1) / half + ratio))
    return found


def spread_of(averages: Floats) -> Floats:
    r"""Return the standard deviation of the mean over learners, as another seed would bring it, from their own spread.

    .. math:: s / (c_4 \sqrt{m}), \qquad c_4 \approx 1 - \frac{1}{4 m - 3} \text{ for an unbiased estimate}

    Parameters
    ----------
    averages : float64 (m, D)

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.learning.chains.agreement import spread_of
    >>> spread_of(np.array([[1.0], [1.0], [3.0], [3.0]])).round(2)
    array([0.63])
    """
    m = len(averages)
    if m < 2:
        return np.full(averages.shape[1], np.nan)
    deviation: Floats = averages.std(axis=0, ddof=1) / np.sqrt(m) / (1.0 - 1.0 / (4 * m - 3))
    return deviation


def runaways(draws: Floats) -> npt.NDArray[np.bool_]:
    """Return which weights still grow at the end, away from 0 and in all chains alike.

    Parameters
    ----------
    draws : float64 (chains, draws, D)

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.learning.chains.agreement import runaways
    >>> t = np.arange(1.0, 101.0)
    >>> runaways(np.stack([np.stack([t**0.5, 3 - 1 / t], axis=1)] * 2)).tolist()
    [True, False]
    """
    quarter = draws.shape[1] // 4
    if quarter < 2:
        return np.zeros(draws.shape[2], np.bool_)
    third, last = draws[:, -2 * quarter : -quarter].mean(axis=1), draws[:, -quarter:].mean(axis=1)
    growth = (last - third) * np.sign(last)
    away: npt.NDArray[np.bool_] = ((np.abs(last) > FAR) & (growth > GROWING * np.abs(last))).all(axis=0)
    return away
