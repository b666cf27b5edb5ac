"""Approximations: exact on normal posteriors, honest about others."""

import math
import warnings

import arviz
import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import genpareto, multivariate_normal

import stochinf as si
from stochinf import density as sd
from stochinf.density import PointerDensity, python_density
from stochinf.vi.ascent import climb
from stochinf.vi.mean_field import MeanField, standard_noise
from stochinf.vi.oracle import Oracle
from stochinf.vi.paths import candidates

RNG = np.random.default_rng(3)
DIM = 4
ROOT = RNG.normal(size=(DIM, DIM))
PRECISION = ROOT @ ROOT.T + 0.5 * np.eye(DIM)
COVARIANCE = np.linalg.inv(PRECISION)
CENTRE = np.array([3.0, -1.0, 0.5, 20.0])
LOG_VOLUME = 0.5 * DIM * math.log(2 * math.pi) + 0.5 * np.linalg.slogdet(COVARIANCE)[1]


def normal() -> PointerDensity:
    return python_density(
        lambda x: -0.5 * float((x - CENTRE) @ PRECISION @ (x - CENTRE)), DIM, gradient=lambda x: -PRECISION @ (x - CENTRE)
    )


def banana(x: np.ndarray) -> float:
    return -0.5 * float(x[0] ** 2 + 100 * (x[1] - x[0] ** 2) ** 2) if x[0] < 4 else math.nan


def banana_slope(x: np.ndarray) -> np.ndarray:
    return np.array([-x[0] + 200 * x[0] * (x[1] - x[0] ** 2), -100 * (x[1] - x[0] ** 2)])


@pytest.mark.fast
def test_laplace_is_exact_on_a_normal_posterior() -> None:
    found = si.vi.laplace(normal(), draws=4000, rng=0)
    np.testing.assert_allclose(found.mean, CENTRE, rtol=1e-9)
    np.testing.assert_allclose(found.covariance, COVARIANCE, rtol=1e-6)
    np.testing.assert_allclose([found.log_evidence, found.elbo], LOG_VOLUME, atol=1e-5)
    spread = np.cov(found["position"][0].T) / np.sqrt(np.outer(np.diag(COVARIANCE), np.diag(COVARIANCE)))
    correlation = COVARIANCE / np.sqrt(np.outer(np.diag(COVARIANCE), np.diag(COVARIANCE)))
    np.testing.assert_allclose(spread, correlation, atol=0.1)
    assert "close to the posterior" in repr(found)


@pytest.mark.fast
def test_a_climb_goes_round_what_is_not_defined() -> None:
    path = climb(Oracle("test", python_density(banana, 2, gradient=banana_slope)), np.array([3.9, -2.0]))
    assert path.settled
    np.testing.assert_allclose(path.positions[-1], 0.0, atol=1e-4)
    assert (np.diff(path.values) > 0).all()


@pytest.mark.fast
def test_candidates_are_the_normal_distributions_that_they_say() -> None:
    oracle = Oracle("test", normal())
    path = climb(oracle, np.zeros(DIM))
    found = candidates(path.positions, path.gradients)
    assert len(found) > 3
    for candidate, position, gradient in zip(found[::-1], path.positions[::-1], path.gradients[::-1], strict=False):
        covariance = candidate.covariance()
        np.testing.assert_allclose(candidate.mean, position + covariance @ gradient, rtol=1e-6, atol=1e-8)
        draws, log_densities = candidate.draw(np.random.default_rng(1).normal(size=(5, DIM)))
        expected = multivariate_normal(candidate.mean, covariance).logpdf(draws)
        np.testing.assert_allclose(log_densities, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found[-1].covariance(), COVARIANCE, rtol=0.2, atol=0.02)


@pytest.mark.fast
def test_draws_of_a_candidate_have_its_covariance() -> None:
    oracle = Oracle("test", normal())
    path = climb(oracle, np.zeros(DIM), most=4)
    last = candidates(path.positions, path.gradients)[-1]
    noise = np.random.default_rng(2).normal(size=(20_000, DIM))
    spread, expected = np.cov(last.draw(noise)[0].T), last.covariance()
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(spread / size, expected / size, atol=0.04)


@pytest.mark.fast
def test_pathfinder_on_a_normal_posterior() -> None:
    found = si.vi.pathfinder(normal(), draws=4000, rng=0)
    assert found.pareto_k < 0.7
    np.testing.assert_allclose(found.log_evidence, LOG_VOLUME, atol=0.05)
    deviation = (found["position"][0].mean(axis=0) - CENTRE) / np.sqrt(np.diag(COVARIANCE))
    np.testing.assert_allclose(deviation, 0.0, atol=0.1)
    again = si.vi.pathfinder(normal(), draws=4000, rng=0)
    np.testing.assert_array_equal(found["position"], again["position"])


def test_advi_finds_the_means_and_the_conditional_widths() -> None:
    with warnings.catch_warnings(action="ignore"):
        found = si.vi.advi(normal(), rng=0)
    width = 1.0 / np.sqrt(np.diag(PRECISION))
    np.testing.assert_allclose((found.mean - CENTRE) / width, 0.0, atol=0.02)
    np.testing.assert_allclose(np.sqrt(found.covariance) / width, 1.0, atol=0.1)


@pytest.mark.fast
def test_the_gradient_of_the_bound() -> None:
    noise = standard_noise(3, DIM, RNG)
    room = np.zeros(DIM), np.zeros(DIM), np.zeros(1, np.int64)
    target = MeanField(normal(), noise, CENTRE + 1.0, np.array([1.0, 0.5, 2.0, 0.1]), *room)
    position = RNG.normal(size=2 * DIM)

    def bound(at: np.ndarray) -> float:
        width = np.exp(at[DIM:])
        pair = [target.centre + target.scale * (at[:DIM] + sign * width * noise[1]) for sign in (1, -1)]
        return -float(np.mean([target.inner.log_density(x) for x in pair]) + at[DIM:].sum())

    out = np.zeros(2 * DIM)
    target.gradient(position, 1, out)
    np.testing.assert_allclose(out, approx_fprime(position, bound, 1e-7), rtol=1e-4, atol=1e-4)


def test_models_are_compiled_where_they_are_no_pointers() -> None:
    X = RNG.normal(size=(200, 3))
    model = si.models.LogisticRegression(X, X[:, 0] + 0.5 * RNG.normal(size=200) > 0, l2=0.01)
    found = si.vi.laplace(model, rng=0)
    best = si.minimize(model, stop=si.stop.tolerance(1e-10)).x
    np.testing.assert_allclose(found.mean, best, atol=1e-5)
    assert found["coefficients"].shape == (1, 1000, 3)


@pytest.mark.fast
def test_smoothed_weights_are_those_of_arviz() -> None:
    ratios = 0.8 * RNG.standard_t(4, size=1000)
    log_weights, shape = si.vi.pareto_smoothed(ratios)
    np.testing.assert_allclose(np.exp(log_weights).sum(), 1.0)
    if not hasattr(arviz, "psislw"):
        pytest.skip("this arviz has no psislw")
    expected, expected_shape = arviz.psislw(ratios)
    np.testing.assert_allclose(shape, float(expected_shape), rtol=1e-6)
    np.testing.assert_allclose(log_weights, np.asarray(expected), rtol=1e-6, atol=1e-6)


@pytest.mark.fast
@pytest.mark.parametrize("shape", [0.1, 0.6, 1.2])
def test_the_shape_of_a_tail_is_found(shape: float) -> None:
    ratios = genpareto(shape).rvs(20_000, random_state=1) + 1.0
    assert abs(si.vi.pareto_smoothed(np.log(ratios))[1] - shape) < 0.15


@pytest.mark.fast
def test_weights_of_few_or_impossible_draws() -> None:
    log_weights, shape = si.vi.pareto_smoothed([0.0, -np.inf, np.nan])
    np.testing.assert_allclose(np.exp(log_weights), [1.0, 0.0, 0.0])
    assert math.isnan(shape)
    assert si.vi.pareto_smoothed(np.full(100, -np.inf))[1] == math.inf
    assert si.vi.pareto_smoothed(np.zeros(100))[1] == 0.0


def test_a_poor_approximation_is_told() -> None:
    heavy = python_density(lambda x: -2.0 * math.log1p(float(x @ x)), 3, gradient=lambda x: -4.0 * x / (1.0 + float(x @ x)))
    with pytest.warns(si.ConvergenceWarning, match="laplace: Pareto k .* far from the posterior"):
        si.vi.laplace(heavy, draws=500, rng=0)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_names_transforms_and_starts() -> None:
    def log_density(scale, shift, y):  # type: ignore[no-untyped-def]
        return sd.normal(y, shift, scale).sum() + sd.half_normal(scale, 5.0)

    model = si.Density(log_density, {"scale": sd.positive(), "shift": sd.real()}, {"y": RNG.normal(size=50) * 2 + 7})
    found = si.vi.pathfinder(model, draws=800, rng=0)
    assert found["scale"].shape == (1, 800)
    assert (found["scale"] > 0).all()
    assert set(found.resampled(10, rng=0)) == {"scale", "shift"}
    assert found.to_arviz()["posterior"]["shift"].shape == (1, 800)
    assert "scale" in str(found.summary())
    kernel = si.mcmc.Metropolis(1e-9)
    settings = {"draws": 1, "warmup": 0, "chains": 4, "kernel": kernel, "rng": 0, "progress": False}
    run = si.sample(model, init="pathfinder", **settings)
    assert np.unique(run["shift"]).size == 4
    assert abs(run["shift"] - 7).max() < 2
    assert run.notes[0].startswith("chains start at draws of pathfinder")
    assert np.isin(si.sample(model, init=found, **settings)["shift"].round(5), found.positions[:, 1].round(5)).all()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: si.vi.laplace(si.models.CoinBias(3, 2)), "laplace: CoinBias has no gradient"),
        (lambda: si.vi.pathfinder(None), "target None"),
        (lambda: si.vi.laplace(normal(), draws=0), "draws"),
        (lambda: si.vi.advi(normal(), steps=0), "steps"),
        (lambda: si.vi.pathfinder(normal(), paths=0), "paths"),
        (lambda: si.vi.laplace(normal(), init=[0.0]), "init has 1 numbers, 4 are needed"),
        (lambda: si.vi.laplace(python_density(banana, 2, gradient=banana_slope), init=[5.0, 0.0]), "is not finite; give init="),
        (
            lambda: si.vi.laplace(python_density(lambda x: float(x[0]), 1, gradient=lambda x: np.ones(1)), rng=0),
            "laplace: no mode was found",
        ),
        (
            lambda: si.vi.pathfinder(python_density(lambda x: 0.0, 1, gradient=lambda x: np.zeros(1)), rng=0),
            "none of 4 paths led to",
        ),
        (
            lambda: si.vi.laplace(python_density(lambda x: 0.0, 1, gradient=lambda x: np.zeros(1)), rng=0),
            "does not fall off in every direction",
        ),
    ],
)
def test_bad_input(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(si.StochinfError, match=message):
        make()


@pytest.mark.fast
def test_an_error_of_the_density_is_its_own() -> None:
    with pytest.raises(si.DensityError, match="raised KeyError"):
        si.vi.laplace(python_density(lambda x: {}["none"], 1, gradient=lambda x: -x), rng=0)
