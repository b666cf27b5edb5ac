"""The front door: what it chooses, where it starts, and what it says at the end."""

import math
import warnings

import numpy as np
import pytest

import stochinf as si
from stochinf import density as sd
from stochinf.density import python_density

SETTINGS = {"draws": 60, "warmup": 60, "chains": 2, "rng": 0, "progress": False, "threads": 1}
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def normal(x: np.ndarray) -> float:
    return -0.5 * float(x @ x)


def half_plane(x: np.ndarray) -> float:
    """A normal density of which three quarters of the starting points have none."""
    return -0.5 * float(x @ x) if x[0] > 1.0 else math.nan


def centred(mu, tau, theta, y, sigma):  # type: ignore[no-untyped-def]
    return sd.normal(mu, 0, 5) + sd.half_cauchy(tau, 5) + sd.normal(theta, mu, tau).sum() + sd.normal(y, theta, sigma).sum()


def schools() -> si.Density:
    return si.Density(
        centred,
        params={"mu": sd.real(), "tau": sd.positive(), "theta": sd.real(8)},
        data={"y": EFFECTS, "sigma": ERRORS},
        dims={"theta": ["school"]},
        coords={"school": list("ABCDEFGH")},
    )


def test_kernels_are_chosen_by_what_the_target_offers() -> None:
    slope = python_density(normal, 2, gradient=lambda x: -x)
    assert si.sample(slope, **SETTINGS).kernel.startswith("NUTS")
    assert si.sample(python_density(normal, 2), **SETTINGS).kernel.startswith("AdaptiveMetropolis")
    assert si.sample(si.models.CoinBias(6, 4), **SETTINGS).kernel.startswith("Metropolis")


def test_starting_points_are_drawn_anew_and_that_is_told() -> None:
    found = [si.sample(python_density(half_plane, 1), kernel=si.mcmc.Metropolis(), **SETTINGS) for _ in range(2)]
    assert found[0].notes[0].startswith("starting points of chain")
    assert "drawn anew" in repr(found[0])
    assert found[0]["position"].min() > 1.0
    np.testing.assert_array_equal(found[0]["position"], found[1]["position"])


def test_first_points_that_will_do_change_nothing() -> None:
    kernel = si.mcmc.Metropolis()
    drawn = si.sample(python_density(normal, 1), kernel=kernel, **SETTINGS)
    run = si.run(kernel, python_density(normal, 1), 60, warmup=60, chains=2, rng=0, progress=False, threads=1)
    np.testing.assert_array_equal(drawn["position"], run["position"])
    assert drawn.notes == ()


def test_no_point_will_do() -> None:
    with pytest.raises(si.StochinfError, match=r"log density at the starting point .* is nan, and not finite at 99 others"):
        si.sample(python_density(lambda x: math.nan, 1), **SETTINGS)


def test_a_gradient_that_is_not_finite_is_no_place_to_start() -> None:
    broken = python_density(normal, 1, gradient=lambda x: np.array([np.nan]) if x[0] < 0 else -x)
    with warnings.catch_warnings(action="ignore"):
        assert si.sample(broken, **SETTINGS).notes


def test_start_by_names() -> None:
    point = {"mu": 1.0, "tau": 2.0, "theta": np.zeros(8)}
    with warnings.catch_warnings(action="ignore"):
        still = si.sample(
            schools(), draws=1, warmup=0, chains=2, kernel=si.mcmc.Metropolis(1e-9), rng=0, init=[point, point], progress=False
        )
    np.testing.assert_allclose(still["tau"], 2.0, rtol=1e-6)
    with pytest.raises(si.StochinfError, match="no names for its position"):
        si.sample(si.models.CoinBias(6, 4), init={"theta": 0.5}, **SETTINGS)
    with pytest.raises(si.StochinfError, match="theta"):
        si.sample(schools(), init={"mu": 1.0, "tau": 2.0}, **SETTINGS)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_centred_eight_schools_warn_and_say_where() -> None:
    with pytest.warns(si.ConvergenceWarning, match=r"divergences after warm-up, most where tau is small"):
        run = si.sample(schools(), draws=4000, warmup=400, chains=4, rng=0, progress=False, keep_warmup=True)
    assert "divergences" in repr(run)
    assert run.divergences["tau"].ndim == 1
    assert np.median(run.divergences["tau"]) < np.median(run["tau"])
    data = run.to_arviz()
    assert set(data["sample_stats"].data_vars) >= {
        "lp", "acceptance_rate", "step_size", "tree_depth", "n_steps", "diverging", "energy", "reached_max_treedepth",
    }  # fmt: skip
    assert data["sample_stats"]["diverging"].dtype == data["sample_stats"]["reached_max_treedepth"].dtype == bool
    assert data["warmup_posterior"]["theta"].shape == (4, 400, 8)
    assert data["warmup_sample_stats"]["energy"].shape == (4, 400)
    assert list(data["posterior"]["school"].values) == list("ABCDEFGH")
    np.testing.assert_array_equal(data["constant_data"]["y"].values, EFFECTS)


def test_short_runs_are_not_told_that_they_are_short() -> None:
    run = si.sample(python_density(normal, 2), **SETTINGS)
    assert any("few effective draws" in text for text in run.warnings)


def test_a_flat_density_is_named() -> None:
    with pytest.warns(si.ConvergenceWarning, match="the log density is the same at every draw"):
        si.sample(python_density(lambda x: 0.0, 1), draws=500, warmup=50, chains=2, rng=0, progress=False)
