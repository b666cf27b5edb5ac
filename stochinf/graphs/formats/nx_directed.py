"""Bayesian networks as networkx.DiGraph: states and conditional tables are attributes of the nodes."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from stochinf.engine.errors import GraphError
from stochinf.graphs.bulk import flatten_tables
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.formats.conditionals import bayesian_network, conditional_layout
from stochinf.graphs.formats.nx_states import labels_of
from stochinf.graphs.naming import did_you_mean, listing, quote

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["from_digraph"]


def from_digraph(graph: "nx.DiGraph") -> FactorGraph:
    r"""Build a Bayesian network, p(x) = prod_v p(x_v | x_parents(v)), from a directed graph without cycles.

    Each node has ``states`` (labels) or ``cardinality``; ``cpt``, the conditional table of shape ``(states of the first parent,
    ..., states of the last parent, states of the node)``, so that the last axis sums to 1; and, where it has more than one
    parent, ``parents``, the nodes of its incoming edges in the order of the table's axes (without it the order of
    ``graph.predecessors(node)``, in which the edges were added).

    Parameters
    ----------
    graph : networkx.DiGraph

    Returns
    -------
    FactorGraph
        Its variables are the nodes, in the order of ``graph.nodes``; factor i is the conditional of variable i.

    Raises
    ------
    GraphError
        Where a rule above is broken, naming the node.

    Examples
    --------
    >>> import networkx as nx
    >>> rain = nx.DiGraph([("Rain", "Wet")])
    >>> rain.nodes["Rain"].update(states=["no", "yes"], cpt=[0.8, 0.2])
    >>> rain.nodes["Wet"].update(states=["no", "yes"], cpt=[[0.9, 0.1], [0.2, 0.8]])
    >>> graph = from_digraph(rain)
    >>> graph.scope(1), round(graph.log_score({"Rain": "yes", "Wet": "yes"}), 4)
    (['Rain', 'Wet'], -1.8326)
    """
    nodes = list(graph)
    index = {node: i for i, node in enumerate(nodes)}
    states = [labels_of(node, graph.nodes[node]) for node in nodes]
    families = [[*(index[parent] for parent in _parents(graph, node)), index[node]] for node in nodes]
    tables = []
    for node in nodes:
        data = graph.nodes[node]
        if data.get("cpt") is None:
            hint = did_you_mean("cpt", [key for key in data if isinstance(key, str)])
            raise GraphError(
                f"node {quote(node)} has no cpt; give its conditional table, parents first, the node itself as last axis{hint}"
            )
        tables.append(data["cpt"])
    layout = conditional_layout([len(row) for row in states], families, nodes, "digraph")
    weights = flatten_tables(tables, layout, nodes)
    plain = all(isinstance(row, range) for row in states)
    return bayesian_network(layout, weights, nodes, None if plain else states, "digraph")


def _parents(graph: "nx.DiGraph", node: Hashable) -> list[Any]:
    edges, given = list(graph.predecessors(node)), graph.nodes[node].get("parents")
    if given is None:
        return edges
    if not isinstance(given, (list, tuple)) or len(given) != len(edges) or set(given) != set(edges):
        raise GraphError(
            f"node {quote(node)}: parents {quote(given)} are not the nodes of its incoming edges ({listing(edges)}); list these "
            "in the order of the axes of cpt"
        )
    return list(given)
