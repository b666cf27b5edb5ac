import subprocess
import sys
import time
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from oracles import enumerate_states, exact_marginals, joint, log_partition, log_scores, random_graph

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.graphs import FactorGraph

AB = (("A", "B"),)
SIX = [1, 2, 3, 4, 5, 6]


def pair(table=SIX, n_states=(2, 3), scopes=AB, names=("A", "B"), states=None):
    return FactorGraph(n_states, scopes, [table], names=names, states=states)


def test_layout():
    graph = FactorGraph([2, 3, 4], [(), (2,), (1, 2, 0)], [5.0, [1, 2, 3, 4], np.arange(1, 25).reshape(3, 4, 2)])
    flat = graph.flat
    assert flat.scope_start.tolist() == [0, 0, 1, 4]
    assert flat.scope.tolist() == [2, 1, 2, 0]
    assert flat.stride.tolist() == [1, 8, 2, 1]
    assert flat.table_start.tolist() == [0, 1, 5, 29]
    assert [array.dtype.name for array in flat] == ["int32", "int64", "int32", "int64", "int64", "float64"]
    assert not any(array.flags.writeable for array in flat)
    np.testing.assert_allclose(graph.weights, [5, 1, 2, 3, 4, *range(1, 25)], rtol=1e-15)
    assert repr(graph) == "FactorGraph(3 variables, 3 factors, 2-4 states)"
    assert (graph.n_variables, graph.n_factors, graph.variables, graph.states[1]) == (3, 3, [0, 1, 2], [0, 1, 2])
    score = graph.log_score({0: 1, 1: 2, 2: 3})
    assert score == pytest.approx(np.log(5 * 4 * 24))


def test_names_and_labels():
    graph = pair(states={"A": ["off", "on"], "B": [10, 20, 30]})
    assert graph.states == {"A": ["off", "on"], "B": [10, 20, 30]}
    assert graph.index == {"A": 0, "B": 1}
    assert graph.title(0) == "factor 0 over (A, B)"
    assert graph.log_score({"B": 30, "A": "off"}) == pytest.approx(np.log(3))


@pytest.mark.parametrize("seed", range(30))
def test_log_score_is_the_product_of_the_tables(seed):
    graph = random_graph(seed, zeros=0.2)
    states = enumerate_states(graph)
    for row in states[:: max(1, len(states) // 10)]:
        assignment = {node: graph.states[node][k] for node, k in zip(graph.variables, row, strict=True)}
        assert graph.log_score(assignment) == pytest.approx(log_scores(graph, row[None])[0], abs=1e-12)


def test_shapes_flat_lists_and_read_only_tables_agree():
    table = np.array(SIX, dtype=np.int8).reshape(2, 3)
    table.setflags(write=False)
    graphs = [pair(t) for t in (SIX, tuple(SIX), table, table.tolist(), table.astype(np.float32), np.asfortranarray(table))]
    assert all((g.weights == graphs[0].weights).all() for g in graphs)


def test_bulk_arrays():
    graph = FactorGraph(np.full(4, 2), np.array([[0, 1], [1, 2], [2, 3]]), np.ones((3, 2, 2)))
    assert graph.flat.scope.tolist() == [0, 1, 1, 2, 2, 3]
    assert (graph.weights == 1).all()


def test_no_factors_is_uniform():
    np.testing.assert_allclose(exact_marginals(FactorGraph([4], [], []))[0], 0.25)


def test_log_tables_neither_overflow_nor_underflow():
    graph = FactorGraph.from_log_tables([2, 2], [(0, 1)], [[1e4, -np.inf, -1e4, 0.0]])
    assert graph.log_score({0: 0, 1: 0}) == 1e4
    assert graph.log_score({0: 0, 1: 1}) == -np.inf
    with pytest.raises(GraphError, match=r"factor 0 over \(0, 1\): exp\(10000\) does not fit a float64; use log_weights"):
        _ = graph.weights


HUGE = np.broadcast_to(1.0, (2,) * 30)
BAD_GRAPHS = [
    (lambda: pair(SIX[:5]), r"factor 0 over \(A, B\): 5 entries given, 6 needed \(2 x 3\)"),
    (lambda: pair(np.ones((3, 2))), r"factor 0 over \(A, B\): its table has shape \(3, 2\), needed \(2, 3\)"),
    (lambda: pair(np.ones((2, 3, 1))), r"shape \(2, 3, 1\), needed \(2, 3\)"),
    (lambda: pair([]), r"0 entries given, 6 needed"),
    (lambda: pair(7.0), r"1 entries given, 6 needed"),
    (lambda: pair([[1, 2, 3], [4, 5]]), r"factor 0 over \(A, B\): its table is no regular array"),
    (lambda: pair([1, 2, 3, 4, 5, None]), r"dtype object"),
    (lambda: pair([1, 2, 3, 4, 5, 10**400]), r"dtype object"),
    (lambda: pair(["1"] * 6), r"dtype <U1"),
    (lambda: pair([True] * 6), r"dtype bool; give real numbers, such as table.astype\(float\)"),
    (lambda: pair([1j] * 6), r"dtype complex128"),
    (lambda: pair([Fraction(1, 2)] * 6), r"dtype object"),
    (lambda: pair([1, 2, 3, 4, 5, np.nan]), r"factor 0 over \(A, B\): entry 5 \(states \(1, 2\)\) is nan; weights are finite"),
    (lambda: pair([1, np.inf, 3, 4, 5, 6]), r"entry 1 \(states \(0, 1\)\) is inf"),
    (lambda: pair([1, 2, 3, -4, 5, 6]), r"entry 3 \(states \(1, 0\)\) is -4.0; weights are finite and at least 0"),
    (lambda: pair([0] * 6), r"factor 0 over \(A, B\): all entries are zero"),
    (lambda: pair([np.longdouble("1e4000")] * 6), r"is inf"),
    (lambda: pair(scopes=[("A", "C")]), r"factor 0: variable 'C' is not among the 2 of the graph"),
    (lambda: pair(names=["rain", "wet"], scopes=[("rain", "wett")]), r"did you mean 'wet'\?"),
    (lambda: pair(scopes=[(0, 2)]), r"factor 0: variable 2 is not among"),
    (lambda: pair(scopes=["AB"]), r"factor 0: its scope is 'AB'; give a tuple"),
    (lambda: pair(scopes=[({}, "A")]), r"factor 0: \{\} is not hashable"),
    (lambda: pair(scopes=None), r"scopes is None"),
    (lambda: pair([1] * 4, n_states=(2, 2), scopes=[("A", "A")]), r"factor 0 over \(A, A\): variable 'A' appears twice"),
    (lambda: pair(names=["A", "A"]), r"name 'A' is given twice"),
    (lambda: pair(names=["A"]), r"1 names for 2 variables"),
    (lambda: pair(names=[["A"], "B"]), r"name \['A'\] is not hashable"),
    (lambda: pair(n_states=(2, 0)), r"variable 'B': 0 states; from 1 to 32768"),
    (lambda: pair(n_states=(2, -3)), r"variable 'B': -3 states"),
    (lambda: pair(n_states=(2, 10**9)), r"variable 'B': 1000000000 states; from 1 to 32768"),
    (lambda: pair(n_states=(2, 10**5000)), r"variable 'B': an integer of very many digits states"),
    (lambda: pair(n_states=(2, 2.0)), r"variable 'B': 2.0 states; give a whole number"),
    (lambda: pair(n_states=(2, True)), r"variable 'B': True states; give a whole number"),
    (lambda: pair(n_states=(2, "3")), r"variable 'B': '3' states"),
    (lambda: pair(n_states=(2, None)), r"variable 'B': None states"),
    (lambda: pair(n_states=np.array([2.0, 3.0])), r"variable 'A': 2.0 states"),
    (lambda: pair(n_states=np.array([[2, 3], [2, 3]])), r"variable 'A': \[2, 3\] states"),
    (lambda: pair(n_states=3), r"n_states is 3; give a list"),
    (lambda: pair(n_states="23"), r"n_states is '23'; give a list"),
    (lambda: pair(states=[["x", "y"]]), r"states: 1 sequences of labels for 2 variables"),
    (lambda: pair(states={"A": ["x", "y"]}), r"states: no labels for variable 'B'"),
    (lambda: pair(states={"A": [0, 1], "B": [0, 1, 2], "C": [0]}), r"states: 'C' is no variable"),
    (lambda: pair(states=[["x", "y"], ["x", "y"]]), r"variable 'B': labels \['x', 'y'\] for 3 states"),
    (lambda: pair(states=[["x", "x"], [0, 1, 2]]), r"variable 'A': a label appears twice"),
    (lambda: pair(states=[[[], 1], [0, 1, 2]]), r"variable 'A': a label of .* is not hashable"),
    (lambda: pair(states=["xy", [0, 1, 2]]), r"variable 'A': labels 'xy'"),
    (lambda: FactorGraph([], [], []), r"empty graph: n_states is empty"),
    (lambda: FactorGraph([2], [(0,)], []), r"0 tables for 1 scopes"),
    (lambda: FactorGraph([2], [0], [[1, 1]]), r"factor 0: its scope is 0; give a tuple of variables, such as \(0,\)"),
    (lambda: FactorGraph([2], [(1,)], [[1, 1]]), r"factor 0: variable 1 is not among the 1 of the graph"),
    (lambda: FactorGraph([2], [(-1,)], [[1, 1]]), r"factor 0: variable -1 is not among"),
    (lambda: FactorGraph([2, 2], [(0,), (True,)], [[1, 1]] * 2), r"factor 1: its scope \(True,\) holds a bool"),
    (lambda: FactorGraph([2], [(0,), ()], [[1, 1], [1, 2]]), r"factor 1 over \(\): 2 entries given, 1 needed \(a constant\)"),
    (lambda: FactorGraph([2], [(0,), (0,)], [[1, 1], [1, -1]]), r"factor 1 over \(0\): entry 1"),
    (lambda: FactorGraph.from_log_tables([2], [(0,)], [[0, np.nan]]), r"entry 1 .* is nan; log weights are below \+inf"),
    (lambda: FactorGraph.from_log_tables([2], [(0,)], [[0, np.inf]]), r"is inf; log weights"),
    (lambda: FactorGraph.from_log_tables([2], [(0,)], [[-np.inf] * 2]), r"all entries are zero"),
    (lambda: pair().log_score({"A": 0}), r"assignment: variable 'B' has no state"),
    (lambda: pair().log_score({"A": 0, "B": 3}), r"variable 'B' has no state 3; its states are 0, 1, 2"),
]


@pytest.mark.parametrize(("build", "message"), BAD_GRAPHS)
def test_bad_graphs(build, message):
    with pytest.raises(GraphError, match=message):
        build()


def test_huge_tables_are_refused_before_allocation():
    start = time.process_time()
    with pytest.raises(MemoryLimitError, match=r"factor 0 over \(0, 1, 2, 3, 4, 5, ...\) needs about 1.07e\+09 entries"):
        FactorGraph([2] * 30, [tuple(range(30))], [HUGE])
    with pytest.raises(MemoryLimitError, match=r"needs about 2\^600000 entries; all 1 tables"):
        FactorGraph([2**15] * 40_000, [tuple(range(40_000))], [[1.0]])
    assert time.process_time() - start < 2


def spin_glass(seed, n=6):
    rng = np.random.default_rng(seed)
    graph = nx.gnp_random_graph(n, 0.5, seed=seed)
    graph = nx.relabel_nodes(graph, {i: f"s{i}" for i in range(n)})
    for node in list(graph)[1:]:
        graph.nodes[node]["h"] = rng.standard_normal()
    for a, b in graph.edges:
        graph.edges[a, b]["J"] = rng.standard_normal()
    return graph


@pytest.mark.parametrize("seed", range(10))
def test_from_networkx_spins(seed):
    glass = spin_glass(seed)
    graph = FactorGraph.from_networkx(glass)
    assert graph.variables == list(glass)
    assert set(map(tuple, graph.states.values())) == {(-1, 1)}
    spins = 2 * enumerate_states(graph) - 1
    column = dict(zip(glass, spins.T, strict=True))
    energy = sum(data.get("h", 0) * column[v] for v, data in glass.nodes(data=True))
    energy = energy + sum(j * column[a] * column[b] for a, b, j in glass.edges(data="J"))
    np.testing.assert_allclose(joint(graph), np.exp(energy) / np.exp(energy).sum(), atol=1e-12)
    exact = graph.spins
    np.testing.assert_array_equal(exact.field, [data.get("h", 0) for _, data in glass.nodes(data=True)])
    np.testing.assert_array_equal(exact.coupling, [j for _, _, j in glass.edges(data="J")])
    assert (exact.edges[:, 0] < exact.edges[:, 1]).all()


@pytest.mark.parametrize("seed", range(10))
def test_spin_form_of_a_binary_model(seed):
    rng = np.random.default_rng(seed)
    scopes = [(), (0,), (1, 2), (2, 1), (0, 3), (3,), (0, 3)]
    graph = FactorGraph([2] * 4, scopes, [np.exp(rng.standard_normal((2,) * len(s))) for s in scopes])
    field, edges, coupling, constant = graph.spins
    assert edges.tolist() == [[0, 3], [1, 2]]
    states = enumerate_states(graph)
    spins = 2 * states - 1
    scores = constant + spins @ field + (spins[:, edges[:, 0]] * spins[:, edges[:, 1]]) @ coupling
    np.testing.assert_allclose(scores, log_scores(graph, states), atol=1e-12)
    assert np.logaddexp.reduce(scores) == pytest.approx(log_partition(graph))


@pytest.mark.parametrize(
    "graph",
    [
        FactorGraph([2, 3], [(0, 1)], [SIX]),
        FactorGraph([2, 2], [(0, 1)], [[1, 0, 0, 1]]),
        FactorGraph([2] * 3, [(0, 1, 2)], [[1] * 8]),
    ],
)
def test_no_spin_form(graph):
    assert graph.spins is None


@pytest.mark.parametrize("strength", [700.0, 1e4, -1e4])
def test_strong_couplings(strength):
    glass = nx.Graph([(0, 1, {"J": strength})])
    graph = FactorGraph.from_networkx(glass)
    assert graph.spins.coupling.tolist() == [strength]
    assert graph.log_score({0: 1, 1: -1}) == -strength


def test_attribute_names():
    glass = nx.Graph([("x", "y", {"weight": 2})])
    glass.nodes["x"]["bias"] = np.float32(0.5)
    graph = FactorGraph.from_networkx(glass, field="bias", coupling="weight")
    assert graph.log_score({"x": -1, "y": -1}) == 1.5


def bipartite(**changes):
    graph = nx.Graph()
    graph.add_node("rain", **{"bipartite": 0, "states": ["no", "yes"], **changes.get("rain", {})})
    graph.add_node("wet", **{"bipartite": 0, "cardinality": 3, **changes.get("wet", {})})
    factor = {"bipartite": 1, "scope": ["wet", "rain"], "table": np.arange(1, 7).reshape(3, 2), **changes.get("f", {})}
    graph.add_node("f", **factor)
    graph.add_edges_from([("rain", "f"), ("f", "wet")])
    graph.add_edges_from(changes.get("edges", []))
    return graph


def test_from_networkx_bipartite():
    graph = FactorGraph.from_networkx(bipartite())
    assert graph.states == {"rain": ["no", "yes"], "wet": [0, 1, 2]}
    assert graph.log_score({"rain": "yes", "wet": 2}) == pytest.approx(np.log(6))
    assert graph.log_score({"rain": "no", "wet": 1}) == pytest.approx(np.log(3))


def test_a_complete_bipartite_graph_of_spins_is_a_spin_model():
    glass = nx.complete_bipartite_graph(2, 3)
    nx.set_edge_attributes(glass, 0.1, "J")
    assert FactorGraph.from_networkx(glass).spins.coupling.size == 6


def edge(**data):
    return nx.Graph([("A", "B", data)])


def node_h(value):
    graph = edge(J=1.0)
    graph.nodes["A"]["h"] = value
    return graph


BAD_NETWORKS = [
    (nx.Graph(), "empty graph"),
    (nx.DiGraph([(0, 1)]), "the graph is directed"),
    (nx.MultiGraph([(0, 1), (0, 1)]), "MultiGraph, which may hold parallel edges"),
    ({0: [1]}, "a networkx.Graph is needed, a dict given"),
    (nx.Graph([("A", "A", {"J": 1.0})]), r"edge \('A', 'A'\) is a self loop; remove it"),
    (edge(), r"edge \('A', 'B'\) has no 'J'; give every edge one"),
    (edge(j=1.0), r"edge \('A', 'B'\) has no 'J'.*did you mean 'j'\?"),
    (edge(J=np.nan), r"edge \('A', 'B'\): J is nan; give a finite"),
    (edge(J=np.inf), r"edge \('A', 'B'\): J is inf"),
    (edge(J=10**400), r"edge \('A', 'B'\): J is 10{27}...0{29}; give a finite"),
    (edge(J="1"), r"edge \('A', 'B'\): J is '1'; give a real number"),
    (edge(J=True), r"J is True; give a real number"),
    (edge(J=1j), r"J is 1j; give a real number"),
    (edge(J=[1.0]), r"J is \[1.0\]; give a real number"),
    (node_h(np.nan), r"node 'A': h is nan"),
    (node_h(None), r"node 'A': h is None; give a real number"),
    (node_h("x"), r"node 'A': h is 'x'"),
    (bipartite(rain={"bipartite": 2}), r"node 'rain': bipartite is 2; mark variables with 0"),
    (bipartite(rain={"bipartite": None}), r"node 'rain': bipartite is None"),
    (bipartite(wet={"cardinality": None}), r"variable 'wet' has neither cardinality nor states"),
    (bipartite(wet={"cardinality": 10**12}), r"variable 'wet': cardinality 1000000000000; give a whole number"),
    (bipartite(wet={"cardinality": 2.5}), r"variable 'wet': cardinality 2.5"),
    (bipartite(rain={"cardinality": 3}), r"variable 'rain': states \['no', 'yes'\] for cardinality 3"),
    (bipartite(f={"table": None}), r"factor node 'f' has no table"),
    (bipartite(f={"scope": None}), r"factor node 'f' has no scope"),
    (bipartite(f={"scope": ["wet"]}), r"factor node 'f': scope \['wet'\] does not list its neighbours \('rain', 'wet'\)"),
    (bipartite(f={"scope": ["wet", "wind"]}), r"factor node 'f': scope"),
    (bipartite(f={"table": [1, 2]}), r"factor 0 over \(wet, rain\): 2 entries given, 6 needed \(3 x 2\)"),
    (bipartite(edges=[("rain", "wet")]), r"edge \('rain', 'wet'\) joins two nodes of one side"),
]


@pytest.mark.parametrize(("graph", "message"), BAD_NETWORKS)
def test_bad_networks(graph, message):
    with pytest.raises(GraphError, match=message):
        FactorGraph.from_networkx(graph)


def test_a_large_grid_builds_fast():
    grid = nx.grid_2d_graph(100, 100)
    scopes = [(node,) for node in grid] + list(grid.edges)
    tables = [np.array([1.0, 2.0])] * 10_000 + [np.array([[2.0, 1.0], [1.0, 2.0]])] * grid.number_of_edges()
    start = time.process_time()
    graph = FactorGraph([2] * 10_000, scopes, tables, names=list(grid))
    assert time.process_time() - start < 1
    assert graph.n_factors == 29_800


def test_importing_graphs_imports_neither_numba_nor_networkx():
    code = "import sys, stochinf.graphs as g; g.FactorGraph; g.read_graph; print({'numba', 'networkx'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
