"""Stochastic gradient Langevin dynamics: the discrete chain's own law, and a posterior known by quadrature."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from langevin_targets import Quadratic
from scipy import stats

import stochinf as si
from stochinf.engine.statistics import mcse_mean

Floats = npt.NDArray[np.float64]


def stationary_variance(n, stiffness, step_size, gradient_variance=0.0):
    """Solve S = (1 - h n k)^2 S + 2 h + (h n)^2 V."""
    shrink = 1.0 - step_size * n * stiffness
    return (2.0 * step_size + (step_size * n) ** 2 * gradient_variance) / (1.0 - shrink**2)


N, STIFFNESS = 4, 0.5
STEP = 0.25 / (N * STIFFNESS)


def after(start, steps, rows, picker, step_size=STEP, rng=0):
    run = si.run(si.mcmc.SGLD(step_size), Quadratic(rows, STIFFNESS), steps=steps, thin=steps, picker=picker, init=start, rng=rng)
    return run.position[0]


@pytest.mark.parametrize(("steps", "dim"), [(1, 100_000), (5, 100_000), pytest.param(5, 1_000_000, marks=pytest.mark.slow)])
def test_the_chains_own_normal_law_is_invariant(steps, dim):
    variance = stationary_variance(N, STIFFNESS, STEP)
    assert variance > 1.1 / (N * STIFFNESS)
    start = np.sqrt(variance) * np.random.default_rng(8).standard_normal(dim)
    position = after(start, steps, np.zeros((N, dim)), si.pickers.Minibatches(N))
    assert stats.kstest(position, stats.norm(scale=np.sqrt(variance)).cdf).pvalue > 1e-6
    assert abs(np.corrcoef(start, position)[0, 1] - 0.75**steps) < 0.02


@pytest.mark.parametrize("wrong", ["noise of variance 4 h", "no factor n", "drift of h / 2", "continuous time"])
def test_planted_bugs_are_caught(wrong):
    dim = 100_000
    h = N * STIFFNESS
    variance = {
        "noise of variance 4 h": 2 * stationary_variance(N, STIFFNESS, STEP),
        "no factor n": stationary_variance(1, STIFFNESS, STEP),
        "drift of h / 2": 2 * STEP / (1.0 - (1.0 - 0.5 * STEP * h) ** 2),
        "continuous time": 1.0 / h,
    }[wrong]
    start = np.sqrt(variance) * np.random.default_rng(9).standard_normal(dim)
    position = after(start, 5, np.zeros((N, dim)), si.pickers.Minibatches(N))
    assert stats.kstest(position, stats.norm(scale=np.sqrt(variance)).cdf).pvalue < 1e-6


def test_minibatches_add_the_variance_that_theory_says():
    n, batch, dim = 50, 2, 8000
    rows = np.random.default_rng(10).standard_normal((n, dim))
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    step_size = 0.25 / (n * STIFFNESS)
    variance = stationary_variance(n, STIFFNESS, step_size, STIFFNESS**2 / batch)
    assert variance > 1.5 * stationary_variance(n, STIFFNESS, step_size)
    start = np.sqrt(variance) * np.random.default_rng(12).standard_normal(dim)
    position = after(start, 40, rows, si.pickers.Minibatches(batch, replace=True), step_size)
    assert position.var() == pytest.approx(variance, rel=0.08)
    assert abs(position.mean()) < 5 * np.sqrt(variance / dim)


RNG = np.random.default_rng(31)
X = RNG.normal(size=(60, 2))
Y = (X @ [1.0, -0.5] + RNG.logistic(size=60) > 0).astype(int)
MODEL = si.models.LogisticRegression(X, Y, l2=0.05)
SPARSE = si.models.LogisticRegression(sp.csr_array(X), Y, l2=0.05)


def quadrature():
    """Return mean and standard deviation of the posterior by a sum over a fine grid."""
    axis = np.linspace(-4.0, 4.0, 401)
    w = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    signs = np.where(Y == 1, 1.0, -1.0)
    log_density = -np.logaddexp(0.0, -signs * (w @ X.T)).sum(axis=1) - 60 * 0.025 * (w**2).sum(axis=1)
    weights = np.exp(log_density - log_density.max())
    weights /= weights.sum()
    mean = weights @ w
    return mean, np.sqrt(weights @ (w - mean) ** 2)


@pytest.mark.parametrize("model", [MODEL, SPARSE], ids=["dense", "csr"])
def test_it_samples_a_logistic_posterior_up_to_the_bias_of_its_step(model):
    mean, deviation = quadrature()
    largest = MODEL.as_target().smoothness()
    step_size = 0.05 / (60 * largest.full)
    d = si.sample(
        model, draws=4000, warmup=200, chains=4, thin=20, kernel=si.mcmc.SGLD(step_size), picker=si.pickers.Minibatches(60), rng=2
    )
    draws = d["coefficients"]
    assert draws.shape == (4, 4000, 2)
    bias = 0.5 * step_size * 60 * largest.full
    for k in range(2):
        assert abs(draws[:, :, k].mean() - mean[k]) < bias * deviation[k] + 5 * mcse_mean(draws[:, :, k])
        assert draws[:, :, k].std() == pytest.approx(deviation[k], rel=bias + 0.05)
    assert set(d.stats) == {"step_size", "batch_noise"}
    assert (d.stats["step_size"] == step_size).all()
    assert d.nonfinite == 0


@pytest.mark.fast
def test_the_default_step_and_batch_come_from_the_data():
    target = MODEL.as_target()
    kernel = si.mcmc.SGLD().prepare(target)
    assert kernel.step_size == pytest.approx(0.5 / (60 * target.smoothness().row))
    assert kernel.estimator.n_points == 60
    assert kernel.pick(target).batch == 60
    assert kernel.pick(Quadratic(np.zeros((500, 1)), 1.0)).batch == 100
    d = si.sample(MODEL, draws=50, warmup=10, chains=2, kernel=si.mcmc.SGLD(), rng=0)
    assert (d.stats["step_size"] == kernel.step_size).all()


@pytest.mark.fast
def test_a_schedule_of_steps_serves():
    d = si.sample(MODEL, draws=20, warmup=0, chains=1, kernel=si.mcmc.SGLD(si.schedules.RobbinsMonro(0.01)), rng=0)
    np.testing.assert_allclose(d.stats["step_size"][0], 0.01 / (1.0 + np.arange(20)) ** 0.75, rtol=1e-12)


@pytest.mark.fast
def test_steps_to_positions_that_are_not_finite_are_counted_and_not_taken():
    target = Quadratic(np.full((4, 3), 1e308), 1.0)
    run = si.run(si.mcmc.SGLD(10.0), target, steps=7, picker=si.pickers.Minibatches(4), rng=0)
    assert run.nonfinite == 7
    assert (run.position == 0.0).all()


@pytest.mark.fast
def test_a_resumed_chain_has_the_bits_of_an_uninterrupted_one(tmp_path):
    def sampled(draws):
        return si.sample(
            MODEL, draws=draws, warmup=10, chains=2, kernel=si.mcmc.SGLD(1e-3), picker=si.pickers.Minibatches(7), rng=3
        )

    sampled(20).save(tmp_path / "run.npz")
    resumed = si.resume(tmp_path / "run.npz", draws=15)
    assert resumed["coefficients"].tobytes() == sampled(35)["coefficients"].tobytes()


class Unsmooth(NamedTuple):
    n_points: int = 3

    def gradient(self, position, point, out):
        out[0] = 0.0


BAD = {
    "zero step": (lambda: si.mcmc.SGLD(0.0), "step_size = 0.0"),
    "negative step": (lambda: si.mcmc.SGLD(-1.0), "step_size = -1.0"),
    "infinite step": (lambda: si.mcmc.SGLD(np.inf), "step_size = inf"),
    "text": (lambda: si.mcmc.SGLD("small"), "step_size = 'small'"),
    "no step": (lambda: si.mcmc.SGLD(None), "step_size = None"),
    "no smoothness": (lambda: si.mcmc.SGLD().prepare(Unsmooth()), r"Unsmooth has no row_smoothness\(\)"),
    "no points": (lambda: si.mcmc.SGLD(0.1).prepare(Unsmooth(0)), "0 points"),
    "no gradient": (lambda: si.sample(si.models.CoinBias(1, 1), kernel=si.mcmc.SGLD(0.1)), "SGLD needs gradient"),
    "a long start": (
        lambda: si.sample(MODEL, draws=5, kernel=si.mcmc.SGLD(0.1), init=np.zeros(3)),
        "3 numbers; LinearTarget has 2",
    ),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    call, message = BAD[case]
    with pytest.raises(si.StochinfError, match=message):
        call()
