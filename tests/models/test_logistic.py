"""Logistic regression: oracles against numpy, data in every form, and what is refused."""

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf.engine.checkpoint import describe, rebuild
from stochinf.models.design import CompressedRows
from stochinf.models.linear import largest_eigenvalue, squared_norms
from stochinf.models.losses import log_loss, misfit

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 6)) * (RNG.random((40, 6)) < 0.6)
Y = RNG.integers(0, 2, 40)
SIGNS = np.where(Y == 1, 1.0, -1.0)
L2 = 0.07
W = RNG.normal(size=6)

FORMS = {
    "dense": X, "csr": sp.csr_array(X), "csc": sp.csc_array(X), "coo": sp.coo_array(X), "lil": sp.lil_array(X),
    "dok": sp.dok_array(X), "bsr": sp.bsr_array(X), "dia": sp.dia_array(X), "matrix": sp.csr_matrix(X),
}  # fmt: skip


def objective(w, rows=slice(None)):
    return np.mean(np.logaddexp(0.0, -SIGNS[rows] * (X[rows] @ w))) + 0.5 * L2 * w @ w


def gradient(w, rows=slice(None)):
    slopes = -SIGNS[rows] / (1.0 + np.exp(SIGNS[rows] * (X[rows] @ w)))
    return X[rows].T @ slopes / slopes.size + L2 * w


@pytest.mark.fast
@pytest.mark.parametrize("form", FORMS)
def test_value_and_gradient_equal_numpy(form):
    target = si.models.LogisticRegression(FORMS[form], Y, l2=L2).as_target()
    out = np.empty(6)
    for point, rows in ((3, [3]), (np.array([7, 0, 7]), [7, 0, 7]), (np.arange(40), slice(None))):
        assert target.value(W, point) == pytest.approx(objective(W, rows), rel=1e-13)
        target.gradient(W, point, out)
        np.testing.assert_allclose(out, gradient(W, rows), rtol=1e-12, atol=1e-15)
    assert target.log_density(W) == pytest.approx(-40 * objective(W), rel=1e-13)
    assert target.log_density_gradient(W, out) == pytest.approx(-40 * objective(W), rel=1e-13)
    np.testing.assert_allclose(out, -40 * gradient(W), rtol=1e-12, atol=1e-14)


@pytest.mark.fast
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_gradient_agrees_with_finite_differences(form):
    target = si.models.LogisticRegression(FORMS[form], Y, l2=L2).as_target()
    steps = 1e-5 * np.eye(6)
    differences = [(target.objective(W + e) - target.objective(W - e)) / 2e-5 for e in steps]
    np.testing.assert_allclose(target.full_gradient(W), differences, rtol=1e-7, atol=1e-9)
    assert target.certificate(W) == pytest.approx(np.linalg.norm(gradient(W)), rel=1e-12)


@pytest.mark.fast
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_the_mean_of_minibatch_gradients_over_an_epoch_is_the_full_gradient(form):
    target = si.models.LogisticRegression(FORMS[form], Y, l2=L2).as_target()
    batches, out = np.random.default_rng(1).permutation(40).reshape(8, 5), np.empty(6)
    total = np.zeros(6)
    for batch in batches:
        target.gradient(W, batch, out)
        total += out
    np.testing.assert_allclose(total / 8, target.full_gradient(W), rtol=1e-12, atol=1e-14)


@pytest.mark.fast
def test_no_margin_overflows():
    with np.errstate(all="raise"):
        assert log_loss(1e4) == 0.0
        assert log_loss(-1e4) == 1e4
        assert misfit(1e4) == 0.0
        assert misfit(-1e4) == 1.0
        assert log_loss(-750.0) == 750.0
    for margin in (-30.0, -1.0, 0.0, 0.3, 20.0):
        assert log_loss(margin) == pytest.approx(np.logaddexp(0.0, -margin), rel=1e-15)
        assert misfit(margin) == pytest.approx(1 / (1 + np.exp(margin)), rel=1e-14)


@pytest.mark.fast
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_smoothness_bounds_the_curvature_at_zero(form):
    target = si.models.LogisticRegression(FORMS[form], Y, l2=L2).as_target()
    curvature = np.linalg.eigvalsh(X.T @ X / 160 + L2 * np.eye(6))[-1]
    assert target.smoothness().full == pytest.approx(curvature, rel=1e-12)
    assert target.smoothness().row == pytest.approx((X**2).sum(axis=1).max() / 4 + L2, rel=1e-14)
    assert target.smoothness().row >= target.smoothness().full


def test_the_largest_eigenvalue_of_many_columns():
    wide = sp.random_array((50, 300), density=0.1, rng=np.random.default_rng(3)).tocsr()
    rows = CompressedRows(wide.data, wide.indices, wide.indptr, 300)
    assert largest_eigenvalue(rows) == pytest.approx(np.linalg.norm(wide.toarray(), 2) ** 2, rel=1e-10)
    np.testing.assert_allclose(squared_norms(rows), (wide.toarray() ** 2).sum(axis=1))


@pytest.mark.fast
def test_duplicates_are_summed_and_the_users_matrix_is_left_alone():
    given = sp.csr_array((np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0, 3, 3])), shape=(2, 2))
    before = given.data.copy(), given.indices.copy(), given.indptr.copy()
    target = si.models.LogisticRegression(given, [0, 1]).as_target()
    assert target.design.values.tolist() == [4.0, 3.0]
    assert target.design.columns.tolist() == [0, 1]
    assert target.design.columns.dtype == target.design.row_start.dtype == np.int32
    for now, then in zip((given.data, given.indices, given.indptr), before, strict=True):
        assert now.tolist() == then.tolist()


@pytest.mark.fast
@pytest.mark.parametrize(
    "labels",
    [
        [-1, 1, 1],
        [0, 1, 1],
        [3, 7, 7],
        ["a", "b", "b"],
        [False, True, True],
        [0.5, 2.5, 2.5],
        np.array(["no", "yes", "yes"], object),
    ],
)
def test_any_two_labels_serve_and_the_second_in_order_is_positive(labels):
    model = si.models.LogisticRegression(np.ones((3, 1)), labels)
    assert model.y.tolist() == [-1.0, 1.0, 1.0]
    assert model.classes.tolist() == sorted(set(np.asarray(labels).tolist()))


@pytest.mark.fast
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_a_model_is_rebuilt_from_its_recipe(form):
    model = si.models.LogisticRegression(FORMS[form], np.where(Y, "spam", "ham"), l2=L2)
    arrays = {}
    description = describe(model, arrays, "target")
    classes = {"models.LogisticRegression": si.models.LogisticRegression, "models.CompressedRows": CompressedRows}
    again = rebuild(description, arrays, classes.__getitem__)
    assert repr(again) == repr(model)
    mine, theirs = again.as_target(), model.as_target()
    for one, other in zip((*mine.design, *mine[1:]), (*theirs.design, *theirs[1:]), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.fast
def test_probabilities_are_those_of_the_second_class():
    model = si.models.LogisticRegression(sp.csr_array(X), Y)
    expected = 1 / (1 + np.exp(-X @ W))
    np.testing.assert_allclose(model.probabilities(W), expected, rtol=1e-13)
    np.testing.assert_allclose(model.probabilities([[W, W]], X[:3]), [[expected[:3]] * 2], rtol=1e-13)
    with pytest.raises(si.StochinfError, match=r"5,.* 6 features"):
        model.probabilities(W[:5])


def with_nan(matrix, row, column, value=np.nan):
    changed = matrix.copy()
    changed[row, column] = value
    return changed


ONES = np.ones((3, 2))
TWO = [0, 1, 1]
BAD = {
    "nan": (with_nan(ONES, 1, 0), TWO, 0.0, r"X\[1, 0\] = nan"),
    "inf": (with_nan(ONES, 2, 1, np.inf), TWO, 0.0, r"X\[2, 1\] = inf"),
    "sparse nan": (sp.csr_array(with_nan(np.eye(3), 2, 0)), TWO, 0.0, r"X\[2, 0\] = nan"),
    "one label": (ONES, [1, 1, 1], 0.0, r"1 different labels \(1\)"),
    "three labels": (ONES, [0, 1, 2], 0.0, "3 different labels"),
    "nan label": (ONES, [0, np.nan, 0], 0.0, r"y\[1\] = nan"),
    "too few labels": (ONES, [0, 1], 0.0, "2 labels for 3 rows"),
    "labels in columns": (ONES, [[0], [1], [1]], 0.0, r"shape \(3, 1\)"),
    "no rows": (np.ones((0, 2)), [], 0.0, r"shape \(0, 2\)"),
    "no columns": (np.ones((3, 0)), TWO, 0.0, r"shape \(3, 0\)"),
    "one dimension": (np.ones(3), TWO, 0.0, r"shape \(3,\)"),
    "three dimensions": (np.ones((3, 1, 1)), TWO, 0.0, r"shape \(3, 1, 1\)"),
    "text": ([["a", "b"], ["c", "d"], ["e", "f"]], TWO, 0.0, "real numbers"),
    "objects": (np.array([[1, None], [2, 3], [4, 5]], object), TWO, 0.0, "real numbers"),
    "complex": (ONES + 1j, TWO, 0.0, "real numbers"),
    "ragged": ([[1.0], [1.0, 2.0], [3.0]], TWO, 0.0, "unequal lengths"),
    "masked features": (np.ma.masked_array(ONES, ONES.cumsum().reshape(3, 2) == 2), TWO, 0.0, "X: 1 entries are masked"),
    "masked labels": (ONES, np.ma.masked_array(TWO, [0, 1, 0]), 0.0, "y: 1 entries are masked"),
    "negative l2": (ONES, TWO, -1.0, "l2 = -1.0"),
    "nan l2": (ONES, TWO, np.nan, "l2 = nan"),
    "text l2": (ONES, TWO, "big", "l2 = 'big'"),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", BAD)
def test_bad_data_are_named(case):
    data, labels, l2, message = BAD[case]
    with pytest.raises(si.StochinfError, match=message):
        si.models.LogisticRegression(data, labels, l2)


@pytest.mark.fast
def test_a_sparse_matrix_with_columns_out_of_range_is_refused():
    broken = sp.csr_array(np.eye(3))
    broken.indices[1] = 100
    with pytest.raises(si.StochinfError, match="not a valid sparse matrix"):
        si.models.LogisticRegression(broken, TWO)
