"""How the benchmarks measure: CPU time, runs taken in turn, the best of several, one line per figure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

__all__ = ["best", "line"]


def best(runs: dict[str, Callable[[], Any]], rounds: int = 9) -> dict[str, float]:
    """Return the least CPU seconds of each of several runs, taken in turn after one call that is not timed."""
    for run in runs.values():
        run()
    least = dict.fromkeys(runs, math.inf)
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.thread_time()
            run()
            least[name] = min(least[name], time.thread_time() - began)
    return least


def line(what: str, figure: float, target: str) -> None:
    """Print one figure beside its target."""
    print(f"{what:<88} {figure:8.2f}   target {target}", flush=True)
