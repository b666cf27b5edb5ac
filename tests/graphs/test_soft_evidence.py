import numpy as np
import pandas as pd
import pytest
from oracles import exact_marginals, joint, log_partition, random_graph

from stochinf.engine.errors import GraphError
from stochinf.graphs import FactorGraph
from stochinf.graphs.evidence import split_evidence, with_soft
from stochinf.graphs.evidence_rows import evidence_rows
from stochinf.graphs.formats import parse_uai

pytestmark = pytest.mark.fast

GRAPH = FactorGraph(
    [2, 3, 2],
    [("Rain", "Wet", 7)],
    [np.arange(1.0, 13.0)],
    names=["Rain", "Wet", 7],
    states=[["no", "yes"], [0, 1, 2], [-1, 1]],
)
NETWORK = parse_uai(b"BAYES 3 2 2 3  3 1 0 2 0 1 3 0 1 2  2 .8 .2  4 .9 .1 .3 .7  12 .2 .3 .5 .1 .1 .8 .6 .2 .2 .3 .3 .4")


@pytest.mark.parametrize(
    ("value", "likelihoods"),
    [
        ([0.5, 2, 0], [0.5, 2, 0]),
        (np.array([1, 2, 3]), [1, 2, 3]),
        ({0: 0.25, 2: 1.0, 1: 0.0}, [0.25, 0, 1]),
        ([1.0, 1.0, 1.0], [1, 1, 1]),
    ],
)
def test_soft_evidence_multiplies(value, likelihoods):
    clamped, soft = split_evidence(GRAPH, {"Rain": "yes", "Wet": value})
    assert clamped.tolist() == [1, -1, -1]
    np.testing.assert_allclose(np.exp(soft[1]), likelihoods, rtol=1e-15)
    graph = with_soft(GRAPH, soft)
    expected = (np.arange(1.0, 13.0).reshape(2, 3, 2) * np.array(likelihoods, float)[:, None])[1]
    assert log_partition(graph, {"Rain": "yes"}) == pytest.approx(np.log(expected.sum()))
    np.testing.assert_allclose(exact_marginals(graph, {"Rain": "yes"})["Wet"], expected.sum(1) / expected.sum())
    assert graph.states == GRAPH.states


@pytest.mark.parametrize("seed", range(6))
def test_soft_evidence_on_random_graphs(seed):
    graph, rng = random_graph(seed, zeros=0.2), np.random.default_rng(seed)
    likelihoods = {node: rng.random(len(graph.states[node])) for node in graph.variables[::2]}
    clamped, soft = split_evidence(graph, likelihoods)
    assert (clamped == -1).all()
    weights = joint(graph)
    states = np.indices(tuple(graph.n_states.tolist())).reshape(graph.n_variables, -1)
    for node, row in likelihoods.items():
        weights = weights * row[states[graph.index[node]]]
    np.testing.assert_allclose(joint(with_soft(graph, soft)), weights / weights.sum(), atol=1e-12)


def test_nothing_soft_is_the_same_graph():
    clamped, soft = split_evidence(GRAPH, None)
    assert (clamped.tolist(), soft) == ([-1, -1, -1], {})
    assert with_soft(GRAPH, soft) is GRAPH


def test_a_network_stays_one_with_soft_evidence():
    graph = with_soft(NETWORK, split_evidence(NETWORK, {2: [1, 0, 1]})[1])
    assert graph.child.tolist() == [0, 1, 2, -1]
    again = FactorGraph.from_recipe(**graph.recipe())
    assert again.child.tolist() == [0, 1, 2, -1]
    assert graph.do({1: 0}).n_factors == 4


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ({"Wet": [1, 2]}, r"variable 'Wet': likelihoods \[1, 2\]; give 3 numbers"),
        ({"Wet": [[1, 2, 3]]}, r"give 3 numbers"),
        ({"Wet": [1, [2], 3]}, r"give 3 numbers"),
        ({"Wet": ["a", "b", "c"]}, r"give 3 numbers"),
        ({"Wet": [True, False, True]}, r"give 3 numbers"),
        ({"Wet": [1, 2, np.nan]}, r"finite, at least 0 and not all 0"),
        ({"Wet": [1, 2, np.inf]}, r"finite, at least 0"),
        ({"Wet": [1, -2, 3]}, r"finite, at least 0"),
        ({"Wet": [0, 0, 0]}, r"not all 0"),
        ({"Wet": {0: 1, 1: 1}}, r"no likelihood for state 2"),
        ({"Wet": {0: 1, 1: 1, 3: 1}}, r"has no state 3"),
        ({"wet": [1, 1, 1]}, r"variable 'wet' is not among the 3 of the graph; did you mean 'Wet'"),
        ([1], r"evidence is a list; give a dict"),
    ],
)
def test_bad_soft_evidence(evidence, message):
    with pytest.raises(GraphError, match=message):
        split_evidence(GRAPH, evidence)


def test_rows_of_evidence():
    dicts = [{"Rain": "yes"}, {"Wet": 2, 7: -1}, {}]
    expected = [[1, -1, -1], [-1, 2, 0], [-1, -1, -1]]
    frame = pd.DataFrame({7: [np.nan, -1, np.nan], "Rain": ["yes", None, None], "Wet": [np.nan, 2, np.nan]})
    for rows in (dicts, np.array(expected), np.array(expected, np.int8), frame):
        found = evidence_rows(GRAPH, rows)
        assert [row.tolist() for row in found] == expected
        assert all(row.dtype == np.int32 for row in found)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"Rain": "maybe"}], r"row 0 of the evidence: variable 'Rain' has no state 'maybe'"),
        ([{}, {"rain": "no"}], r"row 1 of the evidence: .* did you mean 'Rain'"),
        ([{}, 3], r"evidence row 1 is 3; give a dict"),
        ("Rain", r"are a str; give a list of dicts"),
        ({"Rain": "yes"}, r"are a dict; give a list of dicts"),
        (np.zeros((2, 2), int), r"shape \(2, 2\); give integers of shape \(rows, 3\)"),
        (np.zeros((2, 3)), r"dtype float64"),
        (np.array([[0, 0, 0], [0, 3, 0]]), r"row 1 of the evidence: variable 'Wet' has no state number 3; from 0 to 2"),
        (np.array([[0, 0, -2]]), r"row 0 of the evidence: variable 7 has no state number -2"),
        (pd.DataFrame({"rain": ["no"]}), r"column 'rain' is no variable .*did you mean 'Rain'"),
        (pd.DataFrame({"Rain": ["no", "perhaps"]}), r"row 1 of the evidence: variable 'Rain' has no state 'perhaps'"),
    ],
)
def test_bad_rows(rows, message):
    with pytest.raises(GraphError, match=message):
        evidence_rows(GRAPH, rows)


def conditionals(graph):
    """The conditional tables of the network above, by variable, parents first."""
    flat = graph.flat
    return [
        graph.weights[a:b].reshape(flat.cardinality[flat.scope[c:d]])
        for a, b, c, d in zip(flat.table_start, flat.table_start[1:], flat.scope_start, flat.scope_start[1:], strict=False)
    ]


def test_intervening_is_not_observing():
    a, _, c = conditionals(NETWORK)
    done = NETWORK.do({1: 1})
    truth = a[:, None] * c[:, 1, :]
    np.testing.assert_allclose(exact_marginals(done)[2], truth.sum(0), atol=1e-14)
    np.testing.assert_allclose(exact_marginals(done)[0], a, atol=1e-14)
    np.testing.assert_allclose(exact_marginals(done)[1], [0, 1], atol=1e-14)
    assert abs(exact_marginals(NETWORK, {1: 1})[0] - a).max() > 0.1
    mixed = NETWORK.do({1: [0.25, 0.75]})
    truth = np.einsum("a,b,abc->c", a, [0.25, 0.75], c)
    np.testing.assert_allclose(exact_marginals(mixed)[2], truth, atol=1e-14)
    assert mixed.child.tolist() == [0, 1, 2]
    np.testing.assert_allclose(exact_marginals(NETWORK.do({}))[2], exact_marginals(NETWORK)[2], atol=1e-15)
    both = NETWORK.do({0: 1, 1: 0})
    np.testing.assert_allclose(exact_marginals(both)[2], c[1, 0], atol=1e-14)


@pytest.mark.parametrize(
    ("interventions", "message"),
    [
        ({5: 1}, r"do: no variable 5 in the graph"),
        ({1: 7}, r"variable 1 has no state 7"),
        ({1: [0.5, 0.6]}, r"give a state, or 2 probabilities that sum to 1"),
        ({1: [1.0]}, r"2 probabilities"),
        ({1: [-1, 2]}, r"2 probabilities"),
        ({1: ["a", "b"]}, r"2 probabilities"),
        ([1], r"give a dict from variable to state"),
    ],
)
def test_bad_interventions(interventions, message):
    with pytest.raises(GraphError, match=message):
        NETWORK.do(interventions)


def test_only_networks_are_intervened_on():
    with pytest.raises(GraphError, match=r"this graph is no Bayesian network"):
        GRAPH.do({"Rain": "yes"})
