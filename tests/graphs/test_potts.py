"""The Potts kernel: chosen where the model is one, the same conditionals as the tables, exact starts kept."""

import numpy as np
import pytest
from graphs.invariance import MODELS, POTTS_MODELS, Model, invariant, p_value, potts, sums_z
from networkx import cycle_graph, star_graph

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.potts_gibbs import PottsGibbs, PottsGibbsWithSums, potts_model
from stochinf.graphs.table_gibbs import TableGibbs
from stochinf.graphs.targets import graph_target

pytestmark = pytest.mark.fast

WIDE = Model(potts(star_graph(6), 3, 8), {})
"""A variable with six neighbours: a block of four and a rest."""


def blocked_states() -> si.FactorGraph:
    """Three variables of four states, fields with zeros, parallel and transposed factors, a constant."""
    rng = np.random.default_rng(4)
    fields = [rng.normal(size=4) for _ in range(3)]
    fields[1][2] = -np.inf
    pair = 0.6 * np.eye(4)
    scopes = [(0,), (1,), (2,), (0, 1), (1, 0), (1, 2), ()]
    return si.FactorGraph.from_log_tables([4] * 3, scopes, [*fields, pair, -2 * pair, pair + rng.normal(size=(4, 1)), [0.3]])


@pytest.mark.parametrize("name", POTTS_MODELS)
def test_it_is_chosen(name: str) -> None:
    graph, evidence = MODELS[name]
    target = graph_target(graph, check_evidence(graph, evidence))
    assert isinstance(si.graphs.Gibbs().prepare(target), PottsGibbs)
    assert isinstance(si.graphs.Gibbs(sums=True).prepare(target), PottsGibbsWithSums)


def test_it_is_not_chosen_elsewhere() -> None:
    tables = [
        si.FactorGraph([3, 3], [(0, 1)], [[2, 1, 1, 1, 2, 1, 1, 1, 3]]),
        si.FactorGraph([3, 3], [(0, 1)], [[0, 1, 1, 1, 0, 1, 1, 1, 0]]),
        si.FactorGraph([3, 2], [(0, 1)], [[2, 1, 1, 2, 1, 1]]),
        si.FactorGraph([3, 3, 3], [(0, 1, 2)], [np.ones(27)]),
        si.FactorGraph([3, 3], [(0,), (1,)], [np.ones(3), np.ones(3)]),
    ]
    for graph in tables:
        assert isinstance(si.graphs.Gibbs().prepare(graph.as_target()), TableGibbs)


@pytest.mark.parametrize("model", [*POTTS_MODELS, WIDE, Model(blocked_states(), {})], ids=str)
def test_a_sweep_keeps_the_distribution(model: str | Model) -> None:
    assert invariant(model, si.graphs.Gibbs(), sweeps=2)
    assert sums_z(model, si.graphs.Gibbs(sums=True)) < 6


def test_same_states_as_the_tables() -> None:
    """Both draw from the same conditionals with the same numbers, so that few lanes part."""
    graph = WIDE.graph
    target = graph_target(graph)
    runs = [si.run(kernel, graph, steps=7, thin=7, chains=64, rng=3)["state"] for kernel in (si.graphs.Gibbs(), TableGibbs(1.0))]
    assert potts_model(target) is not None
    assert (runs[0] == runs[1]).mean() > 0.99


@pytest.mark.skipif(not JIT, reason="power needs many starts")
def test_planted_bugs_are_caught() -> None:
    graph = potts(cycle_graph(5), 3, 8)
    target, model = graph_target(graph), potts_model(graph_target(graph))
    assert model is not None
    for wrong in (
        model._replace(coupling=model.coupling * 1.2),
        model._replace(neighbours=np.roll(model.neighbours, 1)),
        model._replace(field=np.roll(model.field, 1, axis=1)),
    ):
        assert p_value(Model(graph, {}), PottsGibbs(1.0, wrong), target=target) < 1e-6
    assert p_value(Model(graph, {}), PottsGibbs(1.0, model), target=target) > 1e-6
