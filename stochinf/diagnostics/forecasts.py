r"""Reliability: whether what is predicted with probability p happens in a share p of the cases.

Predictions fall into bins by their probability. In a bin of n predictions with mean probability :math:`\bar p`, of which k came
true, the frequency is :math:`k / n` with Wilson's interval; the expected calibration error is

.. math:: \mathrm{ECE} = \sum_b \frac{n_b}{N} \Big| \frac{k_b}{n_b} - \bar p_b \Big|.

References
----------
DeGroot, M. H. and Fienberg, S. E. (1983). The comparison and evaluation of forecasters. The Statistician 32: reliability.
Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22, the interval.
Naeini, M. P., Cooper, G. F. and Hauskrecht, M. (2015). Obtaining well calibrated probabilities. AAAI, equation (1): ECE.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError

__all__ = ["Reliability", "reliability"]

Floats = npt.NDArray[np.float64]
Z = 1.959963984540054


class Reliability(NamedTuple):
    """Predicted probability against frequency, by bin; bins without predictions are left out.

    Parameters
    ----------
    edges : ndarray of shape (bins + 1,)
        Between all bins.
    predicted, frequency : ndarray of shape (m,)
        Mean probability of the predictions of a bin, and the share that came true.
    lower, upper : ndarray of shape (m,)
        Wilson's 95 % interval of the frequency.
    counts : ndarray of shape (m,)
        Predictions.
    error : float
        The expected calibration error.
    brier : float
        Mean squared difference of probability and outcome.

    Examples
    --------
    >>> import stochinf as si
    >>> si.diagnostics.reliability([0.1, 0.2, 0.9, 0.8], [0, 0, 1, 1], bins=2).frequency.tolist()
    [0.0, 1.0]
    """

    edges: Floats
    predicted: Floats
    frequency: Floats
    lower: Floats
    upper: Floats
    counts: npt.NDArray[np.int64]
    error: float
    brier: float

    def __repr__(self) -> str:
        return f"Reliability({self.counts.sum()} predictions, calibration error {self.error:.3g}, Brier score {self.brier:.3g})"

    def within(self) -> npt.NDArray[np.bool_]:
        """Return in which bins the interval of the frequency holds the mean probability."""
        inside: npt.NDArray[np.bool_] = (self.lower <= self.predicted) & (self.predicted <= self.upper)
        return inside

    def plot(self, ax: Any = None) -> Any:
        """Plot frequencies with their intervals against probabilities, and below how many predictions there were.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        matplotlib Axes
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        bars = np.abs(np.stack([self.frequency - self.lower, self.upper - self.frequency]))
        ax.bar(
            self.predicted,
            self.counts / self.counts.max() * 0.2,
            width=0.6 / max(self.edges.size - 1, 1),
            color="0.85",
            label="share",
        )
        ax.plot([0, 1], [0, 1], color="0.6", linestyle="--")
        ax.errorbar(self.predicted, self.frequency, bars, fmt="o", capsize=3, label="frequency, 95 %")
        ax.set(
            xlim=(0, 1),
            ylim=(0, 1),
            xlabel="predicted probability",
            ylabel="frequency",
            title=f"calibration error {self.error:.3g}",
        )
        ax.legend()
        return ax


def reliability(probability: Any, happened: Any, bins: int = 10) -> Reliability:
    """Compare predicted probabilities with what happened.

    Parameters
    ----------
    probability : array of shape (N,)
        From 0 to 1.
    happened : array of shape (N,)
        Of truth values, or 0 and 1: cases that were held out.
    bins : int
        Of equal width.

    Returns
    -------
    Reliability
        With `plot()`.

    Raises
    ------
    StochinfError
        If the arrays do not fit each other, or hold anything else.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(4000)
    >>> si.diagnostics.reliability(p, rng.random(4000) < p).error < 0.03
    True
    """
    chances, cases = np.asarray(probability, np.float64), np.asarray(happened, np.float64)
    if chances.ndim != 1 or chances.shape != cases.shape or not chances.size:
        raise StochinfError(f"reliability: {chances.shape} probabilities and {cases.shape} outcomes; one of each is needed")
    if not ((chances >= 0) & (chances <= 1)).all() or not np.isin(cases, (0.0, 1.0)).all():
        raise StochinfError("reliability: probabilities from 0 to 1 and outcomes of 0 and 1 are needed")
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 1:
        raise StochinfError(f"reliability: bins = {bins!r}; a whole number from 1 on is needed")
    place = np.minimum((chances * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    used = counts > 0
    n = counts[used]
    predicted = np.bincount(place, chances, bins)[used] / n
    frequency = np.bincount(place, cases, bins)[used] / n
    centre, half = (frequency + Z**2 / (2 * n)) / (1 + Z**2 / n), Z / (1 + Z**2 / n)
    half = half * np.sqrt(frequency * (1 - frequency) / n + Z**2 / (4 * n**2))
    error, brier = float((n * np.abs(frequency - predicted)).sum() / chances.size), float(np.mean((chances - cases) ** 2))
    lower, upper = np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
    return Reliability(np.linspace(0, 1, bins + 1), predicted, frequency, lower, upper, n, error, brier)
