"""Pickers: epochs, calibration, and tapes that do not depend on how they are cut."""

import numpy as np
import pytest
from parts_for_tests import MUCH, CoordinateStep, Points, Recorder, quadratic
from scipy import stats

import stochinf as si
from stochinf.engine.errors import StochinfError
from stochinf.engine.loop import fill_points
from stochinf.engine.pickers import BatchesWithReplacement, epoch_length
from stochinf.engine.random import stream

pytestmark = pytest.mark.fast
pickers = si.pickers
TARGET = Points(10)


def tape(picker, steps, *, pieces=None, start=0, seed=1, target=TARGET):
    prepared = picker.prepare(target)
    rng = stream(np.random.SeedSequence(seed))
    batch = getattr(prepared, "batch", 0)
    points = np.full((steps, batch) if batch else steps, -7, np.int64)
    done = 0
    while done < steps:
        length = min(pieces or steps, steps - done)
        fill_points(prepared, points[done : done + length], start + done, rng)
        done += length
    return points


ALL = {
    "uniform": pickers.Uniform(),
    "scan": pickers.Scan(),
    "shuffled": pickers.Shuffled(),
    "minibatches": pickers.Minibatches(3),
    "with_replacement": pickers.Minibatches(3, replace=True),
    "weighted": pickers.Weighted(np.arange(10.0)),
    "curriculum": pickers.Curriculum(np.arange(10.0), 500),
    "greedy": pickers.Greedy(),
}


@pytest.mark.parametrize("picker", ALL.values(), ids=ALL)
def test_tapes_are_equal_whatever_the_cuts(picker):
    whole = tape(picker, 1003)
    assert whole.min() >= 0
    for pieces in (1, 7, 1000):
        assert (tape(picker, 1003, pieces=pieces) == whole).all()
    if not isinstance(picker, pickers.Scan | pickers.Greedy):
        assert (tape(picker, 1003, seed=2) != whole).any()


@pytest.mark.parametrize("picker", ALL.values(), ids=ALL)
def test_preparing_twice_gives_arrays_of_its_own(picker):
    first, second = picker.prepare(TARGET), picker.prepare(TARGET)
    if hasattr(first, "order"):
        assert not np.shares_memory(first.order, second.order)
    assert first.prepare(TARGET)._fields == first._fields


def test_scan_and_greedy():
    assert (tape(pickers.Scan(), 25, start=3) == (np.arange(25) + 3) % 10).all()
    assert (tape(pickers.Greedy(), 4) == 10).all()


@pytest.mark.parametrize(
    ("picker", "n"), [(pickers.Shuffled(), 10), (pickers.Minibatches(3), 10), (pickers.Minibatches(4, n=6), 6)]
)
def test_each_point_comes_once_per_epoch(picker, n):
    epochs = tape(picker, n * 60).ravel()
    epochs = epochs[: epochs.size // n * n].reshape(-1, n)
    assert (np.sort(epochs, axis=1) == np.arange(n)).all()
    assert len({tuple(e) for e in epochs.tolist()}) > 50


def test_shuffled_orders_are_equally_likely():
    epochs = tape(pickers.Shuffled(4), 4 * (MUCH // 8)).reshape(-1, 4)
    names = epochs @ [64, 16, 4, 1]
    counts = np.unique(names, return_counts=True)[1]
    assert counts.size == 24
    assert stats.chisquare(counts).pvalue > 1e-6
    pairs = np.unique(names[:-1:2] * 256 + names[1::2], return_counts=True)[1]
    assert pairs.size == 576 or MUCH < 10_000


@pytest.mark.parametrize("picker", [pickers.Uniform(), pickers.Minibatches(3, replace=True)], ids=["uniform", "batches"])
def test_uniform_points_are_calibrated(picker):
    assert stats.chisquare(np.bincount(tape(picker, MUCH).ravel(), minlength=10)).pvalue > 1e-6


def test_weighted_points_are_calibrated_and_zero_weights_never_picked():
    weights = np.array([0.0, 1, 2, 3, 0, 4, 5, 1e-300, 7, 0])
    counts = np.bincount(tape(pickers.Weighted(weights), MUCH), minlength=10)
    seen = weights > 1e-9
    assert not counts[~seen].any()
    assert stats.chisquare(counts[seen], weights[seen] / weights.sum() * counts.sum()).pvalue > 1e-6


def test_curriculum_moves_from_easy_to_uniform():
    easiness = np.array([4.0, 0, 3, 0, 2, 0, 1, 0, 0, 0])
    points = np.array([tape(pickers.Curriculum(easiness, 100), 200, seed=s) for s in range(MUCH // 200)])
    for step in (0, 50, 100, 150):
        blend = min(1.0, step / 100)
        share = blend / 10 + (1 - blend) * easiness / 10
        counts = np.bincount(points[:, step], minlength=10)
        seen = share > 0
        assert not counts[~seen].any()
        assert stats.chisquare(counts[seen], share[seen] * counts.sum()).pvalue > 1e-6


def test_length_of_an_epoch():
    assert epoch_length(pickers.Uniform().prepare(TARGET)) == 10
    assert epoch_length(pickers.Minibatches(3).prepare(TARGET)) == 10 / 3
    assert epoch_length(pickers.Weighted(np.ones(10)).prepare(TARGET)) == 10


REFUSED = {
    "no points": (pickers.Uniform(), quadratic, "give n between"),
    "negative": (pickers.Shuffled(-3), None, "-3 points"),
    "too many": (pickers.Scan(2**31), None, "2\\^31"),
    "batch 0": (pickers.Minibatches(0), None, "batch of 0"),
    "batch too large": (pickers.Minibatches(11), None, "batch of 11 from 10"),
    "batch of -1 with replacement": (pickers.Minibatches(-1, replace=True), None, "batch of -1"),
    "weights of another length": (pickers.Weighted(np.ones(3)), None, "3 weights given, 10 needed"),
    "weights that are NaN": (pickers.Weighted(np.full(10, np.nan)), None, "finite"),
    "weights all zero": (pickers.Weighted(np.zeros(10)), None, "positive sum"),
    "curriculum of no steps": (pickers.Curriculum(np.ones(10), 0), None, "0 steps"),
    "no colours": (pickers.Colours(), None, "Points has no colours"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    picker, target, words = REFUSED[case]
    with pytest.raises(StochinfError, match=words):
        picker.prepare(object() if target else TARGET)


def test_refusals_of_fields():
    with pytest.raises(StochinfError, match=r"Minibatches\.batch = 2\.5: an integer"):
        pickers.Minibatches(2.5)
    with pytest.raises(StochinfError, match=r"Weighted\.weights"):
        pickers.Weighted(["a", "b"])


def test_the_run_follows_the_tape_and_records_it():
    run = si.run(Recorder(), TARGET, steps=200, picker=pickers.Shuffled(), rng=4, progress=False)
    assert (np.sort(run["point"].reshape(20, 10), axis=1) == np.arange(10)).all()


def greedy_by_numpy(target, steps):
    x, path = np.zeros(target.n_points), []
    for _ in range(steps):
        slope = target.A @ x - target.b
        i = int(np.argmax(np.abs(slope)))
        x[i] -= slope[i] / target.A[i, i]
        path.append(i)
    return x, path


def test_greedy_follows_the_argmax_of_numpy():
    target = quadratic()
    run = si.run(CoordinateStep(), target, steps=60, picker=pickers.Greedy(), rng=0, progress=False)
    x, path = greedy_by_numpy(target, 60)
    assert run.stats["chosen"][0].astype(int).tolist() == path
    assert np.allclose(run["position"][0, -1], x, atol=1e-12)


def test_colours_update_every_member_in_turn():
    target = quadratic()
    run = si.run(CoordinateStep(), target, steps=400, picker=pickers.Colours(), rng=0, progress=False)
    assert np.allclose(run["position"][0, -1], np.linalg.solve(target.A, target.b), atol=1e-9)
    x = np.zeros(6)
    for i in (0, 2, 4):
        x[i] -= (target.A[i] @ x - target.b[i]) / target.A[i, i]
    assert np.allclose(run["position"][0, 0], x, atol=1e-12)
    assert run.stats["chosen"][0, :4].tolist() == [4, 5, 4, 5]


def test_a_wrapped_kernel_is_told_that_warmup_is_over():
    seen = []

    def look(report):
        seen.append((report.step, report.session.blocks[0].state.stats[0]))

    si.run(CoordinateStep(), quadratic(), steps=1, warmup=1, picker=pickers.Colours(), rng=0, progress=False, callback=look)
    assert seen[0] == (1, -1.0)


def test_greedy_needs_a_score():
    with pytest.raises(StochinfError, match="Recorder has no score"):
        si.run(Recorder(), TARGET, steps=10, picker=pickers.Greedy())


def test_batches_have_a_class_of_their_own_with_replacement():
    assert isinstance(pickers.Minibatches(2, replace=True).prepare(TARGET), BatchesWithReplacement)


def test_the_public_tape_is_that_of_a_runs_first_chain():
    for picker in (pickers.Shuffled(), pickers.Curriculum(np.arange(10.0), 500), pickers.Weighted(np.arange(10.0))):
        run = si.run(Recorder(), TARGET, steps=40, picker=picker, rng=7, chains=2)
        np.testing.assert_array_equal(run["point"][0], pickers.tape(picker, 40, TARGET, rng=7))


def test_a_tape_needs_a_picker():
    with pytest.raises(StochinfError, match="picker 3"):
        pickers.tape(3, 4)
    with pytest.raises(StochinfError, match="steps = 0"):
        pickers.tape(pickers.Scan(3), 0)
