"""Features in float32 stay so, and the run and its answer with them."""

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
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
