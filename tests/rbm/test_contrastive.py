"""The kernel against enumeration, against numpy with the same random numbers, and planted bugs."""

from typing import Any

import numpy as np
import pytest
import scipy.stats
from rbm.tiny import (
    Machine,
    chain_ends,
    codes,
    do_steps,
    lane_numbers,
    machine,
    plain,
    reference_chain,
    reference_gradient,
    started,
    states,
)
from scipy.sparse import csr_array
from scipy.special import expit

import stochinf as si
from stochinf.engine.random import lane_streams, stream
from stochinf.rbm.contrastive import ContrastiveDivergence
from stochinf.rbm.data import Rows, SparseRows, as_rows
from stochinf.rbm.parameters import unpacked
from stochinf.rbm.products import WIDE
from stochinf.rbm.tapes import Later, Passes

DATA = np.array([[0, 0, 1], [1, 1, 0], [1, 1, 0], [1, 0, 1]], dtype=float)
BUGS = ("no visible bias", "mean-field hidden units", "weights times 0.9")


def mean_gradient(model: Machine, k: int, repeats: int = 300, copies: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error of the CD-k step from the same parameters."""
    target = Rows(np.tile(DATA, (copies, 1)))
    kernel = plain(2, k, 1.0, target.n_points)
    state = started(kernel, target, model)
    steps = np.empty((repeats, state.position.size))
    for step in steps:
        do_steps(kernel, target, state, np.arange(target.n_points)[None], 1.0)
        step[:] = -state.gradient
        state.position[:] = model.position
    return steps.mean(axis=0), steps.std(axis=0, ddof=1) / np.sqrt(repeats)


def expected_gradient(model: Machine, k: int | None) -> np.ndarray:
    """The expected CD-k step by enumeration; None: the gradient of the mean log-likelihood."""
    v = states(3)
    start = np.bincount(codes(DATA), minlength=8) / len(DATA)
    ends = model.joint().sum(axis=1) if k is None else start @ np.linalg.matrix_power(model.transition(), k)
    return model.statistics(v, start) - model.statistics(v, ends)


@pytest.mark.parametrize("k", [1, 2])
def test_mean_step_is_the_enumerated_one(k: int) -> None:
    model = machine(1, 3, 2, scale=2.5)
    mean, error = mean_gradient(model, k)
    assert np.abs((mean - expected_gradient(model, k)) / error).max() < 5
    assert np.abs((mean - expected_gradient(model, 3 - k)) / error).max() > 10


def test_long_chains_give_the_likelihood_gradient() -> None:
    model = machine(1, 3, 2)
    mean, error = mean_gradient(model, 40)
    assert np.abs((mean - expected_gradient(model, None)) / error).max() < 5


def test_likelihood_gradient_by_differences() -> None:
    model = machine(3, 3, 2)

    def log_likelihood(position: np.ndarray) -> float:
        moved = Machine(*unpacked(position, 3)[:3])
        return float(np.log(moved.joint().sum(axis=1))[codes(DATA)].mean())

    here = np.concatenate([part.ravel() for part in model])
    slope = [(log_likelihood(here + h) - log_likelihood(here - h)) / 2e-6 for h in 1e-6 * np.eye(here.size)]
    np.testing.assert_allclose(expected_gradient(model, None), slope, atol=1e-8)


def p_value(model: Machine, rows: np.ndarray) -> float:
    exact = model.joint().sum(axis=1)
    return float(scipy.stats.chisquare(np.bincount(codes(rows), minlength=exact.size), exact * len(rows)).pvalue)


def exact_rows(model: Machine, n: int, seed: int) -> np.ndarray:
    p = model.joint().sum(axis=1)
    return states(len(model.visible_bias))[np.random.default_rng(seed).choice(p.size, n, p=p / p.sum())]


@pytest.mark.parametrize("k", [1, 3])
def test_gibbs_steps_leave_the_model_invariant(k: int) -> None:
    model = machine(5, 4, 3)
    assert p_value(model, chain_ends(model, exact_rows(model, 100_000, seed=k), k)) > 1e-6


@pytest.mark.slow
def test_gibbs_steps_leave_the_model_invariant_in_a_million_starts() -> None:
    model = machine(6, 4, 3)
    assert p_value(model, chain_ends(model, exact_rows(model, 1_000_000, seed=3), 2)) > 1e-6


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_are_caught(bug: str) -> None:
    model = machine(5, 4, 3)
    rows, words = exact_rows(model, 100_000, seed=1), lane_streams(np.random.SeedSequence(1), 4)
    assert p_value(model, reference_chain(model, rows, words, 1)) > 1e-6
    assert p_value(model, reference_chain(model, rows, words, 1, bug)) < 1e-6


def test_units_are_on_as_often_as_they_should() -> None:
    n, logits = 100_000, np.linspace(-12, 12, 25)
    model = Machine(np.zeros((25, 2)), logits, np.zeros(2))
    on = chain_ends(model, np.zeros((n, 25)), 1).sum(axis=0)
    for count, p in zip(on, 1 / (1 + np.exp(-logits)), strict=True):
        assert scipy.stats.binomtest(int(count), n, p).pvalue > 1e-6, p
    certain = chain_ends(Machine(np.zeros((2, 2)), np.array([-200.0, 200.0]), np.zeros(2)), np.zeros((1000, 2)), 1)
    assert certain.sum(axis=0).tolist() == [0, 1000]


@pytest.mark.fast
@pytest.mark.parametrize("k", [1, 3])
def test_an_update_equals_numpy(k: int) -> None:
    model, target, kernel = machine(7, 3, 2), Rows(DATA), plain(2, k, 0.1, 4)
    state = started(kernel, target, model)
    words = state.words.copy()
    do_steps(kernel, target, state, np.array([[3, 0, 1, 2]]), 0.1)
    gradient = reference_gradient(model, DATA[[3, 0, 1, 2]], words, k)
    np.testing.assert_allclose(state.gradient, -gradient, atol=1e-6)
    np.testing.assert_allclose(state.position, model.position + 0.1 * gradient, atol=1e-6)
    assert np.array_equal(state.words, words)


@pytest.mark.fast
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_an_update_of_few_units_equals_numpy(form: Any) -> None:
    """Where seven of eight units are 0 the numbers are sorted by column; groups of a batch add up."""
    rng = np.random.default_rng(4)
    model = machine(8, 60, WIDE)
    model = model._replace(weights=0.1 * model.weights, visible_bias=np.full(60, -3.5))
    rows = (rng.random((6, 60)) < 0.05) * rng.integers(1, 3, (6, 60)) * 0.5
    target, kernel, points = as_rows(form(rows)), plain(WIDE, 1, 0.1, 4), [3, 0, 0, 5, 2, 1]
    state = started(kernel, target, model)
    words, gradient = state.words.copy(), np.zeros(state.position.size)
    do_steps(kernel, target, state, np.array([points]), 0.1)
    for group in (points[:4], points[4:]):
        gradient += len(group) / 6 * reference_gradient(model, rows[group], words, 1)
    np.testing.assert_allclose(state.gradient, -gradient, atol=2e-6)
    last = (state.visible[:2] != 0).sum() + (rows[points[4:]] != 0).sum()
    assert state.entries.starts[-1] == last > 0
    assert np.array_equal(state.words, words)


@pytest.mark.fast
def test_absent_rows_and_small_work_spaces() -> None:
    model, target = machine(7, 3, 2), Rows(DATA)
    kernel = plain(2, 1, 1.0, 2)
    state = started(kernel, target, model)
    words = state.words.copy()
    do_steps(kernel, target, state, np.array([[3, -1, 0, 1, -1, -1, 2]]), 1.0)
    groups = [reference_gradient(model, DATA[rows], words, 1) * len(rows) for rows in ([3], [0, 1], [2])]
    np.testing.assert_allclose(state.gradient, -np.sum(groups, axis=0) / 4, atol=1e-6)
    before = state.position.copy()
    do_steps(kernel, target, state, np.array([[-1, -1]]), 1.0)
    assert np.array_equal(state.position, before)


@pytest.mark.fast
def test_reconstruction_error_is_that_of_the_last_batch() -> None:
    model, target, kernel = machine(7, 3, 2), Rows(DATA), plain(2, 1, 1.0, 4)
    state = started(kernel, target, model)
    ends = reference_chain(model, DATA, state.words.copy(), 1)
    do_steps(kernel, target, state, np.arange(4)[None], 0.0)
    assert state.stats[0] == pytest.approx(np.mean((DATA - ends) ** 2))


def test_sparse_rows_give_the_same_steps() -> None:
    model, kernel = machine(7, 3, 2), plain(2, 2, 0.1, 3)
    points = np.array([[0, 3, 1], [2, -1, 1]])
    positions = []
    for target in (Rows(DATA), as_rows(csr_array(DATA))):
        state = started(kernel, target, model)
        do_steps(kernel, target, state, points, 0.1)
        positions.append(state.position)
    np.testing.assert_allclose(*positions, atol=1e-6)
    twice = SparseRows([0.25, 0.5], [1, 1], [0, 2], 3)
    out = np.full((1, 3), 9, np.float32)
    twice.gather(np.array([0]), 0, 1, out)
    assert out.tolist() == [[0.0, 0.75, 0.0]]
    np.testing.assert_allclose(as_rows(csr_array(DATA)).visible_means(), DATA.mean(axis=0))


@pytest.mark.fast
@pytest.mark.parametrize(("n", "batch"), [(10, 4), (1001, 500), (7, 100), (12, 4), (5, 1)])
def test_a_pass_takes_every_row_once(n: int, batch: int) -> None:
    picker = Passes(batch, n).prepare(None)
    points = np.empty((2 * picker.steps, picker.batch), np.int64)
    rng = stream(np.random.SeedSequence(0))
    with np.errstate(over="ignore"):
        picker.fill(points[:1], 0, rng)
        picker.fill(points[1:], 1, rng)
    for half in np.split(points, 2):
        assert sorted(half[half >= 0]) == list(range(n))
    sizes = (points >= 0).sum(axis=1)
    assert sizes.max() <= batch
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.fast
def test_later_goes_on() -> None:
    assert Later(si.schedules.Linear(10), 4).at(2) == si.schedules.Linear(10).at(6)


@pytest.mark.fast
def test_start_is_small_weights_and_log_odds() -> None:
    from stochinf.engine.streams import Streams

    target = Rows(np.tile([[1.0, 0.0, 0.25]], (99, 1)))
    state = ContrastiveDivergence(400).prepare(target).init(target, None, Streams(0, 0, 1))
    weights, visible_bias, hidden_bias, _ = unpacked(state.position, 3)
    np.testing.assert_allclose(visible_bias, np.log([99.5 / 0.5, 0.5 / 99.5, 25.25 / 74.75]), rtol=1e-6)
    fields = np.array([1.0, 0.0, 0.25]) @ weights + hidden_bias
    np.testing.assert_allclose(expit(fields), 0.1, rtol=1e-5)
    np.testing.assert_allclose(state.offsets, [1.0, 0.0, 0.25] + 400 * [0.1], rtol=1e-5)
    assert weights.std() == pytest.approx(np.sqrt(2 / 403), rel=0.1)


def test_split_saved_and_threaded_runs_give_the_same_bits(tmp_path) -> None:
    target, kernel, quiet = Rows(np.tile(DATA, (10, 1))), ContrastiveDivergence(2, 1, 0.1, 8), si.observers.Nothing()
    whole = si.run(kernel, target, 60, observer=quiet, chains=2, threads=1, rng=3)
    shared = si.run(kernel, target, 60, observer=quiet, chains=2, threads=2, rng=3)
    si.run(kernel, target, 23, observer=quiet, chains=2, rng=3).save(tmp_path / "run.npz")
    resumed = si.resume(tmp_path / "run.npz", draws=37)
    assert np.array_equal(whole.position, shared.position)
    assert np.array_equal(whole.position, resumed.position)
    assert not np.array_equal(whole.position[0], whole.position[1])


def test_lanes_of_the_reference_are_those_of_the_engine() -> None:
    from stochinf.engine.random import lane_uniform

    words = lane_streams(np.random.SeedSequence(2), 3)
    copy = words.copy()
    with np.errstate(over="ignore"):
        engine = [[lane_uniform(words, lane) for lane in range(3)] for _ in range(5)]
    assert np.array_equal(np.array(engine), lane_numbers(copy, 5, 3))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ContrastiveDivergence(0), "n_hidden = 0"),
        (lambda: ContrastiveDivergence(2, 0), "k = 0"),
        (lambda: ContrastiveDivergence(2, batch=0), "batch = 0"),
        (lambda: ContrastiveDivergence(2, learning_rate=-1.0), "learning_rate = -1.0"),
        (lambda: ContrastiveDivergence(2, learning_rate=np.inf), "learning_rate = inf"),
        (lambda: Rows([[0.0, np.nan]]), "nan"),
        (lambda: Rows([0.0, 1.0]), "shape"),
        (lambda: Rows(np.empty((0, 3))), "at least one row"),
        (lambda: SparseRows([1.0], [3], [0, 1], 3), "columns must lie"),
        (lambda: SparseRows([1.0], [0], [0, 2], 3), "start must rise"),
        (lambda: SparseRows([np.inf], [0], [0, 1], 3), "inf"),
        (lambda: unpacked(np.zeros(12), 3), "12 parameters for 3 visible units"),
        (lambda: si.run(ContrastiveDivergence(2), Rows(DATA), 1, init=np.zeros(5)), "5 numbers given, 11 needed"),
        (lambda: si.run(ContrastiveDivergence(10**9), Rows(np.zeros((1, 10**4))), 1), "an RBM of 10000 by 1000000000 units"),
        (lambda: si.run(ContrastiveDivergence(2), si.models.CoinBias(1, 2), 1), "needs gather"),
        (lambda: Passes(0).prepare(Rows(DATA)), "a batch of 0"),
    ],
)
def test_errors_name_the_culprit(make, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        make()
