"""Momentum and Adam on compressed rows of few features: the steps of the dense form, in one piece, in pieces, and resumed."""

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf import optim
from stochinf.engine.block import advance
from stochinf.engine.checkpoint import arrays_of
from stochinf.engine.session import Plan, build
from stochinf.optim.descent import Descent
from stochinf.optim.glider import GlidingDescent

RNG = np.random.default_rng(2)
N, D = 60, 90
X = sp.random_array((N, D), density=0.03, rng=RNG, data_sampler=RNG.standard_normal).tocsr()
X = X * np.where(np.arange(D) % 3 == 0, 1e-9, np.where(np.arange(D) % 3 == 1, 1e-4, 1.0))
Y = (X @ RNG.normal(size=D) + RNG.normal(size=N) > 0).astype(int)
RULES = {
    "momentum": optim.Momentum(0.3),
    "average": optim.SGD(0.3, optim.momentum(0.95, average=True)),
    "nesterov": optim.Nesterov(0.1),
    "adam": optim.Adam(0.01),
    "keras": optim.Adam(0.01, convention="keras"),
    "short memory": optim.Adam(0.01, 0.5, 0.8),
}


def block_of(rule, rows, picker=None):
    target = si.models.LogisticRegression(rows, Y).as_target()
    picker = picker or si.pickers.Shuffled()
    schedule = si.schedules.Cosine(250)
    return build(Plan(rule, target, picker, schedule, si.observers.Nothing(), None, 1, 0, 2**62, False, 5), 0).blocks[0]


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("name", RULES)
def test_the_steps_are_those_of_dense_rows(name, batch):
    picker = si.pickers.Minibatches(batch) if batch > 1 else None
    sparse, dense = block_of(RULES[name], X, picker), block_of(RULES[name], X.toarray(), picker)
    assert isinstance(sparse.kernel, GlidingDescent)
    assert isinstance(dense.kernel, Descent)
    for steps in (3, 60, 400):
        advance(sparse, steps)
        advance(dense, steps)
        assert np.abs(dense.state.position).max() > 1e-3
        np.testing.assert_allclose(sparse.state.position, dense.state.position, rtol=1e-10, atol=1e-14)


@pytest.mark.fast
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_bits_do_not_depend_on_how_a_run_is_cut(name):
    whole, pieces = block_of(RULES[name], X), block_of(RULES[name], X)
    advance(whole, 300)
    for length in (1, 2, 17, 80, 200):
        advance(pieces, length)
    ours, theirs = arrays_of(whole.state, "state"), arrays_of(pieces.state, "state")
    assert all(ours[place].tobytes() == theirs[place].tobytes() for place in ours)


@pytest.mark.fast
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(name, tmp_path):
    model = si.models.LogisticRegression(X, Y)
    si.run(RULES[name], model, steps=120, thin=40, rng=4).save(tmp_path / "run.npz")
    resumed = si.resume(tmp_path / "run.npz", draws=2)
    whole = si.run(RULES[name], model, steps=200, thin=40, rng=4)
    assert resumed["coefficients"].tobytes() == whole["coefficients"].tobytes()


@pytest.mark.fast
def test_it_serves_where_it_pays():
    dense, crowded = X.toarray(), sp.csr_array(RNG.normal(size=(N, D)))
    assert isinstance(block_of(optim.Momentum(0.1), sp.csr_array(dense)).kernel, GlidingDescent)
    assert isinstance(block_of(optim.Momentum(0.1), crowded).kernel, Descent)
    assert isinstance(block_of(optim.Momentum(0.1, weight_decay=0.1), X).kernel, Descent)
    assert isinstance(block_of(optim.Adam(0.1, eps_root=1e-8), X).kernel, Descent)
