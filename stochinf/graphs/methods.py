"""The methods of marginal inference by name: each takes a `Question` and returns `Marginals`."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from typing import Any

import numpy as np

from stochinf.engine.jit import versions
from stochinf.graphs.conditioning import conditioned, spread
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.question import Question
from stochinf.graphs.sampled import sampled_marginals
from stochinf.graphs.targets import graph_target

__all__ = ["METHODS", "exact", "gibbs"]


def exact(question: Question) -> Marginals:
    """Answer by elimination on a junction tree; see `stochinf.graphs.exact`."""
    from stochinf.graphs.exact import exact_marginals, plan_elimination

    began = clock.perf_counter()
    left = conditioned(question.graph, question.clamped)
    if not left.free.size:
        return settled(question, np.empty(0), method="exact", reason="every variable is observed", log_partition=left.constant)
    plan = plan_elimination(left.graph)
    probabilities, log_partition = exact_marginals(left.graph, question.memory, plan)
    return settled(
        question,
        probabilities,
        method="exact",
        reason=f"elimination: width {plan.width}, {plan.cells:,} table cells",
        log_partition=left.constant + log_partition,
        seconds={"sampling": clock.perf_counter() - began},
        facts={"width": plan.width, "cells": plan.cells},
    )


def settled(question: Question, probabilities: Any, **fields: Any) -> Marginals:
    """Return an exact answer from the probabilities of the free variables' states."""
    graph, clamped = question.graph, question.clamped
    free = np.flatnonzero(clamped < 0).astype(np.int32)
    probability = spread(graph.n_states, clamped, free, probabilities)
    return Marginals(
        graph=graph,
        clamped=clamped,
        probability=probability,
        error=np.zeros(probability.size),
        worst_rhat=np.full(graph.n_variables, np.nan),
        least_ess=np.full(graph.n_variables, np.inf),
        exact=True,
        log_partition_mcse=0.0,
        rng_entropy=question.sampling.entropy,
        stopped="done",
        versions=versions(),
        **fields,
    )


def gibbs(question: Question) -> Marginals:
    """Answer by single-site Gibbs sampling, chains as lanes; see `stochinf.graphs.gibbs`."""
    from stochinf.graphs.gibbs import Gibbs

    target = graph_target(question.graph, question.clamped)
    return sampled_marginals(
        question.graph,
        question.clamped,
        target,
        Gibbs(sums=True),
        question.sampling,
        method="gibbs",
        reason="Gibbs sampling was asked for",
    )


METHODS: dict[str, Callable[[Question], Marginals]] = {"exact": exact, "gibbs": gibbs}
