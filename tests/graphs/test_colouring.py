"""Colour classes are proper, complete and the same in compiled and plain form."""

import networkx as nx
import numpy as np
import pytest

from stochinf.graphs import colouring
from stochinf.graphs.colouring import colour_classes

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("seed", range(5))
def test_proper_and_the_same_compiled(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = nx.gnm_random_graph(60, 180, seed=seed)
    rows = nx.to_scipy_sparse_array(graph, format="csr")
    free = np.flatnonzero(np.random.default_rng(seed).random(60) < 0.8).astype(np.int32)
    start, members = colour_classes(free, rows.indptr, rows.indices.astype(np.int32))
    assert sorted(members.tolist()) == list(range(free.size))
    colour = np.full(60, -1)
    for k in range(start.size - 1):
        colour[free[members[start[k] : start[k + 1]]]] = k
    assert all(colour[i] != colour[j] or colour[i] < 0 for i, j in graph.edges)
    assert start.size - 1 <= max(dict(graph.degree).values()) + 1
    monkeypatch.setattr(colouring, "COMPILED_FROM", 0)
    again = colour_classes(free, rows.indptr, rows.indices.astype(np.int32))
    assert (again[0] == start).all()
    assert (again[1] == members).all()


def test_a_grid_has_two_colours() -> None:
    rows = nx.to_scipy_sparse_array(nx.grid_2d_graph(4, 5), format="csr")
    start, _ = colour_classes(np.arange(20, dtype=np.int32), rows.indptr, rows.indices.astype(np.int32))
    assert start.tolist() == [0, 10, 20]


def test_nothing_free() -> None:
    start, members = colour_classes(np.empty(0, np.int32), np.zeros(3, np.int64), np.empty(0, np.int32))
    assert start.tolist() == [0]
    assert members.size == 0
