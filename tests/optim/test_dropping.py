"""Dropout, the running average, Glorot's weights, rates that diverge, single precision."""

import numpy as np
import pytest
import scipy.sparse as sp
from golden_torch import PROBLEMS, X0, error

import stochinf as si
from stochinf import optim

RNG = np.random.default_rng(6)
X = RNG.normal(size=(40, 3)) * [1.0, 2.0, 0.5]
Y = X @ [1.0, -1.0, 2.0] + 0.3 * RNG.normal(size=40)


def test_dropout_of_least_squares_is_a_penalty_in_the_mean():
    share, model = 0.3, si.models.LinearRegression(X, Y)
    weights = share / (1 - share) * (X**2).mean(axis=0)
    exact = np.linalg.solve(X.T @ X / 40 + np.diag(weights), X.T @ Y / 40)
    run = si.run(
        optim.SGD(2e-3, optim.dropout(share)), model, steps=1_000_000, thin=20, warmup=10_000, picker=si.pickers.Uniform(), rng=0
    )
    np.testing.assert_allclose(run["coefficients"][0].mean(axis=0), exact, atol=0.02)
    assert np.abs(exact - np.linalg.lstsq(X, Y, rcond=None)[0]).max() > 0.2


@pytest.mark.fast
def test_masks_differ_between_chains_and_seeds_and_repeat():
    model = si.models.LinearRegression(X, Y)
    rule, picker = optim.chain(optim.dropout(0.5), optim.Momentum(0.01), optim.dropout(0.5)), si.pickers.Scan()
    first, again, other = (si.run(rule, model, steps=20, chains=2, picker=picker, rng=rng).position for rng in (0, 0, 1))
    assert first.tobytes() == again.tobytes()
    assert (first[0] != first[1]).any()
    assert (first != other).any()


@pytest.mark.fast
def test_nothing_dropped_changes_nothing():
    paths = [optim.trajectory(rule, X0, PROBLEMS["quad"], 30) for rule in (optim.SGD(0.05, optim.dropout(0.0)), optim.SGD(0.05))]
    assert (paths[0] == paths[1]).all()


@pytest.mark.fast
def test_the_running_average_is_momentum_at_another_rate():
    for gradient in PROBLEMS.values():
        average = optim.trajectory(optim.SGD(0.01 / (1 - 0.9), optim.momentum(0.9, average=True)), X0, gradient, 50)
        assert error(average, optim.trajectory(optim.Momentum(0.01, 0.9), X0, gradient, 50)) < 1e-12


@pytest.mark.fast
def test_glorots_weights_are_uniform_with_his_variance():
    weights = optim.glorot(300, 200, rng=1)
    limit = np.sqrt(6 / 500)
    assert weights.shape == (300, 200)
    assert 0.999 * limit < np.abs(weights).max() <= limit
    assert weights.var() == pytest.approx(2 / 500, rel=0.02)
    assert (weights == optim.glorot(300, 200, rng=1)).all()


@pytest.mark.fast
@pytest.mark.parametrize("rule", [optim.Momentum(50.0), optim.SGD(30.0, optim.clip(1e300)), optim.Nesterov(50.0)])
def test_a_rate_that_diverges_ends_the_run_with_the_best_state(rule):
    model = si.models.LinearRegression(X, Y)
    fit = si.minimize(model, rule, stop=si.stop.epochs(1000), rng=0)
    assert not fit.success
    assert "not finite at step" in fit.message
    assert "at a rate of" in fit.message
    assert fit.fun == pytest.approx(model.as_target().objective(fit.x))
    assert fit.fun <= fit.history[0][1]


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("rule", [optim.Adam(0.05), optim.AdaGrad(0.5), optim.SGD(0.05)])
def test_a_start_in_single_precision_makes_a_run_in_it(rule, form):
    model = si.models.LinearRegression(form(X), Y)
    single, double = (si.minimize(model, rule, x0=np.zeros(3, dtype), rng=0) for dtype in (np.float32, np.float64))
    np.testing.assert_allclose(single.x, double.x, atol=2e-5)
    assert (single.x == single.x.astype(np.float32)).all()
    assert (double.x != double.x.astype(np.float32)).any()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("call", "message"),
    [(lambda: optim.dropout(1.0), r"dropout\(1\.0\)"), (lambda: optim.glorot(0, 3), "inputs = 0")],
)
def test_bad_numbers_are_named(call, message):
    with pytest.raises(si.StochinfError, match=message):
        call()
