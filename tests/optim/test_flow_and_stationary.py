"""Descent against its limits: the gradient flow of small steps, the stationary distribution of constant rates."""

import itertools

import numpy as np
import pytest
from golden_torch import X0, A, B, quadratic
from scipy.linalg import expm

import stochinf as si
from stochinf import optim

RNG = np.random.default_rng(8)
X = RNG.normal(size=(200, 3)) * [1.0, 0.7, 1.5] + 0.3
LEAST = si.models.LinearRegression(X, X @ [1.0, -2.0, 0.5] + RNG.normal(size=200), l2=0.01)
LOGISTIC = si.models.LogisticRegression(X, (X @ [1.0, -2.0, 0.5] + RNG.logistic(size=200) > 0).astype(int), l2=0.05)


def test_the_flow_of_a_quadratic_is_an_exponential():
    best, times = np.linalg.solve(A, B), np.array([0.0, 0.1, 1.0, 2.0])
    exact = np.array([best + expm(-t * A) @ (X0 - best) for t in times])
    np.testing.assert_allclose(optim.gradient_flow(quadratic, X0, times), exact, atol=1e-9)


def test_total_descent_converges_to_the_flow_like_one_over_n():
    target = LOGISTIC.as_target()
    end = optim.gradient_flow(LOGISTIC, np.ones(3), [5.0])[0]
    errors = [np.linalg.norm(optim.gradient_steps(target.full_gradient, np.ones(3), 5.0, n)[-1] - end) for n in (40, 80, 160)]
    assert errors[2] < 0.01
    for coarse, fine in itertools.pairwise(errors):
        assert 1.8 < coarse / fine < 2.3


def test_the_loss_never_rises_along_the_flow():
    target = LOGISTIC.as_target()
    path = optim.gradient_flow(LOGISTIC, [3.0, 3.0, -3.0], np.linspace(0.0, 20.0, 200))
    assert (np.diff([target.objective(x) for x in path]) < 0).all()


def sampled(model, rate, batch, steps, seed=0):
    picker = si.pickers.Uniform() if batch == 1 else si.pickers.BatchesWithReplacement(batch)
    run = si.run(optim.SGD(rate), model, steps=steps, thin=10, warmup=5000, chains=4, picker=picker, rng=seed)
    return np.cov(run["coefficients"].reshape(-1, 3).T), run["coefficients"].reshape(-1, 3).mean(axis=0)


def relative(covariance, prediction):
    """The largest error along any direction, in units of the prediction."""
    root = np.linalg.inv(np.linalg.cholesky(prediction))
    return np.abs(np.linalg.eigvalsh(root @ covariance @ root.T) - 1.0).max()


@pytest.mark.parametrize(("batch", "rate"), [(1, 0.01), (8, 0.02)])
def test_constant_rates_settle_as_predicted(batch, rate):
    prediction = optim.stationary(LEAST, rate, batch)
    covariance, mean = sampled(LEAST, rate, batch, 2_000_000)
    assert relative(covariance, prediction.covariance) < 0.03
    np.testing.assert_allclose(mean, prediction.optimum, atol=0.1 * np.sqrt(prediction.covariance.max()))


def test_small_rates_obey_the_lyapunov_equation():
    prediction = optim.stationary(LOGISTIC, 0.01, 4)
    assert relative(prediction.covariance, prediction.lyapunov) < 0.01
    covariance, _ = sampled(LOGISTIC, 0.01, 4, 2_000_000)
    assert relative(covariance, prediction.lyapunov) < 0.03


def test_the_prediction_solves_its_equation():
    rate, target = 0.05, LEAST.as_target()
    S = optim.stationary(LEAST, rate).covariance
    best = optim.stationary(LEAST, rate).optimum
    total = np.zeros((3, 3))
    for x, y in zip(X, target.labels, strict=True):
        kept = np.eye(3) - rate * (np.outer(x, x) + 0.01 * np.eye(3))
        g = (x @ best - y) * x + 0.01 * best
        total += kept @ S @ kept.T + rate**2 * np.outer(g, g)
    np.testing.assert_allclose(total / len(X), S, rtol=1e-8)


def test_the_rate_over_the_batch_is_the_temperature():
    hot, cold = optim.stationary(LOGISTIC, 0.004), optim.stationary(LOGISTIC, 0.004, 4)
    assert hot.temperature == pytest.approx(4 * cold.temperature)
    assert relative(hot.lyapunov, 4 * cold.lyapunov) < 1e-10
    assert relative(optim.stationary(LOGISTIC, 0.008).lyapunov, 2 * hot.lyapunov) < 0.02


BAD = {
    "l1": (lambda: optim.stationary(si.models.LinearRegression(X, X[:, 0], l1=0.1), 0.1), "no linear model without l1"),
    "a rate too large": (lambda: optim.stationary(LEAST, 5.0), "settle between 0 and"),
    "rows too unequal": (lambda: optim.stationary(LEAST, 0.55), "too large"),
    "no curvature": (lambda: optim.stationary(si.models.LinearRegression(np.ones((4, 2)), np.ones(4)), 0.1), "positive definite"),
    "another optimum": (lambda: optim.stationary(LEAST, 0.1, optimum=[0.0]), "shape"),
    "times backwards": (lambda: optim.gradient_flow(quadratic, X0, [1.0, 0.5]), "increasing"),
    "no gradient": (lambda: optim.gradient_flow(si.models.CoinBias(1, 1), [0.5], [1.0]), "no full_gradient"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    call, message = BAD[case]
    with pytest.raises(si.StochinfError, match=message):
        call()


def test_the_pictures_show_what_they_are_given():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    ax = optim.plot_flow(lambda x: x * [1.0, 5.0], [1.0, 1.0], 1.0, steps=(4, 8))
    assert [line.get_label() for line in ax.lines] == ["gradient flow", "4 steps", "8 steps"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("coordinate 0", "coordinate 1")
    np.testing.assert_allclose(ax.lines[0].get_xydata()[-1], np.exp([-1.0, -5.0]), atol=1e-8)
    shown = optim.plot_stationary(optim.stationary(LEAST, 0.01), RNG.normal(size=(100, 3)))
    assert len(shown.lines) == 3
    pyplot.close("all")
