"""Exact answers for a graph without evidence: all marginals, the partition function, the most probable state, draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.memory import demand
from stochinf.engine.random import stream
from stochinf.engine.streams import entropy_of
from stochinf.graphs.exact.algebra import Maximal
from stochinf.graphs.exact.calibration import JunctionTree, check_memory, collect, impossible, loaded
from stochinf.graphs.exact.driving import run_points
from stochinf.graphs.exact.elimination import Elimination, plan_elimination
from stochinf.graphs.exact.junction_tree import CliqueTree, clique_tree
from stochinf.graphs.exact.messages import Collect, tree_state
from stochinf.graphs.exact.pruning import pruned
from stochinf.graphs.exact.sweeping import Backtrack, ChoiceState, Cumulate, DrawState, DrawTree
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["exact_draws", "exact_log_partition", "exact_map", "exact_marginals"]

Floats = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]


def exact_marginals(graph: FactorGraph, memory: int | None = None, plan: Elimination | None = None) -> tuple[Floats, float]:
    """Return the marginal probabilities of all states of all variables, and the log partition function.

    Parameters
    ----------
    graph : FactorGraph
    memory : int, optional
        Bytes that may be taken; half of what is free by default.
    plan : Elimination, optional
        From `plan_elimination`.

    Returns
    -------
    float64 (sum of n_states,), float
        Probabilities, variable by variable, and ln Z.

    Raises
    ------
    GraphError
        If no configuration is possible.
    MemoryLimitError
        If the tables do not fit; nothing has been allocated.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.exact import exact_marginals
    >>> exact_marginals(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]))[0].round(12).tolist()
    [0.25, 0.75, 0.3, 0.7]
    """
    return JunctionTree(graph, plan, memory).propagate()


def exact_log_partition(graph: FactorGraph, memory: int | None = None, plan: Elimination | None = None) -> float:
    """Return the natural logarithm of the partition function.

    Variables that cannot matter are left out first, and only one table at a time is held.

    Parameters, errors: as `exact_marginals`; a plan given is carried out as it is.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.exact import exact_log_partition
    >>> round(exact_log_partition(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])), 4)
    3.6889
    """
    constant = 0.0
    if plan is None:
        smaller, constant = pruned(graph)
        if smaller is None:
            return constant
        graph, plan = smaller, plan_elimination(smaller)
    tree, _ = _upward_tree(graph, plan, memory, choices=False)
    state = tree_state(tree, graph.n_factors, graph.log_weights.size, int(tree.cells.max()), 0, 0)
    return constant + collect(tree, state, graph.log_weights, graph, conditionals=False)


def exact_map(graph: FactorGraph, memory: int | None = None, plan: Elimination | None = None) -> tuple[Int32s, float]:
    """Return a configuration of highest probability, as state indices, and its log score.

    Parameters, errors: as `exact_marginals`.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.exact import exact_map
    >>> states, score = exact_map(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]))
    >>> states.tolist(), round(score, 4)
    ([1, 1], 3.2958)

    References
    ----------
    Dawid, A. P. (1992). Applications of a general propagation algorithm for probabilistic expert systems. Statistics and
    Computing 2, section 3.
    """
    plan = plan_elimination(graph) if plan is None else plan
    tree, choices = _upward_tree(graph, plan, memory, choices=True)
    state = tree_state(tree, graph.n_factors, graph.log_weights.size, int(tree.cells.max()), 0, choices)
    loaded(graph, graph.log_weights, state, linear=False)
    work = (2.0 + np.diff(tree.operand_start)) * tree.cells
    run_points(Collect(Maximal()), tree, state, tree.n_points, work)
    if not state.scale.min() > -np.inf:
        raise impossible(graph)
    states = np.zeros((1, graph.n_variables), np.int32)
    run_points(Backtrack(), tree, ChoiceState(states, np.empty(0), state.choice), tree.n_points)
    return states[0], score_of(graph, states[0])


def exact_draws(
    graph: FactorGraph, n: int, rng: Any = None, memory: int | None = None, plan: Elimination | None = None
) -> Int32s:
    """Return independent draws from the distribution itself.

    Parameters
    ----------
    graph : FactorGraph
    n : int
        Number of draws.
    rng : int, SeedSequence, Generator, optional
    memory, plan
        As in `exact_marginals`.

    Returns
    -------
    int32 (n, V)
        State indices.

    Raises
    ------
    GraphError
        If no configuration is possible.
    MemoryLimitError
        If the tables do not fit.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.exact import exact_draws
    >>> exact_draws(si.FactorGraph([2, 2], [(0,), (0, 1)], [[0, 3], [9, 1, 0, 9]]), 3, rng=1).tolist()
    [[1, 1], [1, 1], [1, 1]]
    """
    draws = counted("n", n, least=0)
    demand(4 * draws * graph.n_variables, f"{draws} draws of {graph.n_variables} variables")
    junction = JunctionTree(graph, plan, memory)
    junction.collect()
    tree, tables = junction.tree, junction.state.tables
    run_points(Cumulate(), tree, junction.state, tree.n_points, tree.cells)
    state = DrawState(np.zeros((draws, graph.n_variables), np.int32), np.empty(0), tables)
    words = stream(np.random.SeedSequence(entropy_of(rng)))
    if draws:
        run_points(DrawTree(), tree, state, draws, np.full(draws, 50.0 * graph.n_variables), words)
    return state.position


def score_of(graph: FactorGraph, states: npt.NDArray[Any]) -> float:
    """Return the log score of a configuration of state indices (V,)."""
    flat = graph.flat
    reach = np.concatenate([[0], np.cumsum(flat.stride * states[flat.scope])])
    return float(flat.log_weights[flat.table_start[:-1] + reach[flat.scope_start[1:]] - reach[flat.scope_start[:-1]]].sum())


def _upward_tree(graph: FactorGraph, plan: Elimination, memory: int | None, choices: bool) -> tuple[CliqueTree, int]:
    """Return a tree whose tables take turns in one place, and the number of entries of all messages."""
    if plan.complete:
        fewest = int(8 * plan.largest) + 8 * graph.log_weights.size + 400 * graph.n_variables
        check_memory(graph, plan, fewest, memory)
    tree = clique_tree(graph, plan)
    messages = int(tree.message_start[-1])
    needed = 8 * (int(tree.cells.max()) + graph.log_weights.size + messages) + 4 * messages * choices + 400 * graph.n_variables
    check_memory(graph, plan, needed, memory)
    return tree._replace(table_start=np.zeros_like(tree.table_start)), messages if choices else 0
