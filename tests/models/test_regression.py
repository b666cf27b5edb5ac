"""The regression models, finite sums and their certificates: oracles against numpy, bounds against optima, what is refused."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import logsumexp, softmax

import stochinf as si
from stochinf.models.certificates import dual_point, duality_gap
from stochinf.models.losses import LogisticLoss, PoissonLoss, SquaredHingeLoss, SquaredLoss

RNG = np.random.default_rng(6)
N, D = 30, 4
X = RNG.normal(size=(N, D)) * (RNG.random((N, D)) < 0.7)
SIGNS = np.where(RNG.random(N) < 0.5, 1.0, -1.0)
REAL = RNG.normal(size=N)
COUNTS = RNG.poisson(2.0, size=N).astype(float)
CLASSES = RNG.integers(0, 3, size=N)
L2, L1 = 0.07, 0.02
LOSSES = {
    "LinearRegression": (REAL, lambda z: 0.5 * (z - REAL) ** 2, lambda z: z - REAL),
    "LogisticRegression": (SIGNS, lambda z: np.logaddexp(0, -SIGNS * z), lambda z: -SIGNS / (1 + np.exp(SIGNS * z))),
    "PoissonRegression": (COUNTS, lambda z: np.exp(z) - COUNTS * z, lambda z: np.exp(z) - COUNTS),
    "SquaredHinge": (
        SIGNS,
        lambda z: np.maximum(0, 1 - SIGNS * z) ** 2,
        lambda z: -2 * SIGNS * np.maximum(0, 1 - SIGNS * z),
    ),
}


@pytest.mark.fast
@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients_equal_numpy(name, form, intercept):
    y, loss, slope = LOSSES[name]
    target = getattr(si.models, name)(form(X), y, l2=L2, l1=L1, intercept=intercept).as_target()
    w, out = np.linspace(-0.5, 0.7, D + intercept), np.empty(D + intercept)
    rows = np.column_stack([X, np.ones(N)]) if intercept else X
    shrinks = np.arange(w.size) < D
    penalty = 0.5 * L2 * (w[:D] @ w[:D]) + L1 * np.abs(w[:D]).sum()
    expected = rows.T @ slope(rows @ w) / N + L2 * shrinks * w
    assert target.objective(w) == pytest.approx(loss(rows @ w).mean() + penalty, rel=1e-13)
    assert target.whole(w, out) == pytest.approx(target.objective(w), rel=1e-13)
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(target.full_gradient(w), expected + L1 * shrinks * np.sign(w), rtol=1e-12, atol=1e-14)
    batch = np.array([3, 8, 3])
    target.gradient(w, batch, out)
    np.testing.assert_allclose(out, rows[batch].T @ slope(rows @ w)[batch] / 3 + L2 * shrinks * w, rtol=1e-12, atol=1e-14)
    assert target.value(w, batch) == pytest.approx(loss(rows @ w)[batch].mean() + penalty, rel=1e-13)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("loss", "y"), [(LogisticLoss(), SIGNS), (SquaredLoss(), REAL), (PoissonLoss(), COUNTS), (SquaredHingeLoss(), SIGNS)]
)
def test_slopes_curvatures_and_conjugates_belong_to_the_loss(loss, y):
    z, step = RNG.normal(size=N), 1e-6
    values = np.array([[loss.loss_value(z[i] + k * step, y[i]) for k in (-1, 0, 1)] for i in range(N)])
    slopes = np.array([[loss.loss_slope(z[i] + k * step, y[i]) for k in (-1, 0, 1)] for i in range(N)])
    np.testing.assert_allclose((values[:, 2] - values[:, 0]) / (2 * step), slopes[:, 1], atol=1e-7)
    bends = np.array([loss.loss_curvature(z[i], y[i]) for i in range(N)])
    np.testing.assert_allclose((slopes[:, 2] - slopes[:, 0]) / (2 * step), bends, atol=1e-6)
    assert (bends <= loss.steepest + 1e-15).all()
    np.testing.assert_allclose(loss.divergence(z, y, slopes[:, 1]), 0.0, atol=1e-14)
    elsewhere = RNG.normal(size=N)
    other = np.array([loss.loss_slope(a, b) for a, b in zip(elsewhere, y, strict=True)])
    bregman = values[:, 1] - [loss.loss_value(a, b) for a, b in zip(elsewhere, y, strict=True)] - other * (z - elsewhere)
    np.testing.assert_allclose(loss.divergence(z, y, other), bregman, atol=1e-12)


@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize(("name", "l1"), [*((name, 0.0) for name in LOSSES), ("LogisticRegression", L1)])
def test_the_gap_bounds_what_is_left_and_comes_to_zero(name, l1, intercept):
    model = getattr(si.models, name)(X, LOSSES[name][0], l2=L2, l1=l1, intercept=intercept)
    target = model.as_target()
    rule = si.optim.SAGA(0.02) if l1 else si.optim.Newton()
    best = si.minimize(model, rule, stop=si.stop.epochs(6000) if l1 else None, rng=0)
    assert best.gap < 1e-9
    for scale in (1e-6, 1e-3, 0.1, 1.0):
        for _ in range(5):
            w = best.x + scale * RNG.normal(size=best.x.size)
            assert target.objective(w) - best.fun <= target.certificate(w).bound


@pytest.mark.fast
@pytest.mark.parametrize("name", LOSSES)
def test_with_l1_alone_the_dual_point_is_feasible(name):
    target = getattr(si.models, name)(X, LOSSES[name][0], l1=L1, intercept=True).as_target()
    w = RNG.normal(size=D + 1)
    slopes = np.array([target.slope(i, target.score(i, w)) for i in range(N)])
    u, v = dual_point(target, slopes)
    assert abs(u.sum()) < 1e-12
    assert np.abs(v).max() <= L1 * (1 + 1e-12)
    np.testing.assert_allclose(v, -X.T @ u / N, atol=1e-15)
    assert 0 < duality_gap(target, w) < np.inf
    certificate = target.certificate(w)
    assert (certificate.kind, float(certificate)) == ("gap", certificate.value) == ("gap", certificate.bound)


@pytest.mark.fast
def test_without_a_penalty_there_is_a_norm_and_no_bound():
    target = si.models.LogisticRegression(X, SIGNS).as_target()
    certificate = target.certificate(np.ones(D))
    assert certificate.kind == "grad_norm"
    assert certificate.bound == np.inf
    assert certificate == pytest.approx(np.linalg.norm(target.full_gradient(np.ones(D))))


def softmax_objective(w, rows, intercept):
    scores = rows @ w.reshape(3, -1).T
    head = w.reshape(3, -1)[:, :D]
    return (logsumexp(scores, axis=1) - scores[np.arange(N), CLASSES]).mean() + 0.5 * L2 * (head**2).sum() + L1 * abs(head).sum()


@pytest.mark.fast
@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "csr"])
def test_multinomial_values_and_gradients_equal_numpy(form, intercept):
    model = si.models.MultinomialRegression(form(X), np.array(["a", "b", "c"])[CLASSES], l2=L2, l1=L1, intercept=intercept)
    target, rows = model.as_target(), np.column_stack([X, np.ones(N)]) if intercept else X
    w = RNG.normal(size=3 * (D + intercept))
    assert target.objective(w) == pytest.approx(softmax_objective(w, rows, intercept), rel=1e-13)
    errors = softmax(rows @ w.reshape(3, -1).T, axis=1) - np.eye(3)[CLASSES]
    shrunk = w.reshape(3, -1) * (np.arange(D + intercept) < D)
    expected, out = errors.T @ rows / N + L2 * shrunk, np.empty(w.size)
    assert target.whole(w, out) == pytest.approx(target.objective(w), rel=1e-13)
    np.testing.assert_allclose(out.reshape(3, -1), expected, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(target.full_gradient(w).reshape(3, -1), expected + L1 * np.sign(shrunk), rtol=1e-11, atol=1e-14)
    target.gradient(w, np.array([4, 9]), out)
    np.testing.assert_allclose(out.reshape(3, -1), errors[[4, 9]].T @ rows[[4, 9]] / 2 + L2 * shrunk, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(model.probabilities(w), errors + np.eye(3)[CLASSES], rtol=1e-11, atol=1e-14)


def test_multinomial_rules_agree_and_the_bound_holds():
    model = si.models.MultinomialRegression(X, CLASSES, l2=L2)
    best = si.minimize(model)
    assert best.reason.startswith("LBFGS")
    assert 0 <= best.gap < 1e-10
    for rule in (si.optim.SAGA(), si.optim.SVRG()):
        result = si.minimize(model, rule, stop=si.stop.epochs(300), rng=0)
        np.testing.assert_allclose(result.x, best.x, atol=1e-6)
    w = best.x + 0.1 * RNG.normal(size=best.x.size)
    assert model.as_target().objective(w) - best.fun <= model.as_target().certificate(w).bound


def distance(w, i):
    return 0.5 * float(((w - X[i]) ** 2).sum())


def away(w, i):
    return w - X[i]


FINITE = si.FiniteSum(distance, away, N, D)


@pytest.mark.parametrize(
    "rule",
    [si.optim.LBFGS(), si.optim.Newton(), si.optim.SAGA(0.3), si.optim.SAG(0.05), si.optim.SVRG(0.3)],
    ids=lambda rule: type(rule).__name__,
)
def test_a_finite_sum_of_the_users_own(rule):
    result = si.minimize(FINITE, rule, stop=si.stop.epochs(150), rng=0)
    np.testing.assert_allclose(result.x, X.mean(axis=0), atol=1e-8)
    assert result.grad_norm < 1e-8


@pytest.mark.fast
def test_a_finite_sum_says_what_went_wrong():
    def fails(w, i):
        if i == 7:
            raise KeyError("row 7")
        return 0.0

    with pytest.raises(si.StochinfError, match="row 7"):
        si.minimize(si.FiniteSum(fails, away, N, D), si.optim.LBFGS())
    with pytest.raises(si.StochinfError, match="FiniteSum: gradient = 3"):
        si.FiniteSum(distance, 3, N, D)
    with pytest.raises(si.StochinfError, match="FiniteSum: n"):
        si.FiniteSum(distance, away, 0, D)


def broken_row(w, i):
    if i == 7:
        raise KeyError("row 7")
    return w - X[i]


def short(w, i):
    return (w - X[i])[:1]


@pytest.mark.fast
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("gradient", "message"), [(broken_row, "KeyError"), (short, r"ValueError: gradient\(w, i\) must have the length")]
)
def test_errors_of_a_term_name_it(gradient, message, compiled):
    with pytest.raises(si.ObjectiveError, match=rf"term \d+ raised {message}.* at the position \[") as caught:
        si.minimize(si.FiniteSum(distance, gradient, N, D, compiled=compiled), si.optim.SGD(0.1), stop=si.stop.epochs(2), rng=0)
    assert caught.value.position.shape == (D,)
    assert 0 <= caught.value.term < N
    assert gradient is short or caught.value.term == 7


@pytest.mark.fast
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: si.models.PoissonRegression(X, -COUNTS - 1.0), r"y\[0\] = -.* of at least 0"),
        (lambda: si.models.LinearRegression(X, np.where(REAL > 0, REAL, np.nan)), r"= nan: finite numbers are needed"),
        (lambda: si.models.LinearRegression(X, REAL[:3]), "3 labels for 30 rows"),
        (lambda: si.models.MultinomialRegression(X, np.zeros(N)), r"1 different labels \(0.0\); at least two"),
        (lambda: si.models.SquaredHinge(X, CLASSES), "3 different labels"),
        (lambda: si.models.LinearRegression(X, REAL, l1=-1.0), "l1 = -1.0; a finite number of at least 0"),
    ],
)
def test_bad_data_are_named(call, message):
    with pytest.raises(si.StochinfError, match=message):
        call()
