"""Gibbs sampling of graphs: lanes against one chain, the engine against a hand-written loop, and dwave-samplers.

Run: python benchmarks/graphs.py. Every ratio is taken in this process, runs interleaved, CPU time, best of several.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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


def ising(side: int, coupling: float = 0.44) -> si.FactorGraph:
    """Return a periodic grid of spins."""
    grid = nx.grid_2d_graph(side, side, periodic=True)
    nx.set_edge_attributes(grid, coupling, "J")
    return si.FactorGraph.from_networkx(grid)


def block(graph: si.FactorGraph, chains: int, sums: bool = False) -> Block:
    """Return one block of chains at its start."""
    target = graph.as_target()
    observer = RaoBlackwell() if sums else Nothing()
    plan = Plan(si.graphs.Gibbs(sums=sums), target, None, None, observer, None, chains, 0, target.n_points, False, 1)
    return build(plan, 0).blocks[0]


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


def against_hand_written() -> None:
    """Compare the engine with one chain to the hand-written loop on a 64x64 grid."""
    graph = ising(64)
    one, target = block(graph, 1), graph.as_target()
    spins, rng = np.ones(target.n_points, np.float32), np.arange(1, 5, dtype=np.uint64)
    sweeps = 40
    arrays = (target.start, target.neighbours, target.coupling, target.field, spins)
    took = best(
        {"engine": lambda: advance(one, sweeps * target.n_points), "hand": lambda: hand_written(*arrays, sweeps, 1.0, rng)}
    )
    steps = sweeps * target.n_points
    engine, hand = took["engine"] / steps * 1e9, took["hand"] / steps * 1e9
    line(
        f"Ising 64x64, one chain: engine {engine:.1f} ns a step / hand-written {hand:.1f} ns",
        engine / hand,
        "<= 1.10, or 5 ns more",
    )


def lanes_against_one() -> float:
    """Compare 64 lanes to one chain on a 100x100 grid; return the lanes' updates per second."""
    graph = ising(100)
    one, many = block(graph, 1), block(graph, 64)
    n = graph.n_variables
    took = best({"one": lambda: advance(one, 20 * n), "lanes": lambda: advance(many, 10 * n)})
    rate_one, rate_lanes = 20 * n / took["one"], 64 * 10 * n / took["lanes"]
    line(
        f"Ising 100x100: 64 lanes {rate_lanes / 1e6:.0f} M updates/s / one chain {rate_one / 1e6:.0f} M",
        rate_lanes / rate_one,
        ">= 15",
    )
    return rate_lanes


def against_dwave(rate_lanes: float) -> None:
    """Compare to dwave-samplers' Gibbs acceptance on the same grid."""
    try:
        import dimod
        from dwave.samplers import SimulatedAnnealingSampler
    except ImportError:
        print("dwave-samplers is not installed (python -m pip install -e '.[bench]'): its line is left out")
        return
    graph = ising(100)
    edges = {(int(i), int(j)): -float(w) for (i, j), w in zip(graph.spins.edges, graph.spins.coupling, strict=True)}
    model = dimod.BinaryQuadraticModel(dict.fromkeys(range(graph.n_variables), 0.0), edges, 0.0, "SPIN")
    options = {"beta_range": (0.44, 0.44), "beta_schedule_type": "linear", "proposal_acceptance_criteria": "Gibbs", "seed": 1}

    def sweeps(n: int) -> Callable[[], Any]:
        return lambda: SimulatedAnnealingSampler().sample(model, num_reads=1, num_sweeps=n, **options)

    took = best({"few": sweeps(100), "many": sweeps(600)}, rounds=4)
    rate = 500 * graph.n_variables / (took["many"] - took["few"])
    line(
        f"Ising 100x100: 64 lanes {rate_lanes / 1e6:.0f} M / dwave-samplers Gibbs {rate / 1e6:.0f} M updates/s",
        rate_lanes / rate,
        ">= 15",
    )


def tables() -> None:
    """Compare 64 lanes to one lane on a categorical network, with marginal sums."""
    graph = si.read_graph("examples/data/hepar2.uai")
    one, many = block(graph, 1, sums=True), block(graph, 64, sums=True)
    n = graph.n_variables
    took = best({"one": lambda: advance(one, 300 * n), "lanes": lambda: advance(many, 100 * n)})
    rate_one, rate_lanes = 300 * n / took["one"], 64 * 100 * n / took["lanes"]
    line(
        f"Tables (HEPAR II), sums: 64 lanes {rate_lanes / 1e6:.0f} M updates/s / one {rate_one / 1e6:.1f} M",
        rate_lanes / rate_one,
        ">= 8",
    )


if __name__ == "__main__":
    against_hand_written()
    against_dwave(lanes_against_one())
    tables()
