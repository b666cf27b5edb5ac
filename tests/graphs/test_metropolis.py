"""Metropolis sampling of graphs keeps every model, sums what it should, and a lazy scan sees every configuration."""

from typing import Any

import numpy as np
import pytest
from graphs.invariance import MODELS, Model, chi_square, invariant, p_value, sums_z
from oracles import exact_marginals

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.graphs.metropolis import Metropolis, SpinMetropolis, TableMetropolis

pytestmark = pytest.mark.fast

WIDE = Model(si.FactorGraph([9, 3, 1], [(0, 1), (1, 2), (0,)], [np.arange(1, 28), [1, 2, 1], np.arange(9, 0, -1)]), {})
"""Many states, and a variable of one state."""


@pytest.mark.parametrize("model", [*MODELS, WIDE], ids=str)
def test_a_sweep_keeps_the_distribution(model: str | Model) -> None:
    assert invariant(model, Metropolis(), sweeps=2)
    assert invariant(model, Metropolis(sums=True, laziness=0.5))


@pytest.mark.parametrize("model", [*MODELS, WIDE], ids=str)
def test_sums_agree_with_the_exact_marginals(model: str | Model) -> None:
    assert sums_z(model, Metropolis(sums=True)) < 6


@pytest.mark.parametrize("picker", [si.pickers.Uniform(), si.pickers.Colours()], ids=["random", "colours"])
@pytest.mark.parametrize("model", ["grid", "tables"])
def test_any_order(model: str, picker: Any) -> None:
    assert invariant(model, Metropolis(), picker=picker)


@pytest.mark.skipif(not JIT, reason="power needs many starts")
class TestPlantedBugsAreCaught:
    @pytest.mark.parametrize("model", MODELS)
    def test_temperature(self, model: str) -> None:
        assert p_value(model, Metropolis(), rate=0.8, sweeps=2) < 1e-6

    @pytest.mark.parametrize("model", ["spins", "tables"])
    def test_sums_of_rejected_moves_forgotten(self, model: str) -> None:
        """Adding the proposed state with its acceptance, and nothing for staying, is a bug of old."""
        kernel = Metropolis(sums=True).prepare(MODELS[model].graph.as_target())
        if isinstance(kernel, TableMetropolis):
            assert sums_z(model, kernel._replace(eagerness=1.0)) < 6
        assert sums_z(model, kernel, rate=0.8) > 6


@pytest.mark.skipif(not JIT, reason="many sweeps")
@pytest.mark.parametrize(("laziness", "well"), [(0.0, False), (0.0625, True)])
def test_two_free_coins_need_laziness(laziness: float, well: bool) -> None:
    """Two coins that nothing pulls: a busy scan turns both over at every sweep, and sees two configurations of four."""
    coins = si.FactorGraph([2, 2], [(0,), (1,)], [[1, 1], [1, 1]])
    run = si.run(Metropolis(laziness=laziness), coins, steps=4000, thin=2, chains=1, rng=1)
    states = run["state"][0]
    assert (len(np.unique(states, axis=0)) == 4) == well
    if well:
        assert chi_square(Model(coins, {}), states[::40]) > 1e-6


@pytest.mark.skipif(not JIT, reason="many sweeps")
@pytest.mark.parametrize("model", ["spins with evidence", "zeros and evidence"])
def test_runs_find_the_marginals(model: str) -> None:
    graph, evidence = MODELS[model]
    if evidence and "zeros" in model:
        graph, evidence = MODELS["tables"]
    run = si.run(Metropolis(), graph, steps=20_000 * graph.n_variables, thin=graph.n_variables, chains=8, rng=2)
    states = run["state"].reshape(-1, graph.n_variables)
    exact = exact_marginals(graph)
    for i, node in enumerate(graph.variables):
        seen = [(states[:, i] == label).mean() for label in graph.labels(i)]
        np.testing.assert_allclose(seen, exact[node], atol=0.015)


def test_same_bits_and_resume(tmp_path: Any) -> None:
    graph = MODELS["tables"].graph
    whole = si.run(Metropolis(), graph, steps=120, thin=6, chains=70, rng=9)["state"]
    si.run(Metropolis(), graph, steps=60, thin=6, chains=70, rng=9).save(tmp_path / "run.npz")
    assert (si.resume(tmp_path / "run.npz", draws=10)["state"] == whole).all()


def test_the_right_kernel() -> None:
    assert isinstance(Metropolis().prepare(MODELS["spins"].graph.as_target()), SpinMetropolis)
    assert isinstance(Metropolis().prepare(MODELS["tables"].graph.as_target()), TableMetropolis)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Metropolis(-1.0), "inverse_temperature = -1.0"),
        (lambda: Metropolis(laziness=1.0), "laziness = 1.0; a number from 0 to below 1"),
        (lambda: si.run(Metropolis(), si.models.CoinBias(1, 1), steps=1), "a FactorGraph is needed, not CoinBias"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        make()
