r"""Potts models inside factor graphs: pairwise factors that care only whether two variables are equal.

A table of two variables has the form :math:`t(a, b) = u(a) + v(b) + J \delta_{ab}` exactly when, its row and column means
subtracted, it is a multiple of :math:`\delta_{ab} - 1/q`. What u and v say is added to the fields.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.targets import IMPOSSIBLE, TableGraph

__all__ = ["PottsParameters", "potts_parameters"]

TOLERANCE = 2e-6
"""How far, against the largest log weight, a table may be from the form."""


class PottsParameters(NamedTuple):
    """A Potts model: log p(x) = sum_i field[i, x_i] + sum_ij J_ij [x_i = x_j] + constant.

    Attributes
    ----------
    field : float64 (V, q)
    start : int32 (V + 1,), neighbours : int32 (2 E,), coupling : float64 (2 E,)
        Adjacency, as in `stochinf.graphs.targets.SpinGraph`.
    """

    field: npt.NDArray[np.float64]
    start: npt.NDArray[np.int32]
    neighbours: npt.NDArray[np.int32]
    coupling: npt.NDArray[np.float64]


def potts_parameters(target: TableGraph) -> PottsParameters:
    """Return fields and couplings of a graph whose pairwise factors are of Potts form, parallel ones added up.

    Parameters
    ----------
    target : TableGraph
        Tables in single precision; evidence is left to the kernel.

    Returns
    -------
    PottsParameters
        Up to a constant.

    Raises
    ------
    GraphError
        If variables differ in their number of states, a factor has more than two variables, or a pairwise table is not of the
        form, for example because of a zero; naming the first.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.clusters import potts_parameters
    >>> graph = si.FactorGraph.from_log_tables([3, 3], [(0, 1)], [0.7 * np.eye(3)])
    >>> potts_parameters(graph.as_target()).coupling.round(4)
    array([0.7, 0.7])
    """
    cardinality, scope_start, table_start = target.cardinality, target.scope_start, target.table_start
    q, n = int(cardinality[0]), cardinality.size
    arity = np.diff(scope_start)
    if (cardinality != q).any():
        raise GraphError(f"Swendsen-Wang: variables of {q} and of {cardinality[cardinality != q][0]} states; all need the same")
    if (arity > 2).any():
        raise GraphError(f"Swendsen-Wang: factor {int(np.argmax(arity > 2))} has {arity.max()} variables; at most 2 are possible")
    field = np.zeros((n, q))
    one, two = np.flatnonzero(arity == 1), np.flatnonzero(arity == 2)
    np.add.at(field, target.scope[scope_start[one]], target.log_tables[table_start[one][:, None] + np.arange(q)].astype(float))
    tables = target.log_tables[table_start[two][:, None] + np.arange(q * q)].astype(float).reshape(-1, q, q)
    coupling, rows, columns = _decomposed(tables, two)
    ends = target.scope[scope_start[two][:, None] + np.arange(2)].reshape(-1, 2)
    np.add.at(field, ends[:, 0], rows)
    np.add.at(field, ends[:, 1], columns)
    return PottsParameters(field - field.max(axis=1, keepdims=True), *_adjacency(ends, coupling, n))


def _decomposed(tables: npt.NDArray[np.float64], factors: npt.NDArray[Any]) -> tuple[Any, Any, Any]:
    """Return J (n,) and what rows and columns say, each (n, q)."""
    q = tables.shape[1]
    mean = tables.mean(axis=(1, 2), keepdims=True)
    rows, columns = tables.mean(axis=2, keepdims=True) - mean, tables.mean(axis=1, keepdims=True) - mean
    rest = tables - mean - rows - columns
    shape = np.eye(q) - 1.0 / q
    coupling = (rest * shape).sum(axis=(1, 2)) / max(1, q - 1)
    off = np.abs(rest - coupling[:, None, None] * shape).max(axis=(1, 2), initial=0.0)
    wrong = (off > TOLERANCE * (1.0 + np.abs(tables).max(axis=(1, 2), initial=0.0))) | (tables <= IMPOSSIBLE / 2).any(axis=(1, 2))
    if wrong.any():
        factor = int(factors[np.argmax(wrong)])
        raise GraphError(
            f"Swendsen-Wang: factor {factor} depends on more than whether its two variables are equal; use another method"
        )
    return coupling, rows[:, :, 0], columns[:, 0, :]


def _adjacency(ends: npt.NDArray[Any], coupling: npt.NDArray[np.float64], n: int) -> tuple[Any, Any, Any]:
    """Return starts, neighbours and couplings, parallel edges added up."""
    key = ends.min(axis=1).astype(np.int64) * n + ends.max(axis=1)
    pairs, which = np.unique(key, return_inverse=True)
    added = np.bincount(which, weights=coupling, minlength=pairs.size)
    left, right = np.concatenate([pairs // n, pairs % n]), np.concatenate([pairs % n, pairs // n])
    order = np.argsort(left, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(left, minlength=n))])
    return start.astype(np.int32), right[order].astype(np.int32), np.tile(added, 2)[order]
