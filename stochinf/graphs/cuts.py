"""Max-cut as a factor graph: the most probable state is a largest cut."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.evidence import check_assignment
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Floats, Int32s, flat_factors, log_of_weights
from stochinf.graphs.naming import quote

__all__ = ["MaxCut", "cut_of_edges", "max_cut"]


class MaxCut(FactorGraph):
    """A `FactorGraph` whose log score is the weight of a cut; made by `max_cut`.

    Examples
    --------
    >>> import stochinf as si
    >>> si.graphs.max_cut([("a", "b", 2), ("b", "c", 3)]).n_variables
    3
    """

    def cut_value(self, state: Mapping[Any, Hashable] | npt.ArrayLike) -> float:
        """Return the weight of the edges between the two sides.

        Parameters
        ----------
        state : dict of node to side, or array (V,) of sides
            Sides are 0 and 1.

        Raises
        ------
        GraphError
            If a node or a side is unknown, or one is missing.

        Examples
        --------
        >>> import stochinf as si
        >>> si.graphs.max_cut([("a", "b", 2), ("b", "c", 3)]).cut_value({"a": 0, "b": 1, "c": 0})
        5.0
        """
        sides = check_assignment(self, state) if isinstance(state, Mapping) else self._sides(state)
        spins: Any = self.spins
        across = sides[spins.edges[:, 0]] != sides[spins.edges[:, 1]]
        return float(-2.0 * spins.coupling[across].sum())

    def _sides(self, state: npt.ArrayLike) -> npt.NDArray[Any]:
        sides = np.asarray(state)
        if sides.shape != (self.n_variables,) or not np.isin(sides, (0, 1)).all():
            raise GraphError(f"cut_value: state is {quote(state)}; give 0 or 1 for each of the {self.n_variables} nodes")
        return sides


def max_cut(graph: Any, weight: str = "weight") -> MaxCut:
    r"""Return max-cut as a factor graph: sides 0 and 1, and a log score that is the weight of the cut.

    .. math:: \log p(x) + \log Z = \sum_{ij} w_{ij} [x_i \ne x_j].

    Parameters
    ----------
    graph : networkx graph, or iterable of edges
        Undirected, no self loops; edges as (a, b) or (a, b, weight). Parallel edges add up.
    weight : str
        Name of the edge attribute; an edge without it weighs 1.

    Returns
    -------
    MaxCut
        A FactorGraph over the nodes, with `cut_value(state)`.

    Raises
    ------
    GraphError
        Where a rule above is broken, naming the edge.

    References
    ----------
    Barahona, F., Grotschel, M., Junger, M. and Reinelt, G. (1988). An application of combinatorial optimization to statistical
    physics and circuit layout design. Operations Research 36(3), section 1.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> graph = si.graphs.max_cut(nx.cycle_graph(5))
    >>> graph.log_score({0: 0, 1: 1, 2: 0, 3: 1, 4: 0})
    4.0
    """
    if hasattr(graph, "nodes") and hasattr(graph, "edges"):
        if graph.is_directed():
            raise GraphError("max_cut: the graph is directed; give graph.to_undirected()")
        nodes = list(graph)
        rows = [(a, b, w) for a, b, w in graph.edges(data=weight, default=1)]
    else:
        rows = [_edge(k, row) for k, row in enumerate(graph)]
        nodes = list(dict.fromkeys(node for a, b, _ in rows for node in (a, b)))
    if not nodes:
        raise GraphError("max_cut: the graph has no nodes; give at least one edge")
    index = {node: i for i, node in enumerate(nodes)}
    for a, b, w in rows:
        _check(a, b, w)
    ends = np.array([(index[a], index[b]) for a, b, _ in rows], np.int32).reshape(-1, 2)
    return cut_of_edges(ends, np.array([float(w) for _, _, w in rows]), nodes)


def _edge(k: int, row: Any) -> tuple[Any, Any, Any]:
    values = row.tolist() if isinstance(row, np.ndarray) else row
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise GraphError(f"max_cut: edge {k} is {quote(row)}; give (a, b) or (a, b, weight)")
    parts = tuple(values)
    if len(parts) not in (2, 3):
        raise GraphError(f"max_cut: edge {k} is {quote(row)}; give (a, b) or (a, b, weight)")
    for node in parts[:2]:
        try:
            hash(node)
        except TypeError:
            raise GraphError(f"max_cut: edge {k}: node {quote(node)} is not hashable; use strings, numbers or tuples") from None
    return parts if len(parts) == 3 else (*parts, 1)


def _check(a: Any, b: Any, w: Any) -> None:
    if a == b:
        raise GraphError(f"max_cut: edge ({quote(a)}, {quote(b)}) is a self loop, which no cut can contain; leave it out")
    if isinstance(w, (bool, np.bool_)) or not isinstance(w, (int, float, np.integer, np.floating)) or not np.isfinite(float(w)):
        raise GraphError(f"max_cut: edge ({quote(a)}, {quote(b)}) weighs {quote(w)}; give a finite number")


def cut_of_edges(ends: Int32s, weights: Floats, names: list[Any]) -> MaxCut:
    """Return max-cut of edges (E, 2) with weights (E,), which have been checked."""
    n = len(names)
    layout = flat_factors(np.full(n, 2, np.int32), 2 * np.arange(len(ends) + 1, dtype=np.int64), ends.reshape(-1), names)
    logs = (weights[:, None] * [0.0, 1.0, 1.0, 0.0]).reshape(-1)
    return MaxCut.from_flat(layout._replace(log_weights=log_of_weights(logs, layout, names, logarithms=True)), names)
