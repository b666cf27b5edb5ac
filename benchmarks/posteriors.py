"""Posteriors of posteriordb as traced densities: one function each, with the reference draws' names for what it draws.

The data are read from $STOCHINF_DATA/posteriordb (data/*.json.gz and reference_summary.json; see its PROVENANCE.md): the
densities and priors are those of the Stan programs of the same names (Magnusson, M. et al. (2022). posteriordb, version 1.0).

    STOCHINF_DATA=data python benchmarks/posteriors.py      # builds all, compares gradients, says what each costs
"""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import stochinf as si
from stochinf import density as sd
from stochinf.density.calling import C_DOUBLES, C_TYPE

__all__ = ["POSTERIORS", "Posterior", "posterior", "reference"]

Floats = npt.NDArray[np.float64]
Data = dict[str, Any]


class Posterior(NamedTuple):
    """A density, and the quantities that the reference has draws of.

    Parameters
    ----------
    density : stochinf.Density
    quantities : callable
        From draws by name, of shape (..., *shape), to those that the reference names; the draws themselves by default.
    init : dict, optional
        A point to start from, where there are modes that the reference leaves out.
    """

    density: si.Density
    quantities: Callable[[Mapping[str, Floats]], Mapping[str, Floats]] = dict
    init: Mapping[str, Any] | None = None

    def named(self, draws: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return draws (chain, draw) by the reference's names, such as beta[1]."""
        found = {}
        for name, values in self.quantities(draws).items():
            for place in np.ndindex(values.shape[2:]):
                index = f"[{','.join(str(k + 1) for k in place)}]" if place else ""
                found[name + index] = values[(..., *place)]
        return found


POSTERIORS: dict[str, tuple[str, Callable[[Data], Posterior]]] = {}
"""By the reference's name: the file of data, and the function that makes the density."""
MORE: dict[str, tuple[str, Callable[[Data], Posterior]]] = {}
"""The same, without a reference of its own."""


def register(
    name: str, file: str, table: Any = POSTERIORS
) -> Callable[[Callable[[Data], Posterior]], Callable[[Data], Posterior]]:
    """Put a function into a table."""

    def keep(make: Callable[[Data], Posterior]) -> Callable[[Data], Posterior]:
        table[name] = (file, make)
        return make

    return keep


def folder() -> Path:
    """Return where the data lie."""
    found = Path(os.environ.get("STOCHINF_DATA", "")) / "posteriordb"
    if not (found / "reference_summary.json").is_file():
        raise SystemExit("set STOCHINF_DATA to a folder with posteriordb/reference_summary.json and posteriordb/data/")
    return found


def posterior(name: str) -> Posterior:
    """Return a posterior by its reference's name."""
    file, make = (POSTERIORS | MORE)[name]
    with gzip.open(folder() / "data" / f"{file}.json.gz") as stream:
        return make(json.load(stream))


def reference(name: str) -> dict[str, Any]:
    """Return the reference's summary: names, mean, sd, quantiles."""
    return json.loads((folder() / "reference_summary.json").read_text())[name]  # type: ignore[no-any-return]


def regression(y: Any, columns: list[Any], prior: Callable[[Any, Any], Any] | None = None) -> Posterior:
    """Return a linear regression with an intercept; flat priors but for what is given."""
    design = np.column_stack([np.ones(len(y)), *(np.asarray(column, float) for column in columns)])

    def log_density(beta: Any, sigma: Any, X: Any, y: Any) -> Any:
        likelihood = sd.normal(y, X @ beta, sigma).sum()
        return likelihood if prior is None else likelihood + prior(beta, sigma)

    params = {"beta": sd.real(design.shape[1]), "sigma": sd.positive()}
    return Posterior(si.Density(log_density, params, {"X": design, "y": np.asarray(y, float)}))


def cauchy_sigma(beta: Any, sigma: Any) -> Any:
    """Return the prior of the kidiq regressions."""
    return sd.half_cauchy(sigma, 2.5)


@register("eight_schools-eight_schools_noncentered", "eight_schools")
def eight_schools(data: Data) -> Posterior:
    """Effects of coaching in eight schools, non-centred."""

    def log_density(theta_trans: Any, mu: Any, tau: Any, y: Any, sigma: Any) -> Any:
        prior = sd.normal(mu, 0, 5) + sd.half_cauchy(tau, 5) + sd.normal(theta_trans).sum()
        return prior + sd.normal(y, mu + tau * theta_trans, sigma).sum()

    params = {"theta_trans": sd.real(8), "mu": sd.real(), "tau": sd.positive()}
    density = si.Density(log_density, params, {"y": np.array(data["y"], float), "sigma": np.array(data["sigma"], float)})

    def quantities(draws: Mapping[str, Floats]) -> dict[str, Floats]:
        mu, tau = draws["mu"], draws["tau"]
        return {"theta": mu[..., None] + tau[..., None] * draws["theta_trans"], "mu": mu, "tau": tau}

    return Posterior(density, quantities)


@register("eight_schools-eight_schools_centered", "eight_schools", MORE)
def eight_schools_centred(data: Data) -> Posterior:
    """Give the same posterior with its funnel: samplers must warn."""

    def log_density(theta: Any, mu: Any, tau: Any, y: Any, sigma: Any) -> Any:
        prior = sd.normal(mu, 0, 5) + sd.half_cauchy(tau, 5) + sd.normal(theta, mu, tau).sum()
        return prior + sd.normal(y, theta, sigma).sum()

    params = {"theta": sd.real(8), "mu": sd.real(), "tau": sd.positive()}
    return Posterior(si.Density(log_density, params, {"y": np.array(data["y"], float), "sigma": np.array(data["sigma"], float)}))


@register("arK-arK", "arK")
def autoregression(data: Data) -> Posterior:
    """Autoregression of order five."""
    y, order = np.array(data["y"]), data["K"]
    past = np.column_stack([y[order - k : len(y) - k] for k in range(1, order + 1)])

    def log_density(alpha: Any, beta: Any, sigma: Any, past: Any, y: Any) -> Any:
        prior = sd.normal(alpha, 0, 10) + sd.normal(beta, 0, 10).sum() + sd.half_cauchy(sigma, 2.5)
        return prior + sd.normal(y, alpha + past @ beta, sigma).sum()

    params = {"alpha": sd.real(), "beta": sd.real(order), "sigma": sd.positive()}
    return Posterior(si.Density(log_density, params, {"past": past, "y": y[order:]}))


@register("garch-garch11", "garch")
def garch(data: Data) -> Posterior:
    """GARCH(1, 1) with flat priors: a recurrence, and a bound that depends on a parameter."""
    y = np.array(data["y"])

    def log_density(mu: Any, alpha0: Any, alpha1: Any, beta1: Any, y: Any, first: Any) -> Any:
        def step(variance: Any, squared: Any) -> tuple[Any, Any]:
            variance = alpha0 + alpha1 * squared + beta1 * variance
            return variance, variance

        _, later = sd.scan(step, first**2, (y[:-1] - mu) ** 2)
        return sd.normal(y[0], mu, first) + sd.normal(y[1:], mu, np.sqrt(later)).sum()

    params = {
        "mu": sd.real(),
        "alpha0": sd.positive(),
        "alpha1": sd.interval(0, 1),
        "beta1": sd.interval(0, lambda alpha1: 1 - alpha1),
    }
    return Posterior(si.Density(log_density, params, {"y": y, "first": float(data["sigma1"])}))


@register("gp_pois_regr-gp_regr", "gp_pois_regr")
def gaussian_process(data: Data) -> Posterior:
    """Regression by a Gaussian process; sigma is a variance."""
    x = np.array(data["x"], float)
    distances = (x[:, None] - x) ** 2

    def log_density(rho: Any, alpha: Any, sigma: Any, distances: Any, y: Any) -> Any:
        covariance = alpha**2 * np.exp(-0.5 * distances / rho**2) + sigma * np.eye(len(x))
        prior = sd.gamma(rho, 25, 4) + sd.half_normal(alpha, 2) + sd.half_normal(sigma, 1)
        return prior + sd.multivariate_normal(y, 0.0, covariance)

    params = {"rho": sd.positive(), "alpha": sd.positive(), "sigma": sd.positive()}
    return Posterior(si.Density(log_density, params, {"distances": distances, "y": np.array(data["y"])}))


@register("low_dim_gauss_mix-low_dim_gauss_mix", "low_dim_gauss_mix")
def mixture(data: Data) -> Posterior:
    """Two normal components, ordered."""

    def log_density(mu: Any, sigma: Any, theta: Any, y: Any) -> Any:
        prior = sd.half_normal(sigma, 2).sum() + sd.normal(mu, 0, 2).sum() + sd.beta(theta, 5, 5)
        components = [sd.normal(y, mu[k], sigma[k]) for k in range(2)]
        return prior + sd.mixture([theta, 1 - theta], components).sum()

    params = {"mu": sd.ordered(2), "sigma": sd.positive(2), "theta": sd.interval(0, 1)}
    return Posterior(si.Density(log_density, params, {"y": np.array(data["y"])}))


@register("hmm_example-hmm_example", "hmm_example")
def hidden_markov(data: Data) -> Posterior:
    """Give a hidden Markov chain of two states with normal emissions."""

    def log_density(theta1: Any, theta2: Any, mu: Any, y: Any) -> Any:
        emissions = sd.normal(y[:, None], mu, 1.0)
        return sd.normal(mu, np.array([3.0, 10.0]), 1.0).sum() + sd.hidden_markov(emissions, np.stack([theta1, theta2]))

    params = {"theta1": sd.simplex(2), "theta2": sd.simplex(2), "mu": sd.positive_ordered(2)}
    return Posterior(si.Density(log_density, params, {"y": np.array(data["y"])}))


@register("bball_drive_event_0-hmm_drive_0", "bball_drive_event_0")
def drive(data: Data) -> Posterior:
    """Give a hidden Markov chain of two states with two exponential emissions.

    A second mode, whose second state is hardly ever visited, lies 60 below the first in the log density; the reference has no
    draws there, and a chain that starts at random ends there one time in four.
    """

    def log_density(theta1: Any, theta2: Any, phi: Any, lambda_: Any, u: Any, v: Any, alpha: Any) -> Any:
        centres = np.array([0.0, 3.0])
        prior = sd.dirichlet(theta1, alpha[0]) + sd.dirichlet(theta2, alpha[1])
        prior = prior + sd.normal(phi, centres, 1.0).sum() + sd.normal(lambda_, centres, 1.0).sum()
        emissions = sd.exponential(u[:, None], phi) + sd.exponential(v[:, None], lambda_)
        return prior + sd.hidden_markov(emissions, np.stack([theta1, theta2]))

    params = {
        "theta1": sd.simplex(2),
        "theta2": sd.simplex(2),
        "phi": sd.positive_ordered(2),
        "lambda_": sd.positive_ordered(2),
    }
    given = {name: np.array(data[name], float) for name in ("u", "v", "alpha")}

    def quantities(draws: Mapping[str, Floats]) -> dict[str, Floats]:
        return {name.rstrip("_"): values for name, values in draws.items()}

    init = {"theta1": [0.9, 0.1], "theta2": [0.1, 0.9], "phi": [1.0, 5.0], "lambda_": [0.02, 0.1]}
    return Posterior(si.Density(log_density, params, given), quantities, init)


@register("diamonds-diamonds", "diamonds")
def diamonds(data: Data) -> Posterior:
    """Prices of diamonds: a regression on 24 columns that are far from orthogonal."""
    columns = np.array(data["X"])[:, 1:]

    def log_density(b: Any, Intercept: Any, sigma: Any, X: Any, y: Any) -> Any:
        prior = sd.normal(b).sum() + sd.student_t(Intercept, 3, 8, 10) + sd.half_student_t(sigma, 3, 10)
        return prior + sd.normal(y, Intercept + X @ b, sigma).sum()

    params = {"b": sd.real(columns.shape[1]), "Intercept": sd.real(), "sigma": sd.positive()}
    return Posterior(si.Density(log_density, params, {"X": columns - columns.mean(axis=0), "y": np.array(data["Y"])}))


@register("earnings-earn_height", "earnings")
def earn_height(data: Data) -> Posterior:
    """Earnings by height."""
    return regression(data["earn"], [data["height"]])


@register("earnings-logearn_interaction", "earnings")
def logearn_interaction(data: Data) -> Posterior:
    """Log earnings by height, sex and their product."""
    height, male = np.array(data["height"], float), np.array(data["male"], float)
    return regression(np.log(data["earn"]), [height, male, height * male])


@register("kidiq-kidscore_momhs", "kidiq")
def kidscore_momhs(data: Data) -> Posterior:
    """Test scores of children by their mothers' school."""
    return regression(data["kid_score"], [data["mom_hs"]], cauchy_sigma)


@register("kidiq-kidscore_momhsiq", "kidiq")
def kidscore_momhsiq(data: Data) -> Posterior:
    """Test scores by school and score of the mother."""
    return regression(data["kid_score"], [data["mom_hs"], data["mom_iq"]], cauchy_sigma)


@register("kidiq-kidscore_interaction", "kidiq")
def kidscore_interaction(data: Data) -> Posterior:
    """Test scores by school, score and their product: strongly correlated."""
    school, score = np.array(data["mom_hs"], float), np.array(data["mom_iq"], float)
    return regression(data["kid_score"], [school, score, school * score], cauchy_sigma)


@register("kidiq_with_mom_work-kidscore_interaction_c", "kidiq_with_mom_work")
def kidscore_interaction_centred(data: Data) -> Posterior:
    """Give the same with centred predictors and a flat prior."""
    school, score = (np.array(data[name], float) - np.mean(data[name]) for name in ("mom_hs", "mom_iq"))
    return regression(data["kid_score"], [school, score, school * score])


@register("mesquite-mesquite", "mesquite")
def mesquite(data: Data) -> Posterior:
    """Weights of mesquite bushes: badly scaled."""
    names = ("diam1", "diam2", "canopy_height", "total_height", "density", "group")
    return regression(data["weight"], [data[name] for name in names])


def party(data: Data) -> Posterior:
    """Return the regression of the national election studies."""
    ages = [np.array(data["age_discrete"]) == group for group in (2, 3, 4)]
    before, after = [data["real_ideo"], data["race_adj"]], [data["educ1"], data["gender"], data["income"]]
    return regression(data["partyid7"], [*before, *ages, *after])


@register("nes1972-nes", "nes1972")
def nes1972(data: Data) -> Posterior:
    """Party identification in 1972."""
    return party(data)


@register("nes1980-nes", "nes1980")
def nes1980(data: Data) -> Posterior:
    """Party identification in 1980."""
    return party(data)


@register("sblrc-blr", "sblrc")
def correlated_regression(data: Data) -> Posterior:
    """Give a regression on correlated columns."""

    def log_density(beta: Any, sigma: Any, X: Any, y: Any) -> Any:
        return sd.normal(beta, 0, 10).sum() + sd.half_normal(sigma, 10) + sd.normal(y, X @ beta, sigma).sum()

    design = np.array(data["X"])
    params = {"beta": sd.real(design.shape[1]), "sigma": sd.positive()}
    return Posterior(si.Density(log_density, params, {"X": design, "y": np.array(data["y"])}))


@register("radon_mn-radon_hierarchical_intercept_noncentered", "radon_mn", MORE)
def radon(data: Data) -> Posterior:
    """Radon in 85 counties, 90 parameters."""

    def log_density(
        alpha_raw: Any, beta: Any, mu_alpha: Any, sigma_alpha: Any, sigma_y: Any, county: Any, floor: Any, uranium: Any, y: Any
    ) -> Any:
        prior = sd.half_normal(sigma_alpha) + sd.half_normal(sigma_y) + sd.normal(mu_alpha, 0, 10) + sd.normal(beta, 0, 10).sum()
        alpha = mu_alpha + sigma_alpha * alpha_raw
        mean = alpha[county] + beta[0] * uranium + beta[1] * floor
        return prior + sd.normal(alpha_raw).sum() + sd.normal(y, mean, sigma_y).sum()

    params = {
        "alpha_raw": sd.real(data["J"]), "beta": sd.real(2), "mu_alpha": sd.real(), "sigma_alpha": sd.positive(),
        "sigma_y": sd.positive(),
    }  # fmt: skip
    given = {
        "county": np.array(data["county_idx"]) - 1, "floor": np.array(data["floor_measure"], float),
        "uranium": np.array(data["log_uppm"]), "y": np.array(data["log_radon"]),
    }  # fmt: skip
    return Posterior(si.Density(log_density, params, given))


def cost(density: si.Density) -> float:
    """Return the CPU seconds of a gradient through the C pointer; calling it from Python takes 2 us of them."""
    target, position, slope = density.as_target().private(), 0.1 * np.ones(density.dim), np.empty(density.dim)
    function, value = C_TYPE(target.function.address), ctypes.byref(ctypes.c_double())
    x, gradient = (array.ctypes.data_as(C_DOUBLES) for array in (position, slope))
    least, calls = np.inf, 1
    while calls == 1 or least * calls < 0.01:
        calls *= 4
        for _ in range(3):
            began = time.thread_time()
            for _ in range(calls):
                function(target.dim, x, gradient, value, target.data)
            least = min(least, (time.thread_time() - began) / calls)
    return float(least)


def main() -> None:
    """Build every posterior, check its gradient, and say what building and a gradient cost."""
    print(f"{'posterior':<52} {'dim':>4} {'nodes':>6} {'trace ms':>9} {'build ms':>9} {'gradient us':>12}  check")
    for name in POSTERIORS | MORE:
        began = time.process_time()
        density = posterior(name).density
        traced = time.process_time()
        density.as_target()
        built = time.process_time()
        nodes = len(density.source.of_position.graph.nodes)
        check = density.check_gradient(0.1 * np.ones(density.dim), tolerance=1e-5)
        figures = f"{1e3 * (traced - began):>9.0f} {1e3 * (built - traced):>9.0f} {1e6 * cost(density):>12.2f}"
        print(f"{name:<52} {density.dim:>4} {nodes:>6} {figures}  {check.error:.0e}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main()
