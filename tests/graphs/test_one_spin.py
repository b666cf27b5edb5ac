"""One chain of spins keeps local fields: the same trajectory as recomputing them, the right law, no drift."""

from typing import Any

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import MODELS, SPIN_MODELS
from oracles import exact_marginals
from scipy.stats import kstest

import stochinf as si
from stochinf.engine.block import Block, advance
from stochinf.engine.jit import JIT, entry
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.lanes import log2
from stochinf.graphs.one_spin import THRESHOLDS, local_fields, refill
from stochinf.graphs.targets import graph_target

pytestmark = pytest.mark.fast


def tangled(n: int = 30) -> si.FactorGraph:
    graph = nx.gnm_random_graph(n, 3 * n, seed=2)
    rng = np.random.default_rng(3)
    nx.set_edge_attributes(graph, {edge: rng.normal() for edge in graph.edges}, "J")
    nx.set_node_attributes(graph, {node: rng.normal() for node in graph.nodes}, "h")
    return si.FactorGraph.from_networkx(graph)


def one_chain(target: Any, sums: bool = False, rate: float = 1.0) -> Block:
    kernel = si.graphs.Gibbs(rate, sums=sums)
    return build(Plan(kernel, target, None, None, Nothing(), None, 1, 0, 1, False, 4), 0).blocks[0]


@pytest.mark.parametrize("sums", [False, True], ids=["plain", "sums"])
def test_the_trajectory_is_that_of_fields_computed_afresh(sums: bool) -> None:
    target = graph_target(tangled())
    block, beta = one_chain(target, sums, 0.7), 0.7
    spins, n = block.state.position[:, 0].copy(), target.n_points
    for sweep in range(4):
        advance(block, n)
        for i in range(n):
            used = sweep * n + i
            assert used < THRESHOLDS
            up = 2 * beta * np.log2(np.e) * local_fields(target, spins)[i] > block.state.thresholds[used]
            spins[i] = 1.0 if up else -1.0
        assert (spins == block.state.position[:, 0]).all()


@pytest.mark.parametrize("picker", [None, si.pickers.Colours(), si.pickers.Uniform()], ids=["scan", "colours", "random"])
def test_fields_do_not_drift(picker: Any) -> None:
    graph = tangled()
    target = graph_target(graph, check_evidence(graph, {3: 1}))
    plan = Plan(si.graphs.Gibbs(sums=True), target, picker, None, Nothing(), None, 1, 0, 1, False, 4)
    block = build(plan, 0).blocks[0]
    advance(block, 300_000 if JIT else 300)
    np.testing.assert_allclose(block.state.local, local_fields(target, block.state.position[:, 0]), atol=1e-9)
    assert block.state.position[3, 0] == 1


@entry
def make(words: Any, thresholds: Any) -> None:
    refill(words, thresholds)


@entry
def logarithms(x: Any, out: Any) -> None:
    for k in range(x.size):
        out[k] = log2(x[k])


def test_thresholds_are_logistic() -> None:
    words = np.random.default_rng(1).integers(1, 2**32, (2, 64), dtype=np.uint32)
    numbers = np.zeros(64 * (2000 if JIT else 4), np.float32)
    make(words, numbers)
    assert kstest(numbers * np.log(2), "logistic").pvalue > 1e-6
    assert abs(numbers).max() < 25


def test_logarithm() -> None:
    x = np.exp(np.random.default_rng(0).uniform(-16, 0, 20_000 if JIT else 200)).astype(np.float32)
    out = np.empty_like(x)
    logarithms(x, out)
    np.testing.assert_allclose(out, np.log2(x.astype(float)), atol=5e-7, rtol=4e-7)


@pytest.mark.skipif(not JIT, reason="many sweeps")
@pytest.mark.parametrize("name", SPIN_MODELS)
def test_one_chain_finds_the_marginals(name: str) -> None:
    graph, evidence = MODELS[name]
    result = si.marginals(graph, evidence, method="gibbs", chains=1, draws=200_000, rng=2)
    exact = exact_marginals(graph, evidence)
    for node in graph.variables:
        np.testing.assert_allclose(result[node], exact[node], atol=0.01)


@pytest.mark.skipif(not JIT, reason="power needs many draws")
def test_a_planted_bug_is_caught() -> None:
    target = graph_target(tangled())
    block = one_chain(target)
    block.state.local[0] += 0.5
    advance(block, 10_000)
    assert abs(block.state.local - local_fields(target, block.state.position[:, 0])).max() > 0.4


def test_same_bits_however_the_run_is_cut() -> None:
    target = graph_target(tangled())
    whole, pieces = one_chain(target), one_chain(target)
    advance(whole, 1000)
    for steps in (1, 255, 3, 700, 41):
        advance(pieces, steps)
    assert (whole.state.position == pieces.state.position).all()
    assert whole.state.cursor == pieces.state.cursor


def test_resume(tmp_path: Any) -> None:
    graph = tangled()
    whole = si.run(si.graphs.Gibbs(), graph, steps=600, thin=30, chains=1, rng=9)["state"]
    si.run(si.graphs.Gibbs(), graph, steps=300, thin=30, chains=1, rng=9).save(tmp_path / "one.npz")
    assert (si.resume(tmp_path / "one.npz", draws=10)["state"] == whole).all()
    with np.load(tmp_path / "one.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays["block0.state.cursor"][0] = 10_000
    np.savez(tmp_path / "one.npz", **arrays)
    with pytest.raises(si.CheckpointError, match="cursor 10000: it lies between 0 and 256"):
        si.resume(tmp_path / "one.npz", draws=1)
