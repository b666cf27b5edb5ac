"""Swendsen-Wang sampling of factor graphs: the kernel that picks the right one for the graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.graphs.clusters.potts import potts_parameters
from stochinf.graphs.clusters.potts_clusters import PottsClusters
from stochinf.graphs.clusters.spin_clusters import SpinClusters
from stochinf.graphs.targets import SpinGraph, TableGraph

__all__ = ["SwendsenWang"]


@part
class SwendsenWang(NamedTuple):
    """Swendsen-Wang sampling of spins and Potts models: one step moves whole clusters, and is a sweep.

    For models near a phase transition, where single-site moves need thousands of sweeps to turn a domain. Models with frustrated
    couplings are sampled exactly too, but no faster than by Gibbs sampling.

    Parameters
    ----------
    inverse_temperature : float or schedule
        Multiplies the log weights.
    sums : bool
        Add the conditionals given the bonds up, for Rao-Blackwellised marginals.

    References
    ----------
    Those of `stochinf.graphs.clusters.spin_clusters` and `stochinf.graphs.clusters.potts_clusters`.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> from stochinf.graphs.clusters import SwendsenWang
    >>> G = nx.grid_2d_graph(8, 8, periodic=True)
    >>> nx.set_edge_attributes(G, 0.44, "J")
    >>> run = si.run(SwendsenWang(), si.FactorGraph.from_networkx(G), steps=100, chains=8, rng=0)
    >>> run["state"].shape
    (8, 100, 64)
    """

    inverse_temperature: Any = 1.0
    sums: bool = False

    def checked(self) -> SwendsenWang:
        """Check the inverse temperature."""
        beta = self.inverse_temperature
        if isinstance(beta, (int, float, np.number)) and not (np.isfinite(beta) and beta >= 0):
            raise StochinfError(f"SwendsenWang: inverse_temperature = {beta}; a finite number that is not negative is needed")
        return self

    def prepare(self, target: Any) -> Any:
        """Return the kernel for the kind of graph.

        Raises
        ------
        GraphError
            If the graph is neither spins nor a Potts model.
        """
        if isinstance(target, SpinGraph):
            return SpinClusters(self.inverse_temperature, self.sums)
        if isinstance(target, TableGraph):
            return PottsClusters(*potts_parameters(target), self.inverse_temperature, self.sums)
        raise StochinfError(f"SwendsenWang: a FactorGraph is needed, not {type(target).__name__}")
