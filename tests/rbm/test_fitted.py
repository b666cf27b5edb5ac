"""What a fitted machine answers: draws, conditioning, imputing, the factor graph."""

from typing import Any

import numpy as np
import pytest
from rbm.tiny import codes, states
from scipy import stats

import stochinf as si
from stochinf.engine.block import advance
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build

RNG = np.random.default_rng(3)
WEIGHTS, B, C = RNG.normal(0, 1.2, (4, 5)), RNG.normal(0, 0.7, 5), RNG.normal(0, 0.7, 4)


@pytest.fixture(scope="module")
def rbm() -> Any:
    return si.RBM.from_arrays(WEIGHTS, B, C)


@pytest.fixture(scope="module")
def chances() -> Any:
    v, h = states(5), states(4)
    joint = np.exp((v @ WEIGHTS.T + C) @ h.T + (v @ B)[:, None])
    return joint.sum(axis=1) / joint.sum()


def p_value(rows: Any, chances: Any) -> float:
    return float(stats.chisquare(np.bincount(codes(rows), minlength=chances.size), chances * len(rows)).pvalue)


def test_draws_follow_the_machine(rbm: Any, chances: Any) -> None:
    rows = rbm.sample(4000, thin=20, chains=400, rng=1)
    assert rows.shape == (4000, 5)
    assert p_value(rows, chances) > 1e-6
    assert np.array_equal(rows, rbm.sample(4000, thin=20, chains=400, rng=1))
    assert p_value(si.RBM.from_arrays(0.8 * WEIGHTS, B, C).sample(4000, thin=20, chains=400, rng=1), chances) < 1e-6


def test_a_step_keeps_exact_draws_exact(rbm: Any, chances: Any) -> None:
    start = states(5)[RNG.choice(32, 20_000, p=chances)]
    kernel = si.rbm.BlockGibbs(len(start), 1.0, 1.0)
    block = build(Plan(kernel, rbm.machine(), None, None, Nothing(), start[None], 1, 0, 1, False, 5), 0).blocks[0]
    advance(block, 2)
    assert p_value(block.state.position, chances) > 1e-6
    assert not np.array_equal(block.state.position, start)


def test_given_units_stay_and_the_others_follow(rbm: Any, chances: Any) -> None:
    given = {1: 1.0, 4: 0.0}
    kept = (states(5)[:, 1] == 1) & (states(5)[:, 4] == 0)
    expected = np.where(kept, chances, 0) / chances[kept].sum()
    rows = rbm.sample(4000, given, thin=20, chains=400, rng=2)
    assert (rows[:, 1] == 1).all()
    assert (rows[:, 4] == 0).all()
    counts = np.bincount(codes(rows), minlength=32)
    assert stats.chisquare(counts[kept], expected[kept] * len(rows)).pvalue > 1e-6
    smaller = rbm.condition(given)
    free = states(5)[kept][:, [0, 2, 3]]
    np.testing.assert_allclose(np.exp(-smaller.free_energy(free) - smaller.log_partition().value), expected[kept], rtol=2e-5)


def test_missing_values_become_conditional_means(rbm: Any, chances: Any) -> None:
    v = states(5)
    row = np.array([[np.nan, 1.0, 0.0, np.nan, 1.0], [1.0, 0.0, 1.0, 1.0, 0.0]])
    filled = rbm.impute(np.repeat(row, [50, 1], axis=0), draws=400, rng=4)
    kept = (v[:, [1, 2, 4]] == [1, 0, 1]).all(axis=1)
    expected = chances[kept] @ v[kept] / chances[kept].sum()
    np.testing.assert_allclose(filled[:50].mean(axis=0), expected, atol=0.015)
    assert np.array_equal(filled[-1], row[1])
    drawn = rbm.impute(row, how="draw", rng=4)
    assert set(drawn[0]) <= {0.0, 1.0}
    assert np.array_equal(rbm.impute(row[1:]), row[1:])


def test_chains_report_how_they_mix(rbm: Any) -> None:
    report = rbm.diagnose(4, 300, rng=0)
    assert report.rhat["free_energy"] < 1.05
    assert report.ess["visible_mean"] > 100
    assert report.to_arviz().posterior["free_energy"].shape == (4, 300)
    torn = si.RBM.from_arrays(np.full((2, 6), 8.0), np.full(6, -8.0), np.full(2, -24.0))
    stuck = torn.diagnose(4, 100, warmup=0, start=np.repeat([[0.0], [1.0]], 2, axis=0) * np.ones(6), rng=0)
    assert stuck.rhat["visible_mean"] > 1.5


@pytest.mark.fast
def test_reconstruction_and_pseudo_likelihood(chances: Any) -> None:
    rbm, v = si.RBM.from_arrays(WEIGHTS, B, C), states(5)
    hidden = 1 / (1 + np.exp(-(v @ WEIGHTS.T + C)))
    np.testing.assert_allclose(rbm.reconstruct(v), 1 / (1 + np.exp(-(hidden @ WEIGHTS + B))), rtol=1e-5)
    np.testing.assert_allclose(rbm.pseudo_log_likelihood(v), rbm.score_samples(v), rtol=1e-5)
    spins = si.RBM.from_arrays(WEIGHTS / 4, B / 2, C / 2, ("spin", "spin"))
    s, t = 2 * v - 1, 2 * states(4) - 1
    log_p = np.logaddexp.reduce((s @ WEIGHTS.T / 4 + C / 2) @ t.T, axis=1) + s @ B / 2
    flips = np.stack([log_p[codes(np.abs(v - unit))] for unit in np.eye(5)])
    np.testing.assert_allclose(spins.pseudo_log_likelihood(s), -np.logaddexp(0, flips - log_p).sum(axis=0), rtol=1e-5)


@pytest.mark.fast
@pytest.mark.parametrize("units", [("bernoulli", "spin"), ("spin", "bernoulli"), (si.rbm.Softmax(3), "spin")])
def test_the_factor_graph_is_the_machine(units: Any) -> None:
    rbm = si.RBM.from_arrays(RNG.normal(size=(3, 6)), RNG.normal(size=6), RNG.normal(size=3), units)
    graph = rbm.to_factor_graph()
    assert si.log_partition(graph, method="exact").value == pytest.approx(rbm.log_partition("exact").value, abs=1e-5)
    best = si.map_state(graph)
    assert best.status == "optimal"
    if units == ("bernoulli", "spin"):
        v = np.array([best[("v", i)] for i in range(6)], dtype=float)
        h = np.array([best[("h", j)] for j in range(3)], dtype=float)
        assert best.log_score == pytest.approx(h @ rbm.weights_ @ v + v @ rbm.visible_bias_ + h @ rbm.hidden_bias_, abs=1e-5)


@pytest.mark.fast
def test_bad_input_is_refused() -> None:
    rbm = si.RBM.from_arrays(WEIGHTS, B, C)
    for call, message in (
        (lambda: si.RBM.from_arrays(WEIGHTS, C, B), "n_components, n_features"),
        (lambda: si.RBM.from_arrays(WEIGHTS * np.nan, B, C), "finite"),
        (lambda: rbm.sample(5, {9: 1.0}), "column 9"),
        (lambda: rbm.sample(5, dict.fromkeys(range(5), 0.0)), "must be free"),
        (lambda: rbm.condition({0: np.nan}), "finite"),
        (lambda: rbm.impute(np.zeros((1, 4))), "5 visible units"),
        (lambda: rbm.impute(np.zeros((1, 5)), how="mode"), "'mean' or 'draw'"),
        (lambda: rbm.log_partition("guess"), "one of 'auto'"),
        (lambda: rbm.log_partition("ais", temperatures=[0.5, 0.2, 1.0]), "rising numbers"),
        (lambda: rbm.log_likelihood([[0.5, 0, 0, 0, 0]]), "binarise"),
        (lambda: rbm.log_likelihood([[1.0, 0, 0, 0, 0]], binarise="dither"), "threshold"),
        (lambda: si.RBM.from_arrays(WEIGHTS, B, C, ("gaussian", "bernoulli")).to_factor_graph(), "no list of states"),
        (lambda: si.RBM.from_arrays(WEIGHTS[:, :4], B[:4], C, (si.rbm.Softmax(2), "spin")).condition({1: 1.0}), "all 2 columns"),
    ):  # fmt: skip
        with pytest.raises(si.StochinfError, match=message):
            call()
