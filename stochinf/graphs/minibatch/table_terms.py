"""Factors as energies that are not negative, ready to be picked in proportion to their range."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.minibatch.picking import alias_rows
from stochinf.graphs.minibatch.spin_terms import WORTH
from stochinf.graphs.targets import IMPOSSIBLE, TableGraph

__all__ = ["TableTerms", "table_terms"]

Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]


@part
class TableTerms(NamedTuple):
    """What minibatch kernels read of the factors of a graph.

    Attributes
    ----------
    field_start : int32 (V + 1,), field : float32
        Summed log weights of each variable's states in the factors of it alone, which are never left out.
    ratio : float32
        phi / M of every entry of every table, from 0 to 1: the log weight less the lowest, over the range of the table.
    threshold, other : int32, as long as entry_factor
        Cells of the alias method, for each variable's factors.
    energy : float64 (V,)
        L_i, the sum of the ranges of the factors of i.
    extra : float64 (V,)
        lambda_i / L_i; 0 where all factors are looked at.
    whole_threshold, whole_other : int32 (F,)
        Cells of the alias method for all factors; empty where no estimate is made of them.
    whole_energy, whole_extra : float
        Psi, the sum of all ranges, and lambda.
    """

    field_start: Int32s
    field: Float32s
    ratio: Float32s
    threshold: Int32s
    other: Int32s
    energy: Floats
    extra: Floats
    whole_threshold: Int32s
    whole_other: Int32s
    whole_energy: float
    whole_extra: float


def table_terms(target: TableGraph, batch: float, whole: bool = False, proposal: float = np.nan) -> TableTerms:
    """Return the terms of a graph of tables.

    Parameters
    ----------
    target : TableGraph
    batch : float
        lambda: of estimates of the whole log weight where `whole` is set, else of a variable's minibatch. NaN: the larger of 4
        and Psi squared, or of 1 and L_i squared.
    whole : bool
        Whether estimates of the whole log weight are made.
    proposal : float
        lambda of a variable's minibatch where `whole` is set. NaN: the larger of 4 and L_i squared.

    Raises
    ------
    GraphError
        If estimates of the whole are asked for and a factor of several variables has zeros.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.minibatch.table_terms import table_terms
    >>> graph = si.FactorGraph.from_log_tables([2, 3], [(0, 1)], [[0, 1, 2, 0, 0, 4]])
    >>> terms = table_terms(graph.as_target(), 2.0, whole=True)
    >>> terms.ratio.tolist(), terms.whole_energy
    ([0.0, 0.25, 0.5, 0.0, 0.0, 1.0], 4.0)
    """
    demand(20 * target.entry_factor.size + 12 * target.log_tables.size, f"terms of {target.entry_factor.size} entries")
    sizes, arity = np.diff(target.table_start), np.diff(target.scope_start)
    lowest = np.minimum.reduceat(target.log_tables, target.table_start[:-1]) if sizes.size else np.empty(0, np.float32)
    ranges = -lowest.astype(np.float64) * (arity > 1)
    if whole and (ranges >= -IMPOSSIBLE).any():
        raise GraphError(f"factor {int(np.argmax(ranges))} has zeros: MIN-Gibbs needs positive factors; PoissonGibbs does not")
    ratio = target.log_tables - np.repeat(lowest, sizes)
    ratio /= np.repeat(np.where(ranges > 0, ranges, 1.0), sizes).astype(np.float32)
    threshold, other = alias_rows(target.entry_start, ranges[target.entry_factor])
    energy: Any = np.bincount(target.scope, np.repeat(ranges, arity), target.cardinality.size)
    local = proposal if whole else batch
    extra = np.maximum(4.0 if whole else 1.0, energy**2) if np.isnan(local) else np.full(energy.size, local)
    few = whole | (WORTH * (energy + extra) <= np.diff(target.entry_start))
    theta = np.where(few & (energy > 0), extra / np.where(energy > 0, energy, 1.0), 0.0)
    total = float(ranges.sum())
    every: Any = alias_rows(np.array([0, ranges.size]), ranges) if whole else (np.empty(0, np.int32), np.empty(0, np.int32))
    whole_extra = max(4.0, total**2) if np.isnan(batch) else batch
    start, field = _fields(target, arity)
    return TableTerms(start, field, ratio, threshold, other, energy, theta, every[0], every[1], total, whole_extra)


def _fields(target: TableGraph, arity: npt.NDArray[np.int32]) -> tuple[Int32s, Float32s]:
    """Return where each variable's fields begin, and the fields."""
    start = np.concatenate([[0], np.cumsum(target.cardinality, dtype=np.int64)])
    field = np.zeros(int(start[-1]))
    alone = np.flatnonzero(arity == 1)
    counts = np.diff(target.table_start)[alone]
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    variables = target.scope[target.scope_start[alone]]
    np.add.at(field, np.repeat(start[variables], counts) + within,
              target.log_tables[np.repeat(target.table_start[alone], counts) + within])  # fmt: skip
    return start.astype(np.int32), field.astype(np.float32)
