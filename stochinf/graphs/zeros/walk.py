"""Walks of single changes from a possible configuration, to see whether they end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stochinf.graphs.zeros.narrowing import NODES as NODES_VISITED
from stochinf.graphs.zeros.narrowing import SOLVED, STATUS, searched
from stochinf.graphs.zeros.problem import Problem
from stochinf.graphs.zeros.supports import Int64s, spans

__all__ = ["cut_off"]

STARTS = 6
MOST_STATES = 1500
MOST_VARIABLES = 2000
NODES = 100_000


class Neighbours:
    """The single changes that the factors of a component allow, all looked up at once."""

    def __init__(self, problem: Problem, factors: list[int]) -> None:
        supports = problem.supports
        chosen = np.array(sorted(factors))
        arity = np.diff(supports.scope_start)[chosen]
        place = spans(supports.scope_start[chosen], arity)
        self.begin, self.arity = supports.table_start[chosen], arity
        self.scope, self.stride, self.allowed = supports.scope[place], supports.stride[place], supports.allowed
        variable = supports.scope[place]
        k = supports.cardinality[variable]
        at = np.repeat(np.arange(place.size), k)
        state = spans(np.zeros(place.size, np.int64), k)
        bit = supports.first[variable[at]] + state
        keep = (problem.core[bit] != 0) & (problem.sizes[variable[at]] > 1)
        at, state, bit = at[keep], state[keep], bit[keep]
        order = np.argsort(bit, kind="stable")
        self.at, self.state = at[order], state[order]
        self.bits, self.cuts = np.unique(bit[order], return_index=True)
        self.variable = variable[self.at[self.cuts]]
        self.to = self.state[self.cuts]
        self.factor = np.repeat(np.arange(chosen.size), arity)

    def changes(self, x: npt.NDArray[np.int32]) -> list[tuple[int, int]]:
        """Return (variable, state) of every change that is possible."""
        reach = self.stride * x[self.scope]
        entry = self.begin + np.bincount(self.factor, reach, self.begin.size).astype(np.int64)
        there = entry[self.factor[self.at]] + self.stride[self.at] * (self.state - x[self.scope[self.at]])
        fine = np.logical_and.reduceat(self.allowed[there] != 0, self.cuts) & (self.to != x[self.variable])
        return list(zip(self.variable[fine].tolist(), self.to[fine].tolist(), strict=True))


def cut_off(problem: Problem, factors: list[int]) -> bool:
    """Whether a walk from one possible configuration ends, after few configurations, without meeting another that is possible."""
    variables = np.unique(np.concatenate([problem.supports.members(f) for f in factors]))
    if variables.size > MOST_VARIABLES:
        return False
    found: dict[bytes, npt.NDArray[np.int32]] = {}
    for seed in range(STARTS):
        state = searched(problem.supports, problem.core, NODES, np.random.SeedSequence(seed))
        if state.progress[STATUS] == SOLVED:
            found[state.position[variables].tobytes()] = state.position
        elif state.progress[NODES_VISITED] >= NODES:
            break
    if len(found) < 2:
        return False
    neighbours = Neighbours(problem, factors)
    for start in found.values():
        reached = _reached(neighbours, start, variables)
        if reached is not None and any(key not in reached for key in found):
            return True
    return False


def _reached(neighbours: Neighbours, start: npt.NDArray[np.int32], variables: Int64s) -> set[bytes] | None:
    """Return all configurations that a walk reaches; None where there are too many."""
    seen = {start[variables].tobytes()}
    waiting = [start]
    while waiting:
        x = waiting.pop()
        for i, s in neighbours.changes(x):
            y = x.copy()
            y[i] = s
            key = y[variables].tobytes()
            if key not in seen:
                seen.add(key)
                waiting.append(y)
        if len(seen) > MOST_STATES:
            return None
    return seen
