"""A small set of factors that contradict each other.

References
----------
Junker, U. (2004). QuickXplain: preferred explanations and relaxations for over-constrained problems. AAAI, figure 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Int32s
from stochinf.graphs.naming import quote
from stochinf.graphs.zeros.narrowing import CONTRADICTION, STATUS, Narrowing, searched
from stochinf.graphs.zeros.supports import Bytes, Int64s, Supports

__all__ = ["blame", "conflict"]

NODES = 3000
"""Nodes of the search that shows that a set of factors is contradictory."""


def conflict(supports: Supports, domain: Bytes, failed: Narrowing) -> Int64s:
    """Return factors that contradict each other, none of which is needless as far as a short search can tell.

    Parameters
    ----------
    supports : Supports
        Factors that together are contradictory.
    domain : uint8
        States that evidence leaves.
    failed : Narrowing
        The search that showed it: factors that failed it are tried first.
    """
    order = np.argsort(-failed.weight, kind="stable")

    def contradictory(chosen: Sequence[int]) -> bool:
        active = np.zeros(supports.factors.size, np.uint8)
        active[list(chosen)] = 1
        state = searched(supports._replace(active=active), domain, NODES, np.random.SeedSequence(0))
        return bool(state.progress[STATUS] == CONTRADICTION)

    def needed(background: list[int], changed: bool, candidates: list[int]) -> list[int]:
        if changed and contradictory(background):
            return []
        if len(candidates) == 1:
            return candidates
        first, second = candidates[: len(candidates) // 2], candidates[len(candidates) // 2 :]
        late = needed(background + first, True, second)
        early = needed(background + late, bool(late), first)
        return early + late

    candidates = _shortest(order.tolist(), contradictory)
    return np.sort(np.array(needed([], False, candidates), np.int64))


def _shortest(order: list[int], contradictory: object) -> list[int]:
    """Return a beginning of the list that is contradictory by itself: 8, 16, 32, ... factors, or all."""
    length = 8
    while length < len(order):
        if contradictory(order[:length]):  # type: ignore[operator]
            return order[:length]
        length *= 2
    return order


def blame(graph: FactorGraph, clamped: Int32s, supports: Supports, domain: Bytes, failed: Narrowing) -> GraphError:
    """Return the error that names the factors that contradict each other, and the evidence on their variables."""
    found = conflict(supports, domain, failed)
    titles = [graph.title(f) for f in supports.factors[found[:6]].tolist()]
    more = f" and {found.size - 6} more" if found.size > 6 else ""
    variables = np.unique(np.concatenate([supports.variables[supports.members(f)] for f in found.tolist()]))
    observed = {graph.variables[v]: graph.labels(v)[clamped[v]] for v in variables.tolist() if clamped[v] >= 0}
    given = f", given the evidence {quote(observed)}" if observed else ""
    verb = "contradict each other" if found.size > 1 else "allows nothing"
    return GraphError(
        f"no configuration has positive probability: {', '.join(titles)}{more} {verb}{given}; "
        f"change {'the evidence' if observed else 'a table'} so that one of them allows more"
    )
