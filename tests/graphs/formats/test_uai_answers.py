"""UAI writers and result files."""

import io
import math

import numpy as np
import pytest
from oracles import DATA, random_graph, read_mar

from stochinf.engine.errors import GraphError
from stochinf.graphs import FactorGraph, read_evidence, read_graph
from stochinf.graphs.formats import (
    evidence_text,
    parse_uai,
    parse_uai_result,
    read_uai_result,
    uai_text,
    write_evidence,
    write_graph,
    write_uai_partition,
    write_uai_state,
)

pytestmark = pytest.mark.fast

UAI = DATA / "uai"
GRAPH = FactorGraph([2, 3], [("A", "B")], [[1, 2, 3, 4, 5, 6]], names=["A", "B"], states=[["off", "on"], list("xyz")])


@pytest.mark.parametrize("name", sorted(path.name for path in UAI.glob("*.uai")))
def test_round_trips_of_files(name, tmp_path):
    graph = read_graph(UAI / name)
    write_graph(graph, tmp_path / "again.uai.gz")
    again = read_graph(tmp_path / "again.uai.gz")
    for ours, theirs in zip(graph.flat, again.flat, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(graph.child, again.child)


@pytest.mark.parametrize("seed", range(20))
def test_round_trips_of_random_graphs(seed):
    graph = random_graph(seed, zeros=0.3)
    again = parse_uai(uai_text(graph).encode())
    for ours, theirs in zip(graph.flat, again.flat, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_of_any_size_come_back_to_the_bit():
    rng = np.random.default_rng(0)
    special = [5e-324, 1e-310, 1.7e308, 0, 1, 1 + 2**-52, 1 - 2**-53, 0.1, 0.4, 1e15]
    weights = np.concatenate([10 ** rng.uniform(-307, 308, 2000), np.round(rng.random(1990), 3) + 1e-3, special])
    graph = FactorGraph([4, 1000], [(0, 1)], [weights])
    again = parse_uai(uai_text(graph).encode())
    np.testing.assert_array_equal(again.log_weights, graph.log_weights)
    assert "0.4 " in uai_text(graph)


def test_logarithms_that_no_weight_has():
    with pytest.raises(GraphError, match=r"exp\(1000\) does not fit a float64"):
        uai_text(FactorGraph.from_log_tables([2], [(0,)], [[1000, 0]]))


def test_networks_stay_networks():
    bayes = parse_uai(b"BAYES 2 2 2 2 1 0 2 0 1 2 0.5 0.5 4 0.1 0.9 0.2 0.8")
    assert uai_text(bayes).startswith("BAYES")
    assert uai_text(GRAPH).startswith("MARKOV")
    loop = parse_uai(b"BAYES 2 2 2 2 2 1 0 2 0 1 4 0.5 0.5 0.5 0.5 4 0.1 0.9 0.2 0.8")
    assert loop.child is None


def test_evidence(tmp_path):
    assert evidence_text({}, GRAPH) == "0\n"
    assert evidence_text({"B": "z", "A": "off"}, GRAPH) == "2 0 0 1 2\n"
    write_evidence({"B": "z"}, GRAPH, tmp_path / "model.evid.gz")
    assert read_evidence(tmp_path / "model.evid.gz", GRAPH) == {"B": "z"}
    with pytest.raises(GraphError, match="has no state 'w'"):
        evidence_text({"B": "w"}, GRAPH)
    with pytest.raises(GraphError, match=r"no evidence format"):
        write_evidence({}, GRAPH, tmp_path / "model.txt")


def test_states_and_partition_functions(tmp_path):
    file = io.StringIO()
    write_uai_state({"A": "on", "B": "z"}, GRAPH, file)
    write_uai_state({"A": "on", "B": "z"}, GRAPH, file, task="MPE")
    write_uai_partition(math.log(1e-5), file)
    assert file.getvalue().startswith("MAP\n2 1 2\nMPE\n2 1 2\nPR\n")
    write_uai_partition(-12.5, tmp_path / "m.PR")
    assert read_uai_result(tmp_path / "m.PR").log_partition == pytest.approx(-12.5, rel=1e-15)
    write_uai_partition(-math.inf, tmp_path / "zero.PR")
    assert read_uai_result(tmp_path / "zero.PR").log_partition == -math.inf
    with pytest.raises(GraphError, match="task is 'MAR'"):
        write_uai_state({"A": "on", "B": "z"}, GRAPH, file, task="MAR")
    with pytest.raises(GraphError, match="'B' has no state"):
        write_uai_state({"A": "on"}, GRAPH, file)
    with pytest.raises(GraphError, match="log_partition is nan"):
        write_uai_partition(math.nan, file)


def test_stored_marginals():
    result = read_uai_result(UAI / "Segmentation_12.uai.MAR")
    for ours, theirs in zip(result.marginals, read_mar(UAI / "Segmentation_12.uai.MAR"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("text", "task", "value"),
    [
        ("PR\n-2.0", "PR", -2 * math.log(10)),
        ("PR\n1\n-2.0", "PR", -2 * math.log(10)),
        ("PR\n-BEGIN-\n3\n-BEGIN-\n-2.0\n", "PR", -2 * math.log(10)),
        ("PR\n-BEGIN-\n-2.0\n-BEGIN-\n", "PR", -2 * math.log(10)),
        ("MAP\n3 0 1 2", "MAP", [0, 1, 2]),
        ("MPE\n1\n3 0 1 2", "MPE", [0, 1, 2]),
        ("MAP\n1 0", "MAP", [0]),
        ("MAP\n-BEGIN-\n3 0 0 0\n-BEGIN-\n3 0 1 2\n-BEGIN-\n3 0", "MAP", [0, 1, 2]),
        ("MAR\n2 2 0.5 0.5 1 1", "MAR", [[0.5, 0.5], [1.0]]),
        ("MAR\n1\n2 2 0.5 0.5 1 1", "MAR", [[0.5, 0.5], [1.0]]),
        ("MAR\n1 2 0.25 0.75", "MAR", [[0.25, 0.75]]),
    ],
)
def test_results(text, task, value):
    result = parse_uai_result(text.encode())
    assert result.task == task
    found = {"PR": result.log_partition, "MAR": [row.tolist() for row in result.marginals]}.get(task, result.states)
    assert found == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"ends within MAR, MAP, MPE or PR"),
        ("MAX 3", r"is not a finite decimal number|first word is 'MAX'"),
        ("3 MAR", r"the first word is '3'"),
        ("PR", r"PR with 0 numbers"),
        ("PR 1 2 3", r"PR with 3 numbers; it has one number"),
        ("PR nan", r"is not a finite"),
        ("MAP 3 0 1", r"MAP with 3 numbers; it has the number of variables"),
        ("MAP 2 0 0.5", r"MAP with 3 numbers"),
        ("MAP 2 0 -1", r"MAP with 3 numbers"),
        ("MAR 2 2 0.5 0.5 2 0.5", r"MAR with 6 numbers"),
        ("MAR 1 2 0.5 M", r"MAR: 'M' is no decimal number"),
        ("PR\n-BEGIN-\n", r"PR with 0 numbers"),
    ],
)
def test_bad_results(text, message):
    with pytest.raises(GraphError, match=message):
        parse_uai_result(text.encode())
