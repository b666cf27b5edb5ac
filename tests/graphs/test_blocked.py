"""Blocked Gibbs sampling: exact starts stay exact, blocks cover everything, zeros that tie variables together are no obstacle."""

from typing import Any

import numpy as np
import pytest
from graphs.invariance import MODELS, SPIN_MODELS, exact_starts, invariant, p_value, sums_z, swept
from oracles import exact_marginals, joint, random_graph

import stochinf as si
from stochinf.engine.driver import Controls
from stochinf.engine.jit import JIT
from stochinf.engine.observers import Nothing
from stochinf.graphs.blocked import Blocked, blocked_marginals, choose_blocks
from stochinf.graphs.blocked.blocked import covering_blocks
from stochinf.graphs.blocked.passes import log2
from stochinf.graphs.blocked.plan import factors_of, neighbourhoods
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.question import Sampling
from stochinf.graphs.targets import graph_target


def kernel_of(name: str, cells: int, sums: bool = True) -> Blocked:
    """Blocks with tables of so many entries, or as many as the largest variable needs."""
    return Blocked(sums=sums, cells=max(cells, int(MODELS[name].graph.n_states.max())) if cells else 0)


@pytest.mark.parametrize("cells", [pytest.param(0, marks=pytest.mark.fast, id="chosen"), pytest.param(2, id="narrow"), 6])
@pytest.mark.parametrize("name", MODELS)
def test_a_sweep_keeps_the_distribution(name: str, cells: int) -> None:
    assert invariant(name, kernel_of(name, cells))


@pytest.mark.fast
@pytest.mark.parametrize("name", ["grid", "tables"])
def test_without_sums_the_states_are_the_same(name: str) -> None:
    assert p_value(name, kernel_of(name, 6, sums=False)) == p_value(name, kernel_of(name, 6))


@pytest.mark.parametrize("cells", [0, 4], ids=["chosen", "narrow"])
@pytest.mark.parametrize("name", MODELS)
def test_sums_have_the_exact_mean(name: str, cells: int) -> None:
    assert sums_z(name, kernel_of(name, cells)) < 6


@pytest.mark.fast
@pytest.mark.parametrize("name", ["spins", "potts", "tables"])
def test_one_block_of_everything_draws_and_sums_exactly(name: str) -> None:
    """With all variables in one block the sums are the exact marginals, in every lane."""
    graph = MODELS[name].graph
    everything = Blocked(sums=True, block_start=[0, graph.n_variables], block_members=np.arange(graph.n_variables))
    assert invariant(name, everything)
    target, state = swept(name, everything)
    for i, node in enumerate(graph.variables):
        sums = state.sums[target.first_slot[i] : target.first_slot[i + 1]]
        exact = exact_marginals(graph)[node][-len(sums) :]
        np.testing.assert_allclose(sums, np.broadcast_to(exact[:, None], sums.shape), atol=2e-6)


@pytest.mark.skipif(not JIT, reason="power needs many starts")
class TestPlantedBugsAreCaught:
    @pytest.mark.parametrize("name", ["grid", "tables"])
    def test_temperature(self, name: str) -> None:
        assert p_value(name, Blocked(), rate=0.9) < 1e-6

    def test_wrong_way_round(self) -> None:
        """A message that is read with its axes exchanged."""
        graph = MODELS["tables"].graph
        target = graph_target(graph)
        kernel = Blocked().prepare(target)
        plan = kernel.plan
        wrong = plan._replace(maps=np.ascontiguousarray(plan.maps[::-1]))
        assert p_value("tables", kernel._replace(plan=wrong)) < 1e-6

    def test_the_rest_of_the_model_forgotten(self) -> None:
        kernel = Blocked(cells=2).prepare(graph_target(MODELS["grid"].graph))
        assert p_value("grid", kernel._replace(log_tables=np.zeros_like(kernel.log_tables))) < 1e-6

    def test_sums_of_conditionals_that_look_back(self) -> None:
        kernel = Blocked(sums=True, cells=4).prepare(graph_target(MODELS["grid"].graph))
        plan = kernel.plan
        assert sums_z("grid", kernel._replace(plan=plan._replace(parent=np.full_like(plan.parent, -1)))) > 6


@pytest.mark.fast
@pytest.mark.parametrize("cells", [4, 16, 64])
def test_blocks_cover_all_free_variables_with_small_tables(cells: int) -> None:
    for seed in range(20 if JIT else 3):
        graph = random_graph(seed, n_variables=12, n_factors=16)
        clamped = np.where(np.arange(12) == seed % 12, 0, -1).astype(np.int32)
        target = graph_target(graph, clamped)
        near = neighbourhoods(factors_of(target), target.free, 12)
        n_states = np.where(clamped < 0, graph.n_states, 0)
        blocks = choose_blocks(near, n_states, cells)
        assert {v for block in blocks for v, _ in block} == set(target.free.tolist())
        for block in blocks:
            rank = {v: i for i, (v, _) in enumerate(block)}
            left = {v: near[v] & set(rank) for v in rank}
            for v, later in block:
                assert left[v] <= set(later)
                assert all(rank[u] > rank[v] for u in later)
                assert graph.n_states[[v, *later]].prod() <= cells
                for u in later:
                    left[u] = (left[u] | set(later)) - {u, v}


@pytest.mark.fast
def test_trees_are_one_block() -> None:
    tree = si.FactorGraph([2] * 7, [((i - 1) // 2, i) for i in range(1, 7)], [[1, 2, 3, 4]] * 6)
    assert Blocked(cells=4).prepare(tree.as_target()).points(tree) == 1


def tied(n: int) -> si.FactorGraph:
    """A chain of variables, equal two by two, with soft couplings between the pairs."""
    scopes = [(2 * i, 2 * i + 1) for i in range(n)] + [(2 * i + 1, 2 * i + 2) for i in range(n - 1)]
    tables: list[Any] = [[1.0, 0.0, 0.0, 2.0]] * n + [[2.0, 1.0, 1.0, 3.0]] * (n - 1)
    return si.FactorGraph([2] * (2 * n), scopes, tables)


def test_variables_that_must_move_together_do() -> None:
    graph = tied(5)
    free = np.full(10, -1, np.int32)
    result = blocked_marginals(graph, free, Sampling(64, 300, 20, None, 3, Controls()), cells=2)
    exact = exact_marginals(graph)
    worst = max(abs(result[v] - exact[v]).max() / max(result.mcse[v].max(), 1e-6) for v in graph.variables)
    assert worst < 5
    assert result.rhat.max() < 1.05
    start, members = covering_blocks(graph.as_target(), 2, [[0, 1], [4, 5]])
    blocks = [set(block.tolist()) for block in np.split(members, start[1:-1])]
    assert any({0, 1} <= block for block in blocks)
    assert any({4, 5} <= block for block in blocks)


def test_one_state_is_never_impossible() -> None:
    name = "zeros and evidence"
    graph, evidence = MODELS[name]
    target = graph_target(graph, check_evidence(graph, evidence))
    run_states = exact_starts(name, 64)
    kernel = Blocked(cells=int(graph.n_states.max()))
    session = si.run(kernel, graph, steps=1, chains=64, init=run_states, observer=Nothing(), rng=0)
    assert session.position.shape == (64, graph.n_variables)
    assert joint(graph, evidence).size == np.prod(target.cardinality)


@pytest.mark.fast
def test_huge_logarithms_stay_finite() -> None:
    scopes = [(i, i + 1) for i in range(11)]
    graph = si.FactorGraph.from_log_tables([2] * 12, scopes, [[1e4, -1e4, -1e4, 1e4]] * 11)
    run = si.run(Blocked(cells=4), graph, steps=20, chains=8, rng=0)
    states = run["state"]
    assert (states[:, 1:] == states[:, 1:, :1]).all()


@pytest.mark.fast
def test_log2_of_floats() -> None:
    x = np.exp(np.linspace(-60, 60, 400)).astype(np.float32)
    function = getattr(log2, "py_func", log2)
    assert max(abs(float(function(v)) - float(np.log2(np.float64(v)))) for v in x) < 4e-6


def test_resume_and_threads_give_the_same_bits(tmp_path: Any) -> None:
    graph = MODELS["grid"].graph
    assert "grid" in SPIN_MODELS
    whole = si.run(Blocked(cells=4), graph, steps=40, thin=2, chains=70, threads=1, rng=9)["state"]
    assert (si.run(Blocked(cells=4), graph, steps=40, thin=2, chains=70, threads=2, rng=9)["state"] == whole).all()
    si.run(Blocked(cells=4), graph, steps=20, thin=2, chains=70, rng=9).save(tmp_path / "run.npz")
    assert (si.resume(tmp_path / "run.npz", draws=10)["state"] == whole).all()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Blocked(-1.0), "inverse_temperature = -1.0"),
        (lambda: Blocked(cells=-3), "cells = -3"),
        (lambda: Blocked(block_start=[0, 3], block_members=[1, 2]), "block_start"),
        (lambda: Blocked(block_start=[0, 1], block_members=[99]).prepare(tied(2).as_target()), "number 99"),
        (lambda: Blocked(cells=1).prepare(tied(2).as_target()), "cells = 1"),
        (lambda: si.run(Blocked(), si.models.CoinBias(1, 1), steps=1), "a FactorGraph is needed, not CoinBias"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        make()
