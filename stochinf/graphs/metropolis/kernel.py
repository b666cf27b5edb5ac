r"""Metropolis sampling of factor graphs: propose another state of one variable, uniformly, and take it or stay.

.. math:: a = (1 - \lambda) \min\Big(1, \frac{p(y \mid \text{rest})^\beta}{p(x \mid \text{rest})^\beta}\Big),
   \quad y \sim \text{uniform on the states other than } x.

Without the laziness :math:`\lambda` a variable that nothing pulls would change at every visit: chains that scan would then
never see some configurations at all.

A step looks up two states where Gibbs sampling looks up all, which pays where variables have many. With two states it moves
more often than Gibbs sampling and its draws vary less (Peskun 1973).

References
----------
Metropolis, N. et al. (1953). Equation of state calculations by fast computing machines. J. Chemical Physics 21(6).
Peskun, P. H. (1973). Optimum Monte-Carlo sampling using Markov chains. Biometrika 60(3), theorem 2.1.1.
Frenkel, D. (2004). Speed-up of Monte Carlo simulations by sampling of rejected states. PNAS 101(51), equation 4.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.graphs.metropolis.spins import SpinMetropolis
from stochinf.graphs.metropolis.tables import TableMetropolis
from stochinf.graphs.targets import SpinGraph, TableGraph

__all__ = ["Metropolis"]


@part
class Metropolis(NamedTuple):
    """Single-site Metropolis sampling: each step proposes another state of one variable, in every chain.

    Parameters
    ----------
    inverse_temperature : float or schedule
        Multiplies the log weights; 1 samples the model itself, growing values anneal.
    sums : bool
        Add up, for marginals, the conditional of a variable of two states, and the expectation over accepting and rejecting
        (waste recycling) of one of more.
    laziness : float
        Probability, from 0 to below 1, of staying whatever is proposed. With 0 a scan may never see some configurations.

    Raises
    ------
    StochinfError
        If a number is out of its range, or the target is no factor graph.

    Examples
    --------
    >>> import stochinf as si
    >>> graph = si.FactorGraph([2, 5], [(0, 1)], [[1, 2, 3, 4, 5, 5, 4, 3, 2, 1]])
    >>> run = si.run(si.graphs.Metropolis(), graph, steps=400, thin=2, chains=8, rng=0)
    >>> run["state"].shape
    (8, 200, 2)
    """

    inverse_temperature: Any = 1.0
    sums: bool = False
    laziness: float = 0.0625

    def checked(self) -> Metropolis:
        """Check the numbers."""
        beta = self.inverse_temperature
        if isinstance(beta, (int, float, np.number)) and not (np.isfinite(beta) and beta >= 0):
            raise StochinfError(f"Metropolis: inverse_temperature = {beta}; a finite number that is not negative is needed")
        if not 0.0 <= self.laziness < 1.0:
            raise StochinfError(f"Metropolis: laziness = {self.laziness}; a number from 0 to below 1 is needed")
        return self

    def prepare(self, target: Any) -> Any:
        """Return the kernel for the kind of graph."""
        if isinstance(target, SpinGraph):
            return SpinMetropolis(self.inverse_temperature, self.sums, 1.0 - self.laziness)
        if isinstance(target, TableGraph):
            return TableMetropolis(self.inverse_temperature, self.sums, 1.0 - self.laziness)
        raise StochinfError(f"Metropolis: a FactorGraph is needed, not {type(target).__name__}")
