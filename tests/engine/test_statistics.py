"""R-hat, ESS and MCSE against arviz, against known autocorrelation times, and at their edges."""

import math
import subprocess
import sys
import warnings
from statistics import NormalDist

import numpy as np
import pytest

from stochinf.engine import statistics
from stochinf.engine.errors import StochinfError
from stochinf.engine.lane_statistics import student_widening
from stochinf.engine.normal import normal_quantile
from stochinf.engine.statistics import ess_mean, lane_statistics, mcse_mean, rhat, summary_row

FIGURES = ("rhat", "ess_bulk", "ess_tail", "ess_mean", "mcse_mean")


def ar1(rng, shape, phi):
    """Stationary series of variance 1 along the last axis; its autocorrelation time is (1 + phi) / (1 - phi)."""
    x = rng.normal(size=shape)
    x[..., 1:] *= math.sqrt(1 - phi**2)
    for t in range(1, shape[-1]):
        x[..., t] += phi * x[..., t - 1]
    return x


@pytest.fixture(scope="module")
def peer():
    """The same figures by arviz, whichever line is installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz
    old = arviz.__version__.startswith("0.")
    axes = {} if old else {"chain_axis": 0, "draw_axis": 1}
    tails = (0.05, 0.95)

    def figure(name, x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name == "rhat":
                return float(arviz.rhat(x, **axes))
            if name == "mcse_mean":
                return np.asarray(arviz.mcse(x, method="mean", **axes)).item()
            method = name.removeprefix("ess_")
            return float(arviz.ess(x, method=method, prob=tails if method == "tail" else None, **axes))

    return figure


def series(kind, chains, draws, phi, seed):
    x = ar1(np.random.default_rng(seed), (chains, draws), phi)
    if kind == "rounded":
        return np.round(x)
    if kind == "binary":
        return (x > 0.7).astype(np.int8)
    if kind == "heavy":
        return x / np.abs(np.roll(x, 1, axis=1))
    return x + (np.arange(chains)[:, None] if kind == "apart" else 0.0)


@pytest.mark.parametrize("kind", ["smooth", "rounded", "binary", "heavy", "apart"])
@pytest.mark.parametrize(("chains", "draws"), [(2, 4), (2, 5), (4, 17), (3, 100), (4, 1000)])
@pytest.mark.parametrize("phi", [-0.7, 0.0, 0.9])
def test_equals_arviz(peer, kind, chains, draws, phi):
    x = series(kind, chains, draws, phi, seed=draws)
    for name in FIGURES:
        np.testing.assert_allclose(getattr(statistics, name)(x), peer(name, x), rtol=1e-9, err_msg=name)


def test_one_chain_equals_arviz_but_for_rhat(peer):
    x = series("smooth", 1, 111, 0.5, seed=1)
    for name in FIGURES[1:]:
        np.testing.assert_allclose(getattr(statistics, name)(x), peer(name, x), rtol=1e-9)
    assert 0.99 < rhat(x) < 1.2
    assert rhat(np.arange(100.0)[None]) > 1.5


def test_row_equals_its_parts():
    x = series("rounded", 4, 101, 0.5, seed=2)
    row = summary_row(x)
    parts = (x.mean(), x.std(ddof=1), mcse_mean(x), statistics.ess_bulk(x), statistics.ess_tail(x), rhat(x))
    np.testing.assert_allclose(row, parts, rtol=1e-14)


def test_known_autocorrelation_time():
    x = ar1(np.random.default_rng(3), (8, 20_000), 0.8)
    np.testing.assert_allclose(ess_mean(x), x.size / 9, rtol=0.1)
    np.testing.assert_allclose(mcse_mean(x), math.sqrt(9 / x.size), rtol=0.05)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 1e-300])
def test_constant(value):
    x = np.full((3, 50), value)
    assert [getattr(statistics, name)(x) for name in FIGURES[1:4]] == [150.0] * 3
    assert math.isnan(rhat(x))
    row = summary_row(x)
    assert (row.mean, row.sd, row.mcse_mean, row.ess_bulk) == (value, 0.0, 0.0, 150.0)
    assert math.isnan(row.r_hat)


def test_chains_frozen_apart():
    assert rhat(np.repeat([[0.1], [0.3]], 20, axis=1)) == math.inf


@pytest.mark.parametrize("x", [np.ones((4, 3)), np.ones((0, 9)), np.ones((2, 0)), [[1, 2, math.nan, 4]], [[1, 2, math.inf, 4]]])
def test_no_answer(x):
    assert all(math.isnan(getattr(statistics, name)(x)) for name in FIGURES)
    assert math.isnan(summary_row(x).r_hat)


def test_wrong_shape_names_the_remedy():
    with pytest.raises(StochinfError, match=r"shape \(7,\): \(chain, draw\) needed; give one chain as x\[None, :\]"):
        rhat(np.ones(7))


def test_normal_quantile():
    p = np.concatenate((np.random.default_rng(4).random(2000), 10.0 ** np.linspace(-10, -1, 50), [0.075, 0.5, 0.925]))
    np.testing.assert_allclose(normal_quantile(p), [NormalDist().inv_cdf(q) for q in p], rtol=1e-14, atol=1e-16)


def test_imports_only_numpy():
    program = "import stochinf.engine.statistics, sys; print({'scipy', 'arviz', 'pandas', 'numba'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"


def batched(p, counts):
    """Sums and squares of conditionals ``p[state, lane, sweep]`` as a graph sampler keeps them."""
    starts = np.cumsum(counts) - counts
    sums = np.stack([p[..., s : s + n].sum(axis=-1) for s, n in zip(starts, counts, strict=True)])
    return sums, (p**2).sum(axis=-1), np.asarray(counts)


def conditionals(seed, states, lanes, sweeps, phi):
    return 0.5 + 0.1 * ar1(np.random.default_rng(seed), (states, lanes, sweeps), phi)


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.9])
@pytest.mark.parametrize(("lanes", "counts"), [(64, [500] * 4), (8, [500] * 8), (2, [2000] * 20), (1, [1000, 1500] * 20)])
def test_lanes_know_the_autocorrelation_time(phi, lanes, counts):
    """Over 200 states the squared error, the MCSE and the ESS agree with the autocorrelation time."""
    counts = np.array(counts)
    p = conditionals(5, 200, lanes, counts.sum(), phi)
    result = lane_statistics(*batched(p, counts))
    n, time = counts.sum() * lanes, (1 + phi) / (1 - phi)
    units = lanes - 1 if lanes >= 8 else lanes * counts.size - 1
    square = (result.mcse / student_widening(units)) ** 2 / (0.01 * time / n)
    np.testing.assert_allclose(result.mean, p.mean(axis=(1, 2)), rtol=1e-12)
    assert np.median(square) == pytest.approx(1.0, rel=0.15)
    assert 0.9 < square.mean() < 1.0 + 2.0 / math.sqrt(units)
    np.testing.assert_allclose(((result.mean - 0.5) ** 2).mean(), 0.01 * time / n, rtol=0.4)
    np.testing.assert_allclose(np.median(result.ess), n / time, rtol=0.25)
    assert result.ess.max() <= n
    assert 0.99 < result.rhat.min() <= result.rhat.max() < 1.05


@pytest.mark.parametrize(("lanes", "batches", "sweeps"), [(64, 4, 25), (16, 4, 75), (8, 4, 75), (2, 20, 100), (1, 40, 100)])
def test_lanes_calibrated(lanes, batches, sweeps):
    """Intervals of 1.96 MCSE hold 95 % of 800 states (binomial sd 0.8 %), however few lanes; a chance correlation of the halves
    of few lanes makes them a little wider."""
    p = conditionals(6, 800, lanes, batches * sweeps, 0.6)
    result = lane_statistics(*batched(p, [sweeps] * batches))
    assert 0.93 < np.mean(np.abs(result.mean - 0.5) < 1.96 * result.mcse) < 0.98


@pytest.mark.parametrize("time", [30, 100, 300, 1000, 10**6])
@pytest.mark.parametrize("lanes", [8, 64])
def test_lanes_that_remember_their_start_say_so(lanes, time):
    """Lanes start around a point one standard deviation off; the error bars hold the truth however slow the lanes are."""
    phi, states, sweeps = math.exp(-1 / time), 300, 480
    rng = np.random.default_rng(12)
    x = ar1(rng, (states, lanes, sweeps), phi)
    start = phi ** (np.arange(sweeps) + sweeps // 5) * np.where(rng.random((states, 1, 1)) < 0.5, -1, 1)
    result = lane_statistics(*batched(0.5 + 0.1 * (x + start), [sweeps // 4] * 4))
    held = np.mean(np.abs(result.mean - 0.5) < 1.96 * result.mcse)
    assert held > 0.9
    assert np.median(result.mcse) > 0.09 or time < 10**6


def test_student_widening():
    exact = {3: 3.1824, 4: 2.7764, 7: 2.3646, 15: 2.1314, 63: 1.9983}
    assert all(student_widening(nu) * 1.95996 == pytest.approx(t, rel=0.01) for nu, t in exact.items())
    assert math.isnan(student_widening(0))


@pytest.mark.parametrize("lanes", [2, 16])
def test_lanes_rhat_equals_the_formula_on_stretches(lanes):
    p = conditionals(7, 3, lanes, 800, 0.9)
    halves = p.reshape(3, lanes * (2 if lanes >= 8 else 4), -1)
    n = halves.shape[-1]
    expected = np.sqrt((n - 1) / n + halves.mean(-1).var(-1, ddof=1) / halves.var(-1, ddof=1).mean(-1))
    np.testing.assert_allclose(lane_statistics(*batched(p, [100] * 8)).rhat, expected, rtol=1e-9)


@pytest.mark.parametrize("lanes", [4, 16])
def test_lanes_stuck_or_drifting(lanes):
    p = conditionals(8, 2, lanes, 800, 0.0)
    p[0, 0] += 0.4
    p[1] += np.linspace(0, 0.4, 800)
    assert lane_statistics(*batched(p, [100] * 8)).rhat.min() > 1.1


@pytest.mark.parametrize("lanes", [2, 16])
def test_lanes_constant(lanes):
    p = np.full((3, lanes, 90), 0.1)
    p[1] = 0.0
    p[2, 0] = 0.3
    result = lane_statistics(*batched(p, [30, 20, 10, 30]))
    np.testing.assert_array_equal(result.mcse[:2], 0.0)
    np.testing.assert_array_equal(result.ess[:2], 90 * lanes)
    assert np.isnan(result.rhat[:2]).all()
    assert result.rhat[2] == math.inf
    assert result.mcse[2] > 0
    assert result.ess[2] < 90 * lanes


def test_lanes_too_few():
    p = conditionals(9, 2, 3, 30, 0.0)
    result = lane_statistics(*batched(p, [10] * 3))
    assert np.isnan(result.mcse).all()
    assert np.isnan(result.ess).all()
    assert np.isfinite(result.mean).all()
    nothing = lane_statistics(np.zeros((2, 5, 8)), np.zeros((5, 8)), [0, 0])
    assert all(np.isnan(figure).all() and figure.shape == (5,) for figure in nothing)
    one = lane_statistics(*batched(p[:, :1, :1], [1]))
    assert np.isnan(one.rhat).all()


def test_empty_batches_count_for_nothing():
    sums, squares, counts = batched(conditionals(10, 2, 16, 40, 0.0), [10] * 4)
    padded = lane_statistics(np.insert(sums, 2, 0.0, axis=0), squares, np.insert(counts, 2, 0))
    np.testing.assert_array_equal(padded, lane_statistics(sums, squares, counts))


def test_lane_shapes_are_checked():
    with pytest.raises(StochinfError, match=r"sums \(4, 3, 2\), squares \(2, 3\), counts \(4,\)"):
        lane_statistics(np.ones((4, 3, 2)), np.ones((2, 3)), np.ones(4))


@pytest.mark.fast
def test_differences_below_what_float32_squares_see_are_none() -> None:
    """An impossible state of weight 1e-39 has no R-hat; a state that lanes are stuck in has an infinite one."""
    rng = np.random.default_rng(3)
    sums = np.zeros((4, 2, 16))
    sums[:, 0] = 50 * rng.uniform(4e-39, 7e-39, 16)
    sums[:, 1] = 50 * rng.integers(0, 2, 16)
    squares = np.stack([np.zeros(16), sums[:, 1].sum(axis=0)])
    result = lane_statistics(sums, squares, np.full(4, 50))
    assert np.isnan(result.rhat[0])
    assert np.isinf(result.rhat[1])
