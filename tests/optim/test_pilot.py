"""SGD that was told nothing: pilot runs, the average of the iterates, and what it reaches on data of many kinds."""

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf.engine.block import NEVER, advance
from stochinf.engine.session import Plan, build
from stochinf.optim.averaged import AveragedSGD
from stochinf.optim.linear import LinearSGD

RNG = np.random.default_rng(3)
N = 400
X = RNG.normal(size=(N, 6)) * (RNG.random((N, 6)) < 0.5)
Y = np.where(X @ RNG.normal(size=6) + RNG.logistic(size=N) > 0, 1.0, -1.0)
L2 = 0.01


def reference(points, rates, intercept, spacing):
    """SGD in numpy; the average of the iterates whose number divides by the spacing, or, for 0, the last one."""
    rows = np.column_stack([X, np.ones(N)]) if intercept else X
    w, total, weights = np.zeros(rows.shape[1]), 0.0, 0.0
    shrinks = np.arange(w.size) < 6
    for t, (i, rate) in enumerate(zip(points, rates, strict=True)):
        slope = -Y[i] / (1.0 + np.exp(Y[i] * (rows[i] @ w)))
        w = w - rate * (slope * rows[i] + L2 * shrinks * w)
        if spacing and (t + 1) % spacing == 0:
            total, weights = total + ((t + 1) / N) ** 3 * w, weights + ((t + 1) / N) ** 3
    return total / weights if spacing else w


@pytest.mark.fast
@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("spacing", [0, 1, 7, 16])
def test_steps_equal_numpy_however_the_tape_is_cut(spacing, form, intercept):
    model = si.models.LogisticRegression(form(X), Y, l2=L2, intercept=intercept)
    schedule = si.schedules.RobbinsMonro(a=5.0, b=10.0, p=0.75)
    kernel = AveragedSGD(schedule, spacing) if spacing else LinearSGD(schedule)
    plan = Plan(kernel, model.as_target(), None, None, si.observers.Nothing(), None, 1, 0, NEVER, False, 7)
    block, points = build(plan, 0).blocks[0], si.pickers.tape(si.pickers.Shuffled(N), 900, rng=7)
    for steps in (1, 299, 600):
        advance(block, steps)
    expected = reference(points, [schedule(t) for t in range(900)], intercept, spacing)
    np.testing.assert_allclose(block.state.position, expected, rtol=1e-10, atol=1e-12)


def test_a_scale_that_underflows_is_folded_into_the_vector():
    model = si.models.LogisticRegression(X, Y, l2=2.0)
    target, rates = model.as_target(), np.full(400, 0.2)
    plan = Plan(AveragedSGD(0.2, 1), target, None, None, si.observers.Nothing(), None, 1, 0, NEVER, False, 7)
    block = build(plan, 0).blocks[0]
    points = si.pickers.tape(si.pickers.Shuffled(N), 400, rng=7)
    advance(block, 400)
    w, total, weights = np.zeros(6), 0.0, 0.0
    for t, i in enumerate(points):
        w = w - rates[t] * (-Y[i] / (1.0 + np.exp(Y[i] * (X[i] @ w))) * X[i] + 2.0 * w)
        total, weights = total + ((t + 1) / N) ** 3 * w, weights + ((t + 1) / N) ** 3
    assert abs(block.state.numbers[0]) > 1e-10
    np.testing.assert_allclose(block.state.position, total / weights, rtol=1e-10)


def wide(n, dim, stored, rng):
    """Rows of unit length with few features, as of words in texts."""
    columns = np.minimum((dim * rng.random((n, stored)) ** 3).astype(int), dim - 1)
    rows = sp.csr_array((rng.random(n * stored) + 0.1, (np.repeat(np.arange(n), stored), columns.ravel())), shape=(n, dim))
    return rows.multiply(1.0 / np.sqrt(rows.power(2).sum(axis=1))[:, None]).tocsr()


def binary(n, rng):
    """Indicator columns of very different frequency, as of categories."""
    return sp.csr_array((rng.random((n, 60)) < np.geomspace(0.005, 0.8, 60)).astype(float))


DATA = {
    "dense": lambda rng: rng.normal(size=(3000, 10)) * np.geomspace(0.3, 3.0, 10),
    "large": lambda rng: 100.0 * rng.normal(size=(2000, 5)),
    "small": lambda rng: 1e-3 * rng.normal(size=(2000, 5)),
    "words": lambda rng: wide(3000, 2000, 20, rng),
    "categories": lambda rng: binary(4000, rng),
    "few rows": lambda rng: rng.normal(size=(60, 4)),
}


@pytest.mark.parametrize("name", DATA)
def test_untouched_it_comes_close_to_the_optimum(name):
    rng = np.random.default_rng(8)
    rows = DATA[name](rng)
    dim = rows.shape[1]
    scores = np.asarray(rows @ rng.normal(size=dim)).ravel()
    labels = scores / scores.std() + rng.logistic(size=scores.size) > 0
    model = si.models.LogisticRegression(rows, labels, l2=1.0 / scores.size)
    best = si.minimize(model, si.optim.Newton()).fun
    for seed in (0, 1):
        one, ten = (si.minimize(model, si.optim.SGD(), stop=si.stop.epochs(e), rng=seed) for e in (1, 10))
        assert one.fun - best <= 2e-3 * one.history[0][1]
        assert ten.fun - best <= 5e-4 * ten.history[0][1]
        assert one.history[0] == (0, pytest.approx(np.log(2.0)))
        assert ten.nfev > ten.nit


@pytest.mark.fast
def test_whoever_says_something_gets_what_was_said():
    model = si.models.LogisticRegression(X, Y, l2=L2)
    for told in (
        {"rule": si.optim.SGD(0.1)},
        {"rule": si.optim.SGD(0.1, momentum=0.5)},
        {"rule": si.optim.SGD(convention="torch")},
        {"rule": si.optim.SGD(0.1), "schedule": 0.5},
        {"rule": si.optim.SGD(0.1), "picker": si.pickers.Minibatches(8)},
        {"rule": si.optim.SGD(), "picker": si.pickers.Minibatches(N)},
    ):
        result = si.minimize(model, **told, stop=si.stop.steps(5), rng=0)
        assert result.nfev in (5, 40, 5 * N)
        assert result.reason == "5 steps"


@pytest.mark.fast
def test_the_same_seed_gives_the_same_bits():
    model = si.models.LogisticRegression(X, Y, l2=L2)
    first, again, other = (si.minimize(model, si.optim.SGD(), stop=si.stop.epochs(2), rng=seed).x for seed in (4, 4, 5))
    assert first.tobytes() == again.tobytes() != other.tobytes()
