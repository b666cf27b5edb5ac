"""Junction trees as objects: built once for a graph, propagated for any numbers and any evidence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError, MemoryLimitError, StochinfError
from stochinf.engine.memory import available
from stochinf.graphs.exact.algebra import TINY, Linear, Logarithmic
from stochinf.graphs.exact.driving import run_points
from stochinf.graphs.exact.elimination import Elimination, plan_elimination
from stochinf.graphs.exact.junction_tree import CliqueTree, clique_tree
from stochinf.graphs.exact.messages import Collect, Distribute, TreeState, tree_state
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["JunctionTree", "check_memory", "collect", "impossible", "indicators", "loaded"]

Floats = npt.NDArray[np.float64]

SHARE = 0.5
"""Share of the free memory that exact inference takes unless told otherwise."""


class JunctionTree:
    """A junction tree with its tables; one upward and one downward pass give all marginals.

    Parameters
    ----------
    graph : FactorGraph
    plan : Elimination, optional
        From `plan_elimination`; made here by default.
    memory : int, optional
        Bytes that may be taken; half of what is free by default.

    Raises
    ------
    MemoryLimitError
        If more would be needed; nothing has been allocated.

    Examples
    --------
    The tree is built once; evidence, and other numbers in the same tables, rebuild nothing:

    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.exact import JunctionTree
    >>> graph = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> tree = JunctionTree(graph)
    >>> probabilities, log_partition = tree.propagate()
    >>> probabilities.round(12).tolist(), round(log_partition, 4)
    ([0.25, 0.75, 0.3, 0.7], 3.6889)
    >>> tree.propagate(likelihood=np.array([1.0, 1.0, 0.0, 1.0]))[0].round(4).tolist()
    [0.0357, 0.9643, 0.0, 1.0]

    References
    ----------
    Jensen, F. V., Lauritzen, S. L. and Olesen, K. G. (1990). Bayesian updating in causal probabilistic networks by local
    computations. Computational Statistics Quarterly 4.
    """

    def __init__(self, graph: FactorGraph, plan: Elimination | None = None, memory: int | None = None) -> None:
        self.graph = covered(graph)
        self.entries = graph.log_weights.size
        plan = plan_elimination(graph) if plan is None else plan
        check_memory(graph, plan, plan.bytes, memory)
        self.tree = clique_tree(self.graph, plan)
        self._state: TreeState | None = None
        self._homes: tuple[Any, Any] | None = None

    @property
    def state(self) -> TreeState:
        """Tables and messages, allocated when first needed."""
        if self._state is None:
            tree = self.tree
            blocks = tree.cells // np.diff(tree.message_start)
            cells = int(tree.table_start[-1])
            self._state = tree_state(
                tree, self.graph.n_factors, self.graph.log_weights.size, cells, int(blocks.max(initial=1)), 0
            )
        return self._state

    def collect(self, log_tables: Floats | None = None, likelihood: Floats | None = None) -> float:
        """Fill the tables and send the messages to the roots; return the log partition function.

        Parameters
        ----------
        log_tables : float64, optional
            Logarithms of all tables' entries, laid out as `graph.log_weights`, which they replace.
        likelihood : float64 (sum of n_states,), optional
            A weight for each state of each variable: 0 and 1 for evidence, anything else for soft evidence.

        Raises
        ------
        GraphError
            If no configuration is possible.
        """
        logs = self._logs(log_tables, likelihood)
        return collect(self.tree, self.state, logs, self.graph, conditionals=True)

    def propagate(self, log_tables: Floats | None = None, likelihood: Floats | None = None) -> tuple[Floats, float]:
        """Return all marginals, flat in the order of variables, and the log partition function; see `collect`."""
        value = self.collect(log_tables, likelihood)
        run_points(Distribute(), self.tree, self.state, self.tree.n_points, 3.0 * self.tree.cells[::-1])
        return self.state.position.copy(), value

    def _logs(self, log_tables: Floats | None, likelihood: Floats | None) -> Floats:
        logs = self.graph.log_weights
        if log_tables is not None:
            given = np.asarray(log_tables, np.float64).ravel()
            if given.size != self.entries or not (given < np.inf).all():
                raise GraphError(f"log_tables: {self.entries} numbers below +inf are needed, as in graph.log_weights")
            logs = np.concatenate([given, np.zeros(logs.size - self.entries)])
        if likelihood is None:
            return logs
        weights = np.asarray(likelihood, np.float64).ravel()
        most = int(self.tree.state_start[-1])
        if weights.size != most or not ((weights >= 0) & (weights < np.inf)).all():
            raise GraphError(f"likelihood: {most} finite weights of at least 0 are needed, one for each state of each variable")
        if self._homes is None:
            self._homes = _entries_of_variables(self.graph)
        entry, state = self._homes
        with np.errstate(divide="ignore"):
            changed = np.array(logs)
            np.add.at(changed, entry, np.log(weights)[state])
        return changed


def collect(tree: CliqueTree, state: TreeState, logs: Floats, graph: FactorGraph, conditionals: bool) -> float:
    """Send all messages upwards: in the linear domain, and again in the logarithmic one where a product came to nothing."""
    work = (2.0 + np.diff(tree.operand_start)) * tree.cells
    constant = loaded(graph, logs, state, linear=True)
    if state.lost[0] == 0:
        run_points(Collect(Linear(conditionals)), tree, state, tree.n_points, work)
    if state.lost[0] or not np.isfinite(state.pool[graph.log_weights.size :]).all():
        constant = loaded(graph, logs, state, linear=False)
        run_points(Collect(Logarithmic(conditionals)), tree, state, tree.n_points, 8.0 * work)
    value = math.fsum([constant, *state.scale.tolist()])
    if not value > -math.inf:
        raise impossible(graph)
    return value


def loaded(graph: FactorGraph, logs: Floats, state: TreeState, linear: bool) -> float:
    """Write the factors into the pool, the largest entry of each 1 (its logarithm 0); return the sum of what was divided by."""
    flat = graph.flat
    state.lost[0] = 0
    if not logs.size:
        return 0.0
    highest = np.maximum.reduceat(logs, flat.table_start[:-1])
    if highest.min() == -np.inf:
        raise impossible(graph)
    scaled = logs - np.repeat(highest, np.diff(flat.table_start))
    if linear:
        possible = scaled > -np.inf
        np.exp(scaled, out=scaled)
        state.lost[0] = np.count_nonzero((scaled < TINY) & possible)
        lowest = np.minimum.reduceat(np.where(possible, scaled, 1.0), flat.table_start[:-1])
        state.least[: lowest.size] = np.log(np.maximum(lowest, TINY))
    else:
        state.least[:] = 0.0
    state.pool[: logs.size] = scaled
    return math.fsum(highest.tolist())


def impossible(graph: FactorGraph) -> GraphError:
    """Return the error of a graph without any possible configuration; it names factors that contradict each other."""
    from stochinf.graphs.feasible import feasible_states

    why = "take evidence away, or give the zeros small positive weights"
    try:
        feasible_states(graph, None, 1, rng=0)
    except GraphError as error:
        why = str(error)
    return GraphError(f"{graph}: no configuration is possible, the partition function is 0: {why}")


def check_memory(graph: FactorGraph, plan: Elimination, needed: int, memory: int | None) -> None:
    """Refuse a plan that needs more memory than allowed, before anything is taken.

    Raises
    ------
    MemoryLimitError
        Naming the bytes needed and allowed, and ways out.
    StochinfError
        If `memory` is not a positive number.
    """
    if memory is not None and not memory > 0:
        raise StochinfError(f"memory = {memory!r}: a positive number of bytes is needed")
    if memory is None and needed < 2**26:
        return
    limit = int(SHARE * available()) if memory is None else int(memory)
    if plan.complete and needed <= limit:
        return
    need = f"{needed} bytes needed" if plan.complete else "more cells needed than were counted"
    raise MemoryLimitError(
        f"exact inference on {graph}: {need}, {limit} allowed (largest table {plan.largest:.3g} cells, width {plan.width}); "
        "raise memory=, observe more variables, or use a sampler"
    )


def covered(graph: FactorGraph) -> FactorGraph:
    """Return the graph with a factor of ones for each variable that has none, behind the others."""
    flat = graph.flat
    bare = np.setdiff1d(np.arange(graph.n_variables, dtype=np.int32), flat.scope)
    if not bare.size:
        return graph
    sizes = flat.cardinality[bare].astype(np.int64)
    more = flat._replace(
        scope_start=np.concatenate([flat.scope_start, flat.scope_start[-1] + np.arange(1, bare.size + 1)]),
        scope=np.concatenate([flat.scope, bare]),
        stride=np.concatenate([flat.stride, np.ones(bare.size, np.int64)]),
        table_start=np.concatenate([flat.table_start, flat.table_start[-1] + np.cumsum(sizes)]),
        log_weights=np.concatenate([flat.log_weights, np.zeros(int(sizes.sum()))]),
    )
    return FactorGraph.from_flat(more, graph.variables)


def indicators(graph: FactorGraph, clamped: npt.NDArray[np.int32]) -> Floats:
    """Return the likelihood of evidence: 1 for the observed state, 0 for the others; 1 for all states of free variables.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.exact.calibration import indicators
    >>> indicators(si.FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]]), np.array([-1, 2]))
    array([1., 1., 0., 0., 1.])
    """
    sizes = graph.n_states
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    observed = np.repeat(clamped, sizes)
    return np.where((observed < 0) | (observed == within), 1.0, 0.0)


def _entries_of_variables(graph: FactorGraph) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return, for the smallest factor of each variable, its entries, and the variable's state in each of them."""
    flat = graph.flat
    factor = np.repeat(np.arange(graph.n_factors), np.diff(flat.scope_start))
    sizes = np.diff(flat.table_start)[factor]
    first = np.lexsort((sizes, flat.scope))
    place = first[np.searchsorted(flat.scope[first], np.arange(graph.n_variables))]
    length = sizes[place]
    ends = np.cumsum(length)
    within = np.arange(ends[-1]) - np.repeat(ends - length, length)
    entry = np.repeat(flat.table_start[factor[place]], length) + within
    start = np.concatenate([[0], np.cumsum(flat.cardinality, dtype=np.int64)])[:-1]
    state = within // np.repeat(flat.stride[place], length) % np.repeat(flat.cardinality, length)
    return entry, np.repeat(start, length) + state
