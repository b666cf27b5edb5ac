"""Ready posteriors: their densities by hand, and that they are densities: gradients, names, errors."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

import stochinf as si
from stochinf import density as sd
from stochinf.engine.errors import StochinfError

pytestmark = pytest.mark.fast

Y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SIGMA = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def test_normal() -> None:
    target = si.models.normal(Y, location=1.0, scale=3.0)
    expected = stats.norm(1, 30).logpdf(4) + stats.halfcauchy(scale=3).logpdf(2) + stats.norm(4, 2).logpdf(Y).sum()
    assert target.log_density({"mu": 4.0, "sigma": 2.0}) == pytest.approx(expected, rel=1e-13)


def test_hierarchies_are_one_density_on_two_kinds_of_positions() -> None:
    theta = np.linspace(-1.0, 5.0, 8)
    point = {"mu": 2.0, "tau": 3.0, "theta": theta}
    expected = (
        stats.norm(0, 5).logpdf(2) + stats.halfcauchy(scale=5).logpdf(3) + stats.norm(2, 3).logpdf(theta).sum()
        + stats.norm(theta, SIGMA).logpdf(Y).sum()
    )  # fmt: skip
    for centred in (True, False):
        target = si.models.hierarchical(Y, SIGMA, centred=centred)
        assert target.log_density(point) == pytest.approx(expected, rel=1e-13)
        volume = np.log(3.0) + (0 if centred else 8 * np.log(3.0))
        assert target.log_density(target.unconstrain(point)) == pytest.approx(expected + volume, rel=1e-13)
        assert target.check_gradient(point).passed


def test_mixture() -> None:
    target = si.models.mixture(Y, location=0.0, scale=2.0)
    point = {"weights": [0.25, 0.75], "mu": [-1.0, 2.0], "sigma": [1.0, 3.0]}
    prior = np.log(6 * 0.25 * 0.75) + stats.norm(0, 4).logpdf([-1, 2]).sum() + stats.halfnorm(scale=2).logpdf([1, 3]).sum()
    likelihood = np.log(0.25 * stats.norm(-1, 1).pdf(Y) + 0.75 * stats.norm(2, 3).pdf(Y)).sum()
    assert target.log_density(point) == pytest.approx(prior + likelihood, rel=1e-13)
    assert target.check_gradient(point).passed


def test_hidden_markov() -> None:
    target = si.models.hidden_markov(Y, location=0.0, scale=2.0)
    transitions, mu = np.array([[0.7, 0.3], [0.2, 0.8]]), np.array([-1.0, 4.0])
    prior = stats.dirichlet([3, 1]).logpdf(transitions[0]) + stats.dirichlet([1, 3]).logpdf(transitions[1])
    prior += stats.norm(0, 4).logpdf(mu).sum() + stats.halfnorm(scale=2).logpdf(5)
    chain = sd.hidden_markov(stats.norm(mu, 5).logpdf(Y[:, None]), transitions, np.array([0.5, 0.5]))
    point = {"transitions": transitions, "mu": mu, "sigma": 5.0}
    assert target.log_density(point) == pytest.approx(prior + chain, rel=1e-12)
    assert target.check_gradient(point).passed
    assert target.constrain(np.zeros((3, target.dim)))["transitions"].shape == (3, 2, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: si.models.normal([]), "a vector of 1 or more finite numbers"),
        (lambda: si.models.normal([1.0, np.nan]), "finite numbers is needed"),
        (lambda: si.models.normal("abc"), "y = 'abc'; numbers are needed"),
        (lambda: si.models.normal([1.0], scale=0.0), "the scale above 0"),
        (lambda: si.models.hierarchical(Y, SIGMA[:3]), r"sigma has shape \(3,\); 8 numbers above 0"),
        (lambda: si.models.hierarchical(Y, -SIGMA), "numbers above 0"),
        (lambda: si.models.mixture(Y, n_components=1), "at least 2"),
        (lambda: si.models.hidden_markov([1.0]), "2 or more finite numbers"),
    ],
)
def test_what_cannot_be(call: Any, message: str) -> None:
    with pytest.raises(StochinfError, match=message):
        call()
