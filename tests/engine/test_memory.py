"""Absurd requests are refused before anything is taken, and runs leave nothing behind."""

import gc
import os
import time

import numpy as np
import pytest
from parts_for_tests import Points, Recorder, needs_jit

import stochinf as si
from stochinf.engine import cache
from stochinf.engine.errors import MemoryLimitError
from stochinf.engine.memory import available, demand
from stochinf.engine.observers import Both, Draws, Nothing, Trace

pytestmark = pytest.mark.fast


def run(**arguments):
    return si.run(Recorder(), Points(10), **{"rng": 1, "progress": False, **arguments})


REQUESTS = {
    "draws": lambda: si.sample(si.models.CoinBias(1, 2), draws=10**15),
    "steps": lambda: run(steps=10**15),
    "kept warmup": lambda: run(steps=10, warmup=10**15, keep_warmup=True),
    "chains": lambda: run(steps=10, chains=10**12),
    "chains and draws": lambda: run(steps=10**6, chains=10**6),
    "a trace": lambda: run(steps=10**15, observer=Both(Nothing(), Trace())),
    "counts": lambda: run(steps=10, observer=si.observers.Counts(10**15)),
    "a resumed run": lambda: run(steps=10**15, observer=Draws()),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_absurd_requests_are_refused_at_once(case):
    before, began = resident(), time.perf_counter()
    compiled = sum(cache.compiled.values())
    with pytest.raises(MemoryLimitError, match="GB needed"):
        REQUESTS[case]()
    assert time.perf_counter() - began < 1.0
    assert resident() - before < 50e6
    assert sum(cache.compiled.values()) == compiled


def test_a_resumed_run_asks_too(tmp_path):
    run(steps=10).save(tmp_path / "run.npz")
    with pytest.raises(MemoryLimitError, match="draws"):
        si.resume(tmp_path / "run.npz", draws=10**15, target=Points(10), kernel=Recorder(), progress=False)


def test_sums_of_many_steps_need_no_room():
    stopped = run(steps=10**15, observer=si.observers.Moments(), callback=lambda report: True)
    assert stopped.n_steps >= 1


def test_small_requests_are_never_refused():
    demand(2**26 - 1, "little")
    assert 2**20 < available() <= 2**40


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@needs_jit
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_short_runs_leave_nothing_behind():
    def many(n):
        for k in range(n):
            np.asarray(run(steps=2000, chains=2, rng=k)["sum"]).sum()
        gc.collect()

    many(50)
    before, files = resident(), len(os.listdir("/proc/self/fd"))
    many(300)
    assert resident() - before < 5e6
    assert len(os.listdir("/proc/self/fd")) == files


def test_a_run_without_an_end_returns_what_fits(monkeypatch):
    from stochinf.engine import observers

    monkeypatch.setattr(observers, "demand", lambda size, what: demand(2**60 if size > 10**6 else 1, what))
    stopped = run(stop=si.stop.seconds(60))
    assert "no room for more" in stopped.reason
    assert stopped["sum"].shape[1] == stopped.n_steps >= 1000
