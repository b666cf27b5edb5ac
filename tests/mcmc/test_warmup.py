"""Warm-up, piece by piece: dual averaging, the search, windows, and the metric that minimises Fisher divergence."""

import math

import numpy as np
import pytest
from smooth_densities import CORRELATED

import stochinf as si
from stochinf.engine.jit import entry
from stochinf.mcmc.adaptation.low_rank import centred, directions, geometric_mean
from stochinf.mcmc.adaptation.metric import as_metric
from stochinf.mcmc.adaptation.step_size import AIM, AVERAGED, LOG_STEP, SEARCH, advance, restart, search
from stochinf.mcmc.adaptation.warmup import next_review

pytestmark = pytest.mark.fast


@entry
def averaged(tuning, acceptances):
    """Begin at 0.5, then advance."""
    restart(tuning, math.log(0.5))
    for k in range(acceptances.size):
        advance(tuning, acceptances[k])


@entry
def searched(tuning, scale):
    """Search where a step e is accepted with chance exp(-e / scale)."""
    while tuning[SEARCH] != 0.0:
        search(tuning, math.exp(-math.exp(tuning[LOG_STEP]) / scale))


def tuning(aim=0.8):
    numbers = np.zeros(16)
    numbers[AIM], numbers[LOG_STEP], numbers[SEARCH] = aim, math.log(0.1), 2.0
    return numbers


def test_dual_averaging_is_that_of_hoffman_and_gelman():
    acceptances = np.random.default_rng(1).uniform(size=50)
    state = tuning(0.7)
    averaged(state, acceptances)
    mu, shortfall, mean = math.log(5.0), 0.0, math.log(0.5)
    for t, a in enumerate(acceptances, 1):
        shortfall = (1 - 1 / (t + 10)) * shortfall + (0.7 - a) / (t + 10)
        log_step = min(mu - math.sqrt(t) / 0.05 * shortfall, math.log(math.pi))
        mean = t**-0.75 * log_step + (1 - t**-0.75) * mean
    np.testing.assert_allclose(state[[LOG_STEP, AVERAGED]], [log_step, mean], rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 0.3, 40.0])
def test_the_search_brackets_the_aim(scale):
    state = tuning()
    searched(state, scale)
    step, wanted = math.exp(state[LOG_STEP]), -scale * math.log(0.8)
    assert wanted / 2 <= step <= 2 * wanted


def test_the_geometric_mean_solves_its_equation():
    rng = np.random.default_rng(2)
    a, b = (m @ m.T for m in rng.standard_normal((2, 6, 6)))
    values, vectors = geometric_mean(a, b)
    mean = (vectors * values) @ vectors.T
    np.testing.assert_allclose(mean @ b @ mean, a, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("dim", "draws"), [(5, 12), (40, 15)])
def test_the_metric_of_a_normal_density_is_its_covariance_where_draws_have_been(dim, draws):
    rng = np.random.default_rng(3)
    width = np.exp(rng.standard_normal(dim))
    strong = rng.standard_normal((dim, 2))
    covariance = np.outer(width, width) * (np.eye(dim) + 30 * strong @ strong.T / dim)
    x = rng.standard_normal((draws, dim)) @ np.linalg.cholesky(covariance).T
    y, g, scale = centred(x, -x @ np.linalg.inv(covariance), np.ones(dim))
    rows, variances = directions(y, g, dim, 1.0 + 1e-6)
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-10)
    metric = np.outer(scale, scale) * (np.eye(dim) + (rows.T * (variances - 1)) @ rows)
    if dim < draws:
        np.testing.assert_allclose(metric, covariance, rtol=1e-3, atol=1e-3 * covariance.max())
    plain = np.linalg.eigvalsh(covariance / np.outer(scale, scale))
    root = np.linalg.cholesky(np.linalg.inv(metric))
    left = np.linalg.eigvalsh(root.T @ covariance @ root)
    assert left[-1] / left[0] < 0.5 * plain[-1] / plain[0]


def test_few_directions_are_the_farthest_and_none_where_all_is_well():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((30, 4)) * [1.0, 1.0, 1.0, 1.0]
    assert directions(x, -x, 4, 1.5)[1].size == 0
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    covariance = (turn * [0.01, 1.0, 1.0, 9.0]) @ turn.T
    draws = x @ np.linalg.cholesky(covariance).T
    rows, variances = directions(draws, -draws @ np.linalg.inv(covariance), 1, 1.5)
    np.testing.assert_allclose(variances, [0.01], rtol=1e-3)
    assert abs(rows[0] @ turn[:, 0]) == pytest.approx(1.0, abs=1e-6)


def test_reviews_stand_at_steps_fixed_by_the_length_of_warmup():
    for warmup in (0, 1, 7, 20, 100, 400, 1000):
        metric, step, steps = as_metric("NUTS", "auto", 10), 0, []
        while (step := next_review(metric, step, warmup)) <= warmup:
            steps.append(step)
        assert steps == sorted(set(steps))
        assert len(steps) < 4 + math.log2(warmup + 2)
    assert next_review(as_metric("NUTS", "diagonal", 10), 0, 400) > 400


def test_a_diagonal_metric_is_learnt_from_draws_and_gradients():
    run = si.sample(CORRELATED, draws=30, warmup=60, chains=1, kernel=si.mcmc.NUTS(metric="diagonal"), rng=1)
    state = run.checkpoint.session.blocks[0].state
    assert state.counts[1] == 0
    assert state.scale[1] / state.scale[0] == pytest.approx(10.0, rel=0.5)
