"""Minibatch Gibbs sampling keeps every model of the shared harness, at every size of minibatch; planted bugs are caught."""

from typing import Any

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import MODELS, Model, chi_square, indices, p_value, sums_z, swept
from scipy.stats import chisquare, poisson

import stochinf as si
from stochinf.engine.errors import GraphError, StochinfError
from stochinf.engine.jit import JIT
from stochinf.engine.random import stream
from stochinf.graphs.minibatch import picking
from stochinf.graphs.minibatch.spin_terms import spin_rows
from stochinf.graphs.targets import graph_target

STAR = nx.star_graph(9)
nx.set_edge_attributes(STAR, 0.05, "J")
HUB = Model(si.FactorGraph.from_networkx(STAR), {})
KERNELS = {
    "poisson": si.graphs.PoissonGibbs(sums=True, batch=2.0, look=2),
    "min": si.graphs.MinGibbs(sums=True, batch=20.0),
    "double": si.graphs.DoubleMinGibbs(sums=True, batch=20.0, proposal_batch=3.0),
}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minibatches for every variable, even where they do not pay."""
    monkeypatch.setattr("stochinf.graphs.minibatch.spin_terms.WORTH", 0.0)
    monkeypatch.setattr("stochinf.graphs.minibatch.table_terms.WORTH", 0.0)


@pytest.mark.fast
@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ["spins with evidence", "tables with evidence"])
def test_sweeps_keep_the_distribution(name: str, kernel: str) -> None:
    """Two sweeps: every variable is once drawn from a minibatch and once from all its factors; its conditional counts twice."""
    state = swept(name, KERNELS[kernel], sweeps=2)[1]
    assert chi_square(name, indices(state.position)) > 1e-6
    assert sums_z(name, KERNELS[kernel], visits=2, sweeps=2) < 6


@pytest.mark.fast
@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("batch", [0.3, 30.0])
def test_any_size_of_minibatch_will_do(batch: float) -> None:
    kernel = si.graphs.PoissonGibbs(sums=True, batch=batch, look=2)
    for name in ("spins", "potts"):
        assert p_value(name, kernel) > 1e-6


@pytest.mark.fast
def test_zeros_are_drawn_from_all_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stochinf.graphs.minibatch.table_terms.WORTH", 1e-3)
    kernel = si.graphs.PoissonGibbs(sums=True, batch=2.0, look=2)
    assert p_value("zeros and evidence", kernel) > 1e-6


@pytest.mark.fast
def test_only_hubs_get_minibatches() -> None:
    rows = spin_rows(graph_target(HUB.graph), 0.3)
    assert np.flatnonzero(rows.extra).tolist() == [0]
    assert p_value(HUB, si.graphs.PoissonGibbs(sums=True, batch=0.3, look=2)) > 1e-6


@pytest.mark.skipif(not JIT, reason="needs many starts")
@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ["spins with evidence", "tables with evidence"])
def test_planted_bugs_are_caught(name: str, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minibatches a quarter too small, and estimates of an energy a quarter too small."""
    for place, changed in (("spin_rows", _weaker), ("spin_pairs", _weaker), ("table_terms", _weaker)):
        plain = getattr(__import__("stochinf.graphs.minibatch.kernel", fromlist=[place]), place)
        monkeypatch.setattr(f"stochinf.graphs.minibatch.kernel.{place}", changed(plain))
    assert p_value(name, KERNELS[kernel], sweeps=2) < 1e-6


def _weaker(plain: Any) -> Any:
    def terms(*arguments: Any, **named: Any) -> Any:
        made = plain(*arguments, **named)
        smaller = {"energy": 0.75 * made.energy}
        if hasattr(made, "whole_energy"):
            smaller["whole_energy"] = 0.75 * made.whole_energy
        return made._replace(**smaller)

    return terms


@pytest.mark.fast
@pytest.mark.parametrize("mean", [0.0, 0.4, 9.0, 150.0])
def test_poisson_numbers(mean: float) -> None:
    rng = stream(np.random.SeedSequence(1))
    drawn = np.array([picking.poisson(rng, mean) for _ in range(4000)])
    inner = np.arange(*poisson.ppf([0.01, 0.99], mean)) if mean else np.empty(0)
    edges = np.array([-1, *inner, 10**6])
    expected = np.diff(poisson.cdf(edges, mean))
    assert chisquare(np.histogram(drawn, edges + 0.5)[0], 4000 * expected).pvalue > 1e-4 if mean else not drawn.any()


@pytest.mark.fast
def test_picks_follow_the_weights() -> None:
    rng, weights = stream(np.random.SeedSequence(2)), np.array([9.0, 0.0, 3.0, 1.0, 7.0])
    threshold, other = picking.alias_rows(np.array([0, 1, 5]), weights)
    drawn = np.bincount([picking.pick(rng, threshold, other, 1, 4) for _ in range(4000)], minlength=5)
    assert drawn[[0, 1]].tolist() == [0, 0]
    assert chisquare(drawn[2:], 4000 * weights[2:] / 11).pvalue > 1e-4


@pytest.mark.parametrize("chains", [4, 16])
def test_marginals_by_minibatches(chains: int) -> None:
    """A complete graph, large enough that minibatches pay, against its exact marginals: all spins are alike."""
    n = 400
    graph = nx.complete_graph(n)
    nx.set_edge_attributes(graph, 0.5 / n, "J")
    nx.set_node_attributes(graph, 0.2, "h")
    ups = np.arange(n + 1)
    log_p = np.concatenate([[0.0], np.cumsum(np.log((n - ups[:-1]) / ups[1:]))]) + 0.2 * (2 * ups - n)
    log_p += 0.5 / n * ((2 * ups - n) ** 2 - n) / 2
    weights = np.exp(log_p - log_p.max())
    exact = float((weights * ups).sum() / weights.sum() / n)
    r = si.marginals(si.FactorGraph.from_networkx(graph), method="poisson-gibbs", draws=400, warmup=50, chains=chains, rng=1)
    assert abs(np.mean([r[v][1] for v in range(n)]) - exact) < 0.005
    assert max(abs(r[v][1] - exact) for v in range(n)) < 0.03


@pytest.mark.fast
def test_bad_numbers_are_refused() -> None:
    with pytest.raises(StochinfError, match=r"PoissonGibbs: batch = -1\.0; a positive number"):
        si.graphs.PoissonGibbs(batch=-1)
    with pytest.raises(StochinfError, match="DoubleMinGibbs: inverse_temperature = -2"):
        si.graphs.DoubleMinGibbs(-2)
    with pytest.raises(StochinfError, match="look = 0"):
        si.graphs.PoissonGibbs(look=0)
    zeros = MODELS["zeros and evidence"].graph
    with pytest.raises(GraphError, match=r"factor \d+ has zeros: MIN-Gibbs needs positive factors"):
        si.graphs.MinGibbs().prepare(graph_target(zeros))
