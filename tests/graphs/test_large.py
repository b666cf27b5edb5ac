"""Orders in memory keep the distribution; weights of few bits make the model that they say, within the bound that they state."""

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import MODELS, Model, p_value, spins, sums_z

import stochinf as si
from stochinf.engine.errors import GraphError


def weak(seed: int) -> si.FactorGraph:
    """Spins on a random graph, couplings weak enough for a bound."""
    return spins(nx.random_regular_graph(3, 10, seed=seed), seed, 0.15)


@pytest.mark.fast
def test_another_order_is_the_same_distribution() -> None:
    for name in ("tables", "zeros and evidence", "potts"):
        graph = MODELS[name].graph
        for order in (None, np.random.default_rng(1).permutation(graph.n_variables)):
            moved = si.graphs.reordered(graph, order)
            assert sorted(moved.variables) == sorted(graph.variables)
            rng = np.random.default_rng(2)
            for _ in range(20):
                chosen = {v: graph.states[v][rng.integers(len(graph.states[v]))] for v in graph.variables}
                assert moved.log_score(chosen) == pytest.approx(graph.log_score(chosen), abs=1e-12)
            assert moved.states == graph.states


@pytest.mark.fast
def test_neighbours_come_close() -> None:
    rng = np.random.default_rng(1)
    sites = rng.permutation(900).reshape(30, 30)
    scopes = np.concatenate([np.stack([sites[:, :-1], sites[:, 1:]], -1).reshape(-1, 2),
                             np.stack([sites[:-1], sites[1:]], -1).reshape(-1, 2)])  # fmt: skip
    graph = si.FactorGraph(np.full(900, 2), scopes, np.ones((len(scopes), 4)))
    far, near = (np.abs(np.diff(g.flat.scope.reshape(-1, 2))).mean() for g in (graph, si.graphs.reordered(graph)))
    assert near < 31 < far


@pytest.mark.fast
@pytest.mark.parametrize("order", [[0, 1], [0, 0, 1, 2, 3, 4], "rcm"])
def test_no_permutation_is_refused(order: object) -> None:
    with pytest.raises(GraphError, match=r"order = .*: each of the numbers 0 to \d is needed once"):
        si.graphs.reordered(MODELS["spins"].graph, order)


@pytest.mark.fast
@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_the_bias_is_within_its_bound(storage: str) -> None:
    for seed in range(5):
        graph = weak(seed)
        low = si.graphs.low_precision(graph, storage)
        exact, rounded = (si.marginals(g, method="exact") for g in (graph, low))
        bias = max(abs(exact[v][1] - rounded[v][1]) for v in graph.variables)
        assert 0 < bias < low.bias_bound < (1e-3 if storage == "float16" else 2e-2)
    assert si.graphs.low_precision(spins(nx.complete_graph(6), 1, 2.0), storage).bias_bound == np.inf


@pytest.mark.fast
@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_what_is_stored_is_what_is_sampled(storage: str) -> None:
    low = si.graphs.low_precision(spins(nx.complete_graph(6), 5), storage)
    target, plain = low.as_target(), super(type(low), low).as_target()
    weights = [target.scale * target.weight(k) for k in range(plain.coupling.size)]
    assert np.allclose(weights, plain.coupling, rtol=1e-6)
    model = Model(low, {})
    assert p_value(model, si.graphs.Gibbs(), target=target, sweeps=2) > 1e-6
    assert sums_z(model, si.graphs.Gibbs(sums=True), target=target) < 6


@pytest.mark.fast
def test_small_and_large_float16() -> None:
    edges = [(i, i + 1) for i in range(5)]
    couplings = np.array([6e-8, 3.1e-5, 1.0009, -60000.0, 0.0])
    graph = si.FactorGraph.from_log_tables([2] * 6, edges, np.outer(couplings, [1, -1, -1, 1]))
    low = si.graphs.low_precision(graph, "float16")
    wanted = couplings.astype(np.float16).astype(float)
    assert low.spins.coupling.tolist() == wanted.tolist()
    target = low.as_target()
    found = {float(target.weight(k)) for k in range(target.coupling.size)}
    assert found == set(wanted.tolist())
    strong = si.FactorGraph.from_log_tables([2] * 2, [(0, 1)], [[7e4, -7e4, -7e4, 7e4]])
    with pytest.raises(GraphError, match="beyond float16"):
        si.graphs.low_precision(strong)
    with pytest.raises(GraphError, match="storage = 'int4'"):
        si.graphs.low_precision(graph, "int4")
    with pytest.raises(GraphError, match="spins are needed"):
        si.graphs.low_precision(MODELS["tables"].graph)
