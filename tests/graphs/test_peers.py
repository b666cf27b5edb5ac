"""Other programs as oracles on 50 random models each: pgmpy's variable elimination, toulbar2, dimod's ExactSolver."""

import logging
import warnings
from typing import Any

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import observed, spins
from oracles import log_scores, random_graph

import stochinf as si

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SEEDS = range(50)


def peer(name: str) -> Any:
    """Import a peer, whatever it warns of; skip where it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, exc_type=ImportError)


def model(seed: int) -> si.FactorGraph:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 13))
    return random_graph(seed, n, int(rng.integers(6, 20)), 4 if n < 9 else 2, 0.15 * (seed % 3 == 0))


def tables(graph: si.FactorGraph) -> list[tuple[list[int], np.ndarray]]:
    """Return scopes, by number, and log weights in their shape."""
    flat = graph.flat
    scopes = [flat.scope[a:b].tolist() for a, b in zip(flat.scope_start[:-1], flat.scope_start[1:], strict=True)]
    parts = np.split(flat.log_weights, flat.table_start[1:-1])
    return [(scope, part.reshape(graph.n_states[scope])) for scope, part in zip(scopes, parts, strict=True)]


def test_marginals_and_map_equal_variable_elimination_of_pgmpy() -> None:
    inference, factors = peer("pgmpy.inference"), peer("pgmpy.factors.discrete")
    networks = peer("pgmpy.models")
    logging.getLogger("pgmpy").setLevel(logging.ERROR)
    for seed in SEEDS:
        graph = model(seed)
        theirs = networks.DiscreteMarkovNetwork()
        theirs.add_nodes_from(graph.variables)
        for scope, logs in tables(graph):
            names = [graph.variables[v] for v in scope]
            theirs.add_edges_from([(a, b) for a in names for b in names if a < b])
            theirs.add_factors(factors.DiscreteFactor(names, list(logs.shape), np.exp(logs).ravel()))
        for name, size in zip(graph.variables, graph.n_states.tolist(), strict=True):
            theirs.add_factors(factors.DiscreteFactor([name], [size], np.ones(size)))
        evidence = observed(graph, seed, 1) if seed % 2 else {}
        solver = inference.VariableElimination(theirs)
        ours = si.marginals(graph, evidence)
        best = si.map_state(graph, evidence)
        for name in graph.variables:
            if name in evidence:
                continue
            answer = solver.query([name], evidence=evidence, show_progress=False)
            np.testing.assert_allclose(ours[name], answer.values / answer.values.sum(), atol=1e-10)
        free = [name for name in graph.variables if name not in evidence]
        found = {**solver.map_query(free, evidence=evidence, show_progress=False), **evidence}
        row = np.array([[found[name] for name in graph.variables]])
        assert log_scores(graph, row)[0] == pytest.approx(best.log_score, abs=1e-9)


def test_map_equals_toulbar2() -> None:
    toulbar2 = peer("pytoulbar2")
    for seed in SEEDS:
        graph = model(seed)
        worst = -min(float(logs[np.isfinite(logs)].min()) for _, logs in tables(graph))
        theirs = toulbar2.CFN(1e6, resolution=9)
        for i, size in enumerate(graph.n_states.tolist()):
            theirs.AddVariable(f"x{i}", [f"s{k}" for k in range(size)])
        for scope, logs in tables(graph):
            costs = np.where(np.isfinite(logs), -logs, 1e6 + abs(worst)).ravel()
            theirs.AddFunction([f"x{v}" for v in scope], costs.tolist())
        states, cost, _ = theirs.Solve()
        ours = si.map_state(graph)
        assert ours.status == "optimal"
        assert ours.log_score == pytest.approx(-cost, abs=1e-6)
        assert log_scores(graph, np.array([states]))[0] == pytest.approx(ours.log_score, abs=1e-6)


def test_map_and_energies_equal_exact_solver_of_dimod() -> None:
    dimod = peer("dimod")
    for seed in SEEDS:
        graph = spins(nx.gnp_random_graph(int(np.random.default_rng(seed).integers(3, 13)), 0.5, seed=seed), seed)
        theirs = dimod.BinaryQuadraticModel("SPIN")
        for i in graph.variables:
            theirs.add_variable(i)
        states = {i: [-1, 1] for i in graph.variables}
        assert graph.states == states
        for scope, logs in tables(graph):
            names = [graph.variables[v] for v in scope]
            if len(names) == 1:
                theirs.add_linear(names[0], -(logs[1] - logs[0]) / 2)
            else:
                theirs.add_quadratic(*names, -(logs[1, 1] + logs[0, 0] - logs[0, 1] - logs[1, 0]) / 4)
        sampleset = dimod.ExactSolver().sample(theirs)
        best = sampleset.first
        ours = si.map_state(graph)
        assert ours.log_score == pytest.approx(-best.energy, abs=1e-9)
        assert theirs.energy(ours.state) == pytest.approx(best.energy, abs=1e-9)
        assert si.map_state(theirs).log_score == pytest.approx(-best.energy, abs=1e-9)
        energies = sampleset.record.energy
        weights = np.exp(-(energies - energies.min()))
        column = {name: k for k, name in enumerate(sampleset.variables)}
        r = si.marginals(graph)
        for i in graph.variables:
            up = weights[sampleset.record.sample[:, column[i]] == 1].sum() / weights.sum()
            assert r[i][1] == pytest.approx(up, abs=1e-10)
