"""Marginals for many cases of evidence over one graph: one junction tree, or one sampler, for all."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from typing import Any

import numpy as np

from stochinf.api.asking import asked
from stochinf.graphs.automatic import fits, most_cells
from stochinf.graphs.conditioning import conditioned
from stochinf.graphs.evidence import split_evidence, with_soft
from stochinf.graphs.evidence_rows import evidence_rows
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import check_possible
from stochinf.graphs.flat import Floats, Int32s
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.methods import METHODS, settled
from stochinf.graphs.question import Question, chosen

__all__ = ["marginals_batch"]


def marginals_batch(graph: Any, rows: Any, method: str = "auto", **means: Any) -> list[Marginals]:
    """Return the marginals for each of many cases of evidence over one graph, which is compiled once for all.

    Parameters
    ----------
    graph : FactorGraph
        Or a model that `stochinf.marginals` takes.
    rows : sequence of dicts, int array (rows, V), or data frame
        Dicts from variable to state, or to likelihoods; state numbers with -1 for what is free; or a data frame with variables
        as columns and None or NaN for what is free.
    method : str
        As in `stochinf.marginals`; "auto" and "exact" build one junction tree for all rows where it fits.
    **means : dict
        The keyword arguments of `stochinf.marginals`; `rng` seeds each row apart.

    Returns
    -------
    list of Marginals
        One for each row.

    Raises
    ------
    GraphError
        If the evidence of a row is unknown or impossible.

    Examples
    --------
    >>> import stochinf as si
    >>> g = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> [r[0].round(3).tolist() for r in si.marginals_batch(g, [{}, {1: 0}, {1: [0.5, 1.0]}])]
    [[0.25, 0.75], [0.75, 0.25], [0.162, 0.838]]
    """
    answer = chosen(method, METHODS)
    question = asked(graph, None, **means)
    graph, cases = question.graph, _cases(question.graph, rows)
    for clamped, _ in cases:
        check_possible(graph, clamped)
    if method in ("auto", "exact"):
        from stochinf.graphs.exact import plan_elimination

        plan = plan_elimination(graph, most_cells=most_cells(question))
        if fits(question, plan):
            return _by_one_tree(question, plan, cases)
    seeds = np.random.SeedSequence(question.sampling.entropy).spawn(len(cases))
    return [
        answer(
            question._replace(
                graph=with_soft(graph, soft),
                clamped=clamped,
                sampling=question.sampling._replace(entropy=int.from_bytes(seed.generate_state(4).tobytes(), "little")),
            )
        )
        for (clamped, soft), seed in zip(cases, seeds, strict=True)
    ]


def _cases(graph: FactorGraph, rows: Any) -> list[tuple[Int32s, dict[int, Floats]]]:
    if isinstance(rows, Sequence) and any(isinstance(row, dict) for row in rows):
        return [split_evidence(graph, row) for row in rows]
    return [(clamped, {}) for clamped in evidence_rows(graph, rows)]


def _by_one_tree(question: Question, plan: Any, cases: list[tuple[Int32s, dict[int, Floats]]]) -> list[Marginals]:
    """Propagate every case through the same tree, evidence as likelihoods of the states."""
    from stochinf.graphs.exact import JunctionTree

    graph = question.graph
    tree = JunctionTree(graph, plan, question.memory)
    start = np.concatenate([[0], np.cumsum(graph.n_states, dtype=np.int64)])
    everything = conditioned(graph, np.full(graph.n_variables, -1, np.int32))
    found = []
    for clamped, soft in cases:
        began = clock.perf_counter()
        likelihood = np.repeat(clamped < 0, graph.n_states).astype(np.float64)
        fixed = np.flatnonzero(clamped >= 0)
        likelihood[start[fixed] + clamped[fixed]] = 1.0
        for variable, logs in soft.items():
            likelihood[start[variable] : start[variable + 1]] *= np.exp(logs)
        probabilities, log_partition = tree.propagate(likelihood=likelihood)
        found.append(
            settled(
                question._replace(clamped=clamped),
                everything,
                probabilities,
                method="exact",
                reason=f"one junction tree for all rows: width {plan.width}, {plan.cells:,.0f} table cells",
                log_partition=log_partition,
                seconds={"sampling": clock.perf_counter() - began},
                facts={"width": plan.width, "cells": plan.cells},
            )
        )
    return found
