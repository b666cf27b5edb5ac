"""Tree-reweighted bounds: weights that are frequencies of forests, upper bounds that hold, exact on forests."""

import itertools
from typing import Any

import networkx as nx
import numpy as np
import pytest
from factor_forests import forest
from oracles import exact_marginals, log_partition, random_graph

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.variational import belief_propagation, tree_reweighted
from stochinf.graphs.variational import forests as forests_module
from stochinf.graphs.variational.forests import forest_weights
from stochinf.graphs.variational.layout import message_graph

SEEDS = range(30) if JIT else range(3)


def pairwise(seed: int, scale: float) -> si.FactorGraph:
    """A loopy graph of pairs over variables of 2 to 3 states."""
    rng = np.random.default_rng(seed)
    n_states = rng.integers(2, 4, 6)
    scopes: list[tuple[int, ...]] = [pair for pair in itertools.combinations(range(6), 2) if rng.random() < 0.7]
    scopes += [(v,) for v in range(6)]
    logs = [scale * rng.standard_normal(n_states[list(s)]) for s in scopes]
    return si.FactorGraph.from_log_tables(n_states, scopes, logs)


@pytest.mark.fast
@pytest.mark.parametrize("make", [lambda s: pairwise(s, 0.7), lambda s: random_graph(s, n_factors=9)], ids=["pairs", "arity 3"])
def test_upper_bounds(make: Any) -> None:
    """At a fixed point the value is never below log Z; and not always equal, or it would be something else."""
    gaps = []
    for seed in SEEDS:
        graph = make(seed)
        result = tree_reweighted(graph, sweeps=5000)
        if result.converged:
            gaps.append(result.log_partition - log_partition(graph))
    assert len(gaps) > 0.8 * len(SEEDS)
    assert min(gaps) > -1e-9
    assert max(gaps) > 0.05


@pytest.mark.fast
def test_belief_propagation_is_no_bound() -> None:
    """Bethe's value falls below log Z on some of the same models: the bound above is not for free."""
    gaps = [belief_propagation(g).log_partition - log_partition(g) for g in (pairwise(seed, 0.7) for seed in range(12))]
    assert min(gaps) < -1e-3


@pytest.mark.fast
def test_forests_are_exact() -> None:
    for seed in range(8):
        graph = forest(seed)
        result = tree_reweighted(graph)
        exact = np.concatenate(list(exact_marginals(graph).values()))
        assert abs(result.probabilities - exact).max() < 1e-9
        assert result.log_partition == pytest.approx(log_partition(graph), abs=1e-9)


def counted_trees(graph: Any) -> Any:
    """Share of the spanning trees that each edge is in, by going through all of them."""
    edges = list(graph.edges)
    sets = itertools.combinations(edges, len(graph) - 1)
    trees = [t for t in sets if nx.is_tree(nx.Graph(t)) and len(nx.Graph(t)) == len(graph)]
    return [sum(e in t for t in trees) / len(trees) for e in edges]


@pytest.mark.fast
@pytest.mark.parametrize(
    "graph", [nx.complete_graph(4), nx.lollipop_graph(3, 2), nx.grid_2d_graph(2, 3)], ids=["K4", "tail", "grid"]
)
def test_weights_are_those_of_uniform_trees(graph: Any) -> None:
    plain = nx.convert_node_labels_to_integers(graph)
    model = si.FactorGraph([2] * len(plain), list(plain.edges), [[2, 1, 1, 2]] * plain.number_of_edges())
    assert forest_weights(message_graph(model)) == pytest.approx(counted_trees(plain))


@pytest.mark.fast
def test_weights_of_components_and_large_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rings: 3/4 each. Beyond the limit random trees do: every edge in some, V - 1 in each."""
    rings = si.FactorGraph([2] * 8, [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4)], [[2, 1, 1, 2]] * 8)
    assert forest_weights(message_graph(rings)) == pytest.approx(np.full(8, 0.75))
    monkeypatch.setattr(forests_module, "MOST_EXACT", 0)
    weights = forest_weights(message_graph(rings))
    assert weights.min() > 0
    assert weights.sum() == pytest.approx(6)


@pytest.mark.fast
def test_grown_forests() -> None:
    """Factors of three: no factor of a ring of triples is in all forests, and each is in some."""
    triples = si.FactorGraph([2] * 6, [(0, 1, 2), (2, 3, 4), (4, 5, 0)], [np.ones(8)] * 3)
    weights = forest_weights(message_graph(triples))
    assert weights.sum() == pytest.approx(2)
    assert abs(weights - 2 / 3).max() < 0.03


def test_a_bound_is_shown() -> None:
    graph = pairwise(0, 1.0)
    z = si.log_partition(graph, method="trw")
    assert f"certainly at most {z.bounds[1]:.6f}" in repr(z)
    assert "certainly" not in repr(si.log_partition(graph))
