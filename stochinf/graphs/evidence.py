"""Evidence: what was observed, as a dict from variable to state label."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.flat import Int32s
from stochinf.graphs.naming import did_you_mean, listing, quote

if TYPE_CHECKING:
    from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["check_assignment", "check_evidence"]


def check_evidence(graph: "FactorGraph", evidence: Mapping[Any, Hashable] | None) -> Int32s:
    """Return the observed state of each variable as a number, -1 where it is free.

    Parameters
    ----------
    graph : FactorGraph
        The graph with V variables.
    evidence : dict of variable to state label, or None
        What was observed; None and the empty dict leave all free.

    Returns
    -------
    int32 (V,)
        Positions in ``graph.states[v]``, or -1.

    Raises
    ------
    GraphError
        If a variable or a label is unknown; the nearest known one is suggested.

    Examples
    --------
    >>> from stochinf.graphs import FactorGraph
    >>> graph = FactorGraph([2, 3], [("A", "B")], [[1, 2, 3, 4, 5, 6]], names=["A", "B"], states=[["off", "on"], list("xyz")])
    >>> check_evidence(graph, {"A": "on"})
    array([ 1, -1], dtype=int32)
    """
    chosen = np.full(graph.n_variables, -1, dtype=np.int32)
    if evidence is None:
        return chosen
    if not isinstance(evidence, Mapping):
        raise GraphError(f"evidence is a {type(evidence).__name__}; give a dict from variable to state")
    for node, label in evidence.items():
        if node not in graph.index:
            hint = did_you_mean(node, graph.variables)
            raise GraphError(f"evidence: variable {quote(node)} is not among the {graph.n_variables} of the graph{hint}")
        variable = graph.index[node]
        chosen[variable] = _state_of(graph, variable, label)
    return chosen


def check_assignment(graph: "FactorGraph", assignment: Mapping[Any, Hashable]) -> Int32s:
    """Return the states of a complete assignment; as `check_evidence`, and no variable may be missing."""
    chosen = check_evidence(graph, assignment)
    if (chosen < 0).any():
        missing = graph.variables[int(np.argmin(chosen))]
        raise GraphError(f"assignment: variable {quote(missing)} has no state; give one for all {graph.n_variables} variables")
    return chosen


def _state_of(graph: "FactorGraph", variable: int, label: Hashable) -> int:
    labels = graph.labels(variable)
    try:
        hash(label)
        state = labels.index(label)
    except (ValueError, TypeError):
        state = -1
    if state < 0 or (isinstance(label, (bool, np.bool_)) and not isinstance(labels[state], (bool, np.bool_))):
        name, hint = quote(graph.variables[variable]), did_you_mean(label, labels)
        raise GraphError(f"variable {name} has no state {quote(label)}; its states are {listing(labels)}{hint}")
    return state
