"""Features in float32 stay so, and the run and its answer with them."""

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf.api.history import in_single
from stochinf.engine.block import advance
from stochinf.engine.checkpoint import arrays_of
from stochinf.engine.session import Plan, build

RNG = np.random.default_rng(3)
X = (RNG.normal(size=(300, 5)) * (RNG.random((300, 5)) < 0.6)).astype(np.float32)
Y = (X[:, 0] + 1.0 + RNG.logistic(size=300) > 0).astype(int)
FORMS = {"dense": np.asarray, "csr": sp.csr_array}


def model_of(form, dtype, **penalties):
    return si.models.LogisticRegression(FORMS[form](X.astype(dtype)), Y, **{"l2": 0.01, "intercept": True, **penalties})


@pytest.mark.fast
@pytest.mark.parametrize("form", FORMS)
def test_features_stay_as_they_are(form):
    given = FORMS[form](X)
    model = si.models.LogisticRegression(given, Y)
    kept = model.X if form == "dense" else model.X.values
    assert kept.dtype == np.float32
    assert np.shares_memory(kept, given if form == "dense" else given.data)
    assert model.as_target().design.precision is np.float32
    assert model_of(form, np.float32).as_target().design.precision is np.float32
    assert model_of(form, np.int16).as_target().design.precision is np.float64


@pytest.mark.fast
@pytest.mark.parametrize("form", FORMS)
def test_oracles_are_those_of_double_precision(form):
    single, double = (model_of(form, dtype, l1=0.02).as_target() for dtype in (np.float32, np.float64))
    w = RNG.normal(size=6)
    assert single.objective(w) == pytest.approx(double.objective(w), rel=1e-13)
    assert single.certificate(w).bound == pytest.approx(double.certificate(w).bound, rel=1e-12)
    assert single.row_smoothness() == pytest.approx(double.row_smoothness(), rel=1e-13)
    np.testing.assert_allclose(single.full_gradient(w), double.full_gradient(w), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", [si.optim.SGD(0.05), si.optim.Adam(0.02)], ids=lambda rule: type(rule).__name__)
def test_rules_of_descent_compute_in_single_precision(rule, form):
    ends = []
    for dtype in (np.float32, np.float64):
        target = model_of(form, dtype).as_target()
        start = np.zeros(6, dtype)
        block = build(Plan(rule, target, None, None, si.observers.Nothing(), start, 1, 0, 2**62, False, 5), 0).blocks[0]
        advance(block, 600)
        ends.append(block.state.position)
        long = [a for a in arrays_of(block.state, "state").values() if a.dtype.kind == "f" and a.size == 6]
        assert block.state.position.dtype == dtype
        assert sum(a.dtype == dtype for a in long) >= 2
    assert 0 < np.abs(ends[0] - ends[1]).max() < 1e-5 * np.abs(ends[1]).max()


@pytest.mark.parametrize(
    ("rule", "words"),
    [("auto", {}), (si.optim.SGD(), {}), (si.optim.Adam(0.02), {}), ("auto", {"l1": 0.02, "l2": 0.0})],
    ids=["Newton", "SGD", "Adam", "WorkingSets"],
)
def test_minimize_answers_in_single_precision_and_certifies_the_answer(rule, words):
    single, double = model_of("csr", np.float32, **words), model_of("csr", np.float64, **words)
    best = si.minimize(double, si.optim.WorkingSets(1e-14) if words else "auto")
    result = si.minimize(single, rule, rng=0)
    assert result.x.dtype == np.float32
    assert result.fun == single.as_target().objective(result.x)
    assert -1e-15 <= result.fun - best.fun <= result.gap
    if rule == "auto":
        assert result.gap < 1e-6


@pytest.mark.fast
@pytest.mark.parametrize("form", [np.asfortranarray, sp.csc_array], ids=["dense", "csc"])
def test_columns_stay_as_they_are(form):
    given = form(X)
    columns = si.models.Lasso(given, Y, 0.05).as_target().columns
    kept = columns.columns if form is np.asfortranarray else columns.values
    assert columns.precision is np.float32
    assert np.shares_memory(kept, given if form is np.asfortranarray else given.data)
    assert si.models.Lasso(form(X.astype(np.int16)), Y, 0.05).as_target().columns.precision is np.float64


COLUMNS = {"dense": np.asfortranarray, "csr": sp.csr_array, "csc": sp.csc_array}
NUMBERS = X.astype(np.float64) @ [1.0, -2.0, 0.0, 0.0, 0.5] + 3.0 + RNG.normal(size=300)
COLUMN_MODELS = {
    "Lasso": lambda rows: si.models.Lasso(rows, NUMBERS, 0.05, intercept=True),
    "logistic": lambda rows: si.models.LogisticRegression(rows, Y, l1=0.02, l2=0.01, intercept=True),
}


@pytest.mark.parametrize("form", ["dense", "csc"])
@pytest.mark.parametrize("name", COLUMN_MODELS)
def test_working_sets_agree_with_double_precision(name, form):
    single, double = (COLUMN_MODELS[name](COLUMNS[form](X.astype(dtype))) for dtype in (np.float32, np.float64))
    ours, best = (si.minimize(model, si.optim.WorkingSets(1e-13)) for model in (single, double))
    assert ours.x.dtype == np.float32
    np.testing.assert_allclose(ours.x, best.x, rtol=1e-6, atol=1e-7)
    assert np.array_equal(ours.x == 0, best.x == 0)
    assert -1e-14 <= ours.fun - best.fun <= ours.gap < 1e-6


@pytest.mark.parametrize("form", ["dense", "csc"])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_gaps_of_the_lasso_hold_wherever_it_stops(form, intercept, scale):
    rows = np.column_stack([scale * X, scale * (X[:, :3] + 1e-4 * X[:, 2:]), np.ones(300)]).astype(np.float32)
    strength = 0.01 * scale
    single, double = (
        si.models.Lasso(COLUMNS[form](rows.astype(dtype)), NUMBERS, strength, intercept=intercept)
        for dtype in (np.float32, np.float64)
    )
    best = si.minimize(double, si.optim.WorkingSets(1e-15)).fun
    target, exact = single.as_target(), double.as_target()
    for tolerance in (1e-1, 1e-3, 1e-6, 1e-12):
        ours = si.minimize(single, si.optim.WorkingSets(tolerance))
        assert ours.x.dtype == np.float32
        assert ours.fun == pytest.approx(exact.objective(ours.x), rel=1e-14)
        assert ours.fun - best <= ours.gap
        if scale == 1.0:
            assert ours.gap <= max(tolerance * target.objective(np.zeros(target.dim)), 1e-5 * best)
        for share in (0.0, 0.5, 0.99, 1.5):
            assert target.objective(share * ours.x) - best <= target.certificate(share * ours.x).bound


@pytest.mark.parametrize("before", [1e-13, 1.0])
def test_a_gap_that_rounding_widened_is_told(before):
    target = si.models.Lasso(X, NUMBERS, 0.01).as_target()
    made = si.minimize(si.models.Lasso(X.astype(np.float64), NUMBERS, 0.01), si.optim.WorkingSets(1e-13))
    made.update(gap=before, message="done", reason="done")
    rounded = in_single(made, target)
    told = f"done; rounded to float32, the answer has a gap of {rounded.gap:.2g}" if before < 1.0 else "done"
    assert (rounded.message, rounded.reason) == (told, told)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("rule", "words"),
    [(si.optim.SAGA(), {}), (si.optim.SAGA(), {"l1": 0.02}), (si.optim.Newton(), {}), (si.optim.LBFGS(), {})],
    ids=["SAGA", "SAGA, l1", "Newton", "LBFGS"],
)
def test_rules_that_converge_agree_with_double_precision(rule, words, form):
    stop = si.stop.epochs(100) if type(rule).__name__ == "SAGA" else None
    ours, best = (si.minimize(model_of(form, dtype, **words), rule, stop=stop, rng=0) for dtype in (np.float32, np.float64))
    assert ours.x.dtype == np.float32
    assert best.x.dtype == np.float64
    np.testing.assert_allclose(ours.x, best.x, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "rule", [si.optim.WorkingSets(1e-13), si.optim.CoordinateDescent()], ids=["WorkingSets", "by coefficients"]
)
def test_a_start_in_single_precision_costs_no_accuracy(rule):
    model = si.models.Lasso(sp.csc_array(X.astype(np.float64)), NUMBERS, 0.05, intercept=True)
    best = si.minimize(model, si.optim.WorkingSets(1e-13))
    ours = si.minimize(model, rule, np.full(6, 0.3, np.float32))
    assert ours.x.dtype == np.float64
    assert -1e-15 <= ours.fun - best.fun <= ours.gap


@pytest.mark.fast
def test_numbers_beyond_single_precision_are_told():
    with pytest.raises(si.StochinfError, match=r"X\[0, 1\] = inf"):
        si.models.Lasso(np.asfortranarray([[1.0, np.inf]], dtype=np.float32), [1.0], 0.1)
