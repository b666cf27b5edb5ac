"""`minimize`: the optimum that scipy finds, and what the result says of how the run ended."""

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp

import stochinf as si
from stochinf.engine.parts import is_part

RNG = np.random.default_rng(21)
X = np.column_stack([np.ones(80), RNG.normal(size=(80, 4))])
Y = (X @ [0.3, 1.0, -1.0, 0.5, 0.0] + RNG.logistic(size=80) > 0).astype(int)
L2 = 0.1
DENSE = si.models.LogisticRegression(X, Y, l2=L2)
SPARSE = si.models.LogisticRegression(sp.csr_array(X), Y, l2=L2)
TARGET = DENSE.as_target()


def numpy_objective(w):
    signs = np.where(Y == 1, 1.0, -1.0)
    return np.mean(np.logaddexp(0.0, -signs * (X @ w))) + 0.5 * L2 * w @ w


BEST = scipy.optimize.minimize(numpy_objective, np.zeros(5), method="BFGS", options={"gtol": 1e-9})


@pytest.mark.parametrize("model", [DENSE, SPARSE], ids=["dense", "csr"])
def test_it_finds_the_optimum_that_scipy_finds(model):
    result = si.minimize(
        model, si.optim.SGD(), picker=si.pickers.Minibatches(80), schedule=2.0, stop=si.stop.tolerance(1e-7), rng=0
    )
    assert result.success
    assert result.message.startswith("certificate")
    assert result.grad_norm <= 1e-7
    assert result.grad_norm == pytest.approx(np.linalg.norm(result.jac))
    np.testing.assert_allclose(result.x, BEST.x, atol=1e-6)
    assert result.fun == pytest.approx(BEST.fun, abs=1e-12)
    assert result.fun <= BEST.fun + 1e-7**2 / (2 * L2)
    assert result.nfev == 80 * result.nit


def test_one_row_a_step_with_the_default_rate_comes_close():
    start = numpy_objective(np.zeros(5))
    result = si.minimize(DENSE, si.optim.SGD(), stop=si.stop.epochs(200), rng=0)
    assert result.fun - BEST.fun < 1e-3 * (start - BEST.fun)


def test_a_chain_reaches_the_optimum_of_the_objective_it_was_given():
    rule = si.optim.SGD(0.2, si.optim.chain(si.optim.clip(10.0), si.optim.momentum(0.8)))
    result = si.minimize(
        DENSE, rule, picker=si.pickers.Minibatches(80), stop=si.stop.tolerance(1e-7) | si.stop.epochs(5000), rng=0
    )
    np.testing.assert_allclose(result.x, BEST.x, atol=1e-6)


@pytest.mark.fast
def test_the_result_has_the_fields_of_scipy_and_the_history_of_every_epoch():
    result = si.minimize(DENSE, si.optim.SGD(0.5), rng=5)
    assert isinstance(result, scipy.optimize.OptimizeResult)
    assert result.success
    assert (result.message, result.reason, result.status) == ("10 epochs", "10 epochs", 0)
    assert (result.nit, result.nfev, result.rng_entropy) == (800, 800, 5)
    assert [step for step, _ in result.history] == list(range(0, 801, 80))
    assert result.history[0][1] == pytest.approx(np.log(2.0))
    assert result.history[-1][1] == result.fun == pytest.approx(numpy_objective(result.x), rel=1e-12)
    np.testing.assert_allclose(result.jac, TARGET.full_gradient(result.x))


@pytest.mark.fast
def test_an_epoch_that_is_not_whole_ends_the_history():
    result = si.minimize(DENSE, si.optim.SGD(0.1), picker=si.pickers.Minibatches(20), stop=si.stop.steps(10), rng=5)
    assert [step for step, _ in result.history] == [0, 4, 8, 10]
    assert result.nfev == 200


@pytest.mark.fast
def test_the_same_seed_gives_the_same_bits_and_none_can_be_repeated():
    first = si.minimize(DENSE, si.optim.SGD(), rng=None)
    again = si.minimize(DENSE, si.optim.SGD(), rng=first.rng_entropy, callback=lambda report: False)
    assert first.x.tobytes() == again.x.tobytes()
    assert si.minimize(DENSE, si.optim.SGD(), rng=1).x.tobytes() != si.minimize(DENSE, si.optim.SGD(), rng=2).x.tobytes()


@pytest.mark.fast
def test_it_starts_where_it_is_told():
    result = si.minimize(DENSE, si.optim.SGD(), x0=BEST.x, schedule=1e-9, stop=si.stop.steps(1), rng=0)
    np.testing.assert_allclose(result.x, BEST.x, atol=1e-8)
    assert result.history[0][1] == pytest.approx(BEST.fun, rel=1e-12)


@pytest.mark.fast
@pytest.mark.parametrize("model", [DENSE, SPARSE], ids=["dense", "csr"])
def test_iterates_that_are_not_finite_end_the_run_with_the_last_that_were(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = si.minimize(model, si.optim.SGD(1e3), stop=si.stop.epochs(100_000), rng=0)
    assert not result.success
    assert result.status == 1
    assert "not finite at step" in result.message
    assert "smaller learning rate" in result.message
    assert np.isfinite(result.x).all()
    assert result.fun == result.history[-2][1]
    assert np.isfinite(result.fun)
    assert not np.isfinite(result.history[-1][1])
    assert result.nit == result.history[-1][0] < 80 * 1000


@pytest.mark.fast
def test_a_start_without_a_finite_objective_is_refused():
    with pytest.raises(si.StochinfError, match="objective at the starting point"):
        si.minimize(DENSE, si.optim.SGD(), x0=np.full(5, 1e300))


@pytest.mark.fast
def test_a_callback_ends_a_run():
    result = si.minimize(DENSE, si.optim.SGD(), stop=si.stop.epochs(10**6), callback=lambda report: report.step >= 400, rng=0)
    assert not result.success
    assert result.message == "stopped by the callback"
    assert result.history[-1][0] == result.nit


def test_ctrl_c_keeps_the_iterate():
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def press():
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    result = si.minimize(DENSE, si.optim.SGD(), stop=si.stop.seconds(60), rng=0)
    presser.join()
    assert result.interrupted
    assert not result.success
    assert result.message == "interrupted"
    assert result.fun < 0.69


@pytest.mark.parametrize(
    "schedule", [si.schedules.Linear(400), si.schedules.Plateau(every=80, patience=2), 0.5, si.schedules.Cosine(800)]
)
def test_any_schedule_serves(schedule):
    result = si.minimize(DENSE, si.optim.SGD(0.5), schedule=schedule, stop=si.stop.epochs(20), rng=0)
    assert result.success
    assert result.fun < BEST.fun + 0.02


def test_a_plateau_lowers_the_rate():
    steady = si.minimize(DENSE, si.optim.SGD(1.0), stop=si.stop.epochs(60), rng=0)
    falling = si.minimize(
        DENSE, si.optim.SGD(1.0), schedule=si.schedules.Plateau(factor=0.3, patience=1, every=80), stop=si.stop.epochs(60), rng=0
    )
    assert falling.fun - BEST.fun < 0.1 * (steady.fun - BEST.fun)


@pytest.mark.fast
def test_a_picker_of_batches_is_needed_to_be_one():
    with pytest.raises(si.StochinfError, match="picker"):
        si.minimize(DENSE, si.optim.SGD(), picker=32)
    assert is_part(type(TARGET))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: si.minimize(DENSE, si.mcmc.Metropolis()),
            r"minimize looks for optimum, and Metropolis yields draws; .* stochinf.sample\(target, kernel=Metr",
        ),
        (lambda: si.minimize(DENSE, si.mcmc.SGLD(0.1)), "SGLD yields draws"),
        (
            lambda: si.sample(DENSE, kernel=si.optim.SGD()),
            r"SGD yields optimum; .* stochinf.minimize\(problem, SGD\(\)\)",
        ),
        (lambda: si.sample(DENSE, kernel=si.optim.SGD), "make an instance"),
    ],
)
def test_samplers_and_optimisers_have_their_own_front_doors(call, message):
    with pytest.raises(si.StochinfError, match=message):
        call()
