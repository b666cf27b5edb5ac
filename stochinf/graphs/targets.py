"""What compiled code sees of a factor graph: adjacency for spins, tables for anything else."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.colouring import colour_classes
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.naming import quote
from stochinf.graphs.sorting import counting_argsort

__all__ = ["IMPOSSIBLE", "SpinGraph", "TableGraph", "graph_target", "table_target"]

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Float32s = npt.NDArray[np.float32]

LARGEST_FIELD = 1e30
"""What the field and the couplings of a spin may add up to, so that no sum of floats overflows."""

IMPOSSIBLE = -1e6
"""Log weight of an impossible configuration: finite, so that a chain that starts outside the support walks towards it; no
sum of logarithms of positive doubles comes near it, and next to a possible state its probability is exactly zero."""


@part
class SpinGraph(NamedTuple):
    """Spins s in {-1, +1} with p(s) proportional to exp(sum_i h_i s_i + sum_ij J_ij s_i s_j).

    Attributes
    ----------
    start : int32 (V + 1,)
        Variable i has the neighbours ``neighbours[start[i]:start[i + 1]]`` with the couplings at the same places.
    neighbours : int32 (2 E,)
    coupling : float32 (2 E,)
    field : float32 (V,)
    free : int32 (n,)
        Variables that are not evidence: the points of the pickers.
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    first_slot : int32 (V + 1,)
        Where the sums of a variable's conditionals lie; one slot for p(s = +1) of each free variable.
    colour_start, colour_members : int32
        Points by colour: no two of a colour are neighbours.
    spin_labels : bool
        The user's labels are -1 and +1; otherwise draws and starting positions are state indices.
    """

    start: Int32s
    neighbours: Int32s
    coupling: Float32s
    field: Float32s
    free: Int32s
    clamped: Int32s
    first_slot: Int32s
    colour_start: Int32s
    colour_members: Int32s
    spin_labels: bool

    @property
    def n_points(self) -> int:
        """Number of free variables."""
        return self.free.size

    @property
    def cardinality(self) -> Int32s:
        """Two states each."""
        return np.full(self.field.size, 2, np.int32)

    def variables(self, positions: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.int8]]:
        """Return spins, or state indices, as int8 of shape (chain, draw, node)."""
        return {"state": (positions if self.spin_labels else (positions + 1) / 2).astype(np.int8)}


@part
class TableGraph(NamedTuple):
    """Factors of any arity over variables of any number of states, as tables of log weights.

    Attributes
    ----------
    cardinality : int32 (V,)
    entry_start : int32 (V + 1,)
        Variable i lies in the factors ``entry_factor[entry_start[i]:entry_start[i + 1]]``, where its states are
        ``entry_stride`` apart.
    entry_factor, entry_stride : int32
    scope_start : int32 (F + 1,)
    scope, stride : int32
        Variables of each factor, and how far apart their states lie in its table.
    table_start : int32 (F + 1,)
    log_tables : float32
        Log weights, the largest of each table 0; `IMPOSSIBLE` for zeros.
    free, clamped, first_slot, colour_start, colour_members : int32
        As in `SpinGraph`; a variable of two states has one slot (of its second state), one of more states has one each.
    """

    cardinality: Int32s
    entry_start: Int32s
    entry_factor: Int32s
    entry_stride: Int32s
    scope_start: Int32s
    scope: Int32s
    stride: Int32s
    table_start: Int32s
    log_tables: Float32s
    free: Int32s
    clamped: Int32s
    first_slot: Int32s
    colour_start: Int32s
    colour_members: Int32s

    @property
    def n_points(self) -> int:
        """Number of free variables."""
        return self.free.size

    def variables(self, positions: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.int16]]:
        """Return state indices as int16 of shape (chain, draw, node)."""
        return {"state": positions.astype(np.int16)}


def graph_target(graph: FactorGraph, clamped: Int32s | None = None) -> SpinGraph | TableGraph:
    """Return the compiled form of a graph: spins where every factor is pairwise, binary and positive, else tables.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,), optional
        State index of evidence variables, -1 for free ones.

    Raises
    ------
    MemoryLimitError
        If the tables have more entries than 32-bit offsets can reach.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.targets import graph_target
    >>> graph_target(si.FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]])).n_points
    2
    """
    evidence = np.full(graph.n_variables, -1, np.int32) if clamped is None else clamped
    free = np.flatnonzero(evidence < 0).astype(np.int32)
    return _tables(graph, free, evidence) if graph.spins is None else _spins(graph, free, evidence)


def table_target(graph: FactorGraph) -> TableGraph:
    """Return a graph as tables, whatever else it could be compiled to; every variable is free.

    Raises
    ------
    MemoryLimitError
        As `graph_target`.
    """
    return _tables(graph, np.arange(graph.n_variables, dtype=np.int32), np.full(graph.n_variables, -1, np.int32))


def _spins(graph: FactorGraph, free: Int32s, clamped: Int32s) -> SpinGraph:
    spins: Any = graph.spins
    ends = np.concatenate([spins.edges[:, 0], spins.edges[:, 1]])
    others = np.concatenate([spins.edges[:, 1], spins.edges[:, 0]])
    begins, order = counting_argsort(ends, graph.n_variables)
    start: Any = begins
    neighbours = others[order].astype(np.int32)
    slots = np.concatenate([[0], np.cumsum(clamped < 0)])
    coupling = np.tile(spins.coupling, 2)[order]
    _demand_single_precision(graph, spins, ends)
    colours = colour_classes(free, start, neighbours)
    labels = graph._states is not None and all(list(graph.labels(i)) == [-1, 1] for i in range(graph.n_variables))
    arrays = (start, neighbours, coupling.astype(np.float32), spins.field.astype(np.float32), free, clamped, slots)
    return SpinGraph(*arrays, *colours, labels)


def _demand_single_precision(graph: FactorGraph, spins: Any, ends: npt.NDArray[Any]) -> None:
    """Demand that sums of couplings and fields stay finite in float32, in which spins are sampled."""
    reach = np.abs(spins.field) + np.bincount(ends, np.tile(np.abs(spins.coupling), 2), graph.n_variables)
    if not reach.max() < LARGEST_FIELD:
        node = graph.variables[int(np.argmax(reach))]
        raise GraphError(
            f"variable {quote(node)}: field and couplings add up to {reach.max():.3g}; at most {LARGEST_FIELD:g} can be sampled"
        )


def _tables(graph: FactorGraph, free: Int32s, clamped: Int32s) -> TableGraph:
    flat = graph.flat
    if flat.log_weights.size >= 2**31 or flat.scope.size >= 2**31:
        raise MemoryLimitError(f"{flat.log_weights.size} table entries: a sampler reaches at most 2^31; use smaller factors")
    demand(12 * flat.log_weights.size + 40 * flat.scope.size, f"tables of {flat.log_weights.size} entries")
    sizes = np.diff(flat.table_start)
    highest = np.maximum.reduceat(flat.log_weights, flat.table_start[:-1]) if sizes.size else np.empty(0)
    log_tables = flat.log_weights - np.repeat(highest, sizes)
    log_tables = np.maximum(log_tables, IMPOSSIBLE)
    entry_start, order = counting_argsort(flat.scope, graph.n_variables)
    factor_of = np.repeat(np.arange(graph.n_factors), np.diff(flat.scope_start))
    wide = np.where(flat.cardinality > 2, flat.cardinality, 1) * (clamped < 0)
    start, neighbours = _adjacency(graph)
    return TableGraph(
        flat.cardinality,
        entry_start.astype(np.int32),
        factor_of[order].astype(np.int32),
        flat.stride[order].astype(np.int32),
        flat.scope_start.astype(np.int32),
        flat.scope,
        flat.stride.astype(np.int32),
        flat.table_start.astype(np.int32),
        log_tables.astype(np.float32),
        free,
        clamped,
        np.concatenate([[0], np.cumsum(wide)]).astype(np.int32),
        *colour_classes(free, start, neighbours),
    )


def _adjacency(graph: FactorGraph) -> tuple[Int64s, Int32s]:
    """Return the variables that share a factor with each variable."""
    flat = graph.flat
    arity = np.diff(flat.scope_start)
    pairs = [np.empty((0, 2), np.int64)]
    for size in np.unique(arity[arity > 1]):
        members = flat.scope[flat.scope_start[:-1][arity == size][:, None] + np.arange(size)]
        left, right = np.nonzero(~np.eye(size, dtype=bool))
        pairs.append(np.stack([members[:, left].ravel(), members[:, right].ravel()], axis=1))
    ends = np.concatenate(pairs)
    keys = np.sort(ends[:, 0] * np.int64(graph.n_variables) + ends[:, 1])
    keys = keys[np.append(True, keys[1:] != keys[:-1])] if keys.size else keys
    start = np.concatenate([[0], np.cumsum(np.bincount(keys // graph.n_variables, minlength=graph.n_variables))])
    return start, (keys % graph.n_variables).astype(np.int32)
