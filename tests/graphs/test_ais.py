"""Annealed importance sampling: unbiased weights, honest errors, both ends."""

from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import MODELS
from oracles import log_partition, log_scores, random_graph

import stochinf as si
from stochinf.engine.driver import Controls, drive
from stochinf.engine.jit import JIT
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.session import Plan, build
from stochinf.graphs.annealed import AnnealedEstimate, AnnealedImportance, annealed_importance
from stochinf.graphs.annealed.importance import _log_weights, _mean
from stochinf.graphs.annealed.kernel import Steps
from stochinf.graphs.annealed.pilot import cooled, pilot
from stochinf.graphs.conditioning import conditioned
from stochinf.graphs.evidence import check_evidence

PARTICLES = 20_000 if JIT else 64


def weighed(graph: si.FactorGraph, kernel: Any = None, steps: int = 12, particles: int = PARTICLES) -> Any:
    """Return log weights, base included, of particles cooled in a few large steps."""
    target = graph.as_target()
    values = np.linspace(0, 1, steps + 1)[1:] ** 2
    kernel = AnnealedImportance(Steps(values, target.n_points)) if kernel is None else kernel(Steps(values, target.n_points))
    plan = Plan(kernel, target, None, None, Nothing(), None, particles, 0, target.n_points, False, 3)
    session = drive(build(plan, 0), steps * target.n_points, Controls())
    constant = AnnealedImportance().prepare(target).move.constant(graph)
    return _log_weights(session) + constant + np.log(graph.n_states).sum()


@pytest.mark.skipif(not JIT, reason="many particles")
class TestWeights:
    """The mean weight is the partition function however few and large the steps are."""

    @pytest.mark.parametrize("name", [name for name in MODELS if "zeros" not in name])
    def test_mean_weight(self, name: str) -> None:
        graph, evidence = MODELS[name]
        left = conditioned(graph, check_evidence(graph, evidence))
        value, error, ess = _mean(weighed(left.graph))
        assert abs(value + left.constant - log_partition(graph, evidence)) < 4.5 * error < 0.2
        assert ess > 100

    def test_weights_added_after_the_move_are_caught(self) -> None:
        graph = MODELS["grid"].graph
        value, error, _ = _mean(weighed(graph, MovedFirst))
        assert abs(value - log_partition(graph)) > 6 * error

    def test_a_wrong_temperature_is_caught(self) -> None:
        graph = MODELS["grid"].graph
        value, error, _ = _mean(0.98 * weighed(graph))
        assert abs(value - log_partition(graph)) > 6 * error


@part(lanes=True, single=True, rate_field="inverse_temperature")
class MovedFirst(NamedTuple):
    """Weighs a particle where it is after the move, not before."""

    inverse_temperature: Any
    inner: Any = 0

    def prepare(self, target: Any) -> "MovedFirst":
        return self._replace(inner=AnnealedImportance(np.nan).prepare(target))

    def init(self, target: Any, position: Any, streams: Any) -> Any:
        return self.inner.init(target, position, streams)

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        for l in range(state.beta.size):
            if point == 0:
                state.potential[0, l] = state.beta[l]
            state.beta[l] = np.float32(rate)
        self.inner.move.draw(target, state, point)
        if point == target.free.size - 1:
            self.inner.move.weigh(target, state)
            for l in range(state.beta.size):
                state.log_weight[l] += (rate - state.potential[0, l]) * state.score[l]


@pytest.mark.skipif(not JIT, reason="many particles")
class TestEstimates:
    def test_random_models_and_the_coverage_of_the_error(self) -> None:
        z, reverse = [], []
        for seed in range(40):
            graph = random_graph(seed, zeros=0.2 if seed % 2 else 0.0)
            exact = log_partition(graph)
            estimate = annealed_importance(graph, rng=seed, particles=128)
            z.append((estimate.log_partition - exact) / max(estimate.standard_error, 1e-4))
            reverse.append(estimate.reverse - exact)
            assert estimate.warnings == ()
        assert np.abs(z).max() < 4
        assert 0.7 < np.std(z) < 1.4
        assert np.min(reverse) > -0.2
        assert np.median(np.abs(reverse)) < 0.1

    def test_both_ends_hold_the_truth_between_them(self) -> None:
        rng = np.random.default_rng(2)
        grid = nx.grid_2d_graph(4, 4)
        nx.set_edge_attributes(grid, {edge: rng.normal() for edge in grid.edges}, "J")
        graph = si.FactorGraph.from_networkx(grid)
        low, high = [], []
        for seed in range(12):
            estimate = annealed_importance(graph, particles=8, sweeps=3, rng=seed)
            low.append(estimate.log_partition)
            high.append(estimate.reverse)
        assert np.mean(low) < log_partition(graph) < np.mean(high)

    def test_a_few_steps_on_a_hard_model_warn(self) -> None:
        grid = nx.grid_2d_graph(10, 10)
        nx.set_edge_attributes(grid, 3.0, "J")
        estimate = annealed_importance(si.FactorGraph.from_networkx(grid), particles=64, sweeps=3, rng=1)
        assert estimate.ess < 10
        assert any("effective particles" in warning for warning in estimate.warnings)
        assert any("nats apart" in warning for warning in estimate.warnings)

    def test_time_plans_the_sweeps(self) -> None:
        graph = MODELS["grid"].graph
        assert annealed_importance(graph, time=0.5, rng=1).sweeps > annealed_importance(graph, time=0.05, rng=1).sweeps

    def test_a_callback_ends_it_without_an_estimate(self) -> None:
        graph = MODELS["tables"].graph
        ended = annealed_importance(graph, rng=1, controls=Controls(callback=lambda report: True))
        assert np.isnan(ended.log_partition)
        assert "stopped by the callback" in ended.warnings[0]
        seen: list[int] = []
        half = Controls(callback=lambda report: (len(seen) > 0 and report.step < seen[-1]) or bool(seen.append(report.step)))
        found = annealed_importance(graph, rng=1, sweeps=400, controls=half)
        assert np.isfinite(found.log_partition)
        assert np.isnan(found.reverse)

    def test_same_bits_for_any_threads(self) -> None:
        graph = MODELS["tables"].graph
        one, two = (annealed_importance(graph, rng=4, controls=Controls(threads=n)) for n in (1, 2))
        assert one == two


@pytest.mark.fast
def test_temperatures_rise_and_end_at_one() -> None:
    betas = pilot(MODELS["tables"].graph.as_target(), 1)
    values = cooled(betas, 50)
    assert betas[0] == 0
    assert values[-1] == 1
    assert (np.diff(betas) > 0).all()
    assert (np.diff(values) > 0).all()


@pytest.mark.fast
def test_without_a_factor_it_counts() -> None:
    estimate = annealed_importance(si.FactorGraph([2, 3], [], []))
    assert isinstance(estimate, AnnealedEstimate)
    assert estimate.log_partition == pytest.approx(np.log(6))


@pytest.mark.fast
def test_scores_are_those_of_the_graph() -> None:
    for name in ("spins", "tables"):
        graph = MODELS[name].graph
        kernel = AnnealedImportance().prepare(graph.as_target())
        plan = Plan(kernel, graph.as_target(), None, None, Nothing(), None, 16, 0, 1, False, 3)
        block = build(plan, 0).blocks[0]
        kernel.move.weigh(graph.as_target(), block.state)
        states = block.state.position.T
        rows = ((states + 1) / 2 if states.dtype == np.float32 else states).astype(np.int64)
        assert np.allclose(block.state.score + kernel.move.constant(graph), log_scores(graph, rows), atol=1e-4)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: annealed_importance(MODELS["tables"].graph, particles=1), "particles = 1"),
        (lambda: annealed_importance(MODELS["tables"].graph, sweeps=0), "sweeps = 0"),
        (lambda: si.run(AnnealedImportance(), si.models.CoinBias(1, 1), steps=1), "a FactorGraph is needed"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        make()
