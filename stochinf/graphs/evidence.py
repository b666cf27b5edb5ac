"""Evidence: what was observed, as a dict from variable to state label, or to likelihoods of the states (soft evidence).

Soft evidence, also called virtual or likelihood evidence, multiplies the distribution by a factor of one variable,

    p(x, e) = p(x) prod_v l_v(x_v),   l_v(k) = p(what was seen | x_v = k).

References
----------
Pearl, J. (1988). Probabilistic Reasoning in Intelligent Systems, section 2.2.2 (virtual evidence).
"""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.flat import Floats, Int32s
from stochinf.graphs.naming import did_you_mean, listing, quote

if TYPE_CHECKING:
    from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["check_assignment", "check_evidence", "split_evidence", "state_of", "with_soft"]


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
        variable = _variable_of(graph, node)
        chosen[variable] = state_of(graph, variable, label)
    return chosen


def _variable_of(graph: "FactorGraph", node: Hashable) -> int:
    try:
        return graph.index[node]
    except (KeyError, TypeError):
        hint = did_you_mean(node, graph.variables)
        raise GraphError(f"evidence: variable {quote(node)} is not among the {graph.n_variables} of the graph{hint}") from None


def check_assignment(graph: "FactorGraph", assignment: Mapping[Any, Hashable]) -> Int32s:
    """Return the states of a complete assignment; as `check_evidence`, and no variable may be missing."""
    chosen = check_evidence(graph, assignment)
    if (chosen < 0).any():
        missing = graph.variables[int(np.argmin(chosen))]
        raise GraphError(f"assignment: variable {quote(missing)} has no state; give one for all {graph.n_variables} variables")
    return chosen


def state_of(graph: "FactorGraph", variable: int, label: Hashable) -> int:
    """Return the number of the state that a label of a variable, given by number, stands for.

    Raises
    ------
    GraphError
        If the variable has no such state.
    """
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


def split_evidence(graph: "FactorGraph", evidence: Mapping[Any, Any] | None) -> tuple[Int32s, dict[int, Floats]]:
    """Return hard evidence as `check_evidence` does, and soft evidence as log likelihoods.

    Parameters
    ----------
    graph : FactorGraph
        The graph with V variables.
    evidence : dict, or None
        By variable a state label; or likelihoods, a list or array in the order of the states or a dict by label: finite, at
        least 0, not all 0.

    Returns
    -------
    clamped : int32 (V,)
        Positions in ``graph.states[v]``, or -1.
    soft : dict of int to float64 (states,)
        Log likelihoods by number of variable.

    Raises
    ------
    GraphError
        If a variable or a label is unknown, or likelihoods break a rule.

    Examples
    --------
    >>> from stochinf.graphs import FactorGraph
    >>> graph = FactorGraph([2, 3], [("A", "B")], [[1, 2, 3, 4, 5, 6]], names=["A", "B"], states=[["off", "on"], list("xyz")])
    >>> split_evidence(graph, {"A": "on", "B": {"x": 1, "y": 0.5, "z": 0}})
    (array([ 1, -1], dtype=int32), {1: array([ 0.        , -0.69314718,        -inf])})
    """
    if evidence is not None and not isinstance(evidence, Mapping):
        raise GraphError(f"evidence is a {type(evidence).__name__}; give a dict from variable to state or likelihoods")
    hard: dict[Any, Any] = {}
    soft: dict[int, Floats] = {}
    for node, value in (evidence or {}).items():
        if isinstance(value, (list, Mapping)) or (isinstance(value, np.ndarray) and value.ndim):
            variable = _variable_of(graph, node)
            soft[variable] = _log_likelihoods(graph, variable, value)
        else:
            hard[node] = value
    return check_evidence(graph, hard), soft


def _log_likelihoods(graph: "FactorGraph", variable: int, given: Any) -> Floats:
    labels, title = graph.labels(variable), f"evidence: variable {quote(graph.variables[variable])}"
    if isinstance(given, Mapping):
        by_state = {state_of(graph, variable, label): value for label, value in given.items()}
        if len(by_state) != len(labels):
            missing = next(label for k, label in enumerate(labels) if k not in by_state)
            raise GraphError(
                f"{title}: no likelihood for state {quote(missing)}; give one for each of its states, 0 for impossible"
            )
        given = [by_state[k] for k in range(len(labels))]
    try:
        likelihoods = np.array(given)
    except ValueError:
        likelihoods = np.array(None)
    if likelihoods.dtype.kind not in "iuf" or likelihoods.shape != (len(labels),):
        raise GraphError(f"{title}: likelihoods {quote(given)}; give {len(labels)} numbers, one for each of its states")
    likelihoods = likelihoods.astype(np.float64)
    if not (np.isfinite(likelihoods) & (likelihoods >= 0)).all() or not likelihoods.any():
        raise GraphError(f"{title}: likelihoods {quote(likelihoods.tolist())}; they are finite, at least 0 and not all 0")
    with np.errstate(divide="ignore"):
        logs: Floats = np.log(likelihoods)
    return logs


def with_soft(graph: "FactorGraph", soft: Mapping[int, Floats]) -> "FactorGraph":
    """Return the graph with a factor of one variable more for each soft evidence; the graph itself where there is none.

    Parameters
    ----------
    graph : FactorGraph
    soft : dict of int to float64 (states,)
        Log likelihoods by number of variable, as `split_evidence` returns them.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs import FactorGraph
    >>> graph = FactorGraph([2], [(0,)], [[0.5, 0.5]])
    >>> with_soft(graph, {0: np.log([0.2, 1.0])}).weights.round(3).tolist()
    [0.5, 0.5, 0.2, 1.0]
    """
    from stochinf.graphs.factor_graph import FactorGraph
    from stochinf.graphs.logic.graph import LogicalGraph

    if not soft:
        return graph
    if isinstance(graph, LogicalGraph):
        return graph.with_field(dict(soft))
    variables = np.fromiter(soft, np.int32, len(soft))
    flat, n = graph.flat, len(soft)
    sizes = flat.cardinality[variables].astype(np.int64)
    extended = flat._replace(
        scope_start=np.concatenate([flat.scope_start, flat.scope_start[-1] + np.arange(1, n + 1)]),
        scope=np.concatenate([flat.scope, variables]),
        stride=np.concatenate([flat.stride, np.ones(n, np.int64)]),
        table_start=np.concatenate([flat.table_start, flat.table_start[-1] + np.cumsum(sizes)]),
        log_weights=np.concatenate([flat.log_weights, *soft.values()]),
    )
    child = None if graph.child is None else np.concatenate([graph.child, np.full(n, -1, np.int32)])
    plain = all(isinstance(graph.labels(v), range) for v in range(graph.n_variables))
    states = None if plain else [graph.labels(v) for v in range(graph.n_variables)]
    return FactorGraph.from_flat(extended, graph.variables, states, child=child)
