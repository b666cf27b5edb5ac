"""Marginals by Swendsen-Wang sampling."""

from __future__ import annotations

from stochinf.graphs.clusters.swendsen_wang import SwendsenWang
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Int32s
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.question import Sampling
from stochinf.graphs.sampled import sampled_marginals
from stochinf.graphs.targets import graph_target

__all__ = ["cluster_marginals"]


def cluster_marginals(
    graph: FactorGraph, clamped: Int32s, sampling: Sampling, *, reason: str = "Swendsen-Wang sampling was asked for"
) -> Marginals:
    """Return the marginals of spins or a Potts model by Swendsen-Wang moves, conditional on the bonds (Rao-Blackwell).

    Parameters
    ----------
    graph : FactorGraph
        Spins, or a Potts model.
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    sampling : Sampling
        A sweep is one move of all clusters.
    reason : str
        What the answer says of why this method.

    Returns
    -------
    Marginals
        Without fields the error is zero: given the bonds, every state is as likely.

    Raises
    ------
    GraphError
        If the graph is neither spins nor a Potts model.

    Examples
    --------
    >>> import networkx as nx
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.engine.driver import Controls
    >>> from stochinf.graphs.clusters import cluster_marginals
    >>> from stochinf.graphs.question import Sampling
    >>> G = nx.grid_2d_graph(4, 4)
    >>> nx.set_edge_attributes(G, 1.0, "J")
    >>> g = si.FactorGraph.from_networkx(G)
    >>> cluster_marginals(g, np.full(16, -1, np.int32), Sampling(8, 100, 10, None, 1, Controls()))[0, 0]
    array([0.5, 0.5])
    """
    target = graph_target(graph, clamped)
    return sampled_marginals(graph, clamped, target, SwendsenWang(sums=True), sampling, method="swendsen-wang", reason=reason)
