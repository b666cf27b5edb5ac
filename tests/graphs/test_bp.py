"""Belief propagation: exact on forests, libDAI's numbers on a grid, one fixed point for all schedules, zeros and extremes."""

import re
from typing import Any

import networkx as nx
import numpy as np
import pytest
from factor_forests import forest
from oracles import DATA, enumerate_states, exact_marginals, log_partition, log_scores, random_graph

import stochinf as si
from stochinf.engine.block import Block, advance
from stochinf.engine.jit import JIT
from stochinf.engine.observers import Nothing
from stochinf.engine.pickers import Greedy
from stochinf.engine.random import stream
from stochinf.engine.rates import Constant
from stochinf.graphs.variational import belief_propagation, mean_field
from stochinf.graphs.variational.beliefs import messages_of, refreshed
from stochinf.graphs.variational.free_energy import beliefs_of, log_partition_of
from stochinf.graphs.variational.layout import message_graph
from stochinf.graphs.variational.messages import SumProduct
from stochinf.graphs.variational.passing import run_sweeps
from stochinf.graphs.variational.schedule import ByResidual

SEEDS = range(30) if JIT else range(4)
SCHEDULES = ["residual", "scan"]


def flat(marginals: Any) -> Any:
    return np.concatenate(list(marginals.values()))


def spins(seed: int, scale: float, size: int = 3) -> si.FactorGraph:
    """A grid of spins with random fields and couplings."""
    rng = np.random.default_rng(seed)
    graph = nx.convert_node_labels_to_integers(nx.grid_2d_graph(size, size))
    nx.set_edge_attributes(graph, {e: float(scale * rng.standard_normal()) for e in graph.edges}, "J")
    nx.set_node_attributes(graph, {v: float(0.5 * scale * rng.standard_normal()) for v in graph}, "h")
    return si.FactorGraph.from_networkx(graph)


def as_tables(graph: si.FactorGraph) -> si.FactorGraph:
    """The same model with one more variable, of a single state and no factor: no longer spins."""
    first = np.split(graph.flat.log_weights, graph.flat.table_start[1:-1])
    scopes = [tuple(graph.scope(f)) for f in range(graph.n_factors)]
    return si.FactorGraph.from_log_tables([*graph.n_states.tolist(), 1], scopes, first)


@pytest.mark.fast
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("zeros", [0.0, 0.3])
def test_forests_are_exact(schedule: str, zeros: float) -> None:
    seen = 0
    for seed in SEEDS:
        graph = forest(seed, zeros=zeros)
        if np.isfinite(log_partition(graph)):
            result = belief_propagation(graph, schedule=schedule)
            assert result.converged
            assert abs(result.probabilities - flat(exact_marginals(graph))).max() < 1e-10
            assert result.log_partition == pytest.approx(log_partition(graph), abs=1e-10)
            seen += 1
    assert seen > len(SEEDS) // 3


@pytest.mark.fast
@pytest.mark.parametrize("scale", [30.0, 3000.0])
def test_log_weights_of_ten_thousand(scale: float) -> None:
    """Weights from exp(-10^4) to exp(10^4) on forests: still exact, in tables and in spins."""
    rng = np.random.default_rng(1)
    for seed in range(8):
        shape = forest(seed)
        logs = [scale * rng.standard_normal(table.size) for table in np.split(shape.log_weights, shape.flat.table_start[1:-1])]
        graph = si.FactorGraph.from_log_tables(shape.n_states, [tuple(shape.scope(f)) for f in range(shape.n_factors)], logs)
        result = belief_propagation(graph)
        assert abs(result.probabilities - flat(exact_marginals(graph))).max() < 1e-9
        assert result.log_partition == pytest.approx(log_partition(graph), rel=1e-12)
    chain = nx.path_graph(8)
    nx.set_edge_attributes(chain, {e: float(scale * rng.standard_normal()) for e in chain.edges}, "J")
    nx.set_node_attributes(chain, {v: float(scale * rng.standard_normal()) for v in chain}, "h")
    graph = si.FactorGraph.from_networkx(chain)
    result = belief_propagation(graph)
    assert abs(result.probabilities - flat(exact_marginals(graph))).max() < 1e-9
    assert result.log_partition == pytest.approx(log_partition(graph), rel=1e-12)


@pytest.mark.fast
@pytest.mark.parametrize("seed", range(4))
def test_odds_and_tables_agree(seed: int) -> None:
    """Spins by odds, spins as tables, both schedules, damped and not: one fixed point."""
    graph = spins(seed, 0.4)
    results = [
        belief_propagation(model, schedule=schedule, damping=damping)
        for model in (graph, as_tables(graph))
        for schedule in SCHEDULES
        for damping in (0.0, 0.3)
    ]
    for result in results:
        assert result.converged
        assert abs(result.probabilities[:18] - results[0].probabilities).max() < 1e-7
        assert result.log_partition == pytest.approx(results[0].log_partition, abs=1e-7)


def stored(method: str) -> tuple[float, Any]:
    """The error of log Z and the marginals that libDAI's file has for a method."""
    rows: list[Any] = []
    error = 0.0
    inside = False
    for line in (DATA / "graphical" / "libdai" / "testfast.out").read_text().splitlines():
        if not line.startswith("#"):
            inside = line.split()[0] == method
            error = float(line.split()[5]) if inside and len(line.split()) > 5 else error
        elif inside:
            rows.append([float(x) for x in re.findall(r"\d\.\d+e[-+]\d+", line)])
    return error, np.array(rows)


@pytest.mark.fast
def test_libdai() -> None:
    """A 4x4 grid: beliefs to four digits and log Z of libDAI's BP, of its TRWBP with weights 1, and of its mean field."""
    graph = si.read_graph(DATA / "graphical" / "libdai" / "testfast.fg")
    exact = log_partition(graph)
    assert abs(flat(exact_marginals(graph)) - stored("EXACT")[1].ravel()).max() < 6e-5
    target = message_graph(graph).weighted(np.ones(24))
    state = messages_of(target)
    run_sweeps(SumProduct(), target, state, 60)
    trw = (beliefs_of(target, state), log_partition_of(target, state))
    for method, result in (("BP", belief_propagation(graph)), ("MF", mean_field(graph, starts=1))):
        error, beliefs = stored(method)
        assert abs(result.probabilities - beliefs.ravel()).max() < 6e-5
        assert result.log_partition - exact == pytest.approx(error, rel=1e-3)
    assert abs(trw[0] - stored("TRWBP")[1].ravel()).max() < 6e-5
    assert trw[1] - exact == pytest.approx(stored("TRWBP")[0], rel=1e-3)


def scan_in_numpy(graph: si.FactorGraph, sweeps: int) -> Any:
    """Beliefs of a plain implementation: dicts of messages, every factor in turn, all factors of two or more variables."""
    flats = graph.flat
    tables = [np.exp(t) for t in np.split(flats.log_weights, flats.table_start[1:-1])]
    scopes = [flats.scope[a:b].tolist() for a, b in zip(flats.scope_start[:-1], flats.scope_start[1:], strict=True)]
    single = [np.ones(k) for k in graph.n_states]
    wide: list[tuple[list[int], Any]] = []
    for scope, table in zip(scopes, tables, strict=True):
        if len(scope) == 1:
            single[scope[0]] = single[scope[0]] * table
        else:
            wide.append((scope, table.reshape(graph.n_states[scope])))
    message = {(f, i): np.ones(graph.n_states[i]) for f, (scope, _) in enumerate(wide) for i in scope}
    for _ in range(sweeps):
        for f, (scope, table) in enumerate(wide):
            cavity = [
                single[i]
                * np.prod([m for (g, j), m in message.items() if j == i and g != f] or [np.ones(graph.n_states[i])], axis=0)
                for i in scope
            ]
            for a, i in enumerate(scope):
                product = table
                for b in range(len(scope)):
                    if b != a:
                        product = product * cavity[b].reshape([-1 if c == b else 1 for c in range(len(scope))])
                sums = product.sum(axis=tuple(b for b in range(len(scope)) if b != a))
                message[f, i] = sums / sums.max()
    beliefs = [
        single[i] * np.prod([m for (_, j), m in message.items() if j == i] or [np.ones(k)], axis=0)
        for i, k in enumerate(graph.n_states)
    ]
    return np.concatenate([b / b.sum() for b in beliefs])


@pytest.mark.fast
@pytest.mark.parametrize("seed", [0, 3, 5, 11])
def test_every_update_is_the_plain_one(seed: int) -> None:
    """After one, two and three sweeps the beliefs are those of a plain implementation: arities to 3, loops."""
    graph = random_graph(seed, n_variables=5, n_factors=6)
    scopes = [tuple(sorted(graph.scope(f))) for f in range(graph.n_factors) if len(graph.scope(f)) > 1]
    assert len(set(scopes)) == len(scopes), "the plain implementation wants no two factors over the same variables"
    target = message_graph(graph)
    state = messages_of(target)
    for sweep in range(1, 4):
        run_sweeps(SumProduct(), target, state, 1)
        assert abs(beliefs_of(target, state) - scan_in_numpy(graph, sweep)).max() < 1e-12


@pytest.mark.fast
def test_a_planted_error_is_caught() -> None:
    """Without the division by a factor's own message the updates are others."""
    graph = random_graph(0, n_variables=5, n_factors=6)
    target = message_graph(graph)
    state = messages_of(target)
    run_sweeps(SumProduct(), target, state, 1)
    state.message[:] = 0.0
    run_sweeps(SumProduct(), target, state, 1)
    assert abs(beliefs_of(target, state) - scan_in_numpy(graph, 2)).max() > 1e-4


@pytest.mark.fast
@pytest.mark.parametrize("seed", range(6))
def test_the_heap_picks_what_a_search_would(seed: int) -> None:
    """The residual schedule by heap and the picker `Greedy`, which looks at all scores, take the same way."""
    graph = random_graph(seed, n_variables=6, n_factors=9)
    target = message_graph(graph)
    heap, greedy = messages_of(target), messages_of(target)
    for state in (heap, greedy):
        state.priority[:] = np.random.default_rng(seed).random(target.n_points)
    order = np.argsort(-heap.priority).astype(np.int32)
    heap.heap[:], heap.place[order] = order, np.arange(order.size)
    kernel, rng = SumProduct(), stream(np.random.SeedSequence(0))
    picker = Greedy(target.n_points)
    for _ in range(20):
        if (heap.priority == heap.priority.max()).sum() > 1:
            break
        block = Block(picker.wrap(kernel), target, picker, Constant(), Nothing(), greedy, rng, rng.copy(), 1)
        chosen = int(np.argmax(greedy.priority))
        assert chosen == heap.heap[0]
        advance(block, 1)
        greedy.priority[:] = heap.priority
        run_sweeps(ByResidual(kernel), target, heap, 1, 1)
        moved = heap.residual[chosen]
        assert greedy.residual[chosen] == moved
        shared = [g for g in range(target.n_points) if g != chosen and heap.priority[g] != greedy.priority[g]]
        assert all(heap.priority[g] > greedy.priority[g] for g in shared)
        assert heap.priority[chosen] == 0.0
        greedy.priority[:] = heap.priority
        assert (heap.message == greedy.message).all()
        order = heap.heap
        assert all(heap.priority[order[(k - 1) // 2]] >= heap.priority[order[k]] for k in range(1, order.size))


@pytest.mark.fast
def test_no_convergence_is_reported() -> None:
    """A frustrated model: no exception, beliefs that sum to 1, and the truth about convergence; damping helps."""
    rng = np.random.default_rng(1)
    graph = nx.complete_graph(10)
    nx.set_edge_attributes(graph, {e: float(0.5 * rng.standard_normal()) for e in graph.edges}, "J")
    nx.set_node_attributes(graph, {v: float(0.1 * rng.standard_normal()) for v in graph}, "h")
    model = si.FactorGraph.from_networkx(graph)
    result = belief_propagation(model, damping=0.0, sweeps=60)
    assert not result.converged
    assert result.residual > 1e-9
    assert result.sweeps == 60
    assert result.probabilities.reshape(-1, 2).sum(axis=1) == pytest.approx(np.ones(10))
    assert np.isfinite(result.log_partition)
    assert belief_propagation(model).converged


@pytest.mark.fast
def test_contradictions_do_not_stop_it() -> None:
    equal, unlike = np.eye(2), 1 - np.eye(2)
    graph = si.FactorGraph([2, 2, 2], [(0, 1), (1, 2), (0, 2)], [equal, equal, unlike])
    result = belief_propagation(graph, sweeps=50)
    assert np.isfinite(result.probabilities).all()


@pytest.mark.fast
def test_corner_cases() -> None:
    lonely = belief_propagation(si.FactorGraph([3, 1], [(0,), ()], [[1, 2, 1], [2.0]]))
    assert lonely.probabilities.tolist() == pytest.approx([0.25, 0.5, 0.25, 1.0])
    assert lonely.log_partition == pytest.approx(np.log(8))
    twice = si.FactorGraph([2, 3], [(0, 1), (1, 0), (0,)], [np.arange(1.0, 7), np.arange(2.0, 8), [0, 1]])
    result = belief_propagation(twice)
    assert abs(result.probabilities - flat(exact_marginals(twice))).max() < 1e-12
    assert result.log_partition == pytest.approx(log_partition(twice))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damping": 1.0}, "damping = 1.0"),
        ({"sweeps": 0}, "sweeps = 0"),
        ({"tolerance": 0.0}, "tolerance = 0.0"),
        ({"time": -1.0}, "time = -1.0"),
        ({"schedule": "random"}, "schedule = 'random': one of 'residual', 'scan'"),
    ],
)
def test_bad_input(options: Any, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        belief_propagation(random_graph(0), **options)


@pytest.mark.fast
def test_refreshing_changes_nothing() -> None:
    graph = random_graph(3, n_variables=6, n_factors=9, zeros=0.2)
    target = message_graph(graph)
    state = messages_of(target)
    run_sweeps(SumProduct(0.2), target, state, 5)
    before = state.position.copy(), state.barred.copy()
    refreshed(target, state)
    assert abs(state.position - before[0]).max() < 1e-12
    assert (state.barred == before[1]).all()
    scores = log_scores(graph, enumerate_states(graph))
    assert np.isfinite(scores).any()
