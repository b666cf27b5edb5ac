"""Components enumerated together, and streams of graphs, against elimination one by one."""

from collections.abc import Iterator

import numpy as np
import pytest
from oracles import random_graph

import stochinf as si
from stochinf.engine.errors import GraphError
from stochinf.graphs import automatic
from stochinf.graphs.large import components
from stochinf.graphs.large.components import small_parts
from stochinf.graphs.large.stream import beside_each_other


def assorted() -> list[si.FactorGraph]:
    """Graphs of several structures, with zeros, single variables, a constant, and two that are too large for enumeration."""
    rng = np.random.default_rng(1)
    chains = [si.FactorGraph([2, 3, 2], [(0, 1), (2, 1), (0,)], [rng.random(6), rng.random(6), rng.random(2)]) for _ in range(40)]
    others = [random_graph(seed, zeros=0.1) for seed in (1, 2, 3)]
    single = [si.FactorGraph([3], [(0,), ()], [rng.random(3), [2.5]]) for _ in range(5)]
    long = [si.FactorGraph([2] * 14, [(i, i + 1) for i in range(13)], rng.random((13, 4))) for _ in range(2)]
    mixed = [*chains, *others, *single, *long]
    return [mixed[i] for i in rng.permutation(len(mixed))]


def close(a: si.graphs.Marginals, b: si.graphs.Marginals) -> bool:
    return np.allclose(a.probability, b.probability, atol=1e-12) and abs(a.log_partition - b.log_partition) < 1e-9


@pytest.fixture(scope="module")
def alone() -> list[si.graphs.Marginals]:
    return [si.marginals(graph, method="exact") for graph in assorted()]


def test_parts_of_one_graph(alone: list[si.graphs.Marginals]) -> None:
    graphs = assorted()
    whole = beside_each_other(graphs)
    found = small_parts(whole)
    owner = np.repeat(np.arange(len(graphs)), [g.n_variables for g in graphs])
    assert sorted({int(i) for i in owner[found.variables]}) == [i for i, g in enumerate(graphs) if g.n_variables < 14]
    assert found.structures < 20 < found.components
    wanted = np.concatenate([r.probability for r, g in zip(alone, graphs, strict=True) if g.n_variables < 14])
    assert np.allclose(found.probability, wanted, atol=1e-12)
    small = sum(r.log_partition for r, g in zip(alone, graphs, strict=True) if g.n_variables < 14)
    assert found.log_partition == pytest.approx(small, abs=1e-9)


def test_hashes_that_lie_do_no_harm(monkeypatch: pytest.MonkeyPatch, alone: list[si.graphs.Marginals]) -> None:
    monkeypatch.setattr(components, "_mixed", lambda *columns: np.zeros(np.shape(columns[0]), np.uint64))
    found = small_parts(beside_each_other(assorted()))
    wanted = np.concatenate([r.probability for r in alone if r.graph.n_variables < 14])
    assert np.allclose(found.probability, wanted, atol=1e-12)


def test_auto_enumerates_small_parts_and_solves_the_rest(
    monkeypatch: pytest.MonkeyPatch, alone: list[si.graphs.Marginals]
) -> None:
    monkeypatch.setattr(automatic, "MANY", 1)
    whole = beside_each_other(assorted())
    r = si.marginals(whole)
    assert r.exact
    assert r.method == "exact"
    assert "structures enumerated together; the rest: elimination fits" in r.reason
    assert np.allclose(r.probability, np.concatenate([a.probability for a in alone]), atol=1e-12)
    assert r.log_partition == pytest.approx(sum(a.log_partition for a in alone), abs=1e-9)
    small = si.marginals(beside_each_other([g for g in assorted() if g.n_variables == 3]), evidence={0: 1})
    assert small.facts["structures"] >= 1
    assert small[0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_a_stream_answers_like_its_graphs(batch: int, alone: list[si.graphs.Marginals]) -> None:
    answers = list(si.marginals_stream(iter(assorted()), batch=batch))
    assert all(close(a, b) for a, b in zip(answers, alone, strict=True))


def test_a_stream_is_read_as_it_is_asked_for() -> None:
    read = []

    def graphs() -> Iterator[tuple[si.FactorGraph, dict[int, int]]]:
        for i in range(100):
            read.append(i)
            yield si.FactorGraph([2, 2], [(0, 1)], [[1, 2, 3, 4 + i]]), {0: 1}

    answers = si.marginals_stream(graphs(), batch=10)
    assert read == []
    assert next(answers)[1].round(4).tolist() == [round(3 / 7, 4), round(4 / 7, 4)]
    assert len(read) == 10


def test_bad_graphs_are_named() -> None:
    good = si.FactorGraph([2], [(0,)], [[1, 2]])
    with pytest.raises(GraphError, match=r"graph 2 of the stream: .*7"):
        list(si.marginals_stream([good, good, (good, {0: 7})]))
    split = si.FactorGraph([2, 2, 2], [(0, 1), (1, 2), (0, 2)], [[1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]])
    with pytest.raises(GraphError, match="component of variable 0 contradict"):
        small_parts(split)
