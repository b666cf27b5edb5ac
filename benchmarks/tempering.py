"""Where single-site sampling fails: parallel tempering on the UAI grids, Swendsen-Wang at a phase transition.

The grids are read from $STOCHINF_DATA/graphical/uai/uai2014 (Grids_11, 12, 13 with their exact marginals and log10 Z); without
it those lines are left out. Time limits are wall clock, all processors, the loops compiled before.

    STOCHINF_DATA=data python benchmarks/tempering.py
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from measure import line

import stochinf as si
from stochinf.engine.block import advance
from stochinf.engine.driver import Controls
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build
from stochinf.engine.statistics import ess_mean
from stochinf.graphs.annealed import annealed_importance
from stochinf.graphs.clusters import SwendsenWang
from stochinf.graphs.question import Sampling
from stochinf.graphs.tempering import tempered_marginals

SECONDS = 5.0


def hellinger(found: Any, path: Path) -> float:
    """Return the mean Hellinger distance of marginals from those of a MAR file."""
    words = path.read_text().split()[2:]
    distances, place = [], 0
    for node in found:
        count = int(words[place])
        exact = np.array(words[place + 1 : place + 1 + count], dtype=float)
        distances.append(np.sqrt(max(0.0, 1.0 - float(np.sqrt(np.clip(found[node], 0, 1) * exact).sum()))))
        place += 1 + count
    return float(np.mean(distances))


def sampling(seconds: float) -> Sampling:
    return Sampling(16, 0, 1000, seconds, 1, Controls(stop=si.stop.seconds(seconds)))


def grids(folder: Path) -> None:
    """Give each grid 5 seconds of Gibbs sampling, of tempering, and of annealing."""
    free = np.full(100, -1, np.int32)
    graphs = {name: si.read_graph(folder / f"{name}.uai") for name in ("Grids_11", "Grids_12", "Grids_13")}
    tempered_marginals(graphs["Grids_11"], free, sampling(0.2))
    annealed_importance(graphs["Grids_11"], time=0.2, rng=1)
    for name, graph in graphs.items():
        mar = folder / f"{name}.uai.MAR"
        exact = float((folder / f"{name}.uai.PR").read_text().split()[1])
        plain = si.marginals(graph, method="gibbs", time=SECONDS, rng=1)
        found = tempered_marginals(graph, free, sampling(SECONDS))
        line(f"{name}: mean Hellinger in {SECONDS:g} s, single-site Gibbs", hellinger(plain, mar), "-")
        line(f"{name}: mean Hellinger in {SECONDS:g} s, tempering", 1000 * hellinger(found, mar), "<= 10 thousandths")
        off, error = found.log_partition / np.log(10) - exact, found.log_partition_mcse / np.log(10)
        line(f"{name}: log10 Z by tempering, thousandths off; standard error {1000 * error:.0f}", 1000 * off, "4 errors")
        z = annealed_importance(graph, time=SECONDS, rng=1)
        off, above = z.log_partition / np.log(10) - exact, z.reverse / np.log(10) - exact
        line(f"{name}: log10 Z by annealing, thousandths off; from above {1000 * above:.0f}", 1000 * off, "-")


def magnetisation(graph: si.FactorGraph, kernel: Any, points: int, sweeps: int, chains: int) -> tuple[float, float]:
    """Return the ESS of |m| and the CPU seconds of so many sweeps of some chains."""
    target = graph.as_target()
    block = build(Plan(kernel, target, None, None, Nothing(), None, chains, 0, points, False, 1), 0).blocks[0]
    block.state.position[:] = 1.0
    advance(block, points * sweeps // 5)
    means, took = [], 0.0
    for _ in range(sweeps):
        began = time.thread_time()
        advance(block, points)
        took += time.thread_time() - began
        means.append(np.abs(block.state.position.mean(axis=0)))
    return ess_mean(np.array(means).T), took


def phase_transition(side: int = 64) -> None:
    """Compare the effective draws of the magnetisation per second on a critical Ising grid."""
    grid = nx.grid_2d_graph(side, side, periodic=True)
    nx.set_edge_attributes(grid, 0.5 * np.log(1 + np.sqrt(2)), "J")
    graph = si.FactorGraph.from_networkx(grid)
    clusters, seconds = magnetisation(graph, SwendsenWang(), 1, 300, 16)
    gibbs, others = magnetisation(graph, si.graphs.Gibbs(), graph.n_variables, 8000, 64)
    rates = clusters / seconds, gibbs / others
    line(
        f"Ising {side}x{side}, critical: ESS of |m| per CPU second, Swendsen-Wang {rates[0]:.0f} / Gibbs {rates[1]:.1f}",
        rates[0] / rates[1],
        "> 1",
    )


if __name__ == "__main__":
    data = os.environ.get("STOCHINF_DATA")
    if data:
        grids(Path(data) / "graphical" / "uai" / "uai2014")
    else:
        print("STOCHINF_DATA is not set: the lines of the UAI grids are left out")
    phase_transition()
