"""Exact inference: all marginals of Bayesian networks against pyAgrum's LazyPropagation, and contest models against references.

Networks are read from $STOCHINF_DATA/graphical/bif, models from $STOCHINF_DATA/graphical/uai/uai2014. CPU time of one thread,
turn by turn, the best of several; without pyAgrum the figures stand alone. A model's line ends with the largest error of
marginals and of log10 Z against the references.

    STOCHINF_DATA=data python benchmarks/exact.py
"""

from __future__ import annotations

import gzip
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import best, line

import stochinf as si
from stochinf.engine.memory import available
from stochinf.graphs.conditioning import conditioned
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.exact import JunctionTree, exact_map, plan_elimination

NETWORKS = {"alarm": 5.0, "win95pts": 15.0, "andes": 200.0, "insurance": math.nan, "hailfinder": math.nan, "hepar2": math.nan}
"""Milliseconds aimed at."""

LARGEST = 2e9
"""Cells up to which a model is solved here."""


def peer(path: Path) -> Callable[[], Any] | None:
    """Return pyAgrum's exact inference of all marginals, its engine built beforehand, or None where there is no pyAgrum."""
    try:
        import pyagrum
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.with_suffix("").name
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        network = pyagrum.loadBN(str(plain))
    pyagrum.setNumberOfThreads(1)
    names = [network.variable(node).name() for node in network.nodes()]

    def run() -> Any:
        engine = pyagrum.LazyPropagation(network)
        engine.makeInference()
        return {name: engine.posterior(name).toarray() for name in names}

    return run


def networks(folder: Path) -> None:
    for name, aim in NETWORKS.items():
        path = folder / f"{name}.bif.gz"
        graph = si.read_graph(path)
        tree = JunctionTree(graph)
        runs = {"stochinf": tree.propagate, "stochinf with build": lambda graph=graph: JunctionTree(graph).propagate()}
        other = peer(path)
        if other is not None:
            runs["pyagrum"] = other
        seconds = best(runs, 5)
        figure = f"{name}: all marginals, milliseconds"
        line(figure, 1e3 * seconds["stochinf"], "" if math.isnan(aim) else f"at most {aim:g}")
        line(f"{name}: with plan and build, milliseconds", 1e3 * seconds["stochinf with build"], "")
        if other is not None:
            ratio = seconds["pyagrum"] / seconds["stochinf with build"]
            line(f"{name}: pyAgrum LazyPropagation {1e3 * seconds['pyagrum']:.2f} ms: ratio", ratio, "at least 1")
            found, reference = tree.propagate()[0], other()
            rows = np.split(found, np.cumsum(graph.n_states)[:-1])
            pairs = zip(graph.variables, rows, strict=True)
            worst = max(abs(np.sort(row) - np.sort(reference[node])).max() for node, row in pairs)
            line(f"{name}: largest difference from pyAgrum, which reads float32, units of 1e-8", 1e8 * worst, "at most 10")


def read_marginals(path: Path) -> Any:
    words = path.read_text().split()[2:]
    values, at = [], 0
    while at < len(words):
        k = int(words[at])
        values += [float(word) for word in words[at + 1 : at + 1 + k]]
        at += k + 1
    return np.array(values)


def models(folder: Path) -> None:
    for path in sorted(folder.glob("*.uai")):
        graph = si.read_graph(path)
        clamped = check_evidence(graph, si.read_evidence(path.with_suffix(".uai.evid"), graph))
        given = conditioned(graph, clamped)
        began = time.thread_time()
        plan = plan_elimination(given.graph)
        planned = time.thread_time() - began
        title = f"{path.stem}: width {plan.width}, {plan.cells:.3g} cells, plan {1e3 * planned:.1f} ms"
        if plan.cells > LARGEST or plan.bytes > 0.5 * available():
            print(f"{title}: not solved here")
            continue
        began = time.thread_time()
        found, value = JunctionTree(given.graph, plan).propagate()
        took = time.thread_time() - began
        errors = ""
        if path.with_suffix(".uai.MAR").exists():
            errors += f"  marginals {abs(given.spread(found) - read_marginals(path.with_suffix('.uai.MAR'))).max():.1e}"
        if path.with_suffix(".uai.PR").exists():
            reference = float(path.with_suffix(".uai.PR").read_text().split()[-1])
            errors += f"  log10 Z {abs((value + given.constant) / math.log(10) - reference):.1e}"
        print(f"{title}, all marginals {took:.3f} s{errors}", flush=True)


def best_states(folder: Path, table: Path) -> None:
    optima = {row.split(",")[0]: row.split(",")[2] for row in table.read_text().splitlines()[1:]}
    for path in sorted(folder.glob("*.uai")):
        graph = si.read_graph(path)
        given = conditioned(graph, check_evidence(graph, si.read_evidence(path.with_suffix(".uai.evid"), graph)))
        plan = plan_elimination(given.graph)
        if plan.largest > LARGEST / 8 or not optima.get(path.stem):
            continue
        began = time.thread_time()
        score = given.constant + exact_map(given.graph, plan=plan)[1]
        print(
            f"{path.stem}: best score {score:.5f} in {time.thread_time() - began:.3f} s; proven {optima[path.stem]}", flush=True
        )


if __name__ == "__main__":
    data = Path(os.environ["STOCHINF_DATA"]) / "graphical"
    networks(data / "bif")
    models(data / "uai" / "uai2014")
    best_states(data / "uai" / "uai2014_map", data / "uai" / "verified_MAP.csv")
