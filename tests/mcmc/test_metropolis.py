"""Metropolis leaves the posterior as it is: exact draws stay exact draws, and planted bugs are caught."""

import math

import numpy as np
import pytest
from parts_for_tests import FromExact, Lopsided, Points
from scipy import stats
from scipy.special import expit, logit

import stochinf as si
from stochinf.density import python_density
from stochinf.engine.errors import StochinfError

COIN = si.models.CoinBias(14, 6, prior=(2.0, 5.0))
LIMIT = 1e-6


def surprise(kernel, target, n, seed=17, times=10):
    """Smallest p-value that `times` steps from exact draws of COIN's posterior still follow it: once as they are, once folded."""
    theta = COIN.posterior.rvs(n, random_state=np.random.default_rng(seed))
    start = FromExact(kernel, logit(theta)[:, None], times)
    run = si.run(start, target, steps=n, schedule=kernel.step_size, rng=seed, progress=False, threads=1)
    u = COIN.posterior.cdf(run["theta"][0] if "theta" in run.draws else expit(run["position"][0, :, 0]))
    assert len(np.unique(u)) > 0.5 * n
    return min(stats.kstest(u, "uniform").pvalue, stats.kstest(abs(2 * u - 1), "uniform").pvalue)


def changed(heads, tails, a, b):
    return si.models.CoinBias(heads, tails, prior=(a, b))


BUGS = {
    "likelihood to the power 0.9": (si.mcmc.Metropolis(1.0), changed(12.6, 5.4, 2, 5), 100_000),
    "no Jacobian": (si.mcmc.Metropolis(1.0), changed(14, 6, 1, 4), 100_000),
    "prior turned round": (si.mcmc.Metropolis(1.0), changed(14, 6, 5, 2), 100_000),
    "one flip forgotten": (si.mcmc.Metropolis(1.0), changed(13, 6, 2, 5), 100_000),
    "no Hastings term": (Lopsided(1.0), COIN, 100_000),
}


@pytest.mark.parametrize("step_size", [0.3, 1.5])
def test_exact_draws_stay_exact(step_size):
    assert surprise(si.mcmc.Metropolis(step_size), COIN, 100_000) > LIMIT


@pytest.mark.parametrize("n", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_exact_draws_stay_exact_where_the_density_is_a_python_function(n):
    coin = python_density(COIN.log_density, 1)
    assert surprise(si.mcmc.Metropolis(1.0), coin, n, times=2) > LIMIT


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_are_caught(bug):
    assert surprise(*BUGS[bug]) < LIMIT


@pytest.mark.slow
def test_exact_draws_stay_exact_a_million_times():
    for seed in range(3):
        assert surprise(si.mcmc.Metropolis(1.0), COIN, 1_000_000, seed=seed) > LIMIT


@pytest.mark.slow
def test_a_likelihood_to_the_power_098_is_caught():
    assert surprise(si.mcmc.Metropolis(1.0), changed(13.72, 5.88, 2, 5), 1_000_000) < LIMIT


def test_draws_agree_with_the_posterior_and_lp_is_its_density():
    run = si.sample(COIN, draws=20_000, warmup=500, chains=4, rng=2, progress=False)
    theta, posterior = run["theta"], COIN.posterior
    row = run.summary()["theta"]
    assert abs(theta.mean() - posterior.mean()) < 5 * row["mcse_mean"]
    assert abs(theta.std() / posterior.std() - 1) < 0.05
    expected = posterior.logpdf(theta) + np.log(theta * (1 - theta))
    np.testing.assert_allclose(run.stats["lp"], expected, rtol=0, atol=1e-10)
    assert row["r_hat"] < 1.01


def test_warmup_finds_the_acceptance_rate_aimed_at_and_keeps_the_step():
    for aim, kernel in [(0.44, si.mcmc.Metropolis()), (0.7, si.mcmc.Metropolis(3.0, target_acceptance=0.7))]:
        run = si.sample(COIN, draws=4000, warmup=1000, chains=4, kernel=kernel, rng=5, progress=False)
        assert abs(run.stats["acceptance_rate"].mean() - aim) < 0.03
        assert (np.ptp(run.stats["step_size"], axis=1) == 0).all()


@pytest.mark.fast
def test_a_step_size_that_is_given_is_kept_and_may_be_a_schedule():
    run = si.sample(COIN, draws=50, warmup=20, chains=1, kernel=si.mcmc.Metropolis(0.7), rng=1, progress=False)
    assert (run.stats["step_size"] == 0.7).all()
    falling = si.mcmc.Metropolis(si.schedules.Exponential(0.9))
    run = si.sample(COIN, draws=50, warmup=0, chains=1, kernel=falling, schedule=2.0, rng=1, progress=False)
    np.testing.assert_allclose(run.stats["step_size"][0], 2 * 0.9 ** np.arange(50), rtol=1e-14)


@pytest.mark.fast
def test_acceptance_is_what_it_says():
    run = si.sample(COIN, draws=2000, warmup=0, chains=1, kernel=si.mcmc.Metropolis(1.0), rng=1, progress=False)
    lp, chance = run.stats["lp"][0], run.stats["acceptance_rate"][0]
    moved = np.diff(run["theta"][0]) != 0
    assert (lp[1:][~moved] == lp[:-1][~moved]).all()
    assert (chance[1:][moved & (lp[1:] >= lp[:-1])] == 1.0).all()
    down = moved & (lp[1:] < lp[:-1])
    np.testing.assert_allclose(chance[1:][down], np.exp(np.diff(lp)[down]), rtol=1e-9)
    assert abs(moved.mean() - chance.mean()) < 0.05


GOLDEN = {
    0: [0.640063582761, 0.640063582761, 0.643364557894],
    1: [0.601769179482, 0.543832992078, 0.623850553702],
    2**100: [0.726304612830, 0.774576699130, 0.659655976381],
}


@pytest.mark.fast
@pytest.mark.parametrize("seed", GOLDEN)
def test_golden_draws(seed):
    """A change of these numbers is a change of what a seed means: it belongs into the change log."""
    run = si.sample(si.models.CoinBias(62, 38), draws=6, warmup=10, chains=1, rng=seed, progress=False)
    np.testing.assert_allclose(run["theta"][0, [0, 2, 5]], GOLDEN[seed], rtol=0, atol=1e-9)


REFUSED = {
    "step 0": (lambda: {"kernel": si.mcmc.Metropolis(0.0)}, "step_size = 0.0"),
    "step -1": (lambda: {"kernel": si.mcmc.Metropolis(-1)}, "step_size = -1"),
    "step infinite": (lambda: {"kernel": si.mcmc.Metropolis(math.inf)}, "step_size = inf"),
    "step text": (lambda: {"kernel": si.mcmc.Metropolis("big")}, "big"),
    "acceptance 1.5": (lambda: {"kernel": si.mcmc.Metropolis(target_acceptance=1.5)}, "target_acceptance = 1.5"),
    "acceptance text": (lambda: {"kernel": si.mcmc.Metropolis(target_acceptance="x")}, "Metropolis.target_acceptance"),
    "start of another size": (lambda: {"init": [0.0, 1.0]}, "2 numbers given, 1 needed"),
    "start of no density": (lambda: {"init": [1e308]}, "the log density at the starting point"),
    "another kernel": (lambda: {"kernel": "nuts"}, "kernel = 'nuts'"),
    "no density": (lambda: {"kernel": si.mcmc.Metropolis(), "target": np.zeros(2)}, "is no model"),
    "draws 0": (lambda: {"draws": 0}, "draws = 0"),
    "draws None": (lambda: {"draws": None}, "nothing would end this run"),
    "warmup -1": (lambda: {"warmup": -1}, "warmup = -1"),
    "warmup text": (lambda: {"warmup": "x"}, "warmup = 'x'"),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    arguments, words = REFUSED[case]
    with pytest.raises(StochinfError, match=words):
        si.sample(**{"target": COIN, "draws": 5, "warmup": 0, "progress": False, **arguments()})


@pytest.mark.fast
def test_a_target_without_log_density_is_refused():
    class NoDensity(si.pickers.Scan):
        pass

    with pytest.raises(StochinfError, match="Metropolis needs log_density of its target, and NoDensity has none"):
        si.sample(NoDensity(3), draws=5)
    assert Points().log_density(np.arange(4.0)) == -2.0
