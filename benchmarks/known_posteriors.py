"""Posteriors whose means and widths are known without sampling: in closed form, or by quadrature over one or two numbers.

Each is an awkward kind: curved, correlated, heavy-tailed, with constraints, with a discrete parameter summed out. Some come out
right or must say that they may not be: those of `TREACHEROUS` no sampler of this kind gets right in a short run.

    python benchmarks/known_posteriors.py [seed]      # a minute; exits with the number that are wrong
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import stochinf as si
from stochinf import density as sd
from stochinf.engine.statistics import summary_row

__all__ = ["KNOWN", "TREACHEROUS", "Known", "compared", "warned"]

Floats = npt.NDArray[np.float64]
MEAN, WIDTH, ESS, MOST = 0.10, 0.15, 2000, 40_000


class Known(NamedTuple):
    """A density, and the means and standard deviations of what it draws, by name."""

    density: si.Density
    means: dict[str, Any]
    sds: dict[str, Any]


KNOWN: dict[str, Callable[[], Known]] = {}
"""Makers of posteriors, by name."""


def known(make: Callable[[], Known]) -> Callable[[], Known]:
    """Put a maker into the table."""
    KNOWN[make.__name__.replace("_", " ")] = make
    return make


def by_grid(log_density: Callable[[Floats, Floats], Floats], a: Floats, b: Floats) -> tuple[list[float], list[float]]:
    """Return means and standard deviations of two numbers by their density on a grid."""
    logs = log_density(a[:, None], b[None, :])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    found = [(weights.sum(1), a), (weights.sum(0), b)]
    means = [float(w @ x) for w, x in found]
    return means, [float(np.sqrt(w @ (x - m) ** 2)) for (w, x), m in zip(found, means, strict=True)]


@known
def banana() -> Known:
    """Return Haario's banana: a normal density, bent."""
    density = si.Density(lambda x: sd.normal(x[0], 0, 10) + sd.normal(x[1], 0.03 * (x[0] ** 2 - 100), 1), {"x": sd.real(2)})
    return Known(density, {"x": [0.0, 0.0]}, {"x": [10.0, np.sqrt(1 + 2 * 0.03**2 * 1e4)]})


@known
def correlated_normal() -> Known:
    """Return a stationary autoregression in 100 dimensions, neighbours correlated by 0.98."""
    rho = 0.98

    def log_density(x: Any) -> Any:
        return sd.normal(x[0] - 3) + sd.normal(x[1:] - 3, rho * (x[:-1] - 3), np.sqrt(1 - rho**2)).sum()

    return Known(si.Density(log_density, {"x": sd.real(100)}), {"x": np.full(100, 3.0)}, {"x": np.ones(100)})


@known
def separated_logistic() -> Known:
    """Return a logistic regression that a line separates: the prior alone holds its slope."""
    data = {"x": np.array([-2.0, -1.5, -0.7, 0.2, 0.9, 1.4]), "y": np.array([0, 0, 0, 1, 1, 1])}

    def log_density(level: Any, slope: Any, x: Any, y: Any) -> Any:
        return sd.normal(level, 0, 5) + sd.normal(slope, 0, 10) + sd.bernoulli_logit(y, level + slope * x).sum()

    def logs(level: Floats, slope: Floats) -> Floats:
        eta = level[..., None] + slope[..., None] * data["x"]
        return -0.5 * (level / 5) ** 2 - 0.5 * (slope / 10) ** 2 + (data["y"] * eta - np.logaddexp(0, eta)).sum(-1)

    means, sds = by_grid(logs, np.linspace(-30, 30, 601), np.linspace(-30, 70, 801))
    density = si.Density(log_density, {"level": sd.real(), "slope": sd.real()}, data)
    return Known(density, {"level": means[0], "slope": means[1]}, {"level": sds[0], "slope": sds[1]})


@known
def poisson_regression() -> Known:
    """Return counts whose logarithm has a slope; the covariate is far from its origin."""
    x = np.linspace(4.0, 6.0, 20)
    data = {"x": x, "y": np.random.default_rng(1).poisson(np.exp(-2.0 + 0.8 * x))}

    def log_density(level: Any, slope: Any, x: Any, y: Any) -> Any:
        return sd.normal(level, 0, 5) + sd.normal(slope, 0, 5) + sd.poisson_log(y, level + slope * x).sum()

    def logs(middle: Floats, slope: Floats) -> Floats:
        eta = middle[..., None] + slope[..., None] * (x - 5)
        return -0.5 * ((middle - 5 * slope) / 5) ** 2 - 0.5 * (slope / 5) ** 2 + (data["y"] * eta - np.exp(eta)).sum(-1)

    means, sds = by_grid(logs, np.linspace(1, 3, 801), np.linspace(-1, 2.5, 801))
    density = si.Density(log_density, {"level": sd.real(), "slope": sd.real()}, data)
    return Known(density, {"slope": means[1]}, {"slope": sds[1]})


@known
def heavy_tails() -> Known:
    """Return ten independent t distributions with five degrees of freedom."""
    density = si.Density(lambda x: sd.student_t(x, 5.0).sum(), {"x": sd.real(10)})
    return Known(density, {"x": np.zeros(10)}, {"x": np.full(10, np.sqrt(5 / 3))})


@known
def change_point() -> Known:
    """Return counts whose rate changes once; the time is summed out, and given it both rates are gamma distributed."""
    y = np.array([4, 5, 4, 0, 1, 4, 3, 4, 0, 6, 3, 3, 1, 1, 0, 2, 1, 0, 1, 0, 0, 1, 1, 0, 2])
    n, sums = y.size, np.cumsum(y)
    times = np.arange(1, n)

    def log_density(early: Any, late: Any, sums: Any) -> Any:
        first = sums * np.log(early) - times * early
        second = (sums_all - sums) * np.log(late) - (n - times) * late
        return sd.exponential(early, 1.0) + sd.exponential(late, 1.0) + sd.log_sum_exp(first + second)

    sums_all = int(sums[-1])
    from scipy.special import gammaln

    shapes = np.stack([sums[:-1] + 1.0, sums_all - sums[:-1] + 1.0])
    rates = np.stack([times + 1.0, n - times + 1.0])
    logs = (gammaln(shapes) - shapes * np.log(rates)).sum(0)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    means = (weights * shapes / rates).sum(1)
    sds = np.sqrt((weights * (shapes + shapes**2) / rates**2).sum(1) - means**2)
    density = si.Density(log_density, {"early": sd.positive(), "late": sd.positive()}, {"sums": sums[:-1].astype(float)})
    return Known(density, {"early": means[0], "late": means[1]}, {"early": sds[0], "late": sds[1]})


@known
def ordered_mixture() -> Known:
    """Return two normal components of unit width in the order of their means."""
    generator = np.random.default_rng(3)
    y = np.concatenate([generator.normal(-1.2, 1, 30), generator.normal(1.5, 1, 20)])

    def log_density(means: Any, y: Any) -> Any:
        parts = np.logaddexp(sd.normal(y, means[0]), sd.normal(y, means[1]))
        return sd.normal(means, 0, 3).sum() + parts.sum()

    def logs(low: Floats, high: Floats) -> Floats:
        parts = np.logaddexp(-0.5 * (y - low[..., None]) ** 2, -0.5 * (y - high[..., None]) ** 2).sum(-1)
        return np.where(low < high, parts - (low**2 + high**2) / 18, -np.inf)

    grid = np.linspace(-4, 4, 501)
    means, sds = by_grid(logs, grid, grid)
    return Known(si.Density(log_density, {"means": sd.ordered(2)}, {"y": y}), {"means": means}, {"means": sds})


@known
def dirichlet_multinomial() -> Known:
    """Return shares behind counts, some of them rare."""
    counts = np.array([20, 7, 3, 1, 0])
    alpha = counts + 0.8
    means = alpha / alpha.sum()
    density = si.Density(
        lambda p, y: sd.dirichlet(p, np.full(5, 0.8)) + sd.multinomial(y, p), {"p": sd.simplex(5)}, {"y": counts}
    )
    return Known(density, {"p": means}, {"p": np.sqrt(means * (1 - means) / (alpha.sum() + 1))})


@known
def correlations() -> Known:
    """Return the LKJ distribution of a correlation matrix, of which every entry is a beta number from -1 to 1."""
    size, eta = 4, 1.5
    shape = eta - 1 + size / 2
    density = si.Density(lambda factor: sd.lkj_cholesky(factor, eta), {"factor": sd.cholesky_corr(size)})
    return Known(density, {"correlation": 0.0}, {"correlation": np.sqrt(1 / (2 * shape + 1))})


@known
def horseshoe() -> Known:
    """Return five effects with a horseshoe prior of known overall scale; by quadrature over the local scales."""
    y, tau = np.array([0.3, -0.8, 4.5, 1.5, -6.0]), 0.3

    def log_density(z: Any, local: Any, y: Any) -> Any:
        return sd.normal(z).sum() + sd.half_cauchy(local, 1.0).sum() + sd.normal(y, tau * local * z, 1.0).sum()

    scales = np.tan((np.arange(200_000) + 0.5) / 200_000 * np.pi / 2)
    shares = (tau * scales) ** 2 / (1 + (tau * scales) ** 2)
    logs = -0.5 * y[:, None] ** 2 * (1 - shares) + 0.5 * np.log1p(-shares)
    weights = np.exp(logs - logs.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    means = (weights * shares).sum(1) * y
    seconds = (weights * (shares + (shares * y[:, None]) ** 2)).sum(1)
    density = si.Density(log_density, {"z": sd.real(5), "local": sd.positive(5)}, {"y": y})
    return Known(density, {"effects": means}, {"effects": np.sqrt(seconds - means**2)})


QUANTITIES: dict[str, Callable[[Any], Any]] = {
    "effects": lambda draws: 0.3 * draws["local"] * draws["z"],
    "correlation": lambda draws: draws["factor"][..., 1, 0],
}
"""What is no parameter itself."""


def funnel() -> si.Density:
    """Return Neal's funnel, whose neck no step size fits."""
    return si.Density(lambda v, x: sd.normal(v, 0, 3) + sd.normal(x, 0, np.exp(v / 2)).sum(), {"v": sd.real(), "x": sd.real(9)})


def two_modes() -> si.Density:
    """Return two modes of equal mass, 20 standard deviations apart: chains stay where they started."""
    return si.Density(lambda x: np.logaddexp(sd.normal(x, -10.0), sd.normal(x, 10.0)), {"x": sd.real()})


TREACHEROUS: dict[str, Callable[[], si.Density]] = {"funnel": funnel, "two modes": two_modes}
"""What must not pass in silence, unless it comes out right."""


def compared(name: str, seed: int, most: int = MOST) -> tuple[str, str]:
    """Sample a posterior with all defaults; return whether it is right, else whether it says so, and a line of figures."""
    target = KNOWN[name]()
    stop = si.stop.converged(ess=2 * ESS) | si.stop.steps(most)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run = si.sample(target.density, draws=None, warmup=1000, chains=4, stop=stop, rng=seed, progress=False)
    means, widths, least = [], [], np.inf
    for label, expected in target.means.items():
        values = QUANTITIES[label](run.draws) if label in QUANTITIES else run.draws[label]
        rows = [summary_row(values[(..., *place)]) for place in np.ndindex(values.shape[2:])]
        sds = np.ravel(target.sds[label])
        means.append(np.abs(np.array([row.mean for row in rows]) - np.ravel(expected)) / sds)
        widths.append(np.abs(np.log(np.array([row.sd for row in rows]) / sds)))
        least = min(least, *(row.ess_bulk for row in rows))
    mean, width = float(np.concatenate(means).max()), float(np.concatenate(widths).max())
    right = mean <= MEAN and width <= WIDTH and least >= ESS
    doubts = any(warning.category is si.ConvergenceWarning for warning in told)
    verdict = "right" if right else "warns" if doubts else "WRONG"
    return verdict, f"{name:<24} {run.n_steps:>7} {least:>8.0f} {mean:>8.3f} {width:>8.3f}  {verdict}"


def warned(name: str, seed: int) -> bool:
    """Whether a run of what cannot be right says so."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        si.sample(TREACHEROUS[name](), draws=1000, warmup=400, chains=4, rng=seed, progress=False)
    return any(warning.category is si.ConvergenceWarning for warning in told)


def main(seed: int) -> int:
    """Compare all; return how many are wrong or silent."""
    print(f"{'posterior':<24} {'draws':>7} {'ESS':>8} {'mean/sd':>8} {'log sd':>8}")
    wrong = 0
    for name in KNOWN:
        verdict, line = compared(name, seed)
        wrong += verdict == "WRONG"
        print(line, flush=True)
    for name in TREACHEROUS:
        told = warned(name, seed)
        wrong += not told
        print(f"{name:<24} {'warns, as it must' if told else 'is SILENT'}")
    print(f"{len(KNOWN)} posteriors: means within {MEAN} sd, log sd within {WIDTH}, ESS {ESS}; {wrong} wrong or silent")
    return wrong


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
