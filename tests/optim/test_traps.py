"""Where optimisers stumble: empty rows and columns, constant columns, numbers that underflow, intercepts, millions of steps."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf import optim
from stochinf.engine.block import advance
from stochinf.engine.session import Plan, build

RNG = np.random.default_rng(12)
N = 60
FULL = RNG.normal(size=(N, 3))
FULL[::4] = 0.0
X = np.column_stack([FULL[:, 0], np.zeros(N), FULL[:, 1], np.full(N, 3.0), FULL[:, 2]])
Y = (FULL[:, 0] - FULL[:, 1] + RNG.logistic(size=N) > 0).astype(int)
EMPTY, CONSTANT = 1, 3
FORMS = {"dense": np.asarray, "csr": sp.csr_array}
SMOOTH = {
    "auto": ("auto", None, 1e-9),
    "SAGA": (optim.SAGA(), 3000, 1e-9),
    "SGD": (optim.SGD(), 100, 2e-2),
    "SGD(0.001)": (optim.SGD(0.001), 3000, 3e-2),
    "Adam": (optim.Adam(0.003), 500, 2e-2),
    "LBFGS": (optim.LBFGS(), None, 1e-9),
    "DualCoordinateAscent": (optim.DualCoordinateAscent(1e-11), None, 1e-9),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["auto", "SAGA", "SGD", "SGD(0.001)"])
def test_empty_rows_and_columns_and_constant_ones_do_no_harm(name, form):
    check_harmless(name, form)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["Adam", "LBFGS", "DualCoordinateAscent"])
def test_nor_to_other_rules(name, form):
    check_harmless(name, form)


def check_harmless(name, form):
    """Coefficients of empty columns stay zero; the others are those of the same data without them."""
    rule, epochs, enough = SMOOTH[name]
    kept = np.arange(5) != EMPTY
    best = si.minimize(si.models.LogisticRegression(X[:, kept], Y, l2=0.05)).x
    stop = None if epochs is None else si.stop.epochs(epochs)
    result = si.minimize(si.models.LogisticRegression(FORMS[form](X), Y, l2=0.05), rule, stop=stop, rng=0)
    assert result.success
    assert result.x[EMPTY] == 0.0
    assert np.isfinite(result.gap)
    np.testing.assert_allclose(result.x[kept], best, atol=enough)


@pytest.mark.fast
@pytest.mark.parametrize("form", FORMS)
def test_nor_do_they_to_a_lasso_with_an_intercept(form):
    y = FULL @ [1.0, -2.0, 0.0] + 4.0
    result = si.minimize(si.models.Lasso(FORMS[form](X), y, 0.05, intercept=True), optim.WorkingSets(1e-12))
    assert 0 <= result.gap < 1e-10
    assert result.x[EMPTY] == 0.0
    np.testing.assert_allclose(3.0 * result.x[CONSTANT] + result.x[-1], y.mean() - FULL.mean(0) @ result.x[[0, 2, 4]], atol=1e-8)


@pytest.mark.fast
@pytest.mark.parametrize("form", FORMS)
def test_data_of_zeros_have_the_optimum_zero(form):
    model = si.models.LogisticRegression(FORMS[form](np.zeros((6, 2))), [0, 1, 0, 1, 1, 1], l2=0.1)
    for rule in ("auto", optim.SAGA(), optim.SGD()):
        result = si.minimize(model, rule, rng=0)
        assert result.success
        assert result.x.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("form", FORMS)
def test_weights_that_decay_for_a_hundred_thousand_epochs_become_zero_and_no_denormal(form):
    model = si.models.LogisticRegression(FORMS[form](np.zeros((2, 2))), [0, 1], l2=0.5)
    start = np.array([1.0, -1e-3])
    plan = Plan(optim.SGD(0.1), model.as_target(), None, None, si.observers.Nothing(), start, 1, 0, 2**62, False, 0)
    block = build(plan, 0).blocks[0]
    advance(block, 100)
    np.testing.assert_allclose(block.state.position, start * 0.95**100, rtol=1e-12)
    advance(block, 200_000)
    assert block.state.position.tolist() == [0.0, 0.0]
    for array in (block.state.vector, block.state.scale):
        assert ((array == 0) | (np.abs(array) > np.finfo(float).tiny)).all()


@numba.njit
def identity(x):
    return x


ARRIVING = [optim.SGD(0.1), optim.Nesterov(0.1), optim.AdaGrad(0.1), optim.AdaDelta(0.1), optim.Adam(1e-3), optim.AMSGrad(0.01)]


@pytest.mark.parametrize("rule", ARRIVING, ids=lambda rule: type(rule).__name__)
def test_a_rule_that_has_arrived_at_zero_leaves_no_denormal(rule):
    path = optim.trajectory(rule, [1.0, -1e-3], identity, 30_000)
    assert abs(path[-1, 0]) < 1e-100
    assert ((path == 0) | (np.abs(path) > np.finfo(float).tiny)).all()


@pytest.mark.parametrize("rule", [*ARRIVING, optim.Momentum(0.1), optim.RMSProp(0.1)], ids=lambda rule: type(rule).__name__)
def test_a_gradient_that_is_no_number_makes_its_coordinate_none_for_good(rule):
    gradients = np.random.default_rng(0).normal(size=(20, 11))
    broken = [0, 3, 8, 9, 10]
    gradients[5, broken] = np.nan
    path = optim.trajectory(rule, np.zeros(11), gradients)
    assert np.isnan(path[5:, broken]).all()
    assert np.isfinite(np.delete(path, broken, axis=1)).all()


def test_adam_after_a_million_steps():
    steps = 1_100_000
    path = optim.trajectory(optim.Adam(1e-3), [0.0], np.full((steps, 1), -2.0))
    np.testing.assert_allclose(path[[0, 999, -1], 0], np.array([1, 1000, steps]) * 1e-3, rtol=1e-7)


@pytest.mark.fast
def test_penalties_spare_the_intercept_and_weight_decay_does_not():
    rows, y = np.zeros((4, 1)), np.ones(4)
    stop = si.stop.epochs(400)
    plain = si.minimize(si.models.LinearRegression(rows, y, l2=1.0, intercept=True), optim.SGD(0.1), stop=stop, rng=0)
    decayed = si.minimize(si.models.LinearRegression(rows, y, intercept=True), optim.SGD(0.1, weight_decay=1.0), stop=stop, rng=0)
    assert plain.x[-1] == pytest.approx(1.0, abs=1e-9)
    assert decayed.x[-1] == pytest.approx(0.5, abs=1e-9)


@pytest.mark.fast
@pytest.mark.parametrize("labels", [(0, 1), (1, 2), (2, 4), (-1, 1), (False, True), ("no", "yes"), (0.25, 0.5)], ids=str)
def test_labels_of_any_two_values_give_the_same_run(labels):
    given = np.array(labels)[Y]
    ours = si.minimize(si.models.LogisticRegression(X, given, l2=0.05), optim.SGD(0.1), rng=3)
    assert np.array_equal(ours.x, si.minimize(si.models.LogisticRegression(X, Y, l2=0.05), optim.SGD(0.1), rng=3).x)
