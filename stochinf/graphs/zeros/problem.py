"""What zeros leave of a model: narrowed, folded, and cut into components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Int32s
from stochinf.graphs.zeros.contradiction import blame
from stochinf.graphs.zeros.folding import folded
from stochinf.graphs.zeros.narrowing import CONTRADICTION, STATUS, Narrowing, narrowed
from stochinf.graphs.zeros.supports import Bytes, Int64s, Supports, supports_of

__all__ = ["Problem", "evidence_domain", "problem_of", "root"]


@dataclass(frozen=True)
class Problem:
    """Factors with zeros, and the states that matter to what moves can reach.

    Attributes
    ----------
    graph : FactorGraph
    clamped : int32 (V,)
    supports : Supports
    domain : uint8
        States left by evidence and propagation.
    core : uint8
        States left by folding too.
    binding : int64
        Factors that forbid something within the core.
    component : int64
        Component of each of these.
    rows, classes : dict
        What `stochinf.graphs.zeros.parts` has found of small parts.
    """

    graph: FactorGraph
    clamped: Int32s
    supports: Supports
    domain: Bytes
    core: Bytes
    binding: Int64s
    component: Int64s
    rows: dict[Any, Int32s | None] = field(default_factory=dict)
    classes: dict[Any, Int64s] = field(default_factory=dict)

    @cached_property
    def sizes(self) -> Int64s:
        """States in the core of each variable."""
        return np.add.reduceat(self.core, self.supports.first[:-1], dtype=np.int64)

    def numbers(self, blocks: Sequence[Int32s]) -> list[list[int]]:
        """Return blocks of variables of the graph in the numbers of the problem."""
        number = {v: i for i, v in enumerate(self.supports.variables.tolist())} if len(blocks) else {}
        return [[number[v] for v in np.asarray(block).tolist() if v in number] for block in blocks]

    def blame(self, failed: Narrowing) -> GraphError:
        """Return the error for a search that ended without a configuration."""
        return blame(self.graph, self.clamped, self.supports, evidence_domain(self.supports, self.clamped), failed)

    def groups(self) -> list[list[int]]:
        """Return the binding factors of each component."""
        order = np.argsort(self.component, kind="stable")
        cuts = np.flatnonzero(np.diff(self.component[order])) + 1
        return [part.tolist() for part in np.split(self.binding[order], cuts)] if self.binding.size else []


def evidence_domain(supports: Supports, clamped: Int32s) -> Bytes:
    """Return the domain that evidence leaves."""
    domain = np.ones(int(supports.first[-1]), np.uint8)
    observed = clamped[supports.variables]
    for i in np.flatnonzero(observed >= 0).tolist():
        domain[supports.first[i] : supports.first[i + 1]] = 0
        domain[supports.first[i] + observed[i]] = 1
    return domain


def root(graph: FactorGraph, clamped: Int32s) -> tuple[Supports, Bytes]:
    """Return the factors with zeros, and the domain after propagation.

    Raises
    ------
    GraphError
        If propagation leaves a variable without a state; it names factors that contradict each other.
    """
    supports = supports_of(graph)
    domain = evidence_domain(supports, clamped)
    state = narrowed(supports, domain)
    if state.progress[STATUS] == CONTRADICTION:
        raise blame(graph, clamped, supports, domain, state)
    return supports, state.alive


def problem_of(graph: FactorGraph, clamped: Int32s) -> Problem:
    """Return what zeros leave of a graph.

    Raises
    ------
    GraphError
        As `root`.
    """
    supports, domain = root(graph, clamped)
    core = folded(supports, domain)
    binding = _binding(supports, core)
    return Problem(graph, clamped, supports, domain, core, binding, _components(supports, core, binding))


def _binding(supports: Supports, core: Bytes) -> Int64s:
    """Return the factors that have a zero within a domain."""
    bad = supports.allowed == 0
    factor = np.repeat(np.arange(supports.factors.size), np.diff(supports.table_start))[bad]
    entry = np.flatnonzero(bad) - supports.table_start[factor]
    arity = np.diff(supports.scope_start)
    inside = np.ones(entry.size, bool)
    for depth in range(int(arity.max(initial=0))):
        deep = np.flatnonzero(inside & (arity[factor] > depth))
        place = supports.scope_start[factor[deep]] + depth
        variable = supports.scope[place]
        state = entry[deep] // supports.stride[place] % supports.cardinality[variable]
        inside[deep] = core[supports.first[variable] + state] != 0
    return np.unique(factor[inside])


def _components(supports: Supports, core: Bytes, binding: Int64s) -> Int64s:
    """Return the component of each binding factor; variables of one state tie nothing together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not binding.size:
        return np.empty(0, np.int64)
    sizes: npt.NDArray[np.int64] = np.add.reduceat(core, supports.first[:-1], dtype=np.int64)
    chosen = np.isin(supports.place_factor, binding) & (sizes[supports.scope] > 1)
    n, h = supports.n_points, supports.factors.size
    ends = (supports.place_factor[chosen] + n, supports.scope[chosen])
    edges = coo_array((np.ones(ends[0].size, np.int8), ends), shape=(n + h, n + h))
    labels = connected_components(edges, directed=False)[1][n + binding]
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
