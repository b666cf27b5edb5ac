"""How long a search may go on: seconds or sweeps, and the session that is advanced within them."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine import cache
from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls, check_controls, drive
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, Session, build

__all__ = ["Budget", "session_of"]

SECONDS = 10.0
"""What a search takes where nobody says."""

CLOCK: Callable[[], float] = time.monotonic
"""Tells the time of all searches; benchmarks that share a machine count processor time in its place."""


def now() -> float:
    """Return what the clock says less the seconds that this process has spent compiling: they are taken from no search."""
    return CLOCK() - cache.statistics["seconds"]


class Budget:
    """The time a search has left, and what it runs on.

    Parameters
    ----------
    time : float or None
        Seconds, without those that compiling takes; with `sweeps` they only cut a run short.
    sweeps : int or None
        Amount of work, in units of the method; then the result depends on the seed alone.
    threads : int or None
        None takes every processor.

    Raises
    ------
    StochinfError
        If a number is not positive.
    """

    def __init__(self, time: float | None, sweeps: int | None = None, threads: int | None = None) -> None:
        if time is not None and (isinstance(time, (bool, str)) or not 0 < float(time) < math.inf):
            raise StochinfError(f"time = {time!r}: a positive number of seconds is needed")
        self.sweeps = None if sweeps is None else counted("sweeps", sweeps)
        self.controls = check_controls(Controls(threads=threads))
        limit = math.inf if time is None and sweeps is not None else SECONDS if time is None else float(time)
        self.began = now()
        self.end = self.began + limit
        self._interruptions: list[Session] = []

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C has ended the search, in this stage or another."""
        return bool(self._interruptions)

    @property
    def left(self) -> float:
        """Seconds left; 0 after Ctrl-C."""
        return 0.0 if self.interrupted else max(0.0, self.end - now())

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return now() - self.began

    def advance(self, session: Session, steps: int, whole: bool = False) -> float:
        """Advance a session by some steps, fewer where time is up and they are not to be done whole; return the seconds."""
        began, left = now(), math.inf if whole else self.left
        if left > 0:
            over = None if math.isinf(left) else self._over
            drive(session, session.total + steps, self.controls._replace(callback=over))
            if session.interrupted:
                self._interruptions.append(session)
        return now() - began

    def part(self, share: float) -> Budget:
        """Return the budget of a stage: a share of the time left, the same sweeps."""
        stage = copy.copy(self)
        stage.began = now()
        stage.end = stage.began + share * self.left
        return stage

    def _over(self, report: Any) -> bool:
        """Whether time is up, between two chunks."""
        return self.left <= 0


def session_of(
    kernel: Any, target: Any, entropy: int, chains: int = 1, *, observer: Any = None, every: int = 2**62, start: Any = None
) -> Session:
    """Return a session of a search at its start; `start` holds state indices (V,) or one row for each chain."""
    init: npt.NDArray[Any] | None = None if start is None else np.asarray(start)
    watching = Nothing() if observer is None else observer
    return build(Plan(kernel, target, None, None, watching, init, counted("chains", chains), 0, every, False, entropy), 0)
