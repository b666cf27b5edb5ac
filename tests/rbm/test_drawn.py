"""Rows drawn afresh: their means, their steps against enumeration and numpy, the same bits however training is cut."""

from types import SimpleNamespace

import numpy as np
import pytest
from rbm.tiny import codes, do_steps, lane_numbers, machine, plain, reference_gradient, started, states
from scipy.sparse import csr_array

import stochinf as si
from stochinf.engine.random import lane_streams
from stochinf.rbm.contrastive import ContrastiveDivergence
from stochinf.rbm.data import Rows, as_rows
from stochinf.rbm.drawn import Binarised

MEANS = np.array([[0.0, 0.3, 1.0], [0.5, 0.25, 0.8]])
GREY = np.random.default_rng(0).choice([0.0, 0.2, 0.7, 1.0], (60, 4))


def drawn(target: Binarised, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One draw of every row, and its products with weights that count the ones."""
    n = target.n_points
    rows, out = np.empty((n, target.n_visible), np.float32), np.empty((n, 1), np.float32)
    with np.errstate(over="ignore"):
        state = SimpleNamespace(words=words, places=np.zeros(target.n_visible, np.int32))
        target.activate(np.arange(n), 0, n, np.ones((target.n_visible, 1), np.float32), rows, out, state)
    return rows, out


@pytest.mark.fast
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0)])
def test_draws_have_two_values_and_their_means(low: float, high: float) -> None:
    means = low + (high - low) * np.tile(MEANS, (1000, 1))
    rows, sums = drawn(Binarised(Rows(means), low, high), lane_streams(np.random.SeedSequence(1), 3))
    assert np.isin(rows, (low, high)).all()
    np.testing.assert_allclose(sums[:, 0], rows.sum(axis=1), atol=1e-5)
    shares = (rows.reshape(1000, 2, 3).mean(axis=0) - low) / (high - low)
    assert (np.abs(shares - MEANS) <= 5 * np.sqrt(MEANS * (1 - MEANS) / 1000)).all()


@pytest.mark.fast
def test_every_visit_is_another_draw_the_same_for_the_same_seed() -> None:
    target, words = Binarised(Rows(np.full((500, 3), 0.5))), lane_streams(np.random.SeedSequence(2), 3)
    copy, sparse = words.copy(), Binarised(as_rows(csr_array(np.full((500, 3), 0.5))))
    first, second = drawn(target, words)[0], drawn(target, words)[0]
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 5 / np.sqrt(1500)
    np.testing.assert_array_equal(first, lane_numbers(copy.copy(), 500, 3) < 0.5)
    np.testing.assert_array_equal(first, drawn(sparse, copy)[0])
    np.testing.assert_allclose(Binarised(Rows(2 * MEANS - 1), -1, 1).visible_squares(), 1.0)


def test_an_update_equals_numpy_and_the_mean_one_enumeration() -> None:
    model, means = machine(1, 3, 2, scale=2.0), np.tile(MEANS, (64, 1))
    target, kernel, n = Binarised(Rows(means)), plain(2, 1, 1.0, 128), 128
    state, points = started(kernel, target, model), np.arange(n)[None]
    steps = np.empty((300, state.position.size))
    for step in steps:
        words = state.words.copy()
        do_steps(kernel, target, state, points, 1.0)
        rows = (lane_numbers(words, n, 3) < means.astype(np.float32)).astype(float)
        np.testing.assert_allclose(-state.gradient, reference_gradient(model, rows, words, 1), atol=2e-6)
        assert np.array_equal(words, state.words)
        step[:] = -state.gradient
        state.position[:] = model.position
    v = states(3)
    chances = np.prod(np.where(v[None] > 0, MEANS[:, None], 1 - MEANS[:, None]), axis=2).mean(axis=0)
    expected = model.statistics(v, chances) - model.statistics(v, chances @ model.transition())
    error = steps.std(axis=0, ddof=1) / np.sqrt(len(steps))
    assert np.abs((steps.mean(axis=0) - expected) / error).max() < 5
    rounded = np.bincount(codes(np.round(MEANS)), minlength=8) / 2
    wrong = model.statistics(v, rounded) - model.statistics(v, rounded @ model.transition())
    assert np.abs((steps.mean(axis=0) - wrong) / error).max() > 10


def test_split_and_saved_runs_give_the_same_bits(tmp_path) -> None:
    target, kernel, quiet = Binarised(Rows(GREY)), ContrastiveDivergence(2, 1, 0.1, 8), si.observers.Nothing()
    whole = si.run(kernel, target, 60, observer=quiet, rng=3)
    si.run(kernel, target, 23, observer=quiet, rng=3).save(tmp_path / "run.npz")
    assert np.array_equal(whole.position, si.resume(tmp_path / "run.npz", draws=37).position)


def test_the_estimator_draws_and_goes_on_to_the_bit(tmp_path) -> None:
    settings = {"binarise": "sample", "batch_size": 8, "n_chains": 5, "learning_rate": 0.1, "random_state": 0, "monitor": 2}
    whole = si.RBM(3, n_iter=6, **settings).fit(GREY, validation=GREY[:9])
    si.RBM(3, n_iter=3, **settings).fit(GREY).save(tmp_path / "machine.npz")
    later = si.RBM.load(tmp_path / "machine.npz").set_params(n_iter=6, warm_start=True).fit(GREY)
    assert np.array_equal(whole.weights_, later.weights_)
    assert np.isfinite(whole.history_["free_energy_gap"]).all()
    as_they_are = si.RBM(3, n_iter=6, **{**settings, "binarise": None}).fit(GREY)
    assert not np.array_equal(whole.weights_, as_they_are.weights_)


def test_fresh_draws_are_learnt_as_what_they_are_draws_of() -> None:
    rows = np.repeat([[0.9, 0.9, 0.1], [0.1, 0.1, 0.9]], 100, axis=0)
    rate = 0.5 * si.schedules.Linear(40 * 20)
    rbm = si.RBM(2, n_iter=40, batch_size=10, binarise="sample", learning_rate=rate, random_state=0).fit(rows)
    v = states(3)
    truth = np.prod(np.where(v[None] > 0, rows[[0, 100], None], 1 - rows[[0, 100], None]), axis=2).mean(axis=0)
    learnt = np.exp(-rbm.free_energy(v) - rbm.log_partition().value)
    assert 0.5 * np.abs(learnt - truth).sum() < 0.05


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Binarised(GREY), "rows = "),
        (lambda: Binarised(Rows(2 * GREY)), "means from 0 to 2"),
        (lambda: Binarised(as_rows(csr_array(GREY)), 0.5, 1), "means from 0 to 1; numbers from 0.5 to 1"),
        (lambda: Binarised(Rows(GREY), 1, 1), "low = 1, high = 1"),
        (lambda: si.RBM(2, binarise="threshold").fit(GREY), "binarise = 'threshold'"),
        (lambda: si.RBM(2, binarise="sample", units=("gaussian", "bernoulli")).fit(GREY), "units of two values"),
    ],
)
def test_errors_name_the_culprit(make, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        make()
