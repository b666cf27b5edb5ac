"""L-BFGS, BFGS, conjugate gradients, Polyak's step and line searches: optima, scipy's work, first steps, what is refused."""

import math

import numpy as np
import pytest
import scipy.optimize

import stochinf as si
from stochinf.engine.block import NEVER, advance
from stochinf.engine.session import Plan, build

RNG = np.random.default_rng(4)
X = RNG.normal(size=(80, 8)) * np.geomspace(0.1, 3.0, 8)
Y = np.where(X @ RNG.normal(size=8) + RNG.logistic(size=80) > 0, 1.0, -1.0)
MODEL = si.models.LogisticRegression(X, Y, l2=0.01)
BEST = si.minimize(MODEL, si.optim.Newton())
RULES = [si.optim.LBFGS(), si.optim.LBFGS(memory=3), si.optim.BFGS(), si.optim.ConjugateGradient()]


def rosenbrock(x):
    return float(sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))


ROSENBROCK = si.Function(rosenbrock, 6, gradient=scipy.optimize.rosen_der)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_they_come_to_the_optimum_of_a_model(rule):
    result = si.minimize(MODEL, rule)
    assert result.success
    assert result.message.startswith(("converged", "no step"))
    assert result.fun == pytest.approx(BEST.fun, abs=1e-13)
    assert 0 <= result.fun - BEST.fun + 1e-15 <= result.gap + 2e-15 < 1e-10
    assert np.all(np.diff([f for _, f in result.history]) <= 1e-15)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_they_come_to_the_optimum_of_a_function_without_much_more_work_than_scipy(rule):
    result = si.minimize(ROSENBROCK, rule, np.full(6, -1.0))
    np.testing.assert_allclose(result.x, 1.0, atol=1e-6)
    name = {"BFGS": "BFGS", "LBFGS": "L-BFGS-B", "ConjugateGradient": "CG"}[type(rule).__name__]
    theirs = scipy.optimize.minimize(rosenbrock, np.full(6, -1.0), jac=scipy.optimize.rosen_der, method=name)
    assert result.nfev <= 3 * theirs.nfev


@pytest.mark.fast
def test_bfgs_on_a_quadratic_learns_the_inverse_of_its_matrix():
    matrix = np.diag([1.0, 4.0, 9.0]) + 0.5
    bowl = si.Function(lambda x: 0.5 * float(x @ matrix @ x), 3, gradient=lambda x: matrix @ x)
    plan = Plan(si.optim.BFGS(), bowl.as_target(), None, None, si.observers.Nothing(), np.ones(3), 1, 0, NEVER, False, 0)
    block = build(plan, 0).blocks[0]
    advance(block, 12)
    np.testing.assert_allclose(block.state.position, 0.0, atol=1e-6)
    np.testing.assert_allclose(block.state.kept.inverse, np.linalg.inv(matrix), rtol=0.05, atol=0.01)


@pytest.mark.fast
def test_lbfgs_applies_the_matrix_that_bfgs_keeps():
    from stochinf.optim.directions import LimitedMemory

    memory, kept, rng = LimitedMemory(5), LimitedMemory(5).init(4), np.random.default_rng(0)
    curved = np.diag([1.0, 2.0, 3.0, 4.0])
    pairs = [(s := rng.normal(size=4), curved @ s) for _ in range(3)]
    for step, change in pairs:
        memory.learn(kept, 0.5, 2.0 * step, np.zeros(4), change)
    inverse = np.eye(4) * (pairs[-1][0] @ pairs[-1][1]) / (pairs[-1][1] @ pairs[-1][1])
    for step, change in pairs:
        turn = np.eye(4) - np.outer(step, change) / (step @ change)
        inverse = turn @ inverse @ turn.T + np.outer(step, step) / (step @ change)
    gradient, out = rng.normal(size=4), np.zeros(4)
    memory.direct(kept, gradient, out)
    np.testing.assert_allclose(out, -inverse @ gradient, rtol=1e-12)


def block_of(rule, picker=None):
    plan = Plan(rule, MODEL.as_target(), picker, None, si.observers.Nothing(), None, 1, 0, NEVER, False, 3)
    return build(plan, 0).blocks[0]


@pytest.mark.fast
def test_polyaks_step_equals_numpy():
    block = block_of(si.optim.Polyak(0.5, best=0.2, largest=0.3))
    points, w, target = si.pickers.tape(si.pickers.Shuffled(80), 200, rng=3), np.zeros(8), MODEL.as_target()
    gradient = np.zeros(8)
    for i in points:
        target.gradient(w, int(i), gradient)
        above = target.value(w, int(i)) - 0.2
        w = w - max(0.0, min(0.5 * above / (gradient @ gradient), 0.3)) * gradient
    advance(block, 200)
    np.testing.assert_allclose(block.state.position, w, rtol=1e-10)


def test_polyaks_step_with_the_least_value_known_or_estimated():
    known = si.minimize(MODEL, si.optim.Polyak(best=BEST.fun), picker=si.pickers.Minibatches(80), stop=si.stop.steps(2000), rng=0)
    estimated = si.minimize(MODEL, si.optim.Polyak(best=math.nan), stop=si.stop.steps(4000), rng=0)
    assert known.fun - BEST.fun < 1e-6
    assert estimated.fun - BEST.fun < 1e-3


def test_a_line_search_on_the_whole_objective_never_lets_it_rise():
    result = si.minimize(MODEL, si.optim.LineSearch(100.0), picker=si.pickers.Minibatches(80), stop=si.stop.steps(300), rng=0)
    assert np.all(np.diff([f for _, f in result.history]) <= 1e-15)
    assert result.fun - BEST.fun < 1e-3


@pytest.mark.fast
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: si.optim.LBFGS(memory=0), "LBFGS: memory = 0"),
        (lambda: si.optim.BFGS(-1.0), "BFGS: learning_rate"),
        (lambda: si.optim.Polyak(largest=0.0), "Polyak: best = 0"),
        (lambda: si.optim.LineSearch(decrease=1.0), "LineSearch: decrease = 1"),
        (lambda: si.minimize(si.models.LogisticRegression(X, Y, l1=0.1), si.optim.LBFGS()), "LBFGS: l1 = 0.1, a penalty"),
        (lambda: si.minimize(si.Function(rosenbrock, 6), si.optim.LBFGS()), "FullBatch needs whole"),
    ],
)
def test_what_cannot_be_is_named(call, message):
    with pytest.raises(si.StochinfError, match=message):
        call()
