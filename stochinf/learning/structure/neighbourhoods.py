"""What was learnt from binary rows: an Ising model with few couplings, its edges, its factor graph."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["LearntIsing", "joined_sides", "spins_of"]

Floats = npt.NDArray[np.float64]


class LearntIsing(NamedTuple):
    """An Ising model learnt from binary rows; made by `stochinf.learn_ising`.

    Attributes
    ----------
    fields : ndarray of shape (p,)
        h.
    couplings : ndarray of shape (p, p)
        J, symmetric, zero where there is no edge.
    sides : ndarray of shape (p, p)
        What each column's own regression found: row i explains column i.
    l1 : ndarray of shape (p,)
        Strength of the penalty in each column's regression.
    names : tuple
        Of the columns.
    values : tuple
        What stands for the spins -1 and +1 in the data.
    reason : str
        How strengths were chosen.
    """

    fields: Floats
    couplings: Floats
    sides: Floats
    l1: Floats
    names: tuple[Hashable, ...]
    values: tuple[Any, Any]
    reason: str

    @property
    def edges(self) -> list[tuple[Hashable, Hashable, float]]:
        """Names of the columns of each edge, and the coupling; the strongest first."""
        first, second = np.nonzero(np.triu(self.couplings, 1))
        order = np.argsort(-np.abs(self.couplings[first, second]), kind="stable")
        return [(self.names[i], self.names[j], float(self.couplings[i, j])) for i, j in zip(first[order], second[order])]  # noqa: B905

    @property
    def graph(self) -> FactorGraph:
        """The model as a factor graph of spins -1 and +1."""
        import networkx as nx

        made = nx.Graph()
        for name, field in zip(self.names, self.fields, strict=True):
            made.add_node(name, h=float(field))
        made.add_edges_from((one, other, {"J": strength}) for one, other, strength in self.edges)
        return FactorGraph.from_networkx(made)


def spins_of(X: Any) -> tuple[Floats, tuple[Hashable, ...], tuple[Any, Any]]:
    """Return binary rows as spins -1 and +1, the names of the columns, and the two values.

    Raises
    ------
    StochinfError
        If X is no matrix of two values, or a column has only one: it names the column.
    """
    names = tuple(X.columns) if hasattr(X, "columns") else None
    rows = np.asarray(X.to_numpy() if hasattr(X, "to_numpy") else X)
    if rows.ndim != 2 or rows.shape[0] < 2 or rows.shape[1] < 2:
        raise StochinfError(f"learn_ising: X of shape {rows.shape}; a matrix of at least 2 rows and 2 columns is needed")
    names = tuple(range(rows.shape[1])) if names is None else names
    if rows.dtype.kind == "f" and np.isnan(rows).any():
        row, column = np.argwhere(np.isnan(rows))[0]
        raise StochinfError(f"learn_ising: row {row} has no value in column {names[column]!r}; drop such rows or fill them in")
    values = np.unique(rows)
    if values.size != 2:
        shown = ", ".join(map(str, values[:5].tolist()))
        raise StochinfError(f"learn_ising: {values.size} different values in X ({shown}); two are needed, such as 0 and 1")
    spins = np.where(rows == values[1], 1.0, -1.0)
    same = np.flatnonzero(np.ptp(spins, axis=0) == 0)
    if same.size:
        value = values[1] if spins[0, same[0]] > 0 else values[0]
        raise StochinfError(
            f"learn_ising: column {names[same[0]]!r} is {value} in every row: no field or coupling is finite; drop it"
        )
    low, high = values.tolist()
    return spins, names, (low, high)


def joined_sides(sides: Floats, both: bool) -> Floats:
    """Return one coupling for each pair from what both columns' regressions found.

    Where both chose the other it is the mean; where one did, it is that one's value, or 0 if `both` must agree.
    """
    found = sides != 0
    n = found.astype(np.float64) + found.T
    mean = np.divide(sides + sides.T, n, out=np.zeros_like(sides), where=n > 0)
    return np.where(n == 2, mean, 0.0) if both else mean
