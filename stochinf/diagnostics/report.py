"""A run in a dozen lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import fill, shorten
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from stochinf.diagnostics.run import Run

__all__ = ["report"]

WIDTH = 80
INDENT = 12


def report(run: Run) -> str:
    """Text of a run, at most 80 columns wide: parts, size, time, seed, worst figures, warnings."""
    title = " on ".join(part for part in (run.kernel, run.target) if part) or "Run"
    lines = [shorten(title, WIDTH, placeholder="…")]
    for label, text in _entries(run):
        lead = f"  {label:<{INDENT - 2}}"
        lines.append(fill(text, WIDTH, initial_indent=lead, subsequent_indent=" " * INDENT))
    return "\n".join(lines)


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
    for text in run.notes:
        yield "note", text
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
