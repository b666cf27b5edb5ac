"""Stochastic-gradient samplers: the exact stationary law of each on a normal posterior, noise of minibatches included."""

import math

import numpy as np
import pytest
from langevin_targets import Quadratic, standardised
from parts_for_tests import needs_jit
from scipy.linalg import solve_discrete_lyapunov

import stochinf as si
from stochinf.engine.jit import entry
from stochinf.mcmc.batches import all_finite, batch_gradient

N, BATCH, STIFFNESS, DIM = 50, 2, 0.5, 4000
CURVATURE = N * STIFFNESS
NOISE = (N * STIFFNESS) ** 2 / BATCH
STEP = 0.1 / CURVATURE
PICKER = si.pickers.Minibatches(BATCH, replace=True)
TARGET = Quadratic(standardised(N, DIM), STIFFNESS)


def run(kernel, warmup=400, steps=1200, thin=60, picker=PICKER):
    return si.run(kernel, TARGET, steps=steps, warmup=warmup, thin=thin, picker=picker, rng=3, progress=False)


def sgld_variance(h=STEP, noise=NOISE, temperature=1.0):
    """Solve S = (1 - h A)^2 S + 2 h T + h^2 V."""
    return (2.0 * h * temperature + h**2 * noise) / (1.0 - (1.0 - h * CURVATURE) ** 2)


def sghmc_variance(h, friction, noise=NOISE, temperature=1.0):
    """Solve S = M S M' + Q for position and velocity, from the equations of a step."""
    keep = 1.0 - h * friction
    velocity = np.array([-h * CURVATURE, keep])
    matrix = np.array([[1.0, 0.0] + h * velocity, velocity])
    kick = np.array([h, 1.0])
    variance = 2.0 * h * friction * temperature + h**2 * noise
    return solve_discrete_lyapunov(matrix, variance * np.outer(kick, kick))[0, 0]


HMC_STEP = math.sqrt(0.1 * STEP)
HMC_FRICTION = 0.1 / HMC_STEP
CASES = {
    "SGLD": (si.mcmc.SGLD(STEP), sgld_variance()),
    "SGLD, cold": (si.mcmc.SGLD(STEP, temperature=0.25), sgld_variance(temperature=0.25)),
    "SGLD, control variates": (si.mcmc.SGLD(STEP, estimator=si.mcmc.ControlVariates(np.full(DIM, 0.3))), sgld_variance(noise=0)),
    "SGLD, SVRG": (si.mcmc.SGLD(STEP, estimator=si.mcmc.SVRG(20)), sgld_variance(noise=0)),
    "SGHMC": (si.mcmc.SGHMC(HMC_STEP, HMC_FRICTION), sghmc_variance(HMC_STEP, HMC_FRICTION)),
}


@needs_jit
@pytest.mark.parametrize("case", CASES)
def test_the_stationary_variance_is_the_lyapunov_solution(case):
    kernel, variance = CASES[case]
    draws = run(kernel)["position"]
    assert draws.var() == pytest.approx(variance, rel=0.03)
    assert abs(draws.mean()) < 6 * math.sqrt(variance / DIM)


@pytest.mark.fast
def test_what_the_bugs_would_do_is_far_outside_the_tolerance():
    right, still = sgld_variance(), sghmc_variance(HMC_STEP, HMC_FRICTION)
    wrong = {
        "noise sqrt(h)": (STEP + STEP**2 * NOISE) / (1.0 - (1.0 - STEP * CURVATURE) ** 2),
        "noise 2 sqrt(h)": (4 * STEP + STEP**2 * NOISE) / (1.0 - (1.0 - STEP * CURVATURE) ** 2),
        "sum over the batch, no N/B": (2 * STEP + STEP**2 * BATCH * STIFFNESS**2) / (1.0 - (1.0 - STEP * BATCH * STIFFNESS) ** 2),
        "noise of batches forgotten": sgld_variance(noise=0.0),
        "N/B twice": sgld_variance(noise=NOISE * (N / BATCH) ** 2),
        "temperature squared": sgld_variance(temperature=2.0),
    }
    for name, variance in wrong.items():
        assert abs(variance / right - 1.0) > 0.09, name
    for friction, noise in ((HMC_FRICTION / 2, NOISE), (HMC_FRICTION, 0.0)):
        assert abs(sghmc_variance(HMC_STEP, friction, noise) / still - 1.0) > 0.09


def test_the_preconditioner_is_held_and_samples_the_law_of_its_metric():
    h = 0.3 * STEP
    run_ = run(si.mcmc.PSGLD(h))
    state = run_.checkpoint.session.blocks[0].state
    assert state.clock[1] == 0.0
    np.testing.assert_allclose(state.preconditioner * np.sqrt(state.squares), 1.0, atol=0.02)
    step = h * state.preconditioner
    variance = (2 * step + step**2 * NOISE) / (1.0 - (1.0 - step * CURVATURE) ** 2)
    assert np.mean(run_["position"] ** 2 / variance) == pytest.approx(1.0, rel=0.03)


def test_the_thermostat_takes_up_the_noise_of_the_minibatches():
    h, friction = 0.01, 2.0
    run_ = run(si.mcmc.SGNHT(h, friction), warmup=3000, steps=3000, thin=150)
    assert run_["position"].var() == pytest.approx(1.0 / CURVATURE, rel=0.05)
    assert sghmc_variance(h, friction) > 1.7 / CURVATURE
    assert run_.stats["thermostat"].mean() == pytest.approx(friction + 0.5 * h * NOISE, rel=0.05)


def test_cycles_follow_the_recursion_of_the_variance():
    kernel = si.mcmc.CyclicalSGLD(3 * STEP, period=40, exploration=0.25)
    run_ = run(kernel, warmup=0, steps=120, thin=1, picker=si.pickers.Minibatches(N))
    h, temperature = run_.stats["step_size"][0], run_.stats["temperature"][0]
    np.testing.assert_allclose(h, 1.5 * STEP * (np.cos(np.pi * (np.arange(120) % 40) / 40) + 1.0), rtol=1e-12)
    assert (temperature == (np.arange(120) % 40 >= 10)).all()
    variance, expected = 0.0, []
    for k in range(120):
        variance = (1 - h[k] * CURVATURE) ** 2 * variance + 2 * h[k] * temperature[k]
        expected.append(variance)
    np.testing.assert_allclose(run_["position"][0].var(axis=1), expected, rtol=0.12, atol=1e-12)


RNG = np.random.default_rng(31)
X = RNG.normal(size=(400, 2))
Y = (X @ [1.0, -0.5] + RNG.logistic(size=400) > 0).astype(int)
MODEL = si.models.LogisticRegression(X, Y, l2=0.05)
LINEAR = MODEL.as_target()


@pytest.mark.fast
@pytest.mark.parametrize(
    "estimator", [si.mcmc.Minibatch(), si.mcmc.ControlVariates(), si.mcmc.SVRG(3)], ids=lambda e: type(e).__name__
)
def test_estimates_are_unbiased_and_control_variates_cut_their_noise(estimator):
    prepared = estimator.prepare(LINEAR)
    position = si.mcmc.ControlVariates().prepare(LINEAR).centre
    memory = prepared.begin(LINEAR, position)
    every, out = np.arange(400), np.empty(2)
    total, squares = np.zeros(2), np.zeros(2)
    for start in range(0, 400, 8):
        prepared.estimate(LINEAR, memory, position + 0.01, every[start : start + 8], out)
        total += out / 50
        squares += out**2 / 50
    np.testing.assert_allclose(total, 400 * LINEAR.full_gradient(position + 0.01), rtol=1e-10)
    assert ((squares - total**2 < 5.0).all()) != isinstance(estimator, si.mcmc.Minibatch)


@entry
def both_gradients(target, position, point, by_fours, plain):
    batch_gradient(target, position, point, by_fours)
    target.gradient(position, point, plain)


@pytest.mark.fast
def test_four_rows_at_a_time_are_the_same_gradient():
    target = si.models.LogisticRegression(X, Y, l2=0.05, intercept=True).as_target()
    rng = np.random.default_rng(6)
    for size in (1, 3, 4, 7, 32):
        point, by_fours, plain = rng.integers(400, size=size), np.empty(3), np.empty(3)
        both_gradients(target, rng.normal(size=3), point, by_fours, plain)
        np.testing.assert_allclose(by_fours, plain, rtol=1e-12, atol=1e-14)


@pytest.mark.fast
def test_a_sum_tells_what_is_not_finite():
    for value in (math.nan, math.inf, -math.inf):
        with np.errstate(invalid="ignore"):
            assert not all_finite(np.array([1.0, value, 1e308, -1e308]))
    assert all_finite(np.array([1e308, 1e308, -0.0]))
    assert all_finite(np.empty(0))


@pytest.mark.fast
def test_the_mode_is_found_for_control_variates():
    centre = si.mcmc.ControlVariates().prepare(LINEAR).centre
    np.testing.assert_allclose(LINEAR.full_gradient(centre), 0.0, atol=1e-8)


@pytest.mark.fast
def test_what_is_left_open_is_chosen_from_the_data():
    target, n, largest = LINEAR, 400, LINEAR.row_smoothness()
    sgld = si.mcmc.SGLD().prepare(target)
    assert sgld.step_size == pytest.approx(0.1 / (n * largest * (n / 100 - 1)))
    assert si.mcmc.SGLD(estimator=si.mcmc.SVRG()).prepare(target).step_size == pytest.approx(0.5 / (n * largest))
    sghmc = si.mcmc.SGHMC().prepare(target)
    assert sghmc.step_size * sghmc.friction == pytest.approx(0.1)
    assert sghmc.step_size / sghmc.friction == pytest.approx(sgld.step_size)
    assert si.mcmc.SGHMC(0.01).prepare(target).friction == pytest.approx(10.0)
    assert si.mcmc.SGHMC(friction=2.0).prepare(target).step_size == pytest.approx(2.0 * sgld.step_size)
    assert si.mcmc.PSGLD().prepare(target).step_size == pytest.approx(sgld.step_size * math.sqrt(largest / 100))


@pytest.mark.parametrize("kernel", [si.mcmc.SGLD(), si.mcmc.PSGLD(), si.mcmc.SGHMC()], ids=lambda k: type(k).__name__)
def test_batch_noise_is_measured_at_the_end_of_warmup(kernel):
    d = si.sample(MODEL, draws=10, warmup=400, chains=2, kernel=kernel, rng=0, progress=False)
    share = d.stats["batch_noise"]
    assert (share > 0.001).all()
    assert (share < 0.12).all()
    assert (np.ptp(share, axis=1) == 0).all()
    whole = si.sample(
        MODEL, draws=10, warmup=20, chains=1, kernel=kernel, picker=si.pickers.Minibatches(400), rng=0, progress=False
    )
    assert (whole.stats["batch_noise"] == 0.0).all()


KERNELS = [
    si.mcmc.SGLD(1e-3, estimator=si.mcmc.SVRG(7)),
    si.mcmc.PSGLD(1e-4),
    si.mcmc.SGHMC(),
    si.mcmc.SGNHT(),
    si.mcmc.CyclicalSGLD(1e-3, period=9),
]


@pytest.mark.fast
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
def test_a_resumed_chain_has_the_bits_of_an_uninterrupted_one(kernel, tmp_path):
    def sampled(draws):
        return si.sample(
            MODEL, draws=draws, warmup=10, chains=2, kernel=kernel, picker=si.pickers.Minibatches(7), rng=3, progress=False
        )

    sampled(20).save(tmp_path / "run.npz")
    resumed = si.resume(tmp_path / "run.npz", draws=15)
    assert resumed["coefficients"].tobytes() == sampled(35)["coefficients"].tobytes()
    assert resumed["coefficients"].std() > 0


HASTY = [si.mcmc.PSGLD(10.0), si.mcmc.SGHMC(10.0, 1.0), si.mcmc.SGNHT(10.0, 1.0), si.mcmc.CyclicalSGLD(10.0)]


@pytest.mark.fast
@pytest.mark.parametrize("kernel", HASTY, ids=lambda k: type(k).__name__)
def test_steps_to_positions_that_are_not_finite_are_counted_and_not_taken(kernel):
    far = Quadratic(np.full((4, 3), 1e308), 1.0)
    stuck = si.run(kernel, far, steps=7, picker=si.pickers.Minibatches(4), rng=0, progress=False)
    assert stuck.nonfinite == 7
    assert (stuck.position == 0.0).all()


M = si.mcmc
BAD = {
    "temperature": (lambda: M.SGLD(0.1, temperature=-1.0), "SGLD: temperature = -1.0"),
    "temperature NaN": (lambda: M.SGHMC(0.1, 1.0, temperature=math.nan), "SGHMC: temperature = nan"),
    "friction": (lambda: M.SGHMC(0.1, friction=0.0), "SGHMC: friction = 0.0"),
    "friction infinite": (lambda: M.SGNHT(0.1, friction=math.inf), "SGNHT: friction = inf"),
    "friction left open": (lambda: M.SGHMC(si.schedules.RobbinsMonro(0.1)).prepare(LINEAR), "friction was left open"),
    "decay": (lambda: M.PSGLD(0.1, decay=1.0), "PSGLD: decay = 1.0"),
    "regularisation": (lambda: M.PSGLD(0.1, regularisation=0.0), "PSGLD: regularisation = 0.0"),
    "period": (lambda: M.CyclicalSGLD(0.1, period=0), "CyclicalSGLD: period = 0"),
    "exploration": (lambda: M.CyclicalSGLD(0.1, exploration=1.0), "CyclicalSGLD: exploration = 1.0"),
    "SVRG period": (lambda: M.SVRG(-1), "SVRG: period = -1"),
    "estimator": (lambda: M.SGLD(0.1, estimator="svrg"), "SGLD: estimator = 'svrg'"),
    "centre": (lambda: M.ControlVariates(np.zeros(3)).prepare(LINEAR), r"centre has shape \(3,\); LinearTarget has 2"),
    "no mode": (lambda: M.ControlVariates().prepare(TARGET), "Quadratic cannot be minimised"),
    "l1": (
        lambda: M.SGLD(0.1).prepare(si.models.LogisticRegression(X, Y, l1=0.1).as_target()),
        "l1 = 0.1, a penalty without a gradient",
    ),
    "no gradient": (lambda: si.sample(si.models.CoinBias(1, 1), kernel=M.CyclicalSGLD()), "CyclicalSGLD needs gradient"),
    "no curvature": (lambda: M.SGNHT().prepare(TARGET), r"Quadratic has no row_smoothness\(\)"),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    call, message = BAD[case]
    with pytest.raises(si.StochinfError, match=message):
        call()


def test_a_run_whose_minibatches_are_too_loud_says_so():
    with pytest.warns(si.ConvergenceWarning, match=r"minibatches add 1\d times the noise that is injected"):
        d = si.sample(
            MODEL, draws=1000, warmup=50, chains=2, kernel=si.mcmc.SGLD(0.002), picker=si.pickers.Minibatches(2), rng=0,
            progress=False,
        )  # fmt: skip
    assert "minibatches add" in repr(d)
