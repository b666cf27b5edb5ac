"""The result of marginal inference: probabilities by node, with error bars and how they were found."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.summary import unknown_name
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["ByNode", "Marginals"]

Floats = npt.NDArray[np.float64]
SHOWN = 12
NO_TOTALS = np.empty((0, 0, 0))
NO_LENGTHS = np.empty(0, np.int64)


class ByNode(Mapping[Hashable, Any]):
    """Numbers by node: `numbers[node]` is looked up in one flat array; `max()` and `min()` run over all of them."""

    def __init__(self, graph: FactorGraph, flat: Floats, start: npt.NDArray[np.int64] | None = None) -> None:
        self.graph, self.flat, self.start = graph, flat, start

    def __getitem__(self, node: Hashable) -> Any:
        try:
            i = self.graph.index[node]
        except (KeyError, TypeError):
            raise unknown_name("variable", str(node), [str(known) for known in self.graph.variables]) from None
        return self.flat[i] if self.start is None else self.flat[self.start[i] : self.start[i + 1]]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.graph.variables)

    def __len__(self) -> int:
        return self.graph.n_variables

    def max(self) -> float:
        """Return the largest number, NaN (constant) left out."""
        return float(np.nanmax(self.flat, initial=-np.inf))

    def min(self) -> float:
        """Return the smallest number, NaN (constant) left out."""
        return float(np.nanmin(self.flat, initial=np.inf))


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Marginals(Mapping[Hashable, Floats]):
    """Marginal probabilities: `r[node]` in the order of `r.states[node]`, evidence included.

    Parameters
    ----------
    graph : FactorGraph
        The model.
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    probability, error : float64 (sum of n_states,)
        Probabilities and their standard errors by state, variable after variable: 1.96 errors either way are a 95 % interval
        (`stochinf.engine.lane_statistics`); 0 for what is exact, NaN where the method has none.
    worst_rhat, least_ess : float64 (V,)
        Over the states of each variable; NaN where there is none.
    method, reason : str
        How the marginals were found, and why so.
    exact : bool
        Whether the probabilities are exact but for rounding.
    log_partition, log_partition_mcse : float
        Natural logarithm of the sum of all weights that agree with the evidence, and its standard error; NaN where the
        method has none.
    facts : mapping
        What else the method tells: width, swap rates, the ladder of temperatures, residual, bounds.
    warnings : tuple of str
        What to know before trusting the numbers.
    chains, sweeps, warmup : int
        Chains; sweeps of each after warm-up and during it; 0 where nothing was sampled.
    seconds : mapping
        Time by phase.
    rng_entropy : int
        Seed that repeats the run.
    interrupted : bool
        Whether Ctrl-C ended the run.
    stopped : str
        Why the run ended.
    totals, lengths : ndarray
        Sums of conditionals by batch, slot and chain, and sweeps by batch; `slots` names the state of each slot.
    slots : int64 (slots,)
        Which state, in the order of `probability`, each slot of the sums belongs to.
    versions : mapping of str to str
        Of this library and of those that can change its results.

    Attributes
    ----------
    mcse : ByNode
        Monte Carlo standard errors, in the order of the states.
    rhat, ess : ByNode
        The worst over the states; NaN for R-hat where the conditional never varied.

    Examples
    --------
    >>> import stochinf as si
    >>> r = si.marginals(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]))
    >>> r[0].round(3), r.states[0], r.exact
    (array([0.25, 0.75]), [0, 1], True)
    """

    graph: FactorGraph
    clamped: npt.NDArray[np.int32]
    probability: Floats
    error: Floats
    worst_rhat: Floats
    least_ess: Floats
    method: str
    reason: str
    exact: bool
    log_partition: float = np.nan
    log_partition_mcse: float = np.nan
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    chains: int = 0
    sweeps: int = 0
    warmup: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    rng_entropy: int = 0
    interrupted: bool = False
    stopped: str = ""
    totals: Floats = field(default_factory=lambda: NO_TOTALS)
    lengths: npt.NDArray[np.int64] = field(default_factory=lambda: NO_LENGTHS)
    slots: npt.NDArray[np.int64] = field(default_factory=lambda: NO_LENGTHS)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, node: Hashable) -> Floats:
        """Return the probabilities of a node's states."""
        return self.probabilities[node]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.graph.variables)

    def __len__(self) -> int:
        return self.graph.n_variables

    @property
    def states(self) -> dict[Hashable, list[Hashable]]:
        """Labels of each node's states."""
        return self.graph.states

    @cached_property
    def probabilities(self) -> ByNode:
        """Probabilities by node."""
        return ByNode(self.graph, self.probability, self._start)

    @cached_property
    def mcse(self) -> ByNode:
        """Monte Carlo standard errors by node."""
        return ByNode(self.graph, self.error, self._start)

    @cached_property
    def rhat(self) -> ByNode:
        """Largest R-hat over the states of each node."""
        return ByNode(self.graph, self.worst_rhat)

    @cached_property
    def ess(self) -> ByNode:
        """Smallest effective sample size over the states of each node."""
        return ByNode(self.graph, self.least_ess)

    @cached_property
    def _start(self) -> npt.NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.graph.n_states, dtype=np.int64)])

    def to_networkx(self) -> Any:
        """Return a networkx graph whose nodes carry `probabilities` and `mcse`; edges join variables of one factor."""
        from stochinf.graphs.report import marginals_to_networkx

        return marginals_to_networkx(self)

    def to_arviz(self) -> Any:
        """Return the means of batches of sweeps as draws of `probability`, one chain per lane, for arviz.

        A draw is the mean of a conditional over a batch, so `arviz.summary` shows each probability with its error; states
        of binary nodes have the second only. What was not sampled is one draw.
        """
        from stochinf.graphs.report import marginals_to_arviz

        return marginals_to_arviz(self)

    def plot(self, nodes: Any = None, ax: Any = None) -> Any:
        """Draw the probabilities as bars with error bars of two standard errors; see `stochinf.graphs.report.plot`."""
        from stochinf.graphs.report import plot

        return plot(self, nodes, ax)

    @property
    def quality(self) -> str:
        """The worst figures as text, those that there are."""
        rhat, ess = self.rhat.max(), self.ess.min()
        shown = f"worst R-hat {rhat:.4f}, " if rhat > 0 else ""
        return f"{shown}smallest ESS {ess:,.0f}, largest MCSE {self.mcse.max():.2g}, " if np.isfinite(ess) else shown

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def __repr__(self) -> str:
        from stochinf.graphs.report import text

        return text(self)
