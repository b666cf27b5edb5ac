"""The estimator: scikit-learn's checks, exact likelihoods, learning, batches, errors."""

import warnings
from typing import Any

import numpy as np
import pytest
from rbm.tiny import Machine, machine, states
from scipy.ndimage import shift
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import stochinf as si

DATA = np.repeat([[0, 0, 1.0], [1, 1, 0], [1, 0, 1]], 20, axis=0)


@pytest.mark.filterwarnings("ignore:RBM. column")
@pytest.mark.filterwarnings("ignore:.*check_sample_weights")
@parametrize_with_checks([si.RBM(5, n_iter=5, batch_size=10)])
def test_scikit_learn(estimator, check) -> None:
    check(estimator)


def holding(model: Machine) -> si.RBM:
    """An estimator with given parameters."""
    rbm = si.RBM(len(model.hidden_bias), n_iter=1).fit(np.zeros((2, len(model.visible_bias))))
    rbm.weights_, rbm.visible_bias_, rbm.hidden_bias_ = model.weights.T, model.visible_bias, model.hidden_bias
    return rbm


@pytest.mark.fast
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_free_energy_and_pseudo_likelihood_are_exact(scale: float) -> None:
    model, v = machine(2, 4, 3, scale), states(4)
    rbm = holding(model)
    energy = model.free_energy(v)
    np.testing.assert_allclose(rbm.free_energy(v), energy, rtol=1e-10)
    flips = np.array([model.free_energy(np.abs(v - unit)) for unit in np.eye(4)])
    exact = -np.logaddexp(0, energy - flips).sum(axis=0)
    np.testing.assert_allclose(rbm.score_samples(v), exact, rtol=1e-8)
    np.testing.assert_allclose(rbm.score_samples(csr_array(v)), exact, rtol=1e-8)
    np.testing.assert_allclose(rbm.free_energy(csr_array(v)), energy, rtol=1e-10)
    np.testing.assert_allclose(rbm.transform(v), model.hidden(v), rtol=1e-10)
    assert rbm.score(v) == pytest.approx(exact.mean())


def test_conditionals_multiply_to_the_pseudo_likelihood() -> None:
    model, v = machine(4, 3, 2), states(3)
    table = model.joint().sum(axis=1).reshape(2, 2, 2)
    conditionals = [np.log(table / table.sum(axis=axis, keepdims=True)) for axis in range(3)]
    np.testing.assert_allclose(holding(model).score_samples(v), np.sum(conditionals, axis=0).ravel(), rtol=1e-10)


def test_learns_digits() -> None:
    images, digits = load_digits().images[:1000] / 16.0, load_digits().target[:1000]
    shifts = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    X = np.concatenate([shift(images, (0, *by), order=0) for by in shifts]).reshape(-1, 64)
    train, test, train_y, test_y = train_test_split(X, np.tile(digits, 5), test_size=0.4, random_state=0)
    plain = {"algorithm": "cd", "centered": False, "learning_rate": 0.06, "batch_size": 10}
    rbm = si.RBM(100, n_iter=30, random_state=0, **plain).fit(train)
    binary = (test > 0.5).astype(float)
    p = np.clip((train > 0.5).mean(axis=0), 0.001, 0.999)
    independent = (binary * np.log(p) + (1 - binary) * np.log(1 - p)).sum(axis=1).mean()
    assert rbm.score(binary) > independent + 5
    raw = LogisticRegression(C=10.0, solver="newton-cg", tol=0.003).fit(train, train_y).score(test, test_y)
    pipeline = make_pipeline(clone(rbm), LogisticRegression(C=10.0, solver="newton-cg", tol=0.003))
    assert pipeline.fit(train, train_y).score(test, test_y) > raw + 0.05


def test_untouched_defaults_learn_at_least_as_well_as_plain_contrastive_divergence() -> None:
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = (X[order] / 16.0).astype(np.float32), y[order]
    plain = si.RBM(100, algorithm="cd", centered=False, learning_rate=0.06, batch_size=10, random_state=0)
    likelihood, accuracy = [], []
    for rbm in (plain, si.RBM(100, random_state=0), si.RBM(100, batch_size=10, random_state=0)):
        rbm.fit(X[:1000])
        likelihood.append(rbm.score((X[1000:] > 0.5).astype(np.float32)))
        reader = LogisticRegression(max_iter=1000, tol=1e-3).fit(rbm.transform(X[:1000]), y[:1000])
        accuracy.append(reader.score(rbm.transform(X[1000:]), y[1000:]))
    assert min(likelihood[1:]) > likelihood[0]
    assert min(accuracy[1:]) > max(0.88, accuracy[0] - 0.01)


@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
@pytest.mark.parametrize(("n", "batch"), [(1000, 10), (1001, 500), (1000, 3000)])
def test_remainders_and_large_chunks_do_not_drift(fit: str, n: int, batch: int) -> None:
    X = (np.random.default_rng(0).random((n, 20)) < 0.3).astype(float)
    rbm = si.RBM(5, batch_size=batch, learning_rate=0.1, n_iter=20, random_state=0)
    for _ in range(20 if fit == "partial_fit" else 1):
        getattr(rbm, fit)(X)
    means = expit(rbm.intercept_visible_ + rbm.components_.T @ expit(rbm.intercept_hidden_ + rbm.components_ @ X.mean(axis=0)))
    assert np.abs(means - 0.3).max() < 0.1
    assert np.abs(rbm.components_).max() < 1
    assert rbm.n_iter_ == 20


def parameters(rbm: si.RBM) -> np.ndarray:
    return np.concatenate([rbm.components_.ravel(), rbm.intercept_visible_, rbm.intercept_hidden_])


def test_same_seed_same_bits() -> None:
    rbm = si.RBM(3, batch_size=7, n_iter=4, random_state=5)
    once, again = parameters(clone(rbm).fit(DATA)), parameters(clone(rbm).fit(DATA))
    assert np.array_equal(once, again)
    np.testing.assert_allclose(once, parameters(clone(rbm).fit(csr_array(DATA))), atol=1e-6)  # sums in another order
    assert np.array_equal(once, parameters(clone(rbm).fit(DATA.astype(np.float32))))
    assert not np.array_equal(once, parameters(clone(rbm).set_params(random_state=6).fit(DATA)))
    for kind in (np.random.RandomState, np.random.default_rng):
        pair = [parameters(clone(rbm).set_params(random_state=kind(5)).fit(DATA)) for _ in range(2)]
        assert np.array_equal(*pair)
    shared = np.random.default_rng(5)
    assert not np.array_equal(*(parameters(clone(rbm).set_params(random_state=shared).fit(DATA)) for _ in range(2)))


def test_chunks_go_on_where_the_last_one_ended() -> None:
    def chunked(rows, rate=0.05, times=3):
        rbm = si.RBM(3, batch_size=8, learning_rate=rate, random_state=1)
        for _ in range(times):
            assert rbm.partial_fit(rows) is rbm
        return parameters(rbm)

    assert np.array_equal(chunked(DATA), chunked(DATA))
    np.testing.assert_allclose(chunked(DATA), chunked(csr_array(DATA)), atol=1e-5)
    assert not np.array_equal(chunked(DATA, times=2), chunked(DATA, times=3))
    falling = si.schedules.Step(8, 1e-9)
    np.testing.assert_allclose(chunked(DATA, falling, 1), chunked(DATA, falling, 3), atol=1e-6)


def test_schedules_and_single_precision() -> None:
    still = si.RBM(3, learning_rate=1e-9 * si.schedules.Linear(10), n_iter=3, random_state=0).fit(DATA.astype(np.float32))
    start = clone(still).set_params(n_iter=1).fit(DATA.astype(np.float32))
    np.testing.assert_allclose(still.components_, start.components_, atol=1e-6)
    assert {a.dtype for a in (still.components_, still.intercept_visible_, still.intercept_hidden_)} == {np.dtype(np.float32)}
    assert still.transform(DATA.astype(np.float32)).dtype == np.float32
    assert still.transform(DATA).dtype == np.float64
    assert still.get_feature_names_out().tolist() == ["rbm0", "rbm1", "rbm2"]


def test_a_lost_training_keeps_the_last_finite_parameters() -> None:
    with pytest.warns(si.ConvergenceWarning, match="no longer finite after pass 1"):
        rbm = si.RBM(3, learning_rate=1e300, random_state=0).fit(DATA)
    assert np.isfinite(parameters(rbm)).all()
    assert rbm.n_iter_ == 0
    kept = si.RBM(3, random_state=0).partial_fit(DATA)
    before = parameters(kept)
    with pytest.warns(si.ConvergenceWarning, match="no longer finite"):
        kept.set_params(learning_rate=1e300).partial_fit(DATA)
    assert np.array_equal(before, parameters(kept))


def test_values_that_are_no_probabilities_are_pointed_out() -> None:
    with pytest.warns(UserWarning, match="column 0 of X has values from 0 to 2;"):
        si.RBM(2, n_iter=1).fit(2 * DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        si.RBM(2, n_iter=1).fit(DATA)


WRONG: list[tuple[dict[str, Any], Any, str]] = [
    ({"n_components": 0}, DATA, "n_components = 0"),
    ({"n_components": 2.5}, DATA, "n_components = 2.5"),
    ({"n_components": True}, DATA, "n_components = True"),
    ({"n_components": 10**9}, np.zeros((2, 10**4)), "1000000000 units"),
    ({"k": 0}, DATA, "k = 0"),
    ({"n_iter": 0}, DATA, "n_iter = 0"),
    ({"batch_size": -1}, DATA, "batch_size = -1"),
    ({"learning_rate": 0.0}, DATA, "learning_rate = 0.0"),
    ({"learning_rate": np.nan}, DATA, "learning_rate = nan"),
    ({"learning_rate": "fast"}, DATA, "learning_rate = 'fast'"),
    ({"algorithm": "exact"}, DATA, "algorithm = 'exact': one of 'cd'"),
    ({"algorithm": None}, DATA, "algorithm = None"),
    ({"random_state": "seed"}, DATA, "random_state = 'seed'"),
    ({"random_state": -1}, DATA, "random_state = -1|Seed must be"),
    ({}, np.array([[0.0, np.nan]]), "NaN"),
    ({}, np.array([[0.0, np.inf]]), "infinity"),
    ({}, np.array([[0.0, 1e300]]), "too large for float32"),
    ({}, np.empty((0, 3)), "0 sample"),
    ({}, np.array([0.0, 1.0]), "2D"),
    ({}, csr_array(np.array([[0.0, np.nan]])), "NaN"),
]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("method", "change", "X", "message"),
    [("fit", *case) for case in WRONG] + [("partial_fit", *case) for case in WRONG if "n_iter" not in case[0]],
)
def test_errors_name_the_culprit(method: str, change, X, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message), np.errstate(all="ignore"):
        getattr(si.RBM(3).set_params(**change), method)(X)


@pytest.mark.fast
def test_a_refused_fit_leaves_a_fitted_estimator_as_it_was() -> None:
    rbm = holding(machine(2, 3, 2))
    before = parameters(rbm)
    with pytest.raises(si.StochinfError):
        rbm.partial_fit(np.zeros((2, 4)))
    with pytest.raises(si.StochinfError):
        rbm.transform(np.zeros((2, 4)))
    assert np.array_equal(before, parameters(rbm))
