"""Gibbs sampling of factor graphs: the kernel that picks the right one for the graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.graphs.large.compact_gibbs import CompactSpinGibbs
from stochinf.graphs.large.precision import ByteSpinGraph, HalfSpinGraph
from stochinf.graphs.lattice_gibbs import LatticeGibbs, LatticeGibbsWithSums, lattice_of
from stochinf.graphs.logic.gibbs import LogicGibbs, LogicGibbsWithSums
from stochinf.graphs.logic.target import LogicGraph
from stochinf.graphs.potts_gibbs import PottsGibbs, PottsGibbsWithSums, potts_model
from stochinf.graphs.spin_gibbs import SpinGibbs, SpinGibbsWithSums
from stochinf.graphs.table_gibbs import TableGibbs, TableGibbsWithSums
from stochinf.graphs.targets import SpinGraph, TableGraph

__all__ = ["Gibbs"]


@part(yields="draws")
class Gibbs(NamedTuple):
    """Single-site Gibbs sampling: each step draws one variable given the others, in every chain.

    Parameters
    ----------
    inverse_temperature : float or schedule
        Multiplies the log weights; 1 samples the model itself, growing values anneal.
    sums : bool
        Add the conditionals up, for Rao-Blackwellised marginals (`stochinf.marginals` asks for it).

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> G = nx.cycle_graph(4)
    >>> nx.set_edge_attributes(G, 0.5, "J")
    >>> run = si.run(si.graphs.Gibbs(), si.FactorGraph.from_networkx(G), steps=400, thin=4, chains=8, rng=0)
    >>> run["state"].shape
    (8, 100, 4)
    """

    inverse_temperature: Any = 1.0
    sums: bool = False

    def checked(self) -> Gibbs:
        """Check the inverse temperature."""
        beta = self.inverse_temperature
        if isinstance(beta, (int, float, np.number)) and not (np.isfinite(beta) and beta >= 0):
            raise StochinfError(f"Gibbs: inverse_temperature = {beta}; a finite number that is not negative is needed")
        return self

    def prepare(self, target: Any) -> Any:
        """Return the kernel for the kind of graph: spins, on a lattice or not, a Potts model, tables, or formulas."""
        if isinstance(target, SpinGraph):
            lattice = lattice_of(target)
            if lattice is not None:
                return (LatticeGibbsWithSums if self.sums else LatticeGibbs)(self.inverse_temperature, lattice)
            return (SpinGibbsWithSums if self.sums else SpinGibbs)(self.inverse_temperature)
        if isinstance(target, TableGraph):
            model = potts_model(target)
            if model is not None:
                return (PottsGibbsWithSums if self.sums else PottsGibbs)(self.inverse_temperature, model)
            return (TableGibbsWithSums if self.sums else TableGibbs)(self.inverse_temperature)
        if isinstance(target, (HalfSpinGraph, ByteSpinGraph)):
            return CompactSpinGibbs(self.inverse_temperature, self.sums)
        if isinstance(target, LogicGraph):
            return (LogicGibbsWithSums if self.sums else LogicGibbs)(self.inverse_temperature)
        raise StochinfError(f"Gibbs: a FactorGraph is needed, not {type(target).__name__}")
