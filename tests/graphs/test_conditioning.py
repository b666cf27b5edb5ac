"""A model given evidence has the scores of the whole model; components are taken apart and put together again."""

import networkx as nx
import numpy as np
import pytest
from oracles import exact_marginals, log_partition, random_graph

import stochinf as si
from stochinf.graphs.conditioning import components, conditioned, narrowed, restricted
from stochinf.graphs.evidence import check_evidence

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("seed", range(12))
def test_scores_partition_and_marginals_agree(seed: int) -> None:
    graph = random_graph(seed, n_variables=7, n_factors=9)
    rng = np.random.default_rng(seed)
    observed = [node for node in graph.variables if rng.random() < 0.4]
    evidence = {node: graph.states[node][int(rng.integers(len(graph.states[node])))] for node in observed}
    clamped = check_evidence(graph, evidence)
    left = conditioned(graph, clamped)
    assert left.graph.variables == [node for node in graph.variables if node not in evidence]
    rest = {node: graph.states[node][int(rng.integers(len(graph.states[node])))] for node in left.graph.variables}
    assert left.constant + left.graph.log_score(rest) == pytest.approx(graph.log_score({**evidence, **rest}), abs=1e-12)
    if not rest:
        return
    assert left.constant + log_partition(left.graph) == pytest.approx(log_partition(graph, evidence), abs=1e-10)
    flat = left.spread(np.concatenate(list(exact_marginals(left.graph).values())))
    np.testing.assert_allclose(flat, np.concatenate(list(exact_marginals(graph, evidence).values())), atol=1e-12)


def test_labels_stay_and_nothing_observed_changes_nothing() -> None:
    graph = si.FactorGraph([2, 3], [("a", "b"), ()], [range(1, 7), [5]], names=["a", "b"], states=[["no", "yes"], list("xyz")])
    same = conditioned(graph, check_evidence(graph, None))
    assert same.graph.states == graph.states
    assert (same.graph.log_weights == graph.log_weights[:6]).all()
    assert same.constant == pytest.approx(np.log(5))
    assert conditioned(graph, check_evidence(graph, {"a": "no", "b": "z"})).graph.n_variables == 0


@pytest.mark.parametrize("seed", range(5))
def test_components_are_those_of_networkx(seed: int) -> None:
    graph = random_graph(seed, n_variables=14, n_factors=8)
    plain = nx.Graph()
    plain.add_nodes_from(range(graph.n_variables))
    for factor in range(graph.n_factors):
        nx.add_path(plain, [graph.index[node] for node in graph.scope(factor)])
    parts = components(graph)
    assert [set(part.tolist()) for part in parts] == sorted(nx.connected_components(plain), key=min)
    assert sum(log_partition(restricted(graph, part)) for part in parts) == pytest.approx(
        sum(log_partition(restricted(graph, np.sort(np.concatenate(half)))) for half in (parts[::2], parts[1::2]) if half)
    )


@pytest.mark.parametrize("seed", range(12))
def test_narrowing_loses_nothing_that_is_possible(seed: int) -> None:
    graph = random_graph(seed, n_variables=7, n_factors=9, zeros=0.6)
    free = np.full(graph.n_variables, -1, np.int32)
    exact = exact_marginals(graph)
    if not np.isfinite(log_partition(graph)):
        return
    left = narrowed(graph, free)
    inner = np.concatenate(list(exact_marginals(left.graph).values())) if left.free.size else np.empty(0)
    np.testing.assert_allclose(left.spread(inner), np.concatenate(list(exact.values())), atol=1e-12)
    partial = log_partition(left.graph) if left.free.size else 0.0
    assert left.constant + partial == pytest.approx(log_partition(graph), abs=1e-10)
    states = left.whole(np.array([k - 1 for k in left.graph.n_states], dtype=np.int32))
    labels = {node: graph.labels(i)[s] for i, (node, s) in enumerate(zip(graph.variables, states, strict=True))}
    inside = {node: labels[node] for node in left.graph.variables}
    score = left.graph.log_score(inside) if inside else 0.0
    assert graph.log_score(labels) == pytest.approx(left.constant + score, abs=1e-12)
