"""Pairwise models as plain networkx graphs: tables are attributes of nodes and edges."""

from typing import TYPE_CHECKING, Any

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.formats.nx_states import labels_of
from stochinf.graphs.naming import did_you_mean, quote

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["from_tables"]


def from_tables(graph: "nx.Graph", table: str) -> FactorGraph:
    r"""Build a pairwise model, p(x) ~ prod_v w_v(x_v) prod_uv w_uv(x_u, x_v), from weights on nodes and edges.

    Every edge has the attribute named ``table``, a matrix whose rows are the states of the end that comes first in
    ``graph.nodes``; a node may have it, a vector. The states of a node are its ``states`` (labels) or ``cardinality``, or as
    many as its vector or the matrix of an edge has.

    Parameters
    ----------
    graph : networkx.Graph
    table : str
        The name of the attribute.

    Raises
    ------
    GraphError
        Where a rule above is broken, naming the node or edge.

    Examples
    --------
    >>> import networkx as nx
    >>> pair = nx.Graph()
    >>> pair.add_node("A", psi=[1, 3])
    >>> pair.add_edge("A", "B", psi=[[1, 0, 0], [0, 1, 1]])
    >>> from_tables(pair, "psi")
    FactorGraph(2 variables, 2 factors, 2-3 states)
    """
    nodes = list(graph)
    index = {node: i for i, node in enumerate(nodes)}
    scopes: list[tuple[Any, ...]] = [(node,) for node, value in graph.nodes(data=table) if value is not None]
    tables: list[Any] = [graph.nodes[node][table] for (node,) in scopes]
    shapes: dict[Any, int] = {node: np.size(value) for (node,), value in zip(scopes, tables, strict=True)}
    for a, b, data in graph.edges(data=True):
        first, second = sorted((a, b), key=index.__getitem__)
        value = data.get(table)
        if value is None:
            hint = did_you_mean(table, [key for key in data if isinstance(key, str)])
            raise GraphError(f"edge ({quote(a)}, {quote(b)}) has no {quote(table)}; give every edge one{hint}")
        shape = _shape(value)
        if len(shape) != 2:
            raise GraphError(f"edge ({quote(a)}, {quote(b)}): {table} has the shape {shape}; a matrix is needed")
        shapes.setdefault(first, shape[0])
        shapes.setdefault(second, shape[1])
        scopes.append((first, second))
        tables.append(value)
    states = [_states(graph.nodes[node], node, shapes) for node in nodes]
    plain = all(isinstance(row, range) for row in states)
    return FactorGraph([len(row) for row in states], scopes, tables, nodes, None if plain else states)


def _shape(value: Any) -> tuple[int, ...]:
    try:
        return np.shape(value)
    except ValueError:
        return ()


def _states(data: dict[str, Any], node: Any, shapes: dict[Any, int]) -> Any:
    if data.get("states") is None and data.get("cardinality") is None and node in shapes:
        return range(shapes[node])
    return labels_of(node, data)
