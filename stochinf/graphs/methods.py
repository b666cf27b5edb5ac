"""The methods of marginal inference by name: each takes a `Question` and returns `Marginals`."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from stochinf.engine.errors import warn_of_doubt
from stochinf.engine.jit import versions
from stochinf.engine.pickers import Colours, Shuffled
from stochinf.engine.session import LANES
from stochinf.graphs.conditioning import Conditioned, narrowed
from stochinf.graphs.doubt import doubtful
from stochinf.graphs.feasible import connectivity
from stochinf.graphs.large.precision import LowPrecision
from stochinf.graphs.logic.graph import LogicalGraph
from stochinf.graphs.logic.target import logic_target
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.question import Question
from stochinf.graphs.sampled import sampled_marginals
from stochinf.graphs.targets import graph_target

__all__ = [
    "METHODS", "auto", "blocked", "exact", "gibbs", "gradient", "metropolis", "settled", "single_site", "swendsen_wang",
    "tempering",
]  # fmt: skip

LADDERS = 16

BLOCK_CELLS = 256
"""Entries of a table of a block: eight binary variables."""

DECIDED = "evidence and zeros leave one state to every variable"


def auto(question: Question) -> Marginals:
    """Answer exactly where that fits, else by sampling; see `stochinf.graphs.automatic`."""
    from stochinf.graphs import automatic

    return automatic.auto(question)


def exact(question: Question) -> Marginals:
    """Answer by elimination on a junction tree; see `stochinf.graphs.exact`."""
    from stochinf.graphs.exact import exact_marginals, plan_elimination

    began = clock.perf_counter()
    left = narrowed(question.graph, question.clamped)
    if not left.free.size:
        return settled(question, left, np.empty(0), method="exact", reason=DECIDED, log_partition=left.constant)
    plan = plan_elimination(left.graph)
    probabilities, log_partition = exact_marginals(left.graph, question.memory, plan)
    return settled(
        question,
        left,
        probabilities,
        method="exact",
        reason=f"elimination: width {plan.width}, {plan.cells:,.0f} table cells",
        log_partition=left.constant + log_partition,
        seconds={"sampling": clock.perf_counter() - began},
        facts={"width": plan.width, "cells": plan.cells},
    )


def settled(question: Question, left: Conditioned, probabilities: Any, **fields: Any) -> Marginals:
    """Return an exact answer from the probabilities of what is left of the graph."""
    graph, clamped = question.graph, question.clamped
    probability = left.spread(probabilities)
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

    return single_site(question, Gibbs(sums=True), method="gibbs", reason="Gibbs sampling was asked for")


def single_site(question: Question, kernel: Any, **told: Any) -> Marginals:
    """Answer by a kernel that moves one variable at a time, and say where zeros keep it from moving."""
    graph, clamped = question.graph, question.clamped
    reach = connectivity(graph, clamped)
    if reach.connected is False:
        told["warnings"] = (f"not ergodic: {reach.reason}; method='exact' or 'blocked' can be right where this cannot",)
        warn_of_doubt(told["warnings"][0])
    elif reach.connected is None:
        told["warnings"] = (f"single-site moves may not reach every state: {reach.reason}",)
    target: Any
    if isinstance(graph, LogicalGraph) and told["method"] == "gibbs" and not (graph.tabular and graph.spins is not None):
        target = logic_target(graph, clamped)
    else:
        target = graph_target(graph, clamped)
    if isinstance(graph, LowPrecision) and told["method"] == "gibbs":
        target = graph.compact(target)
    picker = {"scan": None, "random": Shuffled(), "colours": Colours()}[question.order]
    answer = sampled_marginals(graph, clamped, target, kernel, question.sampling.with_chains(LANES), picker=picker, **told)
    return doubtful(answer, parted=reach.connected is False)


def metropolis(question: Question) -> Marginals:
    """Answer by single-site Metropolis sampling; see `stochinf.graphs.metropolis`."""
    from stochinf.graphs.metropolis import Metropolis

    return single_site(question, Metropolis(sums=True), method="metropolis", reason="Metropolis sampling was asked for")


def tempering(question: Question) -> Marginals:
    """Answer by parallel tempering, `LADDERS` unless chains are asked for; see `stochinf.graphs.tempering`."""
    from stochinf.graphs.tempering.tempered import DISAGREE, tempered_marginals

    graph, clamped = question.graph, question.clamped
    reach = connectivity(graph, clamped)
    answer = tempered_marginals(graph, clamped, question.sampling.with_chains(LADDERS))
    if answer.facts["round_trips"] < answer.chains:  # no lane has come from where zeros do not count
        answer = doubtful(answer, parted=reach.connected is False, frozen=DISAGREE)
    if reach.connected is not False:
        return answer
    told = f"only hot rungs lead from some states to others, and rare ones may be missed: {reach.reason}"
    return replace(answer, warnings=(*answer.warnings, told))


def swendsen_wang(question: Question) -> Marginals:
    """Answer by Swendsen-Wang sampling of spins or a Potts model; see `stochinf.graphs.clusters`."""
    from stochinf.graphs.clusters.marginal import cluster_marginals

    return cluster_marginals(question.graph, question.clamped, question.sampling.with_chains(LADDERS))


def blocked(question: Question) -> Marginals:
    """Answer by drawing blocks of variables at once, with tables of `BLOCK_CELLS`; see `stochinf.graphs.blocked`."""
    from stochinf.graphs.blocked.marginal import blocked_marginals

    answer = blocked_marginals(question.graph, question.clamped, question.sampling.with_chains(LANES), cells=BLOCK_CELLS)
    return doubtful(answer, parted=False)


def gradient(question: Question) -> Marginals:
    """Answer by discrete Langevin proposals, accepted or not: for dense energies; see `stochinf.graphs.gradient`."""
    from stochinf.graphs.gradient import DiscreteLangevin

    asked = question._replace(order="scan")  # all variables move at once
    return single_site(asked, DiscreteLangevin(sums=True), method="gradient", reason="discrete Langevin was asked for")


def variational(name: str) -> Callable[[Question], Marginals]:
    """Return one of the methods of `stochinf.graphs.approximate`, imported when it is called."""

    def answer(question: Question) -> Marginals:
        from stochinf.graphs import approximate

        return getattr(approximate, name)(question)  # type: ignore[no-any-return]

    return answer


def minibatched(name: str, title: str) -> Callable[[Question], Marginals]:
    """Return Gibbs sampling by one of the kernels of `stochinf.graphs.minibatch`, imported when it is called."""

    def answer(question: Question) -> Marginals:
        from stochinf.graphs.minibatch import kernel

        return single_site(question, getattr(kernel, name)(sums=True), method=title, reason=f"{name} was asked for")

    return answer


def hogwild(question: Question) -> Marginals:
    """Answer by threads that share chains without waiting: not reproducible; see `stochinf.graphs.large.hogwild`."""
    from stochinf.graphs.large.hogwild import hogwild_marginals

    return hogwild_marginals(question)


METHODS: dict[str, Callable[[Question], Marginals]] = {
    "auto": auto, "exact": exact, "gibbs": gibbs, "metropolis": metropolis, "blocked": blocked,
    "tempering": tempering,
    "swendsen-wang": swendsen_wang, "gradient": gradient, "bp": variational("by_belief_propagation"),
    "trw": variational("by_tree_reweighted"), "mean-field": variational("by_mean_field"),
    "poisson-gibbs": minibatched("PoissonGibbs", "poisson-gibbs"), "min-gibbs": minibatched("MinGibbs", "min-gibbs"),
    "double-min-gibbs": minibatched("DoubleMinGibbs", "double-min-gibbs"), "hogwild": hogwild,
}  # fmt: skip
