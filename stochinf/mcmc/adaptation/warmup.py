"""Warm-up of the samplers that follow a gradient: what happens after every draw, and what numpy does between chunks.

After every draw compiled code moves the step size and, where the metric is diagonal, its scale. A metric with directions is
worked out in numpy at steps fixed by the length of warm-up and the dimension alone. The first 30 % of warm-up forgets quickly
(windows of 10 draws), the windows then grow (80 draws, then half as many again), and in the last 15 % only the step size adapts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.mcmc.adaptation.diagonal import collect, switch, update_scale
from stochinf.mcmc.adaptation.low_rank import centred, directions
from stochinf.mcmc.adaptation.metric import Metric
from stochinf.mcmc.adaptation.step_size import AIM, AVERAGED, FIRST_STEP, JITTER, LOG_STEP, SEARCH, advance
from stochinf.mcmc.doubling import ACCEPTED, STEPS, SYMMETRIC

__all__ = ["adapt", "begin_sampling", "begin_warmup", "next_review", "notes", "review"]

DONE, RANK, DIVERGENCES, TOTAL, EARLY_END, METRIC_END, FOREGROUND, BACKGROUND, WINDOW, DIAGONAL = range(10)
STORED, SINCE, SPLIT, STARTED, LEARNS = range(10, 15)
"""Places in `state.counts`. `DONE` counts the draws of warm-up and is -1 when there is none; `STORED` the draws put into the
history, of which those from `SINCE` are in the foreground, those from `SPLIT` in the background."""

NEVER = 2**62
EARLY, LATE = 0.3, 0.15
FIRST_WINDOW, LARGER_WINDOW, GROWTH = 10, 80, 1.5
STEP_JITTER = 0.1
SEEN = 3
"""Draws that a metric is made from at the least."""

FIRST_REVIEW, LATE_REVIEWS = 10, 3
"""Step at which a metric with directions is first looked at, then at every doubling; looks after the first 30 % of warm-up."""


SMALL = 16
"""Dimensions of matrices for which BLAS uses one thread of itself."""


@helper()
def remember(state: Any) -> None:
    """Put a draw and its gradient into the history."""
    length = state.history.shape[1]
    if length == 0:
        return
    place = state.counts[STORED] % length
    for i in range(state.position.size):
        state.history[0, place, i] = state.position[i]
        state.history[1, place, i] = state.gradient[i]
    state.counts[STORED] += 1


@helper()
def turn_window(counts: Any, moments: Any, early: bool) -> bool:
    """Let the background take over where it is full and there is time for another; return whether there is none."""
    size = FIRST_WINDOW if early else counts[WINDOW]
    following = FIRST_WINDOW if early else int(GROWTH * size + 0.5)
    last: bool = following + counts[DONE] > counts[METRIC_END]
    if counts[BACKGROUND] >= size and not last:
        switch(moments)
        counts[FOREGROUND] = counts[BACKGROUND]
        counts[BACKGROUND] = 0
        counts[SINCE] = counts[SPLIT]
        counts[SPLIT] = counts[STORED]
        if not early:
            counts[WINDOW] = following
    return last


@helper()
def learn_metric(state: Any, good: bool) -> bool:
    """Learn from a draw; return whether the windows have come to their end."""
    counts = state.counts
    early = counts[DONE] < counts[EARLY_END]
    if counts[DONE] == counts[EARLY_END]:
        counts[WINDOW] = max(counts[WINDOW], counts[BACKGROUND])
    if good:
        counts[FOREGROUND] += 1
        counts[BACKGROUND] += 1
        collect(state.moments, counts[FOREGROUND], counts[BACKGROUND], state.position, state.gradient)
        remember(state)
    last = turn_window(counts, state.moments, early)
    if counts[DIAGONAL] == 1 and counts[FOREGROUND] >= SEEN:
        update_scale(state.moments, state.scale)
        if counts[STARTED] == 0:
            counts[STARTED] = 1
            state.tuning[SEARCH] = 2.0
    return last


@helper()
def adapt(state: Any, good: bool) -> None:
    """Learn from the draw just made, during warm-up; `good` says whether the metric may learn from it."""
    counts = state.counts
    if counts[DONE] < 0:
        return
    last = counts[DONE] >= counts[METRIC_END]
    searching = state.tuning[SEARCH]
    if not last and counts[LEARNS] == 1:
        last = learn_metric(state, good)
    adapts = not math.isnan(state.tuning[AIM])
    if not adapts:
        state.tuning[SEARCH] = 0.0
    elif state.tuning[SEARCH] == searching:
        steps = max(1.0, state.figures[STEPS])
        advance(state.tuning, (state.figures[SYMMETRIC] if last else state.figures[ACCEPTED]) / steps)
    counts[DONE] += 1


def begin_warmup(kernel: Any, state: Any, warmup: int) -> None:
    """Lay out the windows of a warm-up of so many steps.

    Raises
    ------
    StochinfError
        If the step size was left open and there is no warm-up to find it in.
    """
    counts, aim = state.counts, kernel.target_acceptance
    if warmup == 0 and not math.isnan(aim):
        raise StochinfError(f"{type(kernel).__name__}: warmup = 0, and step_size was left open; give one of the two")
    counts[[DONE, TOTAL, EARLY_END]] = 0, warmup, int(EARLY * warmup)
    counts[METRIC_END] = warmup - int(LATE * warmup)
    counts[WINDOW], counts[DIAGONAL], counts[LEARNS] = LARGER_WINDOW, 1, kernel.metric.adapts
    state.tuning[AIM] = aim
    state.tuning[LOG_STEP] = 0.0 if math.isnan(aim) else math.log(FIRST_STEP)
    state.tuning[SEARCH], state.tuning[JITTER] = (0.0, 0.0) if math.isnan(aim) else (2.0, STEP_JITTER)


def begin_sampling(state: Any) -> None:
    """Keep step size and metric from here on."""
    if state.counts[DONE] > 0 and not math.isnan(state.tuning[AIM]):
        state.tuning[LOG_STEP] = state.tuning[AVERAGED]
    state.tuning[SEARCH] = 0.0
    state.counts[DONE] = -1


def next_review(metric: Metric, step: int, warmup: int) -> int:
    """Return the next step after `step` at which the metric's directions are looked at.

    Examples
    --------
    >>> from stochinf.mcmc.adaptation.metric import Metric
    >>> [next_review(Metric(2), step, 400) for step in (0, 115, 120, 339)]
    [10, 120, 193, 340]
    """
    if not (metric.rank and metric.adapts):
        return NEVER
    early_end, end = int(EARLY * warmup), warmup - int(LATE * warmup)
    steps = [FIRST_REVIEW << k for k in range(early_end.bit_length()) if FIRST_REVIEW << k < 0.8 * early_end]
    steps += [early_end + k * (end - early_end) // LATE_REVIEWS for k in range(LATE_REVIEWS + 1)]
    return min((s for s in steps if s > step), default=NEVER)


def review(metric: Metric, state: Any) -> None:
    """Work the metric out anew from the draws in the foreground."""
    counts, length = state.counts, state.history.shape[1]
    since = max(counts[SINCE], counts[STORED] - length)
    if counts[STORED] - since < SEEN:
        return
    places = np.arange(since, counts[STORED]) % length
    draws, gradients = state.history[:, places]
    x, g, scale = centred(draws, gradients, state.scale)
    try:
        rows, variances = directions(x, g, state.stretch.size, metric.cutoff)
    except np.linalg.LinAlgError:
        return
    if not (np.isfinite(rows).all() and np.isfinite(variances).all() and (variances > 0).all()):
        return
    rank = variances.size
    if (rank > 0) != (counts[RANK] > 0) and not math.isnan(state.tuning[AIM]):
        state.tuning[SEARCH] = 2.0
    counts[RANK], counts[DIAGONAL], counts[STARTED] = rank, int(rank == 0), 1
    state.scale[:] = scale
    state.directions[:rank], state.stretch[:rank] = rows, np.sqrt(variances) - 1.0


def notes(states: list[Any]) -> tuple[str, ...]:
    """Say what the chains have learnt: the directions of their metrics and their step sizes.

    Parameters
    ----------
    states : list of HamiltonianState
        One for each chain.
    """
    ranks = [int(state.counts[RANK]) for state in states]
    few, many = min(ranks), max(ranks)
    number = f"{many}" if few == many else f"{few} to {many}"
    metric = f"diagonal and {number} direction{'s' if many > 1 else ''} in {states[0].position.size} dimensions"
    steps = [math.exp(state.tuning[LOG_STEP]) for state in states]
    if any(math.isnan(state.tuning[AIM]) for state in states):
        return (f"metric: {metric if many else 'diagonal'}",)
    return (f"metric: {metric if many else 'diagonal'}; leapfrog steps of {min(steps):.3g} to {max(steps):.3g} were found",)
