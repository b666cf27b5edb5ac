"""networkx graphs to factor graphs: spin models, pairwise tables, bipartite factor graphs and Bayesian networks."""

from collections.abc import Hashable, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Floats, Int32s, flat_factors, log_of_weights
from stochinf.graphs.formats.nx_directed import from_digraph
from stochinf.graphs.formats.nx_states import labels_of
from stochinf.graphs.formats.nx_tables import from_tables
from stochinf.graphs.naming import did_you_mean, listing, quote
from stochinf.graphs.spins import SpinParameters

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["from_networkx"]

_FACTOR_GRAPH_KEYS = {"cardinality", "states", "table", "scope"}


def from_networkx(graph: "nx.Graph", field: str = "h", coupling: str = "J", table: str | None = None) -> FactorGraph:
    r"""Build a factor graph from a networkx graph.

    A spin model, states -1 and +1, from the node attribute ``field`` and the edge attribute ``coupling``:

    .. math:: p(s) \propto \exp\Big(\sum_i h_i s_i + \sum_{ij} J_{ij} s_i s_j\Big).

    Where nodes carry ``table``, ``scope``, ``cardinality`` or ``states``, a bipartite factor graph: nodes with
    ``bipartite=0`` are variables with ``cardinality`` or ``states`` (labels), nodes with ``bipartite=1`` are factors with
    ``table`` and ``scope`` (their neighbours, in the order of the table's axes).

    A DiGraph whose nodes carry ``cpt`` is a Bayesian network, see `stochinf.graphs.formats.nx_directed.from_digraph`. Where
    ``table`` names an attribute, a pairwise model with these weights on nodes and edges, see
    `stochinf.graphs.formats.nx_tables.from_tables`.

    Parameters
    ----------
    graph : networkx.Graph
        At least one node; no parallel edges, no self loops.
    field : str
        Name of the node attribute h; a node without it has h = 0.
    coupling : str
        Name of the edge attribute J; every edge has it.
    table : str, optional
        Name of the attribute of nodes and edges that holds weights, in place of field and coupling.

    Returns
    -------
    FactorGraph
        Its variables are the nodes, in the order of ``graph.nodes``.

    Raises
    ------
    GraphError
        Where a rule above is broken, naming the node or edge.

    Examples
    --------
    >>> import networkx as nx
    >>> pair = nx.Graph()
    >>> pair.add_node("A", h=0.5)
    >>> pair.add_edge("A", "B", J=-1.0)
    >>> from_networkx(pair).log_score({"A": 1, "B": -1})
    1.5

    References
    ----------
    Barahona, On the computational complexity of Ising spin glass models, 1982, equation 1.
    """
    _check_kind(graph)
    if graph.is_directed():
        return from_digraph(graph)
    if table is not None:
        return from_tables(graph, table)
    if any(_FACTOR_GRAPH_KEYS & data.keys() for _, data in graph.nodes(data=True)):
        return _bipartite(graph)
    return _spin_model(graph, field, coupling)


def _check_kind(graph: "nx.Graph") -> None:
    import networkx as nx

    if not isinstance(graph, nx.Graph):
        raise GraphError(f"a networkx.Graph is needed, a {type(graph).__name__} given")
    if graph.is_directed() and not any("cpt" in data for _, data in graph.nodes(data=True)):
        raise GraphError(
            "the graph is directed; couplings have no direction: give graph.to_undirected(); nodes of a Bayesian network have cpt"
        )
    if graph.is_multigraph():
        raise GraphError("the graph is a MultiGraph, which may hold parallel edges; add them up into a networkx.Graph")
    if len(graph) == 0:
        raise GraphError("empty graph: it has no nodes; add at least one")
    loop = next(nx.selfloop_edges(graph), None)
    if loop is not None:
        raise GraphError(
            f"edge ({quote(loop[0])}, {quote(loop[1])}) is a self loop; "
            "remove it with graph.remove_edges_from(list(networkx.selfloop_edges(graph)))"
        )


def _spin_model(graph: "nx.Graph", field: str, coupling: str) -> FactorGraph:
    nodes = list(graph)
    index = {node: i for i, node in enumerate(nodes)}
    h = _real_numbers("node", graph.nodes(data=field, default=0.0), field)
    pairs = list(graph.edges(data=coupling))
    edges = np.array([(index[a], index[b]) for a, b, _ in pairs], dtype=np.int32).reshape(-1, 2)
    missing = next(((a, b) for a, b, value in pairs if value is None), None)
    if missing is not None:
        seen = chain.from_iterable(data for _, _, data in graph.edges(data=True))
        hint = did_you_mean(coupling, dict.fromkeys(seen))
        raise GraphError(f"edge ({quote(missing[0])}, {quote(missing[1])}) has no {quote(coupling)}; give every edge one{hint}")
    j = _real_numbers("edge", (((a, b), value) for a, b, value in pairs), coupling)
    return _of_spins(nodes, SpinParameters(h, np.sort(edges, axis=1), j, 0.0))


def _real_numbers(kind: str, items: Iterable[tuple[Hashable, Any]], attribute: str) -> Floats:
    keys: list[Hashable] = []
    values: list[Any] = []
    for key, value in items:
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise GraphError(f"{kind} {quote(key)}: {attribute} is {quote(value)}; give a real number")
        keys.append(key)
        values.append(value)
    numbers = np.fromiter(map(_as_float, values), np.float64, len(values))
    finite = np.isfinite(numbers)
    if not finite.all():
        culprit = int(np.argmin(finite))
        raise GraphError(f"{kind} {quote(keys[culprit])}: {attribute} is {quote(values[culprit])}; give a finite float64")
    return numbers


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _of_spins(nodes: list[Hashable], spins: SpinParameters) -> FactorGraph:
    active = np.flatnonzero(spins.field).astype(np.int32)
    arity = np.repeat(np.array([1, 2], np.int64), [active.size, spins.coupling.size])
    scope: Int32s = np.concatenate([active, spins.edges.reshape(-1)])
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(arity)])
    layout = flat_factors(np.full(len(nodes), 2, np.int32), starts, scope, nodes)
    logs = np.concatenate(
        [
            (spins.field[active, None] * [-1.0, 1.0]).reshape(-1),
            (spins.coupling[:, None] * [1.0, -1.0, -1.0, 1.0]).reshape(-1),
        ]
    )
    flat = layout._replace(log_weights=log_of_weights(logs, layout, nodes, logarithms=True))
    for array in (spins.field, spins.edges, spins.coupling):
        array.setflags(write=False)
    return FactorGraph.from_flat(flat, nodes, [(-1, 1)] * len(nodes), spins)


def _bipartite(graph: "nx.Graph") -> FactorGraph:
    sides: tuple[list[Any], list[Any]] = ([], [])
    for node, side in graph.nodes(data="bipartite"):
        if isinstance(side, bool) or side not in (0, 1):
            raise GraphError(f"node {quote(node)}: bipartite is {quote(side)}; mark variables with 0 and factors with 1")
        sides[side].append(node)
    variables, factors = sides
    states = [labels_of(node, graph.nodes[node]) for node in variables]
    scopes = [_scope(graph, node) for node in factors]
    for a, b in graph.edges:
        if graph.nodes[a]["bipartite"] == graph.nodes[b]["bipartite"]:
            raise GraphError(f"edge ({quote(a)}, {quote(b)}) joins two nodes of one side; edges join a variable and a factor")
    tables = [graph.nodes[node]["table"] for node in factors]
    return FactorGraph([len(row) for row in states], scopes, tables, variables, states)


def _scope(graph: "nx.Graph", factor: Hashable) -> tuple[Any, ...]:
    data = graph.nodes[factor]
    for key in ("table", "scope"):
        if data.get(key) is None:
            raise GraphError(f"factor node {quote(factor)} has no {key}; give table and scope, the order of the table's axes")
    scope, neighbours = data["scope"], list(graph[factor])
    if not isinstance(scope, (list, tuple)) or len(scope) != len(neighbours) or any(node not in graph[factor] for node in scope):
        raise GraphError(
            f"factor node {quote(factor)}: scope {quote(scope)} does not list its neighbours ({listing(neighbours)})"
        )
    return tuple(scope)
