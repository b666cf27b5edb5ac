"""Swendsen-Wang keeps the distribution, with fields, evidence and frustration; planted bugs are caught."""

from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import numpy.typing as npt
import pytest
from graphs.invariance import ACCEPTED, MODELS, POTTS_MODELS, SPIN_MODELS, Model, invariant, p_value, potts, sums_z
from oracles import exact_marginals

import stochinf as si
from stochinf.engine.driver import Controls
from stochinf.engine.jit import JIT
from stochinf.engine.parts import part
from stochinf.engine.random import next_word, stream
from stochinf.graphs.clusters import SwendsenWang, cluster_marginals, potts_parameters
from stochinf.graphs.clusters.bonds import sfc64
from stochinf.graphs.clusters.union import join, label
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.question import Sampling


def two_colours() -> Model:
    """A Potts model of two states, one of them impossible at one node: tables, not spins."""
    graph = nx.cycle_graph(5)
    logs = [[0.3, -0.2], [-np.inf, 0.0], [0.1, 0.4]]
    scopes = [(0,), (1,), (3,), *graph.edges]
    tables = [*logs, *(weight * np.eye(2) for weight in (1.2, -0.7, 0.9, 0.4, 2.0))]
    return Model(si.FactorGraph.from_log_tables([2] * 5, scopes, tables), {})


def skewed() -> Model:
    """Pairwise tables that say something of their rows and columns besides, some of them parallel."""
    rng = np.random.default_rng(5)
    scopes = [(0, 1), (1, 2), (2, 3), (3, 0), (1, 0), (0, 2)]
    tables = [0.4 * (rng.normal(size=(3, 1)) + rng.normal(size=(1, 3)) + rng.normal() * np.eye(3)) for _ in scopes]
    return Model(si.FactorGraph.from_log_tables([3] * 4, scopes, tables), {0: 1})


CLUSTER_MODELS: list[str | Model] = [*SPIN_MODELS, *POTTS_MODELS, two_colours(), skewed()]
NAMES = [*SPIN_MODELS, *POTTS_MODELS, "two colours", "skewed tables"]


@pytest.mark.fast
@pytest.mark.parametrize("model", CLUSTER_MODELS, ids=NAMES)
def test_a_sweep_keeps_the_distribution(model: str | Model) -> None:
    assert invariant(model, SwendsenWang())
    assert sums_z(model, SwendsenWang(sums=True)) < 6


@part(lanes=True, single=True, rate_field="inverse_temperature")
class Spoiled(NamedTuple):
    """A cluster kernel that is handed the wrong bond probabilities."""

    factor: float
    inner: Any = 0
    inverse_temperature: Any = 1.0

    def prepare(self, target: Any) -> "Spoiled":
        return self._replace(inner=SwendsenWang().prepare(target)._replace(inverse_temperature=np.nan))

    def points(self, target: Any) -> int:
        return 1

    def pick(self, target: Any) -> Any:
        return self.inner.pick(target)

    def init(self, target: Any, position: Any, streams: Any) -> Any:
        state = self.inner.init(target, position, streams)
        coupling = target.coupling if hasattr(target, "coupling") else self.inner.coupling
        strength = 2.0 * np.abs(coupling) if hasattr(target, "coupling") else np.maximum(coupling, 0.0)
        state.bond[:] = -np.expm1(-self.factor * strength)
        state.beta[0] = 1.0
        return state

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        self.inner.update(target, state, point, rate, rng)


@pytest.mark.skipif(not JIT, reason="power needs many starts")
@pytest.mark.parametrize("name", ["grid", "potts"])
class TestPlantedBugsAreCaught:
    def test_temperature(self, name: str) -> None:
        assert p_value(name, SwendsenWang(), rate=0.95, sweeps=5) < ACCEPTED

    def test_bonds_half_as_strong(self, name: str) -> None:
        assert p_value(name, Spoiled(0.5), sweeps=5) < ACCEPTED

    def test_bonds_right_through_the_same_wrapper(self, name: str) -> None:
        assert p_value(name, Spoiled(1.0), sweeps=5) > ACCEPTED


@pytest.mark.skipif(not JIT, reason="many sweeps")
class TestMarginals:
    @pytest.mark.parametrize("model", CLUSTER_MODELS, ids=NAMES)
    def test_within_error(self, model: str | Model) -> None:
        graph, evidence = MODELS[model] if isinstance(model, str) else model
        sampling = Sampling(16, 2000, 50, None, 3, Controls())
        result = cluster_marginals(graph, check_evidence(graph, evidence), sampling)
        exact = exact_marginals(graph, evidence)
        assert result.method == "swendsen-wang"
        for node in graph.variables:
            assert (np.abs(result[node] - exact[node]) < 5 * result.mcse[node] + 1e-5).all(), node

    def test_strong_couplings_mix(self) -> None:
        graph = potts(nx.grid_2d_graph(2, 3), 3, 3)
        edges = [tuple(graph.scope(f)) for f in range(graph.n_factors) if len(graph.scope(f)) == 2]
        strong = si.FactorGraph.from_log_tables([3] * 6, [(0,), *edges], [[0.0, 0.5, 1.0], *(20 * np.eye(3) for _ in edges)])
        result = cluster_marginals(strong, np.full(6, -1, np.int32), Sampling(8, 500, 10, None, 3, Controls()))
        wanted = np.exp([0.0, 0.5, 1.0]) / np.exp([0.0, 0.5, 1.0]).sum()
        assert np.abs(result[5] - wanted).max() < 1e-4

    def test_a_periodic_critical_grid_has_the_exact_energy(self) -> None:
        """Onsager: the energy per bond of the square lattice at criticality is 1 / sqrt(2), up to the size of the grid."""
        side = 32
        graph = nx.grid_2d_graph(side, side, periodic=True)
        nx.set_edge_attributes(graph, 0.5 * np.log(1 + np.sqrt(2)), "J")
        model = si.FactorGraph.from_networkx(graph)
        spins = si.run(SwendsenWang(), model, steps=400, chains=8, thin=4, rng=1)["state"][:, 20:].astype(float)
        grid = spins.reshape(*spins.shape[:2], side, side)
        energy = 0.5 * ((grid * np.roll(grid, 1, 2)).mean() + (grid * np.roll(grid, 1, 3)).mean())
        assert abs(energy - 1 / np.sqrt(2) * (1 + 0.6 / side)) < 0.01


def test_same_bits_for_any_threads_and_chunks() -> None:
    graph = MODELS["potts"].graph
    one, two = (si.run(SwendsenWang(), graph, steps=30, chains=70, threads=n, rng=9)["state"] for n in (1, 2))
    assert (one == two).all()


@pytest.mark.parametrize("name", ["grid", "potts"])
def test_a_saved_run_goes_on_with_the_same_bits(name: str, tmp_path: Path) -> None:
    graph = MODELS[name].graph
    whole = si.run(SwendsenWang(), graph, steps=12, chains=3, rng=2)["state"]
    si.run(SwendsenWang(), graph, steps=5, chains=3, rng=2).save(tmp_path / "run.npz")
    assert (si.resume(tmp_path / "run.npz", draws=7)["state"] == whole).all()


@pytest.mark.fast
def test_statistics_count_clusters() -> None:
    run = si.run(SwendsenWang(1e-12), MODELS["grid"].graph, steps=3, chains=2, rng=0)
    assert (run.stats["clusters"] == 9).all()


@pytest.mark.fast
@np.errstate(over="ignore")
def test_bonds_draw_from_the_stream_of_the_block() -> None:
    rng = stream(np.random.SeedSequence(3))
    words = tuple(rng)
    for _ in range(5):
        word, *words = sfc64(*words)
        assert word == next_word(rng)
    assert tuple(rng) == tuple(words)


@pytest.mark.slow
@pytest.mark.parametrize("model", CLUSTER_MODELS, ids=NAMES)
def test_a_million_starts(model: str | Model) -> None:
    assert p_value(model, SwendsenWang(), starts=1_000_000) > ACCEPTED


@pytest.mark.fast
def test_labels_are_the_smallest_members() -> None:
    parent = np.arange(7, dtype=np.int32)
    for i, j in ((5, 6), (4, 5), (1, 4), (0, 3)):
        join(parent, i, j)
    label(parent)
    assert parent.tolist() == [0, 1, 2, 0, 1, 1, 1]


@pytest.mark.fast
def test_parameters_of_a_potts_model() -> None:
    graph = skewed().graph
    found = potts_parameters(graph.as_target())
    states: npt.NDArray[np.int64] = np.indices((3,) * 4).reshape(4, -1).T
    scores = sum(found.field[i, states[:, i]] for i in range(4))
    for i in range(4):
        for k in range(found.start[i], found.start[i + 1]):
            scores = scores + 0.5 * found.coupling[k] * (states[:, i] == states[:, found.neighbours[k]])
    exact = np.array([graph.log_score(dict(enumerate(row.tolist()))) for row in states])
    assert np.ptp(scores - exact) < 1e-5


@pytest.mark.fast
@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (si.FactorGraph([2, 3], [(0, 1)], [np.ones((2, 3))]), "of 2 and of 3 states"),
        (si.FactorGraph([3, 3, 3], [(0, 1, 2)], [np.ones((3, 3, 3))]), "factor 0 has 3 variables"),
        (si.FactorGraph([3, 3], [(0,), (0, 1)], [[1, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 1]]), "factor 1 depends on more"),
        (si.FactorGraph([2, 2], [(0, 1)], [[1, 0, 0, 1]]), "factor 0 depends on more"),
    ],
)
def test_other_models_are_refused(graph: si.FactorGraph, message: str) -> None:
    with pytest.raises(si.GraphError, match=message):
        si.run(SwendsenWang(), graph, steps=1)


@pytest.mark.fast
def test_bad_input() -> None:
    with pytest.raises(si.StochinfError, match="inverse_temperature = -1"):
        SwendsenWang(-1.0)
    with pytest.raises(si.StochinfError, match="a FactorGraph is needed"):
        si.run(SwendsenWang(), si.models.CoinBias(1, 1), steps=1)
