"""The same classes as plain Python: integer streams bit for bit, numbers to 1e-12; and all of it with reference counts."""

import numpy as np
import pytest
from parts_for_tests import CoordinateStep, Points, Recorder, needs_jit, python, quadratic

import stochinf as si
from stochinf.engine.loop import fill_points, fill_rates
from stochinf.engine.random import (
    alias_table,
    below,
    categorical,
    exponential,
    from_alias,
    lane_streams,
    lane_uniform,
    next_word,
    normal,
    permute,
    random,
    stream,
    uniform,
)

pytestmark = needs_jit
PICKERS = [
    si.pickers.Uniform(),
    si.pickers.Scan(),
    si.pickers.Shuffled(),
    si.pickers.Minibatches(3),
    si.pickers.Minibatches(3, replace=True),
    si.pickers.Weighted(np.arange(10.0)),
    si.pickers.Curriculum(np.arange(10.0), 200),
    si.pickers.Greedy(),
]
SCHEDULES = [
    si.schedules.Linear(100),
    si.schedules.RobbinsMonro(),
    si.schedules.Step(7),
    si.schedules.Exponential(0.97),
    si.schedules.Cyclic(9),
    si.schedules.Polynomial(90),
    si.schedules.Cosine(11, 2),
    si.schedules.Warmup(20) * si.schedules.Cosine(50),
]


def streams_and_runs():
    """Everything random or compiled that this library's engine makes, by name; names of floats begin with `~`."""
    rng, n = stream(np.random.SeedSequence(5)), 500
    weights = np.array([0.0, 1.0, 2.5, 0.0, 1e-3])
    found = {
        "words": [int(next_word(rng)) for _ in range(n)],
        "random": [random(rng) for _ in range(n)],
        "uniform": [uniform(rng) for _ in range(n)],
        "below": [int(below(rng, 2**31 + 5)) for _ in range(n)],
        "categorical": [int(categorical(rng, weights)) for _ in range(n)],
        "alias": [int(from_alias(rng, *alias_table(weights))) for _ in range(n)],
        "~normal": [normal(rng) for _ in range(n)],
        "~exponential": [exponential(rng) for _ in range(n)],
    }
    order = np.arange(50)
    permute(rng, order)
    words = lane_streams(np.random.SeedSequence(5), 4)
    found |= {"order": order, "lanes": [[lane_uniform(words, k) for k in range(4)] for _ in range(n)], "lane words": words}
    for picker in (p.prepare(Points(10)) for p in PICKERS):
        batch = getattr(picker, "batch", 0)
        tape = np.empty((300, batch) if batch else 300, np.int64)
        fill_points(picker, tape, 7, rng)
        found[f"tape {type(picker).__name__}"] = tape
    for schedule in SCHEDULES:
        rates = np.empty(300)
        fill_rates(schedule, rates, 3)
        found[f"~rates {type(schedule).__name__}"] = rates
    quiet = {"rng": 3, "progress": False}
    run = si.run(Recorder(), Points(10), steps=300, chains=2, thin=7, warmup=5, picker=si.pickers.Shuffled(), **quiet)
    found |= {"run points": run["point"], "run numbers": run["number"], "run sums": run["sum"]}
    greedy = si.run(CoordinateStep(), quadratic(), steps=50, picker=si.pickers.Greedy(), **quiet)
    coin = si.sample(si.models.CoinBias(62, 38), draws=300, warmup=100, chains=2, **quiet)
    return found | {
        "greedy": greedy.stats["chosen"],
        "~greedy": greedy["position"],
        "~coin": coin["theta"],
        "~lp": coin.stats["lp"],
    }


SCRIPT = """
import importlib.util, sys
import numpy as np
spec = importlib.util.spec_from_file_location("streams", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with np.errstate(over="ignore"):
    np.savez(sys.argv[2], **module.streams_and_runs())
"""


@pytest.mark.parametrize(
    "environment", [{"NUMBA_DISABLE_JIT": "1"}, {"STOCHINF_REFERENCE_COUNTS": "1"}], ids=lambda e: next(iter(e))
)
def test_the_same_streams_and_runs(environment, tmp_path):
    python(SCRIPT, __file__, str(tmp_path / "found.npz"), **environment)
    ours = streams_and_runs()
    with np.load(tmp_path / "found.npz") as theirs:
        assert set(theirs.files) == set(ours)
        for name, expected in ours.items():
            if name.startswith("~"):
                np.testing.assert_allclose(theirs[name], expected, rtol=1e-12, atol=1e-12, err_msg=name)
            else:
                np.testing.assert_array_equal(theirs[name], expected, err_msg=name)
