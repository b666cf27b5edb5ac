r"""Tabu search over spins: the best flip of all that do not rest, gains kept up to date.

A move flips the spin of the least gain :math:`d_i` (a change of energy, negative for the better) among those that have rested,
ties at random; the flipped spin rests for :math:`\lfloor V/30 \rfloor + U\{1, ..., \lfloor V/20 \rfloor + 10\}` moves, at
most V / 4. A spin that rests may move all the same if that leads below the best of this walk (aspiration). After `patience`
moves without a new best of the walk, the walk starts again at the best of all, or goes on from where it is, with some spins
flipped at random: few at first, more each time, few again after a new best of all.

References
----------
Glover, F., Kochenberger, G. A. and Alidaee, B. (1998). Adaptive memory tabu search for binary quadratic programs. Management
Science 44(3).
Palubeckis, G. (2006). Iterated tabu search for the unconstrained binary quadratic optimization problem. Informatica 17(2).
Kochenberger, G. A. et al. (2013). Solving large scale max cut problems via tabu search. Journal of Heuristics 19(4).
Benlic, U. and Hao, J.-K. (2013). Breakout local search for the max-cut problem. Engineering Applications of AI 26(3).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import below
from stochinf.graphs.search.spin_energy import SpinEnergy, SpinSearchState, flip, remember_best, search_state

__all__ = ["SpinTabu"]

NEVER = np.int32(2**31 - 1)
RESTING = np.int32(2**30)
"""Added to the gain of a spin that rests; gains are at most half of it."""

HALF = np.int32(2**29)
WRAP = 2**30
MOVES, IMPROVED, LOWEST, STRENGTH = 0, 1, 2, 3
"""Places in `state.clock`: moves made, the move of the walk's last best, that best, spins to flip at the next restart."""


@helper()
def least_rested(gain: Any, until: Any, now: np.int32) -> np.int32:
    """Return the least gain of the spins that have rested; one minimum a loop, or it does not become vector code."""
    lowest = NEVER
    for i in range(gain.size):
        g = gain[i]
        h = np.int32(g + np.int32(until[i] > now) * RESTING)
        lowest = h if h < lowest else lowest
    return lowest


@helper()
def least(gain: Any) -> np.int32:
    """Return the least gain of all spins."""
    lowest = NEVER
    for i in range(gain.size):
        g = gain[i]
        lowest = g if g < lowest else lowest
    return lowest


@helper()
def one_of(gain: Any, until: Any, now: np.int32, wanted: np.int32, first: int) -> int:
    """Return the first spin from `first` on, cyclically, that has rested and has the gain wanted."""
    n = gain.size
    for i in range(first, n):
        if gain[i] == wanted and until[i] <= now:
            return i
    for i in range(first):
        if gain[i] == wanted and until[i] <= now:
            return i
    return first


@part
class SpinTabu(NamedTuple):
    """Tabu search of a `SpinEnergy`; a step is a move.

    Parameters
    ----------
    patience : int
        Moves without a new best of the walk before it is shaken; 0 takes 20 V, at least 1000.
    """

    patience: int = 0

    def checked(self) -> SpinTabu:
        """Check the patience."""
        if self.patience < 0:
            raise StochinfError(f"SpinTabu: patience = {self.patience}; a positive number of moves is needed, or 0 for 20 V")
        return self

    def prepare(self, target: SpinEnergy) -> SpinTabu:
        """Fill the patience in."""
        return SpinTabu(self.patience or max(1000, 20 * target.n_points))

    def pick(self, target: SpinEnergy) -> Scan:
        """Return the picker of a single point: the state decides which spin moves."""
        return Scan(1)

    def init(self, target: SpinEnergy, position: npt.NDArray[Any] | None, streams: Any) -> SpinSearchState:
        """Return spins drawn uniformly, or the state indices given."""
        drawn = streams.generator().integers(0, 2, target.n_points)
        state = search_state(target, drawn if position is None else position)
        state.clock[LOWEST] = state.energy[0]
        state.clock[STRENGTH] = weakest(target.n_points)
        return state

    def update(self, target: SpinEnergy, state: SpinSearchState, point: int, rate: float, rng: Any) -> None:
        """Make one move, or shake the walk where it has stood still."""
        clock = state.clock
        if clock[MOVES] - clock[IMPROVED] > self.patience:
            shake(target, state, rng)
        now = np.int32(clock[MOVES])
        n = state.gain.size
        rested = least_rested(state.gain, state.until, now)
        lowest = least(state.gain)
        free = now
        wanted = rested
        if lowest < rested and (state.energy[0] + lowest < clock[LOWEST] or rested >= HALF):
            wanted = lowest
            free = NEVER
        i = one_of(state.gain, state.until, free, wanted, below(rng, n))
        flip(target, state, i)
        state.until[i] = np.int32(now + 1 + min(n // 30 + 1 + below(rng, n // 20 + 10), n // 4))
        clock[MOVES] += 1
        if state.energy[0] < clock[LOWEST]:
            clock[LOWEST] = state.energy[0]
            clock[IMPROVED] = clock[MOVES]
            if state.energy[0] < state.energy[1]:
                remember_best(state)
                clock[STRENGTH] = weakest(n)
        if clock[MOVES] >= WRAP:
            rewind(state)


@helper()
def weakest(n: int) -> int:
    """Return how many spins the first shake flips."""
    return max(1, n // 50)


@helper()
def rewind(state: Any) -> None:
    """Turn the clock back, so that moves are counted in 32 bits for ever."""
    state.clock[MOVES] -= WRAP
    state.clock[IMPROVED] -= WRAP
    for i in range(state.until.size):
        state.until[i] = max(np.int32(state.until[i] - np.int32(WRAP)), np.int32(0))


@helper()
def shake(target: Any, state: Any, rng: Any) -> None:
    """Go back to the best with probability 1/2, flip some spins at random, and start a new walk."""
    n = state.gain.size
    clock = state.clock
    if below(rng, 2) == 0:
        for i in range(n):
            if state.position[i] != state.best[i]:
                flip(target, state, i)
        state.journalled[0] = 0
    strength = clock[STRENGTH]
    for _ in range(strength):
        flip(target, state, below(rng, n))
    clock[STRENGTH] = strength + max(1, n // 200) if strength < n // 4 else weakest(n)
    for i in range(n):
        state.until[i] = np.int32(0)
    clock[LOWEST] = state.energy[0]
    clock[IMPROVED] = clock[MOVES]
