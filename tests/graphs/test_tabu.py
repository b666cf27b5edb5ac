"""Tabu search, blocks, crossing and cluster moves of spins: exact gains, exact blocks, known optima, the seed decides."""

from typing import Any

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import Model, chi_square, spins
from oracles import enumerate_states, joint, log_scores, random_graph

import stochinf as si
from stochinf.engine import cache
from stochinf.engine.block import advance
from stochinf.engine.jit import JIT
from stochinf.graphs.search import budget, cluster_tempering, portfolio, tabu
from stochinf.graphs.search.breeding import breed_spins
from stochinf.graphs.search.budget import Budget, session_of
from stochinf.graphs.search.choosing import better
from stochinf.graphs.search.cluster_kernel import ClusterTempering
from stochinf.graphs.search.found import Found
from stochinf.graphs.search.spin_blocks import SpinBlocks
from stochinf.graphs.search.spin_crossing import SpinCrossing
from stochinf.graphs.search.spin_energy import gains, spin_energy
from stochinf.graphs.search.spin_tabu import SpinTabu
from stochinf.graphs.targets import graph_target

OUTSIDE = 2


def signs(graph: nx.Graph, seed: int, field: bool = False) -> si.FactorGraph:
    """Return spins with couplings -1 and +1, so that many states are equally good."""
    rng = np.random.default_rng(seed)
    nx.set_edge_attributes(graph, {edge: int(2 * rng.integers(0, 2) - 1) for edge in graph.edges}, "J")
    nx.set_node_attributes(graph, {node: int(field) * int(rng.integers(-1, 2)) for node in graph.nodes}, "h")
    return si.FactorGraph.from_networkx(graph)


def highest(graph: si.FactorGraph) -> float:
    return float(log_scores(graph, enumerate_states(graph)).max())


SMALL = [
    signs(nx.cycle_graph(9), 0), signs(nx.grid_2d_graph(3, 4), 1, True), spins(nx.complete_graph(9), 2, 1.0),
    spins(nx.gnm_random_graph(12, 20, seed=3), 3, 2.0), signs(nx.grid_2d_graph(3, 4, periodic=True), 4),
    spins(nx.empty_graph(5), 5),
]  # fmt: skip


@pytest.mark.skipif(not JIT, reason="many sweeps")
@pytest.mark.parametrize("k", range(len(SMALL)))
def test_small_models_are_solved(k: int) -> None:
    graph, best = SMALL[k], highest(SMALL[k])
    assert tabu(graph, moves=2000, rng=k).log_score == pytest.approx(best, abs=1e-9)
    assert portfolio(graph, sweeps=2, rng=k).log_score == pytest.approx(best, abs=1e-9)
    assert cluster_tempering(graph, sweeps=100, rungs=4, chains=8, rng=k).log_score <= best + 1e-9


@pytest.mark.skipif(not JIT, reason="many moves")
@pytest.mark.parametrize("kernel", [SpinTabu(50), SpinBlocks(4, 20)], ids=["tabu", "blocks"])
def test_gains_stay_exact(kernel: Any) -> None:
    target = spin_energy(signs(nx.gnm_random_graph(60, 150, seed=1), 1, True), 2**22)
    block = session_of(kernel, target, 1).blocks[0]
    advance(block, 100_000 if isinstance(kernel, SpinTabu) else 2000)
    fresh, energy = gains(target, block.state.position.astype(np.int64))
    assert (block.state.gain == fresh).all()
    assert block.state.energy.tolist() == [energy, gains(target, block.state.best.astype(np.int64))[1]]
    assert block.state.energy[1] <= energy


@pytest.mark.fast
@pytest.mark.parametrize("width", [2, 3, 12 if JIT else 6])
@pytest.mark.parametrize("k", range(len(SMALL)))
def test_a_block_is_minimised_exactly(k: int, width: int) -> None:
    graph = SMALL[k]
    target, states = spin_energy(graph, 2**22), enumerate_states(graph)
    energies = np.array([gains(target, 2 * row - 1)[1] for row in states])
    block = session_of(SpinBlocks(width, 2**40), target, k).blocks[0]
    sizes = []
    for _ in range(12 if JIT else 2):
        before = (block.state.position.astype(np.int64) + 1) // 2
        advance(block, 1)
        outside = block.state.status == OUTSIDE
        sizes.append(int((~outside).sum()))
        agree = (states[:, outside] == before[outside]).all(axis=1)
        assert block.state.energy[0] == energies[agree].min()
        assert block.state.energy[0] == gains(target, block.state.position.astype(np.int64))[1]
    assert max(sizes) >= min(width, graph.n_variables)
    if width == 12 and JIT:
        assert block.state.energy[0] == energies.min()


@pytest.mark.fast
@pytest.mark.parametrize("k", range(len(SMALL)))
def test_crossing_is_no_worse_than_both(k: int) -> None:
    target = spin_energy(SMALL[k])
    rng = np.random.default_rng(k)
    block = session_of(SpinCrossing(4), target, k).blocks[0]
    block.state.pool[:3] = 2 * rng.integers(0, 2, (3, target.n_points)) - 1
    energies = [gains(target, row.astype(np.int64))[1] for row in block.state.pool[:3]]
    began = int(block.state.energy[0])
    advance(block, 2)
    assert block.state.energy[0] <= min(began, energies[0])
    advance(block, 6)
    assert block.state.energy[0] <= min(began, *energies)
    fresh, energy = gains(target, block.state.position.astype(np.int64))
    assert (block.state.gain == fresh).all()
    assert block.state.energy[0] == energy


@pytest.mark.skipif(not JIT, reason="power needs many starts")
@pytest.mark.parametrize(
    ("model", "symmetric"),
    [
        (spins(nx.grid_2d_graph(3, 3), 2), False), (signs(nx.grid_2d_graph(3, 3), 3), True), (spins(nx.cycle_graph(7), 1), False),
        (signs(nx.cycle_graph(6), 5), True), (spins(nx.complete_graph(5), 4), False), (spins(nx.balanced_tree(2, 2), 6), False),
    ],
)  # fmt: skip
def test_swaps_and_clusters_keep_the_distributions(model: si.FactorGraph, symmetric: bool) -> None:
    assert min(tempered(model, symmetric)) > 1e-6


@pytest.mark.skipif(not JIT, reason="power needs many starts")
def test_planted_bugs_are_caught() -> None:
    model = spins(nx.grid_2d_graph(3, 3), 2)
    assert min(tempered(model, True)) < 1e-6, "lanes with fields are turned over"
    assert min(tempered(model, False, twist=0.8)) < 1e-6, "couplings of another model"


def tempered(model: si.FactorGraph, symmetric: bool, twist: float = 1.0) -> list[float]:
    """Return the p-values of two rungs after a step of 4000 times four ladders that start from exact draws."""
    ladder, repeats = np.array([0.5, 1.0]), 4000
    kernel, target = ClusterTempering(ladder, 1, 0, symmetric), graph_target(model)
    target = target._replace(coupling=target.coupling * np.float32(twist))
    block = session_of(kernel, target, 3, 8).blocks[0]
    warm = si.FactorGraph.from_log_tables(
        model.n_states, [model.scope(f) for f in range(model.n_factors)],
        [0.5 * model.log_weights[a:b] for a, b in zip(model.flat.table_start, model.flat.table_start[1:], strict=False)],
        names=model.variables,
    )  # fmt: skip
    states, rng, ended = enumerate_states(model), np.random.default_rng(5), []
    laws = [joint(warm), joint(model)]
    for _ in range(repeats):
        for rung, law in enumerate(laws):
            lanes = block.state.lane_at[:, rung]
            block.state.position[:, lanes] = 2 * states[rng.choice(law.size, len(lanes), p=law)].T - 1
        advance(block, 1)
        ended.append((block.state.position[:, block.state.lane_at.ravel()].T.reshape(4, 2, -1) + 1) / 2)
    rows = np.array(ended).astype(np.int64)
    return [
        chi_square(Model(graph, {}), rows[:, :, rung].reshape(-1, model.n_variables)) for rung, graph in enumerate((warm, model))
    ]


@pytest.mark.skipif(not JIT, reason="many moves")
def test_the_seed_decides_whatever_the_threads_and_the_chunks() -> None:
    graph = signs(nx.gnm_random_graph(80, 200, seed=2), 2)
    for search, amount in ((tabu, {"moves": 3000}), (cluster_tempering, {"sweeps": 30})):
        runs = [search(graph, **amount, chains=64, threads=threads, rng=3) for threads in (1, 2)]
        assert (runs[0].states == runs[1].states).all()
    rounds = [breed_spins(graph, Budget(None, 4, threads), 7, 3) for threads in (1, 2)]
    assert (rounds[0].states == rounds[1].states).all()
    for kernel in (SpinTabu(40), SpinBlocks(3, 5), SpinCrossing(2)):
        whole, pieces = (session_of(kernel, spin_energy(graph, 2**22), 1).blocks[0] for _ in range(2))
        advance(whole, 60)
        for steps in (1, 22, 37):
            advance(pieces, steps)
        assert (whole.state.position == pieces.state.position).all()
        assert (whole.state.energy == pieces.state.energy).all()


@pytest.mark.skipif(not JIT, reason="many rounds")
def test_a_frustrated_torus_is_solved() -> None:
    graph = nx.grid_2d_graph(6, 3, periodic=True)
    model = signs(graph, 8)
    assert breed_spins(model, Budget(None, 3), 0, 1).log_score == pytest.approx(highest(model))


@pytest.mark.fast
def test_tabu_and_clusters_want_spins() -> None:
    tables = random_graph(1)
    with pytest.raises(si.GraphError, match="no spin model"):
        tabu(tables, moves=3)
    with pytest.raises(si.GraphError, match="no spin model"):
        cluster_tempering(tables, sweeps=3)
    with pytest.raises(si.GraphError, match="binary variables"):
        spin_energy(tables)
    with pytest.raises(si.StochinfError, match="rungs = 5 with chains = 64"):
        cluster_tempering(SMALL[0], sweeps=3, rungs=5)
    with pytest.raises(si.StochinfError, match="patience = -1"):
        tabu(SMALL[0], moves=3, patience=-1)


@pytest.mark.fast
def test_compiling_is_taken_from_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = [100.0]
    monkeypatch.setattr(budget, "CLOCK", lambda: ticks[0])
    monkeypatch.setitem(cache.statistics, "seconds", 3.0)
    search = Budget(2.0)
    ticks[0] += 6.5
    monkeypatch.setitem(cache.statistics, "seconds", 9.0)
    assert (search.left, search.spent) == (1.5, 0.5)
    assert search.part(0.5).left == 0.75


@pytest.mark.fast
def test_a_shortfall_is_told_without_the_scores() -> None:
    one, two = (Found(np.zeros(1, np.int32), score, np.nan, "heuristic", f"way {score}") for score in (-3.0, -1.5))
    assert better(one, two).reason == "way -3.0 (1.5 below); way -1.5"
    assert better(two, two).reason == "way -1.5; way -1.5"
