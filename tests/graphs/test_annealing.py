"""Annealing: sweeps keep the distribution, gains stay exact, small models are solved, and the seed decides."""

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pytest
from graphs.invariance import MODELS as ALL
from graphs.invariance import SPIN_MODELS, Model, chi_square, exact_starts, spins
from oracles import enumerate_states, log_scores, random_graph

import stochinf as si
from stochinf.engine.block import advance
from stochinf.engine.jit import JIT
from stochinf.graphs.conditioning import conditioned
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.search import annealing, portfolio
from stochinf.graphs.search.budget import session_of
from stochinf.graphs.search.found import scores_of
from stochinf.graphs.search.spin_annealing import SpinAnnealing
from stochinf.graphs.search.spin_energy import SpinEnergy, gains, spin_energy
from stochinf.graphs.search.spin_searches import spin_range
from stochinf.graphs.search.temperatures import Cooling, solve_range

COPIES = 40_000 if JIT else 100
MODELS = {name: ALL[name] for name in SPIN_MODELS} | {
    "complete": Model(spins(nx.complete_graph(5), 8, 0.3), {}),
    "tree": Model(spins(nx.balanced_tree(2, 2), 9, 1.0), {}),
    "bipartite": Model(spins(nx.complete_bipartite_graph(3, 3), 10), {0: -1}),
}


def copies(target: SpinEnergy, n: int) -> SpinEnergy:
    """Return n models side by side that have nothing to do with each other."""
    size, entries = target.n_points, target.neighbours.size
    start = np.append((target.start[:-1] + entries * np.arange(n)[:, None]).ravel(), entries * n)
    neighbours = (target.neighbours + size * np.arange(n)[:, None]).ravel()
    return SpinEnergy(start, neighbours, np.tile(target.coupling, n), np.tile(target.field, n), target.unit)


def swept(model: Model, rate: float = 1.0, twist: float = 1.0) -> float:
    """Return the p-value of a sweep over copies that start from exact draws."""
    left = conditioned(model.graph, check_evidence(model.graph, model.evidence))
    starts = exact_starts(model, COPIES)
    target = copies(spin_energy(left.graph), COPIES)
    target = target._replace(coupling=(target.coupling * twist).astype(np.int32))
    session = session_of(SpinAnnealing(rate), target, 3, start=starts[:, left.free].ravel())
    advance(session.blocks[0], 1)
    ended = starts.copy()
    ended[:, left.free] = ((session.blocks[0].state.position + 1) // 2).reshape(COPIES, -1)
    return chi_square(model, ended)


@pytest.mark.fast
@pytest.mark.parametrize("name", MODELS)
def test_a_sweep_keeps_the_distribution(name: str) -> None:
    assert swept(MODELS[name]) > 1e-6


@pytest.mark.skipif(not JIT, reason="power needs many starts")
@pytest.mark.parametrize(("rate", "twist"), [(0.9, 1.0), (1.0, 0.8)], ids=["temperature", "couplings"])
def test_planted_bugs_are_caught(rate: float, twist: float) -> None:
    assert swept(MODELS["grid"], rate, twist) < 1e-6


def whole_numbers(seed: int, n: int = 40) -> si.FactorGraph:
    rng = np.random.default_rng(seed)
    graph = nx.gnm_random_graph(n, 4 * n, seed=seed)
    nx.set_edge_attributes(graph, {edge: int(rng.integers(-5, 6)) for edge in graph.edges}, "J")
    nx.set_node_attributes(graph, {node: int(rng.integers(-3, 4)) for node in graph.nodes}, "h")
    return si.FactorGraph.from_networkx(graph)


@pytest.mark.parametrize("graph", [whole_numbers(0), spins(nx.complete_graph(30), 3)], ids=["whole", "real"])
@pytest.mark.skipif(not JIT, reason="many flips")
def test_gains_stay_exact_over_many_flips(graph: si.FactorGraph) -> None:
    target = spin_energy(graph)
    block = session_of(SpinAnnealing(1e-3), target, 1).blocks[0]
    advance(block, 100_000 // target.n_points * 2)
    fresh, energy = gains(target, block.state.position.astype(np.int64))
    assert (block.state.gain == fresh).all()
    assert block.state.energy[0] == energy
    assert block.state.energy[1] == gains(target, block.state.best.astype(np.int64))[1]


@pytest.mark.fast
def test_whole_numbers_are_not_rounded_and_others_hardly() -> None:
    graph = whole_numbers(1)
    target, states = spin_energy(graph), np.random.default_rng(0).integers(0, 2, (5, graph.n_variables))
    for row, score in zip(states, scores_of(graph, states), strict=True):
        assert -gains(target, 2 * row - 1)[1] * target.unit + graph.spins.constant == pytest.approx(score, rel=1e-13)
    real = spins(nx.complete_graph(20), 4, 1e3)
    energy = spin_energy(real)
    flipped = np.zeros((2, 20), np.int64)
    flipped[1, 3] = 1
    change = -np.diff(scores_of(real, flipped))[0]
    assert gains(energy, 2 * flipped[0] - 1)[0][3] * energy.unit == pytest.approx(change, abs=1e-3)


@pytest.mark.fast
def test_the_same_bits_however_steps_are_cut() -> None:
    target = spin_energy(whole_numbers(2))
    whole, pieces = (session_of(SpinAnnealing(Cooling(0, 60, 0.1, 2.0)), target, 7).blocks[0] for _ in range(2))
    advance(whole, 60)
    for steps in (1, 17, 42):
        advance(pieces, steps)
    for name in ("position", "gain", "energy", "best"):
        assert (getattr(whole.state, name) == getattr(pieces.state, name)).all(), name


@pytest.mark.parametrize("graph", [whole_numbers(3), random_graph(5, 12, 20)], ids=["spins", "tables"])
def test_the_seed_decides_whatever_the_threads(graph: si.FactorGraph) -> None:
    runs = [annealing(graph, sweeps=30, restarts=2, chains=66, threads=threads, rng=4) for threads in (1, 2)]
    assert (runs[0].states == runs[1].states).all()
    assert runs[0].log_score == runs[1].log_score == scores_of(graph, runs[0].states[None])[0]


@pytest.mark.skipif(not JIT, reason="many sweeps")
@pytest.mark.parametrize("seed", range(12))
def test_small_models_are_solved(seed: int) -> None:
    graph = random_graph(seed, 7, 9, zeros=0.2 * (seed % 3)) if seed % 2 else spins(nx.gnm_random_graph(9, 16, seed=seed), seed)
    highest = log_scores(graph, enumerate_states(graph)).max()
    result = portfolio(graph, sweeps=60 if seed % 2 else 3, rng=seed, threads=1)
    assert result.log_score <= highest + 1e-12
    assert result.log_score == pytest.approx(highest, abs=1e-9)
    assert np.isnan(result.bound) or result.bound >= highest - 1e-9
    assert (result.status == "optimal") == (result.bound <= result.log_score + 1e-9 * max(1.0, abs(result.log_score)))
    assert np.isnan(annealing(graph, sweeps=5, rng=seed).bound)


@pytest.mark.skipif(not JIT, reason="many sweeps")
def test_a_planted_ground_state_is_found() -> None:
    rng = np.random.default_rng(6)
    planted = rng.integers(0, 2, 400)
    graph = nx.grid_2d_graph(20, 20, periodic=True)
    for k, node in enumerate(graph.nodes):
        graph.nodes[node]["s"] = 2 * planted[k] - 1
    for a, b in graph.edges:
        graph.edges[a, b]["J"] = graph.nodes[a]["s"] * graph.nodes[b]["s"] * rng.uniform(0.1, 2.0)
    model = si.FactorGraph.from_networkx(graph)
    result = portfolio(model, sweeps=10, rng=1)
    assert result.log_score == pytest.approx(np.abs(model.spins.coupling).sum())
    assert (result.states == planted).all() or (result.states == 1 - planted).all()


@pytest.mark.fast
def test_the_range_solves_its_equations() -> None:
    rng = np.random.default_rng(2)
    away, worse = rng.normal(size=1000), rng.exponential(size=500)
    hot, cold = solve_range(away, worse, 800)
    assert np.exp(-hot * np.abs(away)).mean() == pytest.approx(0.3, rel=1e-9)
    assert np.exp(-cold * worse).sum() / 800 == pytest.approx(1 / 500, rel=1e-9)
    assert solve_range(np.zeros(3), np.zeros(3), 3) == (1.0, 1.0)


@pytest.mark.fast
@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e4])
def test_the_range_scales_with_the_model(factor: float) -> None:
    graph = spins(nx.gnm_random_graph(30, 60, seed=1), 1, 1.0)
    scaled = si.FactorGraph.from_log_tables(
        graph.n_states, [graph.scope(f) for f in range(graph.n_factors)],
        [factor * graph.log_weights[a:b] for a, b in zip(graph.flat.table_start, graph.flat.table_start[1:], strict=False)],
        names=graph.variables,
    )  # fmt: skip
    here, there = spin_range(spin_energy(graph), 0), spin_range(spin_energy(scaled), 0)
    assert there.hot * factor == pytest.approx(here.hot, rel=1e-4)
    assert there.cold * factor == pytest.approx(here.cold, rel=1e-4)


@pytest.mark.fast
def test_schedules_rise_from_hot_to_cold() -> None:
    for cold in (2.0, 200.0):
        rates: npt.NDArray[Any] = np.array([Cooling(10, 50, 0.5, cold).at(step) for step in range(5, 70)])
        assert rates[0] == rates[5] == 0.5
        assert rates[-1] == pytest.approx(cold)
        assert (np.diff(rates) >= 0).all()


@pytest.mark.fast
def test_odd_models() -> None:
    constant = si.FactorGraph([1, 1], [(), (0,)], [[2.0], [3.0]])
    assert annealing(constant, sweeps=2, rng=0).log_score == pytest.approx(np.log(6))
    free = si.FactorGraph([2, 2, 2], [], [])
    assert annealing(free, sweeps=2, rng=0).log_score == 0.0
    huge = si.FactorGraph.from_log_tables([2, 2], [(0, 1), (0,)], [[1e4, -1e4, -1e4, 1e4], [0.0, 1e-3]])
    assert annealing(huge, sweeps=50, rng=0).states.tolist() == [1, 1]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": 0}, "time = 0"),
        ({"time": "long"}, "time = 'long'"),
        ({"sweeps": 0}, "sweeps = 0"),
        ({"sweeps": 3, "restarts": 0}, "restarts = 0"),
        ({"sweeps": 3, "chains": 1.5}, "chains = 1.5"),
        ({"sweeps": 3, "threads": -1}, "threads = -1"),
        ({"sweeps": 3, "rng": "x"}, "rng = 'x'"),
    ],
)
def test_bad_input(options: dict[str, Any], message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        annealing(whole_numbers(0), **options)
