"""Statistics that a learnt model expects: summed out where they can be, else drawn."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.api.running import run
from stochinf.engine.errors import MemoryLimitError
from stochinf.graphs.flat import Floats
from stochinf.graphs.gibbs import Gibbs
from stochinf.graphs.logic.graph import LogicalGraph
from stochinf.graphs.logic.target import logic_target
from stochinf.graphs.targets import graph_target
from stochinf.learning.exact import ExactLikelihood, exact_parts
from stochinf.learning.model import row_statistics, statistics
from stochinf.learning.question import Question

__all__ = ["Agreement", "agreement"]

MOST_CELLS = 5e6
"""Cells that exact statistics may take."""
CHAINS = 16
NUMBERS = 2**24
"""States that may be drawn."""
FEWEST, MOST, WARMUP = 8, 500, 200
"""Sweeps that are looked at, per chain, and sweeps before."""


class Agreement(NamedTuple):
    """Mean statistics by learnt weight, float64 (D,): of the data, of the model, and the standard error of the latter."""

    observed: Floats
    expected: Floats
    error: Floats


def agreement(question: Question, values: Floats) -> Agreement | None:
    """Return the statistics of complete data and of a model with weights (D,); None where both ways are closed.

    Drawing is left out where rows have given variables, where tables have zeros, and where the graph is very large.
    """
    model, observed = question.model, question.observed
    try:
        parts = exact_parts(model, observed, MOST_CELLS)
        likelihood = ExactLikelihood(model, observed, 0.0, question.memory, parts)
        expected, seen = likelihood.expectations(values)
        return Agreement(seen, expected, np.zeros(values.size))
    except MemoryLimitError:
        pass
    sweeps = NUMBERS // (CHAINS * model.graph.n_variables)
    if sweeps < FEWEST or not model.graph.positive or (observed.given.any() and not observed.single):
        return None
    every = np.array(model.values)
    every[model.learnt] = values
    drawn = _drawn(question, model.with_values(every), min(sweeps, MOST))
    means = np.stack([row_statistics(model, chain).mean(axis=0) for chain in drawn])[:, model.learnt]
    seen = statistics(model, observed.rows, observed.weights)[model.learnt] / observed.total
    return Agreement(seen, means.mean(axis=0), means.std(axis=0, ddof=1) / np.sqrt(len(means)))


def _drawn(question: Question, graph: Any, sweeps: int) -> Any:
    """Return states (chains, sweeps, V) of Gibbs chains, what is given held fast."""
    observed = question.observed
    clamped = np.where(observed.given, observed.rows[0], -1).astype(np.int32)
    target = logic_target(graph, clamped) if isinstance(graph, LogicalGraph) else graph_target(graph, clamped)
    n = target.n_points
    found = run(
        Gibbs(),
        target,
        steps=sweeps * n,
        warmup=min(WARMUP, sweeps) * n,
        thin=n,
        chains=CHAINS,
        rng=question.entropy,
        progress=False,
    )
    states = np.asarray(found["state"], np.int32)
    return (states + 1) // 2 if getattr(target, "spin_labels", False) else states
