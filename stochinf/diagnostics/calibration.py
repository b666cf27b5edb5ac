r"""Simulation-based calibration: among posterior draws given simulated data, the parameters behind the data have uniform ranks.

For :math:`\theta \sim p(\theta)`, :math:`y \sim p(y \mid \theta)` and independent posterior draws :math:`\theta_1, \dots,
\theta_L` given y, the rank of :math:`f(\theta, y)` among the :math:`f(\theta_l, y)` is uniform on 0, ..., L. Quantities that
depend on the data too, the log likelihood above all, show errors that single parameters hide, a posterior equal to the prior
among them.

References
----------
Talts, S., Betancourt, M., Simpson, D., Vehtari, A. and Gelman, A. (2018). Validating Bayesian inference algorithms with
simulation-based calibration. arXiv:1804.06788, algorithm 1.
Modrák, M. et al. (2023). Simulation-based calibration checking for Bayesian computation: the choice of test quantities shapes
sensitivity. Bayesian Analysis.
Säilynoja, T., Bürkner, P.-C. and Vehtari, A. (2022). Graphical test for discrete uniformity and its applications in goodness of
fit evaluation and multiple sample comparison. Statistics and Computing 32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.moving import Verdict
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import entropy_of

__all__ = ["Calibration", "sbc"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Point = Mapping[str, Any]

BINS = 20
EXPECTED = 5
"""Ranks that a bin of the test should hold at least."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Calibration(Verdict):
    """Ranks of simulated parameters, and what they say.

    Parameters
    ----------
    method, p_values, figures, level : optional
        As of `Verdict`: the figures are chi squares.
    ranks : mapping of str to ndarray of shape (n,)
        From 0 to `draws`, by quantity.
    draws : int
        Posterior draws that each rank is among.

    Examples
    --------
    >>> import stochinf as si
    >>> found = si.diagnostics.sbc(
    ...     lambda generator: {"mu": generator.normal()},
    ...     lambda point, generator: point["mu"] + generator.normal(),
    ...     lambda y, rng: {"mu": rng.normal(y / 2, 0.5**0.5, size=(1, 99))},
    ...     n=400, rng=0,
    ... )
    >>> found.passed, found.ranks["mu"].shape
    (True, (400,))
    """

    ranks: Mapping[str, Integers]
    draws: int

    def histogram(self, name: str, bins: int = BINS) -> Integers:
        """Return how many ranks of a quantity lie in each of several equal parts.

        Parameters
        ----------
        name : str
        bins : int
        """
        return _histogram(self.ranks[name], self.draws, bins)

    def plot(self, name: str, ax: Any = None) -> Any:
        """Plot the histogram of a quantity's ranks, with the band that holds 99 % of a bin's counts.

        Parameters
        ----------
        name : str
        ax : matplotlib Axes, optional

        Returns
        -------
        matplotlib Axes
        """
        from scipy.stats import binom

        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        counts = self.histogram(name)
        low, high = binom(self.ranks[name].size, 1 / counts.size).interval(0.99)
        ax.bar(np.arange(counts.size), counts, width=0.95)
        ax.axhspan(low, high, color="grey", alpha=0.3)
        ax.set_xlabel(f"rank of {name} among {self.draws} draws, in {counts.size} bins")
        return ax


def sbc(
    prior: Callable[[np.random.Generator], Point],
    simulate: Callable[[Point, np.random.Generator], Any],
    sampler: Callable[[Any, np.random.Generator], Any],
    n: int = 1000,
    *,
    draws: int = 99,
    quantities: Callable[[Point, Any], Mapping[str, npt.ArrayLike]] | None = None,
    rng: Any = None,
    level: float = 1e-6,
) -> Calibration:
    """Calibrate a sampler by simulation.

    Parameters
    ----------
    prior : callable
        From a generator to parameters by name.
    simulate : callable
        From parameters and a generator to data.
    sampler : callable
        From data and a generator to posterior draws: a run, or arrays (chain, draw, ...) by name. They should be nearly
        independent: thin them.
    n : int
        Simulations.
    draws : int
        Posterior draws that ranks are among, evenly spaced among those there are.
    quantities : callable, optional
        From parameters and data to numbers by name, beside the parameters: the log likelihood. Parameters come as one point,
        and as draws with a first axis more; write it with numpy's broadcasting, summing over `axis=-1`.
    rng : int, SeedSequence, Generator or None
        Of everything.
    level : float
        Below which a p-value fails.

    Returns
    -------
    Calibration
        Ranks, chi squares over at most 20 bins with their p-values, and `passed`.

    Raises
    ------
    StochinfError
        If the sampler gives too few draws, or lacks a parameter.

    Examples
    --------
    >>> import stochinf as si
    >>> def sampler(heads, generator):
    ...     coin = si.models.CoinBias(heads, 10 - heads, prior=(2, 3))
    ...     return {"theta": coin.posterior.rvs((1, 99), random_state=generator)}
    >>> found = si.diagnostics.sbc(
    ...     lambda generator: {"theta": generator.beta(2, 3)},
    ...     lambda point, generator: generator.binomial(10, point["theta"]),
    ...     sampler, n=300, rng=0,
    ... )
    >>> found.passed
    True
    """
    count, most = counted("n", n), counted("draws", draws)
    generator = np.random.default_rng(entropy_of(rng))
    rows: dict[str, list[int]] = {}
    for _ in range(count):
        point = prior(generator)
        data = simulate(point, generator)
        sampled = _thinned(point, sampler(data, generator), most)
        for name, (one, many) in _pairs(point, sampled, data, quantities):
            rows.setdefault(name, []).append(_rank(one, many, generator))
    ranks = {name: np.array(found) for name, found in rows.items()}
    chi = {name: _chi_square(_histogram(found, most, _bins(count, most))) for name, found in ranks.items()}
    return Calibration(
        method="SBC",
        p_values={name: p for name, (_, p) in chi.items()},
        figures={name: figure for name, (figure, _) in chi.items()},
        level=level,
        ranks=ranks,
        draws=most,
    )


def _thinned(point: Point, sampled: Any, most: int) -> dict[str, Floats]:
    """Return evenly spaced draws of each parameter, chains one after the other."""
    found = {}
    for name in point:
        if name not in sampled:
            raise StochinfError(f"sbc: the sampler gave no {name!r}")
        values = np.asarray(sampled[name], dtype=np.float64)
        if values.ndim < 2 or values.shape[0] * values.shape[1] < most:
            raise StochinfError(f"sbc: {name!r} of shape {values.shape}; at least {most} draws (chain, draw, ...) are needed")
        flat = values.reshape(-1, *values.shape[2:])
        found[name] = flat[np.linspace(0, len(flat) - 1, most).round().astype(int)]
    return found


def _pairs(point: Point, sampled: dict[str, Floats], data: Any, quantities: Any) -> list[tuple[str, tuple[float, Floats]]]:
    """Return for each scalar its label, its value behind the data and its posterior draws."""
    pairs = []
    for name, values in sampled.items():
        true = np.asarray(point[name], dtype=np.float64)
        for place in np.ndindex(*true.shape):
            label = f"{name}[{', '.join(map(str, place))}]" if place else name
            pairs.append((label, (float(true[place]), values[(slice(None), *place)])))
    if quantities is not None:
        one = quantities({name: np.asarray(value, dtype=np.float64) for name, value in point.items()}, data)
        many = quantities(sampled, data)
        pairs += [(name, (float(np.asarray(one[name])), np.asarray(many[name], dtype=np.float64))) for name in one]
    return pairs


def _rank(one: float, many: Floats, generator: np.random.Generator) -> int:
    """Return how many draws lie below a value, ties told apart by chance."""
    return int((many < one).sum()) + int(generator.integers(0, int((many == one).sum()) + 1))


def _bins(n: int, draws: int) -> int:
    return max(2, min(BINS, n // EXPECTED, draws + 1))


def _histogram(ranks: Integers, draws: int, bins: int) -> Integers:
    return np.bincount(ranks * bins // (draws + 1), minlength=bins).astype(np.int64)


def _chi_square(counts: Integers) -> tuple[float, float]:
    """Return the statistic against equal chances, and its p-value."""
    from scipy.special import gammaincc

    expected = counts.sum() / counts.size
    statistic = float(((counts - expected) ** 2).sum() / expected)
    return statistic, float(gammaincc((counts.size - 1) / 2.0, statistic / 2.0)) if math.isfinite(statistic) else 0.0
