"""Every rule on a model: dense rows against compressed ones, in one piece, in pieces, and resumed."""

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf import optim
from stochinf.engine.block import NEVER, advance
from stochinf.engine.checkpoint import arrays_of
from stochinf.engine.jit import JIT
from stochinf.engine.session import Plan, build
from stochinf.optim.descent import Descent
from stochinf.optim.lazy import LazyDescent

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 7)) * (RNG.random((60, 7)) < 0.3)
Y = (X @ RNG.normal(size=7) + RNG.normal(size=60) > 0).astype(int)
FORMS = {"dense": np.asarray, "csr": sp.csr_array}

RULES = {
    "momentum": optim.Momentum(0.05),
    "adagrad": optim.AdaGrad(0.1),
    "rmsprop": optim.RMSProp(0.01, bias_correction=True),
    "adam": optim.Adam(0.02),
    "chain": optim.chain(optim.clip(0.5), optim.Adam(0.02)),
}
MORE = {
    "momentum, damped": optim.Momentum(0.05, dampening=0.3),
    "momentum, textbook": optim.Momentum(0.05, convention="textbook"),
    "nesterov": optim.Nesterov(0.05, weight_decay=0.01),
    "nesterov, textbook": optim.Nesterov(0.05, convention="textbook"),
    "nesterov, keras": optim.Nesterov(0.05, convention="keras"),
    "adadelta": optim.AdaDelta(),
    "rmsprop, centred": optim.RMSProp(centered=True),
    "rmsprop, textbook": optim.RMSProp(0.01, momentum=0.5, convention="textbook"),
    "adamw": optim.AdamW(0.02),
    "amsgrad": optim.AMSGrad(0.02),
    "amsgrad, optax": optim.AMSGrad(0.02, convention="optax"),
    "nadam": optim.NAdam(0.02),
    "nadam, optax": optim.NAdam(0.02, convention="optax"),
    "adamax": optim.AdaMax(0.02),
    "radam": optim.RAdam(0.02),
    "lion": optim.Lion(0.01),
    "rprop": optim.Rprop(0.01),
    "asgd": optim.ASGD(0.05),
    "statistical": optim.StatisticalStep(0.1, warmup=20),
}
COMPILED = RULES if JIT else {**RULES, **MORE}
"""Without the JIT all of them run quickly; with it, most are left to `-m slow`."""


def block_of(rule, form, l2=0.0, batch=3):
    model = si.models.LogisticRegression(FORMS[form](X), Y, l2=l2)
    plan = Plan(rule, model.as_target(), si.pickers.Minibatches(batch), None, si.observers.Nothing(), None, 1, 0, NEVER, False, 5)
    return build(plan, 0).blocks[0]


def check_agreement(rule, l2):
    ends = []
    for form in FORMS:
        block = block_of(rule, form, l2)
        advance(block, 200)
        ends.append(block.state.position)
    assert np.abs(ends[0]).max() > 1e-3
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-10, atol=1e-12)


def check_bits(rule, form):
    whole, pieces = block_of(rule, form), block_of(rule, form)
    advance(whole, 120)
    for length in (1, 2, 17, 40, 60):
        advance(pieces, length)
    ours, theirs = arrays_of(whole.state, "state"), arrays_of(pieces.state, "state")
    assert ours.keys() == theirs.keys()
    for place in ours:
        assert ours[place].tobytes() == theirs[place].tobytes(), place


def check_resumption(rule, path):
    model = si.models.LogisticRegression(sp.csr_array(X), Y)
    si.run(rule, model, steps=120, thin=40, rng=4).save(path)
    resumed, whole = si.resume(path, draws=2), si.run(rule, model, steps=200, thin=40, rng=4)
    assert resumed["coefficients"].tobytes() == whole["coefficients"].tobytes()


@pytest.mark.fast
@pytest.mark.parametrize("name", COMPILED)
def test_dense_and_sparse_rows_agree(name):
    check_agreement(COMPILED[name], 0.0)


@pytest.mark.fast
@pytest.mark.parametrize("name", COMPILED)
def test_bits_do_not_depend_on_how_a_run_is_cut(name):
    check_bits(COMPILED[name], "csr")


@pytest.mark.fast
@pytest.mark.parametrize("name", COMPILED)
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(name, tmp_path):
    check_resumption(COMPILED[name], tmp_path / "run.npz")


@pytest.mark.fast
def test_penalties_run_on_both_forms():
    check_agreement(optim.AdaGrad(0.1), 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_every_other_rule_too(name, tmp_path):
    check_agreement(MORE[name], 0.0)
    check_bits(MORE[name], "csr")
    check_resumption(MORE[name], tmp_path / "run.npz")


@pytest.mark.fast
def test_lazy_kernels_serve_where_nothing_is_lost():
    lazy = [optim.AdaGrad(0.1), optim.RMSProp(0.01), optim.chain(optim.AdaGrad(0.1))]
    assert all(isinstance(block_of(rule, "csr").kernel, LazyDescent) for rule in lazy)
    dense = [optim.Adam(0.1), optim.Momentum(0.1), optim.AdaGrad(0.1, weight_decay=0.1), optim.RMSProp(0.01, momentum=0.5)]
    assert all(isinstance(block_of(rule, "csr").kernel, Descent) for rule in dense)
    assert isinstance(block_of(lazy[0], "dense").kernel, Descent)
    assert isinstance(block_of(lazy[0], "csr", l2=0.1).kernel, Descent)


@pytest.mark.fast
def test_a_column_that_a_batch_meets_twice_moves_once():
    rows = np.array([[1.0, 0.0], [1.0, 2.0], [0.0, 1.0]])
    ends = []
    for form in FORMS.values():
        model = si.models.LogisticRegression(form(rows), [0, 1, 0])
        ends.append(si.minimize(model, optim.AdaGrad(0.5), picker=si.pickers.Minibatches(3), rng=0).x)
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


@pytest.mark.fast
def test_an_l1_penalty_is_refused_by_name():
    model = si.models.LogisticRegression(X, Y, l1=0.1)
    with pytest.raises(si.StochinfError, match=r"Adam: l1 = 0\.1"):
        si.minimize(model, optim.Adam())


@pytest.mark.fast
def test_an_intercept_is_not_penalised():
    model = si.models.LogisticRegression(X, Y, l2=10.0, intercept=True)
    fit = si.minimize(model, optim.SGD(0.05), picker=si.pickers.Minibatches(60), stop=si.stop.epochs(3000), rng=0)
    assert np.abs(fit.jac).max() < 1e-6
