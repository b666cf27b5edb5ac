"""Random numbers: bit for bit numpy's where they claim it, and calibrated bin by bin."""

import itertools
import math

import numpy as np
import pytest
from parts_for_tests import MUCH
from scipy import stats
from scipy.special import ndtri

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import JIT
from stochinf.engine.random import (
    alias_table,
    below,
    categorical,
    exponential,
    from_alias,
    lane_streams,
    lane_uniform,
    next_word,
    normal,
    normal_quantile,
    permute,
    random,
    stream,
    uniform,
)
from stochinf.engine.streams import Streams, entropy_of

pytestmark = pytest.mark.fast
LEAST_P = 1e-6


def seeded(seed):
    return stream(np.random.SeedSequence(seed))


def draws(function, *arguments, seed=1, n=MUCH):
    rng = seeded(seed)
    return np.array([function(rng, *arguments) for _ in range(n)])


def assert_uniform(values, bins=256):
    counts = np.bincount((np.asarray(values) * bins).astype(int), minlength=bins)
    assert counts.size == bins
    assert stats.chisquare(counts).pvalue > LEAST_P


def test_words_are_those_of_numpy():
    rng, numpy_rng = seeded(7), np.random.SFC64(np.random.SeedSequence(7))
    ours = np.array([next_word(rng) for _ in range(MUCH)], np.uint64)
    assert (ours == numpy_rng.random_raw(MUCH)).all()
    assert (rng == numpy_rng.state["state"]["state"]).all()


def test_random_is_that_of_numpy():
    assert (draws(random, seed=9) == np.random.Generator(np.random.SFC64(np.random.SeedSequence(9))).random(MUCH)).all()


@pytest.mark.parametrize("word", [0, 1, 2**12 - 1, 2**64 - 1])
def test_uniform_lies_between_0_and_1_even_for_extreme_words(word):
    value = uniform(np.array([word, 0, 0, 0], np.uint64))
    assert 0.0 < value < 1.0
    assert 0.0 < -math.log(value) < 38.0
    assert math.isfinite(normal_quantile(value))


@pytest.mark.parametrize("word", [0, 1, 511, 2**32 - 1])
def test_lane_uniform_lies_between_0_and_1_even_for_extreme_words(word):
    inverse = pow(0x9E3779BB, -1, 2**32)
    value = lane_uniform(np.array([[word * inverse % 2**32], [1]], np.uint32), 0)
    assert 0.0 < value < 1.0
    assert isinstance(value, (float, np.float32))


def test_uniform_and_exponential_and_normal_are_calibrated_bin_by_bin():
    assert_uniform(draws(uniform))
    assert_uniform(np.exp(-draws(exponential, seed=2)))
    z = draws(normal, seed=3)
    assert_uniform(stats.norm.cdf(z))
    assert stats.kstest(z, "norm").pvalue > LEAST_P


def test_consecutive_uniforms_are_independent_in_pairs():
    u = (draws(uniform, seed=4) * 16).astype(int)
    assert stats.chisquare(np.bincount(16 * u[::2] + u[1::2], minlength=256)).pvalue > LEAST_P


@pytest.mark.parametrize("n", [1, 3, 6])
def test_below_small(n):
    counts = np.bincount(draws(below, n, seed=n), minlength=n)
    assert counts.size == n
    assert n == 1 or stats.chisquare(counts).pvalue > LEAST_P


@pytest.mark.parametrize("n", [2**31 + 12345, 3 * 2**30, 2**32 - 1])
def test_below_large_has_no_bias(n):
    values = draws(below, n, seed=11)
    assert values.min() >= 0
    assert values.max() < n
    assert_uniform(values / n)
    remainder = values % 3
    assert stats.chisquare(np.bincount(remainder, minlength=3)).pvalue > LEAST_P


def test_below_rejects_the_surplus_words():
    n = 3 * 2**30
    rng, words = seeded(13), seeded(13)
    for _ in range(200):
        word = int(next_word(words)) >> 32
        while word * n % 2**32 < 2**32 % n:
            word = int(next_word(words)) >> 32
        assert below(rng, n) == word * n >> 32
    assert (rng == words).all()
    assert rng[3] > 240


WEIGHTS = [
    np.array([0.0, 2.0, 1.0, 0.0, 5.0, 0.0]),
    np.array([1.0]),
    np.array([0.0, 1e-300, 1.0]),
    np.array([1e-300, 3e-300]),
    np.array([1e300, 1e-300, 0.0, 1e300]),
]


def alias_draws(weights, n=MUCH, seed=21):
    return draws(from_alias, *alias_table(weights), seed=seed, n=n)


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize("method", ["inversion", "alias"])
def test_categorical_is_calibrated_and_never_picks_a_zero_weight(weights, method):
    chosen = draws(categorical, weights, seed=21) if method == "inversion" else alias_draws(weights)
    counts = np.bincount(chosen.astype(int), minlength=weights.size)
    share = weights / weights.sum()
    assert counts.size == weights.size
    assert not counts[weights == 0].any()
    likely = share > 1e-12
    assert not counts[~likely].any()
    if likely.sum() > 1:
        assert stats.chisquare(counts[likely], share[likely] * counts.sum()).pvalue > LEAST_P


@pytest.mark.parametrize("word", [0, 2**64 - 1])
def test_extreme_words_choose_no_zero_weight(word):
    for weights in WEIGHTS:
        assert weights[categorical(np.array([word, 0, 0, 0], np.uint64), weights)] > 0
        assert weights[int(from_alias(np.array([word, 0, 0, 0], np.uint64), *alias_table(weights)))] > 0


def implied(threshold, alias):
    share = np.zeros(threshold.size)
    for i, (t, a) in enumerate(zip(threshold, alias, strict=True)):
        share[i] += min(t, 1.0)
        share[a] += 1.0 - min(t, 1.0)
    return share / threshold.size


@pytest.mark.parametrize("seed", range(20))
def test_alias_table_holds_the_weights_exactly(seed):
    rng = np.random.default_rng(seed)
    weights = rng.gamma(0.3, size=int(rng.integers(1, 200))) * (rng.random(1) + (rng.random() < 0.5))
    weights[rng.random(weights.size) < 0.2] = 0.0
    weights[rng.integers(weights.size)] = 1.0
    threshold, alias = alias_table(weights)
    share = implied(threshold, alias)
    assert np.allclose(share, weights / weights.sum(), rtol=0, atol=1e-15)
    assert (share[weights == 0] == 0).all()


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0], [np.inf, 1.0], [[1.0, 2.0]]], ids=str)
def test_alias_table_refuses(weights):
    with pytest.raises(StochinfError, match="weights"):
        alias_table(weights)


def test_alias_table_of_huge_weights_does_not_overflow():
    assert np.allclose(implied(*alias_table(np.full(10, 1e308))), 0.1, atol=1e-15)


def test_permutations_are_equally_likely():
    rng, n = seeded(31), MUCH // 4
    names = {p: k for k, p in enumerate(itertools.permutations(range(4)))}
    order = np.arange(4)
    counts = np.zeros(24)
    for _ in range(n):
        order[:] = range(4)
        permute(rng, order)
        counts[names[tuple(order.tolist())]] += 1
    assert stats.chisquare(counts).pvalue > LEAST_P


def xoroshiro64_star(s0, s1):
    """Blackman and Vigna's C, in Python integers."""
    mask = 2**32 - 1
    result = s0 * 0x9E3779BB & mask
    s1 ^= s0
    s0 = (s0 << 26 | s0 >> 6) & mask ^ s1 ^ (s1 << 9) & mask
    return result, s0, (s1 << 13 | s1 >> 19) & mask


def test_lane_words_are_xoroshiro64_star_and_lanes_do_not_touch():
    words = lane_streams(np.random.SeedSequence(3), 3)
    untouched = words[:, [0, 2]].copy()
    s0, s1 = map(int, words[:, 1])
    for _ in range(200):
        expected, s0, s1 = xoroshiro64_star(s0, s1)
        assert lane_uniform(words, 1) == np.float32(((expected >> 9) + 0.5) * 2.0**-23)
    assert [s0, s1] == words[:, 1].tolist()
    assert (words[:, [0, 2]] == untouched).all()


def test_lane_uniforms_are_calibrated_within_and_across_lanes():
    words = lane_streams(np.random.SeedSequence(5), 8)
    u = np.array([[lane_uniform(words, lane) for lane in range(8)] for _ in range(MUCH // 8)])
    assert_uniform(u.ravel())
    assert all(stats.chisquare(np.bincount((u[:, k] * 64).astype(int), minlength=64)).pvalue > LEAST_P for k in range(8))
    cells = (u * 8).astype(int)
    assert stats.chisquare(np.bincount(8 * cells[:, 0] + cells[:, 1], minlength=64)).pvalue > LEAST_P


def test_no_lane_starts_at_zero():
    class Zeros:
        def generate_state(self, n, dtype):
            return np.zeros(n, dtype)

    assert lane_streams(Zeros(), 4).any(axis=0).all()


def test_normal_quantile_against_scipy():
    tails = 10.0 ** -np.arange(1, 300, 7)
    p = np.concatenate([np.linspace(1e-3, 1 - 1e-3, 2001), tails, 1 - tails[:2], [0.075, 0.925, 2.0**-53, 1 - 2.0**-53]])
    ours = np.array([normal_quantile(float(x)) for x in p])
    assert np.allclose(ours, ndtri(p), rtol=1e-14, atol=1e-15)


def test_streams_of_roles_and_blocks_differ_and_repeat():
    seeds = [Streams(1, block, 2).stream(role).tobytes() for role in ("picker", "kernel", "start", "lanes") for block in range(5)]
    assert len(set(seeds)) == 20
    assert Streams(1, 3, 2).stream("kernel").tobytes() == Streams(1, 3, 9).stream("kernel").tobytes()
    assert Streams(2, 3, 2).stream("kernel").tobytes() not in seeds
    lanes = Streams(1, 0, 64).lane_words()
    assert lanes.shape == (2, 64)
    assert len({tuple(c) for c in lanes.T.tolist()}) == 64


def test_entropy_of_every_kind_of_rng():
    assert entropy_of(7) == entropy_of(np.int64(7)) == entropy_of(np.random.SeedSequence(7)) == 7
    assert entropy_of(2**100) == 2**100
    assert entropy_of(None) != entropy_of(None)
    assert entropy_of([1, 2]) == entropy_of((1, 2)) != entropy_of([2, 1])
    parent = np.random.SeedSequence(7)
    children = [entropy_of(child) for child in parent.spawn(2)]
    assert len({*children, 7}) == 3
    assert entropy_of(np.random.SeedSequence(7, spawn_key=(0,))) == children[0]
    assert entropy_of(np.random.default_rng(3)) == entropy_of(np.random.default_rng(3)) == entropy_of(np.random.PCG64(3))
    generator = np.random.default_rng(3)
    assert entropy_of(generator) != entropy_of(generator)


@pytest.mark.parametrize(
    "rng",
    [True, "7", 1.5, -1, [-1], ["a"], object(), np.random.RandomState(1), {"a": 1}, b"x"],
    ids=lambda rng: type(rng).__name__,
)
def test_entropy_of_refuses(rng):
    with pytest.raises(StochinfError, match="rng = "):
        entropy_of(rng)


def test_below_returns_an_integer():
    assert isinstance(below(seeded(1), 5), int)
    assert isinstance(from_alias(seeded(1), *alias_table([1.0, 2.0])), (int, np.int64)) or JIT
