"""Weights of rows and classes: those of repeated rows, scikit-learn's answers, optimality; the gap of multinomial regression."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import linear_model

import stochinf as si
from stochinf.models.multinomial_gap import balanced_chances

RNG = np.random.default_rng(11)
N, D = 40, 3
X = RNG.normal(size=(N, D))
TIMES = np.array([0, 1, 2, 3] * 10)
LABELS = (X[:, 0] + RNG.normal(size=N) > 0.4).astype(int)
RESPONSES = {
    "LinearRegression": X @ [1.0, -2.0, 0.0] + RNG.normal(size=N),
    "LogisticRegression": LABELS,
    "PoissonRegression": RNG.poisson(2.0, size=N),
    "SquaredHinge": LABELS,
    "MultinomialRegression": RNG.integers(0, 3, size=N),
}


def models(name, l1=0.0, l2=0.1):
    """A weighted model, and the one of repeated rows."""
    kind, y = getattr(si.models, name), RESPONSES[name]
    weighted = kind(X, y, l2=l2, l1=l1, intercept=True, sample_weight=TIMES)
    return weighted, kind(np.repeat(X, TIMES, axis=0), np.repeat(y, TIMES), l2=l2, l1=l1, intercept=True)


@pytest.mark.fast
@pytest.mark.parametrize("name", RESPONSES)
def test_weights_are_repetitions(name):
    ours, theirs = (model.as_target() for model in models(name, l1=0.02))
    w = RNG.normal(size=ours.dim)
    assert ours.objective(w) == pytest.approx(theirs.objective(w), rel=1e-13)
    np.testing.assert_allclose(ours.full_gradient(w), theirs.full_gradient(w), rtol=1e-11, atol=1e-14)
    assert ours.certificate(w).bound == pytest.approx(theirs.certificate(w).bound, rel=1e-11)
    assert ours.row_smoothness() >= theirs.row_smoothness() * (1 - 1e-12)


@pytest.mark.fast
def test_a_weighted_model_is_made_again_from_its_recipe():
    model = models("LogisticRegression")[0]
    assert repr(model).endswith("intercept=True, weighted)")
    again = si.models.LogisticRegression(**model.recipe())
    assert np.array_equal(again.sample_weight, model.sample_weight)
    assert again.sample_weight.mean() == pytest.approx(1.0)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("by_class", [None, "balanced", {0: 0.5, 1: 3.0}], ids=str)
def test_logistic_regression_is_that_of_scikit_learn(form, by_class):
    model = si.models.LogisticRegression(form(X), LABELS, 0.05, intercept=True, sample_weight=TIMES + 0.5, class_weight=by_class)
    counts = np.bincount(LABELS)
    chosen = {0: N / (2 * counts[0]), 1: N / (2 * counts[1])} if by_class == "balanced" else by_class or {0: 1.0, 1: 1.0}
    weights = (TIMES + 0.5) * np.array([chosen[label] for label in LABELS])
    peer = linear_model.LogisticRegression(C=1 / (weights.sum() * 0.05), solver="newton-cholesky", tol=1e-13)
    peer.fit(X, LABELS, sample_weight=weights)
    ours = si.minimize(model)
    assert ours.reason.startswith("Newton")
    assert 0 <= ours.gap < 1e-12
    np.testing.assert_allclose(ours.x, [*peer.coef_[0], peer.intercept_[0]], atol=1e-8)


def test_ridge_and_poisson_regression_are_those_of_scikit_learn():
    ridge = linear_model.Ridge(0.1 * TIMES.sum()).fit(X, RESPONSES["LinearRegression"], sample_weight=TIMES)
    ours = si.minimize(models("LinearRegression")[0]).x
    np.testing.assert_allclose(ours, [*ridge.coef_, ridge.intercept_], atol=1e-8)
    poisson = linear_model.PoissonRegressor(alpha=0.1, tol=1e-13, solver="newton-cholesky")
    poisson.fit(X, RESPONSES["PoissonRegression"], sample_weight=TIMES)
    ours = si.minimize(models("PoissonRegression")[0]).x
    np.testing.assert_allclose(ours, [*poisson.coef_, poisson.intercept_], atol=1e-8)


def test_weighted_lassos_are_those_of_repeated_rows():
    weighted, repeated = models("LinearRegression", l1=0.2, l2=0.0)
    rule = si.optim.WorkingSets(1e-14)
    ours, theirs = (si.minimize(model, rule) for model in (weighted, repeated))
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-8)
    assert (ours.x == 0).any()


def test_stochastic_rules_come_to_the_weighted_optimum():
    model = models("LogisticRegression")[0]
    best = si.minimize(model)
    result = si.minimize(model, si.optim.SAGA(), stop=si.stop.epochs(300), rng=0)
    assert result.fun - best.fun <= 1e-12
    rough = si.minimize(model, si.optim.SGD(), stop=si.stop.epochs(20), rng=0)
    assert 0 <= rough.fun - best.fun <= min(rough.gap, 0.02)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sample_weight": -np.ones(N)}, r"sample_weight\[0\] = -1.0: finite numbers of at least 0"),
        ({"sample_weight": np.zeros(N)}, "the weights of all rows are 0"),
        ({"sample_weight": np.ones(3)}, "3 labels for 40 rows"),
        ({"class_weight": {7: 1.0}}, "class_weight has the class 7; the labels are"),
        ({"class_weight": {0: np.nan}}, "class_weight of 0 is nan"),
        ({"class_weight": "equal"}, "class_weight = 'equal'; a dict"),
    ],
)
def test_bad_weights_are_named(given, message):
    with pytest.raises(si.StochinfError, match=message):
        si.models.LogisticRegression(X, LABELS, **given)
    with pytest.raises(si.StochinfError, match="no classes; give sample_weight"):
        si.models.LinearRegression(X, LABELS, class_weight={0: 1.0})


@pytest.mark.fast
def test_balanced_chances_are_chances_with_the_sums_of_the_data():
    p = RNG.dirichlet(np.ones(4), size=30)
    own, weights = np.eye(4)[RNG.integers(0, 4, size=30)], RNG.random(30)
    q = balanced_chances(p, own, weights)
    assert q.min() >= 0
    np.testing.assert_allclose(q.sum(axis=1), 1.0, rtol=1e-13)
    np.testing.assert_allclose(weights @ q, weights @ own, rtol=1e-12)
    assert balanced_chances(own, own, weights) is own


@pytest.mark.parametrize(("l1", "l2"), [(0.02, 0.0), (0.02, 0.05), (0.0, 0.05)])
@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
def test_the_gap_of_multinomial_regression_bounds_what_is_left(l1, l2, intercept):
    y = RESPONSES["MultinomialRegression"]
    model = si.models.MultinomialRegression(X, y, l2, l1, intercept, sample_weight=TIMES + 1.0)
    target = model.as_target()
    best = si.minimize(model, si.optim.SAGA(), stop=si.stop.epochs(6000), rng=0)
    assert 0 <= best.gap < 1e-12
    assert target.certificate(best.x).kind == ("gap" if l1 else "grad_norm")
    for scale in (1e-6, 1e-3, 0.1, 1.0, 30.0):
        for _ in range(5):
            w = best.x + scale * RNG.normal(size=best.x.size)
            assert target.objective(w) - best.fun <= target.certificate(w).bound
