r"""Minibatch Gibbs sampling of factor graphs: the kernels that pick the right form for the graph.

Three ways to draw a variable of high degree without looking at all its factors, each of which keeps the distribution of the
model exactly. With :math:`M_f` the range of the log weight of factor f, :math:`L_i = \sum_{f \ni i} M_f` and
:math:`\Psi = \sum_f M_f`:

============== ============================ ==================================
Kernel         Terms looked at in a step    Pays where
============== ============================ ==================================
PoissonGibbs   :math:`L_i + \lambda`        degree much larger than L squared
MinGibbs       :math:`\Psi + \lambda`       degree much larger than Psi squared
DoubleMinGibbs :math:`\lambda + \Psi + \mu` as MinGibbs, many states
============== ============================ ==================================

References
----------
De Sa, C., Chen, V. and Wong, W. (2018). Minibatch Gibbs sampling on large graphical models. ICML, algorithms 2 and 5.
Zhang, R. and De Sa, C. (2019). Poisson-minibatching for Gibbs sampling with convergence rate guarantees. NeurIPS 32, algorithm 2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.graphs.minibatch.spin_estimates import SpinDoubleMinGibbs, SpinMinGibbs
from stochinf.graphs.minibatch.spin_terms import spin_pairs, spin_rows
from stochinf.graphs.minibatch.spins import SpinPoissonGibbs
from stochinf.graphs.minibatch.table_terms import table_terms
from stochinf.graphs.minibatch.tables import TableDoubleMinGibbs, TableMinGibbs, TablePoissonGibbs
from stochinf.graphs.targets import SpinGraph, TableGraph

__all__ = ["DoubleMinGibbs", "MinGibbs", "PoissonGibbs"]


def _check(kernel: Any, *names: str) -> None:
    """Check the inverse temperature and the expected sizes of minibatches."""
    title, beta = type(kernel).__name__, kernel.inverse_temperature
    if isinstance(beta, (int, float, np.number)) and not (np.isfinite(beta) and beta >= 0):
        raise StochinfError(f"{title}: inverse_temperature = {beta}; a finite number that is not negative is needed")
    for name in names:
        size = getattr(kernel, name)
        if not (np.isnan(size) or 0 < size < 1e9):
            raise StochinfError(f"{title}: {name} = {size}; a positive number is needed, the expected terms of a minibatch")


def _refuse(kernel: Any, target: Any) -> None:
    raise StochinfError(f"{type(kernel).__name__}: a FactorGraph is needed, not {type(target).__name__}")


@part(yields="draws")
class PoissonGibbs(NamedTuple):
    """Gibbs sampling whose steps look at a Poisson number of a variable's factors, and are exact all the same.

    Variables for which that would not pay, those with few factors or with zeros in them, are drawn from all their factors.

    Parameters
    ----------
    inverse_temperature : float or schedule
        Multiplies the log weights; 1 samples the model itself, growing values anneal.
    sums : bool
        Add conditionals up, for Rao-Blackwellised marginals (`stochinf.marginals` asks for it).
    batch : float
        The expected number of terms lambda besides those that the energies ask for: more is slower and mixes better. NaN: the
        larger of 1 and L_i squared, for each variable.
    look : int
        With `sums`, every look-th visit of a variable adds all its factors up, and its conditional counts for so many visits;
        warm up for at least as many sweeps.

    Raises
    ------
    StochinfError
        If a number is out of its range, or the target is no factor graph.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> G = nx.complete_graph(200)
    >>> nx.set_edge_attributes(G, 0.5 / 200, "J")
    >>> run = si.run(si.graphs.PoissonGibbs(), si.FactorGraph.from_networkx(G), steps=400, thin=200, chains=8, rng=0)
    >>> run["state"].shape
    (8, 2, 200)
    """

    inverse_temperature: Any = 1.0
    sums: bool = False
    batch: float = np.nan
    look: int = 16

    def checked(self) -> PoissonGibbs:
        """Check the numbers."""
        _check(self, "batch")
        if self.look < 1:
            raise StochinfError(f"PoissonGibbs: look = {self.look}; a whole number of at least 1 is needed")
        return self

    def prepare(self, target: Any) -> Any:
        """Return the kernel for the kind of graph."""
        look = self.look if self.sums else 0
        if isinstance(target, SpinGraph):
            return SpinPoissonGibbs(self.inverse_temperature, look, spin_rows(target, self.batch))
        if isinstance(target, TableGraph):
            return TablePoissonGibbs(self.inverse_temperature, look, table_terms(target, self.batch))
        return _refuse(self, target)


@part(yields="draws")
class MinGibbs(NamedTuple):
    """Gibbs sampling with estimates of the whole log weight, one for each state of a variable; exact (MIN-Gibbs).

    The chain remembers the estimate of its present configuration, and draws new ones for the others.

    Parameters
    ----------
    inverse_temperature : float or schedule
        As in `PoissonGibbs`; where it changes, estimates are drawn anew.
    sums : bool
        Add the conditionals up, for Rao-Blackwellised marginals.
    batch : float
        The expected terms of an estimate, lambda. NaN: the larger of 4 and Psi squared.

    Raises
    ------
    StochinfError
        If a number is out of its range, the target is no factor graph, or a factor of several variables has zeros.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> G = nx.complete_graph(50)
    >>> nx.set_edge_attributes(G, 1e-3, "J")
    >>> run = si.run(si.graphs.MinGibbs(), si.FactorGraph.from_networkx(G), steps=100, thin=50, chains=8, rng=0)
    >>> run["state"].shape
    (8, 2, 50)
    """

    inverse_temperature: Any = 1.0
    sums: bool = False
    batch: float = np.nan

    def checked(self) -> MinGibbs:
        """Check the numbers."""
        _check(self, "batch")
        return self

    def prepare(self, target: Any) -> Any:
        """Return the kernel for the kind of graph."""
        if isinstance(target, SpinGraph):
            return SpinMinGibbs(self.inverse_temperature, self.sums, spin_pairs(target, self.batch))
        if isinstance(target, TableGraph):
            return TableMinGibbs(self.inverse_temperature, self.sums, table_terms(target, self.batch, whole=True))
        return _refuse(self, target)


@part(yields="draws")
class DoubleMinGibbs(NamedTuple):
    """Gibbs proposals from a minibatch of a variable's factors, accepted by estimates of the log weight; exact (DoubleMIN-Gibbs).

    Parameters
    ----------
    inverse_temperature : float or schedule
        As in `MinGibbs`.
    sums : bool
        Add up the expectation over taking the proposal and staying.
    batch : float
        The expected terms of an estimate, lambda. NaN: the larger of 4 and Psi squared.
    proposal_batch : float
        The expected terms of a proposal. NaN: the larger of 4 and L_i squared.

    Raises
    ------
    StochinfError
        As in `MinGibbs`.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> G = nx.complete_graph(50)
    >>> nx.set_edge_attributes(G, 1e-3, "J")
    >>> run = si.run(si.graphs.DoubleMinGibbs(), si.FactorGraph.from_networkx(G), steps=100, thin=50, chains=8, rng=0)
    >>> run["state"].shape
    (8, 2, 50)
    """

    inverse_temperature: Any = 1.0
    sums: bool = False
    batch: float = np.nan
    proposal_batch: float = np.nan

    def checked(self) -> DoubleMinGibbs:
        """Check the numbers."""
        _check(self, "batch", "proposal_batch")
        return self

    def prepare(self, target: Any) -> Any:
        """Return the kernel for the kind of graph."""
        if isinstance(target, SpinGraph):
            rows = spin_rows(target, self.proposal_batch, least=4.0, always=True)
            return SpinDoubleMinGibbs(self.inverse_temperature, self.sums, rows, spin_pairs(target, self.batch))
        if isinstance(target, TableGraph):
            terms = table_terms(target, self.batch, whole=True, proposal=self.proposal_batch)
            return TableDoubleMinGibbs(self.inverse_temperature, self.sums, terms)
        return _refuse(self, target)
