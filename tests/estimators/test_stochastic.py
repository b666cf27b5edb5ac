"""The estimators of linear models by stochastic gradients: scikit-learn's checks, its optima, and partial fits."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

import stochinf as si
from stochinf.estimators import SGDClassifier, SGDRegressor

RNG = np.random.default_rng(9)
X = RNG.normal(size=(500, 4))
SCORES = X @ [1.0, -2.0, 0.5, 0.0] + 0.7
LABELS = np.where(SCORES + RNG.logistic(size=500) > 0, "yes", "no")


@parametrize_with_checks([SGDClassifier(random_state=0), SGDRegressor(random_state=0)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix, lambda rows: sp.csr_array(rows).astype(np.float32)])
def test_it_comes_near_logistic_regression(form):
    theirs = LogisticRegression(C=1 / (500 * 0.01), tol=1e-10).fit(X, LABELS)
    ours = SGDClassifier(alpha=0.01, max_iter=30, random_state=0).fit(form(X), LABELS)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=0.05)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=0.02)
    assert ours.classes_.tolist() == ["no", "yes"]
    assert 0 <= ours.gap_[0] < 0.01


def test_int64_indices_are_no_trouble():
    rows = sp.csr_matrix(X)
    rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    np.testing.assert_array_equal(
        SGDClassifier(random_state=0).fit(rows, LABELS).coef_, SGDClassifier(random_state=0).fit(sp.csr_matrix(X), LABELS).coef_
    )


def test_another_rule_comes_closer():
    theirs = LogisticRegression(C=1 / (500 * 0.01), tol=1e-10).fit(X, LABELS)
    ours = SGDClassifier(alpha=0.01, rule=si.optim.SAGA(), max_iter=60, random_state=0).fit(X, LABELS)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    sparse = SGDClassifier(alpha=0.0, l1=0.1, max_iter=60, random_state=0).fit(X, LABELS)
    assert (sparse.coef_ == 0).any()


@pytest.mark.parametrize("weights", ["balanced", {"no": 3.0}])
def test_class_weights_are_those_of_scikit_learn(weights):
    total = 500 if weights == "balanced" else 500 + 2 * (LABELS == "no").sum()
    theirs = LogisticRegression(C=1 / (0.01 * total), class_weight=weights, tol=1e-12).fit(X, LABELS)
    ours = SGDClassifier(alpha=0.01, rule=si.optim.SAGA(), max_iter=150, random_state=0, class_weight=weights).fit(X, LABELS)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)


def test_class_weights_count_in_partial_fits():
    heavy, light = (SGDClassifier(random_state=0, class_weight={"no": w}) for w in (10.0, 0.1))
    for estimator in (heavy, light):
        for _ in range(3):
            estimator.partial_fit(X, LABELS, classes=["no", "yes"])
    assert (heavy.predict(X) == "no").mean() > (light.predict(X) == "no").mean() + 0.2
    with pytest.raises(si.StochinfError, match="class_weight = 'balanced' in partial_fit"):
        SGDClassifier(class_weight="balanced").partial_fit(X, LABELS, classes=["no", "yes"])


def test_regression_comes_near_ridge():
    y = SCORES + 0.1 * RNG.normal(size=500)
    theirs = Ridge(alpha=500 * 1e-3).fit(X, y)
    ours = SGDRegressor(alpha=1e-3, max_iter=20, random_state=0).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=0.01)
    assert ours.score(X, y) > 0.99


def test_three_classes():
    rows, y = load_iris(return_X_y=True)
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    ours = SGDClassifier(random_state=0, max_iter=30).fit(rows, y)
    assert ours.coef_.shape == (3, 4)
    assert ours.score(rows, y) > 0.9
    np.testing.assert_allclose(ours.predict_proba(rows).sum(axis=1), 1.0)


def test_partial_fits_go_on_where_the_rates_stood():
    rule = si.optim.SGD(0.5 * si.schedules.Linear(500))
    chunks = SGDClassifier(rule=rule, random_state=0)
    for part in np.split(np.arange(500), 5):
        chunks.partial_fit(X[part], LABELS[part], classes=["no", "yes"])
    assert chunks.n_iter_ == 5
    assert chunks.score(X, LABELS) > 0.75
    before = chunks.coef_.copy()
    chunks.partial_fit(X[:100], LABELS[:100])
    np.testing.assert_allclose(chunks.coef_, before, atol=0.05)
    alone = LABELS == "yes"
    chunks.partial_fit(X[alone], LABELS[alone])
    assert np.isfinite(chunks.coef_).all()


def test_a_stream_of_chunks_without_a_rate_comes_near_the_whole():
    whole = LogisticRegression(C=1 / (500 * 1e-2), tol=1e-10).fit(X, LABELS)
    chunks = SGDClassifier(alpha=1e-2, random_state=0)
    for _ in range(5):
        for part in np.split(np.arange(500), 5):
            chunks.partial_fit(X[part], LABELS[part], classes=["no", "yes"])
    np.testing.assert_allclose(chunks.coef_, whole.coef_, atol=0.3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SGDClassifier(loss="hinge").fit(X, LABELS), "loss = 'hinge': one of 'log_loss', 'squared_hinge'"),
        (lambda: SGDClassifier(max_iter=0).fit(X, LABELS), "max_iter = 0"),
        (lambda: SGDClassifier().partial_fit(X, LABELS), "classes are needed"),
        (lambda: SGDClassifier().partial_fit(X, LABELS, classes=["no", "maybe"]), "'yes' is not among the classes"),
        (lambda: SGDClassifier("squared_hinge", random_state=0).fit(X, LABELS).predict_proba(X), "gives no chances"),
    ],
)
def test_what_cannot_be_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
