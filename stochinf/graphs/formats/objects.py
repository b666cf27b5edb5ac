"""Models of other packages to factor graphs, by what they can do: none of the packages is imported."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.bulk import flatten_tables
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import flat_factors, log_of_weights
from stochinf.graphs.formats.conditionals import bayesian_network, conditional_layout
from stochinf.graphs.naming import quote

__all__ = ["convert_object"]


def convert_object(model: Any) -> FactorGraph:
    """Return a model of another package as a FactorGraph.

    Known are ``dimod.BinaryQuadraticModel`` (p ~ exp(-energy), states -1 and +1 or 0 and 1), pgmpy's
    ``DiscreteBayesianNetwork``, ``DiscreteMarkovNetwork`` and ``FactorGraph``, pyAgrum's ``BayesNet`` and
    ``MarkovRandomField``, and networkx graphs (see `stochinf.graphs.from_networkx.from_networkx`).

    Parameters
    ----------
    model : object
        A FactorGraph is returned as it is.

    Returns
    -------
    FactorGraph
        With the model's names and labels.

    Raises
    ------
    GraphError
        If the object is none of these, or its tables break a rule.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> bqm = SimpleNamespace(linear={"a": 1.0, "b": 0.0}, quadratic={("a", "b"): -2.0}, vartype="SPIN", offset=0.0)
    >>> convert_object(bqm).log_score({"a": 1, "b": 1})
    1.0
    """
    if isinstance(model, FactorGraph):
        return model
    for has, build in _KNOWN:
        if all(hasattr(model, name) for name in has):
            return build(model)
    raise GraphError(
        f"graph: a FactorGraph or a model of networkx, dimod, pgmpy or pyAgrum is needed, not {type(model).__name__}; "
        "files are read by read_graph(path)"
    )


def _networkx(model: Any) -> FactorGraph:
    return FactorGraph.from_networkx(model)


def _dimod(model: Any) -> FactorGraph:
    r"""Return a model of energy :math:`c + \sum_i a_i x_i + \sum_{ij} b_{ij} x_i x_j`, p proportional to exp(-energy)."""
    kind = getattr(model.vartype, "name", model.vartype)
    if kind not in ("SPIN", "BINARY"):
        raise GraphError(f"dimod model of vartype {quote(kind)}; SPIN or BINARY is needed")
    nodes = list(model.linear)
    index = {node: i for i, node in enumerate(nodes)}
    field = -_finite(model.linear.values(), nodes, "linear")
    pairs = list(model.quadratic.items())
    coupling = -_finite([value for _, value in pairs], [pair for pair, _ in pairs], "quadratic")
    edges = np.array([(index[a], index[b]) for (a, b), _ in pairs], np.int32).reshape(-1, 2)
    edges.sort(axis=1)
    offset = float(_finite([model.offset], ["offset"], "constant")[0])
    return _binary(nodes, field, edges, coupling, -offset, spin=kind == "SPIN")


def _finite(values: Any, names: Sequence[Any], what: str) -> Any:
    numbers = np.array([float(value) for value in values])
    if not np.isfinite(numbers).all():
        culprit = int(np.argmin(np.isfinite(numbers)))
        raise GraphError(f"dimod model: the {what} bias of {quote(names[culprit])} is {numbers[culprit]}; give finite numbers")
    return numbers


def _binary(nodes: list[Hashable], field: Any, edges: Any, coupling: Any, constant: float, spin: bool) -> FactorGraph:
    active = np.flatnonzero(field).astype(np.int32)
    has_constant = int(constant != 0)
    arity = np.repeat(np.array([0, 1, 2], np.int64), [has_constant, active.size, coupling.size])
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity)])
    scope = np.concatenate([active, edges.reshape(-1)]).astype(np.int32)
    layout = flat_factors(np.full(len(nodes), 2, np.int32), starts, scope, nodes)
    one, two = ([-1.0, 1.0], [1.0, -1.0, -1.0, 1.0]) if spin else ([0.0, 1.0], [0.0, 0.0, 0.0, 1.0])
    pieces = [np.full(has_constant, constant), (field[active, None] * one).ravel(), (coupling[:, None] * two).ravel()]
    logs = log_of_weights(np.concatenate(pieces), layout, nodes, logarithms=True)
    labels = [(-1, 1) if spin else (0, 1)] * len(nodes)
    return FactorGraph.from_flat(layout._replace(log_weights=logs), nodes, labels)


def _pgmpy_bayesian(model: Any) -> FactorGraph:
    cpds = list(model.get_cpds())
    labels = {cpd.variable: list(cpd.state_names[cpd.variable]) for cpd in cpds}
    scopes = [[*cpd.variables[1:], cpd.variable] for cpd in cpds]
    tables = [np.moveaxis(_values(cpd), 0, -1) for cpd in cpds]
    missing = next((node for node in model.nodes if node not in labels), None)
    if missing is not None:
        raise GraphError(f"pgmpy model: variable {quote(missing)} has no CPD; add one with add_cpds")
    tables = [_reordered(table, scope, cpd, labels) for table, scope, cpd in zip(tables, scopes, cpds, strict=True)]
    return _conditional(list(labels), list(labels.values()), scopes, tables, "pgmpy model")


def _pgmpy_factors(model: Any) -> FactorGraph:
    factors = list(model.get_factors())
    labels: dict[Any, list[Any]] = {}
    for factor in factors:
        for node in factor.scope():
            labels.setdefault(node, list(factor.state_names[node]))
    scopes = [list(factor.scope()) for factor in factors]
    tables = [_reordered(_values(factor), scope, factor, labels) for factor, scope in zip(factors, scopes, strict=True)]
    return FactorGraph([len(row) for row in labels.values()], scopes, tables, list(labels), list(labels.values()))


def _values(factor: Any) -> Any:
    values = factor.values
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)


def _reordered(table: Any, scope: list[Any], factor: Any, labels: dict[Any, list[Any]]) -> Any:
    """Put the states along each axis into one order for all factors."""
    for axis, node in enumerate(scope):
        names = list(factor.state_names[node])
        if names != labels.get(node):
            if node not in labels or set(names) != set(labels[node]):
                raise GraphError(
                    f"pgmpy model: variable {quote(node)} has the states {quote(names)} and {quote(labels.get(node))}"
                )
            table = table.take([names.index(label) for label in labels[node]], axis)
    return table


def _pyagrum_bayesian(model: Any) -> FactorGraph:
    """PyAgrum lists the names of a table fastest first, so that the axes of its array are the reverse."""
    nodes = sorted(model.nodes())
    labels = {model.variable(i).name(): list(model.variable(i).labels()) for i in nodes}
    scopes, tables = [], []
    for i in nodes:
        scope = list(model.cpt(i).names)[::-1]
        table = np.asarray(model.cpt(i).toarray()).reshape([len(labels[name]) for name in scope])
        child = scope.index(model.variable(i).name())
        scopes.append([*scope[:child], *scope[child + 1 :], scope[child]])
        tables.append(np.moveaxis(table, child, -1))
    return _conditional(list(labels), list(labels.values()), scopes, tables, "pyAgrum model")


def _pyagrum_factors(model: Any) -> FactorGraph:
    labels = {model.variable(i).name(): list(model.variable(i).labels()) for i in sorted(model.nodes())}
    factors = [model.factor(ids) for ids in model.factors()]
    scopes = [list(factor.names)[::-1] for factor in factors]
    tables = [np.asarray(factor.toarray()) for factor in factors]
    return FactorGraph([len(row) for row in labels.values()], scopes, tables, list(labels), list(labels.values()))


def _conditional(
    nodes: list[Hashable], labels: list[list[Hashable]], scopes: list[list[Any]], tables: list[Any], source: str
) -> FactorGraph:
    index = {node: i for i, node in enumerate(nodes)}
    unknown = next((node for scope in scopes for node in scope if node not in index), None)
    if unknown is not None:
        raise GraphError(f"{source}: variable {quote(unknown)} is a parent and has no conditional table")
    families = [[index[node] for node in scope] for scope in scopes]
    layout = conditional_layout([len(row) for row in labels], families, nodes, source)
    return bayesian_network(layout, flatten_tables(tables, layout, nodes), nodes, labels, source)


_KNOWN: tuple[tuple[tuple[str, ...], Callable[[Any], FactorGraph]], ...] = (
    (("linear", "quadratic", "vartype", "offset"), _dimod),
    (("get_cpds", "nodes"), _pgmpy_bayesian),
    (("get_factors",), _pgmpy_factors),
    (("cpt", "variable", "nodes"), _pyagrum_bayesian),
    (("factors", "factor", "variable", "nodes"), _pyagrum_factors),
    (("nodes", "edges", "is_directed"), _networkx),
)
"""What an object must have, and what turns it into a graph; the first that fits counts."""
