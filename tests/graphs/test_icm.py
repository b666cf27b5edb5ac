"""Iterated conditional modes: what is returned cannot be improved by one variable, and no step lowers the score."""

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import spins
from oracles import enumerate_states, log_scores, random_graph

import stochinf as si
from stochinf.engine.block import advance
from stochinf.engine.jit import JIT
from stochinf.graphs.search import iterated_conditional_modes
from stochinf.graphs.search.budget import session_of
from stochinf.graphs.search.found import scores_of
from stochinf.graphs.search.modes import IteratedModes
from stochinf.graphs.search.table_annealing import BestStates, softened
from stochinf.graphs.targets import IMPOSSIBLE, graph_target

GRAPHS = [random_graph(seed, 7, 10, zeros=0.15 * (seed % 2)) for seed in range(4)]
GRAPHS.append(spins(nx.gnm_random_graph(10, 18, seed=2), 2, 1.0))


@pytest.mark.fast
@pytest.mark.parametrize("k", range(len(GRAPHS)))
def test_no_single_change_improves_the_answer(k: int) -> None:
    graph = GRAPHS[k]
    result = iterated_conditional_modes(graph, sweeps=60, rng=k)
    assert result.log_score == pytest.approx(log_scores(graph, result.states[None])[0])
    for i, states in enumerate(graph.n_states.tolist()):
        rows = np.tile(result.states, (states, 1))
        rows[:, i] = np.arange(states)
        assert scores_of(graph, rows).max() <= result.log_score + 1e-6
    assert result.log_score <= log_scores(graph, enumerate_states(graph)).max() + 1e-9


@pytest.mark.fast
@pytest.mark.parametrize("k", range(4))
def test_scores_never_fall(k: int) -> None:
    graph = GRAPHS[k]
    target = graph_target(graph)
    block = session_of(IteratedModes(), target, k, 16, start=None).blocks[0]
    weights = np.where(np.isneginf(graph.log_weights), IMPOSSIBLE, graph.log_weights)
    soft = si.FactorGraph.from_log_tables(
        graph.n_states, [graph.scope(f) for f in range(graph.n_factors)],
        [weights[a:b] for a, b in zip(graph.flat.table_start, graph.flat.table_start[1:], strict=False)], names=graph.variables,
    )  # fmt: skip
    before = scores_of(soft, block.state.position.T)
    for _ in range(4 * graph.n_variables if JIT else graph.n_variables):
        advance(block, 1)
        after = scores_of(soft, block.state.position.T)
        assert (after >= before - 1e-3).all()
        before = after


@pytest.mark.fast
def test_the_best_state_of_every_lane_is_kept() -> None:
    graph = GRAPHS[1]
    target = graph_target(graph)
    from stochinf.graphs.table_gibbs import TableGibbs

    session = session_of(TableGibbs(), target, 2, 16, observer=BestStates(target.log_tables), every=target.n_points)
    block = session.blocks[0]
    seen = np.full(16, -np.inf)
    for _ in range(20):
        advance(block, target.n_points)
        seen = np.maximum(seen, scores_of(graph, block.state.position.T))
    kept = scores_of(graph, block.observer.best.T)
    assert (np.isneginf(seen) | (np.abs(kept - seen) < 1e-4)).all()


@pytest.mark.fast
def test_softening_touches_zeros_alone() -> None:
    target = graph_target(GRAPHS[1])
    soft, crossing = softened(target)
    zero = target.log_tables == np.float32(IMPOSSIBLE)
    assert zero.any()
    assert (soft.log_tables[~zero] == target.log_tables[~zero]).all()
    assert soft.log_tables[zero].max() + crossing <= target.log_tables[~zero].min() + 1e-3
    assert softened(graph_target(GRAPHS[0]))[1] == np.inf


@pytest.mark.skipif(not JIT, reason="many sweeps")
def test_the_seed_decides() -> None:
    for graph in (GRAPHS[0], GRAPHS[4]):
        runs = [iterated_conditional_modes(graph, sweeps=40, chains=66, threads=threads, rng=4) for threads in (1, 2)]
        assert (runs[0].states == runs[1].states).all()


@pytest.mark.parametrize("name", ["annealing", "cluster_tempering", "iterated_conditional_modes", "portfolio", "tabu"])
@pytest.mark.skipif(not JIT, reason="searches by the clock")
def test_no_time_is_no_reason_to_return_nothing(name: str) -> None:
    from stochinf.graphs import search

    cut = si.graphs.max_cut([(0, 1), (1, 2), (2, 0), (2, 3)])
    assert getattr(search, name)(cut, time=1e-6, rng=0, threads=1).log_score == 3.0
    if name in ("annealing", "iterated_conditional_modes", "portfolio"):
        result = getattr(search, name)(GRAPHS[0], time=1e-6, rng=0)
        assert result.log_score == pytest.approx(log_scores(GRAPHS[0], result.states[None])[0])
