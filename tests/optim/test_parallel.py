"""Independent seeds on threads, rounds of averaging by executors, and threads that race."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf.engine.loop import fill_points
from stochinf.optim import parallel

RNG = np.random.default_rng(3)
X = sp.random_array((400, 60), density=0.06, format="csr", rng=RNG)
Y = (X @ RNG.normal(size=60) + 0.1 * RNG.normal(size=400) > 0).astype(int)
MODEL = si.models.LogisticRegression(X, Y, l2=1e-2)
BEST = si.minimize(MODEL, si.optim.Newton())


def test_seeds_on_threads_give_the_bits_of_seeds_in_turn():
    runs = [si.run(si.optim.SGD(0.2), MODEL, steps=2000, chains=4, threads=n, rng=1) for n in (1, 2)]
    draws = [run["coefficients"] for run in runs]
    assert draws[0].shape[0] == 4
    assert draws[0].tobytes() == draws[1].tobytes()
    assert not np.array_equal(draws[0][0], draws[0][1])
    assert runs[0].summary()["coefficients[0]"]["r_hat"] > 0.9


def test_averaging_does_not_depend_on_who_does_the_work():
    alone = si.averaged(MODEL, si.optim.SGD(0.5), shards=3, rounds=15, rng=2)
    with ThreadPoolExecutor(2) as pool:
        pooled = si.averaged(MODEL, si.optim.SGD(0.5), shards=3, rounds=15, rng=2, executor=pool)
    assert alone.x.tobytes() == pooled.x.tobytes()
    assert alone.history[0] == (0, pytest.approx(np.log(2.0)))
    assert alone.fun - BEST.fun < 0.05 * (np.log(2.0) - BEST.fun)


def test_one_shard_is_no_averaging():
    one = si.averaged(MODEL, si.optim.SGD(0.5), shards=1, rounds=2, rng=2)
    assert one.fun < np.log(2.0)
    with pytest.raises(si.StochinfError, match="500 shards"):
        si.averaged(MODEL, si.optim.SGD(0.5), shards=500)
    with pytest.raises(si.StochinfError, match="no linear model"):
        si.averaged(si.Function(lambda x: 0.0, 2), si.optim.SGD(0.5))


def test_racing_threads_come_as_close_as_one():
    alone = si.optim.hogwild(MODEL, 0.1, epochs=40, threads=1, rng=0)
    again = si.optim.hogwild(MODEL, 0.1, epochs=40, threads=1, rng=0)
    assert alone.x.tobytes() == again.x.tobytes()
    assert alone.reproducible
    for seed in range(3):
        racing = si.optim.hogwild(MODEL, 0.1, epochs=40, threads=3, rng=seed)
        assert not racing.reproducible
        assert "not reproducible" in racing.message
        assert racing.fun < 1.01 * alone.fun
        assert racing.fun == pytest.approx(MODEL.as_target().objective(racing.x))
    assert alone.fun < 1.01 * BEST.fun


def test_a_number_falls_to_zero_and_a_schedule_does_not():
    falling = si.optim.hogwild(MODEL, 2.0, epochs=20, threads=1, rng=0)
    by_hand = si.optim.hogwild(MODEL, 2.0 * si.schedules.Linear(20 * 400), epochs=20, threads=1, rng=0)
    constant = si.optim.hogwild(MODEL, si.schedules.Constant(2.0), epochs=20, threads=1, rng=0)
    assert falling.x.tobytes() == by_hand.x.tobytes()
    assert falling.fun - BEST.fun < 0.2 * (constant.fun - BEST.fun)


@pytest.mark.parametrize("threads", [1, 3, 500])
def test_threads_share_out_all_rows_in_every_epoch(threads, monkeypatch):
    seen = []

    def note(block, steps):
        points = np.empty(steps, np.int64)
        if steps:
            fill_points(block.picker, points, block.step, block.picker_rng)
        block.step += steps
        seen.append(points)

    monkeypatch.setattr(parallel, "advance", note)
    si.optim.hogwild(MODEL, 0.1, epochs=2, threads=threads, rng=0)
    rows = [np.concatenate(seen[k * threads : (k + 1) * threads]) for k in range(2)]
    assert all(np.array_equal(np.sort(epoch), np.arange(400)) for epoch in rows)
    assert not np.array_equal(np.sort(rows[0][:100]), np.sort(rows[1][:100]))


def test_racing_needs_sparse_rows():
    dense = si.models.LogisticRegression(X.toarray(), Y, l2=1e-2)
    with pytest.raises(si.StochinfError, match="sparse rows"):
        si.optim.hogwild(dense, 0.1)
    with pytest.raises(si.StochinfError, match="learning_rate is open"):
        si.optim.hogwild(MODEL, np.nan)
    wild = si.optim.hogwild(MODEL, 1e6, epochs=3, threads=1, rng=0)
    assert not wild.success or wild.fun > 1.0
