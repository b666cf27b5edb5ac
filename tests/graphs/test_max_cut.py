"""Max-cut, QUBO and rudy files against their definitions; 20,000 damaged files."""

import contextlib
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse
from oracles import enumerate_states, log_scores

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs import max_cut, qubo
from stochinf.graphs.formats.rudy import parse_rudy, read_rudy, rudy_text
from stochinf.graphs.search import portfolio

pytestmark = pytest.mark.fast


def weighted(seed: int) -> nx.Graph:
    rng = np.random.default_rng(seed)
    graph = nx.gnm_random_graph(8, 14, seed=seed)
    nx.set_edge_attributes(graph, {edge: float(rng.integers(-4, 5)) for edge in graph.edges}, "weight")
    return graph


def cut(graph: nx.Graph, sides: dict[Any, int]) -> float:
    return sum(w for a, b, w in graph.edges(data="weight") if sides[a] != sides[b])


@pytest.mark.parametrize("seed", range(3))
def test_the_log_score_is_the_cut(seed: int) -> None:
    network = weighted(seed)
    graph = max_cut(network)
    states = enumerate_states(graph)
    for row, score in zip(states[::7], log_scores(graph, states[::7]), strict=True):
        sides = dict(zip(graph.variables, row.tolist(), strict=True))
        assert graph.cut_value(sides) == graph.cut_value(row) == cut(network, sides) == pytest.approx(score)
    if JIT:
        assert portfolio(graph, sweeps=2, rng=seed).log_score == max(graph.cut_value(row) for row in states)


def test_cuts_of_edges_parallel_ones_and_lone_nodes() -> None:
    assert max_cut([("a", "b"), ("b", "c", 2.5)]).cut_value({"a": 0, "b": 1, "c": 0}) == 3.5
    assert max_cut(np.array([[0, 1], [1, 2]])).cut_value([0, 1, 0]) == 2.0
    twice = nx.MultiGraph([(0, 1), (0, 1)])
    assert max_cut(twice).cut_value([0, 1]) == 2.0
    lone = nx.Graph()
    lone.add_nodes_from("ab")
    assert max_cut(lone).cut_value({"a": 1, "b": 0}) == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: max_cut([]), "no nodes"),
        (lambda: max_cut([(0, 0)]), "self loop"),
        (lambda: max_cut([(0, 1, "2")]), "weighs '2'"),
        (lambda: max_cut([(0, 1, np.inf)]), "weighs inf"),
        (lambda: max_cut([(0,)]), "edge 0 is"),
        (lambda: max_cut(["ab"]), "edge 0 is 'ab'"),
        (lambda: max_cut([([], 1)]), "not hashable"),
        (lambda: max_cut(nx.DiGraph([(0, 1)])), "directed"),
        (lambda: max_cut([(0, 1)]).cut_value([0, 2]), "give 0 or 1"),
        (lambda: max_cut([(0, 1)]).cut_value({0: 1}), "no state"),
        (lambda: qubo({}), "empty"),
        (lambda: qubo({("a",): 1.0}), "key"),
        (lambda: qubo({("a", "b"): np.nan}), "finite"),
        (lambda: qubo({("a", "b"): "1"}), "give a number"),
        (lambda: qubo(np.zeros((2, 3))), "shape"),
        (lambda: qubo("Q"), "dict of pairs"),
        (lambda: qubo({("a", "b"): 1.0}, offset=np.inf), "offset"),
        (lambda: qubo({("a", "b"): 1.0}).value([0, 3]), "give 0 or 1"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises(si.GraphError, match=message):
        make()


@pytest.mark.parametrize("offset", [0.0, -2.5])
def test_qubo_is_the_quadratic_form(offset: float) -> None:
    Q = np.random.default_rng(4).normal(size=(7, 7)) * (np.random.default_rng(5).random((7, 7)) < 0.6)
    graphs = [qubo(Q, offset), qubo(scipy.sparse.csr_matrix(Q), offset)]
    graphs.append(qubo({(i, j): Q[i, j] for i in range(7) for j in range(7)}, offset))
    states = enumerate_states(graphs[0])
    values = np.einsum("ni,ij,nj->n", states, Q, states) + offset
    for graph in graphs:
        assert -log_scores(graph, states) == pytest.approx(values, abs=1e-12)
        assert graph.value(states[77]) == pytest.approx(values[77])
        if JIT:
            assert -portfolio(graph, sweeps=2, rng=0).log_score == pytest.approx(values.min())


TEXT = "5 4\n1 2 3\n2 3 -1.5\n3 4 1e2\n4 1\n"


def test_files_in_any_dress(tmp_path: Path) -> None:
    wanted = [3.0 - 1.5, 3.0, 102.5]
    dresses = [
        TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode("utf-16"),
        TEXT.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
    ]
    dresses += [TEXT.encode("utf-16-le"), TEXT.encode("utf-16-be"), ("\n" + TEXT.replace(" ", "\t ") + "\n\n").encode()]
    for data in dresses:
        graph = parse_rudy(data)
        assert graph.variables == [1, 2, 3, 4, 5]
        assert [graph.cut_value(s) for s in ([0, 1, 0, 0, 0], [1, 0, 0, 1, 0], [0, 0, 1, 0, 1])][1] == 103.0
    path = tmp_path / "model.rudy"
    path.write_bytes(TEXT.encode())
    read = si.read_graph(path)
    assert rudy_text(read) == rudy_text(read_rudy(path)) == "5 4\n1 2 3\n1 4 1\n2 3 -1.5\n3 4 100\n"
    assert wanted[0] == read.cut_value([0, 1, 0, 0, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"), ("3\n", "line 1"), ("0 0\n", "empty graph"), ("2 1\n", "1 edges announced in line 1, 0 given"),
        ("2 1\n1 2 1\n1 2 1\n", "2 given"), ("2 1\n1 3 1\n", "line 2: vertex '3'; the vertices are 1 to 2"),
        ("2 1\n0 1 1\n", "vertex '0'"), ("2 1\n1 1 1\n", "itself"), ("2 1\n1 2 nan\n", "weight 'nan'"),
        ("2 1\n1 2 1e999\n", "weight '1e999'"), ("3 2\n1 2 1\n2 1 1\n", "line 3: the edge from 2 to 1 is given in line 2"),
        ("2 1\n1 2 3 4\n", "an edge is"), ("2 1\n1 2 \xe9\n", "neither ASCII"), ("2 1\n1.0 2 1\n", "vertex '1.0'"),
        ("99999999999 0\n", "at most"), ("-2 1\n", "numbers of vertices"),
    ],
)  # fmt: skip
def test_damaged_files(text: str, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        parse_rudy(text.encode("latin-1"))


@pytest.mark.parametrize("graph", [si.FactorGraph([3], [(0,)], [[1, 2, 3]]), si.FactorGraph([2], [(0,)], [[1, 2]])])
def test_what_is_no_cut_is_not_written(graph: si.FactorGraph) -> None:
    with pytest.raises(si.GraphError, match="rudy files hold cuts"):
        rudy_text(graph)


def test_mutants_are_read_or_refused() -> None:
    rng = np.random.default_rng(0)
    alphabet = np.frombuffer(b"0123456789 -+.eE\n\r\tx\x00\xff", np.uint8)
    for start in (TEXT.encode(), TEXT.encode("utf-16")):
        for _ in range(10_000):
            data = np.frombuffer(start, np.uint8).copy()
            places = rng.integers(0, data.size, rng.integers(1, 4))
            data[places] = alphabet[rng.integers(0, alphabet.size, places.size)]
            cut_at = int(rng.integers(1, data.size + 1)) if rng.random() < 0.2 else data.size
            with contextlib.suppress(si.StochinfError):
                assert np.isfinite(parse_rudy(data[:cut_at].tobytes()).log_weights).all()


@pytest.mark.parametrize("graph", [max_cut([(0, 1), (1, 2)]), qubo({(0, 1): 1.0, (1, 1): -2.0}, 0.5)])
def test_runs_are_saved_and_resumed(graph: Any, tmp_path: Path) -> None:
    si.run(si.graphs.Gibbs(), graph, steps=30, thin=3, chains=2, rng=0).save(tmp_path / "run.npz")
    assert si.resume(tmp_path / "run.npz", draws=3)["state"].shape[-1] == graph.n_variables
