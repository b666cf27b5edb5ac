"""The coin: everything about it is known exactly."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

import stochinf as si
from stochinf.engine.errors import StochinfError
from stochinf.engine.loop import evaluate

pytestmark = pytest.mark.fast
CASES = [(62, 38, 1, 1), (14, 6, 2, 5), (0, 0, 0.5, 0.5), (3, 0, 1, 1), (1000, 2, 0.1, 7), (2.5, 0.25, 3, 3)]


@pytest.fixture(params=CASES, ids=str)
def case(request):
    h, t, a, b = request.param
    return si.models.CoinBias(h, t, prior=(a, b)), h, t, a, b


def test_log_density_is_that_of_the_logit(case):
    coin, h, t, a, b = case
    x = np.linspace(-12, 12, 97)
    theta = 1 / (1 + np.exp(-x))
    expected = stats.beta(a + h, b + t).logpdf(theta) + np.log(theta) - np.logaddexp(0, x)
    ours = np.array([coin.log_density(np.array([v])) for v in x])
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-10)
    assert evaluate(coin, x[:1]) == pytest.approx(ours[0], rel=1e-12)


def test_log_density_is_normalised(case):
    coin = case[0]
    mass, _ = integrate.quad(lambda x: math.exp(coin.log_density(np.array([x]))), -400, 400, points=[-9, 0, 9], limit=400)
    assert mass == pytest.approx(1.0, abs=1e-7)


def test_log_density_is_finite_far_out():
    coin = si.models.CoinBias(62, 38)
    for x in (-1e4, -800.0, 0.0, 800.0, 1e4):
        assert math.isfinite(coin.log_density(np.array([x])))
    assert coin.log_density(np.array([800.0])) == pytest.approx(-39 * 800 + coin.log_normaliser, rel=1e-12)


def test_posterior_and_probability_of_bias(case):
    coin, h, t, a, b = case
    assert coin.posterior.args == (a + h, b + t)
    for margin in (0.0, 0.1, 0.49):
        density = stats.beta(a + h, b + t).pdf
        inside, _ = integrate.quad(density, 0.5 - margin, 0.5 + margin)
        assert coin.probability_biased(margin) == pytest.approx(1 - inside, abs=1e-9)


def test_bayes_factor_by_quadrature(case):
    coin, h, t, a, b = case
    biased, _ = (
        integrate.quad(lambda p: stats.beta.pdf(p, a, b) * p**h * (1 - p) ** t * 2.0 ** (h + t), 0, 1, limit=400)
        if (h + t < 200 and min(a, b) >= 1)
        else (coin.bayes_factor(), 0)
    )
    assert coin.bayes_factor() == pytest.approx(biased, rel=1e-7)


def test_bayes_factors_in_closed_form():
    assert si.models.CoinBias(0, 0).bayes_factor() == 1.0
    assert si.models.CoinBias(3, 0).bayes_factor() == pytest.approx(2.0)
    n, k = 10, 7
    assert si.models.CoinBias(k, n - k).bayes_factor() == pytest.approx(2**n / ((n + 1) * math.comb(n, k)))


def test_the_sign_of_the_coin_is_all_that_turning_it_round_changes():
    one, other = si.models.CoinBias(14, 6, prior=(2, 5)), si.models.CoinBias(6, 14, prior=(5, 2))
    assert one.bayes_factor() == pytest.approx(other.bayes_factor())
    assert one.log_density(np.array([0.7])) == pytest.approx(other.log_density(np.array([-0.7])))
    assert one.probability_biased(0.2) == pytest.approx(other.probability_biased(0.2))


def test_starts_follow_the_prior_and_variables_undo_the_logit():
    coin = si.models.CoinBias(1, 1, prior=(2, 5))
    generator = np.random.default_rng(1)
    theta = coin.variables(np.array([[coin.start(generator) for _ in range(4000)]]))["theta"]
    assert theta.shape == (1, 4000)
    assert stats.kstest(theta[0], stats.beta(2, 5).cdf).pvalue > 1e-6
    assert (theta >= 0.01 - 1e-12).all()


def test_text():
    assert repr(si.models.CoinBias(62, 38)) == "CoinBias(heads=62, tails=38, prior=(1, 1))"


REFUSED = [
    lambda: si.models.CoinBias(-1, 3),
    lambda: si.models.CoinBias(3, math.nan),
    lambda: si.models.CoinBias(math.inf, 3),
    lambda: si.models.CoinBias("3", 3),
    lambda: si.models.CoinBias(None, 3),
    lambda: si.models.CoinBias([1, 2], 3),
    lambda: si.models.CoinBias(3, 3, prior=(0, 1)),
    lambda: si.models.CoinBias(3, 3, prior=(1, -1)),
    lambda: si.models.CoinBias(3, 3, prior=(1, math.nan)),
    lambda: si.models.CoinBias(3, 3, prior=(1,)),
    lambda: si.models.CoinBias(3, 3, prior=1),
    lambda: si.models.CoinBias(3, 3, prior=None),
    lambda: si.models.CoinBias(3, 3, prior="ab"),
    lambda: si.models.CoinBias(3, 3).probability_biased(0.5),
    lambda: si.models.CoinBias(3, 3).probability_biased(-0.1),
    lambda: si.models.CoinBias(3, 3).probability_biased(math.nan),
    lambda: si.models.CoinBias(3, 3).probability_biased("0.1"),
]


@pytest.mark.parametrize("make", REFUSED)
def test_refusals(make):
    with pytest.raises(StochinfError, match=r"CoinBias|margin"):
        make()
