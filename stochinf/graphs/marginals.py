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
from stochinf.engine.lane_statistics import LaneStatistics
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["ByNode", "Marginals"]

Floats = npt.NDArray[np.float64]
SHOWN = 12


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
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    figures : LaneStatistics
        By slot; see `stochinf.graphs.targets.SpinGraph`.
    first_slot : int32 (V + 1,)
    method, reason : str
        How the marginals were found, and why so.
    exact : bool
    chains, sweeps, warmup : int
    seconds : mapping
    rng_entropy : int
        Seed that repeats the run.
    interrupted : bool
    stopped : str
        Why the run ended.
    totals, lengths : ndarray
        Sums of conditionals by batch, slot and chain, and sweeps by batch.
    versions : mapping of str to str

    Attributes
    ----------
    mcse : ByNode
        Monte Carlo standard errors, in the order of the states.
    rhat, ess : ByNode
        The worst over the states; NaN for R-hat where the conditional never varied.

    Examples
    --------
    >>> import stochinf as si
    >>> r = si.marginals(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]), rng=0)
    >>> r[0].round(1), r.states[0], r.exact
    (array([0.2, 0.8]), [0, 1], False)
    """

    graph: FactorGraph
    clamped: npt.NDArray[np.int32]
    figures: LaneStatistics
    first_slot: npt.NDArray[np.int32]
    method: str
    reason: str
    exact: bool
    chains: int
    sweeps: int
    warmup: int
    seconds: Mapping[str, float]
    rng_entropy: int
    interrupted: bool
    stopped: str
    totals: Floats
    lengths: npt.NDArray[np.int64]
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
        return ByNode(self.graph, self._spread(self.figures.mean, 1.0, complement=True), self._start)

    @cached_property
    def mcse(self) -> ByNode:
        """Monte Carlo standard errors by node."""
        return ByNode(self.graph, self._spread(self.figures.mcse, 0.0), self._start)

    @cached_property
    def rhat(self) -> ByNode:
        """Largest R-hat over the states of each node."""
        return ByNode(self.graph, self._worst(self.figures.rhat, np.fmax))

    @cached_property
    def ess(self) -> ByNode:
        """Smallest effective sample size over the states of each node."""
        return ByNode(self.graph, self._worst(self.figures.ess, np.fmin))

    @cached_property
    def _start(self) -> npt.NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.graph.n_states, dtype=np.int64)])

    def _spread(self, by_slot: Floats, observed: float, complement: bool = False) -> Floats:
        """Spread figures by slot over all states: a binary variable has one slot for two states."""
        flat = np.zeros(int(self._start[-1]))
        evidence = np.flatnonzero(self.clamped >= 0)
        flat[self._start[evidence] + self.clamped[evidence]] = observed
        one = np.flatnonzero((self.clamped < 0) & (self.graph.n_states <= 2))
        second = by_slot[self.first_slot[one]]
        two_states = self.graph.n_states[one] == 2
        flat[self._start[one] + np.where(two_states, 1, 0)] = np.where(two_states | (not complement), second, 1.0)
        flat[self._start[one[two_states]]] = 1.0 - second[two_states] if complement else second[two_states]
        many = np.flatnonzero((self.clamped < 0) & (self.graph.n_states > 2))
        if many.size:
            sizes = self.graph.n_states[many]
            within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            slots = by_slot[np.repeat(self.first_slot[many], sizes) + within]
            if complement:
                slots = slots / np.repeat(np.add.reduceat(slots, np.cumsum(sizes) - sizes), sizes)
            flat[np.repeat(self._start[many], sizes) + within] = slots
        return flat

    def _worst(self, by_slot: Floats, worse: np.ufunc) -> Floats:
        free = np.flatnonzero(np.diff(self.first_slot) > 0)
        flat = np.full(self.graph.n_variables, np.nan)
        if free.size:
            flat[free] = worse.reduceat(by_slot, self.first_slot[free])
        return flat

    def to_arviz(self) -> Any:
        """Return the means of batches of sweeps as draws of `probability`, one chain per lane, for arviz.

        A draw is the mean of a conditional over a batch, so `arviz.summary` shows each probability with its error; states
        of binary nodes have the second only.
        """
        from stochinf.diagnostics.arviz import to_arviz

        full = self.lengths > 0
        means = self.totals[full] / self.lengths[full][:, None, None]
        labels = [
            f"{node}={self.states[node][s]}"
            for i, node in enumerate(self.graph.variables)
            if self.clamped[i] < 0
            for s in (range(self.graph.n_states[i]) if self.graph.n_states[i] > 2 else (self.graph.n_states[i] - 1,))
        ]
        attributes = {
            "sampling_time": self.seconds.get("sampling", 0.0),
            "rng_entropy": str(self.rng_entropy),
            "method": self.method,
        }
        draws = {"probability": np.ascontiguousarray(means.transpose(2, 0, 1))}
        return to_arviz({"posterior": draws}, attrs=attributes, coords={"state": labels}, dims={"probability": ["state"]})

    @property
    def quality(self) -> str:
        """The worst figures as text, those that there are."""
        rhat, ess = self.rhat.max(), self.ess.min()
        shown = f"worst R-hat {rhat:.4f}, " if rhat > 0 else ""
        return f"{shown}smallest ESS {ess:,.0f}, largest MCSE {self.mcse.max():.2g}, " if np.isfinite(ess) else shown

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def __repr__(self) -> str:
        lines = [
            f"Marginals of {self.graph!r} by {self.method}{' (exact)' if self.exact else ''}",
            f"  {self.chains:,} chains x {self.sweeps:,} sweeps after {self.warmup:,} of warm-up: {self.stopped}",
            f"  {self.quality}seed {self.rng_entropy}",
        ]
        width = max((len(str(node)) for node in self.graph.variables[:SHOWN]), default=0)
        for node in self.graph.variables[:SHOWN]:
            cells = "  ".join(f"{label}: {p:.4f}" for label, p in zip(self.states[node][:5], self[node], strict=False))
            lines.append(f"  {node!s:<{width}}  {cells}{' ...' if len(self[node]) > 5 else ''}")
        if len(self) > SHOWN:
            lines.append(f"  ... and {len(self) - SHOWN:,} more")
        return "\n".join(lines)
