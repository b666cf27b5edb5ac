"""Independent seeds on threads, rounds of averaging by executors, and threads that race."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si

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
    racing = si.optim.hogwild(MODEL, 0.1, epochs=40, threads=3, rng=0)
    assert not racing.reproducible
    assert "not reproducible" in racing.message
    for result in (alone, racing):
        assert result.fun - BEST.fun < 0.02 * BEST.fun
        assert result.fun == pytest.approx(MODEL.as_target().objective(result.x))


def test_racing_needs_sparse_rows():
    dense = si.models.LogisticRegression(X.toarray(), Y, l2=1e-2)
    with pytest.raises(si.StochinfError, match="sparse rows"):
        si.optim.hogwild(dense, 0.1)
    wild = si.optim.hogwild(MODEL, 1e6, epochs=3, threads=1, rng=0)
    assert not wild.success or wild.fun > 1.0
