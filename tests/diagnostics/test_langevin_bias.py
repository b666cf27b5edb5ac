"""What is predicted of stochastic-gradient samplers is what they do."""

import numpy as np
import pytest
from langevin_targets import Quadratic, standardised
from scipy import stats

import stochinf as si
from stochinf.diagnostics.near_mode import curvature

RNG = np.random.default_rng(31)
X = RNG.normal(size=(400, 3)) * [1.0, 2.0, 0.5]
Y = (X @ [1.0, -0.5, 0.3] + RNG.logistic(size=400) > 0).astype(int)
MODEL = si.models.LogisticRegression(X, Y, l2=0.01)
BATCHES = si.pickers.Minibatches(8, replace=True)
STIFFEST = 400 * MODEL.as_target().smoothness().full
QUIET = si.mcmc.SGLD(0.01 / STIFFEST, estimator=si.mcmc.ControlVariates())


@pytest.mark.parametrize("kernel", [si.mcmc.SGLD(0.1 / STIFFEST), si.mcmc.SGHMC(0.1 / STIFFEST**0.5, STIFFEST**0.5)])
def test_the_covariance_of_a_long_run_is_the_predicted_one(kernel):
    with pytest.warns(si.ConvergenceWarning, match=r"minibatches add .* times the injected noise; variances come out up to"):
        predicted = si.diagnostics.predicted_bias(MODEL, kernel, 8, replace=True)
    assert predicted.variance_ratio.max() > 2.0
    assert predicted.batch_noise > 0.5
    run = si.run(kernel, MODEL, steps=200_000, warmup=2000, chains=4, thin=20, picker=BATCHES, rng=4, progress=False)
    found = np.cov(run["coefficients"].reshape(-1, 3).T)
    np.testing.assert_allclose(np.diag(found) / np.diag(predicted.covariance), 1.0, atol=0.1)


def test_on_a_normal_posterior_the_prediction_is_exact():
    target = Quadratic(standardised(50, 2), 0.5)
    h, curved = 0.004, 25.0
    noise = np.cov(50 * 0.5 * target.rows.T, ddof=0) / 2
    with pytest.warns(si.ConvergenceWarning):
        found = si.diagnostics.predicted_bias(target, si.mcmc.SGLD(h), 2, position=np.zeros(2), replace=True)
    scale = 1.0 / (1.0 - (1.0 - h * curved) ** 2)
    np.testing.assert_allclose(found.covariance, scale * (h**2 * noise + 2 * h * np.eye(2)), rtol=1e-6)
    assert found.batch_noise == pytest.approx(0.5 * h * np.linalg.eigvalsh(noise)[-1])


def test_what_is_small_needs_no_advice():
    found = si.diagnostics.predicted_bias(MODEL, QUIET, 8)
    assert found.advice == ""
    np.testing.assert_allclose(found.variance_ratio, 1.0, atol=0.02)
    assert found.batch_noise < 0.01
    assert si.diagnostics.predicted_bias(MODEL, si.mcmc.SGLD(0.01 / STIFFEST), 400).batch_noise == 0.0
    with pytest.warns(si.ConvergenceWarning, match="the step is not stable: make it smaller"):
        found = si.diagnostics.predicted_bias(MODEL, si.mcmc.SGLD(10.0 / STIFFEST), 400)
    assert np.isinf(found.variance_ratio).all()
    with pytest.warns(si.ConvergenceWarning, match=r"\): take smaller steps$"):
        si.diagnostics.predicted_bias(MODEL, si.mcmc.SGLD(0.5 / STIFFEST), 400)


def test_the_hessian_is_that_of_the_energy():
    target = MODEL.as_target()
    w = np.array([0.7, -0.2, 0.1])
    p = stats.logistic.cdf(X @ w)
    exact = X.T @ (X * (p * (1 - p))[:, None]) + 400 * 0.01 * np.eye(3)
    np.testing.assert_allclose(curvature(target, w, 400), exact, rtol=1e-7)


BAD = {
    "another kernel": (lambda: si.mcmc.PSGLD(0.1), {}, "PSGLD cannot be predicted"),
    "a schedule": (lambda: si.mcmc.SGLD(si.schedules.RobbinsMonro(0.1)), {}, "step size of SGLD is a schedule"),
    "no batch": (lambda: QUIET, {"batch": 0}, "batch = 0"),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    kernel, options, message = BAD[case]
    with pytest.raises(si.StochinfError, match=message):
        si.diagnostics.predicted_bias(MODEL, kernel(), **{"batch": 8, **options})


@pytest.mark.fast
def test_where_the_energy_does_not_curve_upwards_nothing_is_predicted():
    flat = si.models.LogisticRegression(np.column_stack([X[:, 0], X[:, 0]]), Y)
    with pytest.raises(si.StochinfError, match="does not curve upwards"):
        si.diagnostics.predicted_bias(flat, si.mcmc.SGLD(1e-3), 8, position=[1.0, -1.0])
