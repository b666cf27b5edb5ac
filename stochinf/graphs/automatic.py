"""The method "auto": exact where the tables fit, by the sampler that mixes where they do not; and it says which and why.

The model given the evidence falls into components. Small ones of equal structure, where there are many, are enumerated
together. Those whose junction trees fit into memory and time are solved exactly.
On what is left samplers race: each starts chains far apart from each other for a short run, from the cheapest sampler on. The
first whose chains agree (R-hat at most `AGREED`) goes on, else the one whose chains came nearest to agreeing.
"""

from __future__ import annotations

import time as clock
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stochinf.engine.jit import versions
from stochinf.engine.memory import available
from stochinf.graphs.conditioning import Conditioned, components, narrowed, restricted
from stochinf.graphs.exact import Elimination, exact_marginals, plan_elimination
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import connectivity
from stochinf.graphs.flat import Floats, Int32s
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.question import Question

if TYPE_CHECKING:
    from stochinf.graphs.large.components import SmallParts

__all__ = ["auto", "fits", "most_cells"]

AGREED = 1.02
"""R-hat up to which chains count as agreeing."""

CELLS_PER_SECOND = 1e8
"""Entries of tables that elimination passes in a second on a slow core, both ways."""

PATIENCE = 60.0
"""Seconds that elimination may take where nobody sets a time."""

PILOT = 0.1
"""Share of the time that a short run takes."""

RACERS = ("gibbs", "blocked", "tempering")
"""Who races, from the cheapest on."""

BLOCKING = 1e-3
"""Seconds that putting blocks together takes for each variable."""

MANY = 2000
"""Variables from which small components are looked for and enumerated together."""

WORST = 10.0
"""What R-hat counts at most, where disagreements are compared."""


def auto(question: Question) -> Marginals:
    """Answer exactly where that fits, else by sampling; see the head of this file."""
    from stochinf.graphs.methods import DECIDED, METHODS, settled

    if not question.graph.tabular:
        return replace(METHODS["gibbs"](question), reason="rules too wide for tables: single-site Gibbs by counters")
    began = clock.perf_counter()
    left = narrowed(question.graph, question.clamped)
    if not left.free.size:
        return settled(question, left, np.empty(0), method="exact", reason=DECIDED, log_partition=left.constant)
    if left.graph.n_variables >= MANY:
        from stochinf.graphs.large.components import small_parts

        small = small_parts(left.graph)
        if small.variables.size:
            return _beside(question, left, small, began)
    plan = plan_elimination(left.graph, most_cells=most_cells(question))
    if fits(question, plan):
        return _exact(question, left, plan, began)
    return _mixed(question, left, began)


def _beside(question: Question, left: Conditioned, small: SmallParts, began: float) -> Marginals:
    """Return the answer where small components have been enumerated: what is left is asked as if it were all."""
    from stochinf.graphs.methods import settled

    told = f"{small.components:,} small components of {small.structures:,} structures enumerated together"
    rest = np.setdiff1d(np.arange(left.graph.n_variables, dtype=np.int32), small.variables, assume_unique=True)
    total = left.constant + small.log_partition
    if not rest.size:
        seconds = {"sampling": clock.perf_counter() - began}
        facts = {"components": small.components, "structures": small.structures}
        return settled(
            question, left, small.probability, method="exact", reason=told, log_partition=total, seconds=seconds, facts=facts
        )
    answer = auto(_about(question, restricted(left.graph, rest), clock.perf_counter() - began))
    whole = replace(answer, reason=f"{told}; the rest: {answer.reason}", log_partition=total + answer.log_partition)
    joined = _joined(question, left, [(small.variables, small.probability)], rest, whole)
    return replace(joined, method="exact") if answer.exact else joined


def most_cells(question: Question) -> float:
    """Return how many entries the tables of elimination may have, by memory and by time."""
    memory = 0.5 * available() if question.memory is None else question.memory
    seconds = PATIENCE if question.sampling.time is None else 0.7 * question.sampling.time
    return max(1.0, min(memory / 12.0, seconds * CELLS_PER_SECOND))


def fits(question: Question, plan: Elimination) -> bool:
    """Whether a plan was counted to its end and its tables may be taken."""
    return plan.complete and (question.memory is None or plan.bytes <= question.memory)


def _exact(question: Question, left: Conditioned, plan: Elimination, began: float) -> Marginals:
    from stochinf.graphs.methods import settled

    probabilities, log_partition = exact_marginals(left.graph, question.memory, plan)
    return settled(
        question,
        left,
        probabilities,
        method="exact",
        reason=f"elimination fits: width {plan.width}, {plan.cells:,.0f} table cells",
        log_partition=left.constant + log_partition,
        seconds={"sampling": clock.perf_counter() - began},
        facts={"width": plan.width, "cells": plan.cells},
    )


def _mixed(question: Question, left: Conditioned, began: float) -> Marginals:
    """Solve the components that fit exactly and sample the others."""
    limit, solved, rest, total = most_cells(question), [], [], left.constant
    parts = components(left.graph)
    if len(parts) == 1:
        rest, parts = parts, []
    for part in parts:
        piece = restricted(left.graph, part)
        plan = plan_elimination(piece, most_cells=limit)
        if fits(question, plan):
            probabilities, log_partition = exact_marginals(piece, question.memory, plan)
            solved.append((part, probabilities))
            total += log_partition
            limit = max(1.0, limit - plan.cells)
        else:
            rest.append(part)
    if not rest:
        return _piecewise(question, left, solved, total, began)
    hard = np.sort(np.concatenate(rest))
    spent = clock.perf_counter() - began
    answer = _sampled(_about(question, restricted(left.graph, hard), spent))
    why = f"elimination needs more than {most_cells(question):,.0f} table cells"
    if solved:
        why += f" for {len(rest)} of {len(rest) + len(solved)} components, the others are exact"
    whole = replace(answer, reason=f"{why}; {answer.reason}", log_partition=total + answer.log_partition)
    return _joined(question, left, solved, hard, whole)


def _piecewise(
    question: Question, left: Conditioned, solved: list[tuple[Int32s, Floats]], log_partition: float, began: float
) -> Marginals:
    """Return the exact answer where every component fits, though not all at once."""
    from stochinf.graphs.methods import settled

    start = np.concatenate([[0], np.cumsum(left.graph.n_states, dtype=np.int64)])
    probability = np.zeros(int(start[-1]))
    for part, numbers in solved:
        probability[_places(start, left.graph.n_states, part)] = numbers
    return settled(
        question,
        left,
        probability,
        method="exact",
        reason=f"elimination fits, one of {len(solved)} components after the other",
        log_partition=log_partition,
        seconds={"sampling": clock.perf_counter() - began},
    )


def _about(question: Question, graph: FactorGraph, spent: float) -> Question:
    """Return the same question about a part, with what is left of the time."""
    sampling = question.sampling
    if sampling.time is not None:
        sampling = sampling.within(max(0.1, sampling.time - spent))
    return question._replace(graph=graph, clamped=np.full(graph.n_variables, -1, np.int32), sampling=sampling)


def _sampled(question: Question) -> Marginals:
    """Let samplers race in short runs, and go on with the first whose chains agree, else with the one that came nearest."""
    from stochinf.graphs.methods import METHODS

    sampling, racers = question.sampling, _racers(question)
    if len(racers) == 1:
        told = "single-site moves are not proved to reach every state, blocks may"
        return replace(METHODS[racers[0]](question), reason=f"{racers[0]}: {told}")
    short = sampling._replace(sweeps=200, warmup=100, controls=sampling.controls._replace(stop=None))
    if sampling.time is not None:
        short = short._replace(sweeps=0, mcse=None).within(PILOT * sampling.time)
    began, tried = clock.perf_counter(), []
    for name in racers:
        pilot = METHODS[name](question._replace(sampling=short))
        rhat = pilot.rhat.max() if pilot.sweeps else np.inf
        tried.append((_disagreement(pilot), rhat, name))
        if rhat <= AGREED:
            break
    name = min(tried, key=lambda row: row[:2])[2]
    if sampling.time is not None:
        left = max(0.1, sampling.time - (clock.perf_counter() - began))
        question = question._replace(sampling=sampling.within(left))
    told = ", ".join(f"{pilot} {rhat:.3g}" for _, rhat, pilot in tried)
    return replace(METHODS[name](question), reason=f"{name} mixes best (R-hat of short runs: {told})")


def _racers(question: Question) -> tuple[str, ...]:
    """Return who may race.

    Where zeros may keep single variables from moving, blocks alone do: tempering crosses such walls too rarely. Putting blocks
    together is left out where it alone would take the time of a short run.
    """
    if connectivity(question.graph).connected is not True:
        return ("blocked",)
    limit = question.sampling.time
    patient = limit is None or question.graph.n_variables * BLOCKING < PILOT * limit
    return tuple(name for name in RACERS if patient or name != "blocked")


def _disagreement(result: Marginals) -> float:
    """Return how far chains disagree over all variables: the mean of R-hat, at most `WORST` for each."""
    if not result.sweeps:
        return WORST
    rhat = result.worst_rhat[~np.isnan(result.worst_rhat)]
    return float(np.minimum(rhat, WORST).mean()) if rhat.size else 1.0


def _joined(
    question: Question, left: Conditioned, solved: list[tuple[Int32s, Floats]], hard: Int32s, answer: Marginals
) -> Marginals:
    """Put exact and sampled components together."""
    graph, clamped = question.graph, question.clamped
    inner = left.graph.n_states
    start = np.concatenate([[0], np.cumsum(inner, dtype=np.int64)])
    probability, error = np.zeros(int(start[-1])), np.zeros(int(start[-1]))
    for part, numbers in solved:
        probability[_places(start, inner, part)] = numbers
    probability[_places(start, inner, hard)], error[_places(start, inner, hard)] = answer.probability, answer.error
    worst, least = np.full(graph.n_variables, np.nan), np.full(graph.n_variables, np.inf)
    worst[left.free[hard]], least[left.free[hard]] = answer.worst_rhat, answer.least_ess
    fields: dict[str, Any] = {
        "graph": graph,
        "clamped": clamped,
        "probability": left.spread(probability),
        "error": left.spread(error, certain=0.0),
        "worst_rhat": worst,
        "least_ess": least,
        "method": f"exact + {answer.method}" if solved else answer.method,
        "slots": left.places[_places(start, inner, hard)[answer.slots]],
        "versions": versions(),
    }
    return replace(answer, **fields)


def _places(start: Any, cardinality: Int32s, variables: Int32s) -> Any:
    """Return the positions of the states of some variables among those of all."""
    sizes = cardinality[variables]
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(start[variables], sizes) + within
