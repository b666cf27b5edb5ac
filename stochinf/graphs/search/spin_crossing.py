r"""Crossing spin configurations: whatever clusters of another solution lower the energy are taken over.

The spins in which the present position differs from another solution (or from it turned over) fall into connected clusters.
Clusters do not touch, so each can be flipped or not on its own: a step flips every cluster that lowers the energy, and with
probability 1/2 one that leaves it as it is. The result is the best of all :math:`2^{clusters}` mixtures of the two.

References
----------
Houdayer, J. (2001). A cluster Monte Carlo algorithm for 2-dimensional spin glasses. European Physical Journal B 22.
Tinos, R., Whitley, D. and Chicano, F. (2015). Partition crossover for pseudo-Boolean optimization. FOGA XIII.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import next_word
from stochinf.graphs.search.spin_energy import SpinEnergy, flip, remember_best, search_state

__all__ = ["SpinCrossing", "SpinCrossingState"]

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


class SpinCrossingState(NamedTuple):
    """A `SpinSearchState` with a pool of solutions.

    Attributes
    ----------
    position, gain, energy, best, journal, journalled, until, clock, stats
        As in `SpinSearchState`.
    pool : int8 (size, V)
        Solutions to cross with; a row of zeros is none.
    mark, stack : int8 (V,), int32 (V,)
        Spins of clusters that have been tried, and the cluster as it grows.
    """

    position: Int8s
    gain: Int32s
    energy: Int64s
    best: Int8s
    journal: Int32s
    journalled: Int64s
    until: Int32s
    clock: Int64s
    stats: npt.NDArray[np.float64]
    pool: Int8s
    mark: Int8s
    stack: Int32s


@helper()
def grow(target: Any, state: Any, other: Any, sign: int, first: int) -> int:
    """Collect the cluster of a spin that differs from the other solution; return its size."""
    state.stack[0] = first
    state.mark[first] = 1
    size = 1
    done = 0
    while done < size:
        i = state.stack[done]
        done += 1
        for k in range(target.start[i], target.start[i + 1]):
            j = target.neighbours[k]
            if state.mark[j] == 0 and state.position[j] != sign * other[j]:
                state.mark[j] = 1
                state.stack[size] = j
                size += 1
    return size


@part
class SpinCrossing(NamedTuple):
    """Crossing with the solutions of a pool; a step crosses with one of them."""

    size: int = 16

    def pick(self, target: SpinEnergy) -> Scan:
        """Return the picker of solutions in turn, each as it is and turned over."""
        return Scan(2 * self.size)

    def points(self, target: SpinEnergy) -> int:
        """Return how many solutions there are to cross with."""
        return 2 * self.size

    def init(self, target: SpinEnergy, position: npt.NDArray[Any] | None, streams: Any) -> SpinCrossingState:
        """Return spins drawn uniformly, or the state indices given, and an empty pool."""
        n = target.n_points
        demand(self.size * n, f"a pool of {self.size} solutions of {n} spins")
        drawn = streams.generator().integers(0, 2, n)
        begun = search_state(target, drawn if position is None else position)
        return SpinCrossingState(*begun, np.zeros((self.size, n), np.int8), np.zeros(n, np.int8), np.zeros(n, np.int32))

    def update(self, target: SpinEnergy, state: SpinCrossingState, point: int, rate: float, rng: Any) -> None:
        """Cross with one solution."""
        other = state.pool[point >> 1]
        sign = 1 - 2 * (point & 1)
        for i in range(state.mark.size):
            state.mark[i] = 1 if other[i] == 0 else 0
        for i in range(state.mark.size):
            if state.mark[i] == 0 and state.position[i] != sign * other[i]:
                size = grow(target, state, other, sign, i)
                before = state.energy[0]
                for n in range(size):
                    flip(target, state, state.stack[n])
                tie = state.energy[0] == before and next_word(rng) >> np.uint64(63) == np.uint64(0)
                if state.energy[0] > before or tie:
                    for n in range(size):
                        flip(target, state, state.stack[n])
        if state.energy[0] < state.energy[1]:
            remember_best(state)
