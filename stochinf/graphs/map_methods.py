"""The methods of finding the most probable state by name: each takes a `Question` and returns `MapState`."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from stochinf.engine.errors import MemoryLimitError
from stochinf.graphs.answers import HEURISTIC, OPTIMAL, MapState
from stochinf.graphs.automatic import most_cells
from stochinf.graphs.conditioning import Conditioned, narrowed
from stochinf.graphs.feasible import check_solvable
from stochinf.graphs.question import Question

__all__ = ["METHODS", "auto", "exact", "search"]

SECONDS = 10.0
"""What a search takes where nobody says."""

CLOSE = 1e-9
"""Relative difference of score and bound below which they count as equal."""


def exact(question: Question, limit: float = math.inf) -> MapState:
    """Answer by elimination with maxima in place of sums; see `stochinf.graphs.exact`."""
    from stochinf.graphs.exact.answers import exact_map
    from stochinf.graphs.exact.elimination import MOST_CELLS, plan_elimination

    began = clock.perf_counter()
    left = narrowed(question.graph, question.clamped)
    if not left.free.size:
        return found(
            question,
            left,
            np.empty(0, np.int32),
            0.0,
            0.0,
            "exact",
            "evidence and zeros leave one state to every variable",
            began,
        )
    plan = plan_elimination(left.graph, min(limit, MOST_CELLS))
    states, score = exact_map(left.graph, question.memory, plan)
    reason = f"variables eliminated: width {plan.width}, {plan.cells:,.0f} table cells"
    return found(question, left, states, score, score, "exact", reason, began, facts={"width": plan.width, "cells": plan.cells})


def search(question: Question) -> MapState:
    """Answer by the local search that suits the graph; see `stochinf.graphs.search`."""
    return searched(question, "portfolio", "search")


def searched(question: Question, name: str, method: str) -> MapState:
    """Answer by one of the searches of `stochinf.graphs.search`."""
    from stochinf.graphs import search as searches

    began = clock.perf_counter()
    check_solvable(question.graph, question.clamped)
    left = narrowed(question.graph, question.clamped)
    seconds = SECONDS if question.sampling.time is None else question.sampling.time
    result = getattr(searches, name)(
        left.graph, time=seconds, threads=question.sampling.controls.threads, rng=question.sampling.entropy
    )
    return found(
        question,
        left,
        result.states,
        result.log_score,
        result.bound,
        method,
        result.reason,
        began,
        interrupted=result.interrupted,
    )


def auto(question: Question) -> MapState:
    """Eliminate where the tables fit, else search; see `stochinf.graphs.search.portfolio`."""
    limit = most_cells(question)
    try:
        return exact(question, limit)
    except MemoryLimitError:
        pass
    answer = search(question)
    return replace(answer, reason=f"elimination needs more than {limit:,.0f} table cells; {answer.reason}")


def found(
    question: Question, left: Conditioned, states: Any, score: float, bound: float, method: str, reason: str, began: float,
    **fields: Any,
) -> MapState:  # fmt: skip
    """Return an answer for the whole graph from the states of the free variables."""
    proven = not math.isnan(bound) and bound <= score + CLOSE * max(1.0, abs(score))
    return MapState(
        graph=question.graph,
        states=left.whole(states),
        log_score=left.constant + score,
        status=OPTIMAL if proven else HEURISTIC,
        bound=left.constant + bound,
        method=method,
        reason=reason,
        seconds=clock.perf_counter() - began,
        rng_entropy=question.sampling.entropy,
        **fields,
    )


def by_max_product(question: Question) -> MapState:
    """Answer by max-product belief propagation; see `stochinf.graphs.variational`."""
    from stochinf.graphs.variational.decoding import max_product

    began = clock.perf_counter()
    check_solvable(question.graph, question.clamped)
    left = narrowed(question.graph, question.clamped)
    states, score, bound = max_product(left.graph, time=question.sampling.time)
    return found(question, left, states, score, bound, "max-product", "max-product messages, decoded and improved", began)


METHODS: dict[str, Callable[[Question], MapState]] = {
    "auto": auto,
    "exact": exact,
    "search": search,
    "annealing": lambda question: searched(question, "annealing", "annealing"),
    "tabu": lambda question: searched(question, "tabu", "tabu"),
    "cluster-tempering": lambda question: searched(question, "cluster_tempering", "cluster-tempering"),
    "icm": lambda question: searched(question, "iterated_conditional_modes", "icm"),
    "max-product": by_max_product,
}
