"""Schedules: formulae, products, and a plateau that acts at the steps it declares."""

import math

import numpy as np
import pytest
from parts_for_tests import Chunks, Points, Recorder

import stochinf as si
from stochinf.engine import driver
from stochinf.engine.errors import StochinfError
from stochinf.engine.loop import fill_rates
from stochinf.engine.rates import write_rates
from stochinf.engine.schedules import as_schedule, geometric_ladder

pytestmark = pytest.mark.fast
s = si.schedules
T = np.arange(300)

FORMULAE = {
    "constant": (s.Constant(0.3), np.full(300, 0.3)),
    "linear": (s.Linear(100, 2.0, 0.5), np.where(T < 100, 2.0 - 1.5 * T / 100, 0.5)),
    "robbins_monro": (s.RobbinsMonro(2.0, 5.0, 0.6), 2.0 / (5.0 + T) ** 0.6),
    "step": (s.Step(30, 0.5), 0.5 ** (T // 30)),
    "exponential": (s.Exponential(0.99), 0.99**T),
    "polynomial": (s.Polynomial(200, 1.5, 2.0, 0.1), 1.9 * np.maximum(1 - T / 200, 0) ** 1.5 + 0.1),
    "cyclic": (s.Cyclic(20, 0.1, 0.9), np.interp(T % 40, [0, 20, 40], [0.1, 0.9, 0.1])),
    "cosine": (s.Cosine(100, 0, 1.0, 0.2), 0.2 + 0.4 * (1 + np.cos(np.pi * np.minimum(T, 100) / 100))),
    "cosine restarted": (s.Cosine(50, 1), 0.5 * (1 + np.cos(np.pi * (T % 50) / 50))),
    "cyclic falling": (
        s.Cyclic(20, 0.1, 0.9, 0.5),
        0.1 + 0.5 ** (T // 40) * np.interp(T % 40, [0, 20, 40], [0.0, 0.8, 0.0]),
    ),
    "cosine mirrored": (s.Cosine(70, 0, 1.0, 0.2, True), 0.2 + 0.4 * (1 + np.cos(np.pi * T / 70))),
    "multistep": (s.MultiStep([5, 20, 90], 0.3), 0.3 ** np.searchsorted([5, 20, 90], T, side="right")),
    "warmup": (s.Warmup(40), np.minimum((T + 1) / 40, 1)),
    "scaled": (s.ScaledByBatch(64, 16), np.full(300, 4.0)),
}


def rates(schedule, start=0, n=300):
    out = np.empty(n)
    fill_rates(schedule, out, start)
    return out


def test_a_product_of_tapes_is_the_tape_of_the_product():
    product = 0.3 * s.Cosine(100, 0, 1.0, 0.2) * s.Warmup(40) * s.RobbinsMonro(2.0, 5.0, 0.6)
    written = np.empty(300)
    write_rates(product, written, 7)
    assert (written == rates(product, 7)).all()


@pytest.mark.parametrize("case", FORMULAE)
def test_formulae_and_compiled_tape(case):
    schedule, expected = FORMULAE[case]
    assert np.allclose([schedule(t) for t in range(300)], expected, rtol=0, atol=1e-13)
    assert np.allclose(rates(schedule), expected, rtol=0, atol=1e-13)
    assert (rates(schedule, 123, 50) == rates(schedule)[123:173]).all()


def test_cosine_with_growing_periods():
    schedule = s.Cosine(10, 2)
    assert schedule.restarts(150) == [10, 30, 70, 150]
    assert [t for t in range(1, 151) if schedule(t) > schedule(t - 1)] == [10, 30, 70, 150]
    assert schedule(20) == pytest.approx(0.5)
    assert s.Cosine(10).restarts(100) == [10]
    assert s.Cosine(10, 1).restarts(35) == [10, 20, 30]
    assert s.Cosine(10, 2).restarts(9) == []


def test_products_of_schedules_and_numbers():
    product = s.Warmup(40) * s.Cosine(100) * 0.3
    expected = np.minimum((T + 1) / 40, 1) * 0.5 * (1 + np.cos(np.pi * np.minimum(T, 100) / 100)) * 0.3
    assert np.allclose(rates(product), expected, rtol=0, atol=1e-13)
    assert product(7) == (0.3 * (s.Warmup(40) * s.Cosine(100)))(7)
    assert 0.5 * s.Constant(4.0) == s.Constant(2.0)


def test_kernel_rate_times_schedule_reaches_the_kernel():
    run = si.run(Recorder(s.Constant(3.0)), Points(10), steps=50, schedule=s.Exponential(0.9), rng=1, progress=False)
    assert np.allclose(run["rate"][0], 3.0 * 0.9 ** np.arange(50), atol=1e-14)
    run = si.run(Recorder(0.5), Points(10), steps=50, schedule=4, rng=1, progress=False)
    assert (run["rate"] == 2.0).all()


REFUSED = [
    lambda: s.RobbinsMonro(p=0.5),
    lambda: s.RobbinsMonro(p=1.1),
    lambda: s.RobbinsMonro(a=0.0),
    lambda: s.RobbinsMonro(b=-1.0),
    lambda: s.RobbinsMonro(p=math.nan),
    lambda: s.Linear(0),
    lambda: s.Step(0),
    lambda: s.Polynomial(-5),
    lambda: s.Cyclic(0),
    lambda: s.Cosine(0),
    lambda: s.Warmup(0),
    lambda: s.MultiStep([3, 3]),
    lambda: s.MultiStep([-1]),
    lambda: s.OneCycle(3),
    lambda: s.OneCycle(30, share=1.0),
    lambda: s.ScaledByBatch(0),
    lambda: s.ScaledByBatch(8, 0),
    lambda: s.Plateau(factor=1.5),
    lambda: s.Plateau(patience=0),
    lambda: s.Plateau(every=-1),
    lambda: s.Step(2.5),
    lambda: s.Exponential("fast"),
    lambda: as_schedule("fast"),
    lambda: as_schedule(None),
    lambda: geometric_ladder(0.0, 1.0, 3),
    lambda: s.Plateau().prepare(object()),
]


@pytest.mark.parametrize("make", REFUSED)
def test_refusals(make):
    with pytest.raises(StochinfError):
        make()


def plateau_by_numpy(numbers, every, factor, patience, tolerance):
    """The rates that a plateau must give, from the objectives at the end of each step."""
    scale, best, waited, expected = 1.0, np.inf, 0, []
    for step, number in enumerate(numbers, start=1):
        expected.append(scale)
        if step % every == 0:
            if number < best - tolerance * (abs(best) if np.isfinite(best) else 0.0):
                best, waited = number, 0
            else:
                waited += 1
                if waited >= patience:
                    scale, waited = scale * factor, 0
    return expected


@pytest.mark.parametrize("chunks", [(1,), (7, 3), (64,), (1000,)])
def test_plateau_acts_at_the_steps_it_declares(chunks, monkeypatch):
    monkeypatch.setattr(driver._Crew, "_plan_next", Chunks(*chunks))
    schedule = s.Plateau(factor=0.5, patience=2, every=13) * s.Constant(3.0)
    run = si.run(Recorder(), Points(10), steps=500, chains=2, schedule=schedule, rng=8, progress=False)
    for chain in range(2):
        expected = plateau_by_numpy(run["number"][chain], 13, 0.5, 2, 1e-4)
        assert (run["rate"][chain] == 3.0 * np.array(expected)).all()
    assert run["rate"][0, -1] < 0.1


def test_plateau_looks_once_per_epoch_by_default():
    assert s.Plateau().prepare(Points(10)).every == 10


def test_geometric_ladder():
    ladder = geometric_ladder(0.1, 1.0, 5)
    assert np.allclose(ladder[1:] / ladder[:-1], 10**0.25)
