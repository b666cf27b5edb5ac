"""Plan exact inference: an elimination order, and what the tables it leads to would cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.exact.driving import run_points
from stochinf.graphs.exact.interactions import FULL, HALT, TOO_LARGE, Interactions, OrderState, order_state
from stochinf.graphs.exact.ordering import Eliminate
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["Elimination", "interactions", "plan_elimination"]

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

MOST_CELLS = 2.0**36
"""Beyond this no machine at hand holds the tables."""

WORTH_SEARCHING = 2.0**16
"""Cells from which on a better order is looked for."""

CHUNK = 16384


@dataclass(frozen=True)
class Elimination:
    """An order in which to eliminate the variables, and its cost.

    Attributes
    ----------
    order : int32 (V,)
        Variables, the first eliminated first; shorter where the plan was given up.
    clique_start, members : int64 (V + 1,), int32
        When the i-th variable goes, it still interacts with ``members[clique_start[i]:clique_start[i + 1]]``.
    width : int
        Variables of the largest table less one: the width of the tree.
    cells, largest : float
        Entries of all tables together, and of the largest; infinite where the plan was given up.
    complete : bool
        Whether the plan can be carried out.
    bytes : int
        Memory that all marginals take; 2**62 where the plan was given up.
    """

    order: Int32s
    clique_start: Int64s
    members: Int32s
    width: int
    cells: float
    largest: float
    complete: bool

    @property
    def bytes(self) -> int:
        """Memory that all marginals take: tables, and messages, of which there are at most half as many cells."""
        return int(12 * self.cells) + 400 * self.order.size if self.complete else 2**62


def plan_elimination(graph: FactorGraph, most_cells: float = MOST_CELLS, tries: int = 100) -> Elimination:
    """Return the cheapest of several elimination orders; min-fill first, others where there is much to gain.

    Parameters
    ----------
    graph : FactorGraph
        Without evidence: every variable is eliminated.
    most_cells : float
        Give up as soon as the tables would have more entries.
    tries : int
        Orders to consider where the first needs many cells: min-weight, and min-fill with ties broken at random; fewer where
        that would take longer than filling the tables.

    Raises
    ------
    GraphError
        If `most_cells` is not positive.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.exact import plan_elimination
    >>> plan = plan_elimination(si.FactorGraph([2, 2, 2], [(0, 1), (1, 2)], [[1, 2, 3, 4], [4, 3, 2, 1]]))
    >>> plan.width, plan.cells
    (1, 10.0)

    References
    ----------
    Kjærulff, U. (1990). Triangulation of graphs: algorithms giving small total state space. Aalborg R 90-09.
    """
    if not most_cells > 0:
        raise GraphError(f"most_cells = {most_cells}: a positive number is needed")
    start, neighbours = interactions(graph)
    log_size = np.log(graph.n_states.astype(np.float64))
    noise = np.zeros(graph.n_variables)
    best = _ordered(Interactions(start, neighbours, log_size, noise, most_cells), Eliminate())
    rng = np.random.default_rng(0)
    for attempt in range(min(tries, int(min(best.cells, 1e9) / (WORTH_SEARCHING + 2000 * graph.n_variables)))):
        limit = min(most_cells, 0.98 * best.cells)
        kernel = Eliminate(1e-3, 1.0) if attempt == 0 else Eliminate(1.0, 1e-3 if attempt % 2 else 0.3)
        noise = rng.random(graph.n_variables) * (0.0 if attempt == 0 else 0.9)
        other = _ordered(Interactions(start, neighbours, log_size, noise, limit), kernel)
        if other.complete:
            best = other
    return best


def _ordered(target: Interactions, kernel: Eliminate) -> Elimination:
    """Eliminate all variables, or until there are too many cells."""
    n = target.n_points
    state = order_state(target)
    while state.counts[0] < n and state.counts[HALT] != TOO_LARGE:
        if state.counts[HALT] == FULL:
            state = _enlarged(state)
        run_points(kernel, target, state, n, np.full(n, 2000.0))
    done = int(state.counts[0])
    starts = state.clique_start[: done + 1].copy()
    width = int(np.diff(starts).max(initial=0))
    complete = done == n
    cells, largest = (float(state.cells[0]), float(state.cells[1])) if complete else (math.inf, math.inf)
    members = state.members[: int(starts[-1])].copy()
    return Elimination(state.position[:done].copy(), starts, members, width, round(cells, 6), round(largest, 6), complete)


def _enlarged(state: OrderState) -> OrderState:
    """Return the state with twice the room."""
    state.counts[HALT] = 0
    pool, members = (np.concatenate([array, np.empty_like(array)]) for array in (state.pool, state.members))
    return state._replace(pool=pool, members=members)


def interactions(graph: FactorGraph) -> tuple[Int64s, Int32s]:
    """Return the variables that share a factor with each variable: starts (V + 1,), and the neighbours, ascending."""
    flat = graph.flat
    n = graph.n_variables
    arity = np.diff(flat.scope_start)
    keys = [np.empty(0, np.int64)]
    for size in np.unique(arity[arity > 1]).tolist():
        members = flat.scope[flat.scope_start[:-1][arity == size][:, None] + np.arange(size)].astype(np.int64)
        left, right = np.nonzero(~np.eye(size, dtype=bool))
        keys.append((members[:, left] * n + members[:, right]).ravel())
    edges = np.unique(np.concatenate(keys))
    start = np.concatenate([[0], np.cumsum(np.bincount(edges // n, minlength=n))]).astype(np.int64)
    return start, (edges % n).astype(np.int32)
