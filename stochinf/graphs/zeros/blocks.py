"""Blocks: sets of variables that must move together, because zeros keep them from moving one at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Int32s
from stochinf.graphs.zeros.connected import LOCAL_ROWS, component_connectivity
from stochinf.graphs.zeros.parts import Moves, listed
from stochinf.graphs.zeros.problem import Problem, problem_of
from stochinf.graphs.zeros.rows import classes

__all__ = ["joint_blocks"]

MOST_WORK = 2**24
"""Rows times columns times pairs of sets that are tried."""


def joint_blocks(graph: FactorGraph, clamped: Int32s | None = None) -> list[Int32s]:
    """Return disjoint sets of variables that must be drawn together for a chain to reach everything possible.

    A component whose configurations single changes connect needs none. In the others, the variables of a factor are put
    together, two sets at a time, until moves of the sets connect what the factor allows; then those of larger parts that
    still disconnect it. `connectivity(graph, clamped, blocks)` says what is proved of the result.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,), optional
        State index of evidence variables, -1 for free ones.

    Returns
    -------
    list of int32 arrays
        Variables by number, two or more each; empty where single moves do, or nothing is known to need blocks.

    Raises
    ------
    GraphError
        If no configuration is possible.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.feasible import joint_blocks
    >>> joint_blocks(si.FactorGraph([2, 2, 3], [(0, 1), (1, 2)], [[1, 0, 0, 1], [1, 2, 3, 4, 5, 6]]))
    [array([0, 1], dtype=int32)]
    """
    if graph.positive:
        return []
    problem = problem_of(graph, np.full(graph.n_variables, -1, np.int32) if clamped is None else clamped)
    ties = _Ties(problem)
    for factors in problem.groups():
        ties.tie_component(factors)
    return ties.blocks()


class _Ties:
    """Sets of variables, one for each to begin with, that grow together."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.number = {f: k for k, f in enumerate(problem.supports.factors.tolist())}
        self.owner = {i: [i] for i in range(problem.supports.n_points)}
        self.known: dict[Any, int] = {}

    def blocks(self) -> list[Int32s]:
        """Return the sets of two or more variables, by their numbers in the graph."""
        sets = {tuple(members) for members in self.owner.values() if len(members) > 1}
        return [self.problem.supports.variables[list(members)] for members in sorted(sets)]

    def merge(self, members: Iterable[int]) -> None:
        """Make one set of the sets of some variables."""
        together = sorted({j for i in members for j in self.owner[i]})
        for j in together:
            self.owner[j] = together

    def tie_component(self, factors: list[int]) -> None:
        """Put the variables of one component together where it is disconnected, a part at a time."""
        if component_connectivity(self.problem, factors, Moves(self.problem)).connected:
            return
        members = {i for f in factors for i in self.problem.supports.members(f).tolist()}
        for f in factors:
            self.tie([f])
        for _ in factors:
            sets = {id(self.owner[i]): self.owner[i] for i in members}.values()
            found = component_connectivity(self.problem, factors, Moves(self.problem, sets))
            if found.connected is not False:
                return
            self.tie([self.number[f] for f in found.factors])

    def tie(self, part: list[int]) -> None:
        """Put variables of some factors together, the two sets first that join most classes, until all moves join all."""
        rows = listed(self.problem, part, LOCAL_ROWS)
        members = {i for f in part for i in self.problem.supports.members(f).tolist() if self.problem.sizes[i] > 1}
        if rows is None or rows[1].size * len(members) ** 3 > MOST_WORK:
            self.merge(members)
            return
        names = rows[0].tolist()
        while True:
            columns: dict[int, list[int]] = {}
            for c, j in enumerate(names):
                if j in members:
                    columns.setdefault(id(self.owner[j]), []).append(c)
            sets = list(columns.values())
            if self.count(rows[1], sets) == 1:
                return
            best = min(itertools.combinations(range(len(sets)), 2), key=lambda pair: self.count(rows[1], _united(sets, pair)))
            self.merge(names[sets[b][0]] for b in best)

    def count(self, rows: Int32s, sets: list[list[int]]) -> int:
        """Return the number of classes of rows under moves of sets of columns."""
        if rows.size > 1000:
            return int(classes(rows, sets).max(initial=0)) + 1
        look = (rows.tobytes(), rows.shape, tuple(map(tuple, sets)))
        if look not in self.known:
            self.known[look] = int(classes(rows, sets).max(initial=0)) + 1
        return self.known[look]


def _united(sets: list[list[int]], pair: tuple[int, int]) -> list[list[int]]:
    return [sets[pair[0]] + sets[pair[1]], *(s for k, s in enumerate(sets) if k not in pair)]
