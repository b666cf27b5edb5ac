"""Results as files: the format of the UAI contests, JSON, CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stochinf.graphs.answers import LogPartition, MapState
from stochinf.graphs.marginals import Marginals

__all__ = ["FORMATS", "form_of", "save", "written"]

Result = Marginals | MapState | LogPartition
FORMATS = ("uai", "json", "csv")


def form_of(wanted: str | None, output: Path | None) -> str:
    """Return the format that was asked for, else that of the file's name, else that of the contests.

    Examples
    --------
    >>> from pathlib import Path
    >>> from stochinf.commands.results import form_of
    >>> form_of(None, Path("out.csv")), form_of(None, Path("grid.uai.MAR"))
    ('csv', 'uai')
    """
    if wanted is not None:
        return wanted
    suffix = "" if output is None else output.suffix.lower().removeprefix(".")
    return suffix if suffix in FORMATS else "uai"


def save(path: Path, text: str) -> None:
    """Write a result; where the disk is full it goes to standard output, so that nothing is lost."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        sys.stdout.write(text)
        raise


def written(result: Result, form: str, task: str) -> str:
    """Return a result in the UAI result format, as JSON or as CSV.

    Parameters
    ----------
    result : Marginals, MapState or LogPartition
    form : {"uai", "json", "csv"}
    task : str
        The first line of a UAI file: MAR, MAP, MPE or PR.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.commands.results import written
    >>> print(written(si.map_state(si.FactorGraph([2, 2], [(0, 1)], [[1, 2, 8, 4]])), "uai", "MPE"), end="")
    MPE
    2 1 0
    """
    if form == "uai":
        return uai(result, task)
    text = io.StringIO()
    if form == "json":
        json.dump({"task": task, **as_json(result)}, text, indent=1)
        text.write("\n")
    else:
        csv.writer(text, lineterminator="\n").writerows(rows(result))
    return text.getvalue()


def uai(result: Result, task: str) -> str:
    """Return a result as the UAI contests have it; the partition function as a decimal logarithm."""
    from stochinf.graphs.formats import write_uai_marginals, write_uai_partition, write_uai_state

    text = io.StringIO()
    if isinstance(result, LogPartition):
        write_uai_partition(result.value, text)
    elif isinstance(result, MapState):
        write_uai_state(result.state, result.graph, text, task)
    else:
        write_uai_marginals(result, text)
    return text.getvalue()


def rows(result: Result) -> Iterator[Sequence[Any]]:
    """Yield the head and the rows of a table."""
    if isinstance(result, LogPartition):
        yield ["log_z", "log10_z", "mcse", "exact"]
        yield [repr(result.value), repr(result.log10), f"{result.mcse:.3g}", str(result.exact).lower()]
    elif isinstance(result, MapState):
        yield ["variable", "state"]
        yield from result.state.items()
    else:
        yield ["variable", "state", "probability", "mcse", "rhat", "ess"]
        for node in result:
            rhat, ess = f"{result.rhat[node]:.5g}", f"{result.ess[node]:.6g}"
            for label, p, error in zip(result.states[node], result[node], result.mcse[node], strict=True):
                yield [node, label, f"{p:.9g}", f"{error:.3g}", rhat, ess]


def as_json(result: Result) -> dict[str, Any]:
    """Return a result and how it was found as plain values; what is not a finite number is null."""
    how = {"method": result.method, "reason": result.reason, "facts": plain(dict(result.facts))}
    end = {"interrupted": result.interrupted, "seed": str(result.rng_entropy)}
    if isinstance(result, LogPartition):
        value = {"log_z": result.value, "log10_z": result.log10, "mcse": result.mcse, "exact": result.exact}
        return {**how, **end, "warnings": list(result.warnings), "seconds": result.seconds, **plain(value)}
    if isinstance(result, MapState):
        found = plain({"log_score": result.log_score, "status": result.status, "bound": result.bound})
        states = {str(node): str(label) for node, label in result.state.items()}
        return {**how, **end, "seconds": result.seconds, **found, "state": states}
    facts = ("exact", "chains", "sweeps", "warmup", "stopped")
    size = {name: getattr(result, name) for name in facts} | plain({"log_z": result.log_partition})
    rest = {"warnings": list(result.warnings), "seconds": plain(dict(result.seconds))}
    return {**how, **size, **end, **rest, "marginals": {str(node): _marginal(result, node) for node in result}}


def _marginal(result: Marginals, node: Any) -> dict[str, Any]:
    """Return the marginal of one variable as plain values."""
    figures = {"mcse": result.mcse[node].tolist(), "rhat": float(result.rhat[node]), "ess": float(result.ess[node])}
    labels = [str(label) for label in result.states[node]]
    return {"states": labels, "probabilities": result[node].tolist(), **plain(figures)}


def plain(value: Any) -> Any:
    """Return what JSON can hold: arrays as lists, and null where a number is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.commands.results import plain
    >>> plain({"width": np.int64(3), "ladder": np.array([0.5, np.nan])})
    {'width': 3, 'ladder': [0.5, None]}
    """
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
