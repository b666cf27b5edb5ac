"""Mean field: lower bounds that never fall, stationary at the end, zeros respected."""

import numpy as np
import pytest
from oracles import enumerate_states, exact_marginals, log_partition, log_scores, random_graph

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.variational import mean_field
from stochinf.graphs.variational.layout import message_graph
from stochinf.graphs.variational.naive import CoordinateAscent, lower_bound, product_of
from stochinf.graphs.variational.passing import run_sweeps

SEEDS = range(30) if JIT else range(4)


def enumerated_bound(graph: si.FactorGraph, flat: np.ndarray) -> float:
    """Mean log weight plus entropy, by going through all configurations."""
    states, start = enumerate_states(graph), np.concatenate([[0], np.cumsum(graph.n_states)])
    q = np.prod([flat[start[v] + states[:, v]] for v in range(graph.n_variables)], axis=0)
    inside = q > 0
    return float(q[inside] @ (log_scores(graph, states)[inside] - np.log(q[inside])))


@pytest.mark.fast
@pytest.mark.parametrize("zeros", [0.0, 0.35])
def test_lower_bounds(zeros: float) -> None:
    gaps = []
    for seed in SEEDS:
        graph = random_graph(seed, zeros=zeros)
        if np.isfinite(log_partition(graph)):
            result = mean_field(graph)
            assert result.converged
            assert result.log_partition == pytest.approx(enumerated_bound(graph, result.probabilities), abs=1e-10)
            gaps.append(log_partition(graph) - result.log_partition)
    assert min(gaps) > -1e-10
    assert max(gaps) > 0.05


@pytest.mark.fast
@pytest.mark.parametrize("seed", range(6))
def test_no_step_lowers_the_bound(seed: int) -> None:
    graph = random_graph(seed, n_factors=9)
    target = message_graph(graph)
    rng = np.random.default_rng(seed)
    start = rng.exponential(size=target.base.size)
    start /= np.repeat(np.add.reduceat(start, target.first[:-1]), target.cardinality)
    state = product_of(target, start)
    bounds = [lower_bound(target, state.position)]
    for _ in range(4):
        for variables in range(1, graph.n_variables + 1):
            run_sweeps(CoordinateAscent(), target, state, 1, variables)
            bounds.append(lower_bound(target, state.position))
    assert min(np.diff(bounds)) > -1e-12
    assert bounds[-1] > bounds[0] + 1e-3


@pytest.mark.fast
def test_independent_variables_are_exact() -> None:
    graph = si.FactorGraph([2, 3, 2], [(0,), (1,), (1,), ()], [[1, 3], [1, 2, 3], [0, 1, 1], [2.0]])
    result = mean_field(graph)
    assert result.probabilities == pytest.approx(np.concatenate(list(exact_marginals(graph).values())))
    assert result.log_partition == pytest.approx(log_partition(graph))


@pytest.mark.fast
def test_zeros_keep_the_bound_finite() -> None:
    """An equality: the best product is one of its two configurations."""
    result = mean_field(si.FactorGraph([2, 2], [(0, 1), (0,)], [[1, 0, 0, 1], [1, 3]]), starts=20)
    assert result.probabilities.tolist() == [0, 1, 0, 1]
    assert result.log_partition == pytest.approx(np.log(3))


@pytest.mark.fast
def test_extreme_weights_and_bad_input() -> None:
    graph = si.FactorGraph.from_log_tables([2, 2], [(0, 1), (0,)], [[1e4, -1e4, -1e4, 1e4], [0, 5.0]])
    assert mean_field(graph).log_partition == pytest.approx(1e4 + 5)
    with pytest.raises(si.StochinfError, match="starts"):
        mean_field(graph, starts=0)
