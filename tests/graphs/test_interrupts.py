"""Ctrl-C: what there is is returned, or the interruption ends the call; the graph answers as before afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stochinf.engine.jit import JIT

pytestmark = pytest.mark.skipif(not JIT or sys.platform == "win32", reason="sends a signal to a process that runs compiled code")

PROGRAM = """
import signal, threading, time
import numpy as np
import stochinf as si
from stochinf.graphs.exact import JunctionTree

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits that it is ignored

def grid(n):
    rng = np.random.default_rng(0)
    edges = [(i * n + j, i * n + j + 1) for i in range(n) for j in range(n - 1)]
    edges += [(i, i + n) for i in range(n * n - n)]
    tables = [[x, -x, -x, x] for x in rng.normal(size=len(edges)).tolist()]
    return si.FactorGraph.from_log_tables([2] * (n * n), edges, tables)

def interrupted(ask, after):
    timer = threading.Timer(after, signal.raise_signal, [signal.SIGINT])
    timer.start()
    began = time.monotonic()
    try:
        return ask(), time.monotonic() - began
    except KeyboardInterrupt:
        return None, time.monotonic() - began
    finally:
        timer.cancel()
"""

SEARCH = """
graph = grid(40)
for method in ("search", "annealing", "tabu", "icm"):
    si.map_state(graph, method=method, time=0.3, rng=0)
    answer, seconds = interrupted(lambda: si.map_state(graph, method=method, time=60, rng=0), 0.5)
    assert answer is not None and seconds < 30, (method, seconds)
    assert answer.interrupted and answer.status == "heuristic", answer
    assert np.isfinite(answer.log_score) and len(answer.state) == 1600, answer
"""

EXACT = """
small, large = grid(4), grid(19)
before, score = si.marginals(small), si.map_state(small).log_score
tree = JunctionTree(large)
wanted = tree.propagate()[1]
for ask in (lambda: [tree.propagate() for _ in range(1000)], lambda: [si.map_state(large, method="exact") for _ in range(1000)]):
    answer, seconds = interrupted(ask, 0.3)
    assert answer is None and seconds < 30, seconds
assert tree.propagate()[1] == wanted
assert si.map_state(small).log_score == score
after = si.marginals(small)
assert all((after[v] == before[v]).all() for v in small.variables)
"""


@pytest.mark.parametrize("program", [SEARCH, EXACT], ids=["search", "exact"])
def test_ctrl_c_leaves_nothing_broken(program: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run([sys.executable, "-c", PROGRAM + program], capture_output=True, text=True, env=environment, timeout=300)
    assert run.returncode == 0, run.stderr
