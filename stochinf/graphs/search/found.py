"""What a search for the most probable state returns, and how it is scored."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["Found", "found", "nothing_to_choose", "scores_of"]


class Found(NamedTuple):
    """The best states that a search has found.

    Attributes
    ----------
    states : int32 (V,)
        State indices.
    log_score : float
        Their unnormalised log probability, in double precision; -inf where no possible state was found.
    bound : float
        No state has a higher log score; NaN where nothing is known.
    status : {"optimal", "heuristic"}
    reason : str
        Why that status, or how the search went.
    interrupted : bool
        Whether Ctrl-C ended it.
    """

    states: npt.NDArray[np.int32]
    log_score: float
    bound: float
    status: str
    reason: str
    interrupted: bool = False


def found(graph: FactorGraph, candidates: npt.NDArray[Any], reason: str) -> Found:
    """Return the best of some candidates (n, V), the first where several are equal."""
    scores = scores_of(graph, candidates)
    best = int(np.argmax(scores))
    return Found(np.asarray(candidates[best], np.int32), float(scores[best]), math.nan, "heuristic", reason)


def scores_of(graph: FactorGraph, states: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the log scores (n,) of state indices (n, V).

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.search.found import scores_of
    >>> scores_of(si.FactorGraph.from_log_tables([2, 2], [(0, 1)], [[0, 1, 2, 3]]), np.array([[0, 1], [1, 1]]))
    array([1., 3.])
    """
    flat = graph.flat
    scores = np.empty(len(states))
    for n, row in enumerate(np.asarray(states, np.int64)):
        reach = np.concatenate([[0], np.cumsum(flat.stride * row[flat.scope])])
        entries = flat.table_start[:-1] + reach[flat.scope_start[1:]] - reach[flat.scope_start[:-1]]
        scores[n] = math.fsum(flat.log_weights[entries].tolist()) if np.isfinite(flat.log_weights[entries]).all() else -np.inf
    return scores


def nothing_to_choose(graph: FactorGraph) -> Found:
    """Return the answer for a graph without variables."""
    score = float(scores_of(graph, np.empty((1, 0), np.int32))[0])
    return Found(np.empty(0, np.int32), score, score, "optimal", "there is no variable")
