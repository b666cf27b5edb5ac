"""Gradient-informed kernels keep every model; unadjusted Langevin is biased, as it should be; planted bugs are caught."""

from typing import Any

import networkx as nx
import numpy as np
import pytest
from graphs.invariance import MODELS, STARTS, Model, invariant, p_value, spins, sums_z, swept
from oracles import exact_marginals

import stochinf as si
from stochinf.engine.jit import JIT, entry
from stochinf.graphs.gradient import DiscreteLangevin, GibbsWithGradients, SpinGradients, TableLangevin
from stochinf.graphs.gradient.dense import local_fields

pytestmark = pytest.mark.fast

KERNELS = [DiscreteLangevin(), DiscreteLangevin(2.0), GibbsWithGradients(), GibbsWithGradients(moves=2)]
IDS = ["langevin", "langevin, large steps", "gibbs with gradients", "two moves"]
FEWER = STARTS if JIT else 30
"""Without the JIT a step of all variables takes its time."""
ODD = Model(si.FactorGraph([1, 2, 3, 1], [(0, 1), (1, 2), (2, 3), ()], [[1, 2], [3, 1, 1, 1, 2, 4], [1, 1, 2], [5]]), {})
"""Variables of one state, and a constant."""


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
@pytest.mark.parametrize("model", [*MODELS, ODD], ids=str)
def test_a_step_keeps_the_distribution(kernel: Any, model: str | Model) -> None:
    assert invariant(model, kernel, sweeps=2 if JIT else 1, starts=FEWER)


@pytest.mark.parametrize("kernel", [KERNELS[0], KERNELS[2]], ids=[IDS[0], IDS[2]])
@pytest.mark.parametrize("model", [*MODELS, ODD], ids=str)
def test_sums_agree_with_the_exact_marginals(kernel: Any, model: str | Model) -> None:
    assert sums_z(model, kernel._replace(sums=True), starts=FEWER) < 6


@pytest.mark.skipif(not JIT, reason="power needs many starts")
class TestPlantedBugsAreCaught:
    @pytest.mark.parametrize("kernel", [KERNELS[0], KERNELS[2]], ids=[IDS[0], IDS[2]])
    @pytest.mark.parametrize("model", MODELS)
    def test_temperature(self, kernel: Any, model: str) -> None:
        assert p_value(model, kernel, rate=0.9, sweeps=6) < 1e-6

    @pytest.mark.parametrize("model", ["grid", "tables"])
    def test_no_acceptance(self, model: str) -> None:
        assert p_value(model, DiscreteLangevin(2.0, adjusted=False)) < 1e-6

    def test_couplings_counted_twice(self) -> None:
        target = MODELS["grid"].graph.as_target()
        kernel = GibbsWithGradients().prepare(target)
        assert isinstance(kernel, SpinGradients)
        assert p_value("grid", kernel._replace(couplings=1.1 * kernel.couplings)) < 1e-6

    def test_moves_of_another_variable(self) -> None:
        target = MODELS["potts"].graph.as_target()
        kernel = DiscreteLangevin(2.0).prepare(target)
        assert isinstance(kernel, TableLangevin)
        wrong = target._replace(log_tables=np.roll(target.log_tables, 1))
        assert p_value("potts", kernel, target=wrong) < 1e-6


def bias(step_size: float) -> float:
    """Return the largest error of the marginals of an unadjusted run on a strongly coupled ring."""
    graph = spins(nx.cycle_graph(4), 9, scale=1.0)
    run = si.run(
        DiscreteLangevin(step_size, adjusted=False),
        graph,
        steps=4000,
        warmup=200,
        chains=64,
        rng=1,
        observer=si.observers.Moments(),
    )
    exact = exact_marginals(graph)
    mean = run["mean"].mean(axis=0)
    return max(abs(mean[i] - exact[node] @ [-1, 1]) for i, node in enumerate(graph.variables))


@pytest.mark.skipif(not JIT, reason="many steps")
def test_unadjusted_langevin_is_biased_the_less_the_smaller_the_step() -> None:
    large, small = bias(1.0), bias(0.12)
    assert large > 0.03
    assert small < large / 4


@pytest.mark.skipif(not JIT, reason="many steps")
@pytest.mark.parametrize("model", ["spins", "tables"])
def test_the_step_size_adapts(model: str) -> None:
    graph = spins(nx.complete_graph(40), 4, scale=0.15) if model == "spins" else MODELS["tables"].graph
    run = si.run(DiscreteLangevin(), graph, steps=400, warmup=400, chains=64, rng=3)
    rate = np.asarray(run.stats["acceptance_rate"]).mean()
    assert 0.5 < rate < 0.65 or model == "tables"


@pytest.mark.skipif(not JIT, reason="many steps")
@pytest.mark.parametrize("kernel", [KERNELS[0], KERNELS[2]], ids=[IDS[0], IDS[2]])
def test_runs_find_the_marginals(kernel: Any) -> None:
    graph = spins(nx.complete_graph(9), 4, scale=0.4)
    run = si.run(kernel, graph, steps=4000, warmup=500, chains=64, rng=1, observer=si.observers.Moments())
    exact = exact_marginals(graph)
    mean = run["mean"]
    for i, node in enumerate(graph.variables):
        error = mean[:, i].std(ddof=1) / np.sqrt(mean.shape[0])
        assert abs(mean[:, i].mean() - exact[node] @ [-1, 1]) < 6 * error


@entry
def product(couplings: Any, field: Any, positions: Any, out: Any) -> None:
    local_fields(couplings, field, positions, out)


@pytest.mark.parametrize("n", [1, 3, 4, 6, 9])
def test_fields_are_a_matrix_product(n: int) -> None:
    rng = np.random.default_rng(n)
    couplings, field = rng.normal(size=(n, n)).astype(np.float32), rng.normal(size=n).astype(np.float32)
    positions = rng.choice([-1, 1], (n, 5)).astype(np.float32)
    out = np.full((n, 5), np.nan, np.float32)
    product(couplings, field, positions, out)
    np.testing.assert_allclose(out, couplings @ positions + field[:, None], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", [KERNELS[0], KERNELS[2]], ids=[IDS[0], IDS[2]])
def test_fields_stay_those_of_the_spins(kernel: Any) -> None:
    target, state = swept("grid", kernel, sweeps=20 if JIT else 2, starts=16)
    couplings = kernel.prepare(target).couplings
    np.testing.assert_allclose(state.local, couplings @ state.position + target.field[:, None], atol=1e-5)


@pytest.mark.parametrize("model", ["spins", "tables"])
def test_same_bits_and_resume(tmp_path: Any, model: str) -> None:
    graph = MODELS[model].graph
    whole = si.run(DiscreteLangevin(), graph, steps=20, warmup=10, chains=7, rng=9)["state"]
    si.run(DiscreteLangevin(), graph, steps=10, warmup=10, chains=7, rng=9).save(tmp_path / "run.npz")
    assert (si.resume(tmp_path / "run.npz", draws=10)["state"] == whole).all()


@pytest.mark.parametrize("kernel", [DiscreteLangevin(sums=True), GibbsWithGradients(moves=3)])
def test_all_observed(kernel: Any) -> None:
    from stochinf.graphs.evidence import check_evidence
    from stochinf.graphs.targets import graph_target

    for name in ("spins", "tables"):
        graph = MODELS[name].graph
        everything = {node: graph.labels(i)[0] for i, node in enumerate(graph.variables)}
        target = graph_target(graph, check_evidence(graph, everything))
        state = swept(Model(graph, everything), kernel, target=target, starts=8)[1]
        assert (state.position == state.position[:, :1]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DiscreteLangevin(-1.0), "step_size = -1.0"),
        (lambda: DiscreteLangevin(np.inf), "step_size = inf"),
        (lambda: DiscreteLangevin(inverse_temperature=-1), "inverse_temperature = -1"),
        (lambda: GibbsWithGradients(-1), "moves = -1"),
        (lambda: GibbsWithGradients(inverse_temperature=np.nan), "inverse_temperature = nan"),
        (lambda: si.run(DiscreteLangevin(), si.models.CoinBias(1, 1), steps=1), "a FactorGraph is needed"),
        (lambda: si.run(GibbsWithGradients(), si.models.CoinBias(1, 1), steps=1), "a FactorGraph is needed"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        make()
