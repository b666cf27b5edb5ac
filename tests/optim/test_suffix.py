"""Averages of iterates: those of the definition, in single precision too, whole or in pieces; and what they are good for."""

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si
from stochinf import optim

RNG = np.random.default_rng(8)
X = sp.random_array((50, 4), density=0.6, rng=RNG).tocsr()
MODEL = si.models.LogisticRegression(X, RNG.integers(0, 2, 50), l2=0.05)


def runs(rule, steps, **words):
    return si.run(rule, MODEL, steps=steps, rng=1, progress=False, **words)["coefficients"][0]


def averages(iterates, start):
    """Return the averages by their definition."""
    made = []
    for t in range(1, len(iterates) + 1):
        first = start + 1 if start >= 0 else max(1, 2 ** (t.bit_length() - 1) // 2)
        made.append(iterates[first - 1 : t].mean(axis=0) if t >= first else iterates[t - 1])
    return np.array(made)


@pytest.mark.fast
@pytest.mark.parametrize("start", [-1, 0, 7])
@pytest.mark.parametrize("rule", [optim.SGD(0.3), optim.Momentum(0.1)], ids=lambda rule: type(rule).__name__)
def test_averages_are_those_of_the_definition(rule, start):
    np.testing.assert_allclose(runs(optim.Averaging(rule, start), 70), averages(runs(rule, 70), start), rtol=1e-12, atol=1e-15)


@pytest.mark.fast
def test_the_share_averaged_is_between_a_half_and_three_quarters():
    path = averages(np.arange(1.0, 1001.0)[:, np.newaxis], -1)[:, 0]
    t = np.arange(1, 1001)
    share = 2 * (t - path) / t
    assert (share[8:] > 0.45).all()
    assert (share <= 0.75).all()


@pytest.mark.fast
def test_a_saved_run_goes_on_to_the_bit(tmp_path):
    rule = optim.Averaging(optim.Momentum(0.1))
    whole = runs(rule, 60)
    si.run(rule, MODEL, steps=25, rng=1, progress=False, checkpoint=tmp_path / "half")
    again = si.resume(tmp_path / "half", 35, progress=False)
    assert again["coefficients"][0].tobytes() == whole.tobytes()


def test_it_takes_the_noise_of_a_constant_rate_away():
    best = si.minimize(MODEL).fun
    plain, averaged = (
        si.minimize(MODEL, rule, stop=si.stop.epochs(400), rng=0).fun - best
        for rule in (optim.SGD(0.5), optim.Averaging(optim.SGD(0.5)))
    )
    assert 0 < averaged < 0.1 * plain


@pytest.mark.fast
def test_what_cannot_be_averaged_is_named():
    with pytest.raises(si.StochinfError, match=r"Averaging: Newton.* is no rule of descent"):
        optim.Averaging(optim.Newton())
    with pytest.raises(si.StochinfError, match="start = -2"):
        optim.Averaging(optim.SGD(0.1), -2)
