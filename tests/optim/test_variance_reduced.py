"""SAG, SAGA and SVRG: equal to dense numpy steps in every form of the data, with every penalty; optima and what is refused."""

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf.engine.block import NEVER, advance
from stochinf.engine.session import Plan, build

RNG = np.random.default_rng(2)
N, D = 50, 7
X = RNG.normal(size=(N, D)) * (RNG.random((N, D)) < 0.35)
X[4] = 0.0
Y = np.where(X @ RNG.normal(size=D) + RNG.logistic(size=N) > 0, 1.0, -1.0)
RULES = {"SAG": si.optim.SAG, "SAGA": si.optim.SAGA, "SVRG": si.optim.SVRG}
PENALTIES = {"none": (0.0, 0.0), "l2": (0.05, 0.0), "l1": (0.0, 0.02), "both": (0.03, 0.01)}


def block_of(rule, form, l2, l1, intercept, picker=None):
    target = si.models.LogisticRegression(form(X), Y, l2=l2, l1=l1, intercept=intercept).as_target()
    start = np.linspace(-0.3, 0.3, D + intercept)
    return build(Plan(rule, target, picker, None, si.observers.Nothing(), start, 1, 0, NEVER, False, 5), 0).blocks[0]


def soft(x, threshold):
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


def reference(name, points, rate, l2, l1, intercept):
    """The dense equations."""
    rows = np.column_stack([X, np.ones(N)]) if intercept else X
    shrinks = np.arange(rows.shape[1]) < D
    w, table, mean = np.linspace(-0.3, 0.3, rows.shape[1]), np.zeros(N), np.zeros(rows.shape[1])

    def slope(i):
        return -Y[i] / (1.0 + np.exp(Y[i] * (rows[i] @ w)))

    for t, i in enumerate(points):
        if name == "SVRG" and t % 80 == 0:
            table = np.array([slope(k) for k in range(N)])
            mean = rows.T @ table / N
        new = slope(i)
        change = (new - table[i]) * rows[i]
        if name == "SAG":
            mean = mean + change / N
            direction = mean
        else:
            direction = change + mean
        w = w - rate * (direction + l2 * shrinks * w)
        w = np.where(shrinks, soft(w, rate * l1), w)
        if name == "SAGA":
            mean = mean + change / N
        if name != "SVRG":
            table[i] = new
    return w


@pytest.mark.fast
@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", RULES)
def test_lazy_steps_equal_dense_ones_however_the_tape_is_cut(name, penalty, form, intercept):
    l2, l1 = PENALTIES[penalty]
    rule = si.optim.SVRG(0.15, inner=80) if name == "SVRG" else RULES[name](0.15)
    block = block_of(rule, form, l2, l1, intercept, si.pickers.Shuffled())
    points = si.pickers.tape(si.pickers.Shuffled(N), 330, rng=5)
    for steps in (1, 128, 201):
        advance(block, steps)
    np.testing.assert_allclose(block.state.position, reference(name, points, 0.15, l2, l1, intercept), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("penalty", ["l2", "l1", "both"])
@pytest.mark.parametrize("name", RULES)
def test_they_come_to_the_optimum_and_say_so(name, penalty):
    l2, l1 = PENALTIES[penalty]
    model = si.models.LogisticRegression(sp.csr_array(X), Y, l2=l2, l1=l1)
    result = si.minimize(model, RULES[name](), stop=si.stop.epochs(400), rng=1)
    slope = X.T @ (-Y / (1.0 + np.exp(Y * (X @ result.x)))) / N + l2 * result.x
    moving = result.x != 0
    np.testing.assert_allclose(slope[moving], -l1 * np.sign(result.x[moving]), atol=1e-6)
    assert (np.abs(slope[~moving]) <= l1 + 1e-6).all()
    assert 0 <= result.gap < 1e-8
    assert moving.all() == (l1 == 0)


@pytest.mark.fast
def test_the_default_rates_are_those_of_the_papers():
    target = si.models.LogisticRegression(X, Y, l2=0.05).as_target()
    largest, n = target.row_smoothness(), N
    assert si.optim.SAGA().prepare(target).learning_rate == pytest.approx(1 / (2 * largest + min(2 * n * 0.05, largest)))
    assert si.optim.SAG().prepare(target).learning_rate == pytest.approx(1 / largest)
    assert si.optim.SVRG().prepare(target).learning_rate == pytest.approx(1 / (3 * largest))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: si.optim.SAGA(-1.0), "SAGA: learning_rate = -1"),
        (lambda: si.optim.SVRG(inner=-3), "SVRG: inner = -3"),
        (lambda: si.run(si.optim.SAGA(), si.models.PoissonRegression(X, np.abs(Y)), steps=1), "no constant bounds the curvature"),
        (
            lambda: si.minimize(si.models.LogisticRegression(X, Y), si.optim.SAGA(), picker=si.pickers.Minibatches(4)),
            "takes one point a step",
        ),
    ],
)
def test_what_cannot_be_is_named(call, message):
    with pytest.raises(si.StochinfError, match=message):
        call()
