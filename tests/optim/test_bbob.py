"""The benchmark's port of BBOB equals recorded values of COCO."""

import json
from pathlib import Path

from parts_for_tests import python

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "data" / "optim" / "golden_bbob.json.xz"

CODE = f"""
import json, lzma, sys
sys.path.insert(0, {str(ROOT / "benchmarks")!r})
import numpy as np
from bbob_functions import COMPILED
from bbob_numbers import least, seed_of, tables
recorded = json.loads(lzma.open({str(RECORDED)!r}).read())
worst = {{}}
np.seterr(all="ignore")
for key, values in recorded["values"].items():
    number, dim, instance = (int(part[1:]) for part in key.split("_"))
    seed = seed_of(number, instance)
    low = least(seed)
    given = tables(number, seed, dim)
    errors = [abs(low - values["fopt"])]
    for x, value in zip(recorded["points"][str(dim)], values["f"]):
        errors.append(abs(COMPILED[number - 1](np.array(x), *given) + low - value) / max(1.0, abs(value)))
    worst[number] = max(worst.get(number, 0.0), *errors)
print(json.dumps(worst))
"""


def test_the_port_equals_recorded_values():
    done = python(CODE, NUMBA_DISABLE_JIT="1")
    worst = json.loads(done.stdout.splitlines()[-1])
    assert sorted(map(int, worst)) == list(range(1, 25))
    assert max(worst.values()) < 1e-6
