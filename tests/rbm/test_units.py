"""Every kind of unit: compiled means and draws against the plain ones, sums over states, integrals, finite differences."""

import numpy as np
import pytest
import scipy.stats
from scipy.integrate import quad

import stochinf as si
from stochinf.engine.jit import entry
from stochinf.engine.random import lane_streams

UNITS = [si.rbm.Bernoulli(), si.rbm.Spin(), si.rbm.Gaussian(), si.rbm.ReLU(), si.rbm.Softmax(3)]
ACTIVATIONS = np.array([-40.0, -6.0, -0.5, 0.0, 1.5, 8.0])
LOG_PRECISIONS = np.array([0.7, -1.0, 0.0, 1.2, -0.3, 0.4])

pytestmark = pytest.mark.fast


@entry
def drawn(unit, layer, bias, log_precision, words, out, again):
    unit.draw(layer, bias, log_precision, words, out)
    unit.draw_in_place(again, bias, log_precision, words)


def precisions(unit) -> np.ndarray:
    return LOG_PRECISIONS if unit.has_precision else np.empty(0)


def name_of(unit) -> str:
    return type(unit).__name__


def compiled(unit, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, draws, and draws in place of n rows; half of each activation is the bias."""
    layer = np.tile(ACTIVATIONS / 2, (n, 1)).astype(np.float32)
    out, again, words = np.empty_like(layer), layer.copy(), lane_streams(np.random.SeedSequence(3), ACTIVATIONS.size)
    drawn(unit, layer, (ACTIVATIONS / 2).astype(np.float32), precisions(unit).astype(np.float32), words, out, again)
    return layer, out, again


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_means_agree_and_are_slopes_of_the_log_partition(unit) -> None:
    mean = unit.mean(ACTIVATIONS[None], precisions(unit))[0]
    np.testing.assert_allclose(compiled(unit, 1)[0][0], mean, rtol=2e-6, atol=1e-7)
    slopes = [
        unit.log_partition(ACTIVATIONS + h, precisions(unit)) - unit.log_partition(ACTIVATIONS - h, precisions(unit))
        for h in 1e-5 * np.eye(ACTIVATIONS.size)
    ]
    np.testing.assert_allclose(mean, np.array(slopes) / 2e-5, atol=2e-7)


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_log_partition_is_the_sum_over_states(unit) -> None:
    a = ACTIVATIONS[1:4]
    values = unit.states(3)
    if values is not None:
        assert np.exp(unit.log_partition(a)) == pytest.approx(np.exp(values @ a + unit.log_base(values)).sum())
        return
    for one, log_precision in zip(a, LOG_PRECISIONS, strict=False):
        kept = np.array([log_precision])

        def density(x: float, one: float = one, kept: np.ndarray = kept) -> float:
            return float(np.exp(one * x + unit.log_base(np.array([x]), kept)))

        low, high = (max(bound, -60.0) if bound < 0 else min(bound, 60.0) for bound in unit.bounds)
        assert np.exp(unit.log_partition(np.array([one]), kept)) == pytest.approx(quad(density, low, high, limit=200)[0])


def as_expected(unit, j: int, values: np.ndarray) -> float:
    """p-value of draws of unit j."""
    a, gamma = ACTIVATIONS[j], np.exp(LOG_PRECISIONS[j])
    if not unit.has_precision:
        low = unit.bounds[0]
        assert set(np.unique(values)) <= {low, 1.0}
        p = (unit.mean(ACTIVATIONS[None])[0, j] - low) / (1.0 - low)
        return float(scipy.stats.binomtest(int((values == 1).sum()), values.size, p).pvalue)
    scale = 1 / np.sqrt(gamma)
    if unit.bounds[0] < 0:
        return float(scipy.stats.kstest(values, scipy.stats.norm(a / gamma, scale).cdf).pvalue)
    x = -a * scale

    def cdf(h: np.ndarray) -> np.ndarray:
        return -np.expm1(scipy.stats.norm.logsf(x + h / scale) - scipy.stats.norm.logsf(x))

    return float(scipy.stats.kstest(values, cdf).pvalue)


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_draws_follow_the_conditional(unit) -> None:
    n = 4000
    kinds = (*compiled(unit, n)[1:], unit.sample(np.tile(ACTIVATIONS, (n, 1)), precisions(unit), np.random.default_rng(1)))
    for values in kinds:
        assert [j for j in range(ACTIVATIONS.size) if as_expected(unit, j, values[:, j]) < 1e-6] == []


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_start_gives_the_means(unit) -> None:
    values = unit.sample(np.tile([0.5, 1.0, 2.0], (5000, 1)), np.zeros(3), np.random.default_rng(2))
    means = values.mean(axis=0)
    if name_of(unit) != "ReLU":
        bias, log_precision = unit.start(means, (values**2).mean(axis=0), 5000)
        np.testing.assert_allclose(unit.mean(bias[None], log_precision)[0], means, atol=1e-3)
    bias, log_precision = unit.start(np.full(3, unit.bounds[1] if np.isfinite(unit.bounds[1]) else 2.0), np.full(3, 4.0), 10)
    assert np.isfinite(bias).all()
    assert np.isfinite(log_precision).all()


def test_one_hot_and_errors() -> None:
    assert si.rbm.one_hot([[1, 0]], 2).tolist() == [[0.0, 1.0, 1.0, 0.0]]
    with pytest.raises(si.StochinfError, match="labels from 0 to 1"):
        si.rbm.one_hot([[2, 0]], 2)
    with pytest.raises(si.StochinfError, match="Softmax\\(1\\)"):
        si.rbm.Softmax(1)
