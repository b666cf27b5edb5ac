"""Bayesian networks: conditional tables to a factor graph that remembers whose conditional each factor is."""

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import MAX_ENTRIES, FlatFactors, Floats, Int32s, flat_factors, log_of_weights
from stochinf.graphs.naming import factor_title, listing, quote

__all__ = ["CPT_TOLERANCE", "bayesian_network", "check_rows", "conditional_layout", "families_of", "is_acyclic", "is_conditional"]

CPT_TOLERANCE = 1e-3
"""How far from 1 a row of a conditional table may sum: files have few digits."""


def conditional_layout(
    cardinality: Sequence[int] | npt.NDArray[Any],
    families: Sequence[Sequence[int]],
    variables: Sequence[Hashable],
    source: str,
    max_entries: int = MAX_ENTRIES,
) -> FlatFactors:
    """Lay out one conditional table for each variable, before any is read.

    Parameters
    ----------
    cardinality : V ints
        Number of states of each variable.
    families : sequence of V sequences of ints
        The parents of a variable in the order of the table's axes, then the variable itself.
    variables : sequence of V hashables
        Names, for messages.
    source : str
        What messages call the model.
    max_entries : int
        Entries all tables together may have.

    Raises
    ------
    GraphError
        If a variable has no table or two, or the parents form a cycle.
    MemoryLimitError
        If the tables need more than ``max_entries`` entries.
    """
    owners = [family[-1] for family in families]
    tables = np.bincount(np.array(owners, np.int64), minlength=len(variables))
    if (tables != 1).any():
        culprit = int(np.argmax(tables != 1))
        many = "no conditional table" if tables[culprit] == 0 else f"{tables[culprit]} conditional tables"
        raise GraphError(f"{source}: variable {quote(variables[culprit])} has {many}; give one for each variable")
    _refuse_cycles({family[-1]: family[:-1] for family in families}, variables, source)
    arity = np.fromiter(map(len, families), np.int64, len(families))
    scope = np.array([v for family in families for v in family], np.int32)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity)])
    return flat_factors(np.array(cardinality, np.int32), starts, scope, variables, max_entries)


def is_acyclic(families: Sequence[Sequence[int]], n_variables: int) -> bool:
    """Return whether families (parents, then the child) are one for each variable and have no cycle.

    >>> is_acyclic([[0], [0, 1]], 2), is_acyclic([[1, 0], [0, 1]], 2), is_acyclic([[0]], 2)
    (True, False, False)
    """
    parents = {family[-1]: family[:-1] for family in families}
    return len(parents) == len(families) == n_variables and not _stuck(parents)


def _stuck(parents: dict[int, Sequence[int]]) -> set[int]:
    """Return the variables that lie on a cycle or below one."""
    children: dict[int, list[int]] = {v: [] for v in parents}
    left = {v: len(above) for v, above in parents.items()}
    for v, above in parents.items():
        for parent in above:
            children[parent].append(v)
    ready = [v for v, n in left.items() if n == 0]
    for v in ready:
        for child in children[v]:
            left[child] -= 1
            if left[child] == 0:
                ready.append(child)
    return {v for v, n in left.items() if n}


def _refuse_cycles(parents: dict[int, Sequence[int]], variables: Sequence[Hashable], source: str) -> None:
    stuck = _stuck(parents)
    if not stuck:
        return
    walk: list[int] = [next(iter(stuck))]
    place: dict[int, int] = {}
    while walk[-1] not in place:
        place[walk[-1]] = len(walk) - 1
        walk.append(next(parent for parent in parents[walk[-1]] if parent in stuck))
    names = listing([variables[v] for v in walk[place[walk[-1]] :][::-1]])
    raise GraphError(f"{source}: a cycle of parents and children: {names}; a Bayesian network has none")


def bayesian_network(
    layout: FlatFactors,
    weights: Floats,
    variables: Sequence[Hashable] | None,
    states: Sequence[Sequence[Hashable]] | None,
    source: str,
) -> FactorGraph:
    """Return the graph of conditional tables, the child last in each scope.

    Parameters
    ----------
    layout : FlatFactors
        From `conditional_layout`.
    weights : float64
        Entries of all tables.
    variables, states : sequences, optional
        Names and labels, as `FactorGraph.from_flat` has them.
    source : str
        What messages call the model.

    Raises
    ------
    GraphError
        If an entry is no probability, or a row does not sum to 1 within `CPT_TOLERANCE`.
    """
    names = range(layout.cardinality.size) if variables is None else variables
    flat = layout._replace(log_weights=log_of_weights(weights, layout, names))
    child = layout.scope[layout.scope_start[1:] - 1]
    check_rows(weights, layout, child, names, source)
    return FactorGraph.from_flat(flat, variables, states, child=child)


def check_rows(weights: Floats, layout: FlatFactors, child: Int32s, variables: Sequence[Hashable], source: str) -> None:
    """Demand that the rows of conditional tables, the child last, sum to 1.

    Raises
    ------
    GraphError
        Naming the factor, the row's number and its sum.
    """
    counts = layout.cardinality[child].astype(np.int64)
    lengths = np.repeat(counts, np.diff(layout.table_start) // counts)
    if lengths.size == 0:
        return
    starts = np.cumsum(lengths) - lengths
    sums = np.add.reduceat(weights, starts)
    wrong = np.flatnonzero(~(np.abs(sums - 1) <= CPT_TOLERANCE))
    if wrong.size:
        first = int(starts[wrong[0]])
        factor = int(np.searchsorted(layout.table_start, first, side="right")) - 1
        row = (first - int(layout.table_start[factor])) // int(counts[factor])
        nodes = [variables[v] for v in layout.scope[layout.scope_start[factor] : layout.scope_start[factor + 1]]]
        raise GraphError(
            f"{source}: {factor_title(factor, nodes)}: row {row} of the conditional table of variable {quote(nodes[-1])} "
            f"sums to {sums[wrong[0]]:.6g}, not 1"
        )


def is_conditional(graph: FactorGraph) -> bool:
    """Return whether a graph is a Bayesian network: every factor is the conditional of another variable, the child last."""
    child, flat = graph.child, graph.flat
    if child is None or child.size != graph.n_variables or (np.diff(flat.scope_start) == 0).any():
        return False
    last = flat.scope[flat.scope_start[1:] - 1]
    return bool((child == last).all() and np.unique(child).size == child.size)


def families_of(graph: FactorGraph, form: str) -> list[list[int]]:
    """Return parents and child, by number, of each factor of a Bayesian network.

    Raises
    ------
    GraphError
        If the graph is none; ``form`` is what needs one.
    """
    if not is_conditional(graph):
        raise GraphError(
            f"{form} holds Bayesian networks: one conditional table for each variable, the child last; this graph was not built "
            "as one. Write .uai or .fg, which hold any factors"
        )
    scope, starts = graph.flat.scope.tolist(), graph.flat.scope_start.tolist()
    return [scope[a:b] for a, b in pairwise(starts)]
