"""Warm-up of parallel tempering: rounds of sampling, after each of which Python moves the rungs."""

from __future__ import annotations

import time as clock
from typing import Any

import numpy as np

from stochinf.engine import stop
from stochinf.engine.driver import drive
from stochinf.engine.session import LANES, Plan, Session, build
from stochinf.graphs.flat import Floats, Int32s
from stochinf.graphs.question import Sampling
from stochinf.graphs.tempering.cold_sums import ColdSums
from stochinf.graphs.tempering.kernel import Tempering
from stochinf.graphs.tempering.ladder import MOST_REFUSED, equalised, first_ladder, ratios, refusals, scores_by_rung
from stochinf.graphs.tempering.state import forget, set_ladder

__all__ = ["rounds", "warmed"]

FEWEST_RUNGS = 8

FLAT = np.linspace(0.0, 1.0, FEWEST_RUNGS)

FIRST_ROUND = 16
"""Sweeps of the first round of adaptation; each round is twice as long as the one before."""

ENOUGH_REFUSED = 0.6
"""Mean refusal rate above which the number of rungs is doubled."""

LOOKS = 32
"""Times in the last round that log weights are looked at to guess the ratios of partition functions."""


def warmed(target: Any, sampling: Sampling, starts: Int32s | None = None) -> Session:
    """Return a session at the end of warm-up, or where the time was up or Ctrl-C ended it.

    Lanes start uniformly, or each ladder from one row of `starts`, (ladders, V).

    The ladder begins with 8 rungs. After 16, 32, 64 ... sweeps the rungs are moved so that all swaps are refused equally often;
    while more than 0.6 are refused and less than half of warm-up is over, their number is doubled, up to 64, and sampling
    begins afresh. The last half of warm-up settles on the last ladder.
    """
    before, points = sampling.warmup, target.n_points
    if not points:
        return _built(target, sampling, FLAT, before, None)
    scale = _spread_at_zero(target, sampling)
    session = _built(target, sampling, first_ladder(FEWEST_RUNGS, scale), before, starts)
    began, done, base = clock.monotonic(), 0, 0
    for length in rounds(before):
        if not _driven(session, (done - base + length) * points, sampling, began):
            return session
        done += length
        ladder, refused = session.blocks[0].state.ladder, refusals(session.blocks)
        if refused.mean() > ENOUGH_REFUSED and ladder.size < LANES:
            finer = equalised(ladder, refused, 2 * ladder.size, scale)
            session, base = _built(target, sampling, finer, before - done, starts), done
        else:
            longest = MOST_REFUSED * refused.size if refused.mean() > MOST_REFUSED else np.inf
            _set(session, equalised(ladder, refused, ladder.size, scale, longest))
    _settle(session, sampling, began)
    return session


def rounds(sweeps: int) -> list[int]:
    """Return the lengths of the rounds of adaptation, each twice the one before, half of warm-up together.

    Examples
    --------
    >>> from stochinf.graphs.tempering.warming import rounds
    >>> rounds(400)
    [16, 32, 64, 88]
    """
    left, lengths, length = sweeps // 2, [], FIRST_ROUND
    while left > 0:
        lengths.append(left if left < length + FIRST_ROUND else length)
        left -= lengths[-1]
        length *= 2
    return lengths


def _built(target: Any, sampling: Sampling, ladder: Floats, sweeps: int, starts: Int32s | None) -> Session:
    points, rungs = max(1, target.n_points), ladder.size
    rows = None if starts is None else np.repeat(starts, rungs, axis=0)
    return build(
        Plan(
            Tempering(ladder), target, None, None, ColdSums(), rows, sampling.chains * rungs, sweeps * points, points, False,
            sampling.entropy,
        ),
        0,
    )  # fmt: skip


def _driven(session: Session, steps: int, sampling: Sampling, began: float) -> bool:
    """Advance to a number of steps; whether it got there."""
    controls = sampling.controls._replace(stop=None)
    if sampling.time is not None:
        left = sampling.time - (clock.monotonic() - began)
        if left <= 0:
            session.reason = f"{sampling.time} seconds"
            return False
        controls = controls._replace(stop=stop.seconds(left))
    if session.total < steps:
        drive(session, steps, controls)
    return session.total >= steps and not session.interrupted


def _spread_at_zero(target: Any, sampling: Sampling) -> float:
    """Return the standard deviation of the log weight at beta = 0, from uniform states."""
    session = _built(target, sampling._replace(chains=LANES // FEWEST_RUNGS), FLAT, 0, None)
    for block in session.blocks:
        session.kernel.move.weigh(block.target, block.state)
    return max(float(scores_by_rung(session.blocks).std()), 1e-3)


def _set(session: Session, ladder: Floats) -> None:
    for block in session.blocks:
        forget(block.state)
        set_ladder(block.state, ladder, block.state.centre)


def _settle(session: Session, sampling: Sampling, began: float) -> None:
    """Do what is left of warm-up, and guess the ratios of partition functions from what is seen on the way."""
    end, start = session.plan.warmup, session.total
    points = session.plan.target.n_points
    sweeps = (end - start) // points
    seen = []
    for look in range(1, LOOKS + 1):
        if not _driven(session, start + sweeps * look // LOOKS * points, sampling, began):
            return
        seen.append(scores_by_rung(session.blocks))
    guess = ratios(session.blocks[0].state.ladder, np.concatenate(seen))
    for block in session.blocks:
        block.state.centre[:] = guess
