"""The lattice kernel: chosen where the model is one, the conditionals of the general kernel, exact starts kept."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import Model, invariant, p_value, sums_z

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.lattice_gibbs import LatticeGibbs, LatticeGibbsWithSums, lattice_of
from stochinf.graphs.spin_gibbs import SpinGibbs, SpinGibbsWithSums
from stochinf.graphs.targets import graph_target

pytestmark = pytest.mark.fast


def lattice(graph: nx.Graph, coupling: float, field: float = 0.0, glass: bool = False) -> si.FactorGraph:
    """Return spins with couplings of one size, of random signs in a glass; NaN stands for a field for each."""
    signs = np.where(np.random.default_rng(3).random(len(graph.edges)) < 0.5, -1, 1) if glass else np.ones(len(graph.edges))
    nx.set_edge_attributes(graph, dict(zip(graph.edges, coupling * signs, strict=True)), "J")
    fields = np.random.default_rng(5).normal(size=len(graph)) if np.isnan(field) else np.full(len(graph), field)
    nx.set_node_attributes(graph, dict(zip(graph, fields, strict=True)), "h")
    return si.FactorGraph.from_networkx(graph)


LONELY = nx.star_graph(4)
LONELY.add_node("alone")
MODELS = {
    "open grid": Model(lattice(nx.grid_2d_graph(3, 3), 0.6, 0.2), {}),
    "periodic glass": Model(lattice(nx.grid_2d_graph(3, 3, periodic=True), 0.5, glass=True), {}),
    "antiferromagnet with evidence": Model(lattice(nx.grid_2d_graph(2, 4), -0.8, -0.3), {(0, 1): 1, (1, 3): -1}),
    "random fields": Model(lattice(nx.grid_2d_graph(3, 3), 0.5, np.nan), {}),
    "star": Model(lattice(LONELY, 0.7, 0.1), {}),
    "chain": Model(lattice(nx.path_graph(5), 2.5, 0.4), {}),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_chosen(name: str) -> None:
    graph, evidence = MODELS[name]
    target = graph_target(graph, check_evidence(graph, evidence))
    assert isinstance(si.graphs.Gibbs().prepare(target), LatticeGibbs)
    assert isinstance(si.graphs.Gibbs(sums=True).prepare(target), LatticeGibbsWithSums)


def test_it_is_not_chosen_elsewhere() -> None:
    others = [lattice(nx.star_graph(5), 0.3), lattice(nx.empty_graph(3), 1.0, 0.5)]
    graph = nx.grid_2d_graph(3, 3)
    nx.set_edge_attributes(graph, 0.5, "J")
    graph.edges[(0, 0), (0, 1)]["J"] = 0.7
    others.append(si.FactorGraph.from_networkx(graph))
    for graph in others:
        assert isinstance(si.graphs.Gibbs().prepare(graph.as_target()), SpinGibbs)


@pytest.mark.parametrize("name", MODELS)
def test_a_sweep_keeps_the_distribution(name: str) -> None:
    assert invariant(MODELS[name], si.graphs.Gibbs(), sweeps=2)
    assert sums_z(MODELS[name], si.graphs.Gibbs(sums=True)) < 6


@pytest.mark.parametrize("schedule", [None, si.schedules.Linear(90, 0.1, 2.0)])
@pytest.mark.parametrize("chains", [1, 5, 64])
def test_the_same_draws_as_of_the_general_kernel(chains: int, schedule: object) -> None:
    """Both compare the same conditionals with the same numbers, so that few lanes part, whatever the temperature does."""
    graph = MODELS["random fields"].graph
    settings = {"steps": 90, "thin": 9, "chains": chains, "rng": 3, "schedule": schedule}
    for mine, general in ((si.graphs.Gibbs(), SpinGibbs()), (si.graphs.Gibbs(sums=True), SpinGibbsWithSums())):
        draws = [si.run(kernel, graph, **settings)["state"] for kernel in (mine, general)]
        assert (draws[0] == draws[1]).mean() > 0.99


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    graph = MODELS["open grid"].graph
    whole = si.run(si.graphs.Gibbs(), graph, steps=90, thin=9, chains=5, rng=1)
    si.run(si.graphs.Gibbs(), graph, steps=36, thin=9, chains=5, rng=1).save(tmp_path / "run.npz")
    more = si.resume(tmp_path / "run.npz", draws=6, target=graph, kernel=si.graphs.Gibbs())
    assert (more["state"] == whole["state"]).all()


@pytest.mark.skipif(not JIT, reason="power needs many starts")
def test_planted_bugs_are_caught() -> None:
    model = MODELS["open grid"]
    target = graph_target(model.graph)
    found = lattice_of(target)
    assert found is not None
    for wrong in (
        found._replace(coupling=0.9 * found.coupling),
        found._replace(neighbours=np.roll(found.neighbours, 1, axis=0)),
        found._replace(kind=np.roll(found.kind, 1)),
        found._replace(taken=np.roll(found.taken, 1, axis=0), plain=np.zeros_like(found.plain)),
        found._replace(field=-found.field),
    ):
        assert p_value(model, LatticeGibbs(1.0, wrong), target=target) < 1e-6
    assert p_value(model, LatticeGibbs(1.0, found), target=target) > 1e-6
