"""Gibbs by conditionals in plain Python: a posterior known exactly, shapes and names, errors, the same bits."""

import numpy as np
import pytest
from scipy import stats

import stochinf as si
from stochinf.engine.statistics import mcse_mean

pytestmark = pytest.mark.fast

Y = np.array([2.1, 3.9, 3.0, 2.6, 3.4])


def draw_mean(values, rng):
    return rng.normal(Y.mean(), 1 / np.sqrt(5 * values["precision"]))


def draw_precision(values, rng):
    return rng.gamma(3.5, 1 / (1 + 0.5 * ((Y - values["mean"]) ** 2).sum()))


START = {"mean": 0.0, "precision": 1.0}
PAIR = si.mcmc.Conditionals({"mean": draw_mean, "precision": draw_precision}, START)


def sampled(model=PAIR, draws=1500, **options):
    return si.sample(model, draws=draws, warmup=20, chains=2, kernel=si.mcmc.Gibbs(), rng=3, progress=False, **options)


def test_the_posterior_is_the_known_one():
    """A flat prior on the mean, Gamma(1, 1) on the precision: the mean has a t distribution with 6 degrees of freedom."""
    d = sampled()
    exact = stats.t(6, Y.mean(), np.sqrt((1 + 0.5 * ((Y - Y.mean()) ** 2).sum()) / 3 / 5))
    u = exact.cdf(d["mean"])
    assert abs(u.mean() - 0.5) < 5 * mcse_mean(u)
    assert abs((u**2).mean() - 1 / 3) < 5 * mcse_mean(u**2)
    assert set(d.draws) == {"mean", "precision"}


def test_variables_keep_their_shapes_and_see_each_other():
    model = si.mcmc.Conditionals(
        {
            "a": lambda v, rng: np.full((2, 3), v["b"] + 1.0),
            "b": lambda v, rng: v["a"][1, 2] * 0.5 + rng.random(),
        },
        {"a": np.zeros((2, 3)), "b": 1.0},
    )
    d = sampled(model, draws=5)
    assert d["a"].shape == (2, 5, 2, 3)
    assert d["b"].shape == (2, 5)
    np.testing.assert_array_equal(d["a"][:, 1:, 0, 0], d["b"][:, :-1] + 1.0)


def test_the_same_seed_gives_the_same_bits_whatever_the_threads():
    first, second = sampled(draws=50, threads=1), sampled(draws=50, threads=2)
    assert first["mean"].tobytes() == second["mean"].tobytes()
    assert len(np.unique(first["mean"])) == 100


def test_an_error_of_a_function_ends_the_run_and_keeps_what_was_drawn():
    def fails(values, rng):
        if values["n"] > 10:
            raise KeyError("lost")
        return values["n"] + 1

    for function, message in (
        (fails, "raised KeyError"),
        (lambda v, rng: [1.0, 2.0], r"'n' drew an array of shape \(2,\); its start has \(\)"),
        (lambda v, rng: np.nan, "'n' drew nan; finite numbers are needed"),
    ):
        with pytest.raises(si.DensityError, match=message) as raised:
            sampled(si.mcmc.Conditionals({"n": function}, {"n": 0.0}), draws=100)
        assert raised.value.run is not None


BAD = {
    "names": (lambda: si.mcmc.Conditionals({"a": draw_mean}, {"b": 0.0}), r"functions for \['a'\] and starts for \['b'\]"),
    "nothing": (lambda: si.mcmc.Conditionals({}, {}), r"functions for \[\]"),
    "no function": (lambda: si.mcmc.Conditionals({"a": 3}, {"a": 0.0}), "'a' has 3; a function"),
    "start": (lambda: si.mcmc.Conditionals({"a": draw_mean}, {"a": np.inf}), "the start of 'a' is inf"),
    "another kernel": (lambda: si.sample(PAIR, kernel=si.mcmc.Slice(), draws=5), "Slice needs log_density"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    call, message = BAD[case]
    with pytest.raises(si.StochinfError, match=message):
        call()
