"""Annealing of any factor graph in lanes: Gibbs sampling at falling temperature; the best state of every lane is kept.

Zeros are softened while annealing, to three times the widest range of log weights in a factor, so that a lane can cross
configurations that are impossible; states are judged by the tables as they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry, helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.search.budget import Budget, session_of
from stochinf.graphs.search.cooling import anneal_repeatedly
from stochinf.graphs.search.found import Found, found
from stochinf.graphs.search.modes import IteratedModes
from stochinf.graphs.search.temperatures import Range, solve_range
from stochinf.graphs.table_gibbs import TableGibbs, log_weights
from stochinf.graphs.targets import IMPOSSIBLE, TableGraph, graph_target

__all__ = ["BestStates", "anneal_tables", "softened", "table_range"]

NO_TABLES = np.empty(0, np.float32)
NO_STATES = np.empty((0, 0), np.int32)
NO_SCORES = np.empty((2, 0))
NO_PLACES = np.empty(0, np.int32)


@helper(reorder=True)
def add_scores(target: Any, tables: Any, states: Any, offset: Any, out: Any) -> None:
    """Write the log score of every lane."""
    for l in range(offset.size):
        out[l] = 0.0
    for f in range(target.table_start.size - 1):
        for l in range(offset.size):
            offset[l] = target.table_start[f]
        for q in range(target.scope_start[f], target.scope_start[f + 1]):
            j = target.scope[q]
            w = target.stride[q]
            for l in range(offset.size):
                offset[l] = np.int32(offset[l] + w * states[j, l])
        for l in range(offset.size):
            out[l] += tables[offset[l]]


@part
class BestStates(NamedTuple):
    """Keep the best state of every lane by the log weights `tables`, looking once a sweep.

    Attributes
    ----------
    tables : float32
        Log weights of all factors, as `TableGraph.log_tables`.
    best : int32 (V, lanes)
    scores : float64 (2, lanes)
        Of the present state and of the best.
    offset : int32 (lanes,)
        Work space.
    """

    tables: npt.NDArray[np.float32] = NO_TABLES
    best: npt.NDArray[np.int32] = NO_STATES
    scores: npt.NDArray[np.float64] = NO_SCORES
    offset: npt.NDArray[np.int32] = NO_PLACES

    def prepare(self, kernel: Any, target: TableGraph, state: Any, capacity: int) -> BestStates:
        """Allocate room for a state in every lane."""
        variables, lanes = state.position.shape
        demand(4 * self.tables.size + 4 * variables * lanes, f"best states of {lanes} chains")
        scores = np.zeros((2, lanes))
        scores[1] = -np.inf
        return BestStates(self.tables.copy(), state.position.copy(), scores, np.zeros(lanes, np.int32))

    def observe(self, target: TableGraph, state: Any) -> None:
        """Compare, and copy the lanes that have improved."""
        add_scores(target, self.tables, state.position, self.offset, self.scores[0])
        better = 0
        for l in range(self.offset.size):
            improved = self.scores[0, l] > self.scores[1, l]
            self.offset[l] = np.int32(1) if improved else np.int32(0)
            better += self.offset[l]
        if better > 0:
            for i in range(self.best.shape[0]):
                for l in range(self.offset.size):
                    self.best[i, l] = state.position[i, l] if self.offset[l] == 1 else self.best[i, l]
            for l in range(self.offset.size):
                self.scores[1, l] = max(self.scores[0, l], self.scores[1, l])


def softened(target: TableGraph) -> tuple[TableGraph, float]:
    """Return the target with zeros that can be crossed, and what crossing one costs at least (infinite where there is none)."""
    tables = target.log_tables
    possible = tables > IMPOSSIBLE / 2
    if possible.all():
        return target, np.inf
    lowest = float(tables[possible].min(initial=0.0))
    penalty = 3 * lowest - 10
    return target._replace(log_tables=np.maximum(tables, np.float32(penalty))), lowest - penalty


def table_range(target: TableGraph, entropy: int, crossing: float) -> Range:
    """Return the range of inverse temperatures, from random states and from local minima; see `temperatures`.

    A change that costs `crossing` or more makes a configuration impossible and does not count.
    """
    session = session_of(IteratedModes(), target, entropy, 8, observer=BestStates(target.log_tables), every=target.n_points)
    hot = changes(target, session.blocks[0].state)
    Budget(None, 1).advance(session, 20 * target.n_points)
    cold = changes(target, session.blocks[0].state)
    possible = cold < crossing
    return solve_range(hot[hot < crossing], cold[possible], max(int(possible.sum()), 1))


def changes(target: TableGraph, state: Any) -> npt.NDArray[np.float64]:
    """Return the least that a change of each variable adds to the energy, in every lane; infinite where it has one state."""
    out = np.empty(state.position.shape)
    least_changes(target, state, out)
    return out.ravel()


@entry
def least_changes(target: Any, state: Any, out: Any) -> None:
    """Write how much worse the best other state of each variable is, in every lane."""
    for i in range(out.shape[0]):
        log_weights(target, state.position, i, state.offset, state.potential)
        for l in range(out.shape[1]):
            here = state.position[i, l]
            least = np.inf
            for s in range(target.cardinality[i]):
                if s != here:
                    least = min(least, np.float64(state.potential[here, l] - state.potential[s, l]))
            out[i, l] = least


def anneal_tables(
    graph: FactorGraph, budget: Budget, entropy: int, chains: int, restarts: int, start: Any = None, mild: bool = False
) -> Found:
    """Anneal any factor graph in lanes; mildly, so that much of the start survives, where asked."""
    target: Any = graph_target(graph)
    soft, crossing = softened(target)
    span = table_range(soft, entropy, crossing)
    if mild:
        span = Range(float(np.sqrt(span.hot * span.cold)), span.cold)
    session = session_of(
        TableGibbs(), soft, entropy, chains, observer=BestStates(target.log_tables), every=target.n_points, start=start
    )
    lengths = anneal_repeatedly(session, span, budget, restarts, target.n_points)
    rows = [block.observer.best.T for block in session.blocks]
    return found(
        graph,
        np.concatenate(rows if start is None else [*rows, np.atleast_2d(start)]),
        f"annealing in {chains} lanes, {len(lengths)} anneals of {min(lengths)} to {max(lengths)} sweeps, inverse temperature "
        f"{span.hot:.3g} to {span.cold:.3g}",
    )
