"""Gradients estimated from pairs of values: unbiased for the smoothed function, and as fast as theory says."""

import math

import numpy as np
import pytest

import stochinf as si
from stochinf.engine.block import NEVER
from stochinf.engine.random import stream
from stochinf.engine.session import Plan, build

DRAWS = 4000


def estimates(f, rule, x):
    """Return many estimates of the gradient at x."""
    plan = Plan(rule, si.Function(f, x.size).as_target(), None, None, si.observers.Nothing(), x, 1, 0, NEVER, False, 0)
    block = build(plan, 0).blocks[0]
    rng = stream(np.random.SeedSequence(1))
    found = np.empty((DRAWS, x.size))
    with np.errstate(over="ignore"):
        for k in range(DRAWS):
            block.state.evaluations[0] = 0
            block.kernel.update(block.target, block.state, 0, 0.0, rng)
            found[k] = block.state.gradient
    np.testing.assert_array_equal(block.state.position, x)
    return found


def demand_mean(found, gradient):
    error = found.std(0, ddof=1) / math.sqrt(len(found))
    np.testing.assert_array_less(np.abs(found.mean(0) - gradient), 3.0 * error + 1e-12)


@pytest.mark.fast
def test_two_points_estimate_the_gradient_of_the_smoothed_function():
    sigma, x = 0.5, np.array([0.3, -0.1, 1.0])
    found = estimates(lambda x: float(np.abs(x).sum()), si.optim.TwoPoint(1.0, sigma=sigma), x)
    demand_mean(found, [math.erf(v / (sigma * math.sqrt(2.0))) for v in x])
    with pytest.raises(AssertionError):
        demand_mean(found, np.sign(x))


@pytest.mark.fast
@pytest.mark.parametrize("rule", [si.optim.SPSA(1.0, sigma=0.3), si.optim.TwoPoint(1.0, sigma=0.3, directions=2)])
def test_on_a_quadratic_they_estimate_its_own_gradient(rule):
    A = np.array([[2.0, 0.5], [0.5, 1.0]])
    x = np.array([1.0, -2.0])
    found = estimates(lambda x: float(x @ A @ x), rule, x)
    demand_mean(found, 2.0 * A @ x)


def test_a_quadratic_is_solved_at_the_rate_of_theory():
    n, steps = 10, 400
    bowl = si.Function(lambda x: 0.5 * float(x @ x), n)
    rate = 1.0 / (n + 2.0)
    ends = [
        si.minimize(bowl, si.optim.TwoPoint(rate, sigma=1e-4), x0=np.ones(n), stop=si.stop.steps(steps), rng=seed).fun
        for seed in range(8)
    ]
    theory = 0.5 * n * (1.0 - rate) ** steps
    assert np.mean(ends) <= 1.2 * theory + 3.0 * np.std(ends) / math.sqrt(len(ends))


def test_any_transform_and_any_rows_will_do():
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = si.models.LogisticRegression(X, X[:, 0] > 0, l2=0.1)
    rule = si.optim.TwoPoint(0.02, sigma=1e-3, transform=si.optim.Adam())
    found = si.minimize(model, rule, picker=si.pickers.Minibatches(20), stop=si.stop.epochs(400), rng=0)
    best = si.minimize(model, si.optim.SGD(0.5), picker=si.pickers.Minibatches(60), stop=si.stop.steps(400), rng=0)
    assert found.fun < best.fun + 0.01
