"""Gradients and chains of machines with every kind of unit, against enumeration; centring, penalties, weights, momentum."""

from itertools import product

import numpy as np
import pytest
import scipy.stats
from rbm.exact import Small, small
from rbm.tiny import do_steps, machine, plain, started

import stochinf as si
from stochinf.engine.streams import Streams
from stochinf.rbm.data import Rows
from stochinf.rbm.parameters import unpacked

BERNOULLI, SPIN, GAUSSIAN, RELU = si.rbm.Bernoulli(), si.rbm.Spin(), si.rbm.Gaussian(), si.rbm.ReLU()
KINDS = [BERNOULLI, SPIN, GAUSSIAN, RELU, si.rbm.Softmax(2)]
PAIRS = [
    (BERNOULLI, SPIN),
    (GAUSSIAN, BERNOULLI),
    (si.rbm.Softmax(4), RELU),
    pytest.param((SPIN, GAUSSIAN), marks=pytest.mark.slow),
    pytest.param((RELU, si.rbm.Softmax(4)), marks=pytest.mark.slow),
]
"""Every kind in both layers; what is compiled for them serves all tests. Compiling takes longer than the tests."""
DATA = np.array([[0, 0, 1], [1, 1, 0], [1, 1, 0], [1, 0, 1]], dtype=float)


def names_of(value) -> str:
    return "-".join(type(unit).__name__ for unit in value) if not hasattr(value, "_fields") else type(value).__name__


@pytest.mark.fast
@pytest.mark.parametrize("pair", list(product(KINDS, KINDS)), ids=names_of)
def test_the_likelihood_gradient_by_differences(pair) -> None:
    model = small(*pair, 2, 2, seed=4, scale=0.2)
    rows = (
        small(*pair, 2, 2, seed=5, scale=0.2).rows(7, np.random.default_rng(1))
        if listed(pair)
        else np.array([[0.4, 1.2], [0.1, 0]])
    )
    here = np.concatenate([part.ravel() for part in model[2:]])
    slope = [
        (model.with_position(here + h).log_likelihood(rows) - model.with_position(here - h).log_likelihood(rows)) / 2e-5
        for h in 1e-5 * np.eye(here.size)
    ]
    exact = model.statistics(rows, np.full(len(rows), 1 / len(rows))) - model.expected()
    np.testing.assert_allclose(exact, slope, rtol=1e-5, atol=2e-6)


def listed(pair) -> bool:
    """Whether one of two layers has a list of states."""
    return any(not unit.has_precision for unit in pair)


def ran(model: Small, rows: np.ndarray, k: int) -> object:
    """The state after one step of CD-k at rate 0 from the model's parameters."""
    kernel = plain(len(model.hidden_bias), k, 1.0, len(rows), model.visible, model.hidden)
    target = Rows(rows)
    state = kernel.init(target, model.position, Streams(2, 0, 1))
    do_steps(kernel, target, state, np.arange(len(rows))[None], 0.0)
    return state


@pytest.mark.parametrize("pair", PAIRS, ids=names_of)
def test_long_chains_point_along_the_gradient(pair) -> None:
    model, rows = (
        small(*pair, 8, 8, seed=1, scale=0.25),
        small(*pair, 8, 8, seed=2, scale=0.25).rows(4000, np.random.default_rng(3)),
    )
    exact = model.statistics(rows, np.full(len(rows), 1 / len(rows))) - model.expected()
    estimate = -ran(model, rows, 100).gradient.astype(float)
    assert exact @ estimate / np.linalg.norm(exact) / np.linalg.norm(estimate) > 0.99
    assert 0.9 < np.linalg.norm(estimate) / np.linalg.norm(exact) < 1.1


@pytest.mark.parametrize("pair", PAIRS, ids=names_of)
def test_gibbs_steps_leave_machines_of_eight_by_eight_units_invariant(pair) -> None:
    model, n = small(*pair, 8, 8, seed=6), 20_000
    ends = ran(model, model.rows(n, np.random.default_rng(7)), 1).visible[:n].astype(float)
    assert invariance(model, ends) > 1e-6
    wrong = model._replace(weights=0.5 * model.weights)
    assert invariance(model, ran(wrong, model.rows(n, np.random.default_rng(7)), 3).visible[:n].astype(float)) < 1e-6


def invariance(model: Small, ends: np.ndarray) -> float:
    """p-value of draws against the model: states counted, or numbers compared with exact draws."""
    states = model.visible.states(8)
    if states is not None:
        codes = np.unique(np.concatenate([states, ends]), axis=0, return_inverse=True)[1].ravel()
        assert codes.max() == len(states) - 1
        order = np.argsort(codes[: len(states)])
        shares = np.exp(model.log_weight(states) - model.log_weight(states).max())[order]
        counts, expected = np.bincount(codes[len(states) :], minlength=len(states)), shares / shares.sum() * len(ends)
        large = expected > 5
        pooled = (np.append(values[large], values[~large].sum() + 1e-9) for values in (counts, expected))
        return float(scipy.stats.chisquare(*pooled).pvalue)
    exact = model.rows(len(ends), np.random.default_rng(8))
    mix = np.random.default_rng(9).normal(size=(8, 4))
    columns = zip(np.hstack([ends, ends @ mix]).T, np.hstack([exact, exact @ mix]).T, strict=True)
    return min(float(scipy.stats.ks_2samp(a, b).pvalue) for a, b in columns)


def gradient(target=None, steps: int = 1, **settings) -> tuple[object, np.ndarray]:
    """State after some steps at rate 0.1 from the same parameters, and the gradient of the last."""
    model, target = machine(7, 3, 2), Rows(DATA) if target is None else target
    kernel = plain(2, 1, 0.1, 4, **settings)
    state = started(kernel, target, model)
    state.offsets[:] = [0.3, 0.6, 0.2, 0.7, 0.4]
    for _ in range(steps):
        do_steps(kernel, target, state, np.arange(4)[None], 0.1)
    return state, state.gradient.astype(float)


@pytest.mark.fast
def test_centring_is_the_same_model_in_other_coordinates() -> None:
    (_, g), (_, centred) = gradient(), gradient(centered=1.0)
    (w, b, c, _), mu, lam = unpacked(g, 3), np.array([0.3, 0.6, 0.2]), np.array([0.7, 0.4])
    weights = w - np.outer(mu, c) - np.outer(b, lam)
    expected = np.concatenate([weights.ravel(), b - weights @ lam, c - weights.T @ mu])
    np.testing.assert_allclose(centred, expected, atol=1e-6)


@pytest.mark.fast
def test_penalties_move_what_they_should() -> None:
    model = machine(7, 3, 2)
    (_, g), (_, more) = gradient(), gradient(penalties=si.rbm.Penalties(0.3, 0.2, 0.1, 0.5))
    pull = 0.3 * np.sign(model.weights) + 0.2 * model.weights
    expected = g + np.concatenate([pull.ravel(), np.zeros(3), 0.5 * (np.array([0.7, 0.4]) - 0.1)])
    np.testing.assert_allclose(more, expected, atol=1e-6)


@pytest.mark.fast
def test_running_means_are_weighted_means_of_the_data() -> None:
    weights = np.array([1.0, 0.0, 2.0, 5.0])
    state, _ = gradient(Rows(DATA, weights), sliding=0.25)
    np.testing.assert_allclose(state.offsets[:3], 0.75 * np.array([0.3, 0.6, 0.2]) + 0.25 * weights @ DATA / 8, rtol=1e-6)
    even, same = gradient(Rows(DATA, np.full(4, 3.0)))[1], gradient()[1]
    np.testing.assert_allclose(even, same, atol=1e-7)
    with pytest.raises(si.StochinfError, match="row_weights of shape"):
        Rows(DATA, [1.0])


@pytest.mark.fast
def test_momentum_adds_what_was() -> None:
    first, g = gradient(transform=si.rbm.Steady(0.5))
    second, h = gradient(transform=si.rbm.Steady(0.5), steps=2)
    np.testing.assert_allclose(second.memory.velocity, 0.5 * g + h, atol=1e-6)
    np.testing.assert_allclose(second.position, first.position - 0.1 * second.memory.velocity, atol=1e-6)


@pytest.mark.fast
def test_hidden_units_drop_out_with_their_rows() -> None:
    state, _ = gradient(dropout=0.5)
    assert np.array_equal(state.mask[:4], state.mask[4:])
    assert 0 < state.mask.mean() < 1
    assert not state.hidden[state.mask == 0].any()


CHAINS = [
    si.rbm.Persistent(300),
    pytest.param(si.rbm.Fast(300), marks=pytest.mark.slow),
    si.rbm.Tempered(300, 3),
]


@pytest.mark.parametrize("chains", CHAINS, ids=names_of)
def test_persistent_chains_reach_the_model(chains) -> None:
    model, target = machine(1, 3, 2, scale=1.5), Rows(DATA)
    kernel = plain(2, 1, 1.0, 4, chains=chains)
    state = started(kernel, target, model)
    sums = np.zeros(state.position.size)
    for step in range(220):
        do_steps(kernel, target, state, np.arange(4)[None], 0.0)
        sums += state.gradient if step >= 20 else 0.0
    small_model = Small(BERNOULLI, BERNOULLI, model.weights, model.visible_bias, model.hidden_bias, np.empty(0))
    exact = small_model.expected() - small_model.statistics(DATA, np.full(4, 0.25))
    np.testing.assert_allclose(sums / 200, exact, atol=0.02)
    if hasattr(state.chains, "swaps"):
        assert 0.2 < state.chains.swaps[1] / state.chains.swaps[0] <= 1


@pytest.mark.fast
@pytest.mark.slow
def test_fast_weights_learn_and_decay() -> None:
    model, target = machine(1, 3, 2), Rows(DATA)
    kernel = plain(2, 1, 1.0, 4, chains=si.rbm.Fast(5, 0.5, 2.0))
    state = started(kernel, target, model)
    do_steps(kernel, target, state, np.arange(4)[None], 0.1)
    first = state.gradient.copy()
    do_steps(kernel, target, state, np.arange(4)[None], 0.1)
    np.testing.assert_allclose(state.chains.fast, -0.2 * (0.5 * first + state.gradient), atol=1e-6)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: si.rbm.Persistent(0), "n_chains = 0"),
        (lambda: si.rbm.Fast(5, 1.0), "decay = 1.0"),
        (lambda: si.rbm.Tempered(5, 1), "n_temperatures = 1"),
        (lambda: si.rbm.Penalties(l2=-1.0), "l2 = -1.0"),
        (lambda: si.rbm.Steady(1.0), "momentum = 1.0"),
        (lambda: plain(2, dropout=1.0), "dropout = 1.0"),
        (lambda: plain(2, dropout=0.5, chains=si.rbm.Tempered()), "no dropout with tempered chains"),
    ],
)
def test_errors_name_the_culprit(make, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        make()
