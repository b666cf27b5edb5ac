"""Answers that get better: a guess at once, then messages, then what is exact or sampled, until time is up.

Each stage asks a front door for an answer within a share of the time that is left; a stage that fails is passed over.
"""

from __future__ import annotations

import math
import time as clock
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.commands.results import uai
from stochinf.graphs.answers import OPTIMAL, LogPartition, MapState
from stochinf.graphs.conditioning import Conditioned, conditioned
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["Answer", "Budget", "answers", "guess"]

Evidence = Mapping[Any, Any]
SHORTEST = 0.2
"""Seconds below which no stage is begun."""
LEAST = 5.0
"""Round trips between temperatures, or particles' worth of weight, below which an estimate is a guess."""
STAGES = {
    "MAR": (("bp", 0.1), ("auto", 0.2), ("auto", 1.0)),
    "PR": (("bp", 0.1), ("tempering", 0.2), ("auto", 0.6), ("tempering", 1.0)),
    "MAP": (("search", 0.1), ("auto", 0.3), ("auto", 0.5), ("search", 0.5), ("search", 1.0)),
}
"""Methods by task, each with its share of the time left."""


class Budget(NamedTuple):
    """What may be spent.

    Attributes
    ----------
    deadline : float
        By `time.monotonic`.
    memory : int or None
        Bytes that tables may take.
    seed : int
    report : callable
        Given a line about each stage.
    """

    deadline: float
    memory: int | None
    seed: int
    report: Callable[[str], Any]


class Answer(NamedTuple):
    """A solution as a UAI result file has it, and whether it can be bettered."""

    text: str
    final: bool


def answers(
    graph: FactorGraph, evidence: Evidence, clamped: npt.NDArray[np.int32], task: str, budget: Budget
) -> Iterator[Answer]:
    r"""Yield answers, each at least as good as the one before; the first takes no compiled code.

    Parameters
    ----------
    graph : FactorGraph
    evidence : dict
    clamped : int32 (V,)
        The same by number, -1 where free.
    task : {"MAR", "PR", "MPE", "MAP"}
    budget : Budget

    Examples
    --------
    >>> import time
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.commands.anytime import Budget, answers
    >>> budget = Budget(time.monotonic(), None, 0, print)
    >>> graph = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> [answer.text for answer in answers(graph, {}, np.full(2, -1, np.int32), "MPE", budget)]
    ['MPE\n2 1 0\n']
    """
    kind = "MAP" if task == "MPE" else task
    yield Answer(guess(conditioned(graph, clamped), clamped, graph, task), final=False)
    best: Any = None
    for step, (method, share) in enumerate(STAGES[kind]):
        left = budget.deadline - clock.monotonic()
        if left < SHORTEST:
            return
        found = _stage(graph, evidence, kind, method, left * share, budget._replace(seed=budget.seed + step))
        if found is not None and _better(found, best):
            best = found
            yield Answer(uai(found, task), _final(found))
            if _final(found):
                return


def _stage(graph: FactorGraph, evidence: Evidence, kind: str, method: str, seconds: float, budget: Budget) -> Any:
    """Return the answer of one method, None where it has none."""
    from stochinf.api.log_partitions import log_partition
    from stochinf.api.map_states import map_state
    from stochinf.api.marginals import marginals

    doors: dict[str, Callable[..., Any]] = {"MAR": marginals, "PR": log_partition, "MAP": map_state}
    memory = {} if budget.memory is None else {"memory": budget.memory}
    began = clock.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = doors[kind](graph, evidence, method, time=seconds, rng=budget.seed, threads=1, progress=False, **memory)
    except Exception as error:
        budget.report(f"{method}: {type(error).__name__}: {error}")
        return None
    budget.report(f"{method} took {clock.monotonic() - began:.2f} s: {_told(found)}")
    return found


def _told(found: Any) -> str:
    """Return a line about an answer."""
    if isinstance(found, MapState):
        return f"log score {found.log_score:.6f}, {found.status}"
    if isinstance(found, LogPartition):
        return f"log10 Z {found.log10:.6f}{' (exact)' if found.exact else f' +- {found.mcse / math.log(10.0):.2g}'}"
    return f"{found.method}, exact" if found.exact else f"{found.method}, {found.quality}".rstrip(", ")


def _better(found: Any, best: Any) -> bool:
    """Whether an answer should take the place of the best so far: states by score, numbers by how far they can be trusted."""
    if isinstance(found, MapState):
        return bool(np.isfinite(found.log_score)) and (best is None or found.log_score > best.log_score or _final(found))
    whole = np.isfinite(found.value) if isinstance(found, LogPartition) else np.isfinite(found.probability).all()
    return bool(whole) and (best is None or _final(found) or _doubt(found) <= _doubt(best))


def _doubt(found: Any) -> float:
    """Return a number that grows with what speaks against an answer.

    Messages that have settled are worth more than chains that disagree (R-hat above 1.2), cannot reach every state, or never
    went from the hottest temperature to the coldest and back, and less than chains that have no such fault.
    """
    if found.exact:
        return 0.0
    if found.facts.get("converged") is not None:
        return 1.0 if found.facts["converged"] else 5.0
    if isinstance(found, LogPartition):
        error = 1.0 if math.isnan(found.mcse) else found.mcse
        evidence = found.facts.get("round_trips", found.facts.get("ess", math.inf))
        return float(error) + (3.0 if evidence < LEAST else 0.3 * bool(found.warnings))
    return max(5.0 * float(found.rhat.max() - 1.0), 0.0) + 3.0 * any("not ergodic" in line for line in found.warnings)


def _final(found: Any) -> bool:
    """Whether an answer cannot be bettered."""
    return found.status == OPTIMAL if isinstance(found, MapState) else bool(found.exact)


def guess(left: Conditioned, clamped: npt.NDArray[np.int32], graph: FactorGraph, task: str) -> str:
    r"""Return what the factors of single variables say, as if the other factors did not exist.

    For PR those others count by their mean weight: ``log Z = sum_v log sum_x w_v(x) + sum_f log mean w_f``.

    Parameters
    ----------
    left : Conditioned
        The model of the free variables.
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    graph : FactorGraph
        The whole model.
    task : {"MAR", "PR", "MPE", "MAP"}

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.commands.anytime import guess
    >>> from stochinf.graphs.conditioning import conditioned
    >>> graph, free = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]), np.full(2, -1, np.int32)
    >>> guess(conditioned(graph, free), free, graph, "MPE")
    'MPE\n2 1 0\n'

    References
    ----------
    UAI 2014 Inference Competition, "Solver requirements": what stands in for a missing solution.
    """
    beliefs, constant = _alone(left.graph)
    start = np.concatenate([[0], np.cumsum(left.graph.n_states, dtype=np.int64)])
    if task == "PR":
        return f"PR\n{float(left.constant + constant) / math.log(10.0)!r}\n"
    rows: list[npt.NDArray[np.float64]] = [np.eye(n)[max(s, 0)] for n, s in zip(graph.n_states, clamped, strict=True)]
    for i, v in enumerate(left.free.tolist()):
        rows[v] = beliefs[start[i] : start[i + 1]]
    if task == "MAR":
        words = (f"{row.size} {' '.join(map(repr, row.tolist()))}" for row in rows)
    else:
        words = (str(int(row.argmax())) for row in rows)
    return f"{task}\n{len(rows)} {' '.join(words)}\n"


def _alone(graph: FactorGraph) -> tuple[npt.NDArray[np.float64], float]:
    """Return normalised products of the factors of single variables, and log Z with the mean of every other factor."""
    flat = graph.flat
    if not graph.n_variables:
        return np.empty(0), 0.0
    sizes, arity = np.diff(flat.table_start), np.diff(flat.scope_start)
    start = np.concatenate([[0], np.cumsum(flat.cardinality, dtype=np.int64)])
    total = np.zeros(int(start[-1]))
    single = np.flatnonzero(arity == 1)
    entries = np.flatnonzero(np.repeat(arity == 1, sizes))
    place = np.repeat(start[flat.scope[flat.scope_start[single]]] - flat.table_start[single], sizes[single])
    np.add.at(total, entries + place, flat.log_weights[entries])
    log_sums = np.logaddexp.reduceat(total, start[:-1])
    beliefs = np.exp(total - np.repeat(log_sums, flat.cardinality))
    means = np.logaddexp.reduceat(flat.log_weights, flat.table_start[:-1]) - np.log(sizes) if sizes.size else np.empty(0)
    return beliefs, float(log_sums.sum() + means[arity != 1].sum())
