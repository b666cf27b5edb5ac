"""Newton's method: scipy's optima, one step on a quadratic, regularisation where the Hessian is not definite."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp

import stochinf as si
from stochinf.engine.jit import entry
from stochinf.optim.cholesky import solve_regularised

RNG = np.random.default_rng(11)
X = RNG.normal(size=(60, 4)) * (RNG.random((60, 4)) < 0.7)
SCORES = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = np.where(SCORES + RNG.logistic(size=60) > 0, "yes", "no")
COUNTS = RNG.poisson(np.exp(0.3 * SCORES))
L2 = 0.03
MODELS = {
    "logistic": (si.models.LogisticRegression, LABELS),
    "least squares": (si.models.LinearRegression, SCORES + RNG.normal(size=60)),
    "poisson": (si.models.PoissonRegression, COUNTS),
    "squared hinge": (si.models.SquaredHinge, LABELS),
}


@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("name", MODELS)
def test_it_finds_the_optimum_that_scipy_finds(name, form, intercept):
    make, y = MODELS[name]
    model = make(form(X), y, l2=L2, intercept=intercept)
    result = si.minimize(model, si.optim.Newton())
    target = model.as_target()
    best = scipy.optimize.minimize(
        target.objective, np.zeros(target.dim), jac=target.full_gradient, method="BFGS", options={"gtol": 1e-9}
    )
    assert result.success
    assert result.message.startswith("converged")
    assert result.nit < 15
    np.testing.assert_allclose(result.x, best.x, atol=2e-7)
    assert result.fun <= best.fun + 1e-15
    assert 0 <= result.gap < 1e-12
    assert result.fun == pytest.approx(target.objective(result.x), rel=1e-14)
    assert np.all(np.diff([f for _, f in result.history]) <= 1e-15)


def test_a_quadratic_takes_one_step():
    model = si.models.LinearRegression(X, SCORES, l2=0.1)
    result = si.minimize(model, si.optim.Newton(), stop=si.stop.steps(1))
    np.testing.assert_allclose(result.x, np.linalg.solve(X.T @ X / 60 + 0.1 * np.eye(4), X.T @ SCORES / 60), rtol=1e-12)


def test_columns_of_zeros_and_copies_of_columns_do_no_harm():
    wide = np.column_stack([X, np.zeros(60), X[:, 0], np.ones(60), np.ones(60)])
    result = si.minimize(si.models.LogisticRegression(wide, LABELS), si.optim.Newton())
    narrow = si.minimize(si.models.LogisticRegression(X, LABELS, intercept=True), si.optim.Newton())
    assert result.success
    assert result.fun == pytest.approx(narrow.fun, abs=1e-10)


def rosenbrock(x):
    return float(100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2)


def slope(x):
    return np.array([-400.0 * x[0] * (x[1] - x[0] ** 2) - 2.0 * (1.0 - x[0]), 200.0 * (x[1] - x[0] ** 2)])


@pytest.mark.parametrize("start", [[-1.2, 1.0], [0.0, 3.0]])
def test_a_function_whose_hessian_is_indefinite_on_the_way(start):
    result = si.minimize(si.Function(rosenbrock, 2, gradient=slope), si.optim.Newton(), start)
    assert result.success
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=1e-6)
    assert result.fun < 1e-12


@entry
def regularised(square, factor, right, out):
    """Solve."""
    return solve_regularised(square, factor, right, out)


def test_the_least_multiple_of_ten_that_makes_the_matrix_definite_is_added():
    square, out = np.array([[1.0, 0.0], [3.0, 1.0]]), np.zeros(2)
    added = regularised(square, np.zeros((2, 2)), np.array([1.0, 2.0]), out)
    assert added == pytest.approx(10.0)
    np.testing.assert_allclose(out, np.linalg.solve([[11.0, 3.0], [3.0, 11.0]], [1.0, 2.0]), rtol=1e-13)
    assert regularised(np.eye(2), np.zeros((2, 2)), np.array([1.0, 2.0]), out) == 0.0


@pytest.mark.fast
def test_an_l1_penalty_is_refused_by_name():
    with pytest.raises(si.StochinfError, match=r"Newton: l1 = 0\.1, a penalty without a gradient"):
        si.minimize(si.models.LogisticRegression(X, LABELS, l1=0.1), si.optim.Newton())


@pytest.mark.fast
def test_the_choice_says_why():
    result = si.minimize(si.models.LinearRegression(X, SCORES, l2=L2))
    assert result.reason.startswith("Newton: 4 coefficients")
    with pytest.raises(si.StochinfError, match="rule = 'best'"):
        si.minimize(si.models.LinearRegression(X, SCORES), "best")
