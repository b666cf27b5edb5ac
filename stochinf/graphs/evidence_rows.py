"""Many cases of evidence over one graph: a list of dicts, an array of state numbers, or a data frame."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.evidence import check_evidence, state_of
from stochinf.graphs.flat import Int32s
from stochinf.graphs.naming import did_you_mean, quote

if TYPE_CHECKING:
    from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["evidence_rows"]


def evidence_rows(graph: "FactorGraph", rows: Any) -> list[Int32s]:
    """Return the observed states of each case as numbers, -1 where a variable is free.

    Parameters
    ----------
    graph : FactorGraph
        The graph with V variables.
    rows : sequence of dicts, int array (rows, V), or data frame
        Dicts go from variable to state label; an array holds positions in ``graph.states[v]``, -1 for free; a data frame (of
        pandas or like it) has variables as columns and labels as values, None or NaN for free.

    Returns
    -------
    list of int32 (V,)
        One array for each case.

    Raises
    ------
    GraphError
        If a variable, label or number is unknown, naming the row.

    Examples
    --------
    >>> from stochinf.graphs import FactorGraph
    >>> graph = FactorGraph([2, 3], [("A", "B")], [[1, 2, 3, 4, 5, 6]], names=["A", "B"], states=[["off", "on"], list("xyz")])
    >>> evidence_rows(graph, [{"A": "on"}, {"A": "off", "B": "z"}, {}])
    [array([ 1, -1], dtype=int32), array([0, 2], dtype=int32), array([-1, -1], dtype=int32)]
    """
    if isinstance(rows, np.ndarray):
        return list(_array(graph, rows))
    if hasattr(rows, "columns") and hasattr(rows, "__getitem__"):
        return list(_frame(graph, rows))
    if not isinstance(rows, Sequence) or isinstance(rows, (str, bytes)):
        raise GraphError(f"evidence rows are a {type(rows).__name__}; give a list of dicts, an array (rows, V) or a data frame")
    found = []
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise GraphError(f"evidence row {number} is {quote(row)}; give a dict from variable to state")
        try:
            found.append(check_evidence(graph, row))
        except GraphError as error:
            raise GraphError(f"row {number} of the evidence: {error}") from None
    return found


def _array(graph: "FactorGraph", rows: npt.NDArray[Any]) -> Int32s:
    if rows.dtype.kind not in "iu" or rows.ndim != 2 or rows.shape[1] != graph.n_variables:
        raise GraphError(
            f"evidence rows of dtype {rows.dtype} and shape {rows.shape}; give integers of shape (rows, {graph.n_variables}), "
            "-1 for what is free"
        )
    wrong = (rows.astype(np.int64) < -1) | (rows.astype(np.int64) >= graph.n_states)
    if wrong.any():
        row, v = (int(i[0]) for i in np.nonzero(wrong))
        raise GraphError(
            f"row {row} of the evidence: variable {quote(graph.variables[v])} has no state number {rows[row, v]}; from 0 to "
            f"{graph.n_states[v] - 1}, or -1 for free"
        )
    return rows.astype(np.int32)


def _frame(graph: "FactorGraph", frame: Any) -> Int32s:
    columns = list(frame.columns)
    found = np.full((len(frame), graph.n_variables), -1, np.int32)
    for name in columns:
        if name not in graph.index:
            hint = did_you_mean(name, graph.variables)
            raise GraphError(f"evidence: column {quote(name)} is no variable among the {graph.n_variables} of the graph{hint}")
        variable = graph.index[name]
        known: dict[Any, int] = {}
        for row, label in enumerate(frame[name]):
            if label is None or label != label:
                continue
            if label not in known:
                try:
                    known[label] = state_of(graph, variable, label)
                except GraphError as error:
                    raise GraphError(f"row {row} of the evidence: {error}") from None
            found[row, variable] = known[label]
    return found
