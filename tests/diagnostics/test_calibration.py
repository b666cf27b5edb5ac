"""Tests of samplers pass what is right and catch what is planted."""

import math

import numpy as np
import numpy.typing as npt
import pytest

import stochinf as si
from stochinf import density as sd

Floats = npt.NDArray[np.float64]
KERNEL = si.mcmc.Metropolis(1.5)
FLIPS = 5


def coin(heads: float, jacobian: float = 1.0) -> si.models.CoinBias:
    """The coin's posterior with a Beta(2, 3) prior, or the one that results where the logit's Jacobian is forgotten."""
    return si.models.CoinBias(heads, FLIPS - heads, prior=(1 + jacobian, 2 + jacobian))


def prior(generator: np.random.Generator) -> Floats:
    theta = generator.beta(2, 3)
    return np.array([math.log(theta / (1 - theta))])


def flips(position: Floats, generator: np.random.Generator) -> int:
    return int(generator.binomial(FLIPS, 1 / (1 + math.exp(-position[0]))))


def logits(alpha: float, beta: float, n: int) -> Floats:
    theta = np.random.default_rng(1).beta(alpha, beta, size=n)
    return np.log(theta / (1 - theta))[:, np.newaxis]


def test_exact_starts_pass_what_is_right_and_catch_a_missing_jacobian() -> None:
    draws = logits(6, 4, 10_000)
    assert si.diagnostics.exact_start(KERNEL, coin(4), draws, starts=500, rng=0).passed
    wrong = si.diagnostics.exact_start(KERNEL, coin(4, jacobian=0.0), draws, 20, starts=1500, rng=0)
    assert not wrong.passed
    assert "FAILED" in repr(wrong)


def test_exact_starts_catch_a_likelihood_to_the_power_of_0_98() -> None:
    """A prior of 400 tails and 200 heads thrown: 4 heads less move the posterior by a quarter of its width."""
    settings = {"kernel": si.mcmc.Metropolis(0.2), "draws": logits(202, 400, 10_000), "steps": 20, "starts": 1500, "rng": 0}
    assert si.diagnostics.exact_start(target=si.models.CoinBias(200, 0, prior=(2, 400)), **settings).passed
    assert not si.diagnostics.exact_start(target=si.models.CoinBias(196, 0, prior=(2, 400)), **settings).passed


def test_quantities_of_the_users_own() -> None:
    found = si.diagnostics.exact_start(
        KERNEL, coin(2), logits(4, 6, 200), 2, quantities=lambda x: {"theta": 1 / (1 + np.exp(-x[:, 0]))}, rng=0
    )
    assert list(found.p_values) == ["theta"]


def test_geweke() -> None:
    right = si.diagnostics.geweke(KERNEL, prior, flips, coin, n=800, rng=0)
    assert right.passed
    assert max(abs(z) for z in right.figures.values()) < 5
    wrong = si.diagnostics.geweke(KERNEL, prior, flips, lambda heads: coin(heads, jacobian=0.0), n=800, rng=0)
    assert not wrong.passed


def test_geweke_sees_data_too() -> None:
    found = si.diagnostics.geweke(
        KERNEL, prior, flips, coin, n=300, steps=2, quantities=lambda x, heads: [heads, heads * x[0]], rng=0
    )
    assert list(found.figures) == ["quantity 0", "quantity 1"]
    assert found.passed
    with pytest.raises(si.StochinfError, match="a quantity is nan"):
        si.diagnostics.geweke(KERNEL, prior, flips, coin, n=20, quantities=lambda x, heads: math.nan, rng=0)


@pytest.mark.fast
def test_sbc_of_exact_draws_and_of_wrong_ones() -> None:
    def calibrated(width: float, shift: float = 0.0) -> si.diagnostics.Calibration:
        return si.diagnostics.sbc(
            lambda generator: {"mu": generator.gamma(3.0)},
            lambda point, generator: None,
            lambda y, generator: {"mu": generator.gamma(3.0, width, size=(1, 99)) + shift},
            n=2000,
            rng=0,
        )

    assert calibrated(1.0).passed
    assert not calibrated(1.25).passed
    assert not calibrated(1.0, 0.3).passed
    assert calibrated(1.0).histogram("mu").sum() == 2000


@pytest.mark.fast
def test_a_posterior_that_is_the_prior_shows_in_the_likelihood_alone() -> None:
    def likelihood(point: dict[str, Floats], y: float) -> dict[str, Floats]:
        return {"log likelihood": -0.5 * (y - point["mu"]) ** 2}

    found = si.diagnostics.sbc(
        lambda generator: {"mu": generator.normal()},
        lambda point, generator: point["mu"] + generator.normal(),
        lambda y, generator: {"mu": generator.normal(size=(1, 99))},
        n=1000,
        quantities=likelihood,
        rng=0,
    )
    assert found.p_values["mu"] > 1e-4
    assert found.p_values["log likelihood"] < 1e-6


@pytest.mark.fast
def test_ranks_of_vectors_and_ties() -> None:
    found = si.diagnostics.sbc(
        lambda generator: {"k": generator.integers(0, 2, 3)},
        lambda point, generator: None,
        lambda y, generator: {"k": generator.integers(0, 2, (2, 60, 3))},
        n=600,
        rng=0,
    )
    assert list(found.ranks) == ["k[0]", "k[1]", "k[2]"]
    assert found.passed


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: si.diagnostics.exact_start(KERNEL, coin(1), np.zeros((3, 1))), "at least 40 rows"),
        (lambda: si.diagnostics.exact_start(KERNEL, coin(1), np.full((50, 1), np.nan)), "finite numbers of shape"),
        (lambda: si.diagnostics.exact_start(si.mcmc.SGLD(0.1), coin(1), np.zeros((50, 1))), "SGLD needs gradient"),
        (
            lambda: si.diagnostics.sbc(lambda g: {"a": 0.0}, lambda p, g: 0, lambda y, g: {"b": np.zeros((1, 99))}, n=1),
            "the sampler gave no 'a'",
        ),
        (
            lambda: si.diagnostics.sbc(lambda g: {"a": 0.0}, lambda p, g: 0, lambda y, g: {"a": np.zeros((1, 9))}, n=1),
            "at least 99 draws",
        ),
        (lambda: si.diagnostics.geweke(KERNEL, prior, flips, coin, n=0), "n = 0"),
    ],
)
def test_bad_input(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(si.StochinfError, match=message):
        make()


def sampled_coin(heads: int, generator: np.random.Generator) -> si.diagnostics.Run:
    target = si.models.CoinBias(heads, 10 - heads, prior=(2, 3))
    return si.sample(
        target, draws=99, thin=20, warmup=0, chains=1, kernel=si.mcmc.Metropolis(1.5), init=None, rng=generator, progress=False
    )


def coin_likelihood(point: dict[str, Floats], heads: int) -> dict[str, Floats]:
    return {"log likelihood": heads * np.log(point["theta"]) + (10 - heads) * np.log1p(-point["theta"])}


def calibrated_coin(n: int) -> si.diagnostics.Calibration:
    return si.diagnostics.sbc(
        lambda generator: {"theta": generator.beta(2, 3)},
        lambda point, generator: int(generator.binomial(10, point["theta"])),
        lambda heads, generator: {"theta": sampled_coin(heads, generator)["theta"]},
        n=n,
        quantities=coin_likelihood,
        rng=1,
    )


X = np.random.default_rng(5).normal(size=(15, 2))


def regression_density(weights, sigma, y):  # type: ignore[no-untyped-def]
    return sd.normal(weights, 1.0, 2.0).sum() + sd.exponential(sigma, 1.0) + sd.normal(y, X @ weights, sigma).sum()


def regression_likelihood(point: dict[str, Floats], y: Floats) -> dict[str, Floats]:
    sigma = np.asarray(point["sigma"])[..., np.newaxis]
    return {"log likelihood": (-np.log(sigma) - 0.5 * ((y - point["weights"] @ X.T) / sigma) ** 2).sum(axis=-1)}


def calibrated_regression(n: int) -> si.diagnostics.Calibration:
    params = {"weights": sd.real(2), "sigma": sd.positive()}
    model = si.Density(regression_density, params=params, data={"y": np.zeros(15)})

    def sampler(y: Floats, generator: np.random.Generator) -> si.diagnostics.Run:
        fitted = model.with_data(y=y)
        settings = {"draws": 99, "thin": 2, "warmup": 250, "chains": 1, "init": {"weights": [0.0, 0.0], "sigma": 1.0}}
        return si.sample(fitted, **settings, rng=generator, progress=False)

    return si.diagnostics.sbc(
        lambda generator: {"weights": generator.normal(1.0, 2.0, 2), "sigma": generator.exponential()},
        lambda point, generator: generator.normal(X @ point["weights"], point["sigma"]),
        sampler,
        n=n,
        quantities=regression_likelihood,
        rng=2,
    )


def test_calibration_of_the_coin() -> None:
    assert calibrated_coin(300).passed


@pytest.mark.slow
def test_calibration_of_the_coin_at_length() -> None:
    assert calibrated_coin(10_000).passed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::stochinf.ConvergenceWarning")
def test_calibration_of_a_regression_at_length() -> None:
    assert calibrated_regression(10_000).passed
