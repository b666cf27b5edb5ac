"""Running message kernels to convergence."""

from __future__ import annotations

import time as clock
from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.block import Block, advance
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.pickers import Scan
from stochinf.engine.random import stream
from stochinf.engine.rates import Constant
from stochinf.graphs.variational.schedule import ByResidual

__all__ = ["Outcome", "check_passing", "converge", "run_sweeps"]

SCHEDULES = ("residual", "scan")
BETWEEN = 8
"""Sweeps between two looks at the clock; beliefs are then added up afresh."""


class Outcome(NamedTuple):
    """How a run ended."""

    converged: bool
    residual: float
    sweeps: int


def check_passing(damping: float | None, sweeps: int, tolerance: float, time: float | None, schedule: str = "scan") -> None:
    """Check what the user may set.

    Raises
    ------
    StochinfError
        Naming the argument, its value and what is needed.
    """
    if damping is not None and not 0 <= damping < 1:
        raise StochinfError(f"damping = {damping!r}: a number from 0 to below 1 is needed, or None to choose")
    if not sweeps >= 1:
        raise StochinfError(f"sweeps = {sweeps!r}: at least 1 is needed")
    if not tolerance > 0:
        raise StochinfError(f"tolerance = {tolerance!r}: a positive number is needed")
    if time is not None and not time > 0:
        raise StochinfError(f"time = {time!r}: a positive number of seconds is needed")
    if schedule not in SCHEDULES:
        raise StochinfError(f"schedule = {schedule!r}: one of {', '.join(map(repr, SCHEDULES))} is needed")


def run_sweeps(kernel: Any, target: Any, state: Any, sweeps: int, points: int = 0) -> None:
    """Update every point `sweeps` times, in order; by residual, as many factors."""
    n = points or target.n_points
    rng = stream(np.random.SeedSequence(0))
    advance(Block(kernel, target, Scan(n), Constant(), Nothing(), state, rng.copy(), rng, 1), sweeps * n)


def converge(
    kernel: Any, target: Any, state: Any, refresh: Any, sweeps: int, tolerance: float, end: float, schedule: str
) -> Outcome:
    """Run until the changes are within the tolerance, sweeps are done or the clock reads `end`."""
    if not target.n_points:
        return Outcome(True, 0.0, 0)
    by_residual = schedule == "residual"
    mover = ByResidual(kernel, tolerance) if by_residual else kernel
    done, worst = 0, np.inf
    while done < sweeps and worst > tolerance and clock.monotonic() < end:
        refresh(target, state)
        step = min(BETWEEN, sweeps - done) if done else 1
        run_sweeps(mover, target, state, step)
        done += step
        worst = float(state.priority[state.heap[0]] if by_residual else state.residual.max())
    return Outcome(worst <= tolerance, min(worst, 1.0), done)
