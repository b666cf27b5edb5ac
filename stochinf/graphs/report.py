"""Marginals as text, as a picture and as arviz data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from stochinf.engine.errors import StochinfError

if TYPE_CHECKING:
    from stochinf.graphs.marginals import Marginals

__all__ = ["marginals_to_arviz", "marginals_to_networkx", "plot", "text"]

SHOWN = 12
MOST_BARS = 200


def text(result: Marginals) -> str:
    """Return what a result says of itself: method and reason, size of the run, worst figures, warnings, the first nodes."""
    return "\n".join([*_how(result), *_rows(result)])


def _how(result: Marginals) -> Iterator[str]:
    yield f"Marginals of {result.graph!r} by {result.method}{' (exact)' if result.exact and result.method != 'exact' else ''}"
    if result.reason:
        yield f"  {result.reason}"
    if result.sweeps:
        size = f"{result.chains:,} chains x {result.sweeps:,} sweeps after {result.warmup:,} of warm-up"
        yield f"  {size}: {result.stopped}"
        yield f"  {result.quality}seed {result.rng_entropy}"
    if np.isfinite(result.log_partition):
        error = f" +- {result.log_partition_mcse:.2g}" if result.log_partition_mcse > 0 else ""
        yield f"  log partition function {result.log_partition:.6f}{error}"
    for warning in result.warnings:
        yield f"  warning: {warning}"


def _rows(result: Marginals) -> Iterator[str]:
    first = result.graph.variables[:SHOWN]
    width = max((len(str(node)) for node in first), default=0)
    for node in first:
        cells = "  ".join(f"{label}: {p:.4f}" for label, p in zip(result.states[node][:5], result[node], strict=False))
        yield f"  {node!s:<{width}}  {cells}{' ...' if len(result[node]) > 5 else ''}"
    if len(result) > SHOWN:
        yield f"  ... and {len(result) - SHOWN:,} more"


def marginals_to_networkx(result: Marginals) -> Any:
    """Return the variables as nodes, joined where they share a factor.

    Each node has `probabilities` and `mcse`, dicts from state to number, so that networkx can draw or write them.
    """
    import networkx as nx

    plain = nx.Graph()
    for node in result:
        labels = result.states[node]
        plain.add_node(
            node,
            probabilities=dict(zip(labels, result[node].tolist(), strict=True)),
            mcse=dict(zip(labels, result.mcse[node].tolist(), strict=True)),
        )
    for factor in range(result.graph.n_factors):
        plain.add_edges_from(combinations(result.graph.scope(factor), 2))
    return plain


def marginals_to_arviz(result: Marginals) -> Any:
    """Return batch means of conditionals as draws of `probability` by slot, one chain per lane."""
    from stochinf.diagnostics.arviz import to_arviz

    full = result.lengths > 0
    if full.any():
        means = result.totals[full] / result.lengths[full][:, None, None]
        draws, slots = means.transpose(2, 0, 1), result.slots
    else:
        slots = np.arange(result.probability.size)
        draws = result.probability[None, None, :]
    attributes = {
        "sampling_time": result.seconds.get("sampling", 0.0),
        "rng_entropy": str(result.rng_entropy),
        "method": result.method,
    }
    names = [f"{node}={label}" for node in result.graph.variables for label in result.states[node]]
    labels = [names[slot] for slot in slots.tolist()]
    posterior = {"posterior": {"probability": np.ascontiguousarray(draws)}}
    return to_arviz(posterior, attrs=attributes, coords={"state": labels}, dims={"probability": ["state"]})


def plot(result: Marginals, nodes: Sequence[Any] | None = None, ax: Any = None) -> Any:
    """Draw a bar for each state, with a line of two standard errors up and down where there are such errors.

    Parameters
    ----------
    result : Marginals
    nodes : sequence of variables, optional
        The default is all, of which there may be a few hundred states.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    StochinfError
        If there are too many bars to be read.
    """
    import matplotlib.pyplot as plt

    shown = list(result) if nodes is None else list(nodes)
    bars = sum(result[node].size for node in shown)
    if bars > MOST_BARS:
        raise StochinfError(f"plot: {bars} bars; at most {MOST_BARS} can be read: name some variables, plot(nodes=[...])")
    ax = plt.subplots(figsize=(max(4.0, 0.28 * bars + 1.0), 3.2), layout="constrained")[1] if ax is None else ax
    position, ticks = 0.0, []
    for node in shown:
        p, error = result[node], result.mcse[node]
        at = position + np.arange(p.size)
        ax.bar(at, p, yerr=np.where(error > 0, 2 * error, np.nan), width=0.85, capsize=2)
        ticks += [(x, f"{node}={label}") for x, label in zip(at, result.states[node], strict=True)]
        position = at[-1] + 1.6
    ax.set_xticks([x for x, _ in ticks], [name for _, name in ticks], rotation=90)
    ax.set(ylabel="probability", ylim=(0.0, 1.05))
    return ax
