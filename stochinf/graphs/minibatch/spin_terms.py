"""Couplings of spins as energies that are not negative, ready to be picked in proportion to their size."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.minibatch.picking import alias_rows
from stochinf.graphs.targets import SpinGraph

__all__ = ["SpinPairs", "SpinRows", "spin_pairs", "spin_rows"]

Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

WORTH = 4.0
"""A variable is drawn from a minibatch where that has a quarter as many terms as it has neighbours, or fewer."""


@part
class SpinRows(NamedTuple):
    """Every spin's couplings, to be picked in proportion to their size.

    Attributes
    ----------
    cells : int32 (2 E, 1) or (2 E, 3)
        Threshold of the cell and the two neighbours it chooses between, j where the coupling is positive, -1 - j where it is
        negative. Where the couplings of each row are of one size: the neighbour alone.
    energy : float64 (V,)
        L_i, twice the sum of the sizes of the couplings of i.
    extra : float64 (V,)
        lambda_i / L_i, the expected extra terms of a minibatch in units of L_i; 0 where all neighbours are added up.
    """

    cells: Int32s
    energy: Floats
    extra: Floats


def spin_rows(target: SpinGraph, batch: float, least: float = 1.0, always: bool = False) -> SpinRows:
    """Return the rows of a graph of spins.

    Parameters
    ----------
    target : SpinGraph
    batch : float
        lambda, or NaN for max(least, L_i^2).
    least : float
    always : bool
        Whether every variable gets minibatches, even where they do not pay.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> from stochinf.graphs.minibatch.spin_terms import spin_rows
    >>> G = nx.star_graph(100)
    >>> nx.set_edge_attributes(G, 0.01, "J")
    >>> rows = spin_rows(si.FactorGraph.from_networkx(G).as_target(), batch=4.0)
    >>> rows.energy[:2].round(3).tolist(), rows.extra[:2].round(3).tolist()
    ([2.0, 0.02], [2.0, 0.0])
    """
    size = np.abs(target.coupling)
    start = target.start.astype(np.int64)
    demand(28 * size.size, f"cells of {size.size} couplings")
    signed = np.where(target.coupling < 0, -1 - target.neighbours, target.neighbours).astype(np.int32)
    degree = np.diff(start)
    energy = 2.0 * np.add.reduceat(np.append(size, np.float32(0.0)), start[:-1], dtype=np.float64) * (degree > 0)
    extra = np.maximum(least, energy**2) if np.isnan(batch) else np.full(energy.size, batch)
    few = always | (WORTH * (energy + extra) <= degree)
    ratio = np.where(few & (energy > 0), extra / np.where(energy > 0, energy, 1.0), 0.0)
    return SpinRows(_cells(start, size, signed, degree), energy, ratio)


def _cells(start: npt.NDArray[np.int64], size: npt.NDArray[np.float32], signed: Int32s, degree: npt.NDArray[Any]) -> Int32s:
    if not size.size or (size == np.repeat(size[np.minimum(start[:-1], size.size - 1)], degree)).all():
        return signed[:, None]
    threshold, other = alias_rows(start, size.astype(np.float64))
    return np.stack([threshold, signed, signed[np.repeat(start[:-1], degree) + other]], axis=1)


@part
class SpinPairs(NamedTuple):
    """All couplings of a graph of spins, to be picked in proportion to their size.

    Attributes
    ----------
    ends : int32 (E, 2)
    negative : bool (E,)
    threshold, other : int32 (E,)
        Cells of the alias method.
    energy : float
        Psi, twice the sum of the sizes of all couplings.
    extra : float
        lambda, the expected number of terms of an estimate at inverse temperature 1.
    """

    ends: Int32s
    negative: npt.NDArray[np.bool_]
    threshold: Int32s
    other: Int32s
    energy: float
    extra: float


def spin_pairs(target: SpinGraph, batch: float) -> SpinPairs:
    """Return the couplings of a graph of spins; `batch` is lambda, or NaN for max(4, Psi^2).

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> from stochinf.graphs.minibatch.spin_terms import spin_pairs
    >>> G = nx.cycle_graph(4)
    >>> nx.set_edge_attributes(G, 0.5, "J")
    >>> pairs = spin_pairs(si.FactorGraph.from_networkx(G).as_target(), float("nan"))
    >>> pairs.energy, pairs.extra
    (4.0, 16.0)
    """
    rows = np.repeat(np.arange(target.field.size), np.diff(target.start))
    once = rows < target.neighbours
    coupling = target.coupling[once].astype(np.float64)
    threshold, other = alias_rows(np.array([0, coupling.size]), np.abs(coupling))
    energy = 2.0 * float(np.abs(coupling).sum())
    ends = np.stack([rows[once], target.neighbours[once]], axis=1)
    return SpinPairs(ends, coupling < 0, threshold, other, energy, max(4.0, energy**2) if np.isnan(batch) else batch)
