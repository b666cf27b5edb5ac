"""Coordinate descent: optimality of every loss and penalty, certificates, pickers, screening, bad input."""

import math

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf.engine.block import NEVER, advance
from stochinf.engine.session import Plan, build
from stochinf.models.penalised import ColumnTarget, column_target

RNG = np.random.default_rng(5)
N, D = 60, 25
X = RNG.normal(size=(N, D)) * (RNG.random((N, D)) < 0.5)
X[:, 3] = 0.0
X[:, 7] = 2.0
Y = X[:, :3] @ [2.0, -3.0, 1.5] + 1.0 + 0.3 * RNG.normal(size=N)
LABELS = np.where(np.median(Y) < Y, "yes", "no")
FORMS = {"dense": np.asarray, "csc": sp.csc_array, "csr": sp.csr_array}
SETS, EXACT = si.optim.WorkingSets(1e-10), si.optim.CoordinateDescent(tolerance=1e-12)


def least_squares(form="dense", **words):
    return si.models.LinearRegression(FORMS[form](X), Y, **words)


def violation(problem, x):
    """The largest distance of a subdifferential from zero, in numpy."""
    target = column_target(problem)
    w, matrix = np.asarray(x), np.asarray(target.columns.matrix() @ np.eye(D))
    scores = matrix @ w[:D] + (w[-1] if target.intercept else 0.0)
    slopes = np.array([target.loss.loss_slope(z, label) for z, label in zip(scores, target.labels, strict=True)])
    v = -matrix.T @ slopes / N
    worst = max(target.penalty.distance(a, b) for a, b in zip(w[:D], v, strict=True))
    return max(worst, abs(slopes.mean())) if target.intercept else worst


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.2])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_working_sets_reach_the_optimum(form, l2, intercept):
    model = least_squares(form, l1=0.05, l2=l2, intercept=intercept)
    result = si.minimize(model, SETS)
    assert result.success
    assert result.message.startswith("gap")
    assert violation(model, result.x) < 1e-5
    independent = model.as_target().certificate(result.x)
    assert result.gap == pytest.approx(independent.bound, rel=1e-3, abs=1e-13)
    other = si.minimize(model, EXACT)
    assert other.fun - result.fun <= other.gap
    assert result.fun - other.fun <= result.gap
    np.testing.assert_allclose(other.x, result.x, atol=2e-5)


def test_the_lasso_is_that_of_scikit_learn():
    from sklearn.linear_model import Lasso

    for intercept in (False, True):
        model = si.models.Lasso(X, Y, 0.1, intercept=intercept)
        result = si.minimize(model, SETS)
        theirs = Lasso(alpha=0.1, fit_intercept=intercept, tol=1e-13).fit(X, Y)
        np.testing.assert_allclose(result.x[:D], theirs.coef_, atol=2e-5)
        assert result.fun == pytest.approx(model.as_target().objective(result.x), rel=1e-13)
        assert model.as_target().objective(np.append(theirs.coef_, theirs.intercept_)[: D + intercept]) >= result.fun - result.gap


def test_nothing_is_chosen_at_alpha_max():
    model = si.models.Lasso(X, Y, 0.0)
    at, below = (si.minimize(si.models.Lasso(X, Y, s * model.alpha_max)) for s in (1.0, 0.99))
    assert not at.x.any()
    assert at.nit == 1
    assert np.count_nonzero(below.x) == 1


@pytest.mark.parametrize("intercept", [False, True])
def test_logistic_regression_by_newtons_model(intercept):
    model = si.models.LogisticRegression(X, LABELS, l1=0.02, intercept=intercept)
    result = si.minimize(model, SETS)
    assert result.success
    assert violation(model, result.x) < 1e-5
    assert result.gap < 1e-9
    assert model.as_target().certificate(result.x).bound < 1e-9


def test_auto_takes_working_sets_for_l1_and_says_why():
    result = si.minimize(least_squares(l1=0.1))
    assert result.reason.startswith("WorkingSets: ")
    assert result.gap <= 1e-6 * np.mean(Y**2)


def state_after(target, rounds, tolerance=0.0, x0=None):
    plan = Plan(si.optim.WorkingSets(tolerance), target, None, None, si.observers.Nothing(), x0, 1, 0, NEVER, False, 0)
    block = build(plan, 0).blocks[0]
    advance(block, rounds)
    return block.state


def test_screening_is_safe():
    """What is left out is zero at the optimum; nearly all of what is zero is left out in the end."""
    wide = RNG.normal(size=(N, 20 * D))
    target = si.models.Lasso(wide, Y, 0.3).as_target()
    best = state_after(target, 20)
    busy = set(np.flatnonzero(best.position))
    for rounds in (1, 2, 3, 20):
        state = state_after(target, rounds)
        alive = set(state.alive[: state.sizes[0]])
        assert busy <= alive
    assert len(alive) <= 2 * best.sizes[1]


def test_sweeps_by_columns_agree_with_those_by_gram():
    """More than 16 rows of slots per column: with no room for a Gram matrix the sweeps go by columns."""
    target = si.models.Lasso(X, Y, 0.02, intercept=True).as_target()
    kernel = si.optim.WorkingSets(1e-11).prepare(target)
    plan = Plan(kernel, target, None, None, si.observers.Nothing(), None, 1, 0, NEVER, False, 0)
    block = build(plan, 0).blocks[0]
    block.state.sizes[5] = 1
    advance(block, 30)
    other = state_after(target, 30, 1e-11)
    assert block.state.sizes[5] == 1
    assert other.sizes[5] == 0
    np.testing.assert_allclose(block.state.position, other.position, atol=1e-5)
    assert block.state.stats[1] < 1e-9


def test_a_warm_start_needs_fewer_rounds():
    first = si.minimize(si.models.Lasso(X, Y, 0.05))
    warm = si.minimize(si.models.Lasso(X, Y, 0.049), x0=first.x)
    assert warm.success
    assert warm.nit <= first.nit
    assert warm.gap <= 1e-6 * np.mean(Y**2)


@pytest.mark.parametrize("penalty", [si.models.MCP(0.1, 3.0), si.models.SCAD(0.1), si.models.Box(0.0, 1.5)], ids=repr)
def test_other_penalties_are_stationary(penalty):
    problem = si.models.Penalised(least_squares(), penalty)
    result = si.minimize(problem, EXACT, stop=si.stop.epochs(2000))
    assert violation(problem, result.x) < 1e-9
    if isinstance(penalty, si.models.Box):
        assert result.x.min() >= 0.0
        assert result.x.max() <= 1.5
        assert result.gap < 1e-8
    else:
        assert result.gap == math.inf
        assert "subdifferential" in result.certificate


def test_working_sets_take_nonconvex_penalties():
    problem = si.models.Penalised(least_squares(), si.models.MCP(0.1, 3.0))
    result = si.minimize(problem, si.optim.WorkingSets(1e-9))
    assert result.message.startswith("violation")
    assert violation(problem, result.x) < 1e-8


@pytest.mark.parametrize(
    "picker", [None, si.pickers.Uniform(), si.pickers.Shuffled(), si.pickers.Greedy()], ids=lambda p: type(p).__name__
)
def test_every_picker_finds_the_same_optimum(picker):
    model = least_squares(l1=0.05)
    result = si.minimize(model, si.optim.CoordinateDescent(tolerance=1e-10), picker=picker, stop=si.stop.epochs(3000), rng=1)
    assert result.gap < 1e-8


def test_greedy_does_most_for_a_step():
    model = least_squares(l1=0.05)
    values = {}
    for name, picker in (("greedy", si.pickers.Greedy()), ("scan", si.pickers.Scan())):
        values[name] = si.minimize(model, si.optim.CoordinateDescent(), picker=picker, stop=si.stop.steps(10), rng=1).fun
    assert values["greedy"] < values["scan"]


@pytest.mark.parametrize("form", ["dense", "csr"])
def test_a_step_along_the_derivative_is_the_formula(form):
    target = column_target(least_squares(form, l1=0.05))
    rule = si.optim.CoordinateDescent(0.1, "gradient")
    block = build(Plan(rule, target, None, None, si.observers.Nothing(), None, 1, 0, NEVER, False, 0), 0).blocks[0]
    w = np.zeros(D)
    for step in range(2 * D):
        j = step % D
        slope = X[:, j] @ (X @ w - Y) / N
        moved = w[j] - 0.1 * slope
        w[j] = np.sign(moved) * max(abs(moved) - 0.1 * 0.05, 0.0)
    advance(block, 2 * D)
    np.testing.assert_allclose(block.state.position, w, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("form", ["dense", "csr"])
def test_stochastic_derivatives_are_unbiased(form):
    """The mean of many steps from one point is the step along the derivative."""
    target = column_target(least_squares(form))
    rule = si.optim.CoordinateDescent(1e-6, "stochastic")
    start = RNG.normal(size=D)
    block = build(Plan(rule, target, si.pickers.Scan(1), None, si.observers.Nothing(), start, 1, 0, NEVER, False, 0), 0).blocks[0]
    advance(block, 40_000)
    moved = (block.state.position[0] - start[0]) / -1e-6 / 40_000
    residual = X @ start - Y
    column = X[:, 0] * residual
    error = column.std() if form == "dense" else N / np.count_nonzero(X[:, 0]) * column.std()
    assert abs(moved - column.mean()) < 5 * error / math.sqrt(40_000) + 1e-2 * abs(column.mean())


def test_a_run_repeats_and_resumes_to_the_bit():
    target = column_target(least_squares(l1=0.05))
    rule = si.optim.CoordinateDescent()
    plan = Plan(rule, target, si.pickers.Shuffled(), None, si.observers.Nothing(), None, 1, 0, NEVER, False, 7)
    whole, parts = build(plan, 0).blocks[0], build(plan, 0).blocks[0]
    advance(whole, 200)
    for steps in (1, 73, 126):
        advance(parts, steps)
    assert whole.state.position.tobytes() == parts.state.position.tobytes()


def test_the_users_matrix_is_not_copied_nor_changed():
    given = sp.csc_array(X)
    model = si.models.Lasso(given, Y, 0.1)
    before = given.copy()
    si.minimize(model)
    assert model.X.values is given.data
    assert (given != before).nnz == 0
    fortran = np.asfortranarray(X)
    assert np.shares_memory(si.models.Lasso(fortran, Y, 0.1).X.columns, fortran)


def test_int64_indices_and_duplicates_are_taken():
    coo = sp.coo_array((np.ones(3), (np.array([0, 0, 1]), np.array([1, 1, 0]))), shape=(2, 2))
    wide = sp.csc_array(coo)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    target = si.models.Lasso(wide, [1.0, 2.0], 0.01).as_target()
    assert isinstance(target, ColumnTarget)
    np.testing.assert_array_equal(target.columns.matrix().toarray(), [[0.0, 2.0], [1.0, 0.0]])


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: si.models.Lasso(X, Y, -1.0), "alpha = -1.0"),
        (lambda: si.models.Lasso(X, Y[:-1], 1.0), "one"),
        (lambda: si.models.Lasso(np.where(X == 0, np.nan, X), Y, 1.0), "features are finite"),
        (lambda: si.models.Lasso(sp.csc_array(np.full((2, 2), np.inf)), [1.0, 2.0], 1.0), "features are finite"),
        (lambda: si.models.Penalised(least_squares(l1=1.0), si.models.Box()), "l1 = 1.0"),
        (lambda: si.models.Penalised(X, si.models.Box()), "no linear model"),
        (lambda: si.models.Penalised(least_squares(), 3), "no penalty"),
        (lambda: si.optim.CoordinateDescent(step="newton"), "step = 'newton'"),
        (lambda: si.optim.CoordinateDescent(tolerance=-1.0), "tolerance = -1.0"),
        (lambda: si.optim.WorkingSets(-1.0), "tolerance = -1.0"),
        (lambda: si.minimize(si.Function(np.sum, 3), si.optim.WorkingSets()), "no linear model"),
        (lambda: si.run(si.optim.WorkingSets(), least_squares(l1=0.1), steps=2), "not read by columns"),
        (lambda: si.run(si.optim.CoordinateDescent(), least_squares(l1=0.1), steps=2), "not read by columns"),
        (
            lambda: si.minimize(si.models.PoissonRegression(X, np.ones(N)), si.optim.CoordinateDescent(step="gradient")),
            "give learning_rate",
        ),
    ],
)
def test_bad_input_is_named(make, words):
    with pytest.raises(si.StochinfError, match=words):
        make()


@pytest.mark.parametrize(
    "model",
    [
        si.models.LinearRegression(X, Y, l2=0.1),
        si.models.LogisticRegression(sp.csr_array(X), LABELS, l2=0.05),
        si.models.SquaredHinge(X, LABELS, l2=0.05),
        si.models.PoissonRegression(X, np.abs(Y).round(), l2=0.5),
        si.models.LogisticRegression(X, LABELS, l2=0.05, l1=0.02, intercept=True),
        si.models.LogisticRegression(sp.csr_array(X), LABELS, l2=0.02, intercept=True),
        si.models.LinearRegression(X, Y + 3.0, l2=0.1, l1=0.1, intercept=True),
    ],
    ids=repr,
)
def test_dual_ascent_finds_the_optimum(model):
    result = si.minimize(model, si.optim.DualCoordinateAscent(), rng=0)
    assert result.success
    assert result.message.startswith("converged")
    assert result.gap < 1e-10
    assert np.linalg.norm(model.as_target().full_gradient(result.x)) < 1e-6


def test_the_dual_never_falls():
    """Every step is a maximum along its variable: the dual objective rises until it meets the primal."""
    model = si.models.LogisticRegression(X, LABELS, l2=0.05)
    target = model.as_target()
    plan = Plan(si.optim.DualCoordinateAscent(), target, None, None, si.observers.Nothing(), None, 1, 0, NEVER, False, 0)
    block, last = build(plan, 0).blocks[0], -math.inf
    for _ in range(100):
        advance(block, 1)
        state = block.state
        a = np.clip(-target.labels * state.duals, 1e-300, 1 - 1e-16)
        dual = -np.mean(a * np.log(a) + (1 - a) * np.log1p(-a)) - 0.025 * state.position @ state.position
        assert dual >= last - 1e-13
        assert dual <= target.objective(state.position)
        last = dual


def test_dual_ascent_with_l1_never_lowers_the_dual_and_finds_the_elastic_net():
    model = si.models.LogisticRegression(X, LABELS, l2=0.05, l1=0.02)
    target = model.as_target()
    plan = Plan(si.optim.DualCoordinateAscent(), target, None, None, si.observers.Nothing(), None, 1, 0, NEVER, False, 0)
    block, last = build(plan, 0).blocks[0], -math.inf
    for _ in range(200):
        advance(block, 1)
        state = block.state
        a = np.clip(-target.labels * state.duals, 1e-300, 1 - 1e-16)
        reached = np.maximum(np.abs(X.T @ state.duals) / len(X) - 0.02, 0.0)
        dual = -np.mean(a * np.log(a) + (1 - a) * np.log1p(-a)) - reached @ reached / (2 * 0.05)
        assert dual >= last - 1e-13
        assert dual <= target.objective(state.position)
        last = dual
    ours = si.minimize(model, si.optim.DualCoordinateAscent(1e-12), rng=0)
    theirs = si.minimize(model, si.optim.WorkingSets(1e-14))
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-7)
    assert np.array_equal(ours.x == 0, theirs.x == 0)


@pytest.mark.fast
def test_dual_ascent_names_what_it_cannot_do():
    with pytest.raises(si.StochinfError, match="l2 = 0"):
        si.minimize(least_squares(), si.optim.DualCoordinateAscent())


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_groups_enter_together(form, intercept):
    groups = np.arange(D) // 5
    problem = si.models.Penalised(least_squares(form, intercept=intercept), si.models.GroupLasso(0.3, groups))
    result = si.minimize(problem, si.optim.CoordinateDescent(tolerance=1e-12), stop=si.stop.epochs(20_000))
    assert result.gap < 1e-9
    residual = Y - X @ result.x[:D] - (result.x[-1] if intercept else 0.0)
    norms = []
    for g in range(5):
        w, v = result.x[:D][groups == g], X[:, groups == g].T @ residual / N
        norms.append(np.linalg.norm(w))
        if norms[-1]:
            np.testing.assert_allclose(v, 0.3 * math.sqrt(5) * w / norms[-1], atol=1e-6)
        else:
            assert np.linalg.norm(v) <= 0.3 * math.sqrt(5) + 1e-9
    assert 0.0 in norms
    assert max(norms) > 1.0


def test_groups_of_one_are_the_lasso():
    problem = si.models.Penalised(least_squares(), si.models.GroupLasso(0.1, np.arange(D)))
    result = si.minimize(problem, si.optim.CoordinateDescent(tolerance=1e-12))
    lasso = si.minimize(si.models.Lasso(X, Y, 0.1), SETS)
    assert abs(result.fun - lasso.fun) <= lasso.gap + 1e-9
    assert result.gap < 1e-8


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: si.models.GroupLasso(-1.0, [0, 1]), "l1 = -1"),
        (lambda: si.models.GroupLasso(1.0, [[0], [1]]), "one whole number per coefficient"),
        (lambda: si.models.Penalised(least_squares(), si.models.GroupLasso(1.0, [0, 1])), "groups of 2 coefficients"),
        (
            lambda: si.minimize(
                si.models.Penalised(least_squares(), si.models.GroupLasso(1.0, np.zeros(D, int))), si.optim.WorkingSets()
            ),
            "in groups",
        ),
    ],
)
def test_bad_groups_are_named(make, words):
    with pytest.raises(si.StochinfError, match=words):
        make()


@pytest.mark.parametrize(
    ("rule", "model", "steps"),
    [
        (si.optim.WorkingSets(1e-14), si.models.Lasso(X, Y, 0.05), 2),
        (si.optim.CoordinateDescent(), si.models.Lasso(X, Y, 0.05), 40),
        (si.optim.CoordinateDescent(), si.models.Penalised(least_squares(), si.models.GroupLasso(0.3, np.arange(D) // 5)), 8),
        (si.optim.DualCoordinateAscent(), si.models.LogisticRegression(X, LABELS, l2=0.05), 90),
    ],
    ids=["working sets", "steps", "groups", "dual"],
)
def test_a_saved_run_goes_on_to_the_bit(rule, model, steps, tmp_path):
    words = {"rng": 3, "observer": si.observers.Nothing(), "progress": False}
    whole = si.run(rule, model, 2 * steps, **words)
    si.run(rule, model, steps, checkpoint=tmp_path / "half", **words)
    again = si.resume(tmp_path / "half", steps, progress=False)
    assert whole.position.any()
    assert again.position.tobytes() == whole.position.tobytes()
