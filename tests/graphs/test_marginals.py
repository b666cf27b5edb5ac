"""Marginals against exact enumeration and stored references, with error bars that mean what they say."""

import time
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from oracles import DATA, exact_marginals, random_graph, read_mar
from scipy.stats import kstest, norm

import stochinf as si
from stochinf.engine.jit import JIT
from stochinf.engine.lane_statistics import lane_statistics
from stochinf.graphs.rao_blackwell import RaoBlackwell

EXAMPLE = Path(__file__).parents[2] / "examples" / "data" / "hepar2.uai"
needs_speed = pytest.mark.skipif(not JIT, reason="many sweeps")


@pytest.mark.fast
@needs_speed
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_marginals_equal_enumeration(seed: int) -> None:
    graph = random_graph(seed)
    result = si.marginals(graph, rng=seed, method="gibbs")
    for node, exact in exact_marginals(graph).items():
        assert (abs(result[node] - exact) <= 6 * result.mcse[node] + 1e-6).all()
        assert result[node].sum() == pytest.approx(1.0, abs=1e-6)
    assert result.rhat.max() < 1.05
    assert not result.exact
    assert result.method == "gibbs"


@needs_speed
def test_standard_errors_are_calibrated() -> None:
    """Deviations from the exact marginals over standard errors are normal: 200 seeds of a binary and a wide variable."""
    graph = random_graph(1)
    exact = exact_marginals(graph)
    nodes = [node for node in graph.variables if len(exact[node]) > 1 and exact[node].min() > 0.02][:2]
    results = [si.marginals(graph, draws=40, warmup=10, rng=seed, method="gibbs") for seed in range(200)]
    for node in nodes:
        z = np.array([(r[node][1] - exact[node][1]) / r.mcse[node][1] for r in results])
        assert kstest(z, norm.cdf).pvalue > 1e-6
        assert 0.85 < z.std() < 1.2


@needs_speed
@pytest.mark.parametrize("chains", [1, 4], ids=["one chain", "four chains"])
def test_few_chains_have_errors_from_batches(chains: int) -> None:
    graph = random_graph(3)
    result = si.marginals(graph, chains=chains, draws=4000, rng=1, method="gibbs")
    for node, exact in exact_marginals(graph).items():
        assert (abs(result[node] - exact) <= 6 * result.mcse[node] + 1e-6).all()


@pytest.mark.fast
@needs_speed
def test_evidence_by_label_and_networkx_directly() -> None:
    graph = nx.Graph()
    graph.add_node("rain", h=0.2)
    graph.add_node(("wet", 1))
    graph.add_edge("rain", ("wet", 1), J=0.8)
    result = si.marginals(graph, evidence={"rain": 1}, rng=0, method="gibbs")
    assert result["rain"].tolist() == [0.0, 1.0]
    assert result.states["rain"] == [-1, 1]
    assert result[("wet", 1)][1] == pytest.approx(1 / (1 + np.exp(-1.6)), abs=1e-6)
    assert result.mcse["rain"].tolist() == [0.0, 0.0]
    assert np.isnan(result.rhat["rain"])
    assert list(result) == ["rain", ("wet", 1)]


@pytest.mark.fast
def test_everything_observed_is_exact() -> None:
    graph = random_graph(3)
    evidence = {node: graph.states[node][0] for node in graph.variables}
    result = si.marginals(graph, evidence, rng=0, method="gibbs")
    assert result.exact
    assert all(result[node][0] == 1.0 for node in result)


@needs_speed
@pytest.mark.parametrize("name", ["sample_3", "Segmentation_12"])
def test_uai_models(name: str) -> None:
    graph = si.read_graph(DATA / "uai" / f"{name}.uai")
    evidence = si.read_evidence(DATA / "uai" / f"{name}.uai.evid", graph)
    result = si.marginals(graph, evidence, rng=4, method="gibbs")
    for node, exact in zip(graph.variables, read_mar(DATA / "uai" / f"{name}.uai.MAR"), strict=True):
        assert (abs(result[node] - exact) <= 6 * result.mcse[node] + 2e-6).all()
    assert result.rhat.max() < 1.05


@needs_speed
def test_a_network_of_many_states_and_a_patient() -> None:
    graph = si.read_graph(EXAMPLE)
    evidence = si.read_evidence(f"{EXAMPLE}.evid", graph)
    result = si.marginals(graph, evidence, rng=4, draws=2000, method="gibbs")
    worst = max(
        np.max(abs(result[node] - exact) - 6 * result.mcse[node])
        for node, exact in zip(graph.variables, read_mar(f"{EXAMPLE}.MAR"), strict=True)
    )
    assert worst <= 1e-6


@needs_speed
def test_chains_that_do_not_mix_are_told() -> None:
    graph = si.read_graph(DATA / "uai" / "alarm.uai")
    result = si.marginals(graph, si.read_evidence(DATA / "uai" / "alarm.uai.evid", graph), rng=0, method="gibbs")
    assert result.rhat.max() > 1.2


@needs_speed
def test_zeros_that_single_moves_cannot_cross_are_told() -> None:
    graph = si.read_graph(DATA / "uai" / "Promedus_24.uai")
    evidence = si.read_evidence(DATA / "uai" / "Promedus_24.uai.evid", graph)
    with pytest.warns(si.ConvergenceWarning, match=r"not ergodic: factor \d+ over .* keeps changes of single variables"):
        sampled = si.marginals(graph, evidence, method="gibbs", rng=0, draws=100)
    assert sampled.rhat.max() > 1.1
    assert "not ergodic" in repr(sampled)
    exact = si.marginals(graph, evidence)
    for node, reference in zip(graph.variables, read_mar(DATA / "uai" / "Promedus_24.uai.MAR"), strict=True):
        np.testing.assert_allclose(exact[node], reference, atol=1e-6)


@pytest.mark.fast
@needs_speed
def test_stops() -> None:
    graph = random_graph(3)
    fine = si.marginals(graph, mcse=0.002, rng=0, method="gibbs")
    assert fine.mcse.max() <= 0.002
    assert fine.sweeps != 1000
    assert fine.sweeps == si.marginals(graph, mcse=0.002, rng=0, threads=1, method="gibbs").sweeps
    began = time.monotonic()
    timed = si.marginals(graph, time=0.3, rng=0, method="gibbs")
    assert time.monotonic() - began < 5
    assert timed.sweeps > 1000
    assert "0.3 seconds" in timed.stopped


@pytest.mark.fast
@needs_speed
def test_same_bits() -> None:
    graph = random_graph(1)
    one = si.marginals(graph, chains=100, draws=100, rng=7, threads=1, method="gibbs")
    two = si.marginals(graph, chains=100, draws=100, rng=7, threads=2, method="gibbs")
    assert all((one[node] == two[node]).all() for node in graph.variables)
    again = si.marginals(graph, chains=100, draws=100, rng=one.rng_entropy, method="gibbs")
    assert all((one.mcse[node] == again.mcse[node]).all() for node in graph.variables)


@needs_speed
@pytest.mark.filterwarnings("ignore")
def test_to_arviz() -> None:
    import arviz

    graph = random_graph(1)
    result = si.marginals(graph, draws=512, rng=0, method="gibbs")
    data = result.to_arviz()
    summary = arviz.summary(data)
    free = [
        f"{node}={graph.states[node][s]}" for node in graph.variables for s in range(len(result[node])) if len(result[node]) > 2
    ]
    assert data["posterior"]["probability"].sizes["chain"] == 64
    wide = next(node for node in graph.variables if len(result[node]) > 2)
    label = f"{wide}={graph.states[wide][0]}"
    assert label in free
    assert float(data["posterior"]["probability"].sel(state=label).mean()) == pytest.approx(result[wide][0], abs=1e-6)
    assert len(summary) >= len(free)


@pytest.mark.fast
def test_batches_join_and_lose_nothing() -> None:
    """Whatever the number of sweeps, the collected totals are those of all conditionals, in batches of equal length."""
    rng = np.random.default_rng(0)

    class State:
        sums = np.zeros((3, 8), np.float32)
        squares = np.zeros((3, 8), np.float32)
        shift = np.zeros(3, np.float32)

    class Holder:
        state = State()

    observer = RaoBlackwell().prepare(None, None, State, 0)
    Holder.observer = observer  # type: ignore[attr-defined]
    series = rng.random((777, 3, 8), dtype=np.float32)
    for p in series:
        State.sums += p
        State.squares += p * p
        observer.observe(None, State)
    totals, squares, lengths = observer.snapshot(State)
    assert lengths.sum() == 777
    assert (lengths[: int(observer.clock[0])] == observer.clock[1]).all()
    np.testing.assert_allclose(totals.sum(axis=0), series.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(squares, (series**2).sum(axis=0), rtol=1e-5)
    figures = lane_statistics(totals, squares, lengths)
    np.testing.assert_allclose(observer.statistics([Holder]).mcse, figures.mcse)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "magic"}, "method = 'magic'"),
        ({"chains": 0}, "chains = 0"),
        ({"chains": 2.5}, "chains = 2.5"),
        ({"draws": 0}, "draws = 0"),
        ({"warmup": -1}, "warmup = -1"),
        ({"time": 0}, "seconds"),
        ({"time": float("nan")}, "seconds"),
        ({"mcse": -0.1}, "mcse"),
        ({"rng": "seed"}, "rng = 'seed'"),
        ({"rng": -1}, "rng = -1"),
        ({"threads": 0}, "threads = 0"),
        ({"evidence": {"nobody": 1}}, "nobody"),
        ({"evidence": {"v0": 17}}, "17"),
        ({"chains": 10**12}, "GB needed"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        si.marginals(random_graph(3), **{"method": "gibbs", **arguments})


@pytest.mark.fast
@pytest.mark.parametrize("graph", [None, 3, "model.uai", [[0, 1]]])
def test_what_is_no_graph(graph: Any) -> None:
    with pytest.raises(si.GraphError, match="a FactorGraph or a model of networkx, dimod, pgmpy or pyAgrum is needed"):
        si.marginals(graph, method="gibbs")


@pytest.mark.fast
@needs_speed
def test_unknown_node_is_a_key_error_with_the_near_name() -> None:
    graph = si.FactorGraph([2], [("rain",)], [[1, 2]], names=["rain"])
    result = si.marginals(graph, draws=10, rng=0, method="gibbs")
    assert "rain" in result
    assert "snow" not in result
    with pytest.raises(KeyError, match="rain"):
        result["rian"]
    assert "rain" in repr(result)


@pytest.mark.parametrize("sweeps", [1, 70, 300])
def test_a_last_block_of_few_lanes_adds_up(sweeps: int) -> None:
    """Chains beyond a multiple of 64 keep more and shorter batches, which are joined to those of the others."""
    graph = si.FactorGraph([2, 3], [(0,), (0, 1)], [[1, 3], [1, 2, 3, 4, 5, 6]])
    one, two = (si.marginals(graph, chains=66, draws=sweeps, rng=4, threads=threads, method="gibbs") for threads in (1, 2))
    means = one.totals.sum(axis=(0, 2)) / (66 * sweeps)
    assert one.totals.shape[2] == 66
    assert one.lengths.sum() == sweeps
    assert np.allclose(means, [one[0][1], *one[1]], atol=1e-6)
    assert np.array_equal(one.mcse[1], two.mcse[1], equal_nan=True)


@pytest.mark.skipif(not JIT, reason="many sweeps")
def test_observers_of_lanes_are_kept_by_chain() -> None:
    graph = si.FactorGraph([2, 3], [(0,), (0, 1)], [[1, 3], [1, 2, 3, 4, 5, 6]])
    both = si.observers.Both(si.observers.Draws(), si.observers.Moments())
    run = si.run(si.graphs.Gibbs(), graph, steps=100, thin=2, chains=66, observer=both, rng=0)
    assert np.allclose(run["mean"], run["state"].mean(axis=1), atol=1e-12)
    counts = si.run(si.graphs.Gibbs(), graph, steps=100, thin=2, chains=66, observer=si.observers.Counts(3), rng=0)["counts"]
    assert np.array_equal(counts, (run["state"][..., None] == np.arange(3)).sum(axis=1))


@needs_speed
@pytest.mark.parametrize("method", ["gibbs", "metropolis"])
@pytest.mark.parametrize("order", ["scan", "random", "colours"])
def test_orders_of_visits_agree_with_enumeration(method: str, order: str) -> None:
    graph = random_graph(1)
    result = si.marginals(graph, method=method, order=order, rng=2)
    assert result.sweeps == 1000
    for node, exact in exact_marginals(graph).items():
        assert (abs(result[node] - exact) <= 6 * result.mcse[node] + 1e-6).all()
