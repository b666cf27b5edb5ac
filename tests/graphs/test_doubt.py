"""Error bars of ignorance: where zeros keep chains apart they hold whatever is true, elsewhere nothing changes."""

import warnings
from typing import Any

import numpy as np
import pytest
from oracles import exact_marginals

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.doubt import doubted

pytestmark = pytest.mark.skipif(not JIT, reason="many sweeps")


def two_halves() -> si.FactorGraph:
    """Return a and b, equal, with c that leans on b; d on its own; e that zeros decide; f, g with a harmless zero."""
    return si.FactorGraph(
        [2, 2, 2, 3, 2, 2, 2],
        [("a", "b"), ("b", "c"), ("d",), ("e",), ("f", "g")],
        [np.diag([1.0, 20.0]), [[3.0, 1.0], [1.0, 2.0]], [1.0, 2.0, 3.0], [0.0, 1.0], [[1.0, 1.0], [0.0, 1.0]]],
        names=list("abcdefg"),
    )


def asked(method: str, graph: si.FactorGraph, **means: Any) -> si.graphs.Marginals:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", si.ConvergenceWarning)
        return si.marginals(graph, method=method, rng=1, **means)


@pytest.mark.parametrize("method", ["gibbs", "metropolis"])
def test_parted_states_have_error_bars_that_hold(method: str) -> None:
    r, exact = asked(method, two_halves()), exact_marginals(two_halves())
    for node in "abc":
        assert (abs(r[node] - exact[node]) < 1.96 * r.mcse[node]).all()
        assert (r.mcse[node] > 0.28).all()
    assert all((r.mcse[node] < 0.05).all() for node in "defg")
    assert r.mcse["e"].tolist() == [0.0, 0.0]
    assert any("not ergodic" in warning for warning in r.warnings)


def test_tempering_that_travels_keeps_its_error_bars() -> None:
    r, exact = asked("tempering", two_halves()), exact_marginals(two_halves())
    assert r.facts["round_trips"] > r.chains
    for node in "abcdefg":
        assert (r.mcse[node] < 0.1).all()
        assert (abs(r[node] - exact[node]) <= 5 * r.mcse[node] + 1e-6).all()


def test_frozen_chains_count_where_there_are_zeros_only() -> None:
    graph, free = two_halves(), np.full(7, -1, np.int32)
    frozen = np.array([1.0, 1.0, 1.0, 50.0, np.nan, np.inf, 1.0])
    doubt = np.split(doubted(graph, free, frozen, False), np.cumsum(graph.n_states)[:-1])
    assert [bool(states.all()) for states in doubt] == [False, False, False, False, False, True, True]
    assert not np.concatenate(doubt[:5]).any()


def test_positive_models_are_left_alone() -> None:
    graph = si.FactorGraph([2, 2], [(0, 1)], [[1.0, 1e-300, 1e-300, 1.0]])
    r = asked("gibbs", graph, draws=100)
    assert r.rhat.max() > 10
    assert r.mcse.max() > 0.3
    assert not any("ergodic" in warning for warning in r.warnings)
