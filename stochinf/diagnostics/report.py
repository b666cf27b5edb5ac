"""A run in a dozen lines of text, and what stands against trusting it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import fill, shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from stochinf.diagnostics.run import Run

__all__ = ["report", "warnings"]

WIDTH = 80
INDENT = 12
RHAT_LIMIT = 1.01
ESS_LIMIT = 400


def report(run: Run) -> str:
    """Text of a run, at most 80 columns wide: parts, size, time, seed, worst figures, warnings."""
    title = " on ".join(part for part in (run.kernel, run.target) if part) or "Run"
    lines = [shorten(title, WIDTH, placeholder="…")]
    for label, text in _entries(run):
        lead = f"  {label:<{INDENT - 2}}"
        lines.append(fill(text, WIDTH, initial_indent=lead, subsequent_indent=" " * INDENT))
    return "\n".join(lines)


def warnings(run: Run) -> list[str]:
    """Say in plain words what stands against trusting a run, each with its remedy."""
    found = []
    if run.interrupted:
        found.append("interrupted: the draws up to then are here, fewer than asked for")
    if run.nonfinite:
        found.append(f"{_count(run.nonfinite, 'log density')} not finite, each counted as a rejection; check the target there")
    diverging = int(np.sum(run.stats.get("diverging", 0)))
    if diverging:
        found.append(f"{_count(diverging, 'divergence')} after warm-up; take smaller steps or another parametrisation")
    worst = run.worst
    if worst is not None and worst.rhat > RHAT_LIMIT:
        found.append(f"chains disagree: R-hat is {worst.rhat:.3f} for {worst.rhat_label}, above {RHAT_LIMIT}; run longer")
    if worst is not None and worst.ess < ESS_LIMIT:
        found.append(f"few effective draws: {worst.ess:.0f} for {worst.ess_label}, below {ESS_LIMIT}; run longer")
    return found


def _entries(run: Run) -> Iterator[tuple[str, str]]:
    yield "chains", _size(run)
    if run.draws:
        yield "draws", _listed(map(_sized, run.draws, run.draws.values()))
    if run.observed:
        yield "observed", _listed(run.observed)
    if run.seconds:
        yield "time", _time(run)
    if run.rng_entropy is not None:
        yield "seed", str(run.rng_entropy)
    if run.reason:
        yield "stopped", run.reason
    if run.worst is not None:
        worst = run.worst
        yield "figures", f"worst R-hat {worst.rhat:.3f} ({worst.rhat_label}), smallest ESS {worst.ess:.0f} ({worst.ess_label})"
    for text in run.warnings:
        yield "warning", text


def _size(run: Run) -> str:
    kept = f"{run.chains} x {next(iter(run.draws.values())).shape[1]:,} draws, " if run.draws else f"{run.chains}, "
    thinned = f" (1 in {run.thin} kept)" if run.thin > 1 else ""
    warmup = f" after {run.n_warmup:,} of warm-up" if run.n_warmup else ""
    return f"{kept}{run.n_steps:,} steps each{thinned}{warmup}"


def _time(run: Run) -> str:
    parts = ", ".join(f"{name} {seconds:.3g} s" for name, seconds in run.seconds.items())
    sampling = run.seconds.get("sampling", 0.0)
    return f"{parts}; {run.chains * run.n_steps / sampling:,.0f} steps/s" if sampling > 0 else parts


def _listed(names: Iterable[str]) -> str:
    return shorten(", ".join(names), 3 * (WIDTH - INDENT), placeholder=" ...")


def _sized(name: str, draws: NDArray[Any]) -> str:
    shape = draws.shape[2:]
    return f"{name}[{' x '.join(map(str, shape))}]" if shape else name


def _count(n: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{n:,} {noun if n == 1 else plural}"
