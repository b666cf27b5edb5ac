"""Very large graphs: minibatches for hubs, threads that share chains, order in memory, building, components, few bits, orders.

Run: python benchmarks/large.py [names]; the names are minibatch, hogwild, order, build, components, bits and scan, all by
default. Everything is taken in this process, runs in turn, CPU time, but for the wall clock of two threads.
"""

from __future__ import annotations

import math
import sys
import time
import tracemalloc
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
from measure import best, line
from scipy.special import gammaln

import stochinf as si
from stochinf.engine.block import Block, advance
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build
from stochinf.graphs.rao_blackwell import RaoBlackwell
from stochinf.graphs.targets import SpinGraph

LANES = 64
SWEEPS, LOOK = 48, 16
"""Sweeps of each sampler where errors are compared, and how often its minibatches give way to all neighbours."""


def complete(n: int, beta: float, fields: tuple[float, float]) -> SpinGraph:
    """Return n spins that all pull each other up with beta / n, half of them in each field."""
    place = np.arange(n * (n - 1))
    neighbours = (place % (n - 1)).astype(np.int32)
    neighbours += neighbours >= place // (n - 1)
    field = np.repeat(fields, n // 2)
    arrays = (np.arange(n + 1) * (n - 1), neighbours, np.full(neighbours.size, beta / n, np.float32), field)
    return SpinGraph(*arrays, np.arange(n), np.full(n, -1), np.arange(n + 1), np.zeros(1), np.arange(0), True)


def exact_crowd(n: int, beta: float, fields: tuple[float, float]) -> tuple[Any, Any]:
    """Return the probability of each pair of numbers of up spins in the halves, and of each spin being up."""
    half = n // 2
    ups = np.arange(half + 1)
    ways, pull = gammaln(half + 1) - gammaln(ups + 1) - gammaln(half - ups + 1), 2 * ups - half
    logs = (ways + fields[0] * pull)[:, None] + (ways + fields[1] * pull) + beta / (2 * n) * (pull[:, None] + pull) ** 2.0
    p = np.exp(logs - logs.max())
    p /= p.sum()
    return p, np.repeat([(p.sum(1) * ups).sum() / half, (p.sum(0) * ups).sum() / half], half)


def exact_start(n: int, pairs: Any, lanes: int) -> Any:
    """Return spins (lanes, n) drawn from the model."""
    rng = np.random.default_rng(1)
    numbers = np.unravel_index(rng.choice(pairs.size, lanes, p=pairs.ravel()), pairs.shape)
    start = -np.ones((lanes, n))
    for l, (a, b) in enumerate(zip(*numbers, strict=True)):
        start[l, rng.permutation(n // 2)[:a]] = 1
        start[l, n // 2 + rng.permutation(n // 2)[:b]] = 1
    return start


def block(target: Any, kernel: Any, lanes: int = LANES, init: Any = None, observer: Any = None) -> Block:
    """Return one block of chains at its start."""
    observer = Nothing() if observer is None else observer
    return build(Plan(kernel, target, None, None, observer, init, lanes, 0, target.n_points, False, 1), 0).blocks[0]


def minibatch() -> None:
    """Compare Poisson-minibatch and plain Gibbs sampling on a complete graph of 10^4 spins, started from the model itself."""
    n, beta, fields = 10_000, 0.9, (0.2, -0.1)
    target = complete(n, beta, fields)
    pairs, exact = exact_crowd(n, beta, fields)
    start = exact_start(n, pairs, LANES)
    kernels = {"plain": si.graphs.Gibbs(), "poisson": si.graphs.PoissonGibbs(batch=2.0)}
    for lanes, steps in ((1, 3000), (LANES, 400)):
        made = {name: block(target, kernel, lanes) for name, kernel in kernels.items()}
        took = best({name: (lambda b=b, steps=steps: advance(b, steps)) for name, b in made.items()}, 5)
        ns = {name: took[name] / steps / lanes * 1e9 for name in took}
        title = f"10^4 spins, complete, {lanes} chains: Gibbs {ns['plain']:.0f} ns / minibatches {ns['poisson']:.0f} ns"
        line(title, ns["plain"] / ns["poisson"], ">= 10")
    counted = {name: crowd_error(block(target, kernel, LANES, start), exact.size) for name, kernel in kernels.items()}
    summed = {"plain": si.graphs.Gibbs(sums=True), "poisson": si.graphs.PoissonGibbs(sums=True, batch=2.0, look=LOOK)}
    sums = {name: crowd_sums(block(target, kernel, LANES, start, RaoBlackwell()), exact) for name, kernel in summed.items()}
    for what, cost in (("counts of states", counted), ("sums of conditionals", sums)):
        line(f"the same, CPU time for an equal standard error by {what}", cost["plain"] / cost["poisson"], ">= 10")


def crowd_sums(run: Block, exact: Any) -> float:
    """Return what `crowd_error` returns, of sums of conditionals."""
    run.state.shift[:] = exact
    began = time.thread_time()
    advance(run, SWEEPS * exact.size)
    took = time.thread_time() - began
    totals = run.observer.snapshot(run.state)[0].sum(axis=0)
    return float(np.var(totals / SWEEPS, axis=1, ddof=1).mean() / LANES * took)


def crowd_error(run: Block, size: int) -> float:
    """Return the squared standard error of counts of states times CPU seconds, from means of lanes."""
    counts, took = np.zeros(run.state.position.shape), 0.0
    for _ in range(SWEEPS):
        began = time.thread_time()
        advance(run, size)
        took += time.thread_time() - began
        counts += run.state.position > 0
    return float(np.var(counts / SWEEPS, axis=1, ddof=1).mean() / LANES * took)


def three_graphs() -> dict[str, si.FactorGraph]:
    """Return graphs with exact marginals, large enough that threads run beside each other."""
    rng = np.random.default_rng(1)
    strip = nx.grid_2d_graph(6, 10_000)
    nx.set_edge_attributes(strip, 0.4, "J")
    nx.set_node_attributes(strip, 0.05, "h")
    tree = nx.random_labeled_tree(50_000, seed=1)
    nx.set_edge_attributes(tree, {edge: rng.normal() for edge in tree.edges}, "J")
    nx.set_node_attributes(tree, {node: 0.3 * rng.normal() for node in tree.nodes}, "h")
    rows = np.arange(6000)
    tables = si.FactorGraph.from_log_tables(
        np.full(6000, 3), np.stack([rows[:-2], rows[1:-1], rows[2:]], axis=1), 0.7 * rng.normal(size=(5998, 27))
    )
    return {"strip of spins": si.FactorGraph.from_networkx(strip), "tree of spins": si.FactorGraph.from_networkx(tree),
            "band of tables": tables}  # fmt: skip


def hogwild() -> None:
    """Print speed-up and bias of two threads that share chains, on three graphs."""
    for name, graph in three_graphs().items():
        exact = si.marginals(graph, method="exact")
        wall, error, z = {}, {}, {}
        for threads in (1, 2):
            si.marginals(graph, method="hogwild", threads=threads, draws=5, warmup=5, rng=1, progress=False)
            took = []
            for seed in (1, 2, 3):
                r = si.marginals(graph, method="hogwild", threads=threads, draws=200, warmup=50, rng=seed, progress=False)
                took.append(sum(r.seconds.values()))
            wall[threads], difference = min(took), r.probability - exact.probability
            error[threads] = math.sqrt(np.mean(difference**2))
            some = r.error > 0
            z[threads] = math.sqrt(np.mean((difference[some] / r.error[some]) ** 2))
        told = f"Hogwild, {name}: error {error[1]:.5f} -> {error[2]:.5f}, in standard errors {z[1]:.2f} -> {z[2]:.2f}"
        line(told, wall[1] / wall[2], "(2 on two idle cores)")


def grid(side: int, shuffled: bool) -> si.FactorGraph:
    """Return a periodic grid of spins whose numbers are in order or not; couplings differ, so that no lattice code takes it."""
    rng = np.random.default_rng(1)
    sites = (rng.permutation(side * side) if shuffled else np.arange(side * side)).reshape(side, side)
    edges = np.concatenate([np.stack([sites.ravel(), np.roll(sites, -1, axis).ravel()], axis=1) for axis in (0, 1)])
    coupling = rng.choice([0.3, 0.44], len(edges))[:, None]
    return si.FactorGraph.from_log_tables(np.full(side * side, 2), edges, coupling * np.array([1.0, -1.0, -1.0, 1.0]))


def order() -> None:
    """Compare updates on 4 10^3 and 4 10^6 spins: in order, shuffled, and put into order again."""
    large = grid(2000, True)
    graphs = {"small": grid(64, False), "shuffled": large, "ordered": si.graphs.reordered(large)}
    targets = {name: graph.as_target() for name, graph in graphs.items()}
    for lanes in (1, 16):
        runs, steps = {}, {}
        for name, target in targets.items():
            made = block(target, si.graphs.Gibbs(), lanes)
            steps[name] = max(target.n_points, 500_000 // target.n_points * target.n_points)
            runs[name] = lambda made=made, number=steps[name]: advance(made, number)
        took = best(runs, 3)
        ns = {name: took[name] / steps[name] / lanes * 1e9 for name in took}
        for name, goal in (("shuffled", ""), ("ordered", "<= 2")):
            told = f"{lanes} chains: 4e6 spins {name} {ns[name]:.2f} ns / 4e3 spins {ns['small']:.2f} ns"
            line(told, ns[name] / ns["small"], goal)


def building() -> None:
    """Print what a graph costs to build from arrays, and how much memory that takes at its height."""
    for edges in (10**6, 4 * 10**6):
        rng, n = np.random.default_rng(0), edges // 2
        first = rng.integers(0, n, edges)
        scopes = np.stack([first, (first + rng.integers(1, n, edges)) % n], axis=1).astype(np.int32)
        tables, counts = rng.normal(size=(edges, 4)), np.full(n, 2)
        make = partial(si.FactorGraph.from_log_tables, counts, scopes, tables)
        took = best({"graph": make, "spins": lambda make=make: make().spins}, 3)
        line(f"{edges:,} edges from arrays: ns an edge", took["graph"] / edges * 1e9, "<= 50")
        line(f"{edges:,} edges: ns an edge with fields and couplings", took["spins"] / edges * 1e9, "")
        tracemalloc.start()
        graph = make()
        held = sum(array.nbytes for array in graph.flat)
        line(f"{edges:,} edges: peak memory of building / the model's arrays", tracemalloc.get_traced_memory()[1] / held, "<= 3")
        target = graph.as_target()
        arrays = held + sum(array.nbytes for array in target if isinstance(array, np.ndarray))
        line("the same, with what the sampler reads", tracemalloc.get_traced_memory()[1] / arrays, "<= 3")
        tracemalloc.stop()


def many_components() -> None:
    """Compare small components enumerated together with a junction tree over all of them."""
    count, rng = 20_000, np.random.default_rng(0)
    first = 4 * np.arange(count)
    scopes = np.concatenate([np.stack([first + i, first + i + 1], axis=1) for i in range(3)])
    graph = si.FactorGraph.from_log_tables(np.full(4 * count, 2), scopes, rng.normal(size=(3 * count, 4)))
    runs = {name: (lambda name=name: si.marginals(graph, method=name)) for name in ("auto", "exact")}
    us = {name: took / count * 1e6 for name, took in best(runs, 2).items()}
    line(f"{count:,} components: tree {us['exact']:.1f} us / together {us['auto']:.1f} us each", us["exact"] / us["auto"], "")


def bits() -> None:
    """Compare couplings of four, two and one bytes on a complete graph of 1,500 spins: cost; and exact bias on a grid."""
    rng, edges = np.random.default_rng(1), np.stack(np.triu_indices(1500, 1), axis=1)
    coupling = 0.01 * rng.normal(size=(len(edges), 1)) * np.array([1.0, -1.0, -1.0, 1.0])
    full = si.FactorGraph.from_log_tables(np.full(1500, 2), edges, coupling)
    targets = {"float32": full.as_target()}
    targets |= {storage: si.graphs.low_precision(full, storage).as_target() for storage in ("float16", "int8")}
    steps = 1000
    made = {name: block(target, si.graphs.Gibbs()) for name, target in targets.items()}
    took = best({name: (lambda b=b: advance(b, steps)) for name, b in made.items()}, 5)
    for name in ("float16", "int8"):
        ns = {key: took[key] / steps / LANES * 1e9 for key in took}
        line(f"1,500 spins, complete: float32 {ns['float32']:.1f} ns / {name} {ns[name]:.1f} ns", ns["float32"] / ns[name], "")
    strip = nx.grid_2d_graph(8, 8)
    nx.set_edge_attributes(strip, {edge: 0.1 * rng.normal() for edge in strip.edges}, "J")
    nx.set_node_attributes(strip, 0.2, "h")
    weak = si.FactorGraph.from_networkx(strip)
    exact = si.marginals(weak, method="exact").probability
    for name in ("float16", "int8"):
        low = si.graphs.low_precision(weak, name)
        bias = float(np.abs(si.marginals(low, method="exact").probability - exact).max())
        line(
            f"8 x 8 grid in {name}: largest bias {bias:.2g}, bound {low.bias_bound:.2g}: bias / bound",
            bias / low.bias_bound,
            "<= 1",
        )


def scan() -> None:
    """Compare orders of visits by the CPU time that an equal standard error takes."""
    graphs = {"grid 40 x 40 of spins": grid(40, False), "band of tables": three_graphs()["band of tables"]}
    for name, graph in graphs.items():
        cost = {}
        for visits in ("scan", "random", "colours"):
            si.marginals(graph, method="gibbs", draws=5, warmup=5, order=visits, rng=1)
            began = time.thread_time()
            r = si.marginals(graph, method="gibbs", draws=400, warmup=100, order=visits, rng=1, threads=1)
            cost[visits] = float(np.mean(r.error**2)) * (time.thread_time() - began)
        told = f"{name}: CPU time for an equal error, shuffled / scan, colours / scan {cost['colours'] / cost['scan']:.2f}"
        line(told, cost["random"] / cost["scan"], "")


PARTS = {"minibatch": minibatch, "hogwild": hogwild, "order": order, "build": building, "components": many_components,
         "bits": bits, "scan": scan}  # fmt: skip

if __name__ == "__main__":
    for chosen in sys.argv[1:] or PARTS:
        PARTS[chosen]()
