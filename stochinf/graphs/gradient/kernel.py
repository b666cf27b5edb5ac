r"""Gradient-informed sampling: every state's gain is known before a move is chosen.

The gain of state s of variable i, :math:`\Delta_{is} = \log p(x_i = s, \text{rest}) - \log p(x)`, is exact here, not an
estimate of first order: for pairwise models the gradient is linear, and tables are looked up.

References
----------
Zanella, G. (2020). Informed proposals for local MCMC in discrete spaces. JASA 115(530).
Grathwohl, W., Swersky, K., Hashemi, M., Duvenaud, D. and Maddison, C. J. (2021). Oops I took a gradient: scalable sampling for
discrete distributions. ICML.
Zhang, R., Liu, X. and Liu, Q. (2022). A Langevin-like sampler for discrete distributions. ICML.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.graphs.gradient.dense import dense_couplings
from stochinf.graphs.gradient.spin_langevin import SpinLangevin
from stochinf.graphs.gradient.spin_moves import SpinGradients
from stochinf.graphs.gradient.table_langevin import TableLangevin
from stochinf.graphs.gradient.table_moves import TableGradients
from stochinf.graphs.gradient.table_state import all_moves
from stochinf.graphs.targets import SpinGraph, TableGraph

__all__ = ["DiscreteLangevin", "GibbsWithGradients"]

FIRST_STEP = 0.2
"""Step size from which the adjusted sampler sets out, and stays where there is no warm-up (Zhang et al. 2022, section 6)."""

UNADJUSTED_STEP = 0.1


@part
class DiscreteLangevin(NamedTuple):
    r"""Discrete Langevin sampling (DMALA): all variables are proposed at once, then accepted together, in every chain.

    .. math:: q(x' \mid x) = \prod_i q_i(x_i' \mid x),\quad
       q_i(s \mid x) \propto \exp\Big(\tfrac{\beta}{2} \Delta_{is} - \tfrac{1}{2 \alpha} [s \ne x_i]\Big)

    with step size :math:`\alpha`, and acceptance by Metropolis and Hastings. A step is a sweep.

    Parameters
    ----------
    step_size : float
        0 chooses: 0.2, adapted during warm-up to accept 57 % of the proposals.
    adjusted : bool
        False leaves acceptance out (DULA): biased, the less the smaller the step (0.1 by default); with it nothing adapts.
    inverse_temperature : float or schedule
        Multiplies the log weights; 1 samples the model itself.
    sums : bool
        Add the conditionals up, for Rao-Blackwellised marginals.

    Raises
    ------
    StochinfError
        If a number is out of its range, or the target is no factor graph.
    MemoryLimitError
        If the couplings of a spin model, as a dense matrix, need more memory than there is.

    References
    ----------
    Zhang, R., Liu, X. and Liu, Q. (2022). A Langevin-like sampler for discrete distributions. ICML, algorithm 1, equation 3.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> G = nx.complete_graph(5)
    >>> nx.set_edge_attributes(G, 0.2, "J")
    >>> run = si.run(si.graphs.DiscreteLangevin(), si.FactorGraph.from_networkx(G), steps=100, warmup=50, chains=8, rng=0)
    >>> run["state"].shape
    (8, 100, 5)
    """

    step_size: float = 0.0
    adjusted: bool = True
    inverse_temperature: Any = 1.0
    sums: bool = False

    def checked(self) -> DiscreteLangevin:
        """Check the numbers."""
        check_temperature("DiscreteLangevin", self.inverse_temperature)
        if not 0.0 <= self.step_size < np.inf:
            raise StochinfError(f"DiscreteLangevin: step_size = {self.step_size}; a finite number above 0, or 0, is needed")
        return self

    def prepare(self, target: Any) -> Any:
        """Return the kernel for the kind of graph."""
        adapts = self.adjusted and self.step_size == 0.0
        size = self.step_size or (FIRST_STEP if self.adjusted else UNADJUSTED_STEP)
        told = (self.inverse_temperature, self.sums, self.adjusted, adapts, size)
        if isinstance(target, SpinGraph):
            return SpinLangevin(*told, dense_couplings(target))
        if isinstance(target, TableGraph):
            return TableLangevin(*told, *all_moves(target))
        raise StochinfError(f"DiscreteLangevin: a FactorGraph is needed, not {type(target).__name__}")


@part
class GibbsWithGradients(NamedTuple):
    r"""Gibbs with gradients: one change at a time, chosen among all by its gain, then accepted or not, in every chain.

    .. math:: q(i, s \mid x) = \frac{e^{\beta \Delta_{is} / 2}}{Z(x)},\quad s \ne x_i, \qquad
       a = \min\Big(1, \frac{Z(x)}{Z(x')}\Big).

    A step is a sweep of `moves` such changes.

    Parameters
    ----------
    moves : int
        Changes proposed in a step; 0 takes as many as there are free variables.
    inverse_temperature, sums : optional
        As in `DiscreteLangevin`.

    Raises
    ------
    StochinfError
        If a number is out of its range, or the target is no factor graph.
    MemoryLimitError
        If the couplings of a spin model, as a dense matrix, need more memory than there is.

    References
    ----------
    Grathwohl, W. et al. (2021). Oops I took a gradient. ICML, algorithm 1.

    Examples
    --------
    >>> import stochinf as si
    >>> graph = si.FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 3, 2, 1]])
    >>> si.run(si.graphs.GibbsWithGradients(), graph, steps=100, chains=8, rng=0)["state"].shape
    (8, 100, 2)
    """

    moves: int = 0
    inverse_temperature: Any = 1.0
    sums: bool = False

    def checked(self) -> GibbsWithGradients:
        """Check the numbers."""
        check_temperature("GibbsWithGradients", self.inverse_temperature)
        if self.moves < 0:
            raise StochinfError(f"GibbsWithGradients: moves = {self.moves}; a whole number above 0, or 0 to choose, is needed")
        return self

    def prepare(self, target: Any) -> Any:
        """Return the kernel for the kind of graph."""
        told = (self.inverse_temperature, self.sums, (self.moves or target.n_points) if getattr(target, "n_points", 0) else 0)
        if isinstance(target, SpinGraph):
            return SpinGradients(*told, dense_couplings(target))
        if isinstance(target, TableGraph):
            return TableGradients(*told, *all_moves(target))
        raise StochinfError(f"GibbsWithGradients: a FactorGraph is needed, not {type(target).__name__}")


def check_temperature(kernel: str, beta: Any) -> None:
    """Demand a finite inverse temperature, or a schedule.

    Raises
    ------
    StochinfError
        If it is another number.
    """
    if isinstance(beta, (int, float, np.number)) and not (np.isfinite(beta) and beta >= 0):
        raise StochinfError(f"{kernel}: inverse_temperature = {beta}; a finite number that is not negative is needed")
