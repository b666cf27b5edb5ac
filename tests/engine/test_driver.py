"""The driver: the same bits however a run is carried out, and stops at declared steps."""

import math
import multiprocessing
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from parts_for_tests import Chunks, Points, Recorder, chain_of, needs_jit, python

import stochinf as si
from stochinf.engine import driver
from stochinf.engine.errors import StochinfError
from stochinf.engine.loop import iterate
from stochinf.engine.observers import Both, Counts, Draws, Moments, Nothing, Trace

pytestmark = pytest.mark.fast
TARGET = Points(10)
stop = si.stop


def go(steps=500, *, chains=3, **arguments):
    settings = {"picker": si.pickers.Shuffled(), "schedule": si.schedules.Exponential(0.99), "rng": 5, "progress": False}
    return si.run(Recorder(), TARGET, steps=steps, chains=chains, **{**settings, **arguments})


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a) and np.array_equal(a.position, b.position)


@pytest.fixture(scope="module")
def reference():
    return go()


def test_chains_differ_and_the_sum_of_all_numbers_is_kept(reference):
    assert np.array_equal(reference["sum"], np.cumsum(reference["number"], axis=1))
    assert len(set(reference["sum"][:, -1].tolist())) == 3
    assert not same(reference, go(rng=6))
    assert reference.n_steps == 500
    assert reference.reason == "500 steps done"
    assert not reference.interrupted


@pytest.mark.parametrize("lengths", [(1,), (7,), (3, 50, 1), (10**6,)])
def test_same_bits_for_any_chunks(reference, lengths, monkeypatch):
    monkeypatch.setattr(driver._Crew, "_plan_next", Chunks(*lengths))
    assert same(reference, go())


def test_same_bits_for_any_number_of_threads_and_with_eyes_on_it(reference, monkeypatch, capsys):
    assert same(reference, go(threads=1))
    plan = driver._Crew._plan_next

    def impatient(crew, steps, took, blocks):
        plan(crew, steps, 1.0, blocks)
        crew.length = 20

    monkeypatch.setattr(driver._Crew, "_plan_next", impatient)
    pools = []
    assert same(reference, go(threads=2, callback=lambda report: pools.append(threading.active_count())))
    assert max(pools) >= 2
    assert same(reference, go(progress=True))
    assert same(reference, go(callback=lambda report: None))


class OneBlock:
    """As much of a session as a crew asks for."""

    THREADS_FROM = math.inf
    blocks = (None,)
    blas = False


@pytest.mark.parametrize(("worked", "length"), [(0.04, 75), (0.01, 300), (0.0, 600)])
def test_chunks_are_measured_by_the_time_they_have_a_processor(worked, length, monkeypatch):
    now = {"perf_counter": 0.0, "process_time": 0.0}

    def work(block, steps):
        now["perf_counter"] += 0.04
        now["process_time"] += worked

    monkeypatch.setattr(driver, "advance", work)
    for clock in now:
        monkeypatch.setattr(driver.time, clock, lambda clock=clock: now[clock])
    crew = driver._Crew(driver.Controls(threads=1), 1)
    crew.first, crew.length = False, 100
    assert crew.advance(OneBlock(), 100) == pytest.approx(0.04)
    assert crew.length == pytest.approx(length, abs=1)


def test_a_chain_does_not_depend_on_the_number_of_chains(reference):
    assert np.array_equal(go(chains=1)["sum"][0], reference["sum"][0])


class InThisThread(Executor):
    """The smallest executor: another back end that gets everything as a task."""

    def submit(self, function, /, *arguments, **named):
        future = Future()
        future.set_result(function(*arguments, **named))
        return future


def test_same_bits_on_other_executors(reference):
    import signal

    before = signal.getsignal(signal.SIGINT)
    assert same(reference, go(executor=InThisThread()))
    assert signal.getsignal(signal.SIGINT) is before
    with ThreadPoolExecutor(2) as pool:
        assert same(reference, go(executor=pool))


@needs_jit
def test_same_bits_in_other_processes(reference):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert same(reference, go(executor=pool))
        stopped = go(None, stop=stop.steps(77), executor=pool)
    assert np.array_equal(stopped["sum"], reference["sum"][:, :77])


@pytest.mark.parametrize(("steps", "thin", "warmup"), [(500, 7, 0), (499, 1, 1), (400, 9, 100), (123, 2, 77)])
def test_thinning_and_warmup_look_at_the_right_steps(reference, steps, thin, warmup):
    run = go(steps, thin=thin, warmup=warmup)
    assert np.array_equal(run["sum"], reference["sum"][:, warmup : warmup + steps][:, thin - 1 :: thin])
    assert run.n_steps == steps
    assert np.array_equal(
        run.position, reference["sum"][:, warmup + steps - 1, None] * [0, 0, 0, 1] + run.position * [1, 1, 1, 0]
    )


def test_warmup_can_be_kept(reference):
    run = go(400, warmup=100, keep_warmup=True)
    assert np.array_equal(run["sum"], reference["sum"][:, 100:])
    assert np.array_equal(run.warmup_draws["sum"], reference["sum"][:, :100])
    assert run.stats["calls"][0].tolist() == list(range(101, 501))


def test_every_observer_sees_the_same(reference):
    run = go(observer=Both(Draws(), Both(Moments(), Both(Counts(10), Trace()))))
    assert np.allclose(run["mean"][:, 2], reference["number"].mean(axis=1), atol=1e-14)
    assert np.allclose(run["variance"][:, 2], reference["number"].var(axis=1, ddof=1), atol=1e-13)
    assert (run["counts"][:, 0] == 50).all()
    assert (run["counts"].sum(axis=(1, 2)) + run["outside"][:, 0] == 2000).all()
    assert np.array_equal(run["trace"], -reference["number"])
    assert same(reference, go(observer=Both(Nothing(), Draws())))


def test_best_keeps_the_best(reference):
    run = go(observer=si.observers.Best())
    assert np.array_equal(-run["best_log_density"][:, 0], reference["number"].min(axis=1))
    assert np.array_equal(run["best_position"][:, 2], reference["number"].min(axis=1))


@pytest.mark.parametrize("depth", [1, 3, 7])
def test_kernels_nest(depth):
    run = si.run(chain_of(depth), TARGET, steps=20, rng=0, progress=False)
    x, expected = 0.0, []
    for _ in range(20):
        for k in range(depth - 1, 0, -1):
            x += k
        x += 0.25
        x *= 0.5 ** (depth - 1)
        expected.append(x)
    assert np.allclose(run["position"][0, :, 0], expected, atol=1e-12)


RULES = {
    "steps": (lambda: stop.steps(123), 123, "123 steps"),
    "epochs": (lambda: stop.epochs(2.5), 25, "2.5 epochs"),
    "first of two": (lambda: stop.steps(300) | stop.epochs(4), 40, "4 epochs"),
    "both": (lambda: stop.steps(30) & stop.epochs(4), 40, "30 steps and 4 epochs"),
    "nested": (lambda: (stop.steps(30) | stop.steps(60)) & (stop.epochs(4) | stop.seconds(1e9)), 40, "30 steps and 4 epochs"),
    "time has not come": (lambda: stop.seconds(1e9) | stop.steps(55), 55, "55 steps"),
    "time has come long ago": (lambda: stop.seconds(1e-9) & stop.steps(55), 55, "1e-09 seconds and 55 steps"),
    "mcse": (lambda: stop.mcse(1e9), 100, "MCSE"),
    "converged": (lambda: stop.converged(rhat=1e9, ess=1e-9, every=60), 60, "converged"),
    "converged and more": (lambda: stop.converged(rhat=1e9, ess=1e-9, every=60) & stop.steps(150), 150, "converged"),
}


@pytest.mark.parametrize("case", RULES)
@pytest.mark.parametrize("lengths", [(1000,), (17, 4)])
def test_rules_stop_at_declared_steps(reference, case, lengths, monkeypatch):
    monkeypatch.setattr(driver._Crew, "_plan_next", Chunks(*lengths))
    rule, steps, words = RULES[case]
    run = go(None, stop=rule())
    assert run.n_steps == steps
    assert words in run.reason
    assert np.array_equal(run["sum"], reference["sum"][:, :steps])


def test_tolerance_is_looked_at_once_per_epoch(reference, monkeypatch):
    worst = reference["number"].max(axis=0)[9::10]
    expected = 10 * (int(np.argmax(worst <= 0.5)) + 1)
    for lengths in [(1,), (19,)]:
        monkeypatch.setattr(driver._Crew, "_plan_next", Chunks(*lengths))
        run = go(None, stop=stop.tolerance(0.5))
        assert (run.n_steps, run.reason[:11]) == (expected, "certificate")


def test_convergence_is_decided_at_the_same_draw_for_any_chunks(monkeypatch):
    ends = set()
    for lengths in [(10_000,), (13, 350)]:
        monkeypatch.setattr(driver._Crew, "_plan_next", Chunks(*lengths))
        coin = si.models.CoinBias(62, 38)
        run = si.sample(coin, draws=None, warmup=50, stop=stop.mcse(0.002) & stop.converged(ess=300), rng=3, progress=False)
        ends.add(run["theta"].shape[1])
        assert run.summary()["theta"]["mcse_mean"] <= 0.002
    assert len(ends) == 1
    assert ends.pop() > 100


def test_a_clock_can_be_used_again_and_starts_with_the_run():
    rule = stop.seconds(0.15)
    for _ in range(2):
        run = go(None, stop=rule)
        assert run.reason == "0.15 seconds"
        assert run.n_steps > 0
        assert 0.05 < sum(run.seconds[name] for name in ("warmup", "sampling")) < 5


def test_a_clock_that_must_wait_for_steps_ends_the_run_later():
    run = go(None, stop=stop.steps(3) & stop.seconds(0.1))
    assert run.reason == "3 steps and 0.1 seconds"


def test_a_clock_ends_warmup_too():
    run = go(None, stop=stop.seconds(0.05), warmup=10**12)
    assert run["sum"].shape == (3, 0)
    assert "0.05 seconds" in run.reason
    assert "0" in repr(run)


def test_a_callback_can_stop_and_interrupt(reference):
    run = go(callback=lambda report: report.step >= 100)
    assert run.reason == "stopped by the callback"
    assert 100 <= run.n_steps < 500
    assert np.array_equal(run["sum"], reference["sum"][:, : run.n_steps])
    alone = go(None, callback=lambda report: report.step >= 100)
    assert alone.n_steps >= 100

    def press(report):
        if report.step >= 100:
            raise KeyboardInterrupt

    run = go(10**9, callback=press, observer=Moments())
    assert run.interrupted
    assert run.reason == "interrupted"


def test_a_callback_sees_the_draws(reference):
    def look(report):
        values, _ = report.session.draws()
        assert np.array_equal(values[:, :, 3], reference["sum"][:, : report.step])
        assert np.array_equal(report.session.positions(), values[:, -1])
        assert report.steps == 500

    go(callback=look)


def test_errors_of_a_callback_are_the_users():
    def fail(report):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        go(callback=fail)


def test_starting_positions(reference):
    row = np.array([1.0, 2.0, 3.0, 4.0])
    assert np.allclose(go(init=row)["sum"], reference["sum"] + 4.0, atol=1e-9)
    rows = np.arange(12.0).reshape(3, 4)
    assert np.allclose(go(init=rows)["sum"], reference["sum"] + rows[:, 3:], atol=1e-9)
    assert (rows == np.arange(12.0).reshape(3, 4)).all()


@needs_jit
def test_the_first_ctrl_c_ends_the_run_with_equal_chains_and_it_can_go_on(tmp_path, reference):
    code = """
import os, signal, sys, threading
import numpy as np
import stochinf as si
from parts_for_tests import Points, Recorder
signal.signal(signal.SIGINT, signal.default_int_handler)
def pressing_once():
    timer = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT])
    return lambda report: timer.start() if report.step > 1000 and timer.ident is None else None
settings = dict(chains=3, rng=5, thin=500, picker=si.pickers.Shuffled(), schedule=si.schedules.Exponential(0.99), progress=False)
run = si.run(Recorder(), Points(10), steps=10**12, observer=si.observers.Moments(), callback=pressing_once(), **settings)
assert run.interrupted and run.reason == "interrupted", run
run = si.run(Recorder(), Points(10), steps=20_000_000, callback=pressing_once(), **settings)
assert run.interrupted and run.n_steps < 20_000_000, run
assert len({len(chain) for chain in run["sum"]}) == 1
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
run.save(sys.argv[1])
draws = 20 + run["sum"].shape[1]
more = si.resume(sys.argv[1], draws=20, target=Points(10), kernel=Recorder(), progress=False)
whole = si.run(Recorder(), Points(10), steps=500 * draws, **settings)
assert np.array_equal(more["sum"], whole["sum"]) and more["sum"].shape == (3, draws), (more, whole)
print("done")
"""
    assert python(code, str(tmp_path / "run.npz")).stdout.strip().endswith("done")


def test_runs_in_a_thread_of_the_user(reference):
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(go) for _ in range(2)]
        assert all(same(reference, run.result()) for run in runs)


REFUSED = {
    "steps 0": ({"steps": 0}, "steps = 0"),
    "steps -1": ({"steps": -1}, "steps = -1"),
    "steps 2.5": ({"steps": 2.5}, "steps = 2.5"),
    "steps true": ({"steps": True}, "steps = True"),
    "steps huge": ({"steps": 2**60}, "steps = "),
    "no end": ({"steps": None}, "nothing would end this run"),
    "chains 0": ({"chains": 0}, "chains = 0"),
    "chains text": ({"chains": "4"}, "chains = '4'"),
    "thin 0": ({"thin": 0}, "thin = 0"),
    "warmup -1": ({"warmup": -1}, "warmup = -1"),
    "threads 0": ({"threads": 0}, "threads = 0"),
    "init NaN": ({"init": [0.0, np.nan, 0, 0]}, "init: nan"),
    "init objects": ({"init": np.array([None, 1], object)}, "init: numbers"),
    "init text": ({"init": ["a"]}, "init: numbers"),
    "init ragged": ({"init": [[1.0], [1.0, 2.0]]}, "init"),
    "init of other chains": ({"init": np.zeros((2, 4))}, "2 rows given for 3 chains"),
    "rng text": ({"rng": "seed"}, "rng = 'seed'"),
    "schedule text": ({"schedule": "fast"}, "schedule 'fast'"),
    "picker text": ({"picker": "all"}, "picker 'all'"),
    "observer text": ({"observer": "all"}, "observer 'all'"),
    "stop number": ({"stop": 5}, "stop = 5"),
    "executor text": ({"executor": "dask"}, "executor = 'dask'"),
    "callback text": ({"callback": "print"}, "callback = 'print'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_argument_before_anything_compiles(case):
    arguments, words = REFUSED[case]
    with pytest.raises(StochinfError, match=words):
        go(**arguments)


@pytest.mark.parametrize(
    "make", [lambda: stop.steps(0), lambda: stop.seconds(-1), lambda: stop.mcse(np.nan), lambda: stop.epochs("a")]
)
def test_rules_refuse(make):
    with pytest.raises(StochinfError, match="stop"):
        make()


def test_the_loop_by_hand():
    """`iterate` looks after step `first` and every `every` from there."""
    state = Recorder().init(TARGET, None, None)
    observer = Draws().prepare(None, None, state, 10)
    rng = np.zeros(4, np.uint64)
    iterate(Recorder(np.nan), TARGET, state, observer, np.arange(10), np.arange(10.0), rng, 3, 4)
    assert observer.values[:2, 0].tolist() == [2, 6]
    assert observer.seen[0] == 2
