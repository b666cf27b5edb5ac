"""Factor graphs to networkx."""

from typing import TYPE_CHECKING, Any

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.formats.conditionals import is_conditional
from stochinf.graphs.formats.numbers import weights_of
from stochinf.graphs.naming import quote

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["to_networkx"]


def to_networkx(graph: FactorGraph) -> "nx.Graph":
    """Return a networkx graph that `stochinf.graphs.from_networkx.from_networkx` turns into the same factor graph.

    A Bayesian network becomes a DiGraph whose nodes carry ``states``, ``parents`` and ``cpt`` (parents first, the node's own
    states along the last axis). Anything else becomes a bipartite Graph: variables, ``bipartite=0``, carry ``states``; factors,
    nodes named ``("factor", f)``, ``bipartite=1``, carry ``scope`` and ``table``.

    Parameters
    ----------
    graph : FactorGraph

    Returns
    -------
    networkx.DiGraph or networkx.Graph

    Raises
    ------
    GraphError
        If a variable's name is None or that of a factor node, or a weight over- or underflows.

    Examples
    --------
    >>> pair = to_networkx(FactorGraph([2, 2], [("A", "B")], [[1, 2, 3, 4]], names=["A", "B"]))
    >>> sorted(pair.nodes, key=str), pair.nodes["factor", 0]["table"].tolist()
    ([('factor', 0), 'A', 'B'], [[1.0, 2.0], [3.0, 4.0]])
    """
    import networkx as nx

    if None in graph.index:
        raise GraphError("a variable is named None, which networkx does not allow for a node; give it another name")
    return _directed(graph, nx.DiGraph()) if is_conditional(graph) else _bipartite(graph, nx.Graph())


def _tables(graph: FactorGraph) -> list[tuple[list[Any], Any]]:
    """Return scope and table, as an array of its shape, of each factor."""
    flat, weights = graph.flat, weights_of(graph)
    found = []
    for f in range(graph.n_factors):
        scope = flat.scope[flat.scope_start[f] : flat.scope_start[f + 1]]
        table = weights[flat.table_start[f] : flat.table_start[f + 1]].reshape(flat.cardinality[scope])
        found.append(([graph.variables[v] for v in scope.tolist()], table))
    return found


def _directed(graph: FactorGraph, out: "nx.DiGraph") -> "nx.DiGraph":
    out.add_nodes_from((node, {"states": list(graph.labels(i))}) for i, node in enumerate(graph.variables))
    for (*parents, child), table in _tables(graph):
        out.add_edges_from((parent, child) for parent in parents)
        out.nodes[child].update(parents=parents, cpt=table)
    return out


def _bipartite(graph: FactorGraph, out: "nx.Graph") -> "nx.Graph":
    out.add_nodes_from((node, {"bipartite": 0, "states": list(graph.labels(i))}) for i, node in enumerate(graph.variables))
    for f, (scope, table) in enumerate(_tables(graph)):
        if ("factor", f) in graph.index:
            raise GraphError(f"variable {quote(('factor', f))} has the name of a factor node; give it another name")
        out.add_node(("factor", f), bipartite=1, scope=tuple(scope), table=table)
        out.add_edges_from((("factor", f), node) for node in scope)
    return out
