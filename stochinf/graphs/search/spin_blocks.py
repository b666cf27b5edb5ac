r"""Exact minimisation over random blocks of spins: large neighbourhoods for sparse graphs.

A step grows a random set of spins in which a front of at most `width` spins separates what was visited from what is to come (a
path decomposition), and minimises the energy over all of them at once, given the rest, by dynamic programming over the
:math:`2^{width}` states of the front. On a grid seven spins in ten or so move together. The energy never rises; among equal
minima one is drawn at random, so that the search walks over plateaus.

References
----------
Hamze, F. and de Freitas, N. (2004). From fields to trees. UAI.
Selby, A. (2014). Efficient subgraph-based sampling of Ising-type models with frustration. arXiv:1409.3934, sections 2 and 4.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import below, next_word
from stochinf.graphs.search.spin_energy import SpinEnergy, flip, remember_best, search_state

__all__ = ["SpinBlocks", "SpinBlocksState"]

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]

UNTOUCHED, INSIDE, OUTSIDE = 0, 1, 2
STEPS, IMPROVED, LOWEST = 0, 1, 2
"""Places in `state.clock`: steps done, the step of the walk's last best, that best."""


class SpinBlocksState(NamedTuple):
    """A `SpinSearchState` and the work space of a block.

    Attributes
    ----------
    position, gain, energy, best, journal, journalled, clock, stats
        As in `SpinSearchState`.
    status : int8 (V,)
        Untouched, in the block, or outside.
    open : int32 (V,)
        Untouched neighbours of a spin in the block.
    occupant : int32 (width,), age : int32 (width,)
        The spins of the front, and when each came.
    bit : int32 (V,)
        The bit of the front that a spin of the block has or had.
    order, place, before, link : int32 (V,)
        The block in the order of visits: spin, bit of the front, the spin that had the bit (-1: none), the coupling of the two.
    table : int32 (2, 2^width)
        Least energies by the state of the front, before and after a visit.
    back : uint8 (V, 2^width)
        For each visit and state of the front, the state of the spin that left.
    """

    position: Int8s
    gain: Int32s
    energy: npt.NDArray[np.int64]
    best: Int8s
    journal: Int32s
    journalled: npt.NDArray[np.int64]
    clock: npt.NDArray[np.int64]
    stats: npt.NDArray[np.float64]
    status: Int8s
    open: Int32s
    occupant: Int32s
    age: Int32s
    bit: Int32s
    order: Int32s
    place: Int32s
    before: Int32s
    link: Int32s
    table: Int32s
    back: npt.NDArray[np.uint8]


@helper()
def candidate(target: Any, state: Any, rng: Any) -> tuple[int, bool]:
    """Return the untouched neighbour of the front that shrinks it most, and whether the front has room for it; -1 for none."""
    room = False
    for b in range(state.occupant.size):
        u = state.occupant[b]
        room |= u < 0
        if u >= 0:
            room |= state.open[u] == 0
    chosen = -1
    highest = -(2**30)
    fits = False
    for b in range(state.occupant.size):
        u = state.occupant[b]
        if u >= 0 and state.open[u] > 0:
            for k in range(target.start[u], target.start[u + 1]):
                v = target.neighbours[k]
                if state.status[v] == UNTOUCHED:
                    freed = 0
                    inside = 0
                    others = 0
                    for m in range(target.start[v], target.start[v + 1]):
                        w = target.neighbours[m]
                        if state.status[w] == INSIDE:
                            inside += 1
                            freed += 1 if state.open[w] == 1 else 0
                        elif state.status[w] == UNTOUCHED:
                            others += 1
                    possible = room or freed > 0
                    score = (1 << 24 if possible else 0) + ((2 * freed - (1 if others > 0 else 0) + 64) << 16) + state.age[b]
                    if score > highest:
                        highest = score
                        chosen = v
                        fits = possible
    return chosen, fits


@helper()
def admit(target: Any, state: Any, v: int, visits: int) -> None:
    """Take spin v into the block, in a bit of the front that is free or that it frees."""
    state.status[v] = INSIDE
    opened = 0
    for k in range(target.start[v], target.start[v + 1]):
        w = target.neighbours[k]
        if state.status[w] == INSIDE:
            state.open[w] -= 1
        elif state.status[w] == UNTOUCHED:
            opened += 1
    state.open[v] = opened
    bit = -1
    for b in range(state.occupant.size):
        u = state.occupant[b]
        if u < 0:
            if bit < 0:
                bit = b
        elif state.open[u] == 0:
            bit = b
    u = state.occupant[bit]
    link = np.int32(0)
    if u >= 0:
        for k in range(target.start[v], target.start[v + 1]):
            if target.neighbours[k] == u:
                link = np.int32(link + (target.coupling[k] >> np.int32(2)))
    state.occupant[bit] = v
    state.age[bit] = visits
    state.order[visits] = v
    state.place[visits] = bit
    state.before[visits] = u
    state.link[visits] = link
    state.bit[v] = bit


@helper()
def tilt(table: Any, bit: int, field: np.int32) -> None:
    """Add the energy of a field on one spin of the front."""
    for c in range(table.size):
        up = np.int32(np.int32(c) >> np.int32(bit)) & np.int32(1)
        table[c] = np.int32(table[c] + np.int32(np.int32(1 - 2 * up) * field))


@helper()
def exclude(target: Any, state: Any, v: int, visits: int) -> None:
    """Leave spin v outside the block: it pulls at its neighbours of the front."""
    state.status[v] = OUTSIDE
    for k in range(target.start[v], target.start[v + 1]):
        w = target.neighbours[k]
        if state.status[w] == INSIDE:
            state.open[w] -= 1
            tilt(
                state.table[visits & 1], state.bit[w], np.int32((target.coupling[k] >> np.int32(2)) * np.int32(state.position[v]))
            )


@helper()
def replace_bit(table: Any, fresh: Any, back: Any, bit: int, link: np.int32, field: np.int32, tie: np.int32) -> None:
    """Minimise over the spin that leaves a bit of the front, and put the new spin with its field there.

    The table begins anew at zero each time, so that energies stay small.
    """
    step = np.uint64(1) << np.uint64(bit)
    rest = ~step
    base = table[0]
    for c in range(table.size):
        up = np.int32((np.uint64(c) >> np.uint64(bit)) & np.uint64(1))
        side = np.int32(np.int32(2) * up - np.int32(1))
        a = np.int32(table[np.uint64(c) & rest] + side * link)
        b = np.int32(table[np.uint64(c) | step] - side * link)
        back[c] = np.uint8(np.int32(b - tie) < a)
        fresh[c] = np.int32(min(a, b) - side * field - base)


@helper()
def couple(table: Any, bit: int, other: int, coupling: np.int32) -> None:
    """Add the energy of a pair of the front."""
    for c in range(table.size):
        differ = np.int32((np.int32(c) >> np.int32(bit)) ^ (np.int32(c) >> np.int32(other))) & np.int32(1)
        table[c] = np.int32(table[c] + np.int32(np.int32(2 * differ - 1) * coupling))


@helper()
def visit(target: Any, state: Any, k: int, rng: Any) -> None:
    """Bring the k-th spin of the block into the table."""
    v = state.order[k]
    bit = state.place[k]
    field = target.field[v]
    for m in range(target.start[v], target.start[v + 1]):
        w = target.neighbours[m]
        if state.status[w] == OUTSIDE:
            field = np.int32(field + (target.coupling[m] >> np.int32(2)) * np.int32(state.position[w]))
    tie = np.int32(next_word(rng) >> np.uint64(63))
    now = (k + 1) & 1
    replace_bit(state.table[k & 1], state.table[now], state.back[k], bit, state.link[k], field, tie)
    for m in range(target.start[v], target.start[v + 1]):
        w = target.neighbours[m]
        other = state.bit[w]
        if state.status[w] == INSIDE and other != bit and state.occupant[other] == w:
            couple(state.table[now], bit, other, np.int32(target.coupling[m] >> np.int32(2)))


@helper()
def grow_and_minimise(target: Any, state: Any, rng: Any) -> int:
    """Visit a block from a random spin on, filling the table; return how many spins it has."""
    n = state.status.size
    for i in range(n):
        state.status[i] = UNTOUCHED
    for b in range(state.occupant.size):
        state.occupant[b] = -1
    for c in range(state.table.shape[1]):
        state.table[0, c] = 0
    first = below(rng, n)
    looked = 0
    visits = 0
    while looked < n:
        v, fits = candidate(target, state, rng)
        if v < 0:
            v = (first + looked) % n
            looked += 1
            fits = state.status[v] == UNTOUCHED
            if not fits:
                continue
        if fits:
            admit(target, state, v, visits)
            visit(target, state, visits, rng)
            visits += 1
        else:
            exclude(target, state, v, visits)
    return visits


@helper()
def decide(target: Any, state: Any, visits: int) -> None:
    """Read the minimum off the table, last spin first, and put the spins there."""
    table = state.table[visits & 1]
    c = 0
    for d in range(table.size):
        c = d if table[d] < table[c] else c
    for k in range(visits - 1, -1, -1):
        bit = state.place[k]
        up = (c >> bit) & 1
        left = np.int64(state.back[k, c])
        c = (c & ~(1 << bit)) | (left << bit)
        i = state.order[k]
        if (state.position[i] > 0) != (up == 1):
            flip(target, state, i)


@part
class SpinBlocks(NamedTuple):
    """Exact minimisation of random blocks of a `SpinEnergy`; a step is a block.

    Parameters
    ----------
    width : int
        Spins of the front at most; a step takes time in proportion to V 2^width.
    patience : int
        Steps without a new best of the walk before all spins are drawn afresh.
    """

    width: int = 8
    patience: int = 200

    def pick(self, target: SpinEnergy) -> Scan:
        """Return the picker of a single point: the kernel draws the blocks."""
        return Scan(1)

    def init(self, target: SpinEnergy, position: npt.NDArray[Any] | None, streams: Any) -> SpinBlocksState:
        """Return spins drawn uniformly, or the state indices given."""
        n, states = target.n_points, 1 << self.width
        demand(n * states, f"blocks of {n} spins with a front of {self.width}")
        drawn = streams.generator().integers(0, 2, n)
        begun = search_state(target, drawn if position is None else position)._asdict()
        del begun["until"]
        begun["clock"][LOWEST] = begun["energy"][0]
        front, all_ = (np.zeros((2, self.width), np.int32), np.zeros((6, n), np.int32))
        return SpinBlocksState(
            **begun, status=np.zeros(n, np.int8), open=all_[0].copy(), occupant=front[0].copy(), age=front[1].copy(),
            bit=all_[1].copy(), order=all_[2].copy(), place=all_[3].copy(), before=all_[4].copy(), link=all_[5].copy(),
            table=np.zeros((2, states), np.int32), back=np.zeros((n, states), np.uint8),
        )  # fmt: skip

    def update(self, target: SpinEnergy, state: SpinBlocksState, point: int, rate: float, rng: Any) -> None:
        """Minimise over one block; start again where the walk has stood still."""
        clock = state.clock
        if clock[STEPS] - clock[IMPROVED] > self.patience:
            for i in range(state.gain.size):
                if next_word(rng) >> np.uint64(63) == np.uint64(0):
                    flip(target, state, i)
            clock[LOWEST] = state.energy[0]
            clock[IMPROVED] = clock[STEPS]
        decide(target, state, grow_and_minimise(target, state, rng))
        clock[STEPS] += 1
        if state.energy[0] < clock[LOWEST]:
            clock[LOWEST] = state.energy[0]
            clock[IMPROVED] = clock[STEPS]
            if state.energy[0] < state.energy[1]:
                remember_best(state)
