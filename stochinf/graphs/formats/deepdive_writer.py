"""Graphs of logical factors to files of DeepDive's sampler."""

import os
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.formats.deepdive import HEAD, LITERAL, TAIL, VALUE, VARIABLE, WEIGHT
from stochinf.graphs.formats.textfile import Path, write_bytes
from stochinf.graphs.logic.graph import LogicalGraph

__all__ = ["write_deepdive"]


def write_deepdive(
    graph: LogicalGraph,
    path: Path,
    evidence: Mapping[Any, Any] | None = None,
    fixed: npt.NDArray[np.bool_] | None = None,
    truthiness: Mapping[Any, Any] | None = None,
    given: Iterable[Hashable] = (),
) -> None:
    """Write the files of a factor graph into a folder, which is made; what is read again is the same to the bit.

    Parameters
    ----------
    graph : LogicalGraph
        Without log weights of single states, which the format does not hold (``istrue`` and ``all`` factors do the same).
    path : path
        The folder.
    evidence : dict, optional
        State label by variable.
    fixed : bool (W,), optional
        Weights that are not to be learnt; by default those of the graph's `weight_fixed`.
    truthiness : dict, optional
        Likelihood of each state by variable: soft evidence.
    given : variables, optional
        Those of the evidence that learning conditions on.

    Raises
    ------
    GraphError
        If the graph has no logical factors or weights of single states, or a file cannot be written.
    """
    if not isinstance(graph, LogicalGraph) or graph.field.any():
        raise GraphError(
            "files of DeepDive hold logical factors alone: build the graph with stochinf.graphs.Logic and without weigh"
        )
    folder = FilePath(os.fspath(path))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GraphError(f"{folder}: the folder cannot be made ({error.strerror or error})") from error
    chosen, logic = check_evidence(graph, evidence), graph.logic
    values = {v: row for v in range(graph.n_variables) if (row := _values(graph.labels(v))) != list(range(len(row)))}
    records = np.zeros(graph.n_variables, VARIABLE)
    records["id"], records["states"], records["role"] = np.arange(graph.n_variables), graph.n_states, chosen >= 0
    records["type"] = graph.n_states != 2
    records["type"][list(values)] = 1
    records["role"][[graph.index[node] for node in given]] = 2
    soft = {graph.index[node]: np.asarray(row, np.float64) for node, row in (truthiness or {}).items()}
    values.update({v: _values(graph.labels(v)) for v in soft if v not in values})
    records["type"][list(soft)] = 1
    records["value"] = np.maximum(chosen, 0)
    for v, row in values.items():
        records["value"][v] = row[max(int(chosen[v]), 0)]
    weights = np.zeros(logic.weights.size, WEIGHT)
    weights["id"], weights["value"] = np.arange(logic.weights.size), logic.weights
    weights["fixed"] = graph.weight_fixed if fixed is None else fixed
    sizes = (logic.weights.size, graph.n_variables, logic.feature.size, logic.scope.size)
    write_bytes(folder / "graph.meta", (",".join(map(str, sizes)) + "\n").encode())
    write_bytes(folder / "graph.weights", weights.tobytes())
    write_bytes(folder / "graph.variables", records.tobytes())
    write_bytes(folder / "graph.factors", _factor_bytes(graph, values))
    if values:
        write_bytes(folder / "graph.domains", b"".join(_domain(v, row, soft.get(v)) for v, row in values.items()))


def _values(labels: Any) -> list[int]:
    """Return the labels where they are ascending integers from 0 up, else the numbers of the states."""
    row = list(labels)
    if isinstance(labels, range):
        return row
    whole = all(isinstance(label, (int, np.integer)) and not isinstance(label, bool) and label >= 0 for label in row)
    if whole and row == sorted(row):
        return [int(label) for label in row]
    return list(range(len(row)))


def _domain(variable: int, row: list[int], truthiness: npt.NDArray[np.float64] | None) -> bytes:
    values = np.zeros(len(row), VALUE)
    values["value"] = row
    values["truthiness"] = 0.0 if truthiness is None else truthiness
    return np.array([variable, len(row)], ">u8").tobytes() + values.tobytes()


def _factor_bytes(graph: LogicalGraph, values: dict[int, list[int]]) -> bytes:
    logic = graph.logic
    pairs = np.zeros(logic.scope.size, LITERAL)
    pairs["variable"] = logic.scope
    pairs["value"] = logic.literal
    for i in np.flatnonzero(np.isin(logic.scope, list(values))).tolist() if values else []:
        pairs["value"][i] = values[int(logic.scope[i])][int(logic.literal[i])]
    tails = np.zeros(logic.feature.size, TAIL)
    tails["weight"], tails["feature"] = logic.weight_id, logic.feature
    heads = np.zeros(logic.feature.size, HEAD)
    heads["function"], heads["arity"] = logic.code, np.diff(logic.scope_start)
    literals, starts, head, tail = pairs.tobytes(), (16 * logic.scope_start).tolist(), heads.tobytes(), tails.tobytes()
    pieces = [
        head[10 * f : 10 * f + 10] + literals[starts[f] : starts[f + 1]] + tail[16 * f : 16 * f + 16]
        for f in range(logic.feature.size)
    ]
    return b"".join(pieces)
