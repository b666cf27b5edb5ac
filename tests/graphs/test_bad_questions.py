"""Bad questions about graphs: each is an error of ours that names object, value, rule and fix, before anything compiles."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import stochinf as si
from stochinf.engine import cache

NAN, INF = math.nan, math.inf
PAIR = si.FactorGraph([2, 2], [("a",), ("a", "b")], [[1, 3], [9, 1, 1, 9]], names=["a", "b"])
UNEQUAL = si.FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]])
TRIPLE = si.FactorGraph([2, 2, 2], [(0, 1, 2)], [[1, 2, 3, 4, 5, 6, 7, 9]])
CERTAIN = si.FactorGraph([2, 2], [(0,), (0, 1)], [[0, 1], [1, 1, 1, 1]])
RING = si.FactorGraph([2] * 4, [(3,), (0, 1), (1, 2), (2, 0), (2, 3)], [[1, 2], *[[0, 1, 1, 0]] * 3, [1, 2, 3, 4]])
"""Three variables that should all differ from each other: impossible, though no factor says so alone."""

Case = tuple[Callable[[], Any], str]
DOORS: dict[str, Callable[..., Any]] = {
    "marginals": si.marginals, "map_state": si.map_state, "log_partition": si.log_partition,
}  # fmt: skip


def ask(door: str, model: Any = PAIR, evidence: Any = None, **means: Any) -> Callable[[], Any]:
    return lambda: DOORS[door](model, evidence, **{"rng": 0, **means})


def rows(given: Any, model: Any = PAIR, **means: Any) -> Callable[[], Any]:
    return lambda: si.marginals_batch(model, given, **{"rng": 0, **means})


def network() -> Any:
    from stochinf.graphs.formats import parse_uai

    return parse_uai(b"BAYES 2 2 2 2 1 0 2 0 1 2 0.8 0.2 4 0.9 0.1 0.2 0.8")


MEANS: dict[str, tuple[dict[str, Any], str]] = {
    "method unknown": ({"method": "magic"}, "method = 'magic': one of 'auto', 'exact'"),
    "method None": ({"method": None}, "method = None: one of"),
    "method a list": ({"method": ["exact"]}, "method = .*exact.*: one of"),
    "time 0": ({"time": 0}, "0.*(seconds|time)|(seconds|time).*0"),
    "time negative": ({"time": -2.0}, "-2"),
    "time NaN": ({"time": NAN}, "nan"),
    "time text": ({"time": "long"}, "'long'"),
    "memory 0": ({"memory": 0}, "memory = 0"),
    "memory negative": ({"memory": -5}, "memory = -5"),
    "memory text": ({"memory": "2GB"}, "memory = '2GB'"),
    "memory NaN": ({"memory": NAN}, "memory = nan"),
    "rng text": ({"rng": "seed"}, "rng = 'seed'"),
    "threads 0": ({"threads": 0}, "threads = 0"),
    "threads text": ({"threads": "all"}, "threads = 'all'"),
    "callback no function": ({"callback": 3}, "callback = 3"),
}
"""Of every front door."""

SAMPLING: dict[str, tuple[dict[str, Any], str]] = {
    "mcse 0": ({"mcse": 0}, "mcse"),
    "mcse negative": ({"mcse": -0.1}, "mcse.*-0.1"),
    "mcse NaN": ({"mcse": NAN}, "mcse.*nan"),
    "mcse text": ({"mcse": "small"}, "mcse.*'small'"),
    "chains 0": ({"chains": 0}, "chains = 0"),
    "chains half": ({"chains": 2.5}, r"chains = 2\.5"),
    "draws 0": ({"draws": 0}, "draws = 0"),
    "draws text": ({"draws": "many"}, "draws = 'many'"),
    "warm-up negative": ({"warmup": -1}, "warmup = -1"),
}

CASES: dict[str, Case] = {
    **{f"{door}, {name}": (ask(door, **means), told) for door in DOORS for name, (means, told) in MEANS.items()},
    **{
        f"{door}, {name}": (ask(door, **means), told)
        for door in ("marginals", "log_partition")
        for name, (means, told) in SAMPLING.items()
    },
    **{f"{door}, no graph": (ask(door, "model.uai"), r"not str; files are read by read_graph") for door in DOORS},
    **{f"{door}, stranger": (ask(door, PAIR, {"aa": 1}), "variable 'aa' is not among the 2.*did you mean") for door in DOORS},
    **{f"{door}, no such state": (ask(door, PAIR, {"a": 2}), "variable 'a' has no state 2; .* 0, 1") for door in DOORS},
    **{
        f"{door}, impossible": (ask(door, CERTAIN, {0: 0}), r"evidence {0: 0} is impossible: factor 0 over \(0\)")
        for door in DOORS
    },
    "order unknown": (ask("marginals", order="colors"), "order = 'colors': 'scan', 'random' or 'colours'"),
    "order a number": (ask("marginals", order=1), "order = 1"),
    "a method of another door": (ask("map_state", method="gibbs"), "method = 'gibbs': one of"),
    "evidence of pairs": (ask("marginals", PAIR, [("a", 1)]), "evidence is a list; give a dict"),
    "evidence twice as text": (ask("marginals", PAIR, {"a": "1"}), "variable 'a' has no state '1'"),
    "evidence True": (ask("marginals", PAIR, {"a": True}), "variable 'a' has no state True"),
    "evidence None": (ask("marginals", PAIR, {"a": None}), "variable 'a' has no state None"),
    "evidence NaN": (ask("marginals", PAIR, {"a": NAN}), "variable 'a' has no state nan"),
    "likelihoods too few": (ask("marginals", PAIR, {"a": [1.0]}), r"'a'.*likelihoods \[1.0\]; give 2 numbers"),
    "likelihoods negative": (ask("marginals", PAIR, {"a": [1, -1]}), "'a'.* at least 0 and not all 0"),
    "likelihoods all zero": (ask("map_state", PAIR, {"a": [0, 0]}), "'a'.* not all 0"),
    "likelihoods NaN": (ask("log_partition", PAIR, {"a": [1, NAN]}), "'a'.* finite"),
    "likelihoods of text": (ask("marginals", PAIR, {"a": ["x", "y"]}), "'a'.* give 2 numbers"),
    "likelihoods, a state missing": (ask("marginals", PAIR, {"a": {0: 1.0}}), "no likelihood for state 1"),
    "likelihoods, a state unknown": (ask("marginals", PAIR, {"a": {0: 1.0, 7: 1.0}}), "'a' has no state 7"),
    "likelihoods in two rows": (ask("marginals", PAIR, {"a": np.ones((2, 2))}), "'a': likelihoods array(.|\\n)* give 2 numbers"),
    "likelihoods against a table": (ask("marginals", CERTAIN, {0: [1.0, 0.0]}), "factor"),
    "rows too wide": (rows(np.zeros((3, 5), int)), r"5|\(3, 5\)"),
    "rows of fractions": (rows(np.full((1, 2), 0.5)), "0.5|dtype|float"),
    "rows beyond the states": (rows(np.array([[0, 4]])), "row 0.*4|4.*row 0"),
    "rows a number": (rows(3), "3|int"),
    "rows, one a stranger": (rows([{"a": 0}, {"q": 1}]), "'q'"),
    "rows, one impossible": (rows([{0: 1}, {0: 0}], CERTAIN), "impossible"),
    "rows, method unknown": (rows([{}], method="magic"), "method = 'magic'"),
    "do without conditionals": (lambda: PAIR.do({"a": 1}), "do: this graph is no Bayesian network: .* read it from BIF"),
    "do a stranger": (lambda: network().do({7: 1}), "do: no variable 7"),
    "do no such state": (lambda: network().do({0: 5}), "variable 0 has no state 5"),
    "do a list": (lambda: network().do([0]), r"interventions are \[0\]; give a dict"),
    "do probabilities of 2": (lambda: network().do({0: [1.0, 1.0]}), "2 probabilities that sum to 1"),
    "clusters of unequal cardinalities": (ask("marginals", UNEQUAL, method="swendsen-wang"), "Swendsen-Wang: variables of 2 and"),
    "clusters of three": (ask("marginals", TRIPLE, method="swendsen-wang"), "Swendsen-Wang"),
    "tabu of tables": (ask("map_state", UNEQUAL, method="tabu"), "tabu: .* is no spin model .*; use annealing"),
    "exact in 10 bytes": (ask("marginals", method="exact", memory=10), "10 allowed .* raise memory="),
    "most probable state in 10 bytes": (ask("map_state", method="exact", memory=10), "10 allowed"),
    "partition function in 10 bytes": (ask("log_partition", method="exact", memory=10), "10 allowed"),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", CASES)
def test_bad_questions(case: str) -> None:
    attempt, told = CASES[case]
    before = dict(cache.statistics)
    with pytest.raises(si.StochinfError, match=told):
        attempt()
    if "10 bytes" not in case and "against" not in case:
        assert dict(cache.statistics) == before


def test_there_are_enough() -> None:
    assert len(CASES) >= 100


SAMPLED = ("gibbs", "metropolis", "blocked", "tempering", "gradient")
ASKED = [
    *(("marginals", method) for method in ("auto", "exact", *SAMPLED, "bp", "trw", "mean-field")),
    *(("map_state", method) for method in ("auto", "exact", "search", "annealing", "icm", "max-product")),
    *(("log_partition", method) for method in ("auto", "exact", "ais", "tempering", "bp", "trw", "mean-field")),
]


@pytest.mark.parametrize(("door", "method"), ASKED)
@pytest.mark.parametrize("case", ["ring", "ring and evidence", "soft"])
def test_a_model_without_a_possible_state_is_an_error_of_every_method(door: str, method: str, case: str) -> None:
    """Z = 0: the error names a factor of the contradiction."""
    evidence = {"ring": None, "ring and evidence": {3: 1}, "soft": {1: [1.0, 0.5]}}[case]
    with pytest.raises(si.GraphError, match=r"factor 1 over \(0, 1\), factor 2 over"):
        DOORS[door](RING, evidence, method=method, time=0.5, rng=0)


@pytest.mark.fast
@pytest.mark.parametrize("make", [
    lambda: si.FactorGraph([2] * 40, [tuple(range(40))], [[1.0]]),
    lambda: si.FactorGraph([1024] * 4, [(0, 1, 2, 3)], [[1.0]]),
    lambda: si.FactorGraph.from_log_tables([2] * 40, [tuple(range(40))], [np.zeros(2)]),
    lambda: si.graphs.FactorGraph([2**20, 2**20], [(0, 1)], [[1.0]]),
])  # fmt: skip
def test_a_table_of_2_to_the_40_entries_is_refused_at_once(make: Callable[[], Any]) -> None:
    spent = []
    for _ in range(3):
        began = time.process_time()
        with pytest.raises(si.StochinfError, match=r"1\.1e\+12|states"):
            make()
        spent.append(time.process_time() - began)
    assert min(spent) < 0.1


def wide(n: int = 40) -> si.FactorGraph:
    """Return all pairs of n variables: elimination would need a table of 2^n entries."""
    pairs = [(i, j) for i in range(n) for j in range(i)]
    return si.FactorGraph([2] * n, pairs, [[2, 1, 1, 2.0]] * len(pairs))


@pytest.mark.parametrize("door", DOORS)
def test_an_elimination_of_2_to_the_40_entries_is_refused(door: str) -> None:
    with pytest.raises(si.MemoryLimitError, match=r"raise memory=|use a sampler, or more evidence"):
        DOORS[door](wide(), method="exact")
    began = time.process_time()
    with pytest.raises(si.MemoryLimitError):
        DOORS[door](wide(), method="exact")
    assert time.process_time() - began < 0.5


def interrupting(report: Any) -> bool:
    raise KeyboardInterrupt


GRID = wide(9)


@pytest.mark.parametrize("method", [*SAMPLED, "swendsen-wang"])
@pytest.mark.parametrize("how", ["interrupt", "stop"])
def test_a_run_that_is_ended_returns_what_there_is(method: str, how: str) -> None:
    seen: list[Any] = []

    def callback(report: Any) -> bool:
        seen.append(report)
        if how == "interrupt" and len(seen) > 1:
            raise KeyboardInterrupt
        return how == "stop" and len(seen) > 1

    r = si.marginals(GRID, method=method, time=20.0, callback=callback, rng=0)
    assert r.interrupted == (how == "interrupt")
    assert np.allclose([r[node].sum() for node in r], 1.0) or not r.sweeps
    assert r.stopped
    assert repr(r)


@pytest.mark.fast
def test_a_callback_that_fails_is_heard() -> None:
    def callback(report: Any) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        si.marginals(GRID, method="gibbs", callback=callback, rng=0)
