"""The disk cache: it loads what has not changed, and compiles what has."""

import json
import logging
import os

import numpy as np
import pytest
from parts_for_tests import Points, Recorder, needs_jit, python

import stochinf as si
from stochinf.engine import cache

pytestmark = needs_jit

REPORT = """
import hashlib, json
from stochinf.engine import cache
cache.ANNOUNCE_AFTER = 0.01
def report(*arrays):
    digest = hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()
    print(json.dumps({"compiled": dict(cache.compiled), "loaded": dict(cache.loaded), "digest": digest}))
"""
RECORD = """
import stochinf as si
from parts_for_tests import Points, Recorder
run = si.run(Recorder(), Points(10), steps=100, rng=1, progress=False, **ARGUMENTS)
report(run["sum"], run["point"])
"""


def record(folder, arguments="{}", **environment):
    done = python(REPORT + RECORD.replace("ARGUMENTS", arguments), STOCHINF_CACHE_DIR=str(folder), **environment)
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A folder that one process has filled, and what that process said."""
    folder = tmp_path_factory.mktemp("cache")
    return folder, *record(folder)


def test_the_first_process_compiles_and_says_so(warm):
    folder, facts, said = warm
    assert facts["compiled"] == {"fill_points": 1, "iterate": 1}
    assert facts["loaded"] == {}
    assert "stochinf: compiling iterate for Recorder, Points, Vector, Draws" in said
    assert len(list(folder.rglob("*.loop"))) == 2
    assert not list(folder.rglob("*.tmp.*"))


def test_the_second_process_compiles_nothing(warm):
    folder, first, _ = warm
    facts, said = record(folder)
    assert facts == {"compiled": {}, "loaded": {"fill_points": 1, "iterate": 1}, "digest": first["digest"]}
    assert said == ""


def test_a_new_picker_or_schedule_compiles_no_loop_and_a_new_observer_one(warm):
    folder, *_ = warm
    facts, _ = record(folder, "dict(picker=si.pickers.Uniform(), schedule=si.schedules.Cosine(9), chains=2, thin=2)")
    assert facts["compiled"] == {"fill_points": 1, "fill_rates": 1}
    facts, _ = record(folder, "dict(schedule=0.5 * si.schedules.Cosine(9) * si.schedules.Cosine(8))")
    assert facts["compiled"] == {}
    facts, _ = record(folder, "dict(observer=si.observers.Both(si.observers.Draws(), si.observers.Nothing()))")
    assert facts["compiled"] == {"iterate": 1}


def test_bounds_checking_and_reference_counts_have_files_of_their_own_and_the_same_bits(warm):
    folder, first, _ = warm
    for name in ("NUMBA_BOUNDSCHECK", "STOCHINF_REFERENCE_COUNTS"):
        facts, _ = record(folder, **{name: "1"})
        assert facts["compiled"]["iterate"] == 1
        assert facts["digest"] == first["digest"]


def test_damaged_files_are_compiled_again(warm, tmp_path):
    _, first, _ = warm
    for file in warm[0].rglob("*.loop"):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 255
        (tmp_path / "stochinf").mkdir(mode=0o700, exist_ok=True)
        (tmp_path / "stochinf" / file.name).write_bytes(content if file.name.startswith("iterate") else b"")
    facts, _ = record(tmp_path)
    assert facts["compiled"]["iterate"] == 1
    assert facts["digest"] == first["digest"]
    assert record(tmp_path)[0]["compiled"] == {}


def test_no_writable_folder_is_no_error(warm, tmp_path):
    (tmp_path / "file").write_text("")
    facts, said = record(tmp_path / "file" / "below")
    assert facts["digest"] == warm[1]["digest"]
    assert "no cache folder can be written" in said


def test_folders_that_others_may_write_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("STOCHINF_CACHE_DIR", str(tmp_path))
    folder = cache.cache_folder()
    assert folder == tmp_path / "stochinf"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    assert cache.cache_folder() is None
    folder.chmod(0o700)
    if os.getuid() == 0:
        os.chown(folder, 12345, 12345)
        assert cache.cache_folder() is None


def test_the_folder_follows_the_environment(tmp_path, monkeypatch):
    for name in ("STOCHINF_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.cache_folder() == tmp_path / "home" / ".cache" / "stochinf"
    for name in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "STOCHINF_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
        assert cache.cache_folder() == tmp_path / name / "stochinf"


MODULE = '''"""A schedule of a user's."""
from typing import NamedTuple
import math
import numpy as np
import constants
from stochinf.engine.jit import compiled_as, helper
from stochinf.engine.parts import part

SCALE = np.float32(2.0)
KIND = np.float64

def one():
    return np.float64(1)

@compiled_as(one)
def _one():
    return lambda: 1.0

@helper()
def inner(x):
    return x + one()

@helper()
def twist(x):
    return 3.0 * inner(x)

@part
class Mine(NamedTuple):
    base: float = 1.0

    def at(self, step):
        return self.base * self.factor() * SCALE * constants.DEEP + KIND(0.25) * math.floor(1.5)

    def factor(self):
        return twist(1.0)

    def unrelated(self, step):
        return 1.0
'''
USE = """
import sys, types
import numpy as np
from stochinf.engine.loop import fill_rates
answers = []
for text, deep in json.load(sys.stdin):
    for name, source in (("constants", f"DEEP = {deep}"), ("mine", text)):
        sys.modules[name] = types.ModuleType(name)
        exec(compile(source, name + ".py", "exec"), vars(sys.modules[name]))
    before, rates = cache.compiled["fill_rates"], np.empty(3)
    fill_rates(sys.modules["mine"].Mine(), rates, 0)
    answers.append([cache.compiled["fill_rates"] - before, float(rates[0])])
print(json.dumps(answers))
"""
EDITS = {
    "nothing": ("", "", 0, 12.25),
    "a comment": ("    def factor(self):\n", "    # words\n\n    def factor(self):\n        # more words\n", 0, 12.25),
    "a docstring": ("    def factor(self):\n", '    def factor(self):\n        """Words."""\n', 0, 12.25),
    "an unrelated method": ("return 1.0\n", "return 2.0\n", 0, 12.25),
    "the method": ("math.floor(1.5)", "math.ceil(1.5)", 1, 12.5),
    "a number in the method": ("KIND(0.25)", "KIND(0.75)", 1, 12.75),
    "another method that it calls": ("twist(1.0)", "twist(2.0)", 1, 18.25),
    "the body that compiled code has": ("lambda: 1.0", "lambda: 2.0", 1, 18.25),
    "a helper": ("3.0 * inner", "4.0 * inner", 1, 16.25),
    "a helper of the helper": ("x + one()", "2.0 * x + one()", 1, 18.25),
    "an option of a helper": ("@helper()\ndef inner", "@helper(reorder=True)\ndef inner", 1, 12.25),
    "a constant": ("np.float32(2.0)", "np.float32(4.0)", 1, 24.25),
    "a type": ("KIND = np.float64", "KIND = np.int64", 1, 12.0),
    "a default": ("base: float = 1.0", "base: float = 2.0", 0, 24.25),
}


def test_an_edit_compiles_again_where_it_matters(tmp_path):
    edits = {case: (MODULE.replace(before, after) if before else MODULE, 1.0) for case, (before, after, *_) in EDITS.items()}
    assert all(MODULE.count(before) == 1 for before, *_ in EDITS.values() if before)
    edits |= {"a constant of another module": (MODULE, 2.0), "the same again": (MODULE, 1.0)}
    expected = {case: [compiled, value] for case, (*_, compiled, value) in EDITS.items()}
    expected |= {"a constant of another module": [1, 24.25], "the same again": [0, 12.25]}
    for compiles in (True, False):
        done = python(REPORT + USE, STOCHINF_CACHE_DIR=str(tmp_path), given=json.dumps([(MODULE, 1.0), *edits.values()]))
        first, *answers = json.loads(done.stdout)
        wanted = expected if compiles else {case: [0, value] for case, (_, value) in expected.items()}
        assert first == [int(compiles), 12.25]
        assert dict(zip(edits, answers, strict=True)) == wanted


SCRIPT = """
from typing import NamedTuple
import numpy as np
import stochinf as si
from parts_for_tests import Vector, chain_of

@si.kernel
class Here(NamedTuple):
    pace: float = 1.0
    def init(self, target, position, streams):
        return Vector(np.zeros(1), np.zeros(1))
    def update(self, target, state, point, rate, rng):
        state.position[0] += self.pace * point

@si.kernel
class There(NamedTuple):
    n_points: int = 4

ends = [si.run(k, There(), steps=9, rng=1, progress=False)["position"] for k in (Here(), *map(chain_of, (1, 3, 7)))]
report(*ends)
"""


def test_parts_of_a_script_and_chains_load_in_a_second_process(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(REPORT + SCRIPT)
    run = f"import runpy, sys; sys.argv = [{str(script)!r}]; runpy.run_path({str(script)!r}, run_name='__main__')"
    first, second = (json.loads(python(run, STOCHINF_CACHE_DIR=str(tmp_path / "cache")).stdout) for _ in range(2))
    assert first["compiled"]["iterate"] == second["loaded"]["iterate"] == 4
    assert second["compiled"] == {}
    assert first["digest"] == second["digest"]


def loops():
    return cache.compiled["iterate"] + cache.loaded["iterate"]


def test_changing_numbers_data_and_seeds_compiles_nothing_in_process():
    def go(kernel, target, **arguments):
        before = loops()
        si.run(kernel, target, steps=20, progress=False, **arguments)
        return loops() - before

    coin = si.models.CoinBias(62, 38)
    go(si.mcmc.Metropolis(0.5), coin, rng=0)
    assert go(si.mcmc.Metropolis(1), si.models.CoinBias(np.int8(3), 4.5, prior=[2, 3]), rng=1) == 0
    assert go(si.mcmc.Metropolis(), coin, rng=None, chains=3, warmup=7, thin=2, init=np.zeros(1, np.float32)) == 0
    assert go(si.mcmc.Metropolis(si.schedules.Exponential(0.99)), coin, schedule=0.5, picker=si.pickers.Uniform(3)) == 0
    read_only = np.zeros((3, 1))
    read_only.flags.writeable = False
    assert go(si.mcmc.Metropolis(np.float64(0.1)), coin, chains=3, init=read_only[::-1]) == 0
    observer = si.observers.Both(si.observers.Moments(), si.observers.Best())
    assert go(si.mcmc.Metropolis(0.5), coin, observer=observer) == 1
    assert go(si.mcmc.Metropolis(0.7), coin, observer=observer) == 0


def test_a_failed_compilation_is_not_announced_later(caplog):
    cache._announce_later("iterate", ["Broken"], True)
    cache.forget_announcements()
    assert not cache._pending
    with caplog.at_level(logging.WARNING, "stochinf"):
        cache.announce("iterate", ["Broken"], True)
    assert "the next run loads it" in caplog.text


def test_the_first_compilations_here_are_counted():
    si.run(Recorder(), Points(10), steps=5, rng=1, progress=False)
    assert cache.statistics["hits"] == sum(cache.loaded.values())
    assert cache.statistics["misses"] == sum(cache.compiled.values())
