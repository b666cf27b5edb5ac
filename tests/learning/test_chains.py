"""Learning by chains against exact likelihoods, closed forms and the cases of DimmWitted."""

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import stochinf as si
from stochinf.engine.errors import GraphError, StochinfError
from stochinf.graphs.formats.deepdive import read_deepdive
from stochinf.graphs.logic import FUNCTIONS, Logic
from stochinf.learning.chains.agreement import runaways, split_rhat, spread_of
from stochinf.learning.chains.layout import chain_graph
from stochinf.learning.contrastive import by_cd, by_pcd
from stochinf.learning.exact import ExactLikelihood
from stochinf.learning.model import Model, learning_model
from stochinf.learning.observations import observations
from stochinf.learning.question import Answer, Question

FEATURES = {"h": [-1, 1], "J": [[1, -1], [-1, 1]], "K": [[1, -1], [-1, 1]]}
EDGES = [(0, 1), (1, 2), (0, 3), (3, 4), (4, 5), (2, 5), (1, 4)]
ROWS = 400


def grid(**values: float) -> Any:
    """Six spins with a field and two couplings, tied."""
    scopes: list[tuple[int, ...]] = [(v,) for v in range(6)]
    names = ["h"] * 6 + ["J", "K"] * 3 + ["J"]
    return si.graphs.WeightedGraph([2] * 6, scopes + EDGES, names, FEATURES, values=values)


def drawn(graph: Any, n: int, seed: int = 0) -> npt.NDArray[np.int32]:
    """Rows drawn from a small graph by listing all of its states."""
    states = np.array(list(itertools.product(*(range(k) for k in graph.n_states.tolist()))), np.int32)
    logs = np.array(
        [
            graph.log_score({v: graph.labels(i)[s] for i, (v, s) in enumerate(zip(graph.variables, x, strict=True))})
            for x in states
        ]
    )
    chances = np.exp(logs - logs.max())
    return states[np.random.default_rng(seed).choice(len(states), n, p=chances / chances.sum())]


def question(graph: Any, data: Any = None, evidence: Any = None, given: Any = (), weight: Any = None, **words: Any) -> Question:
    """A question about a graph."""
    return Question(learning_model(graph), observations(graph, data, evidence, given, weight), progress=False, **words)


def exact(asked: Question) -> npt.NDArray[np.float64]:
    """The weights that are learnt, at the optimum of the exact likelihood."""
    from scipy.optimize import minimize

    likelihood = ExactLikelihood(asked.model, asked.observed, asked.l2)
    start = asked.model.values[asked.model.learnt].copy()
    return np.asarray(minimize(likelihood.value, start, jac=likelihood.gradient, method="BFGS").x)


def far(answer: Answer, asked: Question) -> float:
    """How far an answer is from the optimum, at most."""
    return float(np.abs(answer.values[asked.model.learnt] - exact(asked)).max())


SEEN = {0: 1, 1: 1, 2: 1, 4: 0, 5: 0}
TRUTH = {"h": 0.2, "J": 0.5, "K": -0.3}
DATA = drawn(grid(**TRUTH), ROWS)
HOLES = np.where(np.random.default_rng(1).random(DATA.shape) < 0.2, -1, DATA).astype(np.int32)
ASKED: dict[str, tuple[Any, dict[str, Any], float]] = {
    "pcd": (by_pcd, {"data": DATA}, 0.015),
    "pcd, weighed rows": (by_pcd, {"data": DATA, "weight": np.arange(ROWS) / ROWS}, 0.015),
    "pcd, l2": (by_pcd, {"data": DATA, "l2": 0.5}, 0.01),
    "pcd, missing states": (by_pcd, {"data": HOLES}, 0.02),
    "pcd, missing states, weighed": (by_pcd, {"data": HOLES, "weight": 0.2 + 1.6 * (DATA[:, 0] == 0)}, 0.02),
    "pcd, few rows": (by_pcd, {"data": HOLES[:5], "l2": 0.5}, 0.03),
    "pcd, a hidden variable": (by_pcd, {"data": np.where(np.arange(6) == 1, -1, DATA)}, 0.03),
    "cd-5": (by_cd, {"data": DATA, "k": 5}, 0.02),
    "cd-5, missing states": (by_cd, {"data": HOLES, "k": 5}, 0.02),
    "cd-5, given variables": (by_cd, {"data": DATA, "k": 5, "given": [0, 5]}, 0.02),
    "one graph": (by_pcd, {"evidence": SEEN, "l2": 1.0}, 0.03),
    "one graph, given": (by_pcd, {"evidence": SEEN, "given": [1], "l2": 1.0}, 0.03),
    "one graph, soft": (by_pcd, {"evidence": {**SEEN, 1: [0.3, 0.7]}, "l2": 1.0}, 0.03),
    "one graph, cd-5": (by_cd, {"evidence": SEEN, "k": 5, "l2": 1.0}, 0.03),
}


@pytest.mark.parametrize("name", ASKED)
def test_chains_find_the_optimum(name: str) -> None:
    method, words, most = ASKED[name]
    asked = question(grid(), **words)
    answer = method(asked)
    assert far(answer, asked) < most, (answer, exact(asked))
    assert answer.converged
    assert answer.rhat is not None
    assert answer.spread is not None
    assert answer.rhat.max() < 1.2
    assert answer.spread.max() < most


def test_standard_errors_are_those_of_the_information() -> None:
    for data in (DATA, HOLES):
        asked = question(grid(), data)
        found, values = by_pcd(asked), exact(asked)
        likelihood = ExactLikelihood(asked.model, asked.observed, 0.0)
        steps = 1e-4 * np.eye(3)
        hessian = np.array([(likelihood.gradient(values + e) - likelihood.gradient(values - e)) / 2e-4 for e in steps])
        errors = np.sqrt(np.diag(np.linalg.inv(ROWS * hessian)))
        np.testing.assert_allclose(found.se, errors, rtol=0.12)


def test_moments_of_model_and_data_agree() -> None:
    asked = question(grid(), DATA)
    answer = by_pcd(asked)
    likelihood = ExactLikelihood(asked.model, asked.observed, 0.0)
    assert answer.expected is not None
    assert answer.observed is not None
    np.testing.assert_allclose(answer.expected - answer.observed, likelihood.gradient(answer.values), atol=0.12)
    assert answer.expected_error is not None
    assert (np.abs(answer.expected - answer.observed) < 5 * answer.expected_error + 0.02).all()


def test_planted_weights_are_recovered_and_seeds_agree() -> None:
    answers = [by_pcd(question(grid(), DATA, entropy=seed, epochs=600)) for seed in range(8)]
    found = np.array([answer.values for answer in answers])
    assert (np.abs(found.mean(axis=0) - [0.2, 0.5, -0.3]) < 3.5 * answers[0].se).all()
    told = np.sqrt(np.mean([np.square(np.asarray(answer.spread)) for answer in answers], axis=0))
    seen = found.std(axis=0, ddof=1)
    assert (seen < 2.2 * told).all(), (seen, told)
    assert (told < 2.8 * seen).all(), (seen, told)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    first, again, other = (by_pcd(question(grid(), DATA, entropy=seed, epochs=100)).values for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_l1_sets_weights_to_zero() -> None:
    data = drawn(grid(h=0.0, J=0.6, K=0.0), ROWS, 5)
    answer = by_pcd(question(grid(), data, l1=0.4))
    assert answer.values[0] == 0.0
    assert answer.values[2] == 0.0
    assert 0.2 < answer.values[1] < 0.6


def rules(seed: int) -> Any:
    """Rules of every function over variables of two and three states, three weights tied, one fixed."""
    rng = np.random.default_rng(seed)
    states = {f"v{i}": list(range(2 + i % 2)) for i in range(6)}
    logic = Logic(states, weights={"a": 0.0, "b": 0.0, "c": 0.0})
    for place, name in enumerate(FUNCTIONS):
        arity = 1 if name == "istrue" else int(rng.integers(1, 4))
        chosen = rng.choice(6, arity, replace=False)
        literals = [(f"v{v}", int(rng.integers(len(states[f"v{v}"])))) for v in chosen]
        logic.add(name, *literals, weight="abc"[place % 3], feature=float(rng.uniform(0.5, 1.5)))
    logic.add("imply", "v0", "v1", "v2", weight=0.4)
    logic.add("istrue", "v3", weight=-0.3)
    logic.weigh("v5", [0.0, 0.2, -0.1])
    return logic.graph()


@pytest.mark.parametrize("seed", range(3))
def test_rules_of_all_functions_against_exact_likelihoods(seed: int) -> None:
    graph = rules(seed)
    truth = graph.with_values({"a": 0.7, "b": -0.4, "c": 0.3})
    asked = question(graph, drawn(truth, ROWS, seed))
    answer = by_pcd(asked)
    assert far(answer, asked) < 0.03
    assert answer.values[asked.model.fixed].tolist() == [0.4, -0.3]
    assert not answer.se[asked.model.fixed].any()


def chain_log_score(model: Model, states: npt.NDArray[np.int16], values: npt.NDArray[np.float64]) -> Any:
    """Log scores of states (V, lanes) from the arrays of the chains, in plain NumPy."""
    graph = chain_graph(model, 2)
    w = np.append(values[model.learnt], 0.0)
    variable = np.repeat(np.arange(graph.n_variables), np.diff(graph.term_start))
    score = graph.field[graph.field_start[:-1, None] + states].sum(axis=0, dtype=np.float64)
    score += ((states[variable] == graph.term_state[:, None]) * (w[graph.term_slot] * graph.term_value)[:, None]).sum(axis=0)
    cells = graph.cell_base + w[graph.cell_slot] * graph.cell_value
    strength = np.where(graph.factor_slot >= 0, w[graph.factor_slot], 1.0) * graph.factor_value
    return score + (strength[:, None] * cells[graph.factor_start[:, None] + graph.counters(states)]).sum(axis=0)


@pytest.mark.fast
@pytest.mark.parametrize("graph", [grid(**TRUTH), rules(0), rules(1)], ids=["tables", "rules", "more rules"])
def test_the_arrays_of_the_chains_score_as_the_graph_does(graph: Any) -> None:
    model = learning_model(graph)
    values = np.linspace(-1, 1, model.n_weights)
    values[model.fixed] = model.values[model.fixed]
    weighed = model.with_values(values)
    rng = np.random.default_rng(2)
    states = np.array([rng.integers(0, k, 12) for k in graph.n_states.tolist()], np.int16)
    scores = [
        weighed.log_score({v: graph.labels(i)[s] for i, (v, s) in enumerate(zip(graph.variables, x, strict=True))})
        for x in states.T
    ]
    found = chain_log_score(model, states, values)
    np.testing.assert_allclose(found - found[0], np.array(scores) - scores[0], atol=1e-5)


def test_blocks_of_variables_find_the_same() -> None:
    asked = question(grid(), evidence=SEEN, l2=1.0, batch=2, epochs=3000)
    assert far(by_pcd(asked), asked) < 0.05


@pytest.mark.fast
def test_the_coin_of_three_tosses() -> None:
    logic = Logic(range(4), weights={"bias": 0.0})
    for toss in range(4):
        logic.add("istrue", toss, weight="bias")
    asked = question(logic.graph(), evidence={0: True, 1: True, 2: False}, entropy=1, epochs=200, particles=2, se=False)
    assert abs(by_pcd(asked).values[0] - np.log(2) / 2) < 0.02


DEEPDIVE = Path(os.environ.get("STOCHINF_DATA", "/nowhere")) / "graphical" / "deepdive" / "sampler" / "test"
CASES: dict[str, tuple[dict[int, float], float]] = {
    "biased_coin": ({0: np.log(8) / 2}, 0.02),
    "biased_coin_continuous": ({0: 0.0}, 0.05),
    "biased_coin_truthiness": ({0: -np.log(4) / 2, 1: np.log(4) / 2}, 0.05),
    "biased_coin_with_multinomial": ({0: -np.log(8) / 2, 1: np.log(8) / 2}, 0.05),
    "sparse_domains": ({k: np.log(k + 1) for k in range(4)}, 0.05),
}
"""Weights by the closed forms, and half of the tolerance that DimmWitted's own tests have, or less."""


@pytest.mark.skipif(not DEEPDIVE.exists(), reason="needs the graphs of DeepDive's sampler: set STOCHINF_DATA")
@pytest.mark.parametrize("case", CASES)
def test_cases_of_dimmwitted(case: str) -> None:
    weights, most = CASES[case]
    made = read_deepdive(DEEPDIVE / case)
    found = np.array(
        [by_pcd(question(made.graph, evidence={**made.evidence, **made.truthiness}, entropy=s)).values for s in range(3)]
    )
    for k, value in weights.items():
        assert np.abs(found[:, k] - value).max() < most
    assert found.std(axis=0).max() < 0.02


@pytest.mark.skipif(not DEEPDIVE.exists(), reason="needs the graphs of DeepDive's sampler: set STOCHINF_DATA")
def test_weights_that_run_away_are_told() -> None:
    made = read_deepdive(DEEPDIVE / "partial_observation")
    answer = by_pcd(question(made.graph, evidence=made.evidence))
    assert not answer.converged
    assert "runs away" in answer.reason
    assert "l2=" in answer.reason
    assert (answer.values > 1).all()
    assert np.isinf(answer.se).all()
    held = by_pcd(question(made.graph, evidence=made.evidence, l2=0.1))
    assert held.converged
    assert np.isfinite(held.values).all()
    assert np.isfinite(held.se).all()


def test_any_rule_schedule_and_stop() -> None:
    rule = si.optim.SGD(0.02, momentum=0.5)
    schedule = si.schedules.RobbinsMonro(10.0, 100.0, 0.51)
    asked = question(grid(), DATA, optimizer=rule, schedule=schedule, stop=si.stop.steps(1800))
    answer = by_pcd(asked)
    assert answer.reason.startswith("1800 steps")
    assert far(answer, asked) < 0.03


def test_couplings_of_a_grid_are_recovered() -> None:
    """Every coupling and field of a 10 x 10 grid of spins has a weight of its own."""
    side, rng = 10, np.random.default_rng(0)
    place = np.arange(side * side).reshape(side, side)
    pairs = np.concatenate([np.stack([place[:, :-1], place[:, 1:]], -1), np.stack([place[:-1].T, place[1:].T], -1)]).reshape(
        -1, 2
    )
    scopes = [(int(v),) for v in place.ravel()] + [tuple(pair) for pair in pairs.tolist()]
    tables = [[-1, 1]] * place.size + [[[1, -1], [-1, 1]]] * len(pairs)
    names = list(range(len(scopes)))
    truth = rng.normal(0, 0.3, len(names))
    graph = si.graphs.WeightedGraph([2] * place.size, scopes, names, tables, values=dict(zip(names, truth.tolist(), strict=True)))
    draws = si.run(si.graphs.Gibbs(), graph, 6000, 6000, warmup=6000, chains=2000, rng=1, progress=False)["state"][:, 0]
    rows = (draws > 0).astype(np.int32)
    answer = by_pcd(question(graph.with_values(np.zeros(len(names))), rows))
    off = np.abs(answer.values - truth) / answer.se
    assert (off < 3).mean() > 0.97
    assert off.max() < 5
    assert answer.spread is not None
    assert (answer.spread < 0.4 * answer.se).mean() > 0.95


def test_penalties_and_rules_that_cannot_be() -> None:
    with pytest.raises(StochinfError, match="l2 = -1"):
        by_pcd(question(grid(), DATA, l2=-1.0))
    with pytest.raises(StochinfError, match="optimizer = 3"):
        by_pcd(question(grid(), DATA, optimizer=3))
    with pytest.raises(GraphError, match="pcd: chains persist"):
        by_pcd(question(grid(), DATA, given=[0]))


@pytest.mark.fast
def test_agreement_of_learners() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(4, 80, 2))
    apart = noise + np.arange(4)[:, None, None] * [0.0, 5.0]
    assert split_rhat(apart)[0] < 1.1 < 2 < split_rhat(apart)[1]
    assert split_rhat(np.ones((2, 40, 1))).tolist() == [1.0]
    assert np.isnan(split_rhat(np.ones((2, 2, 1)))).all()
    means = rng.normal(size=(4000, 4, 1)).mean(axis=1)
    told = np.mean([spread_of(rng.normal(size=(4, 1))) for _ in range(4000)])
    assert abs(told / means.std() - 1) < 0.05
    assert not runaways(np.full((2, 4, 1), 9.0)).any()
