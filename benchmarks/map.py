"""Most probable states: max-cut on the Gset and UAI models, beside dwave-samplers' annealing in the same processor time.

Files are read from $STOCHINF_DATA/graphical: gset/G*.txt with best_known.csv, uai/uai2014_map with verified_MAP.csv. One core;
each run has so many seconds of processor time, so that a machine that others use does not change the outcome.

    STOCHINF_DATA=data python benchmarks/map.py            two runs of each
    STOCHINF_DATA=data python benchmarks/map.py 20 G1 G6   twenty runs of these
"""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import line

import stochinf as si
from stochinf.graphs.formats.rudy import read_rudy
from stochinf.graphs.search import budget, portfolio

CUTS = {"G1": 5, "G6": 5, "G43": 5, "G48": 5, "G11": 5, "G12": 5, "G14": 10, "G18": 10, "G22": 10, "G32": 10}
"""Seconds by graph."""

PROVEN = ("G1", "G6", "G43", "G48")
MODELS = {
    "Segmentation_12": 2,
    "Segmentation_18": 2,
    "Grids_26": 5,
    "Grids_30": 5,
    "wcsp_15": 5,
    "Promedas_62": 5,
    "Promedas_70": 5,
}
PEER_SWEEPS = 4000


def folder() -> Path | None:
    """Return where the files are, or None."""
    home = Path(os.environ.get("STOCHINF_DATA", ""), "graphical")
    if "STOCHINF_DATA" not in os.environ or not home.is_dir():
        print("skipped: set STOCHINF_DATA to a folder that holds graphical/gset and graphical/uai")
        return None
    return home


def peer(graph: Any, seconds: float, seed: int) -> float:
    """Return the best cut that dwave-samplers' simulated annealing finds; NaN where it is not installed."""
    try:
        from dimod import BinaryQuadraticModel
        from dwave.samplers import SimulatedAnnealingSampler
    except ImportError:
        return float("nan")
    spins = graph.spins
    couplings = {(i, j): -J for (i, j), J in zip(spins.edges.tolist(), spins.coupling.tolist(), strict=True)}
    model = BinaryQuadraticModel(dict.fromkeys(range(graph.n_variables), 0.0), couplings, 0.0, "SPIN")
    began, best, reads = time.thread_time(), np.inf, 0
    while time.thread_time() - began < seconds:
        sample = SimulatedAnnealingSampler().sample(model, num_reads=1, num_sweeps=PEER_SWEEPS, seed=1000 * seed + reads)
        best, reads = min(best, float(sample.first.energy)), reads + 1
    return float(spins.constant - best)


def cuts(home: Path, names: list[str], runs: int) -> None:
    """Print, for each graph, the cuts found by us and by the peer against the best known."""
    with open(home / "gset" / "best_known.csv", encoding="ascii") as file:
        known = {row[0]: int(row[1]) for row in csv.reader(file) if len(row) > 1 and row[1].isdigit()}
    for name in names:
        graph, seconds = read_rudy(home / "gset" / f"{name}.txt"), CUTS[name]
        ours = np.array([portfolio(graph, time=seconds, threads=1, rng=run).log_score for run in range(runs)])
        theirs = np.array([peer(graph, seconds, run) for run in range(runs)])
        hits, gap = int((ours >= known[name]).sum()), 100 * (1 - ours.min() / known[name])
        what = f"{name}, {seconds} s: ours {ours.min():.0f}-{ours.max():.0f}, mean {ours.mean():.1f}, "
        what += f"dwave {theirs.min():.0f}-{theirs.max():.0f}, mean {theirs.mean():.1f}, "
        what += f"best known {known[name]} in {hits} of {runs}; worst gap in %"
        line(what, gap, "18 of 20 best known" if name in PROVEN else "<= 0.1 %")


def models(home: Path, names: list[str]) -> None:
    """Print, for each model, how far the log score is from the proven optimum or the reference."""
    with open(home / "uai" / "verified_MAP.csv", encoding="ascii") as file:
        rows = {row["instance"]: row for row in csv.DictReader(file)}
    for name in names:
        path = home / "uai" / "uai2014_map" / f"{name}.uai"
        graph = si.read_graph(path)
        evidence = si.read_evidence(path.with_suffix(".uai.evid"), graph)
        found = si.map_state(graph, evidence=evidence, time=MODELS[name], rng=0)
        score = found.log_score
        proven = rows[name]["optimum_logscore"]
        wanted = float(proven or rows[name]["ref_file_logscore"])
        what = (
            f"{name}, {MODELS[name]} s, {found.status}: log score {score:.5f}, {'proven' if proven else 'reference'} {wanted:.5f}"
        )
        line(what, wanted - score, "0" if proven else "<= 0")


def main() -> None:
    """Run what the command line names, or all."""
    home = folder()
    if home is None:
        return
    budget.CLOCK = time.thread_time
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    chosen = sys.argv[2:] or [*CUTS, *MODELS]
    warm = si.graphs.max_cut([(0, 1), (1, 2), (2, 0)])
    portfolio(warm, sweeps=1, threads=1)
    cuts(home, [name for name in chosen if name in CUTS], runs)
    models(home, [name for name in chosen if name in MODELS])


if __name__ == "__main__":
    main()
