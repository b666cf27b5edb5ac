"""Parts with too many configurations to list, summed out over a junction tree."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.graphs.exact.calibration import JunctionTree, indicators
from stochinf.graphs.exact.driving import run_points
from stochinf.graphs.exact.elimination import plan_elimination
from stochinf.graphs.exact.junction_tree import CliqueTree
from stochinf.graphs.exact.messages import TreeState, add_up
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import FlatFactors, Floats
from stochinf.learning.instances import Instance

__all__ = ["STEP", "Propagated", "factor_marginals", "tree_cells"]

STEP = 1e-5
"""Of central differences of the gradient."""


@part(single=True)
class Gather(NamedTuple):
    """Add the joint probabilities of a clique to the tables of its factors, which lie at the front of the pool."""

    entries: int

    def update(self, target: CliqueTree, state: TreeState, point: int, rate: float, rng: Any) -> None:
        """Do one clique."""
        for o in range(target.operand_start[point], target.operand_start[point + 1]):
            if target.operand_source[o] < self.entries:
                add_up(target, state, point, target.operand_source[o], target.operand_row[o])


def factor_marginals(
    tree: JunctionTree, log_tables: Floats | None = None, likelihood: Floats | None = None
) -> tuple[Floats, float]:
    """Return the probability of every entry of every table, and the log partition function.

    Parameters
    ----------
    tree : JunctionTree
    log_tables, likelihood : float64, optional
        As in `JunctionTree.collect`.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.exact import JunctionTree
    >>> from stochinf.learning.trees import factor_marginals
    >>> graph = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> factor_marginals(JunctionTree(graph))[0].round(6).tolist()
    [0.25, 0.75, 0.225, 0.025, 0.075, 0.675]
    """
    _, log_partition = tree.propagate(log_tables, likelihood)
    state, entries = tree.state, tree.graph.log_weights.size
    state.pool[:entries] = 0.0
    run_points(Gather(entries), tree.tree, state, tree.tree.n_points, 3.0 * tree.tree.cells)
    return state.pool[: tree.entries].copy(), log_partition


def graph_of(instance: Instance) -> FactorGraph:
    """Return a part as a graph, its weights zero."""
    e = instance.entries
    flat = FlatFactors(
        e.cardinality.copy(), e.scope_start.copy(), e.scope.copy(), e.stride.copy(), e.table_start.copy(), e.base.copy()
    )
    return FactorGraph.from_flat(flat)


def tree_cells(instance: Instance) -> float:
    """Return the cells that one evaluation of a part fills; infinite where no tree is small enough."""
    plan = plan_elimination(graph_of(instance))
    passes = 1.0 + np.count_nonzero(~instance.complete)
    return float(plan.cells) * passes if plan.complete else np.inf


class Propagated:
    """A part with its junction tree.

    Parameters
    ----------
    instance : Instance
    memory : int, optional
        Bytes that tables may take.

    Raises
    ------
    MemoryLimitError
        If they need more.
    """

    def __init__(self, instance: Instance, memory: int | None = None) -> None:
        self.entries = instance.entries
        used = np.unique(self.entries.weight_id)
        self.used = used[used >= 0].astype(np.int64)
        graph = graph_of(instance)
        self.tree = JunctionTree(graph, None, memory)
        self.total = float(instance.weights.sum())
        whole = instance.complete
        self.impossible: npt.NDArray[Any] | None = None
        self.counts = self._counts(instance.patterns[whole], instance.weights[whole])
        self.constant = float(self.counts[self.counts > 0] @ self.entries.base[self.counts > 0])
        if not self.constant > -np.inf:
            self.impossible = instance.patterns[whole][0]
        self.hidden = [
            (weight, indicators(graph, pattern))
            for pattern, weight in zip(instance.patterns[~whole], instance.weights[~whole].tolist(), strict=True)
        ]

    def _counts(self, patterns: npt.NDArray[Any], weights: Floats) -> Floats:
        """Return how often each entry is active in complete patterns."""
        entries = self.entries
        counts = np.zeros(int(entries.table_start[-1]))
        for f in range(entries.n_factors):
            places = slice(int(entries.scope_start[f]), int(entries.scope_start[f + 1]))
            entry = entries.table_start[f] + patterns[:, entries.scope[places]] @ entries.stride[places]
            np.add.at(counts, entry, weights)
        return counts

    def _totals(self, weights: Floats, out: Floats) -> None:
        out += self.entries.totals(weights, out.size)

    def evaluate(self, values: Floats, model: Floats, data: Floats) -> float:
        """Add the statistics that the model and the data expect; return the log likelihood; as `Enumerated.evaluate`."""
        logs = self.entries.log_tables(values)
        chances, log_partition = factor_marginals(self.tree, logs)
        self._totals(self.total * chances, model)
        seen = np.array(self.counts)
        found = self.constant - self.total * log_partition
        found += float(self.counts @ (np.append(values, 0.0)[self.entries.weight_id] * self.entries.feature))
        for weight, likelihood in self.hidden:
            chances, agreed = factor_marginals(self.tree, logs, likelihood)
            seen += weight * chances
            found += weight * agreed
        self._totals(seen, data)
        return found

    def extremes(self) -> tuple[Floats, Floats]:
        """Return bounds of the sums of statistics that as many observations can have."""
        entries, size = self.entries, int(self.used.max(initial=-1)) + 1
        low, high = np.zeros(size), np.zeros(size)
        for f in range(entries.n_factors):
            cells = slice(int(entries.table_start[f]), int(entries.table_start[f + 1]))
            ids, features = entries.weight_id[cells], entries.feature[cells]
            for k in np.unique(ids[ids >= 0]).tolist():
                active = np.where(ids == k, features, 0.0)
                low[k] += active.min()
                high[k] += active.max()
        return self.total * low[self.used], self.total * high[self.used]

    def information(self, values: Floats, out: Floats) -> None:
        """Add minus the second derivatives of the log likelihood, by central differences, to `out` (D, D)."""
        found = np.zeros((self.used.size, self.used.size))
        for place, k in enumerate(self.used.tolist()):
            sides = []
            for step in (STEP, -STEP):
                moved, model, data = np.array(values), np.zeros(values.size), np.zeros(values.size)
                moved[k] += step
                self.evaluate(moved, model, data)
                sides.append((model - data)[self.used])
            found[place] = (sides[0] - sides[1]) / (2.0 * STEP)
        out[np.ix_(self.used, self.used)] += 0.5 * (found + found.T)
