"""The result of a run: draws, statistics, what observers kept, and how the run went."""

import json
import math
import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from stochinf.diagnostics.advice import warnings
from stochinf.diagnostics.report import report
from stochinf.diagnostics.screening import suspects
from stochinf.diagnostics.summary import Summary, unknown_name
from stochinf.engine.errors import CheckpointError, StochinfError
from stochinf.engine.statistics import SummaryRow

__all__ = ["Run", "Snapshot"]

Arrays = Mapping[str, NDArray[Any]]
STAT_TYPES: dict[str, type] = {
    **dict.fromkeys(("diverging", "reached_max_treedepth"), np.bool_),
    **dict.fromkeys(("n_steps", "tree_depth", "index_in_trajectory"), np.int64),
}
MAX_JUDGED = 50


class Snapshot(Protocol):
    """What can be written to a file and resumed from there."""

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write all that the run needs to go on."""


class Worst(NamedTuple):
    """Largest R-hat and smallest ESS over all scalars, with their labels."""

    rhat: float
    rhat_label: str
    ess: float
    ess_label: str


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Run:
    """What a run drew and observed, and how it went.

    ``run["theta"]`` gives draws or what an observer kept; ``run.summary()`` the table; ``run.to_arviz()`` everything for arviz.

    Parameters
    ----------
    draws : mapping of str to array[chain, draw, *event]
        By the names that the target gives.
    stats : mapping of str to array[chain, draw]
        By arviz's names: ``lp``, ``acceptance_rate``, ``diverging``, ``energy``, ``step_size``, ``n_steps``, ``tree_depth``.
    warmup_draws, warmup_stats : mapping of str to array
        The same of warm-up, where it was kept.
    position : array[chain, ...]
        Where the chains ended.
    observed : mapping of str to array
        What observers other than draws kept: moments, counts, the best state, a trace.
    chains, n_steps, n_warmup, thin : int
        Chains; steps of each after and during warm-up; steps per draw kept.
    seconds : mapping of str to float
        Time by part: ``warmup``, ``sampling``, ``compile``.
    rng_entropy : int
        Seed that repeats the run.
    versions : mapping of str to str
        Of this library and of those that can change its results.
    interrupted : bool
        Whether Ctrl-C or an error ended the run.
    reason : str
        Why the run stopped.
    kernel, target : str
        Short text of each.
    dims, coords : mapping
        Names and labels of the dimensions after chain and draw.
    nonfinite : int
        Log densities that were not finite, each counted as a rejection.
    checkpoint : Snapshot, optional
        What :meth:`save` writes.
    notes : sequence of str
        What was chosen or done on the way: the metric, starting points drawn anew.
    divergences : mapping of str to array[n, *event]
        Where trajectories after warm-up began to diverge, the first 50 of each chain, by the names of the draws.
    data : mapping of str to array
        The data of the model by name, for arviz's group `constant_data`.

    Examples
    --------
    >>> bias = np.random.default_rng(1).beta(7, 3, size=(4, 500))
    >>> run = Run(draws={"bias": bias}, chains=4, n_steps=500, kernel="Metropolis()", target="CoinBias(heads=6, tails=2)")
    >>> print(run)
    Metropolis() on CoinBias(heads=6, tails=2)
      chains    4 x 500 draws, 500 steps each
      draws     bias
      figures   worst R-hat 1.003 (bias), smallest ESS 1904 (bias)
    >>> run["bias"].shape
    (4, 500)
    """

    draws: Arrays = field(default_factory=dict)
    stats: Arrays = field(default_factory=dict)
    warmup_draws: Arrays = field(default_factory=dict)
    warmup_stats: Arrays = field(default_factory=dict)
    position: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    observed: Arrays = field(default_factory=dict)
    chains: int
    n_steps: int
    n_warmup: int = 0
    thin: int = 1
    seconds: Mapping[str, float] = field(default_factory=dict)
    rng_entropy: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False
    reason: str = ""
    kernel: str = ""
    target: str = ""
    dims: Mapping[str, Sequence[str]] = field(default_factory=dict)
    coords: Mapping[str, Sequence[Hashable]] = field(default_factory=dict)
    nonfinite: int = 0
    checkpoint: Snapshot | None = None
    notes: Sequence[str] = ()
    divergences: Arrays = field(default_factory=dict)
    data: Arrays = field(default_factory=dict)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Draws ``(chain, draw, *event)`` of a variable, or what an observer of that name kept."""
        for table in (self.draws, self.observed):
            if name in table:
                return table[name]
        raise unknown_name("variable", name, self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.draws or name in self.observed

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[str]:
        """Names of the variables drawn, then of what observers kept."""
        return list(dict.fromkeys((*self.draws, *self.observed)))

    def summary(self, var_names: Sequence[str] | None = None, max_rows: int = 40) -> Summary:
        """Table of mean, sd, mcse_mean, ess_bulk, ess_tail and r_hat, one row for each scalar component of the draws.

        Parameters
        ----------
        var_names : sequence of str, optional
            All variables by default.
        max_rows : int
            Rows shown as text; the others are worked out only when looked up.
        """
        return Summary(self._selected(var_names), self.dims, self.coords, max_rows)

    def to_arviz(self, var_names: Sequence[str] | None = None, warmup: bool = True) -> Any:
        """Draws and statistics as ``arviz.InferenceData`` (arviz 0.x) or ``xarray.DataTree`` (arviz 1.x).

        Parameters
        ----------
        var_names : sequence of str, optional
            All variables by default; on a large model name those needed.
        warmup : bool
            Whether the warm-up goes along, in groups of its own.
        """
        from stochinf.diagnostics.arviz import to_arviz

        draws = self._selected(var_names)
        if not draws:
            raise StochinfError("draws: none kept, and arviz needs some; run with an observer that keeps draws")
        groups: dict[str, Arrays] = {"posterior": draws, "sample_stats": _typed(self.stats)}
        if warmup:
            kept = {name: array for name, array in self.warmup_draws.items() if name in draws}
            groups |= {"warmup_posterior": kept, "warmup_sample_stats": _typed(self.warmup_stats)}
        if self.data:
            groups["constant_data"] = self.data
        dims = {name: axes for name, axes in self.dims.items() if name in draws or name in self.data}
        used = {axis for axes in dims.values() for axis in axes}
        coords = {axis: labels for axis, labels in self.coords.items() if axis in used}
        return to_arviz(groups, attrs=self._attributes(), dims=dims, coords=coords)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run so that it can be loaded, and resumed where it stopped."""
        if self.checkpoint is None:
            raise CheckpointError(
                f"{os.fspath(path)!r} not written: this run holds no checkpoint; save the run that made the draws"
            )
        self.checkpoint.write(path)

    def __repr__(self) -> str:
        return report(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    @cached_property
    def judged(self) -> list[tuple[str, SummaryRow]]:
        """Label and figures of every scalar, or of the 50 that mix worst at first sight; constants do not count."""
        table = self.summary()
        labels = list(table) if len(table) <= MAX_JUDGED else suspects(self.draws, table, MAX_JUDGED)
        rows = ((label, SummaryRow(**table[label])) for label in labels)
        return [(label, row) for label, row in rows if math.isfinite(row.ess_bulk) and not math.isnan(row.r_hat)]

    @property
    def worst(self) -> Worst | None:
        """Largest R-hat and smallest ESS, None where nothing can be said."""
        if not self.judged:
            return None
        label, row = max(self.judged, key=lambda pair: pair[1].r_hat)
        least, low = min(self.judged, key=lambda pair: min(pair[1].ess_bulk, pair[1].ess_tail))
        return Worst(row.r_hat, label, min(low.ess_bulk, low.ess_tail), least)

    @property
    def warnings(self) -> list[str]:
        """What stands against trusting the run, in plain words with the remedy."""
        return warnings(self)

    def _selected(self, var_names: Sequence[str] | None) -> dict[str, NDArray[Any]]:
        names = self.draws if var_names is None else [var_names] if isinstance(var_names, str) else var_names
        for name in names:
            if name not in self.draws:
                raise unknown_name("variable", name, self.draws)
        return {name: self.draws[name] for name in names}

    def _attributes(self) -> dict[str, Any]:
        return {
            "sampling_time": float(self.seconds.get("sampling", math.nan)),
            "tuning_time": float(self.seconds.get("warmup", math.nan)),
            "tuning_steps": self.n_warmup,
            "thin": self.thin,
            "rng_entropy": str(self.rng_entropy),
            "versions": json.dumps(dict(self.versions), sort_keys=True),
            "kernel": self.kernel,
            "target": self.target,
            "interrupted": int(self.interrupted),
            "reason": self.reason,
        }


def _typed(stats: Arrays) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(array).astype(STAT_TYPES.get(name, np.asarray(array).dtype)) for name, array in stats.items()}
