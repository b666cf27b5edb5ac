"""The front door: what it takes, what it refuses and in which words, what it returns."""

import itertools
from typing import Any

import numpy as np
import pytest
from learning.listing import GRID, drawn, ising, mixed

import stochinf as si
from stochinf.graphs import FactorGraph, Logic, WeightedGraph
from stochinf.graphs.formats.deepdive import read_deepdive
from stochinf.graphs.formats.deepdive_writer import write_deepdive
from stochinf.learning.model import learning_model
from stochinf.learning.observations import observations

COIN = WeightedGraph([2], [("coin",)], [[None, "heads"]], names=["coin"], states=[["tails", "heads"]])
PAIR = WeightedGraph([2, 3], [("a", "b")], ["w"], {"w": [[0, 1, 2], [3, 1, 0]]}, names=["a", "b"], states=[[0, 1], list("xyz")])


@pytest.mark.fast
def test_weights_are_tables() -> None:
    """Names, numbers and entries of weights, shared features and base tables make the tables that they say."""
    by_name = WeightedGraph(
        [2, 2], [(0,), (0, 1)], ["h", [["a", None], [None, "a"]]], {"h": [-1, 1]}, values={"h": 2.0, "a": 3.0}
    )
    np.testing.assert_array_equal(by_name.log_weights, [-2, 2, 3, 0, 0, 3])
    by_number = WeightedGraph([2, 2], [(0, 1), (1, 0)], np.array([1, 0]), np.arange(8.0).reshape(2, 2, 2), values=[1.0, -1.0])
    np.testing.assert_array_equal(by_number.log_weights, [-0.0, -1, -2, -3, 4, 5, 6, 7])
    based = WeightedGraph([2], [(0,)], np.array([[-1, 0]]), [2.0], values={0: 0.5}, tables=[[3.0, 1.0]], fixed=[0])
    np.testing.assert_allclose(based.weights, [3, np.e])
    assert (based.weight_names, based.weight_fixed.tolist()) == ([0], [True])
    again = based.with_values([1.0])
    assert (again.log_weights.round(6).tolist(), based.weight_values.tolist()) == ([1.098612, 2.0], [0.5])
    assert WeightedGraph.from_recipe(**again.recipe()).log_weights.tolist() == again.log_weights.tolist()


def rows(*values: Any) -> Any:
    return observations(PAIR, list(values), None, (), None).rows.tolist()


@pytest.mark.fast
def test_rows_of_every_kind() -> None:
    """Arrays, floats with NaN, labels, dicts and data frames say the same."""
    pd = pytest.importorskip("pandas")
    known = [[0, 2], [1, -1], [-1, 0]]
    assert rows([0, "z"], [1, None], [float("nan"), "x"]) == known
    assert rows({"a": 0, "b": "z"}, {"a": 1}, {"b": "x"}) == known
    for data in (np.array(known), np.array([[0, 2], [1, np.nan], [np.nan, 0]])):
        assert observations(PAIR, data, None, (), None).rows.tolist() == known
    frame = pd.DataFrame({"b": ["z", None, "x"], "a": [0, 1, None]})
    assert observations(PAIR, frame, None, (), None).rows.tolist() == known
    weighed = observations(PAIR, np.array(known), None, (), [1.0, 0.0, 2.0])
    assert (weighed.rows.tolist(), weighed.weights.tolist()) == ([[0, 2], [-1, 0]], [1.0, 2.0])
    one = observations(PAIR, None, {"a": 1, "b": [0.5, 0.5, 1.0]}, ["a"], None)
    assert (one.rows.tolist(), one.soft[1].tolist(), one.given.tolist()) == ([[1, -1]], [0.25, 0.25, 0.5], [True, False])


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no data": (COIN, {}, "no data"),
    "rows and evidence": (COIN, {"data": [[1]], "evidence": {"coin": "heads"}}, "give one of them"),
    "no rows": (COIN, {"data": []}, "no rows"),
    "a method for data": (COIN, {"data": "pcd"}, "data is 'pcd'.*method="),
    "nothing observed": (COIN, {"evidence": {}}, "nothing to learn from"),
    "only what is given": (PAIR, {"evidence": {"a": 1}, "given": ["a"]}, "nothing to learn from"),
    "unknown label": (COIN, {"data": [["head"]]}, "row 0.*no state 'head'.*did you mean 'heads'"),
    "unknown variable": (COIN, {"data": [{"coins": "heads"}]}, "'coins'.*did you mean 'coin'"),
    "unknown state number": (COIN, {"data": np.array([[0], [2]])}, "row 1.*no state number 2"),
    "half a state": (COIN, {"data": np.array([[0.5]])}, "row 0.*0.5 is no state's number"),
    "short row": (PAIR, {"data": [[0, "x"], [1]]}, r"row 1 of the data is \[1\].*each of 2"),
    "given unknown": (PAIR, {"data": [[0, "x"]], "given": ["c"]}, "given: 'c' is no variable"),
    "given missing": (PAIR, {"data": [[0, "x"], [None, "y"]], "given": ["a"]}, "given: variable 'a'.*row 1"),
    "weights of rows": (COIN, {"data": [["heads"]], "sample_weight": [-1.0]}, "sample_weight of row 0"),
    "too few weights": (COIN, {"data": [["heads"]], "sample_weight": [1.0, 2.0]}, "sample_weight of shape"),
    "negative penalty": (COIN, {"data": [["heads"], ["tails"]], "l2": -1}, "l2 = -1"),
    "unknown method": (COIN, {"data": [["heads"], ["tails"]], "method": "magic"}, "magic"),
    "plain graph": (FactorGraph([2], [(0,)], [[1, 2]]), {"data": [[0]]}, "no weights to learn"),
    "all fixed": (WeightedGraph([2], [(0,)], [[None, "w"]], fixed=["w"]), {"data": [[0]]}, "all 1 are fixed"),
    "separable": (COIN, {"data": [["heads"], ["heads"]]}, r"weight 'heads'.*largest.*\+infinity.*l2="),
    "never seen": (COIN, {"data": [["tails"]]}, r"least.*-infinity"),
    "missing for pseudo-likelihood": (
        PAIR,
        {"data": [[0, "x"], [0, None]], "method": "pseudo-likelihood"},
        r"'b' is not observed \(row 1\).*method='exact'.*'pcd'",
    ),
    "batch of whole gradients": (PAIR, {"data": [[0, "x"], [0, "z"]], "method": "exact", "batch": 2}, "batch = 2"),
    "a rule without l1": (PAIR, {"data": [[0, "x"], [0, "z"]], "l1": 0.1, "optimizer": si.optim.LBFGS()}, "LBFGS: l1"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_refused(what: str) -> None:
    graph, words, message = WRONG[what]
    with pytest.raises(si.StochinfError, match=message):
        si.learn_weights(graph, **words)


GRAPHS: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "features that change nothing": (([2], [(0,)], ["w"]), {}, "'w' multiplies the same feature value in every entry"),
    "NaN feature": (([2], [(0,)], ["w"], [[0, np.nan]]), {}, "factor 0.*a feature value is nan"),
    "features of another shape": (([2, 2], [(0, 1)], ["w"], [[0, 1, 2]]), {}, "3 entries given, 4 needed"),
    "too few weights": (([2, 2], [(0,), (1,)], ["w"]), {}, "1 weights for 2 scopes"),
    "weights of another shape": (([2, 3], [(0, 1)], [[["a", "b"], ["c", "d"]]]), {}, "do not have the shape"),
    "too few entries": (([3], [(0,)], [["a", "b"]]), {}, "2 weights given for 3 entries"),
    "unknown value": (([2], [(0,)], [["heads", "tails"]]), {"values": {"head": 1.0}}, "'head' is no weight.*did you mean"),
    "infinite value": (([2], [(0,)], [["a", "b"]]), {"values": {"a": np.inf}}, "weight 'a' is inf"),
    "unknown fixed": (([2], [(0,)], [["a", "b"]]), {"fixed": ["c"]}, "fixed: 'c'"),
    "unknown feature": (([2], [(0,)], ["a"], {"b": [0, 1]}), {}, "features: 'b' is no weight"),
    "no variables": (([], [], []), {}, "empty graph"),
    "negative number": (([2], [(0,)], np.array([-2])), {}, "weight number -2"),
}


@pytest.mark.fast
@pytest.mark.parametrize("what", GRAPHS)
def test_graphs_that_are_refused(what: str) -> None:
    arguments, words, message = GRAPHS[what]
    with pytest.raises(si.GraphError, match=message):
        WeightedGraph(*arguments, **words)


def test_contradicting_evidence() -> None:
    """What tables exclude is named, in one graph, in rows, listed or not."""
    graph = WeightedGraph(
        [2, 2], [("a",), ("a", "b")], ["h", [[None, None], [None, None]]], {"h": [0, 1]}, tables=[[1, 1], [[1, 0], [1, 1]]],
        names=["a", "b"],
    )  # fmt: skip
    with pytest.raises(si.GraphError, match=r"impossible: 'a=0', 'b=1' has probability 0"):
        si.learn_weights(graph, evidence={"a": 0, "b": 1}, l2=0.1)
    with pytest.raises(si.GraphError, match=r"row 1.*impossible.*factor 1 over \(a, b\)"):
        si.learn_weights(graph, [[1, 1], [0, 1]], "pseudo-likelihood", l2=0.1)


def test_weights_without_data_are_named() -> None:
    graph = WeightedGraph([2, 2], [(0,), (1,)], [[None, "seen"], [None, "lost"]], values={"lost": 0.3})
    with pytest.warns(si.ConvergenceWarning, match="nothing that was observed depends on 'lost'"):
        learnt = si.learn_weights(graph, np.array([[1, -1], [1, -1], [0, -1]]))
    assert learnt.weights == {"seen": pytest.approx(np.log(2)), "lost": 0.3}
    assert learnt.se["lost"] == np.inf


def test_directions_without_effect_are_told() -> None:
    """Of a weight for every state one too many: the probabilities are learnt, the errors are infinite, and that is said."""
    graph = WeightedGraph([3], [(0,)], [["a", "b", "c"]])
    learnt = si.learn_weights(graph, [[0]] * 5 + [[1]] * 3 + [[2]] * 2)
    np.testing.assert_allclose(si.marginals(learnt.graph)[0], [0.5, 0.3, 0.2], atol=1e-7)
    assert set(learnt.se.values()) == {np.inf}
    assert "3 weights are not determined" in learnt.reason


def test_the_method_is_chosen_by_what_can_be_done() -> None:
    """Exact where parts are small or trees narrow; else pseudo-likelihood where nothing is missing."""
    side = 40
    edges = [(v, v + 1) for v in range(side**2) if v % side < side - 1] + [(v, v + side) for v in range(side**2 - side)]
    big = ising(edges, side**2, h=0.1, J=0.2)
    states = dict(enumerate(np.random.default_rng(0).integers(0, 2, side**2).tolist()))
    learnt = si.learn_weights(big, evidence=states, rng=1)
    assert (learnt.method, learnt.converged) == ("pseudo-likelihood", True)
    assert "every state is observed" in learnt.reason
    assert learnt.moments is not None
    assert np.all(np.abs(learnt.moments.model - learnt.moments.data) < 300)
    assert all(error > 0 for error in learnt.moments.error)
    small = si.learn_weights(ising(GRID, 9, h=0.1), drawn(ising(GRID, 9, h=0.1, J=0.2), 50, 0))
    assert (small.method, small.rhat, set(small.spread.values())) == ("exact", {}, {0.0})


def test_fixed_weights_stay_and_order_does_not_matter() -> None:
    """The fixed weight is what it was; rows in another order, or some of them weighed double, give the same weights."""
    graph = mixed()
    data = drawn(graph, 300, 4)
    learnt = si.learn_weights(graph, data, l2=0.01)
    other = si.learn_weights(graph, np.concatenate([data[::-1], data[:150]]), l2=0.01, sample_weight=[1.0] * 150 + [0.5] * 300)
    assert (learnt.weights["d"], learnt.se["d"]) == (graph.weight_values[graph.weight_names.index("d")], 0.0)
    np.testing.assert_allclose(learnt.values, other.values, atol=1e-6)
    assert [row["fixed"] for row in learnt.table()] == [name == "d" for name in learnt.weights]
    assert learnt.graph.weight_values.tolist() == learnt.values.tolist()
    assert f"'h': {learnt.weights['h']:.6g}" in repr(learnt)


def test_a_folder_is_learnt_with_its_evidence(tmp_path: Any) -> None:
    """Rules written for DeepDive: fixed flags and evidence return, and learning from the folder is learning from the graph."""
    logic = Logic([f"x{i}" for i in range(6)], weights={"coin": 0.0, "pair": 0.0})
    for i in range(6):
        logic.add("istrue", f"x{i}", weight="coin")
    for i, j in itertools.pairwise(range(6)):
        logic.add("equal", f"x{i}", f"x{j}", weight="pair")
    logic.add("istrue", "x0", weight=0.25)
    graph = logic.graph()
    evidence = {f"x{i}": bool(i % 3) for i in range(5)}
    write_deepdive(graph, tmp_path / "graph", evidence)
    read = read_deepdive(tmp_path / "graph")
    assert read.fixed.tolist() == graph.weight_fixed.tolist() == [False, False, True]
    one, other = si.learn_weights(graph, evidence=evidence), si.learn_weights(tmp_path / "graph")
    np.testing.assert_allclose(one.values, other.values, atol=1e-9)
    assert (list(one.weights), list(other.weights)) == (["coin", "pair", "rule 11"], [0, 1, 2])
    assert learning_model(one.graph).values.tolist() == one.values.tolist()


def test_callbacks_end_a_run() -> None:
    graph = ising(GRID, 9, h=0.1, J=0.2)
    learnt = si.learn_weights(
        graph.with_values([0.0, 0.0]), drawn(graph, 100, 0), callback=lambda report: report.step >= 1, se=False
    )
    assert not learnt.converged
    assert "callback" in learnt.reason
    assert all(np.isnan(error) for error in learnt.se.values())
