"""Results as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from stochinf.graphs.answers import LogPartition, MapState
from stochinf.graphs.marginals import Marginals

__all__ = ["table"]

ROWS = 30
STATES = 6


def table(result: Marginals | MapState | LogPartition) -> str:
    """Return the first variables with their answers, and how they were found.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.commands.tables import table
    >>> print(table(si.map_state(si.FactorGraph([2, 2], [(0, 1)], [[1, 2, 8, 4]]))))  # doctest: +ELLIPSIS
    variable  state
    0         1
    1         0
    log score 2.079442, optimal
    exact: ...
    """
    lines = (
        _partition(result) if isinstance(result, LogPartition) else
        _states(result) if isinstance(result, MapState) else
        _marginals(result)
    )  # fmt: skip
    return "\n".join([*lines, *_method(result)])


def _method(result: Marginals | MapState | LogPartition) -> Iterator[str]:
    """Yield how it was found."""
    yield f"{result.method}: {result.reason}"
    if not isinstance(result, Marginals):
        yield f"{result.seconds:.2f} s, seed {result.rng_entropy}"
        return
    spent = f"{sum(result.seconds.values()):.2f} s"
    if math.isfinite(result.log_partition):
        error = f" +- {result.log_partition_mcse:.2g}" if result.log_partition_mcse > 0 else ""
        yield f"ln Z {result.log_partition:.6f}{error}"
    if result.sweeps:
        yield f"{result.chains:,} chains x {result.sweeps:,} sweeps in {spent}, {result.quality}seed {result.rng_entropy}"
    else:
        yield f"{spent}, seed {result.rng_entropy}"


def _marginals(result: Marginals) -> Iterator[str]:
    nodes = list(result)[:ROWS]
    width = max([8, *(len(str(node)) for node in nodes)])
    yield f"{'variable':<{width}}  probabilities{'' if result.exact else ' (largest standard error)'}"
    for node in nodes:
        pairs = list(zip(result.states[node], result[node], strict=True))[:STATES]
        cells = "  ".join(f"{label}: {p:.4f}" for label, p in pairs)
        more = " ..." if len(result[node]) > STATES else ""
        error = result.mcse[node].max()
        yield f"{node!s:<{width}}  {cells}{more}{'' if result.exact or math.isnan(error) else f'  ({error:.1g})'}"
    yield from _rest(len(result))


def _states(result: MapState) -> Iterator[str]:
    nodes = list(result)[:ROWS]
    width = max([8, *(len(str(node)) for node in nodes)])
    yield f"{'variable':<{width}}  state"
    yield from (f"{node!s:<{width}}  {result.state[node]}" for node in nodes)
    yield from _rest(len(result))
    gap = f", at most {result.gap:.6g} below the best" if result.gap > 0 else ""
    yield f"log score {result.log_score:.6f}, {result.status}{gap}"


def _partition(result: LogPartition) -> Iterator[str]:
    error = "exact" if result.exact else "no error known" if math.isnan(result.mcse) else f"+- {result.mcse:.2g}"
    yield f"ln Z     {result.value:.9f}  ({error})"
    yield f"log10 Z  {result.log10:.9f}"
    low, high = result.bounds
    if not result.exact and (math.isfinite(low) or math.isfinite(high)):
        yield f"ln Z lies between {low:.6f} and {high:.6f}"


def _rest(total: int) -> Iterator[str]:
    if total > ROWS:
        yield f"... and {total - ROWS:,} more; --output FILE writes all"
