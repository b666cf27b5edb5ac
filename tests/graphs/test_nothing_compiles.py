"""Other graphs, evidence, temperatures and chains compile nothing: the kinds of arrays are the same."""

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import potts, spins
from oracles import random_graph

import stochinf as si
from stochinf.engine import cache
from stochinf.engine.jit import JIT

pytestmark = pytest.mark.skipif(not JIT, reason="nothing is compiled")

SAMPLERS = ["gibbs", "metropolis", "blocked", "tempering", "gradient"]
SHORT = {"draws": 20, "warmup": 10, "rng": 0}


def tables(seed: int, size: int, most: int = 3) -> si.FactorGraph:
    return random_graph(seed, size, 2 * size, most, 0.1 * (seed % 2))


def ring(seed: int, size: int) -> si.FactorGraph:
    return spins(nx.watts_strogatz_graph(size, 4, 0.2, seed=seed), seed, 0.2 + 0.1 * seed)


def first(graph: si.FactorGraph) -> dict[Any, Any]:
    """Return evidence on two variables that a configuration of positive probability has: the first state of each."""
    return {graph.variables[i]: graph.labels(i)[0] for i in (0, graph.n_variables // 2)}


def soft(graph: si.FactorGraph) -> dict[Any, Any]:
    return {graph.variables[-1]: np.linspace(0.5, 1.0, int(graph.n_states[-1]))}


KINDS: dict[str, tuple[list[si.FactorGraph], list[si.FactorGraph]]] = {
    "tables": ([tables(1, 8), tables(2, 9)], [tables(3, 5, 2), tables(4, 12), tables(5, 20, 6), tables(6, 30, 2)]),
    "spins": ([ring(1, 8)], [ring(2, 6), ring(3, 20), ring(5, 41)]),
}
"""Models that are asked once, and those that must then compile nothing."""

DOORS: dict[str, Callable[[si.FactorGraph, Any, str], Any]] = {
    "marginals": lambda graph, evidence, method: si.marginals(graph, evidence, method=method, **SHORT),
    "map_state": lambda graph, evidence, method: si.map_state(graph, evidence, method=method, time=0.05, rng=0),
    "log_partition": lambda graph, evidence, method: si.log_partition(graph, evidence, method=method, time=0.1, **SHORT),
}
ASKED = [
    *(("marginals", method) for method in ("exact", *SAMPLERS, "bp", "trw", "mean-field")),
    *(("map_state", method) for method in ("exact", "annealing", "icm", "max-product")),
    *(("log_partition", method) for method in ("exact", "ais", "tempering")),
]


def counted() -> dict[str, int]:
    """Return compilations and loads, by function: a load stands for a type that was not yet met."""
    return dict(cache.compiled + cache.loaded)


def ask(door: str, method: str, graph: si.FactorGraph) -> None:
    for evidence in (None, first(graph), soft(graph)):
        DOORS[door](graph, evidence, method)


@pytest.mark.parametrize(("door", "method"), ASKED)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::stochinf.ConvergenceWarning")
def test_other_graphs_and_evidence_compile_nothing(door: str, method: str, kind: str) -> None:
    warm, others = KINDS[kind]
    for graph in warm:
        ask(door, method, graph)
    before = counted()
    for graph in others:
        ask(door, method, graph)
    assert counted() == before


@pytest.mark.parametrize("method", ["gibbs", "swendsen-wang"])
def test_other_potts_models_compile_nothing(method: str) -> None:
    models = [potts(nx.cycle_graph(n), q, q) for n, q in ((5, 3), (9, 4), (12, 7))]
    ask("marginals", method, models[0])
    before = counted()
    for model in models[1:]:
        ask("marginals", method, model)
    assert counted() == before


@pytest.mark.parametrize("kernel", [si.graphs.Gibbs, si.graphs.Metropolis], ids=lambda kernel: kernel.__name__)
def test_other_temperatures_compile_nothing(kernel: Any) -> None:
    graph = ring(1, 8)
    si.run(kernel(), graph, steps=16, chains=8, rng=0)
    before = counted()
    for beta in (0.0, 0.5, 2, np.float32(3.0)):
        si.run(kernel(inverse_temperature=beta), graph, steps=16, chains=8, rng=0)
    assert counted() == before


@pytest.mark.parametrize("chains", [1, 8, 64, 70])
def test_other_numbers_of_chains_compile_nothing_new_twice(chains: int) -> None:
    for graph in (ring(1, 8), tables(3, 6)):
        si.marginals(graph, method="gibbs", chains=chains, **SHORT)
    before = counted()
    for graph in (ring(2, 12), tables(5, 9)):
        si.marginals(graph, method="gibbs", chains=chains, threads=1, **SHORT)
    assert counted() == before
