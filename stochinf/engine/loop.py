"""The loop: pick a point, update the model, iterate. It exists once and knows no algorithm.

The picker and the schedule have written the points and the rates onto tapes; the kernel changes the state in place; the
observer looks after every `every` steps. Tapes make a run replayable and cost nothing measurable: a picker is compiled once
instead of once for every kernel. A kernel without a sweep of its own is asked for one step at a time, which the compiler makes
one flat loop of; loops within loops cost a Metropolis step on a coin a tenth more.
"""

from __future__ import annotations

from typing import Any

from stochinf.engine.jit import entry
from stochinf.engine.known import has_own_sweep
from stochinf.engine.vectors import prefer_wide_vectors

__all__ = ["evaluate", "fill_points", "fill_rates", "iterate"]


@entry
def iterate(
    kernel: Any, target: Any, state: Any, observer: Any, points: Any, rates: Any, rng: Any, first: int, every: int
) -> None:
    """Run the kernel over a tape; the observer looks after step `first` and every `every` steps from there."""
    prefer_wide_vectors(kernel)
    steps = points.shape[0]
    start = 0
    pause = first
    while start < steps:
        stop = min(pause, steps) if has_own_sweep(kernel) else start + 1
        kernel.sweep(target, state, points, rates, start, stop, rng)
        if stop == pause:
            observer.observe(target, state)
            pause += every
        start = stop


@entry
def fill_points(picker: Any, points: Any, start: int, rng: Any) -> None:
    """Write the points of the steps from `start` onto the tape."""
    picker.fill(points, start, rng)


@entry
def fill_rates(schedule: Any, rates: Any, start: int) -> None:
    """Write the rates of the steps from `start` onto the tape."""
    for step in range(rates.shape[0]):
        rates[step] = schedule.at(start + step)


@entry
def evaluate(target: Any, position: Any) -> float:
    """Return the log density of one position."""
    return float(target.log_density(position))
