"""The exact likelihood against listing every configuration, and its optima against closed forms."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learning.listing import GRID, drawn, ising, log_likelihood, mixed, slope

import stochinf as si
from stochinf.graphs import Logic, WeightedGraph
from stochinf.graphs.logic import FUNCTIONS
from stochinf.learning.enumerated import Enumerated
from stochinf.learning.exact import ExactLikelihood, exact_parts
from stochinf.learning.model import learning_model, row_statistics, statistics
from stochinf.learning.observations import Observations, observations
from stochinf.learning.trees import Propagated

DEEPDIVE = Path(os.environ.get("STOCHINF_DATA", "missing")) / "graphical" / "deepdive" / "sampler" / "test"

GRAPH = mixed()
ROWS = drawn(GRAPH, 12, 1)
HOLES = np.where(np.random.default_rng(2).random(ROWS.shape) < 0.3, -1, ROWS)
HOLES[0] = -1
SEEN: dict[str, Observations] = {
    "complete rows": observations(GRAPH, ROWS, None, (), None),
    "weighed rows with holes": observations(GRAPH, HOLES, None, (), np.arange(12) / 3),
    "given inputs": observations(GRAPH, np.where([True, False, True, False, True], ROWS, HOLES), None, [0, 4], None),
    "a separating input": observations(GRAPH, ROWS, None, [1, 3], None),
    "one graph": observations(GRAPH, None, {0: int(ROWS[1, 0]), 4: int(ROWS[1, 4])}, (), None),
    "soft": observations(GRAPH, None, {1: [0.2, 0.5, 0.3], 2: [1, 3], 4: 1}, (), None),
    "soft and given": observations(GRAPH, None, {1: [0.2, 0.5, 0.3], 0: 1, 3: 0}, [0, 3], None),
}


@pytest.mark.fast
@pytest.mark.parametrize("what", SEEN)
@pytest.mark.parametrize("listed", [True, False])
def test_value_gradient_and_information(what: str, listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By listing and by junction trees: the value of the definition, gradients and information by differences of it."""
    if not listed:
        monkeypatch.setattr("stochinf.learning.exact.enumerable", lambda instance: False)
    model, observed = learning_model(GRAPH), SEEN[what]
    likelihood = ExactLikelihood(model, observed)
    assert all(isinstance(block, Enumerated if listed else Propagated) for block in likelihood.blocks)

    def mean(w: Any) -> float:
        values = np.array(model.values)
        values[model.learnt] = w
        return log_likelihood(GRAPH.with_values(values), observed)

    here = model.values[model.learnt] + 0.1
    np.testing.assert_allclose(-likelihood.value(here), mean(here), rtol=1e-11)
    np.testing.assert_allclose(-likelihood.gradient(here), slope(mean, here), atol=1e-8)
    np.testing.assert_allclose(likelihood.information(here), slope(likelihood.gradient, here), atol=1e-7)


@pytest.mark.fast
@pytest.mark.parametrize("function", FUNCTIONS)
def test_statistics_of_rules(function: str) -> None:
    """A rule's statistic is its feature times its function, as rule and as table; and the weights multiply statistics."""
    logic = Logic({"a": [0, 1], "b": "xyz", "c": [0, 1], "d": [0, 1]}, weights={"w": 0.7, "v": -0.4})
    logic.add(function, ("a", 0), ("b", "y"), "c", weight="w", feature=1.5)
    logic.add(function, "d", weight="v")
    logic.add(function, "c", "d", weight=0.9)
    graph = logic.graph()
    model = learning_model(graph)
    states = drawn(graph, 30, 0)
    assert (model.names, model.fixed.tolist()) == (["w", "v", "rule 2"], [False, False, True])
    rows = row_statistics(model, states)
    values = np.array([graph.values(row) for row in states.astype(np.int64)])
    np.testing.assert_allclose(rows * model.values, values, atol=1e-12)
    np.testing.assert_allclose(row_statistics(model.tabulated(), states), rows, atol=1e-12)
    np.testing.assert_allclose(statistics(model, states, np.arange(30.0)), np.arange(30.0) @ rows, atol=1e-10)


@pytest.mark.fast
def test_equal_parts_are_one_part() -> None:
    """A thousand copies of a pair, and what is not observed at all, cost one part."""
    pairs = [(2 * i, 2 * i + 1) for i in range(1000)]
    graph = WeightedGraph([2] * 2000, pairs, ["J"] * 1000, {"J": [[1, -1], [-1, 1]]})
    evidence = {v: int(v % 2 == 0 or v % 8 > 3) for v in range(1000)}
    parts = exact_parts(learning_model(graph), observations(graph, None, evidence, (), None))
    assert (len(parts), sorted(parts[0].weights.tolist())) == (1, [250.0, 250.0])


CLOSED = {
    "biased_coin": [np.log(8) / 2],
    "biased_coin_continuous": [0.0],
    "biased_coin_truthiness": [-np.log(4) / 2, np.log(4) / 2],
    "biased_coin_with_multinomial": [-np.log(8) / 2, np.log(8) / 2],
    "sparse_domains": [0.0, np.log(2), np.log(3), np.log(4), 2.0, 3.0, 2.0, 0.0],
}


@pytest.mark.skipif(not DEEPDIVE.exists(), reason="data not present")
@pytest.mark.parametrize("case", CLOSED)
def test_closed_forms_of_dimmwitted(case: str) -> None:
    learnt = si.learn_weights(DEEPDIVE / case)
    np.testing.assert_allclose(learnt.values, CLOSED[case], atol=1e-6)
    assert learnt.converged
    assert learnt.method == "exact"


@pytest.mark.skipif(not DEEPDIVE.exists(), reason="data not present")
def test_a_likelihood_without_maximum_is_told() -> None:
    """In partial_observation one hidden variable explains all: weights only grow; a penalty gives them an end."""
    with pytest.warns(si.ConvergenceWarning, match=r"run away.*l2="):
        away = si.learn_weights(DEEPDIVE / "partial_observation")
    assert not away.converged
    assert min(away.values) > 8
    kept = si.learn_weights(DEEPDIVE / "partial_observation", l2=0.1)
    assert kept.converged
    assert min(kept.values) > 0


def test_a_table_is_learnt_to_its_frequencies() -> None:
    """Weights of a saturated table are the log odds of counts; Fisher's information is that of a multinomial distribution."""
    counts = np.array([[50, 20, 10], [5, 10, 5]])
    graph = WeightedGraph([2, 3], [(0, 1)], [[[None, "01", "02"], ["10", "11", "12"]]])
    rows = np.repeat(np.array([(i, j) for i in range(2) for j in range(3)]), 1, axis=0)
    learnt = si.learn_weights(graph, rows, sample_weight=counts.ravel())
    np.testing.assert_allclose(learnt.values, np.log(counts / counts[0, 0]).ravel()[1:], atol=1e-6)
    np.testing.assert_allclose(list(learnt.se.values()), np.sqrt(1 / counts.ravel()[1:] + 1 / counts[0, 0]), rtol=1e-5)
    np.testing.assert_allclose(si.marginals(learnt.graph)[1], counts.sum(axis=0) / 100, atol=1e-6)
    repeated = si.learn_weights(graph, np.repeat(rows, counts.ravel(), axis=0))
    np.testing.assert_allclose(repeated.values, learnt.values, atol=1e-7)
    np.testing.assert_allclose(list(repeated.se.values()), list(learnt.se.values()), rtol=1e-6)


@pytest.mark.parametrize("penalty", [{}, {"l2": 0.05}, {"l1": 0.05}])
@pytest.mark.parametrize("method", ["exact", "pseudo-likelihood"])
def test_given_inputs_make_a_logistic_regression(penalty: dict[str, float], method: str) -> None:
    """p(y | x) of a factor for each input is a logistic regression on x: its optimality conditions hold, zeros of l1 included."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, (300, 3))
    y = (rng.random(300) < 1 / (1 + np.exp(0.4 - x @ [1.2, 0.05, -0.8]))).astype(int)
    names = [f"x{j}" for j in range(3)]
    scopes: list[tuple[str, ...]] = [(name, "y") for name in names]
    graph = WeightedGraph([2] * 4, scopes, names, [[[0, 0], [0, 1]]] * 3, names=[*names, "y"])
    learnt = si.learn_weights(graph, np.column_stack([x, y]), method, given=names, **penalty)
    w, l1, l2 = learnt.values, penalty.get("l1", 0.0), penalty.get("l2", 0.0)
    slopes = x.T @ (1 / (1 + np.exp(-x @ w)) - y) / 300 + l2 * w
    active = w != 0
    np.testing.assert_allclose(slopes[active], -l1 * np.sign(w[active]), atol=1e-7)
    assert (np.abs(slopes[~active]) <= l1 + 1e-7).all()
    assert (~active).any() == (l1 > 0)


def test_hidden_variables_are_summed_out() -> None:
    """A mixture of two coins, its hidden variable never seen: at the optimum the moments agree; a better optimum is not near."""
    truth = ising([(0, 1), (0, 2), (0, 3)], 4, couplings=["a", "b", "c"], a=0.9, b=0.8, c=-0.7)
    rows = drawn(truth, 4000, 5)
    rows[:, 0] = -1
    learnt = si.learn_weights(truth.with_values({"a": 0.3, "b": 0.3, "c": -0.3}), rows)
    assert learnt.moments is not None
    assert learnt.moments.largest < 1e-6
    for name, value in {"a": 0.9, "b": 0.8, "c": -0.7}.items():
        assert abs(learnt.weights[name] - value) < 4 * learnt.se[name] < 1.0


def test_a_grid_beyond_listing_is_summed_over_a_tree() -> None:
    """6 x 6 spins by junction tree: log likelihood and moments as `log_partition` and a fresh tree give them."""
    edges = [(v, v + 1) for v in range(36) if v % 6 < 5] + [(v, v + 6) for v in range(30)]
    truth = ising(edges, 36, h=0.1, J=0.3)
    from stochinf.graphs.exact import exact_draws

    rows = exact_draws(truth, 200, rng=1)
    learnt = si.learn_weights(truth.with_values({"h": 0.0, "J": 0.0}), rows)
    model = learning_model(truth)
    seen = statistics(model, rows) / 200
    by_hand = float(learnt.values @ seen) - si.log_partition(learnt.graph).value
    assert learnt.log_likelihood == pytest.approx(by_hand, rel=1e-10)
    assert learnt.moments is not None
    assert learnt.moments.largest < 1e-5
    for name, value in {"h": 0.1, "J": 0.3}.items():
        assert abs(learnt.weights[name] - value) < 3.5 * learnt.se[name] < 0.1


def test_errors_cover_the_truth() -> None:
    """Standard errors of Fisher's information: 95 % of intervals hold the truth, over 150 data sets of a 3 x 3 grid."""
    truth = ising(GRID, 9, couplings=[f"J{i}" for i in range(12)], h=0.1, **{f"J{i}": 0.3 - 0.05 * i for i in range(12)})
    model, rows = learning_model(truth), drawn(truth, 150 * 200, 7).reshape(150, 200, 9)
    held = []
    for data in rows:
        likelihood = ExactLikelihood(model, observations(truth, data, None, (), None))
        w = np.array(model.values)
        for _ in range(8):
            w = w - np.linalg.solve(likelihood.information(w), likelihood.gradient(w))
        se = np.sqrt(np.diag(np.linalg.inv(likelihood.information(w))) / 200)
        held.append(np.abs(w - model.values) < 1.96 * se)
    assert 0.92 < np.mean(held) < 0.97
