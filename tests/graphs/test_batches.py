"""Many cases of evidence over one graph: each answer is that of its row alone, and nothing is compiled twice."""

from typing import Any

import numpy as np
import pytest
from oracles import exact_marginals, random_graph

import stochinf as si
from stochinf.engine.cache import statistics
from stochinf.engine.jit import JIT


def rows_of(graph: si.FactorGraph, n: int) -> list[dict[Any, Any]]:
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(n):
        chosen = rng.permutation(graph.n_variables)[: rng.integers(0, 3)]
        rows.append({graph.variables[v]: graph.labels(v)[rng.integers(graph.n_states[v])] for v in chosen})
    return rows


@pytest.mark.parametrize("seed", [1, 3])
def test_each_row_is_answered_as_if_alone(seed: int) -> None:
    graph = random_graph(seed)
    rows = rows_of(graph, 6)
    for row, result in zip(rows, si.marginals_batch(graph, rows), strict=True):
        for node, exact in exact_marginals(graph, row).items():
            np.testing.assert_allclose(result[node], exact, atol=1e-10)
        assert result.exact
        assert result.log_partition == pytest.approx(si.log_partition(graph, row).value, abs=1e-9)


def test_rows_as_numbers_and_soft_evidence() -> None:
    graph = random_graph(1)
    numbers = np.full((2, graph.n_variables), -1)
    numbers[1, 2] = graph.n_states[2] - 1
    node = graph.variables[2]
    by_number = si.marginals_batch(graph, numbers)
    assert by_number[1][node][-1] == 1.0
    likelihood = np.arange(1.0, graph.n_states[2] + 1.0)
    soft = si.marginals_batch(graph, [{node: likelihood}, {}])
    tilted = by_number[0][node] * likelihood
    np.testing.assert_allclose(soft[0][node], tilted / tilted.sum(), atol=1e-12)
    np.testing.assert_allclose(soft[1][node], by_number[0][node], atol=1e-12)


@pytest.mark.skipif(not JIT, reason="many sweeps")
def test_a_sampler_compiles_once_and_seeds_rows_apart() -> None:
    graph = random_graph(1)
    rows = rows_of(graph, 4)
    si.marginals_batch(graph, rows[:1], method="gibbs", rng=0, draws=200)
    before = statistics["misses"]
    results = si.marginals_batch(graph, rows, method="gibbs", rng=0, draws=2000)
    assert statistics["misses"] == before
    for row, result in zip(rows, results, strict=True):
        for node, exact in exact_marginals(graph, row).items():
            assert (abs(result[node] - exact) <= 6 * result.mcse[node] + 1e-6).all()
    same = si.marginals_batch(graph, [{}, {}], method="gibbs", rng=0, draws=50)
    assert any((same[0][node] != same[1][node]).any() for node in graph.variables)


@pytest.mark.fast
def test_a_row_that_is_wrong_is_named() -> None:
    graph = random_graph(1)
    with pytest.raises(si.GraphError, match="nobody"):
        si.marginals_batch(graph, [{}, {"nobody": 1}])
    with pytest.raises(si.GraphError, match="give a dict"):
        si.marginals(graph, [{}])  # type: ignore[arg-type]


@pytest.mark.fast
def test_a_warning_points_at_the_line_that_asked() -> None:
    graph = si.FactorGraph([2, 2], [(0, 1)], [[1, 0, 0, 1]])
    with pytest.warns(si.ConvergenceWarning) as batch:
        si.marginals_batch(graph, [{}], method="gibbs", draws=8, chains=8, rng=0)
    with pytest.warns(si.ConvergenceWarning) as one:
        si.marginals(graph, method="gibbs", draws=8, chains=8, rng=0)
    assert {warning.filename for warning in [*batch, *one]} == {__file__}
