"""NUTS as a user meets it: quantiles of a correlated density, statistics, divergences, threads, resuming, refusals."""

import math

import numpy as np
import pytest
from parts_for_tests import needs_jit
from scipy import stats
from smooth_densities import BENT, CORRELATED, RHO, pointer

import stochinf as si
from stochinf.density import PointerDensity
from stochinf.density.pointer import Foreign
from stochinf.engine.errors import StochinfError
from stochinf.engine.statistics import ess_bulk
from stochinf.mcmc.hamiltonian import TREE_STATISTICS

WIDE = np.array([[1.0, 10 * RHO], [10 * RHO, 100.0]])


def _funnel(x, gradient, slope):
    """Log density of Neal's funnel in two dimensions: x0 normal of width 3, x1 normal of width exp(x0 / 2)."""
    narrow = math.exp(-x[0])
    if gradient:
        slope[0] = -x[0] / 9.0 - 0.5 + 0.5 * x[1] * x[1] * narrow
        slope[1] = -x[1] * narrow
    return -x[0] * x[0] / 18.0 - 0.5 * x[0] - 0.5 * x[1] * x[1] * narrow


def _half(x, gradient, slope):
    """Log density of an exponential number, which has none below 0: -infinity there."""
    if gradient:
        slope[0] = -1.0
    return -x[0] if x[0] > 0.0 else -math.inf


FUNNEL, HALF = pointer(_funnel, 2), pointer(_half, 1)


class Named(Foreign):
    """A function that a file can name."""

    def recipe(self):
        return {"address": 0}


@pytest.fixture(scope="module")
def correlated():
    return si.sample(CORRELATED, draws=1000, warmup=400, chains=4, kernel=si.mcmc.NUTS(), rng=1, threads=1, keep_warmup=True)


@needs_jit
def test_quantiles_of_a_correlated_density(correlated):
    draws = correlated["position"]
    for k, width in enumerate((1.0, 10.0)):
        u = stats.norm(scale=width).cdf(draws[:, :, k])
        for level in (0.05, 0.25, 0.5, 0.75, 0.95):
            below = (u < level).astype(float)
            assert abs(below.mean() - level) < 5 * math.sqrt(level * (1 - level) / ess_bulk(below))
    np.testing.assert_allclose(np.corrcoef(draws.reshape(-1, 2).T)[0, 1], RHO, atol=0.02)


@needs_jit
def test_warmup_finds_step_size_and_metric_by_itself(correlated):
    assert abs(correlated.stats["acceptance_rate"].mean() - 0.8) < 0.08
    for block in correlated.checkpoint.session.blocks:
        state = block.state
        rank = state.counts[1]
        rows = state.directions[:rank]
        root = (np.eye(2) + (rows.T * state.stretch[:rank]) @ rows) * state.scale[:, None]
        np.testing.assert_allclose(root @ root.T, WIDE, rtol=0.02)
    assert correlated.stats["n_steps"].mean() < 6
    assert (np.ptp(correlated.stats["step_size_nom"], axis=1) == 0).all()
    jitter = correlated.stats["step_size"] / correlated.stats["step_size_nom"]
    assert jitter.min() > 0.9
    assert jitter.max() < 1.1
    assert np.ptp(jitter) > 0.19


@needs_jit
def test_statistics_agree_with_each_other(correlated):
    s = correlated.stats
    assert tuple(s) == TREE_STATISTICS
    lp = [CORRELATED.log_density(x) for x in correlated["position"][2, :50]]
    np.testing.assert_allclose(s["lp"][2, :50], lp, rtol=1e-12)
    assert (s["n_steps"] >= 2 ** s["tree_depth"] - 1).all()
    assert (s["n_steps"] < 2 ** (s["tree_depth"] + 1)).all()
    assert (s["energy"] + s["lp"] > 0).all()
    assert (abs(s["energy_error"]) <= abs(s["max_energy_error"]) + 1e-12).all()
    kinetic = (s["energy"] + s["lp"]).mean()
    assert abs(kinetic - 1.0) < 0.1
    assert correlated.warmup_stats["lp"].shape == (4, 400)


@needs_jit
def test_threads_and_an_interruption_change_no_bit(correlated, tmp_path):
    arguments = {"warmup": 400, "chains": 4, "kernel": si.mcmc.NUTS(), "rng": 1, "keep_warmup": True}
    assert si.sample(CORRELATED, draws=1000, threads=2, **arguments)["position"].tobytes() == correlated["position"].tobytes()
    target = PointerDensity(Named(CORRELATED.function.address, CORRELATED.function), 2, differentiable=True)
    stopped = si.sample(target, draws=1000, callback=lambda report: report.step >= 20, **arguments)
    assert stopped.n_steps < 0
    stopped.save(tmp_path / "run.npz")
    resumed = si.resume(tmp_path / "run.npz", target=target)
    assert resumed["position"].tobytes() == correlated["position"].tobytes()
    assert resumed.stats["lp"].tobytes() == correlated.stats["lp"].tobytes()


@pytest.mark.fast
def test_a_step_size_and_a_metric_that_are_given_stay():
    kernel = si.mcmc.NUTS(0.7, max_depth=4, metric=WIDE)
    run = si.sample(CORRELATED, draws=60, warmup=20, chains=1, kernel=kernel, rng=2)
    assert (run.stats["step_size"] == 0.7).all()
    assert run.stats["tree_depth"].max() <= 4
    state = run.checkpoint.session.blocks[0].state
    np.testing.assert_allclose(state.scale, [1.0, 10.0])
    assert run.kernel == repr(kernel)


@needs_jit
def test_divergences_are_counted_and_their_places_kept():
    kernel = si.mcmc.NUTS(1.0, metric=np.ones(2))
    with pytest.warns(si.ConvergenceWarning, match="divergence"):
        run = si.sample(FUNNEL, draws=500, warmup=0, chains=2, kernel=kernel, init=[0.0, 0.5], rng=3, threads=1)
    n = run.stats["diverging"].sum()
    assert n > 3
    places = np.concatenate([block.state.divergences for block in run.checkpoint.session.blocks])
    found = places[~np.isnan(places[:, 0])]
    assert len(found) == np.minimum(run.stats["diverging"].sum(axis=1), 50).sum()
    assert np.isfinite(found).all()
    assert np.median(found[:, 0]) < run["position"][..., 0].mean()


@pytest.mark.fast
def test_a_density_that_ends_is_a_divergence_and_no_number():
    run = si.run(si.mcmc.NUTS(0.5, max_depth=5), HALF, steps=40, init=[0.5], chains=1, rng=5)
    assert (run["position"] > 0).all()
    assert run.stats["diverging"].any()


REFUSED = {
    "step 0": (lambda: si.mcmc.NUTS(0.0), "step_size = 0.0"),
    "acceptance 1": (lambda: si.mcmc.NUTS(target_acceptance=1.0), "target_acceptance = 1.0"),
    "depth 0": (lambda: si.mcmc.NUTS(max_depth=0), "max_depth = 0"),
    "depth 30": (lambda: si.mcmc.NUTS(max_depth=30), "max_depth = 30"),
    "metric round": (lambda: si.mcmc.NUTS(metric="round"), "metric = 'round'"),
    "metric of another size": (lambda: si.mcmc.NUTS(metric=[1.0]).prepare(BENT), r"metric of shape \(1,\)"),
    "metric negative": (lambda: si.mcmc.NUTS(metric=[1.0, -1.0, 1.0]).prepare(BENT), "positive finite"),
    "metric not definite": (lambda: si.mcmc.MALA(metric=np.ones((3, 3))).prepare(BENT), "positive definite"),
    "metric of words": (lambda: si.mcmc.HMC(metric=object()).prepare(BENT), "a name or an inverse mass matrix"),
    "rank -1": (lambda: si.mcmc.Metric(-1), "rank = -1"),
    "steps -1": (lambda: si.mcmc.HMC(n_steps=-1), "n_steps = -1"),
    "time 0": (lambda: si.mcmc.HMC(integration_time=0.0), "integration_time = 0.0"),
    "no warm-up": (lambda: si.sample(BENT, draws=5, warmup=0, kernel=si.mcmc.NUTS()), "warmup = 0, and step_size was left open"),
    "no gradient": (lambda: si.sample(si.models.CoinBias(1, 1), kernel=si.mcmc.NUTS()), "NUTS needs log_density_gradient"),
    "a long start": (lambda: si.sample(BENT, draws=5, kernel=si.mcmc.NUTS(), init=np.zeros(2)), "2 numbers given, 3 needed"),
    "an impossible start": (
        lambda: si.run(si.mcmc.NUTS(1.0), HALF, steps=5, init=[-1.0]),
        "the log density at the starting point",
    ),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    call, words = REFUSED[case]
    with pytest.raises(StochinfError, match=words):
        call()
