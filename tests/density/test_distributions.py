"""Log densities of the distributions: against scipy's, normalised, zero outside of their support."""

import itertools
import math

import numpy as np
import pytest
from distribution_cases import CASES
from scipy import integrate, stats

from stochinf import density as sd

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("name", CASES)
def test_as_scipy_has_it(name: str) -> None:
    function, x, parameters, expected = CASES[name]
    np.testing.assert_allclose(function(x, *parameters), expected(x), rtol=1e-12, atol=1e-13)
    wide = tuple(np.full(x.size, value) for value in parameters)
    np.testing.assert_allclose(function(x, *wide), expected(x), rtol=1e-12, atol=1e-13)
    first = x[1].item()
    np.testing.assert_allclose(float(function(first, *parameters)), expected(first), rtol=1e-12, atol=1e-13)


OUTSIDE = {
    "half_normal": [-1.0],
    "half_cauchy": [-1.0],
    "half_student_t": [-1.0],
    "exponential": [-1.0],
    "lognormal": [-1.0, 0.0],
    "gamma": [-1.0, 0.0],
    "inverse_gamma": [-1.0, 0.0],
    "chi_squared": [-1.0, 0.0],
    "weibull": [-1.0, 0.0],
    "pareto": [1.0],
    "uniform": [-1.1, 2.1],
    "beta": [-0.1, 0.0, 1.0, 1.1],
    "bernoulli": [-1, 2, 0.5],
    "bernoulli_logit": [-1, 2, 0.5],
    "binomial": [6, 2.5],
    "binomial_logit": [6, 2.5],
    "beta_binomial": [6, 2.5],
    "poisson": [-2, 0.5],
    "poisson_log": [-2, 0.5],
    "negative_binomial": [-2, 0.5],
    "geometric": [-2, 0.5],
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_lies_outside_of_the_support(name: str) -> None:
    function, _, parameters, _ = CASES[name]
    assert np.all(function(np.array(OUTSIDE[name]), *parameters) == -np.inf)


def test_categories_and_vectors() -> None:
    p = np.array([0.2, 0.5, 0.3])
    k = np.array([2, 1, 1, 0])
    np.testing.assert_allclose(sd.categorical(k, p), np.log(p[k]), rtol=1e-14)
    np.testing.assert_allclose(sd.categorical_logit(k, np.log(p) + 7.0), np.log(p[k]), rtol=1e-13)
    counts = np.array([3, 0, 2])
    np.testing.assert_allclose(sd.multinomial(counts, p), stats.multinomial(5, p).logpmf(counts), rtol=1e-12)
    a = np.array([1.5, 2.0, 0.7])
    np.testing.assert_allclose(sd.dirichlet(p, a), stats.dirichlet(a).logpdf(p), rtol=1e-12)
    np.testing.assert_allclose(sd.dirichlet(np.stack([p, p[::-1]]), 2.0), [stats.dirichlet([2.0] * 3).logpdf(p)] * 2, rtol=1e-12)
    covariance = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.5]])
    expected = stats.multivariate_normal(a, covariance).logpdf(p)
    np.testing.assert_allclose(sd.multivariate_normal(p, a, covariance), expected, rtol=1e-12)


def test_mixtures_sum_densities() -> None:
    x = np.array([-1.0, 0.5])
    expected = np.log(0.3 * stats.norm(0, 1).pdf(x) + 0.7 * stats.norm(1, 2).pdf(x))
    weights = np.array([0.3, 0.7])
    np.testing.assert_allclose(sd.mixture(weights, [sd.normal(x), sd.normal(x, 1.0, 2.0)]), expected, rtol=1e-13)


def test_hidden_states_are_summed_out() -> None:
    rng = np.random.default_rng(1)
    emissions, transitions, start = rng.normal(size=(4, 3)) - 200.0, rng.dirichlet(np.ones(3), size=3), rng.dirichlet(np.ones(3))
    for first in (start, None):
        total = -np.inf
        for path in itertools.product(range(3), repeat=4):
            moves = sum(np.log(transitions[a, b]) for a, b in itertools.pairwise(path))
            chance = 0.0 if first is None else np.log(first[path[0]])
            total = np.logaddexp(total, chance + moves + emissions[range(4), path].sum())
        assert float(sd.hidden_markov(emissions, transitions, first)) == pytest.approx(total, rel=1e-13)


@pytest.mark.parametrize("concentration", [1.0, 2.5])
def test_correlations_have_mass_one(concentration: float) -> None:
    """One correlation: an integral. Three: the density of the free numbers is a product, so three integrals."""

    def one(r: float) -> float:
        factor = np.array([[1.0, 0.0], [r, math.sqrt(1 - r * r)]])
        return math.exp(float(sd.lkj_cholesky(factor, concentration)))

    assert integrate.quad(one, -1, 1)[0] == pytest.approx(1, abs=1e-7)
    parameter = sd.cholesky_corr(3)

    def three(x: np.ndarray) -> float:
        return math.exp(float(sd.lkj_cholesky(parameter.constrain(x, {}), concentration) + parameter.log_jacobian(x, {})))

    directions = np.eye(3)
    x = np.array([0.3, -0.2, 0.5])
    assert three(x) * three(0 * x) ** 2 == pytest.approx(math.prod(three(x[k] * directions[k]) for k in range(3)))
    step = 0.25
    sides = [step * sum(three(step * k * direction) for k in range(-40, 41)) for direction in directions]
    assert math.prod(sides) / three(0 * x) ** 2 == pytest.approx(1, abs=1e-7)
