"""Marginals by `method="auto"` on the UAI-2014 instances, against their reference answers; coverage of the error bars.

Run: STOCHINF_DATA=folder python benchmarks/inference.py [--time 20] [--coverage] [instance ...]. The folder holds
graphical/uai/uai2014 (models, evidence, .MAR and .PR files) and graphical/uai/verified_PR_MAR.csv.

An instance scores 100 (1 - H / H0), H the mean Hellinger distance of the free variables' marginals to the reference, H0 that
of the uniform guess. References have six digits, which alone make H about 2e-4.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

import numpy as np
from measure import line
from numpy.typing import NDArray

import stochinf as si

SMALL = ("Segmentation_12", "DBN_14", "Grids_15", "Promedus_16", "Promedus_24", "Promedus_26", "Grids_12", "Pedigree_13")


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


def coverage(folder: Path, seeds: int) -> None:
    """Print how often 95 % intervals of Gibbs sampling hold the exact marginal, and whether R-hat saw where they do not."""
    shares = []
    for name in SMALL:
        graph = si.read_graph(folder / f"{name}.uai")
        evidence = si.read_evidence(folder / f"{name}.uai.evid", graph)
        exact = np.concatenate(list(si.marginals(graph, evidence, method="exact").values()))
        hits, rhat = [], 0.0
        for seed in range(seeds):
            r = si.marginals(graph, evidence, method="gibbs", draws=2000, warmup=500, rng=seed)
            shown = r.error > 0
            hits.append((abs(r.probability - exact)[shown] <= 1.96 * r.error[shown]).mean())
            rhat = max(rhat, r.rhat.max())
        print(f"{name:<16} 95 % intervals hold {100 * np.mean(hits):.1f} %, worst R-hat {rhat:.3f}")
        if rhat < 1.05:
            shares.append(np.mean(hits))
    line("95 % intervals that hold the exact marginal, % (instances that converged)", 100 * float(np.mean(shares)), "92 to 97")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--time", type=float, default=20.0)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    folder = Path(os.environ["STOCHINF_DATA"]) / "graphical" / "uai" / "uai2014"
    names = options.names or sorted(path.name.removesuffix(".uai.MAR") for path in folder.glob("*.uai.MAR"))
    if options.coverage:
        coverage(folder, options.seeds)
    else:
        accuracy(folder, names, options.time)


if __name__ == "__main__":
    main()
