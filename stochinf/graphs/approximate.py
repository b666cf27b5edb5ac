"""Marginals by the deterministic approximations: belief propagation, tree-reweighted messages, mean field."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from typing import Any

import numpy as np

from stochinf.engine.jit import versions
from stochinf.graphs.conditioning import Conditioned, narrowed
from stochinf.graphs.exact.elimination import plan_elimination
from stochinf.graphs.feasible import check_solvable
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.question import Question
from stochinf.graphs.variational.loopy import belief_propagation
from stochinf.graphs.variational.naive import mean_field
from stochinf.graphs.variational.result import Variational
from stochinf.graphs.variational.reweighted import tree_reweighted

__all__ = ["by_belief_propagation", "by_mean_field", "by_tree_reweighted"]

BETHE = "log_partition is Bethe's approximation"
UPPER = "log_partition is an upper bound"
LOWER = "log_partition is a lower bound"


def by_belief_propagation(question: Question) -> Marginals:
    """Answer by loopy belief propagation; exact on forests. See `stochinf.graphs.variational.loopy`."""
    return _answered(question, "bp", lambda graph, time: belief_propagation(graph, time=time), BETHE)


def by_tree_reweighted(question: Question) -> Marginals:
    """Answer by tree-reweighted messages; see `stochinf.graphs.variational.reweighted`."""
    return _answered(question, "trw", lambda graph, time: tree_reweighted(graph, time=time), UPPER)


def by_mean_field(question: Question) -> Marginals:
    """Answer by mean field; see `stochinf.graphs.variational.naive`."""
    entropy = question.sampling.entropy
    return _answered(question, "mean-field", lambda graph, time: mean_field(graph, time=time, rng=entropy), LOWER)


def _answered(question: Question, method: str, infer: Callable[[Any, float | None], Variational], what: str) -> Marginals:
    began = clock.perf_counter()
    check_solvable(question.graph, question.clamped)
    left = narrowed(question.graph, question.clamped)
    result = infer(left.graph, question.sampling.time) if left.free.size else Variational(np.empty(0), 0.0, True, 0.0, 0)
    forest = method == "bp" and _is_forest(left)
    exact = (forest and result.converged) or not left.free.size
    told = () if result.converged else (f"not converged: the residual is {result.residual:.2g} after {result.sweeps} sweeps",)
    if method == "trw" and not result.converged:
        what = "messages did not converge, so log_partition is no bound"
    probability = left.spread(result.probabilities)
    return Marginals(
        graph=question.graph,
        clamped=question.clamped,
        probability=probability,
        error=np.full(probability.size, 0.0 if exact else math.nan),
        worst_rhat=np.full(question.graph.n_variables, math.nan),
        least_ess=np.full(question.graph.n_variables, math.nan),
        method=method,
        reason=f"{method} was asked for{': exact, the factors form a forest' if exact else f'; {what}'}",
        exact=exact,
        log_partition=left.constant + result.log_partition,
        log_partition_mcse=0.0 if exact else math.nan,
        facts={"converged": result.converged, "residual": result.residual, "iterations": result.sweeps},
        warnings=told,
        seconds={"sampling": clock.perf_counter() - began},
        rng_entropy=question.sampling.entropy,
        stopped="converged" if result.converged else "time or sweeps were spent",
        versions=versions(),
    )


def _is_forest(left: Conditioned) -> bool:
    """Whether every factor is over at most two variables and the variables form a forest, or there are none."""
    if not left.free.size:
        return True
    arity = np.diff(left.graph.flat.scope_start)
    return bool(arity.max(initial=0) <= 2) and plan_elimination(left.graph, tries=1).width <= 1
