"""All methods behind the front doors against enumeration: random models with unequal cardinalities, zeros and evidence."""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import observed, potts, spins
from oracles import enumerate_states, exact_marginals, log_partition, log_scores, random_graph

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.conditioning import components
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.feasible import connectivity

needs_speed = pytest.mark.skipif(not JIT, reason="many sweeps")
pytestmark = needs_speed

SAMPLERS = ("gibbs", "metropolis", "blocked", "tempering", "gradient")
ON_SPINS = (*SAMPLERS, "swendsen-wang")
ROUNDING = 1e-6
DISAGREE = 1.05
"""R-hat above which chains are said to disagree."""


class Case(NamedTuple):
    """A model, what was observed of it, and what enumeration says."""

    graph: si.FactorGraph
    evidence: dict[Any, Any]

    @property
    def exact(self) -> np.ndarray:
        """Probabilities of all states, variable after variable."""
        return np.concatenate(list(exact_marginals(self.graph, self.evidence).values()))

    @property
    def clamped(self) -> np.ndarray:
        return check_evidence(self.graph, self.evidence)


def random_case(seed: int, most: int = 2**16) -> Case:
    """Return a model of at most so many configurations; two in five have zeros, half have evidence."""
    rng = np.random.default_rng([seed, 7])
    while True:
        n, k = int(rng.integers(2, 17)), int(rng.integers(2, 6))
        zeros = float(rng.choice([0.0, 0.0, 0.0, 0.1, 0.3]))
        graph = random_graph(int(rng.integers(2**31)), n, int(rng.integers(1, 2 * n)), k, zeros)
        if np.prod(graph.n_states.astype(float)) <= most:
            return Case(graph, observed(graph, seed, int(rng.integers(1, 3))) if rng.random() < 0.5 else {})


def random_spins(seed: int) -> Case:
    """Return spins on a random graph."""
    rng = np.random.default_rng([seed, 8])
    graph = spins(nx.gnp_random_graph(int(rng.integers(2, 11)), 0.4, seed=seed), seed)
    return Case(graph, observed(graph, seed, 1) if seed % 2 else {})


def check_exact(case: Case) -> None:
    """Demand marginals and partition function to 1e-10, and a state of the highest score."""
    graph, evidence = case
    states, scores = enumerate_states(graph), None
    for method in ("exact", "auto"):
        r = si.marginals(graph, evidence, method=method)
        assert r.exact
        np.testing.assert_allclose(r.probability, case.exact, atol=1e-10)
        assert r.log_partition == pytest.approx(log_partition(graph, evidence), abs=1e-10, rel=1e-10)
    z = si.log_partition(graph, evidence)
    assert z.exact
    assert z.value == pytest.approx(r.log_partition, abs=1e-10, rel=1e-12)
    kept = np.all((case.clamped < 0) | (states == case.clamped), axis=1)
    scores = log_scores(graph, states[kept])
    m = si.map_state(graph, evidence)
    assert m.status == "optimal"
    assert m.log_score == pytest.approx(scores.max(), abs=1e-10, rel=1e-12)
    assert log_scores(graph, m.states[None])[0] == pytest.approx(m.log_score, abs=1e-10, rel=1e-12)
    assert all(m[node] == label for node, label in evidence.items())


class Verdict(NamedTuple):
    """How far a sampler's answer is off in standard errors, entry by entry, and what it says of itself."""

    z: np.ndarray
    told: bool
    proved: bool


def sampled(case: Case, method: str, seed: int = 0, **means: Any) -> Verdict:
    """Ask a sampler; `proved` is whether moves of one variable are known to reach everything.

    Langevin proposals of spins stay longest in rare modes: 300 draws leave 0.10 % of the entries beyond 4 standard errors.
    """
    graph, evidence = case
    draws = 1000 if method == "gradient" and graph.spins is not None else 300
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", si.ConvergenceWarning)
        r = si.marginals(graph, evidence, method=method, **{"chains": 64, "draws": draws, "warmup": 100, "rng": seed, **means})
    reach = connectivity(graph, case.clamped).connected
    if reach is False and method not in ("blocked", "tempering"):
        assert any("not ergodic" in warning for warning in r.warnings), (method, r)
    z = abs(r.probability - case.exact) / np.maximum(r.error, ROUNDING)
    assert np.isfinite(z).all(), (method, r)
    return Verdict(z, bool(r.warnings) or not r.rhat.max() < DISAGREE, reach is True)


def check_samplers(cases: Iterator[Case], methods: tuple[str, ...], **means: Any) -> None:
    """Demand 99.9 % of all entries within 4 standard errors; what is far off must be told of by R-hat or a warning."""
    near: dict[str, list[np.ndarray]] = {method: [] for method in methods}
    for number, case in enumerate(cases):
        for method in methods:
            z, told, _ = sampled(case, method, number, **means)
            assert told or z.max(initial=0.0) < 8, (number, method, z.max())
            near[method].append(z)
    for method, parts in near.items():
        entries = np.concatenate(parts)
        assert entries.size > 20, method
        assert (entries > 4).mean() <= max(0.001, 1.5 / entries.size), (method, np.sort(entries)[-5:], entries.size)
        assert entries.size < 1000 or (entries < 1.96).mean() > 0.92, method


@pytest.mark.fast
def test_exact_methods_equal_enumeration() -> None:
    for seed in range(25):
        check_exact(random_case(seed, 2**11))


@pytest.mark.slow
def test_exact_methods_equal_enumeration_on_500_models() -> None:
    for seed in range(500):
        check_exact(random_case(seed))


def test_samplers_of_tables_are_within_their_errors() -> None:
    check_samplers((random_case(seed, 2**11) for seed in range(12)), SAMPLERS)


def test_samplers_of_spins_are_within_their_errors() -> None:
    check_samplers((random_spins(seed) for seed in range(12)), ON_SPINS)


@pytest.mark.slow
def test_samplers_of_tables_are_within_their_errors_on_500_models() -> None:
    check_samplers((random_case(seed) for seed in range(500)), SAMPLERS)


@pytest.mark.slow
def test_samplers_of_spins_are_within_their_errors_on_500_models() -> None:
    check_samplers((random_spins(seed) for seed in range(500)), ON_SPINS)


@pytest.mark.parametrize("method", SAMPLERS)
def test_zeros_are_never_silently_wrong(method: str) -> None:
    """Two halves that no single move joins, weighted 1 to 3: blocks get it right, others say that they cannot."""
    case = Case(si.FactorGraph([2, 3, 3], [(1, 2), (0, 1)], [np.diag([1, 3, 0]), np.ones((2, 3))]), {})
    z, told, proved = sampled(case, method)
    assert not proved
    assert told or z.max() < 6
    assert told or method in ("blocked", "tempering")


@pytest.mark.parametrize("size", [30.0, 1e4])
@pytest.mark.parametrize("kind", ["tables", "spins"])
def test_large_log_potentials_stay_finite(kind: str, size: float) -> None:
    rng = np.random.default_rng(3)
    if kind == "spins":
        edges, nodes = nx.cycle_graph(4), range(4)
        nx.set_edge_attributes(edges, {edge: size * rng.choice([-1, 1]) for edge in edges.edges}, "J")
        nx.set_node_attributes(edges, {node: size * rng.normal() for node in nodes}, "h")
        graph = si.FactorGraph.from_networkx(edges)
    else:
        scopes, tables = [(0, 1), (1, 2), (2, 0)], [size * rng.uniform(-1, 1, shape) for shape in ((2, 3), (3, 2), (2, 2))]
        graph = si.FactorGraph.from_log_tables([2, 3, 2], scopes, tables)
    wanted, best = log_partition(graph), log_scores(graph, enumerate_states(graph)).max()
    for method in ("exact", *(ON_SPINS if kind == "spins" else SAMPLERS), "bp", "trw", "mean-field"):
        r = si.marginals(graph, method=method, draws=50, warmup=50, rng=1)
        assert np.isfinite(r.probability).all(), method
        assert np.allclose([r[node].sum() for node in r], 1.0, atol=1e-6), method
        assert not np.isinf(r.error).any(), method
    for method in ("exact", "ais", "tempering", "bp", "trw", "mean-field"):
        z = si.log_partition(graph, method=method, draws=50, warmup=50, time=1.0, rng=1)
        assert np.isfinite(z.value) or (method == "tempering" and z.warnings), method
        assert method != "exact" or z.value == pytest.approx(wanted, rel=1e-12), method
    for method in ("exact", "search", "annealing", "icm", "max-product", *(["tabu"] if kind == "spins" else [])):
        m = si.map_state(graph, method=method, time=0.2, rng=1)
        assert m.log_score == pytest.approx(best, rel=1e-6) or m.status == "heuristic", method
        assert log_scores(graph, m.states[None])[0] == pytest.approx(m.log_score, rel=1e-9), method


def in_two_parts() -> si.FactorGraph:
    """Return a wide part, all pairs of seven variables, and two small ones, with names and labels."""
    rng = np.random.default_rng(5)
    wide = [(i, j) for i in range(7) for j in range(i)]
    scopes = [*wide, (7, 8), (8,), (9,)]
    n_states = [2, 3, 2, 2, 3, 2, 2, 3, 2, 4]
    names = [f"v{i}" for i in range(10)]
    tables = [np.exp(0.4 * rng.standard_normal([n_states[i] for i in scope])) for scope in scopes]
    labels = [[f"{name}:{k}" for k in range(size)] for name, size in zip(names, n_states, strict=True)]
    return si.FactorGraph(n_states, [tuple(names[i] for i in s) for s in scopes], tables, names=names, states=labels)


@pytest.mark.parametrize("evidence", [{}, {"v8": "v8:1"}, {"v2": "v2:1", "v9": "v9:3"}], ids=str)
@pytest.mark.parametrize("soft", [False, True])
def test_auto_joins_what_is_sampled_and_what_is_exact(evidence: dict[str, str], soft: bool) -> None:
    graph = in_two_parts()
    seen: dict[str, Any] = dict(evidence)
    model = graph
    if soft:
        seen |= {"v1": [0.2, 1.0, 0.5], "v7": [1.0, 0.0, 0.3]}
        model = si.FactorGraph(
            graph.n_states, [*(graph.scope(f) for f in range(graph.n_factors)), ("v1",), ("v7",)],
            [*np.split(graph.weights, graph.flat.table_start[1:-1]), [0.2, 1.0, 0.5], [1.0, 0.0, 0.3]],
            names=graph.variables, states=list(graph.states.values()),
        )  # fmt: skip
    assert len(components(graph)) == 3
    r = si.marginals(graph, seen, memory=1500, draws=2000, rng=2)
    exact = exact_marginals(model, evidence)
    assert r.method.startswith("exact + ")
    assert not r.exact
    for node in ("v7", "v8", "v9"):
        np.testing.assert_allclose(r[node], exact[node], atol=1e-12)
        assert not r.mcse[node].any()
    for node in graph.variables:
        assert (abs(r[node] - exact[node]) <= 5 * r.mcse[node] + ROUNDING).all(), node
        assert r.states[node] == graph.states[node]
    assert all(r[node][graph.states[node].index(label)] == 1.0 for node, label in evidence.items())
    assert 0 < r.rhat.max() < DISAGREE


def test_auto_solves_components_one_after_the_other_where_memory_is_for_one() -> None:
    rng = np.random.default_rng(2)
    graph = si.FactorGraph([3] * 8, [(i, i + 1) for i in (0, 2, 4, 6)], [rng.random((3, 3)) for _ in range(4)])
    r = si.marginals(graph, memory=1200)
    assert r.exact
    assert "components" in r.reason
    np.testing.assert_allclose(r.probability, np.concatenate(list(exact_marginals(graph).values())), atol=1e-12)
    assert r.log_partition == pytest.approx(log_partition(graph), abs=1e-10)


def test_auto_after_an_intervention() -> None:
    from stochinf.graphs.formats import parse_uai

    rng = np.random.default_rng(1)
    parents = [tuple(range(max(0, i - 3), i)) for i in range(8)]
    tables = [rng.dirichlet(np.ones(2), 2 ** len(p)) for p in parents]
    words = [f"BAYES 8 {'2 ' * 8} 8"]
    words += [f"{len(p) + 1} {' '.join(map(str, (*p, i)))}" for i, p in enumerate(parents)]
    words += [f"{table.size} {' '.join(map(str, table.ravel().tolist()))}" for table in tables]
    done = parse_uai("\n".join(words).encode()).do({4: 1})
    wanted = np.concatenate(list(exact_marginals(done, {7: 0}).values()))
    exact, rough = si.marginals(done, {7: 0}), si.marginals(done, {7: 0}, memory=1000, draws=2000, rng=1)
    np.testing.assert_allclose(exact.probability, wanted, atol=1e-12)
    assert not rough.exact
    assert (abs(rough.probability - wanted) <= 5 * rough.error + ROUNDING).all()


@pytest.mark.parametrize("method", ["gibbs", "metropolis", "blocked", "tempering", "gradient", "swendsen-wang"])
def test_potts_models(method: str) -> None:
    check_samplers((Case(potts(nx.cycle_graph(5), 3, seed), {0: 1} if seed % 2 else {}) for seed in range(3)), (method,))
