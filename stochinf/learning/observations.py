"""What was observed: rows of states, or evidence inside one graph; hard, soft, missing, or given.

Rows are independent draws from the graph, each a configuration in which states may be missing. Evidence is one configuration of
the graph itself. The state of a variable may be soft there: a distribution of what was seen, :math:`q(x_v)`, that stands for
cases in these proportions, so that learning matches the statistics of :math:`q`. Given variables are conditioned on, not
explained: with inputs :math:`x_G` the likelihood is that of the other observed ones, :math:`p(x_O | x_G)`.

References
----------
Lafferty, J., McCallum, A. and Pereira, F. (2001). Conditional random fields. ICML, section 3: given variables.
Jeffrey, R. C. (1983). The Logic of Decision, 2nd edition, chapter 11: soft observations as distributions of states.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.engine.memory import demand
from stochinf.graphs.evidence import split_evidence
from stochinf.graphs.evidence_rows import evidence_rows
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Floats, Int32s
from stochinf.graphs.naming import did_you_mean, quote

__all__ = ["Observations", "observations"]


class Observations(NamedTuple):
    """Observed configurations as state numbers.

    Attributes
    ----------
    rows : int32 (N, V)
        -1 for missing; one row where evidence inside one graph was given, and -1 where it is soft.
    weights : float64 (N,)
        How often each row counts, positive.
    soft : dict of int to float64 (states,)
        Distribution of the state of variables, by number, that sums to 1; in one graph only.
    given : bool (V,)
        Variables that are conditioned on; observed in every row.
    single : bool
        Whether this is one graph.
    """

    rows: Int32s
    weights: Floats
    soft: dict[int, Floats]
    given: npt.NDArray[np.bool_]
    single: bool

    @property
    def total(self) -> float:
        """Sum of the weights of the rows."""
        return float(self.weights.sum())

    @property
    def hidden(self) -> npt.NDArray[np.bool_]:
        """Variables that are missing in some row, bool (V,); soft ones are not."""
        hidden = np.asarray((self.rows < 0).any(axis=0), np.bool_)
        hidden[list(self.soft)] = False
        return hidden


def observations(
    graph: FactorGraph, data: Any, evidence: Mapping[Any, Any] | None, given: Iterable[Hashable], sample_weight: Any
) -> Observations:
    """Return what was observed.

    Parameters
    ----------
    graph : FactorGraph
    data : int array (N, V), sequence of dicts or sequences of labels, data frame; or None
        Rows: state numbers, -1 for missing; floats with NaN for missing; or labels, None and NaN for missing.
    evidence : dict, or None
        State of variables of one graph, or their distribution: a list, an array, or a dict by state.
    given : names of variables
    sample_weight : sequence of N numbers, or None

    Raises
    ------
    GraphError
        If rows and evidence are given, or neither; nothing is observed at all; a variable, state or number is unknown, a weight
        is negative or not finite, or a given variable is missing somewhere.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.learning.observations import observations
    >>> graph = si.FactorGraph([2, 2], [(0, 1)], [[1, 2, 3, 4]])
    >>> observations(graph, [[0, 1], [1, None]], None, (), None).rows.tolist()
    [[0, 1], [1, -1]]
    """
    if (data is None) == (evidence is None):
        both = "rows (data) and evidence are given; give one of them" if data is not None else "no data"
        raise GraphError(f"learn_weights: {both}: rows of states, or evidence={{variable: state}} inside one graph")
    known = _given(graph, given)
    if data is None:
        clamped, logs = split_evidence(graph, evidence)
        if sample_weight is not None:
            raise GraphError("sample_weight: one graph is observed, there are no rows to weigh; give rows (data)")
        soft = {v: np.exp(row - row.max()) / np.exp(row - row.max()).sum() for v, row in logs.items()}
        found = Observations(clamped[None, :], np.ones(1), soft, known, True)
    else:
        rows = _rows(graph, data)
        found = _counted(Observations(rows, _weights(sample_weight, len(rows)), {}, known, False))
    _check(graph, found)
    return found


def _given(graph: FactorGraph, given: Iterable[Hashable]) -> npt.NDArray[np.bool_]:
    known = np.zeros(graph.n_variables, np.bool_)
    if isinstance(given, (str, bytes)):
        raise GraphError(f"given is {quote(given)}; give a list of variables")
    for node in given or ():
        if node not in graph.index:
            raise GraphError(f"given: {quote(node)} is no variable of the graph{did_you_mean(node, graph.variables)}")
        known[graph.index[node]] = True
    return known


def _rows(graph: FactorGraph, data: Any) -> Int32s:
    """Return rows as state numbers, -1 for missing."""
    if isinstance(data, (str, bytes)):
        raise GraphError(f"learn_weights: data is {quote(data)}; give rows of states; the method is named by method=")
    if isinstance(data, np.ndarray) and data.dtype.kind == "f":
        return _of_floats(graph, data)
    if isinstance(data, Sequence) and len(data) and not any(isinstance(row, Mapping) for row in data):
        data = _of_sequences(graph, data)
    if len(data) == 0:
        raise GraphError("learn_weights: the data have no rows; give at least one")
    demand(8 * len(data) * graph.n_variables, f"{len(data)} rows of {graph.n_variables} variables")
    if isinstance(data, np.ndarray) and data.dtype.kind == "b":
        data = data.astype(np.int32)
    found = evidence_rows(graph, data)
    return np.ascontiguousarray(np.stack(found) if len(found) else np.empty((0, graph.n_variables)), dtype=np.int32)


def _of_floats(graph: FactorGraph, data: npt.NDArray[Any]) -> Int32s:
    whole = np.where(np.isnan(data), -1.0, data)
    if (whole != np.floor(whole)).any():
        place = tuple(int(i[0]) for i in np.nonzero(whole != np.floor(whole)))
        raise GraphError(
            f"row {place[0]} of the data: {data[place]} is no state's number; give whole numbers, or NaN for missing"
        )
    return _rows(graph, whole.astype(np.int64))


def _of_sequences(graph: FactorGraph, data: Sequence[Any]) -> list[dict[Hashable, Any]]:
    """Return rows of labels as dicts, without what is missing."""
    rows = []
    for number, row in enumerate(data):
        if isinstance(row, (str, bytes)) or not isinstance(row, (Sequence, np.ndarray)) or len(row) != graph.n_variables:
            raise GraphError(f"row {number} of the data is {quote(row)}; give a label for each of {graph.n_variables} variables")
        pairs = zip(graph.variables, row, strict=True)
        rows.append({node: label for node, label in pairs if label is not None and label == label})
    return rows


def _weights(sample_weight: Any, n: int) -> Floats:
    if sample_weight is None:
        return np.ones(n)
    weights = np.array(sample_weight, dtype=np.float64)
    if weights.shape != (n,):
        raise GraphError(f"sample_weight of shape {weights.shape} for {n} rows; give one number for each row")
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        culprit = int(np.argmin(np.isfinite(weights) & (weights >= 0)))
        raise GraphError(f"sample_weight of row {culprit} is {weights[culprit]}; finite numbers from 0 on, not all 0, are needed")
    return weights


def _counted(found: Observations) -> Observations:
    """Leave rows out that count nothing."""
    kept = found.weights > 0
    return found if kept.all() else found._replace(rows=np.ascontiguousarray(found.rows[kept]), weights=found.weights[kept])


def _check(graph: FactorGraph, found: Observations) -> None:
    """Demand that something is observed, and what is given everywhere."""
    seen = np.asarray((found.rows >= 0).any(axis=0), np.bool_)
    seen[list(found.soft)] = True
    lost = found.given & (found.rows < 0).any(axis=0)
    if lost.any():
        v = int(np.argmax(lost))
        row = int(np.argmax(found.rows[:, v] < 0))
        where = "" if found.single else f" in row {row}"
        raise GraphError(f"given: variable {quote(graph.variables[v])} has no hard state{where}; what is given must be observed")
    if not (seen & ~found.given).any():
        raise GraphError(
            f"learn_weights: of {graph.n_variables} variables none is observed that is not given; there is nothing to learn from"
        )
