"""Constraints by projection: optima against scipy and against the conditions of optimality, and rules that obey them."""

import numpy as np
import pytest
import scipy.optimize

import stochinf as si

RNG = np.random.default_rng(12)
X = RNG.normal(size=(60, 5))
Y = np.where(X @ [2.0, -1.0, 0.5, 0.0, 1.0] + RNG.logistic(size=60) > 0, 1.0, -1.0)
MODEL = si.models.LogisticRegression(X, Y, l2=0.01)
LOW, HIGH = np.array([-0.2, -np.inf, 0.1, -1.0, 0.0]), np.array([0.5, 0.3, 1.0, 1.0, 0.4])


def test_a_box_as_scipy_finds_it():
    target = MODEL.as_target()
    result = si.minimize(si.models.Constrained(MODEL, LOW, HIGH))
    theirs = scipy.optimize.minimize(
        target.objective, np.clip(np.zeros(5), LOW, HIGH), jac=target.full_gradient, bounds=list(zip(LOW, HIGH, strict=True)),
        options={"ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    assert result.success
    assert result.reason.startswith("ProjectedGradient: constraints on 5 coordinates")
    np.testing.assert_allclose(result.x, theirs.x, atol=1e-7)
    assert ((result.x >= LOW) & (result.x <= HIGH)).all()
    assert result.grad_norm < 1e-8
    assert (np.diff([f for _, f in result.history]) <= 1e-15).all()


@pytest.mark.parametrize("radius", [0.3, 1.0])
def test_on_a_ball_the_gradient_points_to_its_centre(radius):
    result = si.minimize(si.models.Constrained(MODEL, radius=radius))
    gradient = MODEL.as_target().full_gradient(result.x)
    assert np.linalg.norm(result.x) == pytest.approx(radius, rel=1e-12)
    np.testing.assert_allclose(-gradient / np.linalg.norm(gradient), result.x / radius, atol=1e-7)


def test_a_ball_that_holds_the_optimum_changes_nothing():
    free = si.minimize(MODEL)
    np.testing.assert_allclose(si.minimize(si.models.Constrained(MODEL, radius=100.0)).x, free.x, atol=1e-7)


@pytest.mark.parametrize(
    "rule", [si.optim.SGD(), si.optim.SGD(0.1, momentum=0.9), si.optim.Adam(0.01)], ids=["", "momentum", "Adam"]
)
def test_rules_of_descent_obey(rule):
    best = si.minimize(si.models.Constrained(MODEL, LOW, HIGH))
    result = si.minimize(
        si.models.Constrained(MODEL, LOW, HIGH), rule, picker=si.pickers.Minibatches(10), stop=si.stop.epochs(100), rng=0
    )
    assert ((result.x >= LOW) & (result.x <= HIGH)).all()
    assert result.fun - best.fun < 0.02


@pytest.mark.fast
def test_the_projection_on_both_is_the_nearest_point():
    target = si.models.Constrained(MODEL, LOW, HIGH, radius=0.6).as_target()
    for _ in range(10):
        far = RNG.normal(size=5)
        near = far.copy()
        target.project(near)
        nearest = scipy.optimize.minimize(
            lambda w, v=far: ((w - v) ** 2).sum(), np.clip(np.zeros(5), LOW, HIGH), bounds=list(zip(LOW, HIGH, strict=True)),
            constraints={"type": "ineq", "fun": lambda w: 0.36 - w @ w}, method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
        )  # fmt: skip
        np.testing.assert_allclose(near, nearest.x, atol=1e-5)


def test_a_function_of_the_users_own():
    bowl = si.Function(lambda x: float(((x - 2.0) ** 2).sum()), 3, gradient=lambda x: 2.0 * (x - 2.0))
    np.testing.assert_allclose(si.minimize(si.models.Constrained(bowl, high=[1.0, 3.0, 2.0])).x, [1.0, 2.0, 2.0], atol=1e-8)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: si.models.Constrained(MODEL, low=1.0, high=0.0), "leave no room"),
        (lambda: si.models.Constrained(MODEL, radius=-1.0), "leave no room"),
        (lambda: si.models.Constrained(MODEL, low=0.5, radius=1.0), "the box is 1.11803 away"),
        (lambda: si.models.Constrained(MODEL, low=[0.0, 1.0]), r"arrays of shape \(5,\)"),
        (lambda: si.models.Constrained(si.models.LogisticRegression(X, Y, l1=0.1)), "without an l1 penalty"),
        (lambda: si.minimize(si.models.Constrained(MODEL), si.optim.BFGS()), "BFGS on a constrained problem"),
        (lambda: si.minimize(MODEL, si.optim.ProjectedGradient()), "needs project"),
    ],
)
def test_what_cannot_be_is_named(call, message):
    with pytest.raises(si.StochinfError, match=message):
        call()
