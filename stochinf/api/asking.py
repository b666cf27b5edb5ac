"""What the front doors of graphs have in common: a graph of any kind, its evidence, and the means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from stochinf.engine import progress as progress_module
from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls, check_controls
from stochinf.engine.errors import GraphError, StochinfError
from stochinf.engine.streams import entropy_of
from stochinf.graphs.evidence import split_evidence, with_soft
from stochinf.graphs.feasible import check_possible, check_solvable
from stochinf.graphs.formats.objects import convert_object
from stochinf.graphs.question import Question, Sampling, horizon

__all__ = ["answered", "asked"]

A = TypeVar("A")


def asked(
    graph: Any,
    evidence: Any,
    *,
    chains: int | None = None,
    draws: int | None = None,
    warmup: int = 0,
    time: float | None = None,
    mcse: float | None = None,
    memory: int | None = None,
    order: str = "scan",
    rng: Any = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Any = None,
) -> Question:
    """Return the question that the arguments of a front door ask, each of them checked.

    Raises
    ------
    GraphError
        If the graph is none, or the evidence is unknown or impossible.
    StochinfError
        If another argument breaks a rule.
    """
    if order not in ("scan", "random", "colours"):
        raise StochinfError(f"order = {order!r}: 'scan', 'random' or 'colours' is needed")
    model = convert_object(graph)
    clamped, soft = split_evidence(model, evidence)
    model = with_soft(model, soft)
    check_possible(model, clamped)
    sweeps, rule = horizon(draws, time, mcse)
    controls = check_controls(Controls(rule, threads, None, progress_module.shown(progress), None, callback))
    before, lanes = counted("warmup", warmup, least=0), 0 if chains is None else counted("chains", chains)
    sampling = Sampling(lanes, sweeps, before, time, entropy_of(rng), controls, mcse)
    return Question(model, clamped, sampling, None if memory is None else counted("memory", memory), order)


def answered(answer: Callable[[Question], A], question: Question) -> A:
    """Return the answer of a method; what it says of a contradiction is said of the whole graph and its evidence."""
    try:
        return answer(question)
    except GraphError:
        check_solvable(question.graph, question.clamped)
        raise
