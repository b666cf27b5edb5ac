"""Metropolis on the coin: the engine against a compiled loop written by hand for this one posterior.

Both draw the same numbers, in the same order, and must end at the same bits; the price of the engine is what its generality
costs. Run: python benchmarks/coin.py. One process, turn by turn, CPU time, the best of several.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from measure import best, line

import stochinf as si
from stochinf.engine.block import advance
from stochinf.engine.normal import (
    CENTRE_DENOMINATOR,
    CENTRE_NUMERATOR,
    FAR_DENOMINATOR,
    FAR_NUMERATOR,
    TAIL_DENOMINATOR,
    TAIL_NUMERATOR,
)
from stochinf.engine.session import Plan, Session, build

STEPS = 1_000_000
SCALE = 0.5


@numba.njit(error_model="numpy")
def horner(coefficients, x):  # type: ignore[no-untyped-def]
    value = coefficients[0]
    for c in coefficients[1:]:
        value = value * x + c
    return value


@numba.njit(error_model="numpy")
def quantile(p):  # type: ignore[no-untyped-def]
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * horner(CENTRE_NUMERATOR, r) / horner(CENTRE_DENOMINATOR, r)
    r = math.sqrt(-math.log(p if q < 0.0 else 1.0 - p))
    if r <= 5.0:
        z = horner(TAIL_NUMERATOR, r - 1.6) / horner(TAIL_DENOMINATOR, r - 1.6)
    else:
        z = horner(FAR_NUMERATOR, r - 5.0) / horner(FAR_DENOMINATOR, r - 5.0)
    return -z if q < 0.0 else z


@numba.njit(error_model="numpy")
def by_hand(alpha, beta, normaliser, position, scale, steps, draws, rng):  # type: ignore[no-untyped-def]
    """Random-walk Metropolis on the logit of the coin, keeping position and log density of every step."""
    s0, s1, s2, s3 = rng[0], rng[1], rng[2], rng[3]
    x = position[0]
    lp = position[1]
    for step in range(steps):
        word = s0 + s1 + s3
        s3 += np.uint64(1)
        s0 = s1 ^ (s1 >> np.uint64(11))
        s1 = s2 + (s2 << np.uint64(3))
        s2 = ((s2 << np.uint64(24)) | (s2 >> np.uint64(40))) + word
        y = x + scale * quantile((np.float64(word >> np.uint64(12)) + 0.5) * 2.220446049250313e-16)
        proposed = alpha * y - (alpha + beta) * (max(y, 0.0) + math.log1p(math.exp(-abs(y)))) + normaliser
        difference = proposed - lp
        word = s0 + s1 + s3
        s3 += np.uint64(1)
        s0 = s1 ^ (s1 >> np.uint64(11))
        s1 = s2 + (s2 << np.uint64(3))
        s2 = ((s2 << np.uint64(24)) | (s2 >> np.uint64(40))) + word
        chance = 1.0 if difference >= 0.0 else math.exp(difference)
        if (np.float64(word >> np.uint64(12)) + 0.5) * 2.220446049250313e-16 < chance:
            x, lp = y, proposed
        draws[step, 0], draws[step, 1], draws[step, 2], draws[step, 3] = x, lp, chance, scale
    position[0], position[1] = x, lp
    rng[0], rng[1], rng[2], rng[3] = s0, s1, s2, s3


def session(observer: Any, capacity: int) -> Session:
    """Return a run at step 0, at the logit 0."""
    plan = Plan(si.mcmc.Metropolis(SCALE), si.models.CoinBias(62, 38), None, None, observer, np.zeros((1, 1)), 1, 0, 1, False, 1)
    return build(plan, capacity)


def main() -> None:
    """Check that both draw the same, then print the figure."""
    coin = si.models.CoinBias(62, 38)
    run = si.run(si.mcmc.Metropolis(SCALE), coin, steps=STEPS, init=[0.0], rng=1)
    start = session(si.observers.Nothing(), 0).blocks[0]
    rng, position = start.kernel_rng.copy(), np.array([0.0, coin.log_density(np.zeros(1))])
    draws = np.empty((STEPS, 4))
    numbers = (coin.heads + 1.0, coin.tails + 1.0, coin.log_normaliser)
    by_hand(*numbers, position, SCALE, STEPS, draws, rng)
    if not np.array_equal(run.position[0], position[:1]):
        raise SystemExit(f"the hand-written loop ends at {position[0]!r}, the engine at {run.position[0, 0]!r}")
    keeping = session(si.observers.Draws(), STEPS)
    block = keeping.blocks[0]

    def engine() -> None:
        block.step, block.observer.seen[0] = 0, 0
        advance(block, STEPS)

    took = best({"engine": engine, "hand": lambda: by_hand(*numbers, position, SCALE, STEPS, draws, rng)})
    ours, theirs = took["engine"] / STEPS * 1e9, took["hand"] / STEPS * 1e9
    line(
        f"coin, Metropolis, every draw kept: engine {ours:.1f} ns a step / hand-written {theirs:.1f} ns",
        ours / theirs,
        "<= 1.10, or 5 ns more",
    )


if __name__ == "__main__":
    main()
