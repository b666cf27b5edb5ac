"""Logical factors: semantics against the definitions read literal by literal, tables, counters, Gibbs sampling."""

import math
from typing import Any

import numpy as np
import pytest
from graphs.invariance import Model, invariant, p_value, sums_z, swept
from oracles import enumerate_states, exact_marginals, log_partition, log_scores

import stochinf as si
from stochinf.engine.errors import CheckpointError, GraphError, MemoryLimitError
from stochinf.graphs.evidence import check_evidence, split_evidence, with_soft
from stochinf.graphs.logic import FUNCTIONS, Logic, LogicalGraph, LogicGibbs, LogicGibbsWithSums, logic_target
from stochinf.graphs.logic.factors import logical_factors


def value(name: str, held: list[bool]) -> float:
    """The function by its definition: what is true of the literals, one after the other."""
    *body, head = held
    if name in ("and", "istrue"):
        return 1.0 if all(held) else -1.0
    if name == "or":
        return 1.0 if any(held) else -1.0
    if name == "equal":
        return 1.0 if all(x == held[0] for x in held) else -1.0
    if name == "all":
        return 1.0 if all(held) else 0.0
    if name == "imply":
        return 0.0 if not all(body) else 1.0 if head else -1.0
    if name == "imply_mln":
        return 1.0 if not all(body) or head else 0.0
    total = sum(1.0 for x in body if not x or head) if body else float(head)
    return {"linear": total, "ratio": math.log2(1.0 + total), "logical": 1.0 if total > 0 else 0.0}[name]


@pytest.mark.fast
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_by_their_definition(name):
    for n in range(1, 6):
        logic = Logic(range(n))
        logic.add(name, *[(v, v % 2 == 0) for v in range(n)], weight=0.75, feature=-2.0)
        graph = logic.graph()
        for states in enumerate_states(graph):
            held = [bool(s) == (v % 2 == 0) for v, s in enumerate(states)]
            assert graph.values(states)[0] == pytest.approx(-1.5 * value(name, held), abs=1e-15)


def random_logic(seed: int, n_variables: int = 6, n_factors: int = 9, most: int = 4, boolean: bool = False) -> LogicalGraph:
    """Rules of all functions over variables of two to four states, with weights shared and single, and fields."""
    rng = np.random.default_rng(seed)
    counts = np.full(n_variables, 2) if boolean else rng.integers(1, 5, n_variables)
    logic = Logic({v: list(range(k)) for v, k in enumerate(counts.tolist())}, weights={"a": 0.8, "b": -0.6})
    for f in range(n_factors):
        scope = rng.permutation(n_variables)[: rng.integers(1, most + 1)].tolist()
        literals = [(v, int(rng.integers(counts[v]))) for v in scope]
        weight = ["a", "b", float(rng.normal())][f % 3]
        logic.add(list(FUNCTIONS)[rng.integers(len(FUNCTIONS))], *literals, weight=weight, feature=float(rng.uniform(0.3, 1.0)))
    for v in range(0, n_variables, 2):
        logic.weigh(v, 0.5 * rng.normal(size=counts[v]))
    return logic.graph()


MODELS: dict[str, Model] = {
    "boolean": Model(random_logic(1, boolean=True), {}),
    "boolean with evidence": Model(random_logic(2, 8, 12, boolean=True), {3: 1, 6: 0}),
    "categorical": Model(random_logic(3), {}),
    "categorical with evidence": Model(random_logic(4), {1: 0}),
    "wide rules": Model(random_logic(5, 8, 8, most=8, boolean=True), {}),
    "dense": Model(random_logic(6, 5, 25), {}),
    "single literals": Model(random_logic(7, 5, 10, most=1), {}),
}


def target_of(name: str) -> Any:
    graph, evidence = MODELS[name]
    return logic_target(graph, check_evidence(graph, evidence))


@pytest.mark.fast
@pytest.mark.parametrize("name", MODELS)
def test_tables_are_the_same_distribution(name):
    graph = MODELS[name].graph
    states = enumerate_states(graph)
    first = np.cumsum(graph.n_states) - graph.n_states
    plain = [graph.values(row).sum() + graph.field[first + row].sum() for row in states]
    np.testing.assert_allclose(log_scores(graph.tabulated(), states), plain, atol=1e-12)
    assert graph.n_factors == graph.tabulated().n_factors
    assert [graph.scope(f) for f in range(graph.n_factors)] == [graph.tabulated().scope(f) for f in range(graph.n_factors)]
    score = graph.log_score({v: int(k) for v, k in enumerate(states[-1])})
    assert score == pytest.approx(plain[-1], abs=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_a_sweep_keeps_the_distribution(name):
    model = MODELS[name]
    assert invariant(model, LogicGibbs(), target=target_of(name))
    assert sums_z(model, LogicGibbsWithSums(), target=target_of(name)) < 6


def test_a_planted_bug_is_caught():
    model = MODELS["boolean"]
    assert p_value(model, LogicGibbs(), target=target_of("boolean"), rate=0.9) < 1e-6
    target = target_of("boolean")
    assert p_value(model, LogicGibbs(), target=target._replace(gain=np.roll(target.gain, 1))) < 1e-6


@pytest.mark.fast
@pytest.mark.parametrize("name", MODELS)
def test_counters_stay_those_of_the_states(name):
    target = target_of(name)
    _, state = swept(MODELS[name], LogicGibbsWithSums(), target=target, sweeps=3, starts=20)
    np.testing.assert_array_equal(state.counters, target.counts(state.position))
    LogicGibbs().check_state(target, state)
    if state.counters.size:
        state.counters[0, 0] += 1
        with pytest.raises(CheckpointError, match="counters"):
            LogicGibbs().check_state(target, state)


def test_marginals_by_counters_and_by_tables():
    graph, evidence = MODELS["categorical with evidence"]
    exact = exact_marginals(graph, evidence)
    sampled = si.marginals(graph, evidence, method="gibbs", draws=2000, rng=1, progress=False)
    for node in graph.variables:
        assert np.abs(sampled[node] - exact[node]).max() <= 5 * sampled.mcse[node].max() + 1e-9
    solved = si.marginals(graph, evidence, method="exact")
    for node in graph.variables:
        np.testing.assert_allclose(solved[node], exact[node], atol=1e-10)
    assert solved.log_partition == pytest.approx(log_partition(graph, evidence), abs=1e-9)


def test_rules_too_wide_for_tables_are_sampled():
    """AND over 60 variables: p(all true) = e^w / (e^w + (2^60 - 1) e^-w); a head outside sees the mean of its body."""
    logic = Logic(range(60))
    logic.add("or", *range(60), weight=2.0)
    logic.add("linear", *range(59), 59, weight=0.05)
    graph = logic.graph()
    with pytest.raises(MemoryLimitError, match=r"method='gibbs' needs no tables"):
        _ = graph.flat
    found = si.marginals(graph, method="gibbs", draws=1500, rng=0, progress=False)
    body, w = 59, 0.05
    # given the head the body is independent: h = 1 adds 59 w; h = 0 adds w for each false literal
    up, down = body * w + body * math.log(2), body * math.log(1 + math.exp(w))
    head = 1 / (1 + math.exp(down - up))
    first = head * 0.5 + (1 - head) / (1 + math.exp(w))
    assert found[59][1] == pytest.approx(head, abs=6 * found.mcse[59].max() + 1e-6)
    assert found[0][1] == pytest.approx(first, abs=6 * found.mcse[0].max() + 1e-6)


@pytest.mark.fast
def test_soft_evidence_stays_without_tables():
    graph = MODELS["categorical"].graph
    soft = split_evidence(graph, {0: [0.2] * int(graph.n_states[0]), 2: np.linspace(0.5, 1.0, int(graph.n_states[2]))})[1]
    extended = with_soft(graph, soft)
    assert isinstance(extended, LogicalGraph)
    plain = with_soft(graph.tabulated(), soft)
    states = enumerate_states(graph)
    np.testing.assert_allclose(log_scores(extended, states), log_scores(plain, states), atol=1e-12)


@pytest.mark.fast
def test_recipe_round_trip():
    graph = MODELS["categorical"].graph
    again = LogicalGraph.from_recipe(**graph.recipe())
    for ours, theirs in zip(graph.logic, again.logic, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(graph.field, again.field)
    assert (graph.variables, graph.states) == (again.variables, again.states)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda logic: logic.add("xor", "A"), r"no logical function 'xor'"),
        (lambda logic: logic.add("and"), r"without literals"),
        (lambda logic: logic.add("and", "a"), r"no variable 'a'; did you mean 'A'"),
        (lambda logic: logic.add("and", ["A"]), r"no variable \['A'\]"),
        (lambda logic: logic.add("and", ("A", 3)), r"variable 'A' has no state 3"),
        (lambda logic: logic.add("and", "A", ("A", False)), r"appears in two literals"),
        (lambda logic: logic.add("and", "A", weight=math.nan), r"weight is nan; a finite number"),
        (lambda logic: logic.add("and", "A", weight="u"), r"weight 'u' is no number and no weight's name"),
        (lambda logic: logic.add("and", "A", feature="x"), r"feature is 'x'"),
        (lambda logic: logic.weigh("C", [0, 0]), r"no variable 'C'"),
        (lambda logic: logic.weigh("A", [0, 0, 0]), r"2 are needed"),
        (lambda logic: logic.weigh("A", [0, math.inf]), r"2 are needed"),
    ],
)
def test_bad_rules(call, message):
    with pytest.raises(GraphError, match=message):
        call(Logic({"A": [False, True], "B": [False, True]}, weights={"w": 1.0}))


@pytest.mark.fast
def test_bad_arrays():
    def made(code=2, scope=(0, 1), literal=(1, 1), weight_id=0, weight=1.0, starts=(0, 2)):
        factors = logical_factors(
            np.array([code] * (len(starts) - 1)),
            np.array(starts, np.int64),
            np.array(scope, np.int32),
            np.array(literal, np.int32),
            np.array([weight_id] * (len(starts) - 1), np.int32),
            np.ones(len(starts) - 1),
            np.array([weight]),
        )
        return LogicalGraph([2, 2], factors)

    assert made().n_factors == 1
    for options, message in [
        ({"code": 5}, "no factor function of number 5"),
        ({"scope": (0, 2)}, "no variable number 2"),
        ({"scope": (0, -1)}, "no variable number -1"),
        ({"scope": (1, 1)}, "appears in two literals"),
        ({"literal": (1, 2)}, "variable 1 has no state number 2"),
        ({"weight": np.inf}, "weight 0 is inf"),
        ({"weight": 1e40}, "below 1e"),
        ({"starts": (0, 0, 2)}, "factor 0 has no literal"),
    ]:
        with pytest.raises(GraphError, match=message):
            made(**options)
