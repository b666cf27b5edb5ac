r"""Constraint propagation and search: the states that survive, and configurations of positive probability.

A state of a variable is *supported* by a factor if the factor's table has a positive entry in which the variable has that state
and the others states that are still alive. States without support are removed until none is left that lacks it (generalised
arc consistency). What is left over-estimates what is possible: nothing that has positive probability is ever removed.

A search step decides one variable at random among its states and propagates; after a contradiction the last decision is taken
back and its state removed. The variable with the fewest states per conflict in its factors comes first, and the search
starts anew after a number of failures that grows, so that it ends with a configuration or with a proof that there is none.

References
----------
Mackworth, A. K. (1977). Consistency in networks of relations. Artificial Intelligence 8(1), AC-3.
Boussemart, F., Hemery, F., Lecoutre, C. and Sais, L. (2004). Boosting systematic search by weighting constraints.
    ECAI, section 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import Block, advance
from stochinf.engine.jit import helper
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import below, stream
from stochinf.engine.rates import Constant
from stochinf.graphs.zeros.supports import Bytes, Int32s, Int64s, Supports, first_tuple, next_tuple, owners

__all__ = ["CONTRADICTION", "SOLVED", "Narrowing", "Search", "narrowed", "opened", "searched"]

SOLVED, CONTRADICTION = 1, 2
STATUS, NODES, DEPTH, TRAIL, HEAD, LENGTH, FAILURES, PATIENCE = range(8)
WINDOW = 64
"""Undecided variables that a step chooses among, and an eighth of the variables that it looks at beyond the first."""
CHUNK = 1024


class Narrowing(NamedTuple):
    """What propagation and search change.

    Attributes
    ----------
    position : int32 (n,)
        The configuration, once `progress[STATUS]` is `SOLVED`.
    alive : uint8
        The domain: 1 for states still possible.
    size : int32 (n,)
        How many those are.
    owner : int32
        Variable of each bit of the domain.
    queue, waiting : int32 (H,), uint8 (H,)
        Factors to look at, in a ring, and whether a factor is in it.
    trail : int64
        Bits removed, in order.
    mark, chosen, front : int64 (n + 1,)
        Of each decision: length of the trail before it, bit chosen, first undecided variable.
    weight : float64 (H,)
        One more than the contradictions found by a factor.
    digit : int32
        Work space.
    progress : int64 (8,)
        Status, nodes, depth, length of the trail, head and length of the queue, failures and patience.
    """

    position: Int32s
    stats: npt.NDArray[np.float64]
    alive: Bytes
    size: Int32s
    owner: Int32s
    queue: Int32s
    waiting: Bytes
    trail: Int64s
    mark: Int64s
    chosen: Int64s
    front: Int64s
    weight: npt.NDArray[np.float64]
    digit: Int32s
    progress: Int64s


def opened(supports: Supports, domain: Bytes) -> Narrowing:
    """Return a state with a domain, in which every variable has a state, and every active factor in the queue."""
    n, h = supports.cardinality.size, supports.factors.size
    size = np.add.reduceat(domain, supports.first[:-1], dtype=np.int32) if n else np.empty(0, np.int32)
    arity = np.diff(supports.scope_start)
    progress = np.zeros(8, np.int64)
    progress[LENGTH], progress[PATIENCE] = h, 64
    return Narrowing(
        np.zeros(n, np.int32), np.empty(0), domain.copy(), size, owners(supports), np.arange(h, dtype=np.int32),
        np.ones(h, np.uint8), np.zeros(domain.size + 1, np.int64), np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64),
        np.zeros(n + 1, np.int64), np.ones(h), np.zeros(int(arity.max(initial=1)), np.int32), progress,
    )  # fmt: skip


@helper()
def supported(target: Any, state: Any, q: int, s: int) -> bool:
    """Whether a factor has a positive entry with state s at place q."""
    f = target.place_factor[q]
    entry = first_tuple(target, state, f, q) + s * target.stride[q]
    while entry >= 0:
        if target.allowed[entry] != 0:
            return True
        entry = next_tuple(target, state, f, q, entry)
    return False


@helper()
def strike(state: Any, i: int, bit: int) -> None:
    """Remove a state."""
    state.alive[bit] = 0
    state.size[i] -= 1
    state.trail[state.progress[TRAIL]] = bit
    state.progress[TRAIL] += 1


@helper()
def alert(target: Any, state: Any, i: int, but: int) -> None:
    """Put the factors of a variable into the queue, all but one."""
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        f = target.place_factor[target.entry_place[e]]
        if f != but and state.waiting[f] == 0 and target.active[f] != 0:
            state.waiting[f] = 1
            state.queue[(state.progress[HEAD] + state.progress[LENGTH]) % state.queue.size] = f
            state.progress[LENGTH] += 1


@helper()
def revised(target: Any, state: Any, q: int) -> bool:
    """Remove the states at place q that its factor does not support; whether a state is left."""
    i = target.scope[q]
    base = target.first[i]
    before = state.size[i]
    if before == 1 and q + 1 < target.scope_start[target.place_factor[q] + 1]:
        return True
    for s in range(target.cardinality[i]):
        if state.alive[base + s] != 0 and not supported(target, state, q, s):
            strike(state, i, base + s)
            if state.size[i] == 0:
                return False
    if state.size[i] < before:
        alert(target, state, i, target.place_factor[q])
    return True


@helper()
def propagated(target: Any, state: Any) -> bool:
    """Empty the queue; False, with the queue cleared, where a variable loses its last state."""
    sound = True
    while state.progress[LENGTH] > 0:
        f = state.queue[state.progress[HEAD]]
        state.progress[HEAD] = (state.progress[HEAD] + 1) % state.queue.size
        state.progress[LENGTH] -= 1
        state.waiting[f] = 0
        if sound and target.active[f] != 0:
            for q in range(target.scope_start[f], target.scope_start[f + 1]):
                if sound and not revised(target, state, q):
                    sound = False
                    state.weight[f] += 1.0
    return sound


@helper()
def undo(state: Any, length: int) -> None:
    """Put the states back that were removed since the trail had a length."""
    while state.progress[TRAIL] > length:
        state.progress[TRAIL] -= 1
        bit = state.trail[state.progress[TRAIL]]
        state.alive[bit] = 1
        state.size[state.owner[bit]] += 1


@helper()
def undecided(target: Any, state: Any) -> int:
    """Return the variable to decide next, -1 where each has one state."""
    depth = state.progress[DEPTH]
    i = state.front[depth]
    n = target.cardinality.size
    while i < n and state.size[i] == 1:
        i += 1
    state.front[depth] = i
    best = -1
    lowest = np.inf
    seen = 0
    end = min(n, i + 8 * WINDOW)
    while i < end and seen < WINDOW:
        if state.size[i] > 1:
            seen += 1
            weight = 1e-9
            for e in range(target.entry_start[i], target.entry_start[i + 1]):
                f = target.place_factor[target.entry_place[e]]
                weight += state.weight[f] * target.active[f]
            if state.size[i] / weight < lowest:
                lowest = state.size[i] / weight
                best = i
        i += 1
    return int(best)


@helper()
def decide(target: Any, state: Any, i: int, rng: Any) -> None:
    """Keep one state of a variable, drawn at random."""
    depth = state.progress[DEPTH]
    base = target.first[i]
    rank = below(rng, state.size[i])
    state.mark[depth] = state.progress[TRAIL]
    for s in range(target.cardinality[i]):
        if state.alive[base + s] != 0:
            if rank == 0:
                state.chosen[depth] = base + s
            else:
                strike(state, i, base + s)
            rank -= 1
    state.front[depth + 1] = state.front[depth]
    state.progress[DEPTH] += 1
    alert(target, state, i, -1)


@helper()
def back_up(target: Any, state: Any) -> None:
    """Take the last decision back and exclude its state; all decisions where patience is at an end."""
    state.progress[FAILURES] += 1
    if state.progress[DEPTH] == 0:
        state.progress[STATUS] = CONTRADICTION
    elif state.progress[FAILURES] > state.progress[PATIENCE]:
        undo(state, state.mark[0])
        state.progress[DEPTH] = 0
        state.progress[FAILURES] = 0
        state.progress[PATIENCE] += state.progress[PATIENCE] // 2
    else:
        state.progress[DEPTH] -= 1
        depth = state.progress[DEPTH]
        undo(state, state.mark[depth])
        i = state.owner[state.chosen[depth]]
        strike(state, i, state.chosen[depth])
        alert(target, state, i, -1)


@part
class Search(NamedTuple):
    """Propagate, then decide a variable or take a decision back: one node of the search tree."""

    deciding: int = 1

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Visit one node."""
        if state.progress[STATUS] == 0:
            state.progress[NODES] += 1
            if not propagated(target, state):
                back_up(target, state)
            elif self.deciding != 0:
                i = undecided(target, state)
                if i >= 0:
                    decide(target, state, i, rng)
                else:
                    for j in range(target.cardinality.size):
                        s = 0
                        while state.alive[target.first[j] + s] == 0:
                            s += 1
                        state.position[j] = s
                    state.progress[STATUS] = SOLVED


def visit(kernel: Search, supports: Supports, state: Narrowing, nodes: int, seed: np.random.SeedSequence) -> int:
    """Visit up to so many nodes more; return the status."""
    rng = stream(seed)
    block = Block(kernel, supports, Scan(1), Constant(), Nothing(), state, rng.copy(), rng, 1)
    end = int(state.progress[NODES]) + nodes
    while state.progress[STATUS] == 0 and state.progress[NODES] < end:
        advance(block, min(end - int(state.progress[NODES]), CHUNK))
    return int(state.progress[STATUS])


def narrowed(supports: Supports, domain: Bytes) -> Narrowing:
    """Return the state after propagation alone; its status is `CONTRADICTION` where a variable has no state left."""
    state = opened(supports, domain)
    if supports.factors.size:
        visit(Search(0), supports, state, 1, np.random.SeedSequence(0))
    return state


def searched(supports: Supports, domain: Bytes, nodes: int, seed: np.random.SeedSequence) -> Narrowing:
    """Return the state after a search of up to so many nodes; status 0 where they did not suffice."""
    state = opened(supports, domain)
    visit(Search(), supports, state, nodes, seed)
    return state
