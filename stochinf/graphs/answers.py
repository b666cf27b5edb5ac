"""Results of the questions with one answer: the most probable state, and the partition function."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.summary import unknown_name
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["LogPartition", "MapState"]

SHOWN = 12
OPTIMAL, HEURISTIC = "optimal", "heuristic"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class MapState(Mapping[Hashable, Any]):
    """The most probable assignment found: `m[node]` is the label of its state, evidence included.

    Parameters
    ----------
    graph : FactorGraph
    states : int32 (V,)
        State indices.
    log_score : float
        The unnormalised log probability, sum_f log w_f(x).
    status : {"optimal", "heuristic"}
        "optimal" where it is proven that no state has a higher score; `reason` says how.
    bound : float
        What no state's log score exceeds, NaN where no bound is known.
    method, reason : str
    facts : mapping
        What else the method tells.
    seconds : float
    rng_entropy : int
        Seed that repeats the search.
    interrupted : bool

    Examples
    --------
    >>> import stochinf as si
    >>> m = si.map_state(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]))
    >>> m.state, m.status, round(m.log_score, 4)
    ({0: 1, 1: 1}, 'optimal', 3.2958)
    """

    graph: FactorGraph
    states: npt.NDArray[np.int32]
    log_score: float
    status: str
    bound: float
    method: str
    reason: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    rng_entropy: int = 0
    interrupted: bool = False

    @cached_property
    def state(self) -> dict[Hashable, Any]:
        """Label by variable."""
        return {node: self.graph.labels(i)[s] for i, (node, s) in enumerate(zip(self.graph.variables, self.states, strict=True))}

    @property
    def gap(self) -> float:
        """How much better the best state might be, in log score: `bound - log_score`; 0 where it is optimal."""
        return 0.0 if self.status == OPTIMAL else self.bound - self.log_score

    def __getitem__(self, node: Hashable) -> Any:
        """Return the label of a variable's state."""
        try:
            return self.state[node]
        except (KeyError, TypeError):
            raise unknown_name("variable", str(node), [str(known) for known in self.graph.variables]) from None

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.graph.variables)

    def __len__(self) -> int:
        return self.graph.n_variables

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def __repr__(self) -> str:
        bound = "" if math.isnan(self.gap) or not self.gap else f", at most {self.gap:.6g} below the best"
        lines = [
            f"MapState of {self.graph!r} by {self.method}: {self.status}",
            f"  {self.reason}",
            f"  log score {self.log_score:.6f}{bound}, {self.seconds:.2f} s",
        ]
        lines += [f"  {node}: {self.state[node]}" for node in self.graph.variables[:SHOWN]]
        if len(self) > SHOWN:
            lines.append(f"  ... and {len(self) - SHOWN:,} more")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class LogPartition:
    """The natural logarithm of the sum of all weights, log Z = log sum_x prod_f w_f(x), given the evidence.

    Parameters
    ----------
    value : float
    mcse : float
        Standard error of `value`: 0 where it is exact, NaN where the method has none, infinite where nothing is known of it.
    exact : bool
    method, reason : str
    bounds : pair of float
        What log Z is certainly between, infinite where nothing is known.
    facts : mapping
        What else the method tells: effective sample size, the estimate from the other side, swap rates.
    warnings : tuple of str
        What to know before trusting the number.
    seconds : float
    rng_entropy : int
        Seed that repeats the run.
    interrupted : bool

    Examples
    --------
    >>> import stochinf as si
    >>> z = si.log_partition(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]))
    >>> round(z.value, 6), z.exact, round(z.log10, 6)
    (3.688879, True, 1.60206)
    """

    value: float
    mcse: float
    exact: bool
    method: str
    reason: str
    bounds: tuple[float, float] = (-math.inf, math.inf)
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    rng_entropy: int = 0
    interrupted: bool = False

    @property
    def log10(self) -> float:
        """The decimal logarithm, as the UAI format has it."""
        return self.value / math.log(10.0)

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        error = "exact" if self.exact else f"+- {self.mcse:.2g}" if self.mcse == self.mcse else "no error known"
        lines = [f"LogPartition {self.value:.6f} ({error}) by {self.method}", f"  {self.reason}"]
        least, most = self.bounds
        known = [f"at least {least:.6f}"] * (least > -math.inf) + [f"at most {most:.6f}"] * (most < math.inf)
        if known and not self.exact:
            lines.append(f"  certainly {', '.join(known)}")
        return "\n".join([*lines, *(f"  warning: {warning}" for warning in self.warnings)])
