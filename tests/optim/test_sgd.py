"""Stochastic gradient descent against plain numpy, and the engine's promises: same bits, nothing compiled twice."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from parts_for_tests import refused

import stochinf as si
from stochinf.engine import cache
from stochinf.engine.block import NEVER, advance
from stochinf.engine.checkpoint import arrays_of
from stochinf.engine.jit import JIT
from stochinf.engine.loop import fill_points
from stochinf.engine.session import Plan, build
from stochinf.models.linear import LinearTarget
from stochinf.optim import chain, clip, momentum, weight_decay
from stochinf.optim.linear import LinearSGD

RNG = np.random.default_rng(11)
X = RNG.normal(size=(50, 5)) * (RNG.random((50, 5)) < 0.7)
Y = (X @ [1.0, -2.0, 0.5, 0.0, 3.0] + RNG.normal(size=50) > 0).astype(int)
SIGNS = np.where(Y == 1, 1.0, -1.0)
L2 = 0.05
DENSE = si.models.LogisticRegression(X, Y, l2=L2)
SPARSE = si.models.LogisticRegression(sp.csr_array(X), Y, l2=L2)
MODELS = {"dense": DENSE, "csr": SPARSE}


def block_of(rule, model, picker=None, schedule=None, x0=None, rng=3):
    return build(Plan(rule, model.as_target(), picker, schedule, si.observers.Nothing(), x0, 1, 0, NEVER, False, rng), 0).blocks[
        0
    ]


def tape_of(block, steps):
    """Return the points that a fresh block will visit, leaving the block as it was."""
    again, rng = si.pickers.Shuffled(), block.picker_rng.copy()
    if getattr(block.picker, "batch", 0):
        again = si.pickers.Minibatches(block.picker.batch)
    points = np.empty((steps, block.picker.batch) if getattr(block.picker, "batch", 0) else steps, np.int64)
    fill_points(again.prepare(block.target), points, 0, rng)
    return points.reshape(steps, -1)


def gradient(w, rows, l2=L2):
    slopes = -SIGNS[rows] / (1.0 + np.exp(SIGNS[rows] * (X[rows] @ w)))
    return X[rows].T @ slopes / len(rows) + l2 * w


def reference(tape, rate_at, transform=lambda w, g: g):
    w = np.zeros(5)
    for step, rows in enumerate(tape):
        w = w - rate_at(step) * transform(w, gradient(w, rows))
    return w


def clipped_momentum_decay(limit, beta, strength):
    """Return clip, momentum, weight decay in a chain, in numpy."""
    velocity = np.zeros(5)

    def transform(w, g):
        nonlocal velocity
        g = g * min(1.0, limit / np.linalg.norm(g))
        velocity = beta * velocity + g
        return velocity + strength * w

    return transform


@pytest.mark.fast
@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("form", MODELS)
def test_sgd_equals_numpy(form, batch):
    picker = None if batch == 1 else si.pickers.Minibatches(batch)
    block = block_of(si.optim.SGD(0.3), MODELS[form], picker, si.schedules.Linear(200))
    tape = tape_of(block, 300)
    advance(block, 300)
    assert isinstance(block.kernel, LinearSGD)
    expected = reference(tape, lambda step: 0.3 * si.schedules.Linear(200)(step))
    np.testing.assert_allclose(block.state.position, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.fast
@pytest.mark.parametrize("batch", [1, 32])
def test_a_chain_equals_numpy(batch):
    picker = None if batch == 1 else si.pickers.Minibatches(batch)
    rule = si.optim.SGD(0.05, chain(clip(0.5), momentum(0.9), weight_decay(0.01)))
    block = block_of(rule, DENSE, picker)
    tape = tape_of(block, 300)
    advance(block, 300)
    expected = reference(tape, lambda step: 0.05, clipped_momentum_decay(0.5, 0.9, 0.01))
    np.testing.assert_allclose(block.state.position, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.fast
def test_the_chains_order_matters_as_it_does_in_numpy():
    block = block_of(si.optim.SGD(0.05, chain(momentum(0.9), clip(0.5))), DENSE)
    tape, velocity = tape_of(block, 100), np.zeros(5)

    def momentum_then_clip(w, g):
        velocity[:] = 0.9 * velocity + g
        return velocity * min(1.0, 0.5 / np.linalg.norm(velocity))

    advance(block, 100)
    np.testing.assert_allclose(block.state.position, reference(tape, lambda step: 0.05, momentum_then_clip), rtol=1e-12)


def test_a_chain_walks_the_same_way_on_dense_and_sparse_rows():
    rule = chain(clip(0.5), momentum(0.9), weight_decay(0.01))
    dense, sparse = (si.minimize(model, rule, rng=0) for model in (DENSE, SPARSE))
    np.testing.assert_allclose(dense.x, sparse.x, rtol=1e-10)


@pytest.mark.fast
@pytest.mark.parametrize("form", MODELS)
def test_the_default_rate_comes_from_the_data(form):
    largest = (X**2).sum(axis=1).max() / 4 + L2
    block = block_of(si.optim.SGD(), MODELS[form])
    tape = tape_of(block, 100)
    for step in (0, 7, 1000):
        eta = 1 / largest
        assert block.schedule.at(step) == pytest.approx(eta / (1 + eta * L2 * step), rel=1e-13)
    advance(block, 100)
    expected = reference(tape, lambda t: 1 / largest / (1 + L2 * t / largest))
    np.testing.assert_allclose(block.state.position, expected, rtol=1e-12, atol=1e-14)
    plain = block_of(si.optim.SGD(), si.models.LogisticRegression(X, Y))
    assert plain.schedule.at(0) == plain.schedule.at(10**6) == pytest.approx(1 / (largest - L2), rel=1e-13)


@pytest.mark.fast
@pytest.mark.parametrize("rate", [1.0 / L2, 1.5 / L2, 0.999999999999 / L2])
def test_a_scale_of_zero_or_below_does_no_harm(rate):
    block = block_of(si.optim.SGD(rate), SPARSE)
    tape = tape_of(block, 20)
    advance(block, 20)
    expected = reference(tape, lambda step: rate)
    np.testing.assert_allclose(block.state.position, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.fast
def test_the_scale_is_renewed_when_it_has_become_small():
    block = block_of(si.optim.SGD(0.9 / L2), SPARSE)
    scales = []
    for _ in range(40):
        advance(block, 1)
        scales.append(block.state.scale[0])
    assert min(scales) >= 1e-9
    assert scales.count(1.0) >= 3


def split_runs(rule, model, picker):
    whole, pieces = block_of(rule, model, picker), block_of(rule, model, picker)
    advance(whole, 1000)
    for length in (1, 2, 17, 330, 650):
        advance(pieces, length)
    return arrays_of(whole.state, "state"), arrays_of(pieces.state, "state")


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("form", MODELS)
def test_bits_do_not_depend_on_how_the_tape_is_cut(form, batch):
    picker = None if batch == 1 else si.pickers.Minibatches(batch)
    whole, pieces = split_runs(si.optim.SGD(0.9 / L2 if batch == 1 else 0.3), MODELS[form], picker)
    assert whole.keys() == pieces.keys()
    for place in whole:
        assert whole[place].tobytes() == pieces[place].tobytes(), place


def test_bits_of_a_chain_do_not_depend_on_how_the_tape_is_cut():
    whole, pieces = split_runs(si.optim.SGD(0.05, chain(clip(0.5), momentum(0.9), weight_decay(0.01))), DENSE, None)
    assert any("velocity" in place for place in whole)
    for place in whole:
        assert whole[place].tobytes() == pieces[place].tobytes(), place


RULES = {
    "csr": (si.optim.SGD(), SPARSE),
    "dense": (si.optim.SGD(), DENSE),
    "chain": (si.optim.SGD(0.05, chain(clip(0.5), momentum(0.9), weight_decay(0.01))), DENSE),
}


@pytest.mark.parametrize("case", RULES)
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(case, tmp_path):
    rule, model = RULES[case]
    si.run(rule, model, steps=120, thin=40, rng=4).save(tmp_path / "run.npz")
    resumed = si.resume(tmp_path / "run.npz", draws=2)
    whole = si.run(rule, model, steps=200, thin=40, rng=4)
    assert resumed["coefficients"].tobytes() == whole["coefficients"].tobytes()
    states = [arrays_of(run.checkpoint.session.blocks[0].state, "state") for run in (resumed, whole)]
    for place in states[0]:
        assert states[0][place].tobytes() == states[1][place].tobytes(), place


@pytest.mark.skipif(not JIT, reason="nothing compiles")
def test_new_numbers_data_pickers_and_schedules_compile_nothing():
    def once(features, rule, picker=None, schedule=None, labels=Y):
        return si.minimize(si.models.LogisticRegression(features, labels, l2=0.1), rule, picker=picker, schedule=schedule, rng=0)

    whole = np.round(4 * X)
    read_only = X.copy()
    read_only.flags.writeable = False
    for form, kind in itertools.product((np.asarray, sp.csr_array), (np.float64, np.float32)):
        once(form(X.astype(kind)), si.optim.SGD())
        once(form(X.astype(kind)), si.optim.SGD(0.1), si.pickers.Uniform(), si.schedules.Linear(10))
        once(form(X.astype(kind)), si.optim.SGD(1.0))
    before = cache.statistics["misses"]
    variants = (
        X[:40],
        np.asfortranarray(X),
        X[:, ::-1],
        whole.astype(int),
        whole.astype(np.int8),
        2 * X[:50].astype(np.float32),
        read_only,
        X.tolist(),
    )
    for variant in variants:
        once(variant, si.optim.SGD(), labels=Y[: len(variant)])
    for variant in (sp.csc_array(X), sp.coo_array(X), sp.csr_array(2 * X.astype(np.float32)), sp.csr_array(whole.astype(int))):
        once(variant, si.optim.SGD(0.2), si.pickers.Uniform(), si.schedules.Linear(10))
    wide = sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    once(wide, si.optim.SGD(1))
    assert cache.statistics["misses"] == before


BAD = {
    "zero rate": (lambda: si.optim.SGD(0.0), "learning_rate = 0.0"),
    "negative rate": (lambda: si.optim.SGD(-1), "learning_rate = -1"),
    "infinite rate": (lambda: si.optim.SGD(np.inf), "learning_rate = inf"),
    "text for a rate": (lambda: si.optim.SGD("fast"), "learning_rate = 'fast'"),
    "no rate": (lambda: si.optim.SGD(None), "learning_rate = None"),
    "a number for a transform": (lambda: si.optim.SGD(0.1, 0.9), "no transform"),
    "a class for a transform": (lambda: si.optim.SGD(0.1, momentum), "no transform"),
    "an empty chain": (lambda: chain(), "at least one"),
    "a number in a chain": (lambda: chain(clip(1.0), 3), "3 is no transform"),
    "a negative limit": (lambda: clip(-1.0), r"clip\(-1.0\)"),
    "a limit that is no number": (lambda: clip(np.nan), r"clip\(nan\)"),
    "a decay of one": (lambda: momentum(1.0), r"momentum\(1.0\)"),
    "a negative decay": (lambda: weight_decay(-0.1), r"weight_decay\(-0.1\)"),
    "an infinite decay": (lambda: weight_decay(np.inf), r"weight_decay\(inf\)"),
    "two rules in a chain": (lambda: chain(si.optim.SGD(0.1), si.optim.Momentum(0.1)), "2 rules with a learning rate each"),
    "an unknown convention": (lambda: si.optim.SGD(0.1, convention="jax"), "convention = 'jax'"),
    "a momentum of one": (lambda: si.optim.Momentum(0.1, 1.0), "Momentum: momentum = 1.0"),
    "no gradient": (lambda: si.minimize(si.models.CoinBias(1, 1), si.optim.SGD(0.1)), "SGD needs gradient"),
    "a short start": (lambda: si.minimize(DENSE, x0=np.zeros(4)), "4 numbers; LinearTarget has 5"),
    "two starts": (lambda: si.minimize(DENSE, x0=np.zeros((1, 5))), "one position"),
    "a start that is not finite": (lambda: si.minimize(DENSE, x0=np.full(5, np.nan)), "starting positions are finite"),
    "an unknown rule": (lambda: si.minimize(DENSE, "adam"), "rule = 'adam'"),
    "a class for a rule": (lambda: si.minimize(DENSE, si.optim.SGD), "make an instance"),
    "no model": (lambda: si.minimize(lambda x: x, si.optim.SGD()), "no model"),
    "no threads": (lambda: si.minimize(DENSE, threads=0), "threads = 0"),
    "a picker beyond the rows": (lambda: si.minimize(DENSE, picker=si.pickers.Uniform(51)), "n = 51, and LinearTarget has 50"),
    "batches beyond the rows": (lambda: si.minimize(SPARSE, picker=si.pickers.Minibatches(5, 60)), "n = 60, and LinearTarget"),
    "a batch of all and more": (lambda: si.minimize(DENSE, picker=si.pickers.Minibatches(51)), "a batch of 51 from 50"),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named_before_anything_compiles(case):
    refused(*BAD[case])


@pytest.mark.fast
def test_a_target_of_ones_own_without_smoothness_needs_a_rate():
    class Bare:
        gradient = None

    with pytest.raises(si.StochinfError, match=r"no row_smoothness\(\)"):
        si.optim.SGD().prepare(Bare())
    assert isinstance(DENSE.as_target(), LinearTarget)


def test_observers_see_the_objective():
    both = si.observers.Both(si.observers.Trace(), si.observers.Best())
    run = si.run(si.optim.SGD(), DENSE, steps=500, thin=50, observer=both, rng=0)
    target = DENSE.as_target()
    assert run.observed["trace"].shape == (1, 10)
    assert run.observed["trace"][0, -1] == pytest.approx(-50 * target.objective(run.position[0]), rel=1e-13)
    assert run.observed["best_log_density"][0] == run.observed["trace"].max()
    assert -50 * target.objective(run.observed["best_position"][0]) == pytest.approx(run.observed["trace"].max(), rel=1e-13)
