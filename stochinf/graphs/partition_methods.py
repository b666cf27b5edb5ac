"""The methods of finding the partition function by name: each takes a `Question` and returns `LogPartition`."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from stochinf.engine.errors import MemoryLimitError
from stochinf.graphs.answers import LogPartition
from stochinf.graphs.automatic import CELLS_PER_SECOND, PATIENCE
from stochinf.graphs.conditioning import Conditioned, narrowed
from stochinf.graphs.feasible import check_solvable
from stochinf.graphs.methods import DECIDED, LADDERS
from stochinf.graphs.methods import METHODS as MARGINALS
from stochinf.graphs.question import Question

__all__ = ["METHODS", "auto", "exact"]


def exact(question: Question, limit: float = math.inf) -> LogPartition:
    """Answer by elimination; see `stochinf.graphs.exact`."""
    from stochinf.graphs.exact.answers import exact_log_partition
    from stochinf.graphs.exact.elimination import MOST_CELLS, plan_elimination

    began = clock.perf_counter()
    left = narrowed(question.graph, question.clamped)
    if not left.free.size:
        return estimated(question, left, 0.0, 0.0, "exact", DECIDED, began)
    plan = plan_elimination(left.graph, min(limit, MOST_CELLS))
    value = exact_log_partition(left.graph, question.memory, plan)
    reason = f"variables eliminated: width {plan.width}, {plan.cells:,.0f} table cells"
    return estimated(question, left, value, 0.0, "exact", reason, began, facts={"width": plan.width, "cells": plan.cells})


def auto(question: Question) -> LogPartition:
    """Eliminate where the tables fit into memory and time, else anneal; where that warns, temper too."""
    seconds = PATIENCE if question.sampling.time is None else 0.7 * question.sampling.time
    try:
        return exact(question, seconds * CELLS_PER_SECOND)
    except MemoryLimitError as error:
        answer = sampled(question)
        return replace(answer, reason=f"elimination does not fit ({error}); {answer.reason}")


def sampled(question: Question) -> LogPartition:
    """Anneal; where that warns, temper too, and answer by the one of smaller error. Each has half of the time.

    Where the two differ by more than their errors, their distance is part of the error.
    """
    limit, began = question.sampling.time, clock.perf_counter()
    first = annealed(question if limit is None else _within(question, 0.5 * limit))
    if not first.warnings or not math.isfinite(first.facts["reverse"]):  # all is well, or somebody ended it
        return first
    left = None if limit is None else max(0.1, limit - (clock.perf_counter() - began))
    other = tempered(question if left is None else _within(question, left))
    if not math.isfinite(other.mcse):
        return first
    best, second = (other, first) if other.mcse < first.mcse else (first, other)
    apart = abs(other.value - first.value)
    doubt = apart if apart > 2.0 * math.hypot(first.mcse, other.mcse) else 0.0
    told = f"{second.method} gives {second.value:.4f} +- {second.mcse:.2g}: {second.reason}"
    return replace(best, mcse=max(best.mcse, doubt), reason=f"{best.reason}; {told}", seconds=first.seconds + other.seconds)


def _within(question: Question, seconds: float) -> Question:
    return question._replace(sampling=question.sampling.within(seconds))


def annealed(question: Question) -> LogPartition:
    """Answer by annealed importance sampling; see `stochinf.graphs.annealed`."""
    from stochinf.graphs.annealed.importance import annealed_importance

    began = clock.perf_counter()
    check_solvable(question.graph, question.clamped)
    left = narrowed(question.graph, question.clamped)
    if not left.free.size:
        return estimated(question, left, 0.0, 0.0, "ais", DECIDED, began)
    sampling = question.sampling
    result = annealed_importance(left.graph, time=sampling.time, rng=sampling.entropy, controls=sampling.controls)
    return estimated(
        question, left, result.log_partition, result.standard_error, "ais", result.reason, began,
        facts={"ess": result.ess, "reverse": result.reverse}, warnings=result.warnings,
    )  # fmt: skip


def tempered(question: Question) -> LogPartition:
    """Answer by bridge sampling between the rungs of parallel tempering; see `stochinf.graphs.tempering`."""
    from stochinf.graphs.tempering.tempered import tempered_marginals

    began = clock.perf_counter()
    left = narrowed(question.graph, question.clamped)
    if not left.free.size:
        return estimated(question, left, 0.0, 0.0, "tempering", DECIDED, began)
    free = np.full(left.graph.n_variables, -1, np.int32)
    result = tempered_marginals(left.graph, free, question.sampling.with_chains(LADDERS))
    rungs, trips = result.facts["ladder"].size, result.facts["round_trips"]
    reason = f"{result.chains} ladders of {rungs} temperatures, {result.sweeps:,} sweeps, {trips:,} round trips"
    return estimated(
        question, left, result.log_partition, result.log_partition_mcse, "tempering", reason, began, facts=result.facts,
        warnings=result.warnings,
    )  # fmt: skip


def estimated(
    question: Question, left: Conditioned, value: float, error: float, method: str, reason: str, began: float, **fields: Any
) -> LogPartition:
    """Return an answer for the whole graph from that for the free variables."""
    known = error == 0.0
    total = left.constant + value
    return LogPartition(
        value=total,
        mcse=error,
        exact=known,
        method=method,
        reason=reason,
        bounds=fields.pop("bounds", (total, total) if known else (-math.inf, math.inf)),
        seconds=clock.perf_counter() - began,
        rng_entropy=question.sampling.entropy,
        **fields,
    )


def variational(name: str) -> Callable[[Question], LogPartition]:
    """Return an approximation or a bound by a method of `stochinf.graphs.methods`."""

    def answer(question: Question) -> LogPartition:
        result = MARGINALS[name](question)
        value = result.log_partition
        bounds = {"trw": (-math.inf, value), "mean-field": (value, math.inf)}.get(name, (-math.inf, math.inf))
        return LogPartition(
            value=value, mcse=result.log_partition_mcse, exact=result.exact, method=name, reason=result.reason,
            bounds=(value, value) if result.exact else bounds, facts=result.facts, warnings=result.warnings,
            seconds=result.seconds["sampling"], rng_entropy=result.rng_entropy,
        )  # fmt: skip

    return answer


METHODS: dict[str, Callable[[Question], LogPartition]] = {
    "auto": auto,
    "exact": exact,
    "ais": annealed,
    "tempering": tempered,
    **{name: variational(name) for name in ("bp", "trw", "mean-field")},
}
