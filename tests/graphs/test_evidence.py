import numpy as np
import pytest
from oracles import exact_marginals, joint, random_graph

from stochinf.engine.errors import GraphError
from stochinf.graphs import FactorGraph
from stochinf.graphs.evidence import check_evidence

GRAPH = FactorGraph(
    [2, 3, 2],
    [("Rain", "Wet", 7)],
    [np.ones(12)],
    names=["Rain", "Wet", 7],
    states=[["no", "yes"], [0, 1, 2], [-1, 1]],
)


@pytest.mark.parametrize(
    ("evidence", "states"),
    [
        (None, [-1, -1, -1]),
        ({}, [-1, -1, -1]),
        ({"Rain": "yes"}, [1, -1, -1]),
        ({7: -1, "Wet": 2}, [-1, 2, 0]),
        ({"Wet": np.int64(1), 7: 1.0}, [-1, 1, 1]),
        ({"Rain": np.str_("no")}, [0, -1, -1]),
    ],
)
def test_evidence(evidence, states):
    chosen = check_evidence(GRAPH, evidence)
    assert chosen.dtype == np.int32
    assert chosen.tolist() == states


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ({"rain": "yes"}, r"variable 'rain' is not among the 3 of the graph; did you mean 'Rain'\?"),
        ({"7": 1}, r"variable '7' is not among the 3 of the graph; did you mean 7\?"),
        ({"zzz": 1}, r"variable 'zzz' is not among the 3 of the graph$"),
        ({"Rain": "Yes"}, r"variable 'Rain' has no state 'Yes'; its states are 'no', 'yes'; did you mean 'yes'\?"),
        ({"Rain": 1}, r"variable 'Rain' has no state 1"),
        ({"Wet": 3}, r"variable 'Wet' has no state 3; its states are 0, 1, 2"),
        ({"Wet": "2"}, r"variable 'Wet' has no state '2'; .*did you mean 2\?"),
        ({"Wet": True}, r"variable 'Wet' has no state True"),
        ({"Wet": np.True_}, r"variable 'Wet' has no state"),
        ({"Wet": None}, r"variable 'Wet' has no state None"),
        ({"Wet": np.nan}, r"variable 'Wet' has no state nan"),
        ({"Wet": [1]}, r"variable 'Wet' has no state \[1\]"),
        ({"Wet": np.array([1, 2])}, r"variable 'Wet' has no state array"),
        ({7: 0}, r"variable 7 has no state 0; its states are -1, 1"),
        (["Rain"], r"evidence is a list; give a dict"),
        ("Rain", r"evidence is a str; give a dict"),
    ],
)
def test_bad_evidence(evidence, message):
    with pytest.raises(GraphError, match=message):
        check_evidence(GRAPH, evidence)


def test_labels_that_are_booleans():
    graph = FactorGraph([2], [(0,)], [[1, 2]], states=[[False, True]])
    assert check_evidence(graph, {0: True}).tolist() == [1]


@pytest.mark.parametrize("seed", range(5))
def test_oracle_conditions_on_evidence(seed):
    graph = random_graph(seed)
    node = graph.variables[0]
    label = graph.states[node][-1]
    marginals = exact_marginals(graph, {node: label})
    np.testing.assert_allclose(marginals[node], [0.0] * (len(graph.states[node]) - 1) + [1.0], atol=1e-12)
    assert joint(graph, {node: label}).sum() == pytest.approx(1)
