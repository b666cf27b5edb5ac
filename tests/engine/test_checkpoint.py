"""Saved runs: the same bits after any break, and a clear error for every file that is not one."""

import io
import json
import os
import random
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from parts_for_tests import Points, Recorder, needs_jit, python

import stochinf as si
from stochinf.engine.errors import CheckpointError, StochinfError
from stochinf.engine.observers import Both, Counts, Draws, Moments, Trace

pytestmark = pytest.mark.fast
TARGET = Points(10)
MINE = {"target": TARGET, "kernel": Recorder()}
PLATEAU = si.schedules.Plateau(factor=0.5, patience=2, every=13)


def go(steps=500, **arguments):
    settings = {"picker": si.pickers.Shuffled(), "schedule": PLATEAU, "chains": 2, "rng": 5, "progress": False}
    return si.run(Recorder(), TARGET, steps=steps, **{**settings, **arguments})


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a) and np.array_equal(a.position, b.position)


@pytest.fixture(scope="module")
def whole():
    return go()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.npz"
    go(200).save(path)
    return path


def test_load_gives_the_result_as_saved(saved):
    run, loaded = go(200), si.load(saved, **MINE)
    assert same(run, loaded)
    assert np.array_equal(run.stats["calls"], loaded.stats["calls"])
    for name in ("n_steps", "thin", "chains", "rng_entropy", "reason", "interrupted", "kernel", "target"):
        assert getattr(run, name) == getattr(loaded, name)


@pytest.mark.parametrize("pieces", [(1, 499), (13, 487), (250, 1, 249), (100, 100, 100, 100, 100)])
def test_split_runs_have_the_bits_of_a_whole_one(pieces, whole, tmp_path):
    path = tmp_path / "run.npz"
    go(pieces[0]).save(path)
    for piece in pieces[1:]:
        run = si.resume(path, draws=piece, **MINE, progress=False)
        run.save(path)
    assert same(run, whole)
    assert same(si.load(path, **MINE), whole)


@pytest.mark.parametrize("step", [1, 26, 333])
def test_a_run_stopped_at_a_step_finishes_with_the_same_bits(step, whole, tmp_path):
    stopped = go(callback=lambda report: report.step >= step)
    assert stopped.n_steps >= step
    stopped.save(tmp_path / "run.npz")
    assert same(si.resume(tmp_path / "run.npz", **MINE, progress=False), whole)


def test_every_observer_goes_on(tmp_path):
    observer = Both(Both(Draws(), Trace()), Both(Moments(), Counts(10)))
    go(100, observer=observer).save(tmp_path / "run.npz")
    assert same(si.resume(tmp_path / "run.npz", draws=150, **MINE, progress=False), go(250, observer=observer))


def test_the_coin_resumes_without_being_passed_again(tmp_path):
    coin = si.models.CoinBias(62, 38, prior=(2, 5))
    for settings in ({"warmup": 100}, {"warmup": 100, "thin": 3, "keep_warmup": True}):
        short = si.sample(coin, draws=150, rng=2, progress=False, **settings)
        short.save(tmp_path / "coin.npz")
        run = si.resume(tmp_path / "coin.npz", draws=50, progress=False)
        long = si.sample(coin, draws=200, rng=2, progress=False, **settings)
        assert same(run, long)
        assert np.array_equal(run.stats["lp"], long.stats["lp"])
        assert run["theta"].shape == (4, 200)
    assert same(si.resume(tmp_path / "coin.npz", draws=50, target=coin), long)
    with pytest.raises(CheckpointError, match="another target"):
        si.resume(tmp_path / "coin.npz", target=si.models.CoinBias(62, 39, prior=(2, 5)))


def test_a_break_during_warmup(tmp_path):
    coin = si.models.CoinBias(6, 3)
    run = si.run(si.mcmc.Metropolis(), coin, steps=100, warmup=500, rng=2, progress=False, callback=lambda r: r.step > 100)
    assert run["theta"].shape == (1, 0)
    run.save(tmp_path / "coin.npz")
    whole = si.run(si.mcmc.Metropolis(), coin, steps=100, warmup=500, rng=2, progress=False)
    assert same(si.resume(tmp_path / "coin.npz", progress=False), whole)
    assert same(si.resume(tmp_path / "coin.npz", draws=100, progress=False), whole)


def test_a_run_that_a_rule_ended_goes_on_to_the_next(tmp_path, whole):
    go(None, stop=si.stop.steps(100)).save(tmp_path / "run.npz")
    assert same(si.resume(tmp_path / "run.npz", **MINE), go(100))
    assert same(si.resume(tmp_path / "run.npz", stop=si.stop.steps(500), **MINE, progress=False), whole)


def test_a_users_parts_must_be_passed_and_match(saved):
    with pytest.raises(CheckpointError, match=r"target parts_for_tests:Points is not one of stochinf's; pass it again: target="):
        si.load(saved, kernel=Recorder())
    with pytest.raises(CheckpointError, match=r"pass it again: kernel="):
        si.resume(saved, target=TARGET)
    with pytest.raises(CheckpointError, match="another target than Points"):
        si.load(saved, target=Points(11), kernel=Recorder())
    with pytest.raises(CheckpointError, match="another kernel than Recorder"):
        si.load(saved, target=TARGET, kernel=Recorder(0.5))


def test_only_what_was_drawn_is_written(tmp_path):
    stopped = si.run(
        Recorder(), TARGET, steps=10**6, rng=1, progress=False, callback=lambda report: True, picker=si.pickers.Shuffled()
    )
    stopped.save(tmp_path / "run.npz")
    assert (tmp_path / "run.npz").stat().st_size < 20_000


def rewritten(path, change):
    """Rewrite a saved run with its description and arrays changed."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    description = json.loads(arrays.pop("description").tobytes())
    change(description, arrays)
    np.savez(path, description=np.frombuffer(json.dumps(description).encode(), np.uint8), **arrays)


def set_description(**changes):
    return lambda path: rewritten(path, lambda description, arrays: description.update(changes))


def set_array(name, value):
    def change(description, arrays):
        arrays[name] = value(arrays[name])

    return lambda path: rewritten(path, change)


def drop(key, place="arrays"):
    def change(description, arrays):
        del {"arrays": arrays, "description": description}[place][key]

    return lambda path: rewritten(path, change)


def compressed(path):
    with np.load(path) as file:
        np.savez_compressed(path, **dict(file))


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2**26,)})
        file.writestr("description.npy", header.getvalue() + bytes(2**26))


def npy():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def boastful_header(path):
    with zipfile.ZipFile(path, "w") as file:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**50,)})
        file.writestr("description.npy", header.getvalue() + bytes(64))


def deep_json(path):
    with np.load(path) as file:
        arrays = dict(file)
    arrays["description"] = np.frombuffer(b"[" * 200_000, np.uint8)
    np.savez(path, **arrays)


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(random.Random(1).randbytes(5000)),
    "text": lambda path: path.write_text("MARKOV\n2\n2 2\n"),
    "truncated early": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "truncated late": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "doubled": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] * 2),
    "compressed": compressed,
    "bomb": bomb,
    "boastful header": boastful_header,
    "pickle": lambda path: np.savez(path, description=np.array([{"a": 1}], dtype=object)),
    "one array": lambda path: np.savez(path, x=np.zeros(3)),
    "npy": lambda path: path.write_bytes(npy()),
    "deep json": deep_json,
    "no json": lambda path: np.savez(path, description=np.frombuffer(b"hello", np.uint8)),
    "json of another kind": lambda path: np.savez(path, description=np.frombuffer(b"[1]", np.uint8)),
    "format": set_description(format=99),
    "no parts": set_description(parts={}),
    "step text": set_description(step="many"),
    "step negative": set_description(step=-5),
    "no chains": set_description(plan={"chains": 0, "warmup": 0, "every": 1, "keep_warmup": False}),
    "other chains": set_description(plan={"chains": 3, "warmup": 0, "every": 1, "keep_warmup": False}),
    "no hashes": set_description(hashes={}),
    "entropy": set_description(entropy="x"),
    "seconds": set_description(seconds=7),
    "missing entry": drop("seconds", "description"),
    "missing array": drop("block1.state.position"),
    "longer state": set_array("block0.state.position", lambda a: np.zeros(99)),
    "another type": set_array("block0.state.position", lambda a: a.astype(np.float32)),
    "longer stream": set_array("block0.kernel_rng", lambda a: np.zeros(5, np.uint64)),
    "wide draws": set_array("block0.observer.values", lambda a: np.zeros((200, 9))),
    "too many seen": set_array("block0.observer.seen", lambda a: a + 10**9),
    "seen negative": set_array("block0.observer.seen", lambda a: a - 10**9),
    "order beyond": set_array("block0.picker.order", lambda a: a + 10**9),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_files_are_named(case, saved):
    DAMAGE[case](saved)
    with pytest.raises(CheckpointError, match=r"run\.npz|the saved run"):
        si.load(saved, **MINE)


def test_flipped_bytes_give_an_error_of_ours_or_do_not_matter(saved):
    good, rng = saved.read_bytes(), random.Random(3)
    run, refused = go(200), 0
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(rng.choice([1, 1, 4])):
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        saved.write_bytes(bad)
        try:
            loaded = si.load(saved, **MINE)
        except StochinfError:
            refused += 1
        else:
            assert same(loaded, run)
    assert refused > 150


def test_classes_that_a_file_names_are_looked_up_never_imported(tmp_path):
    path = tmp_path / "coin.npz"
    si.sample(si.models.CoinBias(1, 2), draws=5, warmup=0, rng=1, progress=False).save(path)

    def change(description, arrays):
        description["parts"]["kernel"] = {"part": "os:system", "fields": {"command": "false"}}

    rewritten(path, change)
    with pytest.raises(CheckpointError, match="os:system is not one of stochinf's"):
        si.load(path)


def test_paths_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    run = go(20)
    for path in (tmp_path / "none" / "run.npz", tmp_path / "file" / "run.npz", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(CheckpointError, match="could not be saved"):
            run.save(path)
    with pytest.raises(CheckpointError, match="could not be saved"):
        go(10**6, checkpoint=tmp_path / "none" / "run.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("checkpoint", [5, ("run.npz",), ("run.npz", -1.0), ("run.npz", "often"), (5, 1.0)], ids=str)
def test_checkpoint_arguments_are_checked(checkpoint):
    with pytest.raises(StochinfError, match="checkpoint = "):
        go(20, checkpoint=checkpoint)


def test_no_such_file(tmp_path):
    with pytest.raises(CheckpointError, match="there is no such file"):
        si.load(tmp_path / "none.npz")
    with pytest.raises(CheckpointError):
        si.load(tmp_path)


FULL_DISK = """
import resource, signal, sys, warnings
import stochinf as si
from parts_for_tests import Points, Recorder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = si.run(Recorder(), Points(10), steps=20_000, rng=1, progress=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    run.save(sys.argv[1])
except si.CheckpointError as error:
    assert "could not be saved" in str(error) and "as it was" in str(error), error
else:
    raise AssertionError("saved")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    kept = si.run(Recorder(), Points(10), steps=20_000, rng=1, progress=False, checkpoint=sys.argv[2])
assert (kept["sum"] == run["sum"]).all() and "could not be written" in str(caught[-1].message)
print("done")
"""


@needs_jit
def test_a_full_disk_costs_neither_the_old_file_nor_the_draws(saved, tmp_path):
    before = saved.read_bytes()
    assert "done" in python(FULL_DISK, str(saved), str(tmp_path / "other.npz")).stdout
    assert saved.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} <= {"run.npz", "other.npz"}


def test_leftovers_of_dead_processes_are_cleared(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path = tmp_path / "run[1].npz"
    (tmp_path / f".run[1].npz.tmp.{dead.pid}").write_text("half")
    (tmp_path / f".run[1].npz.tmp.{os.getppid()}").write_text("of a living process")
    go(20).save(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f".run[1].npz.tmp.{os.getppid()}", "run[1].npz"]


KILLED = """
import os, pathlib, random, signal, sys, time
import numpy as np
import stochinf as si
from parts_for_tests import Points, Recorder

path, rng = pathlib.Path(sys.argv[1]), random.Random(0)
mine = dict(target=Points(10), kernel=Recorder())
settings = dict(thin=10_000, chains=2, rng=5, picker=si.pickers.Shuffled(), progress=False)

def written():
    return path.stat().st_mtime_ns if path.exists() else 0

def work():
    if path.exists():
        return si.resume(path, **mine, progress=False, checkpoint=(path, 0.01))
    return si.run(Recorder(), Points(10), steps=steps, **settings, checkpoint=(path, 0.01))

si.run(Recorder(), Points(10), steps=10_000, **settings)
trial = si.run(Recorder(), Points(10), steps=4_000_000, **settings)
steps = 10_000 * max(1_000, int(5.0 / trial.seconds["sampling"] * 400))
whole = si.run(Recorder(), Points(10), steps=steps, **settings, threads=1)
ends = []
for _ in range(20):
    child = os.fork()
    if not child:
        signal.alarm(60)
        work()
        os._exit(0)
    seen, wanted = {written()}, rng.randrange(2, 7)
    while len(seen) < wanted and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.001)
        seen.add(written())
    time.sleep(rng.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    ends.append(si.load(path, **mine).n_steps)
assert len(set(ends)) > 10 and ends == sorted(ends), ends
run = work()
assert np.array_equal(run["sum"], whole["sum"]) and np.array_equal(si.load(path, **mine)["sum"], whole["sum"])
assert [p.name for p in path.parent.iterdir()] == [path.name]
print("done")
"""


@needs_jit
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment(tmp_path):
    """After 20 kills the run is allowed to finish: no file is ever damaged, no temporary file is left, all bits are equal."""
    assert "done" in python(KILLED, str(tmp_path / "run.npz")).stdout
