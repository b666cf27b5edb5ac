"""Zeros: what propagation may remove, where chains start, what moves reach; against enumeration of small models."""

import itertools
from typing import Any

import networkx as nx
import numpy as np
import pytest
from oracles import DATA, enumerate_states, log_scores, random_graph
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.feasible import connectivity, feasible_states, joint_blocks, single_site_connected, violated
from stochinf.graphs.zeros.folding import folded
from stochinf.graphs.zeros.narrowing import SOLVED, STATUS, narrowed, searched
from stochinf.graphs.zeros.problem import evidence_domain, problem_of
from stochinf.graphs.zeros.rows import classes
from stochinf.graphs.zeros.supports import supports_of
from stochinf.graphs.zeros.walk import cut_off

EQUAL = np.eye(2)
DIFFERENT = 1 - np.eye(3)
SEEDS = range(40) if JIT else range(4)


def sparse_graph(seed: int, **named: Any) -> si.FactorGraph:
    """A random model with many zeros, possible or not."""
    rng = np.random.default_rng(seed)
    graph = random_graph(seed, n_variables=5, n_factors=6, zeros=0.0)
    keep = 0.3 + 0.6 * rng.random()
    tables = []
    for f in range(graph.n_factors):
        first, last = graph.flat.table_start[f : f + 2]
        table = np.exp(graph.flat.log_weights[first:last]) * (rng.random(last - first) < keep)
        table[rng.integers(table.size)] = 1.0
        tables.append(table)
    return si.FactorGraph(graph.n_states, [tuple(graph.scope(f)) for f in range(graph.n_factors)], tables, names=graph.variables)


def possible(graph: si.FactorGraph) -> Any:
    """All configurations of positive probability, (n, V)."""
    states = enumerate_states(graph)
    return states[np.isfinite(log_scores(graph, states))]


def pieces(rows: Any, blocks: list[list[int]]) -> int:
    """Into how many pieces moves of blocks cut configurations: every pair that differs in one block alone is joined."""
    n, width = rows.shape
    differ = rows[:, None, :] != rows[None, :, :]
    joined = np.zeros((n, n), bool)
    for block in blocks:
        rest = [v for v in range(width) if v not in block]
        joined |= ~differ[:, :, rest].any(axis=2)
    return int(connected_components(coo_array(joined), directed=False)[0])


def all_blocks(graph: si.FactorGraph, blocks: list[Any]) -> list[list[int]]:
    return [list(block) for block in blocks] + [[v] for v in range(graph.n_variables)]


def colouring(graph: Any, colours: int) -> si.FactorGraph:
    """Proper colourings of a networkx graph."""
    nodes = list(graph)
    table = 1 - np.eye(colours)
    return si.FactorGraph([colours] * len(nodes), list(graph.edges), [table] * graph.number_of_edges(), names=nodes)


@pytest.mark.fast
@pytest.mark.parametrize("seed", SEEDS)
def test_small_models_against_enumeration(seed: int) -> None:
    """Starts, connectivity and blocks of random models with zeros; a model without a configuration is an error."""
    graph = sparse_graph(seed)
    rows = possible(graph)
    if not len(rows):
        with pytest.raises(si.GraphError, match="no configuration has positive probability"):
            feasible_states(graph, None, 2, rng=seed)
        with pytest.raises(si.GraphError, match="no configuration has positive probability"):
            single_site_connected(graph)
        return
    starts = feasible_states(graph, None, 6, rng=seed)
    assert starts.shape == (graph.n_variables, 6)
    assert not any(violated(graph, start.astype(np.int64)).size for start in starts.T)
    single = all_blocks(graph, [])
    assert single_site_connected(graph) == (pieces(rows, single) == 1)
    blocks = joint_blocks(graph)
    assert pieces(rows, all_blocks(graph, blocks)) == 1
    assert connectivity(graph, None, blocks).connected
    assert all(len(block) > 1 for block in blocks)
    if pieces(rows, single) == 1:
        assert blocks == []


@pytest.mark.fast
def test_random_models_cover_all_cases() -> None:
    """The seeds above hold impossible, connected and disconnected models; else they would test nothing."""
    counts = [
        0 if not len(rows) else min(pieces(rows, [[v] for v in range(5)]), 2)
        for rows in map(possible, map(sparse_graph, range(40)))
    ]
    assert [counts.count(k) >= 5 for k in range(3)] == [True, True, True]


@pytest.mark.fast
@pytest.mark.parametrize("seed", SEEDS)
def test_propagation_and_folding(seed: int) -> None:
    """Propagation removes nothing possible; folding keeps the number of pieces."""
    graph = sparse_graph(seed)
    rows, supports = possible(graph), supports_of(graph)
    state = narrowed(supports, evidence_domain(supports, np.full(graph.n_variables, -1, np.int32)))
    for i, v in enumerate(supports.variables.tolist()):
        alive = state.alive[supports.first[i] : supports.first[i + 1]]
        assert (alive[rows[:, v]] != 0).all()
    if len(rows):
        core = folded(supports, state.alive)
        inside = np.ones(len(rows), bool)
        for i, v in enumerate(supports.variables.tolist()):
            inside &= core[supports.first[i] : supports.first[i + 1]][rows[:, v]] != 0
        single = [[v] for v in range(graph.n_variables)]
        assert pieces(rows[inside], single) == pieces(rows, single)


@pytest.mark.fast
@pytest.mark.parametrize("seed", range(10))
def test_evidence(seed: int) -> None:
    graph = sparse_graph(seed)
    rows = possible(graph)
    clamped = np.full(graph.n_variables, -1, np.int32)
    clamped[[1, 3]] = graph.n_states[[1, 3]] - 1
    agree = rows[(rows[:, [1, 3]] == clamped[[1, 3]]).all(axis=1)]
    if len(agree):
        assert (feasible_states(graph, clamped, 3, rng=0)[[1, 3]] == clamped[[1, 3], None]).all()
        assert single_site_connected(graph, clamped) == (pieces(agree, [[v] for v in range(graph.n_variables)]) == 1)
    else:
        with pytest.raises(si.GraphError, match="no configuration has positive probability"):
            feasible_states(graph, clamped, 3, rng=0)


@pytest.mark.fast
def test_rows_and_their_classes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        rows = np.unique(rng.integers(0, 3, (12, 4)), axis=0).astype(np.int32)
        for blocks in ([[0], [1], [2], [3]], [[0, 1], [2], [3]], [[0, 1, 2], [1, 3]]):
            assert classes(rows, blocks).max() + 1 == pieces(rows, blocks)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("graph", "blocks"),
    [
        (si.FactorGraph([2, 2], [(0, 1)], [EQUAL]), [[0, 1]]),
        (si.FactorGraph([2, 2, 2], [(0, 1, 2)], [[1, 0, 0, 1, 0, 1, 1, 0]]), [[0, 1, 2]]),
        (si.FactorGraph([2] * 5, [(i, i + 1) for i in range(4)], [EQUAL] * 4), [[0, 1, 2, 3, 4]]),
        (si.FactorGraph([3] * 3, list(itertools.combinations(range(3), 2)), [DIFFERENT] * 3), [[0, 1, 2]]),
        (si.FactorGraph([2, 3, 2], [(0, 1, 2), (1, 2)], [np.ones(12), [1, 0, 1, 1, 1, 0]]), []),
        (si.FactorGraph([2, 2, 2], [(0, 2), (1, 2)], [[1, 0, 1, 1], [1, 0, 1, 1]]), []),
    ],
    ids=["equality", "xor", "chain of equalities", "all different", "states to go round by", "implications"],
)  # fmt: skip
def test_planted(graph: si.FactorGraph, blocks: list[list[int]]) -> None:
    assert single_site_connected(graph) is (not blocks)
    assert [block.tolist() for block in joint_blocks(graph)] == blocks


@pytest.mark.fast
def test_starts_are_far_apart() -> None:
    """All states of a long chain of equalities occur among the starts of 40 chains, and repeat by seed."""
    chain = si.FactorGraph([4] * 30, [(i, i + 1) for i in range(29)], [np.eye(4)] * 29)
    starts = feasible_states(chain, None, 40, rng=3)
    assert (starts == starts[0]).all()
    assert np.unique(starts[0]).tolist() == [0, 1, 2, 3]
    assert (starts == feasible_states(chain, None, 40, rng=3)).all()
    assert (starts != feasible_states(chain, None, 40, rng=4)).any()


@pytest.mark.fast
def test_too_few_colours_are_named() -> None:
    """The complete graph of four nodes inside a larger one cannot be coloured with three colours: its six edges are named."""
    graph = nx.cycle_graph(list("ghijklmnop"))
    graph.add_edges_from(itertools.combinations("abcd", 2))
    graph.add_edge("a", "g")
    with pytest.raises(si.GraphError) as caught:
        feasible_states(colouring(graph, 3), None, 1, rng=0)
    message = str(caught.value)
    assert message.count("factor") == 6
    assert all(f"({x}, {y})" in message for x, y in itertools.combinations("abcd", 2))
    assert "contradict each other; change a table" in message
    assert not any(
        violated(colouring(graph, 4), s.astype(np.int64)).size for s in feasible_states(colouring(graph, 4), None, 3, 0).T
    )


@pytest.mark.fast
def test_evidence_in_a_contradiction_is_named() -> None:
    graph = si.FactorGraph(
        [2, 2, 2, 2], [("a", "b"), ("b", "c"), ("c", "d")], [EQUAL] * 3, names=list("abcd"), states=[["off", "on"]] * 4
    )
    clamped = check_evidence(graph, {"a": "on", "c": "off"})
    message = (
        r"factor 0 over \(a, b\), factor 1 over \(b, c\) contradict each other, given the evidence \{'a': 'on', 'c': 'off'\}"
    )
    with pytest.raises(si.GraphError, match=message):
        feasible_states(graph, clamped, 1, rng=0)


@pytest.mark.fast
def test_conflicts_are_minimal() -> None:
    """Every factor of a conflict is needed: without one of them the rest is possible."""
    for seed in range(40):
        graph = sparse_graph(seed)
        if len(possible(graph)):
            continue
        supports = supports_of(graph)
        from stochinf.graphs.zeros.contradiction import conflict

        domain = evidence_domain(supports, np.full(5, -1, np.int32))
        found = conflict(supports, domain, searched(supports, domain, 1000, np.random.SeedSequence(0)))
        for left_out in [None, *found.tolist()]:
            active = np.isin(np.arange(supports.factors.size), found[found != left_out]).astype(np.uint8)
            state = searched(supports._replace(active=active), domain, 1000, np.random.SeedSequence(0))
            assert (state.progress[STATUS] == SOLVED) == (left_out is not None)


@pytest.mark.fast
def test_colourings_of_large_graphs() -> None:
    """A cycle is connected with four colours (degree + 2); with three, and with two, more than a listing is needed."""
    assert single_site_connected(colouring(nx.cycle_graph(200), 4)) is True
    assert single_site_connected(colouring(nx.cycle_graph(200), 2)) is False
    assert single_site_connected(colouring(nx.cycle_graph(200), 3)) is None


@pytest.mark.fast
def test_independent_sets_fold() -> None:
    grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(15, 15))
    graph = si.FactorGraph([2] * 225, list(grid.edges), [[1, 1, 1, 0]] * grid.number_of_edges())
    assert single_site_connected(graph) is True


@pytest.mark.fast
def test_a_walk_that_ends() -> None:
    """Not-all-equal clauses that leave two configurations, one the opposite of the other: too many variables to list all."""
    rng = np.random.default_rng(0)
    hidden = rng.integers(0, 2, 30)
    tables, scopes = [], []
    while len(scopes) < 150:
        scope = rng.choice(30, 3, replace=False)
        signs = rng.integers(0, 2, 3)
        if len(set((hidden[scope] ^ signs).tolist())) == 2:
            table = np.ones((2, 2, 2))
            table[tuple(signs)] = table[tuple(1 - signs)] = 0
            scopes.append(tuple(scope.tolist()))
            tables.append(table)
    graph = si.FactorGraph([2] * 30, scopes, tables)
    problem = problem_of(graph, np.full(30, -1, np.int32))
    assert len(problem.groups()) == 1
    assert cut_off(problem, problem.groups()[0])
    assert single_site_connected(graph) is False
    loose = problem_of(colouring(nx.cycle_graph(40), 3), np.full(40, -1, np.int32))
    assert not cut_off(loose, loose.groups()[0])


@pytest.mark.fast
@pytest.mark.parametrize("seed", range(3))
def test_a_random_constraint_problem(seed: int) -> None:
    """Sixty variables of four states under random binary constraints with a hidden solution."""
    rng = np.random.default_rng(seed)
    hidden = rng.integers(0, 4, 60)
    scopes, tables = [], []
    for _ in range(200):
        i, j = rng.choice(60, 2, replace=False)
        table = (rng.random((4, 4)) > 0.4).astype(float)
        table[hidden[i], hidden[j]] = 1.0
        scopes.append((int(i), int(j)))
        tables.append(table)
    graph = si.FactorGraph([4] * 60, scopes, tables)
    starts = feasible_states(graph, None, 4, rng=seed)
    assert not any(violated(graph, start.astype(np.int64)).size for start in starts.T)


@pytest.mark.fast
def test_positive_models_need_no_search() -> None:
    graph = random_graph(1)
    assert single_site_connected(graph) is True
    assert joint_blocks(graph) == []
    starts = feasible_states(graph, None, 500, rng=0)
    assert all(np.unique(row).size == k for row, k in zip(starts, graph.n_states, strict=True))
    assert starts.dtype == np.int32


@pytest.mark.skipif(not JIT, reason="a network of 200 variables")
def test_a_medical_network() -> None:
    """Two variables of Promedus_24 must move together; with that block everything is reached."""
    graph = si.read_graph(DATA / "uai" / "Promedus_24.uai")
    clamped = check_evidence(graph, si.read_evidence(DATA / "uai" / "Promedus_24.uai.evid", graph))
    starts = feasible_states(graph, clamped, 64, rng=0)
    assert not any(violated(graph, start.astype(np.int64)).size for start in starts.T)
    assert single_site_connected(graph, clamped) is False
    blocks = joint_blocks(graph, clamped)
    assert [len(block) for block in blocks] == [2]
    assert connectivity(graph, clamped, blocks).connected is True
