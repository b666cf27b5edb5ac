"""Parallel tempering keeps the joint distribution of its rungs, finds its ladder, and counts partition functions right."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import numpy.typing as npt
import pytest
from graphs.invariance import ACCEPTED, MODELS, STARTS, Model, chi_square, exact_starts, indices
from oracles import enumerate_states, exact_marginals, joint, log_partition, log_scores, random_graph

import stochinf as si
from stochinf.engine.block import Block, advance
from stochinf.engine.driver import Controls
from stochinf.engine.jit import JIT
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan, Uniform
from stochinf.engine.random import random
from stochinf.engine.schedules import Constant
from stochinf.engine.streams import Streams
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.question import Sampling
from stochinf.graphs.targets import graph_target
from stochinf.graphs.tempering import Tempering, tempered_log_partition, tempered_marginals, warming
from stochinf.graphs.tempering.ladder import equalised, first_ladder
from stochinf.graphs.tempering.warming import rounds

LADDER = np.array([0.0, 0.4, 0.7, 1.0])


def heated(model: Model, beta: float) -> Model:
    """Return the model at an inverse temperature, as a graph of its own."""
    graph = model.graph
    flat = graph.flat
    scopes = [tuple(graph.scope(f)) for f in range(graph.n_factors)]
    logs = np.zeros_like(flat.log_weights) if beta == 0 else beta * flat.log_weights
    tables = np.split(logs, flat.table_start[1:-1])
    return Model(si.FactorGraph.from_log_tables(graph.n_states, scopes, tables, graph.variables, graph.states), model.evidence)


def run(
    name: str, kernel: Any, sweeps: int = 2, spoil: Any = None, picker: Any = None, n: int = STARTS
) -> tuple[Any, list[Model]]:
    """Return the state after sweeps and swaps from exact draws on every rung, and the model of each rung."""
    models = [heated(MODELS[name], beta) for beta in LADDER]
    graph, evidence = MODELS[name]
    target = graph_target(graph, check_evidence(graph, evidence))
    kernel = kernel.prepare(target)
    starts = np.stack([exact_starts(model, n, seed) for seed, model in enumerate(models)], axis=1)
    streams = Streams(7, 0, n * LADDER.size)
    starts = starts.reshape(-1, graph.n_variables)
    state = kernel.init(target, 2 * starts - 1 if getattr(target, "spin_labels", False) else starts, streams)
    if spoil is not None:
        spoil(state)
    picker = Scan(target.n_points) if picker is None else picker.prepare(target)
    block = Block(
        kernel, target, picker, Constant(1.0), Nothing(), state, streams.stream("picker"), streams.stream("kernel"),
        n * LADDER.size,
    )  # fmt: skip
    advance(block, sweeps * target.n_points)
    return state, models


def p_values(state: Any, models: list[Model]) -> list[float]:
    """Return the p-value of the states on each rung."""
    states = indices(state.position)
    return [chi_square(model, states[state.lane_at[:, k]]) for k, model in enumerate(models)]


def score_z(state: Any, models: list[Model]) -> float:
    """Return how far the mean log weights on the rungs above 0 are from the exact ones, in standard errors."""
    worst = 0.0
    for k, beta in list(enumerate(LADDER))[1:]:
        p, scores = joint(*models[k]), log_scores(models[k].graph, enumerate_states(models[k].graph)) / beta
        exact = float(p[p > 0] @ scores[p > 0])
        seen = log_scores(models[k].graph, indices(state.position)[state.lane_at[:, k]]) / beta
        worst = max(worst, abs(seen.mean() - exact) / (seen.std() / np.sqrt(len(seen)) + 1e-9))
    return worst


@pytest.mark.fast
@pytest.mark.parametrize("name", MODELS)
def test_swaps_and_moves_keep_every_rung(name: str) -> None:
    state, models = run(name, Tempering(LADDER))
    assert min(p_values(state, models)) > ACCEPTED
    assert score_z(state, models) < 6
    assert (np.sort(state.lane_at.ravel()) == np.arange(state.beta.size)).all()
    assert (state.beta == LADDER.astype(np.float32)[state.rung]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_million_starts(name: str) -> None:
    state, models = run(name, Tempering(LADDER), n=1_000_000)
    assert min(p_values(state, models)) > ACCEPTED
    assert score_z(state, models) < 6


@pytest.mark.skipif(not JIT, reason="power needs many starts")
def test_any_picker_keeps_every_rung() -> None:
    assert min(p_values(*run("tables", Tempering(LADDER), sweeps=3, picker=Uniform()))) > ACCEPTED


@part(lanes=True, single=True)
class WrongSign(NamedTuple):
    """Swaps accepted with the sign of the gain turned round."""

    inner: Any
    unused: int = 0

    def prepare(self, target: Any) -> "WrongSign":
        return WrongSign(self.inner.prepare(target))

    def init(self, target: Any, position: Any, streams: Any) -> Any:
        return self.inner.init(target, position, streams)

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        self.inner.move.draw(target, state, point)
        if point == 0:
            self.inner.move.weigh(target, state)
            for a in range(state.lane_at.shape[0]):
                for k in range(state.centre.size):
                    hot, cold = state.lane_at[a, k], state.lane_at[a, k + 1]
                    gain = (state.ladder[k + 1] - state.ladder[k]) * (state.score[cold] - state.score[hot])
                    if random(rng) < np.exp(gain):
                        state.lane_at[a, k], state.lane_at[a, k + 1] = cold, hot
                        state.rung[cold], state.rung[hot] = k, k + 1
                        state.beta[cold], state.beta[hot] = state.ladder[k], state.ladder[k + 1]


@pytest.mark.skipif(not JIT, reason="power needs many starts")
@pytest.mark.parametrize("name", ["grid", "tables"])
class TestPlantedBugsAreCaught:
    def test_sign_of_the_swap(self, name: str) -> None:
        assert min(p_values(*run(name, WrongSign(Tempering(LADDER)), sweeps=1))) < ACCEPTED

    def test_temperature(self, name: str) -> None:
        def spoil(state: Any) -> None:
            state.beta[:] *= np.float32(0.98)
            state.ladder[:] *= 0.98

        assert score_z(*run(name, Tempering(LADDER), sweeps=10, spoil=spoil)) > 6

    def test_lanes_that_keep_their_temperature(self, name: str) -> None:
        def spoil(state: Any) -> None:
            state.beta[:] = np.roll(state.beta, 1)

        assert min(p_values(*run(name, Tempering(LADDER), sweeps=1, spoil=spoil))) < ACCEPTED


def sampling(chains: int = 8, sweeps: int = 2000, warmup: int = 400, rng: int = 1, threads: int | None = None) -> Sampling:
    return Sampling(chains, sweeps, warmup, None, rng, Controls(threads=threads))


def free(graph: si.FactorGraph) -> npt.NDArray[np.int32]:
    return np.full(graph.n_variables, -1, np.int32)


def spin_glass(seed: int, coupling: float = 2.0) -> si.FactorGraph:
    rng = np.random.default_rng(seed)
    graph = nx.grid_2d_graph(3, 4)
    nx.set_edge_attributes(graph, {edge: coupling * rng.normal() for edge in graph.edges}, "J")
    nx.set_node_attributes(graph, {node: rng.normal() for node in graph.nodes}, "h")
    return si.FactorGraph.from_networkx(graph)


@pytest.mark.skipif(not JIT, reason="many sweeps")
class TestAgainstEnumeration:
    def test_partition_functions_and_their_errors(self) -> None:
        z = []
        for seed in range(40):
            graph = spin_glass(seed) if seed % 2 else random_graph(seed, zeros=0.2 if seed % 4 == 0 else 0.0)
            estimate = tempered_log_partition(graph, free(graph), sampling(16, 500, 200, rng=seed))
            z.append((estimate.value - log_partition(graph)) / max(estimate.mcse, 1e-4))
        assert np.abs(z).max() < 4.5
        assert 0.75 < np.std(z) < 1.4
        assert abs(np.mean(z)) < 0.6

    @pytest.mark.parametrize("name", MODELS)
    def test_marginals(self, name: str) -> None:
        graph, evidence = MODELS[name]
        result = tempered_marginals(graph, check_evidence(graph, evidence), sampling(16))
        exact = exact_marginals(graph, evidence)
        for node in graph.variables:
            assert (np.abs(result[node] - exact[node]) < 5 * result.mcse[node] + 1e-5).all(), node
        assert abs(result.log_partition - log_partition(graph, evidence)) < 4.5 * result.log_partition_mcse

    def test_few_ladders_take_errors_from_batches(self) -> None:
        graph = spin_glass(1)
        result = tempered_marginals(graph, free(graph), sampling(2))
        assert abs(result.log_partition - log_partition(graph)) < 5 * result.log_partition_mcse < 0.5
        assert 0 < result.mcse.max() < 0.1

    def test_walls_of_zeros_are_walked_through(self) -> None:
        pairs = [(0, 1), (1, 2), (2, 3)]
        graph = si.FactorGraph([2] * 4, [(0,), *pairs], [[1, 3], *([[1, 0, 0, 1]] * 3)])
        result = tempered_marginals(graph, free(graph), sampling())
        assert all(abs(result[v][1] - 0.75) < 0.03 for v in graph.variables)
        assert abs(result.log_partition - np.log(4)) < 4.5 * result.log_partition_mcse

    def test_log_weights_of_ten_thousand(self) -> None:
        tables = [[1e4, -1e4, -1e4, 1e4], [0.5, 0.0]]
        graph = si.FactorGraph.from_log_tables([2, 2], [(0, 1), (0,)], tables)
        result = tempered_marginals(graph, free(graph), sampling())
        assert abs(result[1][0] - 1 / (1 + np.exp(-0.5))) < 0.05
        assert abs(result.log_partition - log_partition(graph)) < 4.5 * result.log_partition_mcse


@pytest.mark.skipif(not JIT, reason="many sweeps")
class TestFrontDoors:
    @pytest.mark.parametrize("name", ["spins with evidence", "zeros and evidence", "potts"])
    @pytest.mark.parametrize("method", ["tempering", "ais"])
    def test_partition_functions(self, name: str, method: str) -> None:
        graph, evidence = MODELS[name]
        found = si.log_partition(graph, evidence, method, rng=3)
        assert abs(found.value - log_partition(graph, evidence)) < 4.5 * found.mcse < 0.5
        assert found.method == method

    def test_marginals(self) -> None:
        graph, evidence = MODELS["tables with evidence"]
        found = si.marginals(graph, evidence, method="tempering", rng=3)
        exact = exact_marginals(graph, evidence)
        assert all((np.abs(found[v] - exact[v]) < 5 * found.mcse[v] + 1e-5).all() for v in graph.variables)
        assert found.warnings == ()

    def test_ladders_that_disagree_warn(self) -> None:
        rng = np.random.default_rng(3)
        graph = nx.grid_2d_graph(10, 10)
        nx.set_edge_attributes(graph, {edge: 30 * rng.normal() for edge in graph.edges}, "J")
        found = si.marginals(si.FactorGraph.from_networkx(graph), method="tempering", draws=30, rng=1)
        assert any("ladders disagree" in warning for warning in found.warnings)


@pytest.mark.skipif(not JIT, reason="many sweeps")
class TestLadder:
    def test_swaps_are_refused_equally_often_and_rungs_grow(self) -> None:
        rng = np.random.default_rng(3)
        graph = nx.grid_2d_graph(8, 8)
        nx.set_edge_attributes(graph, {edge: 3 * rng.normal() for edge in graph.edges}, "J")
        model = si.FactorGraph.from_networkx(graph)
        facts = tempered_marginals(model, free(model), sampling(8, 4000, 1000)).facts
        assert facts["ladder"].size > 8
        assert np.ptp(facts["swap_rates"]) < 0.25
        assert facts["round_trips"] > 50
        assert facts["ladder"][0] == 0
        assert facts["ladder"][-1] == 1

    def test_a_barrier_beyond_the_rungs_begins_above_zero(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(warming, "LANES", 8)
        monkeypatch.setattr(warming, "MOST_REFUSED", 0.5)
        graph = nx.grid_2d_graph(12, 12)
        nx.set_edge_attributes(graph, 2.0, "J")
        model = si.FactorGraph.from_networkx(graph)
        result = tempered_marginals(model, free(model), sampling(1, 20, 600))
        assert result.facts["ladder"].size == 8
        assert result.facts["ladder"][0] > 0
        assert np.isnan(result.log_partition)
        assert result.warnings

    def test_a_time_limit_holds_and_is_shared_out(self) -> None:
        graph = spin_glass(5)
        tempered_marginals(graph, free(graph), sampling(8, 10))
        timed = Sampling(8, 0, 200, 0.6, 1, Controls(stop=si.stop.seconds(0.6)))
        began = time.monotonic()
        result = tempered_marginals(graph, free(graph), timed)
        assert time.monotonic() - began < 2
        assert result.warmup >= 200
        assert result.sweeps > result.warmup
        assert "seconds" in result.stopped
        short = tempered_marginals(graph, free(graph), timed._replace(time=1e-6))
        assert short.sweeps == 0
        assert np.isnan(short.log_partition)

    def test_same_bits_for_any_threads_and_chunks(self) -> None:
        graph = spin_glass(5)
        one = tempered_marginals(graph, free(graph), sampling(16, 300, 100, threads=1))
        slow = sampling(16, 300, 100, threads=2)
        slow = slow._replace(controls=slow.controls._replace(callback=lambda report: None))
        two = tempered_marginals(graph, free(graph), slow)
        assert (one.probability == two.probability).all()
        assert one.log_partition == two.log_partition
        assert (one.facts["ladder"] == two.facts["ladder"]).all()


def test_a_saved_run_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    graph, kernel = MODELS["tables"].graph, Tempering(LADDER)
    path, n = tmp_path / "run.npz", graph.n_variables
    whole = si.run(kernel, graph, steps=12 * n, thin=n, chains=8, rng=2)["state"]
    si.run(kernel, graph, steps=5 * n, thin=n, chains=8, rng=2).save(path)
    assert (si.resume(path, draws=7)["state"] == whole).all()
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["block0.state.lane_at"][0, 0] = arrays["block0.state.lane_at"][0, 1]
    np.savez(path, **arrays)
    with pytest.raises(si.CheckpointError, match="rungs do not agree"):
        si.resume(path, draws=1)


@pytest.mark.fast
def test_all_observed_is_exact() -> None:
    graph = random_graph(1)
    clamped = np.zeros(graph.n_variables, np.int32)
    result = tempered_marginals(graph, clamped, sampling())
    evidence = {node: graph.labels(i)[0] for i, node in enumerate(graph.variables)}
    assert result.exact
    assert abs(result.log_partition - graph.log_score(evidence)) < 1e-5


@pytest.mark.fast
@pytest.mark.parametrize("sweeps", [1, 2, 5, 17, 64, 200, 2000])
def test_rounds_fill_warm_up(sweeps: int) -> None:
    assert sum(rounds(sweeps)) == sweeps // 2
    assert min(rounds(sweeps), default=1) > 0


@pytest.mark.fast
def test_ladders_rise_from_0_to_1() -> None:
    for scale in (1e-3, 1.0, 50.0, 1e7):
        ladder = first_ladder(16, scale)
        for refused in (np.zeros(15), np.ones(15), np.linspace(0, 1, 15)):
            for made in (ladder, equalised(ladder, refused, 32, scale)):
                assert made[0] == 0
                assert made[-1] == 1
                assert (np.diff(made.astype(np.float32)) > 0).all()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tempering([0.0, 0.5]), "ladder"),
        (lambda: Tempering([0.5, 0.2, 1.0]), "rising"),
        (lambda: si.run(Tempering([0.0, 0.5, 1.0]), spin_glass(1), steps=1, chains=4), "a multiple"),
        (lambda: si.run(Tempering(), si.models.CoinBias(1, 1), steps=1), "a FactorGraph is needed"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        make()
