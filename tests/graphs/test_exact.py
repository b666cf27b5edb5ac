"""Exact inference against plain enumeration, in every domain; what cannot be done is refused before anything is taken."""

import itertools
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from oracles import DATA, enumerate_states, exact_marginals, joint, log_partition, log_scores, random_graph, read_mar
from scipy.stats import chisquare

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs import exact
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.exact.calibration import indicators
from stochinf.graphs.exact.pruning import pruned

GRAPHS = 500 if JIT else 8
MOST = 2**16 if JIT else 2**10


def random_model(seed: int, scale: float = 1.0) -> si.FactorGraph:
    """Up to 2^16 states, 1 to 7 states a variable, arity 0 to 4, zeros in half of the models, loops and components."""
    rng = np.random.default_rng([17, seed])
    n_states: list[int] = []
    most = MOST if seed % 10 == 0 else min(MOST, 2**12)
    while len(n_states) < 12 and np.prod([*n_states, 1]) < most / 7:
        n_states.append(int(rng.integers(1, 8)))
    zeros = rng.choice([0.0, 0.0, 0.15, 0.7])
    scopes, tables = [], []
    for _ in range(int(rng.integers(1, 2 * len(n_states)))):
        scope = rng.permutation(len(n_states))[: rng.integers(0, 5)]
        table = scale * rng.normal(size=[n_states[v] for v in scope])
        scopes.append(tuple(scope.tolist()))
        tables.append(np.where(rng.random(table.shape) < zeros, -np.inf, table))
        if np.isneginf(tables[-1]).all():
            tables[-1] = table
    return si.FactorGraph.from_log_tables(n_states, scopes, tables)


def flat_marginals(graph: si.FactorGraph, evidence: Any = None) -> npt.NDArray[np.float64]:
    return np.concatenate(list(exact_marginals(graph, evidence).values()))


@pytest.mark.parametrize("scale", [1.0, 3000.0], ids=["weights", "logarithms up to 1e4"])
def test_random_graphs_against_enumeration(scale: float) -> None:
    impossible = 0
    for seed in range(GRAPHS):
        graph = random_model(seed, scale)
        reference = log_partition(graph)
        if reference == -np.inf:
            impossible += 1
            for answer in (exact.exact_marginals, exact.exact_map, exact.exact_log_partition):
                with pytest.raises(si.GraphError, match="no configuration is possible"):
                    answer(graph)
            continue
        tolerance = 1e-10 * max(1.0, abs(reference))
        probabilities, value = exact.exact_marginals(graph)
        assert abs(value - reference) < tolerance, seed
        assert abs(exact.exact_log_partition(graph) - reference) < tolerance, seed
        np.testing.assert_allclose(probabilities, flat_marginals(graph), rtol=0, atol=1e-10, err_msg=str(seed))
        states, score = exact.exact_map(graph)
        best = log_scores(graph, enumerate_states(graph)).max()
        assert abs(score - best) < tolerance, seed
        assert log_scores(graph, states[None, :].astype(np.int64))[0] == pytest.approx(score, abs=tolerance)
    assert impossible > (10 if JIT else -1)


def test_products_that_underflow_are_done_again_in_the_logarithmic_domain() -> None:
    """Messages of 1e-260 each, which together decide: in the linear domain both states would have probability 0."""
    n, strength = 6, 600.0
    scopes = [(0, i) for i in range(1, n + 1)]
    tables = [
        [[0.0, -strength], [-strength * (i % 2), 0.5]] if i % 2 else [[-strength, -2 * strength], [0, -1]] for i in range(n)
    ]
    graph = si.FactorGraph.from_log_tables([2] * (n + 1), scopes, tables)
    graph = si.FactorGraph.from_log_tables([2] * (n + 1), [*scopes, (0,)], [*tables, [3 * strength, 0.0]])
    np.testing.assert_allclose(exact.exact_marginals(graph)[0], flat_marginals(graph), rtol=0, atol=1e-12)
    assert exact.exact_log_partition(graph) == pytest.approx(log_partition(graph), abs=1e-9)


def cliques_by_definition(graph: si.FactorGraph, order: list[int]) -> list[set[int]]:
    near: list[set[int]] = [set() for _ in range(graph.n_variables)]
    for f in range(graph.n_factors):
        for v in graph.scope(f):
            near[v] |= set(graph.scope(f)) - {v}
    found = []
    for v in order:
        found.append(near[v])
        for u in near[v]:
            near[u] = (near[u] | near[v]) - {u, v}
    return found


def test_plans_are_what_elimination_gives() -> None:
    for seed in range(60 if JIT else 5):
        graph = random_model(seed)
        for plan in (exact.plan_elimination(graph), exact.plan_elimination(graph, tries=0)):
            order = plan.order.tolist()
            assert sorted(order) == list(range(graph.n_variables))
            stored = [set(plan.members[a:b].tolist()) for a, b in zip(plan.clique_start[:-1], plan.clique_start[1:], strict=True)]
            expected = cliques_by_definition(graph, order)
            assert stored == expected
            sizes = [graph.n_states[[v, *near]].prod() for v, near in zip(order, expected, strict=True)]
            assert plan.cells == pytest.approx(sum(sizes), rel=1e-9)
            assert plan.largest == pytest.approx(max(sizes), rel=1e-9)
            assert plan.width == max(len(near) for near in expected)


def grid(side: int) -> si.FactorGraph:
    index = np.arange(side * side).reshape(side, side)
    right = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], axis=1)
    down = np.stack([index[:-1].ravel(), index[1:].ravel()], axis=1)
    scopes = np.concatenate([right, down])
    return si.FactorGraph(np.full(side * side, 2), scopes, np.tile([2.0, 1.0, 1.0, 2.0], (len(scopes), 1)))


def test_order_follows_the_lowest_fill() -> None:
    """On a path nothing is filled in; on a cycle one edge less than three per vertex; a grid of side n has width n."""
    path = si.FactorGraph(np.full(50, 3), np.stack([np.arange(49), np.arange(1, 50)], axis=1), np.ones((49, 9)))
    assert exact.plan_elimination(path).width == 1
    ring = si.FactorGraph(np.full(50, 2), np.stack([np.arange(50), np.roll(np.arange(50), 1)], axis=1), np.ones((50, 4)))
    assert exact.plan_elimination(ring).width == 2
    assert 8 <= exact.plan_elimination(grid(8)).width <= 10


@pytest.mark.skipif(not JIT, reason="large")
@pytest.mark.parametrize("kind", ["random tree", "star", "wheel"])
def test_large_graphs_are_planned_and_solved_quickly(kind: str) -> None:
    n = 100_000
    rng = np.random.default_rng(3)
    above = (rng.random(n - 1) * np.arange(1, n)).astype(np.int64) if kind == "random tree" else np.zeros(n - 1, np.int64)
    scopes = np.stack([above, np.arange(1, n)], axis=1)
    if kind == "wheel":
        scopes = np.concatenate([scopes, np.stack([np.arange(1, n - 1), np.arange(2, n)], axis=1)])
    graph = si.FactorGraph(np.full(n, 2), scopes, np.tile([3.0, 1.0, 1.0, 3.0], (len(scopes), 1)))
    exact.plan_elimination(graph)
    began = time.thread_time()
    plan = exact.plan_elimination(graph)
    assert time.thread_time() - began < 4.0
    assert plan.width == (2 if kind == "wheel" else 1)
    probabilities, value = exact.exact_marginals(graph, plan=plan)
    np.testing.assert_allclose(probabilities, 0.5, atol=1e-12)
    if kind != "wheel":
        assert value == pytest.approx((n - 1) * np.log(4.0) + np.log(2.0), rel=1e-12)


@pytest.mark.fast
def test_too_large_a_graph_is_given_up_early_and_refused() -> None:
    graph = grid(60) if JIT else grid(7)
    plan = exact.plan_elimination(graph, most_cells=2.0**20 if JIT else 50)
    assert not plan.complete
    assert plan.cells == np.inf
    assert plan.bytes > 2**60
    for answer in (exact.exact_marginals, exact.exact_map, exact.exact_log_partition):
        with pytest.raises(si.MemoryLimitError):
            answer(graph, plan=plan)
    with pytest.raises(si.MemoryLimitError, match=r"bytes needed, 1000 allowed .* raise memory="):
        exact.exact_marginals(grid(6), memory=1000)
    with pytest.raises(si.MemoryLimitError, match="1000 allowed"):
        exact.exact_map(grid(6), memory=1000)
    with pytest.raises(si.StochinfError, match="memory = 0"):
        exact.exact_marginals(grid(3), memory=0)
    with pytest.raises(si.GraphError, match="most_cells"):
        exact.plan_elimination(grid(3), most_cells=0.0)


@pytest.mark.fast
def test_one_tree_serves_any_evidence_and_other_numbers() -> None:
    graph = random_graph(1)
    tree = exact.JunctionTree(graph)
    layout = tree.tree
    for node, k in zip(graph.variables, graph.n_states, strict=True):
        evidence = {node: int(k) - 1}
        clamped = check_evidence(graph, evidence)
        probabilities, value = tree.propagate(likelihood=indicators(graph, clamped))
        np.testing.assert_allclose(probabilities, flat_marginals(graph, evidence), atol=1e-13)
        assert value == pytest.approx(log_partition(graph, evidence), abs=1e-12)
    other = si.FactorGraph.from_flat(graph.flat._replace(log_weights=graph.log_weights * 1.7 - 0.3), graph.variables)
    np.testing.assert_allclose(tree.propagate(other.log_weights)[0], flat_marginals(other), atol=1e-13)
    soft = np.arange(1.0, graph.n_states.sum() + 1)
    weights = np.exp(log_scores(graph, enumerate_states(graph)))
    start = np.cumsum(graph.n_states) - graph.n_states
    for i in range(graph.n_variables):
        weights *= soft[start[i] + enumerate_states(graph)[:, i]]
    assert tree.propagate(likelihood=soft)[1] == pytest.approx(np.log(weights.sum()), abs=1e-11)
    np.testing.assert_allclose(tree.propagate()[0], flat_marginals(graph), atol=1e-13)
    assert tree.tree is layout


@pytest.mark.fast
def test_bad_numbers_for_a_tree_are_refused() -> None:
    tree = exact.JunctionTree(random_graph(1))
    with pytest.raises(si.GraphError, match="log_tables"):
        tree.propagate(np.zeros(3))
    with pytest.raises(si.GraphError, match="likelihood"):
        tree.propagate(likelihood=-np.ones(int(tree.tree.state_start[-1])))
    with pytest.raises(si.GraphError, match="no configuration is possible"):
        tree.propagate(likelihood=np.zeros(int(tree.tree.state_start[-1])))


@pytest.mark.fast
def test_variables_without_factors_and_lone_ones() -> None:
    graph = si.FactorGraph([2, 3, 1, 4], [(1,), ()], [[1.0, 2.0, 5.0], [3.0]])
    probabilities, value = exact.exact_marginals(graph)
    np.testing.assert_allclose(probabilities, [0.5, 0.5, 0.125, 0.25, 0.625, 1.0, 0.25, 0.25, 0.25, 0.25])
    assert value == pytest.approx(np.log(2 * 8 * 4 * 3))
    assert exact.exact_log_partition(graph) == pytest.approx(value)
    assert exact.exact_map(graph)[0].tolist() == [0, 2, 0, 0]
    likelihood = np.array([1.0, 3.0, 1, 1, 1, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(exact.JunctionTree(graph).propagate(likelihood=likelihood)[0][:2], [0.25, 0.75])


@pytest.mark.fast
def test_barren_variables_are_left_out() -> None:
    rng = np.random.default_rng(0)
    scopes = [(0,), (0, 1), (0, 1, 2), (2, 3), (1, 3, 4)]
    tables = [rng.dirichlet(np.ones(3), size=[3] * (len(s) - 1)) for s in scopes]
    graph = si.FactorGraph([3] * 5, scopes, tables)
    assert pruned(graph)[0] is None
    assert pruned(graph)[1] == pytest.approx(0.0, abs=1e-12)
    seen = si.FactorGraph([3] * 5, [*scopes, (2,)], [*tables, [1.0, 0.0, 0.0]])
    smaller, constant = pruned(seen)
    assert smaller is not None
    assert smaller.variables == [0, 1, 2]
    assert exact.exact_log_partition(seen) == pytest.approx(log_partition(seen), abs=1e-12)
    assert exact.exact_log_partition(smaller) + constant == pytest.approx(log_partition(seen), abs=1e-12)


DRAWS = 400_000 if JIT else 2000


def draw_pvalue(graph: si.FactorGraph, draws: npt.NDArray[np.int32], evidence: Any = None) -> float:
    probabilities = joint(graph, evidence)
    seen = np.bincount(np.ravel_multi_index(draws.T, graph.n_states), minlength=probabilities.size)
    assert seen[probabilities == 0].sum() == 0
    common = probabilities * len(draws) >= 5
    expected = np.append(probabilities[common], probabilities[~common].sum()) * len(draws)
    observed = np.append(seen[common], seen[~common].sum())
    return float(chisquare(observed[expected > 0], expected[expected > 0]).pvalue)


@pytest.mark.fast
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_draws_have_the_distribution(seed: int) -> None:
    graph = random_graph(seed, zeros=0.1 if seed % 2 else 0.0)
    draws = exact.exact_draws(graph, DRAWS, rng=seed)
    assert draws.shape == (DRAWS, graph.n_variables)
    assert draw_pvalue(graph, draws) > 1e-6
    assert (exact.exact_draws(graph, DRAWS, rng=seed) == draws).all()
    wrong = si.FactorGraph.from_flat(graph.flat._replace(log_weights=1.03 * graph.log_weights), graph.variables)
    if JIT:
        assert draw_pvalue(wrong, draws) < 1e-6


FILES = ["alarm", "DBN_14", "Pedigree_13", "Promedus_24", "Segmentation_12", "sample_1", "sample_2", "sample_3"]


@pytest.mark.skipif(not JIT, reason="large tables")
@pytest.mark.parametrize("name", FILES)
def test_stored_references(name: str) -> None:
    graph = si.read_graph(DATA / "uai" / f"{name}.uai")
    evidence = si.read_evidence(DATA / "uai" / f"{name}.uai.evid", graph)
    clamped = check_evidence(graph, evidence)
    probabilities, value = exact.JunctionTree(graph).propagate(likelihood=indicators(graph, clamped))
    reference = np.concatenate(read_mar(DATA / "uai" / f"{name}.uai.MAR"))
    assert abs(probabilities - reference).max() < 6e-7
    log10 = {"DBN_14": 151.155, "Pedigree_13": -15.2129, "Promedus_24": -5.86181, "Segmentation_12": -10.2872}
    if name in log10:
        assert value / np.log(10) == pytest.approx(log10[name], abs=1e-3)


@pytest.mark.slow
def test_against_variable_elimination_of_pgmpy() -> None:
    """Fifty models, all marginals: an implementation that shares nothing with this one."""
    pytest.importorskip("pgmpy")
    from pgmpy.factors.discrete import DiscreteFactor
    from pgmpy.inference import VariableElimination
    from pgmpy.models import DiscreteMarkovNetwork

    for seed in range(50):
        graph = random_graph(seed, n_variables=9, n_factors=14)
        network = DiscreteMarkovNetwork()
        names = [str(node) for node in graph.variables]
        sizes = dict(zip(names, graph.n_states.tolist(), strict=True))
        network.add_nodes_from(names)
        scopes = [[str(node) for node in graph.scope(f)] for f in range(graph.n_factors)]
        flat = graph.flat
        tables = [np.exp(flat.log_weights[a:b]) for a, b in itertools.pairwise(flat.table_start.tolist())]
        for name in names:
            scopes.append([name])
            tables.append(np.ones(sizes[name]))
        network.add_edges_from({pair for scope in scopes for pair in itertools.combinations(sorted(scope), 2)})
        network.add_factors(*(DiscreteFactor(s, [sizes[n] for n in s], t) for s, t in zip(scopes, tables, strict=True)))
        engine = VariableElimination(network)
        rows = np.split(exact.exact_marginals(graph)[0], np.cumsum(graph.n_states)[:-1])
        for name, row in zip(names, rows, strict=True):
            found = engine.query([name], show_progress=False).values
            np.testing.assert_allclose(row, found / found.sum(), atol=1e-10)
