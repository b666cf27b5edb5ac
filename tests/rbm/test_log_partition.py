"""Partition functions and likelihoods: exact by listing, annealed and tempered within their stated errors."""

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from rbm.tiny import states
from scipy.special import logsumexp

import stochinf as si
from stochinf.rbm.annealing import Annealing, annealed, as_temperatures, judged
from stochinf.rbm.answers import LogPartition
from stochinf.rbm.exact import exact_log_partition
from stochinf.rbm.fields import layer
from stochinf.rbm.partition import Asked, above, better, estimated

BINARY = ("bernoulli", "bernoulli")
KINDS = [si.rbm.Bernoulli(), si.rbm.Spin(), si.rbm.Gaussian(), si.rbm.ReLU(), si.rbm.Softmax(3)]


def random_rbm(
    seed: int, n_visible: int = 8, n_hidden: int = 6, scale: float = 1.0, units: Any = ("bernoulli", "bernoulli")
) -> Any:
    rng = np.random.default_rng(seed)
    return si.RBM.from_arrays(
        scale * rng.normal(size=(n_hidden, n_visible)), rng.normal(size=n_visible), rng.normal(size=n_hidden), units
    )


@pytest.mark.fast
@pytest.mark.parametrize("units", [("bernoulli", "bernoulli"), ("spin", "spin"), ("bernoulli", "spin"), ("spin", "bernoulli")])
@pytest.mark.parametrize("scale", [1.0, 200.0])
def test_listing_one_side_is_listing_both(units: Any, scale: float) -> None:
    rbm = random_rbm(0, 5, 4, scale, units)
    v, h = (kind.states(n) for kind, n in zip(rbm._layers(), (5, 4), strict=True))
    both = (v @ rbm.weights_.T + rbm.hidden_bias_) @ h.T + (v @ rbm.visible_bias_)[:, None]
    assert rbm.log_partition().value == pytest.approx(logsumexp(both), rel=1e-6)
    assert rbm.log_partition().exact
    assert rbm.condition({0: -1.0}).log_partition("exact").mcse == 0.0


@pytest.mark.fast
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_the_change_with_temperature_is_that_of_log_z(kind: Any) -> None:
    """In single precision, over the whole range, and in small steps without a drift."""
    row = np.random.default_rng(1).normal(0, 6, 12).astype(np.float32)
    part = layer(kind, 12)
    with np.errstate(all="ignore"):
        for first, second in ((0.0, 1.0), (0.3, 0.31), (1.0, 0.0)):
            exact = part.log_partition(second * row.astype(float)) - part.log_partition(first * row.astype(float))
            assert part.rise(row, first, second) == pytest.approx(exact, rel=2e-5, abs=2e-5)
        steps = np.linspace(0, 1, 301)
        total = sum(part.rise(row, a, b) for a, b in pairwise(steps))
    assert total == pytest.approx(part.log_partition(row.astype(float)) - part.log_partition(0.0 * row.astype(float)), rel=1e-5)


def test_annealing_covers_the_truth_at_its_nominal_rate() -> None:
    inside, biased = 0, 0
    for seed in range(50):
        rbm = random_rbm(seed)
        z, exact = rbm.log_partition("ais", temperatures=100, reverse=False, rng=seed), rbm.log_partition("exact").value
        assert z.mcse < 0.2
        inside += abs(z.value - exact) < 1.96 * z.mcse
        biased += abs(z.value + 0.3 - exact) < 1.96 * z.mcse
    assert inside >= 43
    assert biased < 20


def test_both_ends_agree_and_a_bad_schedule_is_found_out() -> None:
    rbm, exact = random_rbm(7, scale=2.0), random_rbm(7, scale=2.0).log_partition("exact").value
    z = rbm.log_partition("ais", temperatures=2000, rng=1)
    assert abs(z.reverse - z.value) < 0.5
    assert abs(z.value - exact) < 4 * z.mcse
    assert z.ess > 30
    assert z.facts["temperatures"].size == 2000
    assert z.value == rbm.log_partition("ais", temperatures=2000, rng=1).value
    with pytest.warns(si.ConvergenceWarning, match="effective particles"):
        hasty = random_rbm(7, 40, 30, 3.0).log_partition("ais", particles=12, temperatures=2, reverse=False, rng=1)
    assert hasty.warnings
    assert hasty.mcse > 1.0


def test_tempering_covers_the_truth() -> None:
    errors = []
    for seed in range(6):
        rbm = random_rbm(seed, scale=2.0)
        z = rbm.log_partition("tempering", sweeps=400, rng=seed)
        errors.append((z.value - rbm.log_partition("exact").value) / z.mcse)
        assert z.mcse < 0.2
    assert np.abs(errors).max() < 4.5


def two_phases(cost: float) -> Any:
    """A machine whose few features light up together, far from the data's means, and only close to beta = 1."""
    rbm = si.RBM.from_arrays(np.full((4, 60), 0.8), np.full(60, -3.0), np.full(4, -cost))
    rbm.visible_mean_ = np.full(60, 0.05)
    return rbm


def test_a_phase_far_from_the_data_is_found_and_becomes_the_base() -> None:
    rbm = two_phases(9.0)
    exact = rbm.log_partition("exact").value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", si.ConvergenceWarning)
        hasty = rbm.log_partition("ais", temperatures=100, rng=0)
    assert hasty.warnings or hasty.value < exact - 8
    found = rbm.log_partition("tempering", sweeps=400, rng=0)
    assert abs(found.value - exact) < 4 * found.mcse < 0.8
    assert found.facts["base"].mean() > rbm.machine().base.mean() + 1
    again = annealed(rbm.machine()._replace(base=found.facts["base"]), Annealing(100, 200, True), 1)
    assert abs(again.value - exact) < 4 * again.mcse < 0.8


def test_where_annealing_warns_the_new_base_rate_model_decides() -> None:
    rbm, asked = two_phases(8.5), Asked(100, 100, True, 8, None, 400)
    z = estimated(rbm.machine(), "auto", asked, 0, None)
    assert "annealing from the first base-rate model gave" in z.reason
    assert not z.warnings
    assert abs(z.value - rbm.log_partition("exact").value) < 4 * z.mcse < 0.8


@pytest.mark.fast
def test_answers_that_disagree_widen_the_error() -> None:
    low, high = (LogPartition(value=value, mcse=0.1, method="ais", reason="so") for value in (10.0, 14.0))
    assert above(low, high).mcse == 4.0
    assert "more, so the error covers both" in above(low, high).warnings[0]
    assert (above(high, low).mcse, above(high, low).warnings) == (0.1, ())
    assert better(low, high).mcse == 4.0


@pytest.mark.parametrize("units", [("gaussian", "spin"), (si.rbm.Softmax(3), "relu")], ids=str)
def test_other_units_anneal_to_what_listing_gives(units: Any) -> None:
    rbm = random_rbm(2, 6, 4, 0.4, units)
    z = rbm.log_partition("ais", temperatures=300, rng=0)
    exact = rbm.log_partition().value
    assert rbm.log_partition().exact
    assert abs(z.value - exact) < 4 * z.mcse < 0.4
    assert abs(z.reverse - exact) < 0.4


@pytest.mark.fast
def test_a_gaussian_machine_integrates_to_one() -> None:
    rbm = si.RBM.from_arrays([[0.8], [-0.5]], [0.3], [0.2, -0.4], ("gaussian", "bernoulli"), [0.4])
    grid = np.linspace(-12, 12, 4001)[:, None]
    density = np.exp([rbm.machine().log_density(grid) - rbm.log_partition().value])
    assert density.sum() * (grid[1, 0] - grid[0, 0]) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.fast
def test_likelihoods_name_their_binarisation() -> None:
    rbm, v = random_rbm(3, 5, 4), states(5)
    everything = rbm.log_likelihood(v)
    log_p = -rbm.free_energy(v) - rbm.log_partition().value
    assert logsumexp(log_p) == pytest.approx(0.0, abs=1e-6)
    assert everything.value == pytest.approx(log_p.mean(), abs=1e-6)
    assert everything.binarisation == "none: rows as given, all 0 or 1"
    grey = np.clip(v, 0.2, 0.9)
    assert rbm.log_likelihood(grey, binarise="threshold").value == pytest.approx(everything.value)
    sampled = rbm.log_likelihood(grey, binarise="sample", rng=5)
    assert sampled.binarisation == "sampled once with rng_entropy 5"
    assert sampled.value != everything.value


@pytest.mark.fast
def test_spacings_and_verdicts() -> None:
    machine = random_rbm(0).machine()
    values, _ = as_temperatures(machine, "literature", 0)
    assert values.size == 14_500
    assert (np.diff(values) > 0).all()
    assert as_temperatures(machine, [0.0, 0.5, 1.0], 0)[0].tolist() == [0.5, 1.0]
    good = judged(10.0, np.zeros(100), np.zeros(100))
    assert (good["value"], good["mcse"], good["warnings"]) == (10.0, 0.0, ())
    apart = judged(10.0, np.zeros(100), np.full(100, -4.0))
    assert "4.0 nats apart" in apart["warnings"][0]
    assert apart["mcse"] == 4.0


@pytest.mark.fast
def test_too_many_states_are_refused() -> None:
    with pytest.raises(si.StochinfError, match="too many states"):
        exact_log_partition(random_rbm(0, 30, 30).machine())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert random_rbm(0, 40, 12).log_partition().exact
