"""Interventions on Bayesian networks: what a variable does is decided from outside, not by its parents."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.evidence import state_of
from stochinf.graphs.flat import Floats, flat_factors, log_of_weights
from stochinf.graphs.naming import did_you_mean, quote

if TYPE_CHECKING:
    from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["do"]

_TOLERANCE = 1e-6


def do(graph: "FactorGraph", interventions: Mapping[Any, Any]) -> "FactorGraph":
    r"""Return the network in which the conditionals of some variables are replaced.

    .. math:: p(x \mid do(X = s)) = [x_X = s] \prod_{v \ne X} p(x_v \mid x_{parents(v)}).

    Parameters
    ----------
    graph : FactorGraph
        A Bayesian network: read from BIF, XMLBIF or a UAI BAYES file, or built from a DiGraph, pgmpy or pyAgrum.
    interventions : dict
        By variable the state (label) that it is set to; or probabilities, a list or array in the order of its states, from
        which it is drawn whatever its parents are.

    Returns
    -------
    FactorGraph
        A Bayesian network with the same variables, to be observed and asked like any other.

    Raises
    ------
    GraphError
        If the graph does not know whose conditional a factor is, or a variable, state or distribution is none.

    Examples
    --------
    >>> from stochinf.graphs.formats import parse_uai
    >>> rain = parse_uai(b"BAYES 2 2 2 2 1 0 2 0 1 2 0.8 0.2 4 0.9 0.1 0.2 0.8")
    >>> rain.do({1: 1}).weights.round(3).tolist()
    [0.8, 0.2, 0.0, 1.0]

    References
    ----------
    Pearl, J. (2009). Causality, second edition, equation 3.10 (truncated factorisation).
    """
    from stochinf.graphs.factor_graph import FactorGraph

    if graph.child is None:
        raise GraphError(
            "do: this graph is no Bayesian network: it does not know whose conditional a factor is; read it from BIF, XMLBIF or "
            "a UAI BAYES file, or build it from a DiGraph, pgmpy or pyAgrum"
        )
    if not isinstance(interventions, Mapping):
        raise GraphError(f"do: interventions are {quote(interventions)}; give a dict from variable to state")
    replaced: dict[int, tuple[int, Floats]] = {}
    for node, value in interventions.items():
        if node not in graph.index:
            raise GraphError(f"do: no variable {quote(node)} in the graph{did_you_mean(node, graph.variables)}")
        variable = graph.index[node]
        factors = np.flatnonzero(graph.child == variable)
        if factors.size != 1:
            raise GraphError(f"do: variable {quote(node)} has {factors.size} conditional tables; exactly one can be replaced")
        replaced[int(factors[0])] = variable, _distribution(graph, variable, value)
    return (
        _rebuilt(graph, replaced)
        if replaced
        else FactorGraph.from_flat(graph.flat, graph.variables, list(graph.states.values()), child=graph.child)
    )


def _distribution(graph: "FactorGraph", variable: int, value: Any) -> Floats:
    count = int(graph.n_states[variable])
    if isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim):
        try:
            p = np.array(value, np.float64)
        except (ValueError, TypeError):
            p = np.empty(0)
        if p.shape != (count,) or not (p >= 0).all() or not abs(p.sum() - 1) <= _TOLERANCE:
            name = quote(graph.variables[variable])
            raise GraphError(f"do: variable {name}: {quote(value)}; give a state, or {count} probabilities that sum to 1")
        return p
    point = np.zeros(count)
    point[state_of(graph, variable, value)] = 1.0
    return point


def _rebuilt(graph: "FactorGraph", replaced: dict[int, tuple[int, Floats]]) -> "FactorGraph":
    from stochinf.graphs.factor_graph import FactorGraph

    flat, child = graph.flat, graph.child
    scopes = [flat.scope[a:b] for a, b in zip(flat.scope_start[:-1], flat.scope_start[1:], strict=True)]
    tables = [flat.log_weights[a:b] for a, b in zip(flat.table_start[:-1], flat.table_start[1:], strict=True)]
    with np.errstate(divide="ignore"):
        for factor, (variable, p) in replaced.items():
            scopes[factor] = np.array([variable], np.int32)
            tables[factor] = np.log(p)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum([scope.size for scope in scopes])])
    layout = flat_factors(flat.cardinality, starts, np.concatenate(scopes), graph.variables)
    logs = log_of_weights(np.concatenate(tables), layout, graph.variables, logarithms=True)
    states = list(graph.states.values())
    return FactorGraph.from_flat(layout._replace(log_weights=logs), graph.variables, states, child=child)
