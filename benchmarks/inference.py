"""Marginals by `method="auto"` on the UAI-2014 instances, against their reference answers; coverage of the error bars.

Run: STOCHINF_DATA=folder python benchmarks/inference.py [--time 20] [--coverage [--method gibbs] [--seeds 20]] [instance ...].
Coverage asks every sampler about every small instance, also those that it cannot do: each instance counts alike, and so does
every state of its variables without evidence. What is exact, and needs no interval, counts as held; beside it stands the
share among the entries that vary. "auto" is given no memory for exact answers, so that it samples.
The folder holds graphical/uai/uai2014 (models, evidence, .MAR and .PR files), graphical/uai/verified_PR_MAR.csv and, for
coverage, graphical/bif.

An instance scores 100 (1 - H / H0), H the mean Hellinger distance of the free variables' marginals to the reference, H0 that
of the uniform guess. References have six digits, which alone make H about 2e-4.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
import warnings
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measure import line
from numpy.typing import NDArray

import stochinf as si

SMALL = (
    "cancer",
    "earthquake",
    "asia",
    "survey",
    "sachs",
    "child",
    "insurance",
    "alarm",
    "hailfinder",
    "win95pts",
    "Segmentation_12",
    "DBN_14",
    "Grids_15",
    "Promedus_16",
    "Promedus_24",
    "Promedus_26",
    "Grids_12",
    "Pedigree_13",
)
SAMPLERS = ("gibbs", "blocked", "tempering", "auto")
AGREED = 1.02
"""R-hat above which an instance counts as flagged."""

FAILED = 0.9
"""Share of intervals that hold below which error bars are wrong, and R-hat should say so."""

ROUNDING = 1e-6
"""Float32 arithmetic inside the samplers."""


class Coverage(NamedTuple):
    """Shares of intervals that hold on one instance, of all entries and of those that vary (NaN: none do); how it was flagged."""

    held: float
    varying: float
    flagged: bool


def references(folder: Path, graph: si.FactorGraph, name: str) -> list[NDArray[np.float64]]:
    """Return the marginals of a .MAR file."""
    words = (folder / f"{name}.uai.MAR").read_text().split()
    numbers, position, found = words[2:], 0, []
    for _ in graph.variables:
        size = int(numbers[position])
        found.append(np.array(numbers[position + 1 : position + 1 + size], float))
        position += 1 + size
    return found


def hellinger(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Return the Hellinger distance of two distributions."""
    return float(np.sqrt(max(0.0, 1.0 - np.sqrt(p * q).sum())))


def score(graph: si.FactorGraph, result: si.graphs.Marginals, exact: list[NDArray[np.float64]]) -> tuple[float, float, float]:
    """Return score, mean Hellinger distance and largest absolute difference over the free variables."""
    free = [i for i in range(graph.n_variables) if result.clamped[i] < 0]
    ours = np.mean([hellinger(result[graph.variables[i]], exact[i]) for i in free])
    uniform = np.mean([hellinger(np.full(exact[i].size, 1.0 / exact[i].size), exact[i]) for i in free])
    worst = max(float(abs(result[graph.variables[i]] - exact[i]).max()) for i in free)
    return 100.0 * (1.0 - ours / uniform), float(ours), worst


def verified(folder: Path) -> dict[str, float]:
    """Return log10 Z of the instances that were recomputed."""
    with open(folder.parent / "verified_PR_MAR.csv", newline="", encoding="utf-8") as file:
        return {row["instance"]: float(row["log10Z_recomputed"]) for row in csv.DictReader(file)}


def accuracy(folder: Path, names: list[str], seconds: float) -> None:
    """Score every instance."""
    known, scores = verified(folder), []
    for name in names:
        graph = si.read_graph(folder / f"{name}.uai")
        evidence = si.read_evidence(folder / f"{name}.uai.evid", graph)
        began, cpu = time.perf_counter(), time.process_time()
        result = si.marginals(graph, evidence, method="auto", time=seconds, rng=0)
        took, spent = time.perf_counter() - began, time.process_time() - cpu
        points, distance, worst = score(graph, result, references(folder, graph, name))
        scores.append(points)
        print(f"{name:<16} score {points:7.3f}  mean Hellinger {distance:.1e}  largest difference {worst:.1e}  {took:5.2f} s "
              f"({spent:.2f} CPU)  {result.method}: {result.reason}")  # fmt: skip
        if result.exact and name in known:
            line(f"  {name}: largest difference to the verified marginals x 1e6", worst * 1e6, "1")
            line(f"  {name}: log10 Z off by x 1e3", abs(result.log_partition / np.log(10) - known[name]) * 1e3, "1")
    line(f"mean score of {len(scores)} instances, {seconds:g} s each", float(np.mean(scores)), "98")


def coverage(folder: Path, seeds: int, draws: int, methods: list[str], names: list[str]) -> None:
    """Print how often 95 % intervals of samplers hold the exact marginal, and whether R-hat saw where they do not."""
    for method in methods:
        found = {name: covered(folder, name, method, seeds, draws) for name in names}
        told = f"{method}: 95 % intervals that hold the exact marginal, %,"
        line(f"{told} {len(found)} instances", percent([c.held for c in found.values()]), "92 to 97")
        line(f"{told} entries that vary", percent([c.varying for c in found.values()]), "92 to 97")
        agreed = [c.varying for c in found.values() if not c.flagged]
        line(f"{told} {len(agreed)} instances whose chains agree, entries that vary", percent(agreed), "92 to 97")
        missed = [name for name, c in found.items() if not c.flagged and min(c.held, c.varying) < FAILED]
        line(f"{method}: instances that hold less than {FAILED:.0%} unflagged {missed or ''}", len(missed), "0")


def percent(shares: list[float]) -> float:
    """Return the mean in percent, NaN left out."""
    known = [share for share in shares if share == share]
    return 100 * float(np.mean(known)) if known else np.nan


def small(folder: Path, name: str) -> tuple[si.FactorGraph, dict[Hashable, Any]]:
    """Return a UAI-2014 instance, or a network of bnlearn without evidence."""
    if name.islower():
        return si.read_graph(folder.parent.parent / "bif" / f"{name}.bif.gz"), {}
    graph = si.read_graph(folder / f"{name}.uai")
    return graph, si.read_evidence(folder / f"{name}.uai.evid", graph)


def covered(folder: Path, name: str, method: str, seeds: int, draws: int) -> Coverage:
    """Return the shares of intervals that hold, over entries and seeds, and whether R-hat or a warning flags the instance."""
    graph, evidence = small(folder, name)
    exact = si.marginals(graph, evidence, method="exact").probability
    limit = {"memory": 1} if method == "auto" else {}
    held, varying, rhats, warned, began = [], [], [], False, time.perf_counter()
    for seed in range(seeds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", si.ConvergenceWarning)
            r = si.marginals(graph, evidence, method=method, draws=draws, warmup=draws // 5, rng=seed, **limit)
        free = np.repeat(r.clamped < 0, graph.n_states)
        off, error = abs(r.probability - exact)[free], r.error[free]
        hits, varies = off <= np.maximum(1.96 * error, ROUNDING), (error > ROUNDING) | (off > ROUNDING)
        held.append(hits.mean())
        varying.append(hits[varies].mean() if varies.any() else np.nan)
        rhats.append(r.rhat.max())
        warned |= bool(r.warnings)
    flagged = float(np.median(rhats)) > AGREED or warned
    found = Coverage(float(np.mean(held)), percent(varying) / 100, flagged)
    told = f"R-hat {np.median(rhats):.3f} (worst {max(rhats):.3f}){', flagged' if flagged else ''}{', warned' if warned else ''}"
    print(f"{method:<10} {name:<16} intervals hold {100 * found.held:5.1f} % (of those that vary {100 * found.varying:5.1f} %), "
          f"{told}  {time.perf_counter() - began:.0f} s", flush=True)  # fmt: skip
    return found


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--time", type=float, default=20.0)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--method", action="append", choices=SAMPLERS, help="of --coverage; all where none is named")
    options = parser.parse_args()
    folder = Path(os.environ["STOCHINF_DATA"]) / "graphical" / "uai" / "uai2014"
    names = options.names or sorted(path.name.removesuffix(".uai.MAR") for path in folder.glob("*.uai.MAR"))
    if options.coverage:
        coverage(folder, options.seeds, options.draws, options.method or list(SAMPLERS), options.names or list(SMALL))
    else:
        accuracy(folder, names, options.time)


if __name__ == "__main__":
    main()
