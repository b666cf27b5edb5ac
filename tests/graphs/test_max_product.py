"""Max-product and its dual: optimal on forests and proved so, bounds that hold, dual steps that never rise."""

import networkx as nx
import numpy as np
import pytest
from factor_forests import forest
from oracles import enumerate_states, log_scores, random_graph

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.variational import max_product
from stochinf.graphs.variational.decoding import dual_bound, floored
from stochinf.graphs.variational.layout import message_graph
from stochinf.graphs.variational.max_messages import Dual, DualDescent
from stochinf.graphs.variational.passing import run_sweeps

SEEDS = range(30) if JIT else range(3)


@pytest.mark.fast
@pytest.mark.parametrize("zeros", [0.0, 0.3])
def test_forests_are_solved_and_proved(zeros: float) -> None:
    for seed in SEEDS:
        graph = forest(seed, zeros=zeros)
        scores = log_scores(graph, enumerate_states(graph))
        if np.isfinite(scores.max()):
            states, score, bound = max_product(graph)
            assert score == pytest.approx(scores.max(), abs=1e-10)
            assert score == pytest.approx(graph.log_score(dict(enumerate(states.tolist()))), abs=1e-10)
            assert bound == pytest.approx(score, abs=1e-6)
            assert states.dtype == np.int32


@pytest.mark.fast
@pytest.mark.parametrize("zeros", [0.0, 0.3])
def test_bounds_hold_with_loops(zeros: float) -> None:
    best, proved, cases = 0, 0, 0
    for seed in SEEDS:
        graph = random_graph(seed, n_factors=10, zeros=zeros)
        scores = log_scores(graph, enumerate_states(graph))
        if np.isfinite(scores.max()):
            _, score, bound = max_product(graph)
            assert bound >= scores.max() - 1e-9
            assert score <= scores.max() + 1e-9
            cases += 1
            best += score > scores.max() - 1e-9
            proved += bound < score + 1e-6
            assert not (bound < score + 1e-6 and score < scores.max() - 1e-6)
    assert best >= 0.9 * cases
    assert proved >= 0.3 * cases


@pytest.mark.fast
@pytest.mark.parametrize("seed", range(6))
def test_the_dual_never_rises(seed: int) -> None:
    target = floored(message_graph(random_graph(seed, n_factors=10, zeros=0.2)))
    arity, k = int(np.diff(target.scope_start).max()), int(target.cardinality.max())
    state = Dual(
        target.base.copy(), np.empty(0), np.zeros(target.place_first[-1]), np.zeros((arity, k)), np.zeros(arity, np.int32)
    )
    values = [dual_bound(target, state)]
    for _ in range(3):
        for points in range(1, target.n_points + 1):
            run_sweeps(DualDescent(), target, state, 1, points)
            values.append(dual_bound(target, state))
    assert max(np.diff(values)) < 1e-9 * max(1.0, max(map(abs, values)))


@pytest.mark.fast
def test_symmetric_models_are_decoded() -> None:
    """Spins that must alternate, and no field to tell which way: beliefs tie, a decoding variable by variable does not mind."""
    ring = nx.cycle_graph(20)
    nx.set_edge_attributes(ring, -1.0, "J")
    graph = si.FactorGraph.from_networkx(ring)
    states, score, bound = max_product(graph)
    assert (states[::2] != states[1::2]).all()
    assert score == pytest.approx(20.0)
    assert bound == pytest.approx(20.0)


@pytest.mark.fast
def test_the_grid_of_a_picture() -> None:
    """Attractive couplings: the dual is tight, so the answer is proved."""
    rng = np.random.default_rng(0)
    grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(8, 8))
    nx.set_edge_attributes(grid, 0.7, "J")
    nx.set_node_attributes(grid, {v: float(rng.standard_normal()) for v in grid}, "h")
    _, score, bound = max_product(si.FactorGraph.from_networkx(grid), sweeps=2000)
    assert bound == pytest.approx(score, abs=1e-4)


@pytest.mark.fast
def test_impossible_and_extreme() -> None:
    equal, unlike = np.eye(2), 1 - np.eye(2)
    with pytest.raises(si.GraphError, match="contradict each other"):
        max_product(si.FactorGraph([2, 2], [(0, 1), (0, 1)], [equal, unlike]))
    logs = [[1e4, -1e4, 3.0, -np.inf], [-1e4, 0.0]]
    states, score, bound = max_product(si.FactorGraph.from_log_tables([2, 2], [(0, 1), (0,)], logs))
    assert (states.tolist(), score, bound) == ([1, 0], 3.0, pytest.approx(3.0))
