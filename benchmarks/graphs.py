"""Single-site sampling of graphs: lanes and one chain against dwave-samplers, pyAgrum, and a loop written by hand.

Run: STOCHINF_DATA=/path/to/data python benchmarks/graphs.py. Without the folder (graphical/bif/alarm.bif.gz and
graphical/uai/uai2014 in it) the lines on networks are left out. Every ratio is taken in this process, runs in turn, CPU time,
best of several. An update is one variable drawn in one chain.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numba
import numpy as np
from measure import best, line

import stochinf as si
from stochinf.engine.block import Block, advance
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build
from stochinf.graphs.rao_blackwell import RaoBlackwell
from stochinf.graphs.targets import SpinGraph

LANES = 64


def ising(side: int, coupling: float = 0.44) -> si.FactorGraph:
    """Return a periodic grid of spins."""
    grid = nx.grid_2d_graph(side, side, periodic=True)
    nx.set_edge_attributes(grid, coupling, "J")
    return si.FactorGraph.from_networkx(grid)


def potts(side: int, q: int, coupling: float) -> si.FactorGraph:
    """Return a periodic grid of variables with q states."""
    sites = np.arange(side * side).reshape(side, side)
    edges = np.concatenate([np.stack([sites.ravel(), np.roll(sites, -1, axis).ravel()], axis=1) for axis in (0, 1)])
    tables = np.broadcast_to(coupling * np.eye(q), (len(edges), q, q))
    return si.FactorGraph.from_log_tables([q] * side**2, edges, tables)


def tangle(n: int, degree: int) -> si.FactorGraph:
    """Return spins on a random graph with normal couplings and fields."""
    rng = np.random.default_rng(1)
    graph = nx.gnm_random_graph(n, n * degree // 2, seed=1)
    nx.set_edge_attributes(graph, {edge: 0.5 * rng.normal() for edge in graph.edges}, "J")
    nx.set_node_attributes(graph, {node: 0.2 * rng.normal() for node in graph.nodes}, "h")
    return si.FactorGraph.from_networkx(graph)


def block(target: Any, chains: int, sums: bool = False, kernel: Any = None) -> Block:
    """Return one block of chains at its start."""
    target = target.as_target() if hasattr(target, "as_target") else target
    observer = RaoBlackwell() if sums else Nothing()
    kernel = si.graphs.Gibbs(sums=sums) if kernel is None else kernel
    return build(Plan(kernel, target, None, None, observer, None, chains, 0, max(1, target.n_points), False, 1), 0).blocks[0]


def updates(target: Any, chains: int, sums: bool = False, at_least: int = 3_000_000) -> tuple[Callable[[], Any], int]:
    """Return a run of whole sweeps and how many updates it makes."""
    made = block(target, chains, sums)
    steps = made.target.n_points * max(1, math.ceil(at_least / chains / made.target.n_points))
    return lambda: advance(made, steps), steps * chains


def nanoseconds(runs: dict[str, tuple[Callable[[], Any], int]], rounds: int = 7) -> dict[str, float]:
    """Return the CPU time of an update of each of several runs, taken in turn."""
    took = best({name: run for name, (run, _) in runs.items()}, rounds)
    return {name: took[name] / runs[name][1] * 1e9 for name in runs}


@numba.njit(error_model="numpy", nogil=True)
def hand_written(start, neighbours, coupling, field, spins, sweeps, beta, rng):  # type: ignore[no-untyped-def]
    """Gibbs sampling of one chain of spins as one would write it for this alone."""
    a, b, c, d = rng[0], rng[1], rng[2], rng[3]
    for _ in range(sweeps):
        for i in range(spins.size):
            local = field[i]
            for k in range(start[i], start[i + 1]):
                local += coupling[k] * spins[neighbours[k]]
            word = a + b + d
            d += np.uint64(1)
            a = b ^ (b >> np.uint64(11))
            b = c + (c << np.uint64(3))
            c = ((c << np.uint64(24)) | (c >> np.uint64(40))) + word
            u = (word >> np.uint64(11)) * 1.1102230246251565e-16
            spins[i] = 1.0 if u * (1.0 + math.exp(-2.0 * beta * local)) < 1.0 else -1.0
    rng[0], rng[1], rng[2], rng[3] = a, b, c, d


def by_hand(graph: si.FactorGraph, sweeps: int = 40) -> tuple[Callable[[], Any], int]:
    """Return a run of the loop written by hand."""
    target = graph.as_target()
    spins, rng = np.ones(target.n_points, np.float32), np.arange(1, 5, dtype=np.uint64)
    arrays = (target.start, target.neighbours, target.coupling, target.field, spins)
    return lambda: hand_written(*arrays, sweeps, 1.0, rng), sweeps * target.n_points


def against_hand_written() -> None:
    """Compare one chain, and lanes, with the loop written by hand."""
    graph = ising(64)
    took = nanoseconds({"one": updates(graph, 1), "hand": by_hand(graph), "lanes": updates(graph, LANES)})
    line(f"Ising 64x64, one chain {took['one']:.1f} ns / by hand {took['hand']:.1f} ns", took["one"] / took["hand"], "<= 1.10")
    line(f"Ising 64x64: by hand {took['hand']:.1f} ns / 64 lanes {took['lanes']:.2f} ns", took["hand"] / took["lanes"], ">= 15")


def dwave(bqm: Any, reads: int = 1) -> Callable[[int], Callable[[], Any]]:
    """Return what makes a run of dwave-samplers' Gibbs sampling of some sweeps."""
    from dwave.samplers import SimulatedAnnealingSampler

    options = {"beta_range": (1.0, 1.0), "beta_schedule_type": "linear", "proposal_acceptance_criteria": "Gibbs", "seed": 1}
    return lambda sweeps: lambda: SimulatedAnnealingSampler().sample(bqm, num_reads=reads, num_sweeps=sweeps, **options)


def spins_for_dwave(graph: si.FactorGraph) -> Any:
    """Return a graph of spins as a binary quadratic model."""
    import dimod

    spins: Any = graph.spins
    couplings = {(int(i), int(j)): -float(w) for (i, j), w in zip(spins.edges, spins.coupling, strict=True)}
    return dimod.BinaryQuadraticModel({i: -float(h) for i, h in enumerate(spins.field)}, couplings, 0.0, "SPIN")


def potts_for_dwave(graph: si.FactorGraph, coupling: float, q: int) -> Any:
    """Return a Potts model with one binary variable per state, of which a penalty lets one be 1: it is binary by nature."""
    import dimod

    model, penalty = dimod.BinaryQuadraticModel("BINARY"), 4.0 * coupling
    for i in range(graph.n_variables):
        for s in range(q):
            model.add_linear((i, s), -penalty)
            for t in range(s):
                model.add_quadratic((i, s), (i, t), 2 * penalty)
    for i, j in graph.flat.scope.reshape(-1, 2).tolist():
        for s in range(q):
            model.add_quadratic((i, s), (j, s), -coupling)
    return model


def against_dwave(title: str, graph: si.FactorGraph, bqm: Any, lanes: str, one: str = "") -> None:
    """Compare lanes, and one chain, to dwave-samplers; their time of a call without its sweeps is taken off."""
    few, many = 60, 360
    runs = {"one": updates(graph, 1), "lanes": updates(graph, LANES)}
    peer = dwave(bqm)
    took = best({**{name: run for name, (run, _) in runs.items()}, "few": peer(few), "many": peer(many)}, 5)
    ns = {name: took[name] / runs[name][1] * 1e9 for name in runs}
    theirs = (took["many"] - took["few"]) / (many - few) / graph.n_variables * 1e9
    line(f"{title}: dwave-samplers {theirs:.1f} ns / 64 lanes {ns['lanes']:.2f} ns", theirs / ns["lanes"], lanes)
    if one:
        line(f"{title}: dwave-samplers {theirs:.1f} ns / one chain {ns['one']:.1f} ns", theirs / ns["one"], one)
    if title.startswith("Ising"):
        line(f"{title}: one chain {ns['one']:.1f} ns / 64 lanes {ns['lanes']:.2f} ns", ns["one"] / ns["lanes"], ">= 15")


def all_against_dwave() -> None:
    """Compare spins and a Potts model on grids, and spins on random graphs."""
    try:
        import dwave.samplers  # noqa: F401
    except ImportError:
        print("dwave-samplers is not installed (python -m pip install -e '.[bench]'): its lines are left out")
        return
    grid = ising(100)
    against_dwave("Ising 100x100", grid, spins_for_dwave(grid), ">= 15", ">= 1.5 (aim)")
    three = potts(60, 3, 0.8)
    against_dwave("Potts 60x60, q = 3 (dwave: a binary variable per state)", three, potts_for_dwave(three, 0.8, 3), ">= 15")
    for degree in (4, 6):
        graph = tangle(4000, degree)
        against_dwave(f"Random graph, mean degree {degree}", graph, spins_for_dwave(graph), ">= 4", ">= 1.5")


def grown() -> None:
    """Compare the cost of an update on grids of 4 10^3 and 4 10^6 spins, whose lanes take a gigabyte."""
    runs = {}
    for side in (64, 2000):
        sites = np.arange(side * side).reshape(side, side)
        around = [np.roll(sites, shift, axis).ravel() for axis in (0, 1) for shift in (1, -1)]
        n = side * side
        target = SpinGraph(
            4 * np.arange(n + 1), np.stack(around, axis=1).ravel(), np.full(4 * n, 0.44), np.zeros(n), np.arange(n),
            np.full(n, -1), np.arange(n + 1), np.array([0]), np.arange(0), True,
        )  # fmt: skip
        for chains in (1, LANES):
            made = block(target, chains)
            steps = max(n, 500_000 // chains // n * n)
            runs[side, chains] = (lambda made=made, steps=steps: advance(made, steps), steps * chains)
    for chains in (1, LANES):
        took = nanoseconds({str(side): runs[side, chains] for side in (64, 2000)}, 3)
        small, large = took["64"], took["2000"]
        line(f"Ising, {chains} chains: 4e6 spins {large:.2f} ns / 4e3 spins {small:.2f} ns", large / small, "<= 2")


def networks(data: Path) -> dict[str, tuple[Path, str]]:
    """Return files and targets."""
    contest = data / "graphical/uai/uai2014"
    return {
        "alarm": (data / "graphical/bif/alarm.bif.gz", "<= 15 ns"),
        "Promedus_24": (contest / "Promedus_24.uai", "<= 15 ns"),
        "Segmentation_12": (contest / "Segmentation_12.uai", "<= 25 ns"),
        "DBN_14": (contest / "DBN_14.uai", "<= 100 ns"),
    }


def tables(data: Path) -> None:
    """Measure tables, with marginal sums, in lanes and alone; what is spins or a Potts model is sampled as tables first."""
    for name, (file, target) in networks(data).items():
        graph = si.read_graph(file)
        quick = graph.spins is not None
        if quick:
            spins = nanoseconds({"lanes": updates(graph, LANES, sums=True)})["lanes"]
            line(f"{name} as spins, sums: ns an update in 64 lanes", spins, target)
            graph.__dict__["spins"] = None
        took = nanoseconds({"one": updates(graph, 1, sums=True), "lanes": updates(graph, LANES, sums=True)})
        line(f"{name} as tables, sums: ns an update in 64 lanes", took["lanes"], target)
        line(f"{name} as tables, sums: one lane {took['one']:.0f} ns / 64 lanes", took["one"] / took["lanes"], ">= 6")


def against_pyagrum(data: Path) -> None:
    """Compare draws per second on alarm: a draw is one variable redrawn; pyAgrum redraws half of them in an iteration."""
    try:
        import pyagrum
    except ImportError:
        print("pyAgrum is not installed: its line is left out")
        return
    file, _ = networks(data)["alarm"]
    graph = si.read_graph(file)
    network = bayesian_network(pyagrum, file)
    drawn = network.size() // 2

    def iterations(n: int) -> Callable[[], Any]:
        def run() -> None:
            sampler = pyagrum.GibbsSampling(network)
            sampler.setDrawnAtRandom(True)
            sampler.setNbrDrawnVar(drawn)
            sampler.setBurnIn(0)
            sampler.setEpsilon(1e-9)
            sampler.setMinEpsilonRate(1e-12)
            sampler.setMaxTime(1e6)
            sampler.setMaxIter(n)
            sampler.makeInference()

        return run

    lanes, made = updates(graph, LANES, sums=True)
    took = best({"lanes": lanes, "few": iterations(500), "many": iterations(3500)}, 3)
    ours, theirs = made / took["lanes"], 3000 * drawn / (took["many"] - took["few"])
    line(f"alarm: 64 lanes {ours / 1e6:.0f} M draws/s / pyAgrum {theirs / 1e6:.3f} M draws/s", ours / theirs, ">= 300")


def bayesian_network(pyagrum: Any, file: Path) -> Any:
    """Return pyAgrum's reading of a compressed file."""
    import gzip
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / file.name.removesuffix(".gz")
        plain.write_bytes(gzip.decompress(file.read_bytes()))
        return pyagrum.loadBN(str(plain))


def dense() -> None:
    """Compare a sweep of discrete Langevin proposals with one of Gibbs sampling on a complete graph."""
    graph = nx.complete_graph(400)
    rng = np.random.default_rng(1)
    nx.set_edge_attributes(graph, {edge: 0.02 * rng.normal() for edge in graph.edges}, "J")
    target = si.FactorGraph.from_networkx(graph).as_target()
    langevin = block(target, LANES, kernel=si.graphs.DiscreteLangevin())
    runs = {"gibbs": updates(target, LANES), "langevin": (lambda: advance(langevin, 10), 10 * LANES * target.n_points)}
    took = nanoseconds(runs, 5)
    gibbs, other = took["gibbs"], took["langevin"]
    line(f"Complete graph, 400 spins: Gibbs {gibbs:.1f} ns / discrete Langevin {other:.1f} ns", gibbs / other, ">= 1 (aim)")


if __name__ == "__main__":
    against_hand_written()
    all_against_dwave()
    grown()
    dense()
    folder = os.environ.get("STOCHINF_DATA")
    if folder:
        tables(Path(folder))
        against_pyagrum(Path(folder))
    else:
        print("STOCHINF_DATA is not set: the lines on networks are left out")
