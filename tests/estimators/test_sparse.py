"""The sparse estimators: scikit-learn's checks, its coefficients, warm starts; and the Lasso's path."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import linear_model
from sklearn.utils.estimator_checks import parametrize_with_checks

import stochinf as si
from stochinf.estimators import ElasticNet, Lasso, SparseLogistic

RNG = np.random.default_rng(4)
X = RNG.normal(size=(80, 30)) * (RNG.random((80, 30)) < 0.5) + 0.5
Y = X[:, :3] @ [1.0, -2.0, 0.5] + 3.0 + 0.1 * RNG.normal(size=80)
LABELS = np.where(np.median(Y) < Y, "yes", "no")


@pytest.mark.filterwarnings("ignore:.*SparseLogistic")
@parametrize_with_checks([Lasso(0.1), ElasticNet(0.1), SparseLogistic(0.01)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, sp.csc_matrix, sp.csr_array])
def test_coefficients_are_those_of_scikit_learn(form, intercept):
    ours = Lasso(0.05, fit_intercept=intercept, tol=1e-10).fit(form(X), Y)
    theirs = linear_model.Lasso(0.05, fit_intercept=intercept, tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-4)
    np.testing.assert_allclose(ours.predict(form(X)), theirs.predict(X), atol=2e-3)
    assert ours.dual_gap_ <= 1e-10 * np.mean(Y**2)
    net = ElasticNet(0.05, l1_ratio=0.3, fit_intercept=intercept, tol=1e-10).fit(form(X), Y)
    other = linear_model.ElasticNet(0.05, l1_ratio=0.3, fit_intercept=intercept, tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(net.coef_, other.coef_, atol=2e-4)


def test_logistic_coefficients_are_those_of_scikit_learn():
    ours = SparseLogistic(0.02, tol=1e-10).fit(X, LABELS)
    theirs = linear_model.LogisticRegression(l1_ratio=1.0, C=1 / (80 * 0.02), solver="saga", tol=1e-9, max_iter=100_000)
    theirs.fit(X - X.mean(axis=0), LABELS)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X - X.mean(axis=0)), atol=1e-3)


def test_a_warm_start_goes_on():
    estimator = Lasso(0.1, warm_start=True, tol=1e-10).fit(X, Y)
    first = estimator.n_iter_
    estimator.set_params(alpha=0.0999).fit(X, Y)
    cold = Lasso(0.0999, tol=1e-10).fit(X, Y)
    assert estimator.n_iter_ <= first
    np.testing.assert_allclose(estimator.coef_, cold.coef_, atol=1e-4)


def test_what_does_not_converge_is_said():
    with pytest.warns(si.ConvergenceWarning, match="1 steps"):
        Lasso(1e-4, max_iter=1, tol=1e-12).fit(X, Y)
    with pytest.raises(si.StochinfError, match="l1_ratio = 2"):
        ElasticNet(1.0, l1_ratio=2).fit(X, Y)


@pytest.mark.parametrize("form", [np.asarray, sp.csc_array])
@pytest.mark.parametrize("intercept", [False, True])
def test_every_point_of_a_path_is_optimal(form, intercept):
    path = si.lasso_path(form(X), Y, points=30, ratio=0.01, intercept=intercept, tolerance=1e-8)
    assert path.coefficients.shape == (30, 30)
    assert not path.coefficients[0].any()
    for k in (0, 3, 24, 25, 29):
        target = si.models.Lasso(X, Y, path.alphas[k], intercept=intercept).as_target()
        x = np.append(path.coefficients[k], path.intercepts[k]) if intercept else path.coefficients[k]
        assert target.objective(x) == pytest.approx(path.objectives[k], rel=1e-10)
        assert target.certificate(x).bound <= 1.01 * path.gaps[k] + 1e-12
        assert path.gaps[k] <= 1e-8 * np.mean(Y**2)


def test_threads_do_not_change_a_path():
    one, two = (si.lasso_path(X, Y, points=60, ratio=0.05, threads=threads) for threads in (1, 2))
    assert one.coefficients.tobytes() == two.coefficients.tobytes()


@pytest.mark.fast
def test_bad_paths_are_named():
    with pytest.raises(si.StochinfError, match="ratio = 2"):
        si.lasso_path(X, Y, ratio=2)
    with pytest.raises(si.StochinfError, match="positive"):
        si.lasso_path(X, Y, [0.0])
