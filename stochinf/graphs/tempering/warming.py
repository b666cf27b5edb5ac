"""Warm-up of parallel tempering: rounds of sampling, after each of which Python moves the rungs."""

from __future__ import annotations

import itertools
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
from stochinf.graphs.tempering.weighing import weigh_lanes

__all__ = ["Warming", "rounds"]

FEWEST_RUNGS = 8
FLAT = np.linspace(0.0, 1.0, FEWEST_RUNGS)

LEAST = 400
"""Sweeps that a ladder needs to find itself, even where less warm-up is asked for."""

FIRST_ROUND = 16
"""Sweeps of the first round of adaptation; each round is twice as long as the one before."""

ENOUGH_REFUSED = 0.6
"""Mean refusal rate above which the number of rungs is doubled."""

LOOKS = 32
"""Times in the second half of warm-up that log weights are looked at to guess the ratios of partition functions."""

ENOUGH, ADAPTING, SETTLED = 0.05, 0.3, 0.5
"""Shares of a time limit: rounds go on until the first is over, none begins after the second, warm-up ends after the third."""

OPEN_END = 2**40
"""Sweeps of a warm-up whose end the clock decides."""


def rounds(sweeps: int) -> Iterator[int]:
    """Return the lengths of the rounds of adaptation, each twice the one before, half of warm-up together.

    Examples
    --------
    >>> from stochinf.graphs.tempering.warming import rounds
    >>> list(rounds(400))
    [16, 32, 64, 88]
    """
    left, length = sweeps // 2, FIRST_ROUND
    while left > 0:
        chosen = left if left < length + FIRST_ROUND else length
        yield chosen
        left -= chosen
        length *= 2


@dataclass
class Warming:
    """The warm-up of one run.

    The ladder begins with 8 rungs. After 16, 32, 64 ... sweeps the rungs are moved so that all swaps are refused equally often;
    while more than 0.6 are refused and less than half of warm-up is over, their number is doubled, up to 64, and sampling
    begins afresh. The last half of warm-up, which has 400 sweeps at least, settles on the last ladder. All of this happens at
    fixed numbers of sweeps; but where only a time limit ends the run, rounds go on for a twentieth of it, and settling takes as
    long again. Warm-up never takes more than half of a time limit.

    Attributes
    ----------
    target : SpinGraph or TableGraph
    sampling : Sampling
    starts : int32 (ladders, V) or None
        Where the lanes of each ladder start; None for uniform states.
    session : Session
        The present one.
    done : int
        Sweeps of warm-up, those of sessions given up for more rungs included.
    ready : bool
        Whether warm-up came to its end.
    """

    target: Any
    sampling: Sampling
    starts: Int32s | None = None
    done: int = 0
    ready: bool = False
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.began = clock.monotonic()
        self.clocked = self.sampling.time is not None and not self.sampling.sweeps
        self.planned = OPEN_END if self.clocked else max(self.sampling.warmup, LEAST)
        self.session = self.built(FLAT, self.planned)

    def run(self) -> None:
        """Do the whole of it."""
        self.scale = self.spread_at_zero()
        self.session = self.built(first_ladder(FEWEST_RUNGS, self.scale), self.planned)
        for length in itertools.takewhile(self.goes_on, rounds(self.planned)):
            if not self.advance(length):
                return
            self.adapt()
        self.settle(self.done if self.clocked else self.planned - self.done)

    def goes_on(self, length: int) -> bool:
        """Whether another round begins."""
        over = self.clocked and self.done >= LEAST // 2 and self.spent() > ENOUGH
        return not over and self.spent() <= ADAPTING

    def built(self, ladder: Floats, sweeps: int, starts: bool = True) -> Session:
        """Return a fresh session on a ladder."""
        points, rungs, sampling = max(1, self.target.n_points), ladder.size, self.sampling
        rows = np.repeat(self.starts, rungs, axis=0) if starts and self.starts is not None else None
        chains, warmup = sampling.chains * rungs, sweeps * points
        kernel, observer = Tempering(ladder), ColdSums()
        return build(Plan(kernel, self.target, None, None, observer, rows, chains, warmup, points, False, sampling.entropy), 0)

    def spread_at_zero(self) -> float:
        """Return the standard deviation of the log weight of uniform states."""
        session = self.built(FLAT, 0, starts=False)
        for block in session.blocks:
            weigh_lanes(session.kernel.move, block.target, block.state)
        return max(float(scores_by_rung(session.blocks).std()), 1e-3)

    def left(self) -> float:
        """Return how many seconds are left."""
        limit = self.sampling.time
        return np.inf if limit is None else limit - (clock.monotonic() - self.began)

    def spent(self) -> float:
        """Return the share of the time limit that is over; 0 without a limit."""
        limit = self.sampling.time
        return 0.0 if limit is None else 1.0 - self.left() / limit

    def advance(self, sweeps: int) -> bool:
        """Sample for so many sweeps; whether it came to that."""
        left = self.left()
        if left <= 0:
            self.session.reason = f"{self.sampling.time} seconds"
            return False
        controls = self.sampling.controls._replace(stop=None if left == np.inf else stop.seconds(left))
        steps = self.session.total + sweeps * self.target.n_points
        if sweeps:
            drive(self.session, steps, controls)
            self.done += sweeps
        return not sweeps or (self.session.total == steps and self.session.reason.endswith("steps done"))

    def adapt(self) -> None:
        """Move the rungs, or begin afresh with twice as many."""
        ladder, refused = self.session.blocks[0].state.ladder, refusals(self.session.blocks)
        if refused.mean() > ENOUGH_REFUSED and ladder.size < LANES:
            finer = equalised(ladder, refused, 2 * ladder.size, self.scale)
            seconds = self.session.seconds
            self.session = self.built(finer, self.planned - self.done)
            self.session.seconds = seconds
            return
        longest = MOST_REFUSED * refused.size if refused.mean() > MOST_REFUSED else np.inf
        moved = equalised(ladder, refused, ladder.size, self.scale, longest)
        for block in self.session.blocks:
            forget(block.state)
            set_ladder(block.state, moved, block.state.centre)

    def settle(self, sweeps: int) -> None:
        """Do the second half of warm-up, and guess the ratios of partition functions from what is seen on the way."""
        session, points = self.session, self.target.n_points
        start, seen = session.total // points, []
        for look in range(1, LOOKS + 1):
            if not self.advance(start + sweeps * look // LOOKS - session.total // points):
                return
            seen.append(scores_by_rung(session.blocks))
            if self.spent() > SETTLED:
                break
        guess = ratios(session.blocks[0].state.ladder, np.concatenate(seen))
        for block in session.blocks:
            forget(block.state)
            block.state.centre[:] = guess
        self.end_here()
        self.ready = True

    def end_here(self) -> None:
        """Let warm-up end at the present step."""
        self.session.plan = replace(self.session.plan, warmup=self.session.total)
        for block in self.session.blocks:
            block.observe_from = block.step
