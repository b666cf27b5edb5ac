"""Graphs built from arrays in one piece are those built from lists; what arrays may do wrong is told."""

import numpy as np
import pytest

import stochinf as si
from stochinf.engine.errors import GraphError
from stochinf.graphs import sorting
from stochinf.graphs.spins import spin_parameters
from stochinf.graphs.targets import graph_target

pytestmark = pytest.mark.fast


def pairs(n: int, edges: int, seed: int, k: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of states, scopes with repeated pairs, and log tables."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, n, edges)
    scopes = np.stack([first, (first + rng.integers(1, n, edges)) % n], axis=1)
    return np.full(n, k), scopes, rng.normal(size=(edges, k * k))


@pytest.mark.parametrize("k", [2, 3])
def test_arrays_and_lists_give_the_same_graph(k: int) -> None:
    n_states, scopes, tables = pairs(6, 40, 1, k)
    fast = si.FactorGraph.from_log_tables(n_states, scopes, tables)
    shaped = si.FactorGraph.from_log_tables(n_states.tolist(), scopes, tables.reshape(-1, k, k))
    slow = si.FactorGraph.from_log_tables(n_states.tolist(), scopes.tolist(), list(tables))
    for a, b, c in zip(fast.flat, shaped.flat, slow.flat, strict=True):
        assert np.array_equal(a, c)
        assert np.array_equal(b, c)
        assert a.dtype == b.dtype == c.dtype


def test_unequal_states_and_wider_factors() -> None:
    rng = np.random.default_rng(2)
    tables = rng.random((3, 2, 3, 4))
    scopes = np.array([[0, 1, 2], [3, 4, 5], [0, 4, 5]])
    fast = si.FactorGraph(np.array([2, 3, 4] * 2), scopes, tables)
    slow = si.FactorGraph([2, 3, 4] * 2, scopes.tolist(), list(tables))
    assert all(np.array_equal(a, b) for a, b in zip(fast.flat, slow.flat, strict=True))
    mixed = si.FactorGraph(np.array([2, 3]), np.array([[0, 1], [1, 0]]), np.ones((2, 6)))
    assert mixed.flat.stride.tolist() == [3, 1, 2, 1]


@pytest.mark.parametrize("arity", [1, 3])
def test_scopes_of_any_length_over_equal_variables(arity: int) -> None:
    rng = np.random.default_rng(4)
    scopes, tables = np.stack([rng.permutation(5)[:arity] for _ in range(7)]), rng.random((7, 3**arity))
    fast = si.FactorGraph([3] * 5, scopes, tables)
    slow = si.FactorGraph([3] * 5, scopes.tolist(), list(tables))
    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(fast.flat, slow.flat, strict=True))
    scopes[2] = 4
    if arity > 1:
        with pytest.raises(GraphError, match=r"factor 2 over \(4, 4, 4\): variable 4 appears twice"):
            si.FactorGraph([3] * 5, scopes, tables)


def test_the_arrays_given_stay_the_users() -> None:
    n_states, scopes, tables = pairs(6, 10, 3)
    graph = si.FactorGraph.from_log_tables(n_states, scopes, tables)
    tables[:] = 7.0
    scopes[:] = 0
    assert not (graph.log_weights == 7.0).any()
    assert graph.flat.scope.any()


def test_counting_is_sorting(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = si.FactorGraph.from_log_tables(*pairs(50, 400, 4))
    slow_spins, slow = spin_parameters(graph.flat), graph_target(graph)
    monkeypatch.setattr(sorting, "COUNTED_FROM", 0)
    fast_spins = spin_parameters(graph.flat)
    graph.__dict__.pop("spins")
    for a, b in zip((*slow_spins[:3], *slow[:4]), (*fast_spins[:3], *graph_target(graph)[:4]), strict=True):
        assert np.array_equal(a, b)
    pair, which = np.unique(np.sort(graph.flat.scope.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    assert np.array_equal(fast_spins.edges, pair)
    wanted = graph.log_weights.reshape(-1, 4) @ np.array([1, -1, -1, 1]) / 4
    assert np.allclose(fast_spins.coupling, np.bincount(which.ravel(), wanted), atol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a["scopes"].__setitem__((3, 1), 6), "variable 6 is not among the 6"),
        (lambda a: a["scopes"].__setitem__((3, 1), -1), "variable -1 is not among the 6"),
        (lambda a: a["scopes"].__setitem__(3, [2, 2]), "variable 2 appears twice"),
        (lambda a: a["tables"].__setitem__((3, 1), np.nan), r"entry 1 .* is nan"),
        (lambda a: a["tables"].__setitem__(3, -np.inf), "factor 3 .* all entries are zero"),
        (lambda a: a["n_states"].__setitem__(2, 0), "variable 2: 0 states"),
        (lambda a: a.update(tables=a["tables"][:, :3]), "3 entries given, 4 needed"),
        (lambda a: a.update(tables=a["tables"][:5]), "5 tables for 10 scopes"),
    ],
)
def test_wrong_arrays_are_told(change: object, message: str) -> None:
    arrays = dict(zip(("n_states", "scopes", "tables"), pairs(6, 10, 5), strict=True))
    change(arrays)  # type: ignore[operator]
    with pytest.raises(GraphError, match=message):
        si.FactorGraph.from_log_tables(arrays["n_states"], arrays["scopes"], arrays["tables"])
