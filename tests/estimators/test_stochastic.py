"""The estimators of linear models by stochastic gradients: scikit-learn's checks, its optima, and partial fits."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

import stochinf as si
from stochinf.estimators import SGDClassifier, SGDRegressor
from stochinf.estimators.stochastic import CLASSIFIERS, REGRESSORS

RNG = np.random.default_rng(9)
X = RNG.normal(size=(500, 4))
SCORES = X @ [1.0, -2.0, 0.5, 0.0] + 0.7
LABELS = np.where(SCORES + RNG.logistic(size=500) > 0, "yes", "no")


@parametrize_with_checks(
    [SGDClassifier(loss, random_state=0) for loss in CLASSIFIERS] + [SGDRegressor(loss, random_state=0) for loss in REGRESSORS]
)
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


def test_chances_are_there_with_the_losses_that_give_them():
    assert hasattr(SGDClassifier(), "predict_proba")
    margins = SGDClassifier("squared_hinge", random_state=0)
    for estimator in (margins, margins.fit(X, LABELS)):
        assert not hasattr(estimator, "predict_proba")
        with pytest.raises(AttributeError, match="predict_proba") as told:
            estimator.predict_proba(X)
        assert "take loss='log_loss'" in str(told.value.__cause__)
    assert margins.score(X, LABELS) > 0.75
    assert hasattr(margins.set_params(loss="log_loss"), "predict_proba")


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


SAGA = {"alpha": 0.01, "rule": si.optim.SAGA(), "max_iter": 150, "random_state": 0}
TIMES = np.arange(500) % 4


@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("by_class", [None, "balanced", {"no": 3.0}], ids=str)
def test_weights_of_rows_are_those_of_scikit_learn(form, by_class):
    classes, counts = np.unique(LABELS, return_counts=True)
    chosen = 500 / (2 * counts) if by_class == "balanced" else [(by_class or {}).get(label, 1.0) for label in classes]
    weights = (TIMES + 0.5) * np.take(chosen, np.searchsorted(classes, LABELS))
    theirs = LogisticRegression(C=1 / (0.01 * weights.sum()), tol=1e-12).fit(X, LABELS, weights)
    ours = SGDClassifier(**SAGA, class_weight=by_class).fit(form(X), LABELS, TIMES + 0.5)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)


def test_a_weight_is_a_repetition_whatever_the_rule():
    often, labels = np.repeat(X, TIMES, axis=0), np.repeat(LABELS, TIMES)
    for told, close in ((SAGA, 1e-5), ({"alpha": 0.01, "random_state": 0, "rule": si.optim.SGD(), "max_iter": 30}, 0.05)):
        weighted = SGDClassifier(**told).fit(X, LABELS, sample_weight=TIMES)
        repeated = SGDClassifier(**told).fit(often, labels)
        np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=close)
    y = SCORES + 0.1 * RNG.normal(size=500)
    weighted = SGDRegressor(random_state=0).fit(X, y, sample_weight=TIMES)
    np.testing.assert_allclose(weighted.coef_, SGDRegressor(random_state=0).fit(often, np.repeat(y, TIMES)).coef_, rtol=1e-9)


def test_few_rows_are_fitted_exactly_in_as_many_passes_at_most():
    ours = SGDClassifier(alpha=0.01).fit(X, LABELS)
    theirs = LogisticRegression(C=1 / (500 * 0.01), tol=1e-12, solver="newton-cholesky").fit(X, LABELS)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7)
    assert ours.gap_[0] < 1e-12
    assert 1 < ours.n_iter_ < 10
    assert SGDClassifier(alpha=0.01, max_iter=2).fit(X, LABELS).n_iter_ == 2
    assert SGDClassifier(alpha=0.01, max_iter=3000).fit(X, LABELS).n_iter_ == 3000


def test_weights_of_rows_in_partial_fits_are_those_of_classes():
    by_class, by_row = SGDClassifier(random_state=0, class_weight={"no": 5.0}), SGDClassifier(random_state=0)
    by_class.partial_fit(X, LABELS, classes=["no", "yes"])
    by_row.partial_fit(X, LABELS, classes=["no", "yes"], sample_weight=np.where(LABELS == "no", 5.0, 1.0))
    np.testing.assert_array_equal(by_class.coef_, by_row.coef_)


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
        (lambda: SGDClassifier().fit(X, LABELS, np.zeros(500)), "weights of all rows are 0|Sample weights must contain"),
        (lambda: SGDClassifier().fit(X, LABELS, np.full(500, -1.0)), "Negative values in data passed to `sample_weight`"),
        (lambda: SGDRegressor().fit(X, SCORES, np.ones(3)), "sample_weight.shape"),
        (lambda: SGDRegressor().fit(X, SCORES, np.full(500, np.nan)), "sample_weight contains NaN"),
    ],
)
def test_what_cannot_be_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
