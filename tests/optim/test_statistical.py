"""Statistical step sizes against their equations in numpy, and against the theory that they come from."""

import math

import numpy as np
import pytest

import stochinf as si
from stochinf import optim

RNG = np.random.default_rng(3)


def reference(gradients, rate, warmup, beta, eps, b=1, limit=math.inf):
    d = gradients.shape[1]
    mean, square, window = np.zeros(d), np.zeros(d), np.full(d, float(warmup))
    theta, path = np.zeros(d), []
    for t, g in enumerate(gradients, start=1):
        mean = (1 - b / window) * mean + b / window * g
        square = (1 - b / window) * square + b / window * g * g
        noise = square - mean**2
        if t > warmup:
            window = np.maximum(b, beta * noise / (mean**2 + eps))
            theta = theta - rate * np.minimum(mean**2 / noise, limit) * g
        path.append(theta)
    return np.array(path)


@pytest.mark.fast
@pytest.mark.parametrize("limit", [0.05, 1e9])
def test_the_path_is_that_of_the_equations(limit):
    gradients = RNG.normal(size=(120, 4)) * [1.0, 1e-3, 1e3, 1.0] + [0.5, 1e-3, 0.0, 1.0]
    rule = optim.StatisticalStep(0.1, warmup=10, beta=300.0, eps=1e-8, limit=limit)
    expected = reference(gradients, 0.1, 10, 300.0, 1e-8, limit=limit)
    assert (expected[9] == 0).all()
    assert (expected[-1] != 0).all()
    np.testing.assert_allclose(optim.trajectory(rule, np.zeros(4), gradients), expected, rtol=1e-10)


@pytest.mark.fast
def test_the_batch_enters_the_windows():
    X = RNG.normal(size=(64, 2))
    model = si.models.LinearRegression(X, X @ [1.0, -1.0] + RNG.normal(size=64))
    picker, b = si.pickers.BatchesWithReplacement(4), 4
    tape = si.pickers.tape(picker, 60, model, rng=0)
    rule = optim.StatisticalStep(0.05, warmup=20, beta=100.0, limit=1e9)
    run = si.run(rule, model, steps=60, picker=picker, rng=0)
    theta, mean, square, window = np.zeros(2), np.zeros(2), np.zeros(2), np.full(2, 20.0)
    for t, rows in enumerate(tape, start=1):
        g = X[rows].T @ (X[rows] @ theta - model.y[rows]) / b
        mean = (1 - b / window) * mean + b / window * g
        square = (1 - b / window) * square + b / window * g * g
        if t > 20:
            noise = square - mean**2
            window = np.maximum(b, 100.0 * noise / (mean**2 + 1e-8))
            theta = theta - 0.05 * mean**2 / noise * g
        np.testing.assert_allclose(run["coefficients"][0, t - 1], theta, rtol=1e-9, atol=1e-12)


@pytest.mark.fast
def test_without_noise_the_step_is_that_of_the_limit():
    path = optim.trajectory(optim.StatisticalStep(0.1, warmup=4, limit=2.0), [0.0], np.ones((10, 1)))
    np.testing.assert_allclose(np.diff(path[4:, 0]), -0.2)


@pytest.mark.fast
def test_a_coordinate_without_gradient_stands_still():
    gradients = np.column_stack([RNG.normal(size=50), np.zeros(50)])
    path = optim.trajectory(optim.StatisticalStep(0.1, warmup=5), [1.0, 1.0], gradients)
    assert (path[:, 1] == 1.0).all()
    assert np.isfinite(path).all()


@pytest.mark.fast
def test_steps_shrink_where_only_noise_is_left():
    """At a minimum the squared mean is small against the variance, and so are the steps."""
    strong = RNG.normal(size=(400, 1)) + 3.0
    weak = RNG.normal(size=(400, 1))
    rule = optim.StatisticalStep(0.1)
    moved = [np.abs(np.diff(optim.trajectory(rule, [0.0], g)[40:, 0])).mean() for g in (strong, weak)]
    assert moved[1] < 0.1 * moved[0]


def test_it_descends():
    X = RNG.normal(size=(500, 3))
    model = si.models.LogisticRegression(X, X @ [1.0, -1.0, 0.5] + RNG.logistic(size=500) > 0, l2=0.01)
    best = si.minimize(model).fun
    fit = si.minimize(model, optim.StatisticalStep(1.0), picker=si.pickers.Minibatches(4), stop=si.stop.epochs(20), rng=0)
    assert fit.fun - best < 0.05 * (fit.history[0][1] - best)


@pytest.mark.fast
@pytest.mark.parametrize("given", [{"warmup": 0}, {"beta": -1.0}, {"limit": 0.0}, {"warmup": np.inf}])
def test_bad_numbers_are_named(given):
    with pytest.raises(si.StochinfError, match=f"StatisticalStep: {next(iter(given))}"):
        optim.StatisticalStep(0.1, **given)
