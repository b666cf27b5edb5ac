"""Gibbs sampling keeps every model of the shared harness; its sums agree with enumeration; the harness catches planted bugs."""

from typing import Any

import pytest
from graphs.invariance import MODELS, invariant, p_value, sums_z
from oracles import exact_marginals

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.targets import graph_target


@pytest.mark.fast
@pytest.mark.parametrize("name", MODELS)
def test_a_sweep_keeps_the_distribution(name: str) -> None:
    assert invariant(name, si.graphs.Gibbs(), sweeps=2)


@pytest.mark.fast
@pytest.mark.parametrize("name", ["grid", "potts with evidence", "zeros and evidence"])
@pytest.mark.parametrize(
    "picker", [si.pickers.Uniform(), si.pickers.Shuffled(), si.pickers.Colours()], ids=["random", "shuffled", "colours"]
)
def test_any_order_keeps_the_distribution(name: str, picker: Any) -> None:
    assert invariant(name, si.graphs.Gibbs(), picker=picker)


@pytest.mark.skipif(not JIT, reason="many sweeps")
@pytest.mark.parametrize("name", ["grid", "tables with evidence", "potts"])
@pytest.mark.parametrize(("method", "order"), [("gibbs", "colours"), ("metropolis", "random"), ("metropolis", "colours")])
def test_marginals_in_any_order(name: str, method: str, order: str) -> None:
    graph, evidence = MODELS[name]
    result = si.marginals(graph, evidence, method, order=order, rng=3)
    exact = exact_marginals(graph, evidence)
    for node in graph.variables:
        assert (abs(result[node] - exact[node]) < 6 * result.mcse[node] + 1e-6).all()


@pytest.mark.fast
@pytest.mark.parametrize("name", MODELS)
def test_sums_agree_with_the_exact_marginals(name: str) -> None:
    assert sums_z(name, si.graphs.Gibbs(sums=True)) < 6


@pytest.mark.skipif(not JIT, reason="power needs many starts")
@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_temperature_is_caught(name: str) -> None:
    assert p_value(name, si.graphs.Gibbs(), rate=0.9) < 1e-6


@pytest.mark.skipif(not JIT, reason="power needs many starts")
def test_sums_of_other_tables_are_caught() -> None:
    target = graph_target(MODELS["tables"].graph)
    assert sums_z("tables", si.graphs.Gibbs(sums=True), target=target._replace(log_tables=0.9 * target.log_tables)) > 6
