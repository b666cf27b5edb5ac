"""Blocked Gibbs sampling on hard grids: error against exact marginals for the same CPU time, and the cost of an update.

Models are read from $STOCHINF_DATA/graphical/uai/uai2014, with their references. Each sampler gets SECONDS of CPU time on one
thread, 64 chains; a line shows the mean Hellinger error, the worst R-hat, sweeps, and nanoseconds per variable and chain.

    STOCHINF_DATA=data python benchmarks/blocked.py
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

import stochinf as si
from stochinf.engine.driver import Controls
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.question import Sampling
from stochinf.graphs.sampled import sampled_marginals
from stochinf.graphs.targets import graph_target

MODELS = ("Grids_11", "Grids_15", "Segmentation_12", "DBN_14")
CELLS = (4, 32, 256)
SECONDS = 2.0
CHAINS = 64


def read_marginals(path: Path) -> list[Any]:
    words = path.read_text().split()[2:]
    rows, at = [], 0
    while at < len(words):
        k = int(words[at])
        rows.append(np.array(words[at + 1 : at + 1 + k], dtype=float))
        at += k + 1
    return rows


def hellinger(found: Any, reference: list[Any]) -> float:
    pairs = zip(found.graph.variables, reference, strict=True)
    return float(np.mean([np.sqrt(0.5 * ((np.sqrt(found[v]) - np.sqrt(row)) ** 2).sum()) for v, row in pairs]))


def run(graph: si.FactorGraph, clamped: Any, kernel: Any, sweeps: int) -> tuple[Any, float]:
    """Return the marginals after some sweeps, and the CPU seconds."""
    sampling = Sampling(CHAINS, sweeps, sweeps // 20, None, 1, Controls(threads=1))
    began = time.thread_time()
    found = sampled_marginals(graph, clamped, graph_target(graph, clamped), kernel, sampling, method="sampler", reason="")
    return found, time.thread_time() - began


def compare(path: Path) -> None:
    graph = si.read_graph(path)
    clamped = check_evidence(graph, si.read_evidence(path.with_suffix(".uai.evid"), graph))
    reference = read_marginals(path.with_suffix(".uai.MAR"))
    free = int((clamped < 0).sum())
    target = graph_target(graph, clamped)
    kernels = {"single variables": si.graphs.Gibbs(sums=True)}
    kernels |= {f"blocks of tables of {cells}": si.graphs.Blocked(sums=True, cells=cells).prepare(target) for cells in CELLS}
    for name, kernel in kernels.items():
        run(graph, clamped, kernel, 2)
        pilots = [run(graph, clamped, kernel, sweeps)[1] for sweeps in (20, 120)]
        found, seconds = run(graph, clamped, kernel, max(20, int(100 * SECONDS / max(pilots[1] - pilots[0], 1e-3))))
        cost = 1e9 * seconds / ((found.sweeps + found.warmup) * CHAINS * free)
        print(
            f"{path.stem:<16} {name:<24} mean Hellinger {hellinger(found, reference):.1e}, R-hat {found.rhat.max():.2f}, "
            f"{found.sweeps:,} sweeps in {seconds:.1f} s, {cost:.1f} ns",
            flush=True,
        )


if __name__ == "__main__":
    for model in MODELS:
        compare(Path(os.environ["STOCHINF_DATA"]) / "graphical" / "uai" / "uai2014" / f"{model}.uai")
