r"""Parallel tempering of spins with isoenergetic cluster moves: for sparse graphs of few dimensions.

Several ladders of lanes run side by side. After a sweep, neighbouring rungs of each ladder may swap. Every few sweeps two lanes
a and b on the same rung of two ladders exchange a cluster: with the overlap :math:`q_i = s^a_i s^b_i`, a spin with :math:`q_i =
-1` is drawn, and all spins that hang together with it through spins of overlap -1 flip in both lanes. What one energy gains the
other loses, so the move is never refused, and it carries a lane to a valley that its twin has found. Lanes without field are
first turned over as a whole where they mostly disagree, which leaves the energy as it is. It is of use where overlap clusters
do not percolate: planar graphs, lattices, trees.

References
----------
Houdayer, J. (2001). A cluster Monte Carlo algorithm for 2-dimensional spin glasses. European Physical Journal B 22, section 3.
Zhu, Z., Ochoa, A. J. and Katzgraber, H. G. (2015). Efficient cluster algorithm for spin glasses in any space dimension. PRL 115.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import below
from stochinf.graphs.targets import SpinGraph
from stochinf.graphs.tempering.kernel import swap
from stochinf.graphs.tempering.moves import SpinMove

__all__ = ["ClusterState", "ClusterTempering"]

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

NO_LADDER = np.array([0.5, 1.0])
MOVE = SpinMove()


class ClusterState(NamedTuple):
    """Lanes on ladders, as `stochinf.graphs.tempering.state.LadderState`, with room for clusters and the best spins seen.

    Attributes
    ----------
    position, stats, words, level, offset, beta, ladder, rung, lane_at, score, rejected, tried, clock
        As in `LadderState`.
    stack, mark : int32 (V,), int8 (V,)
        The cluster as it grows.
    best : int8 (V, lanes)
    highest : float64 (lanes,)
        The best score of each lane, and the spins that have it.
    """

    position: Float32s
    stats: Float64s
    words: npt.NDArray[np.uint32]
    level: Float32s
    offset: Int32s
    beta: Float32s
    ladder: Float64s
    rung: Int32s
    lane_at: Int32s
    score: Float64s
    rejected: Float64s
    tried: Int64s
    clock: Int64s
    stack: Int32s
    mark: Int8s
    best: Int8s
    highest: Float64s


@helper()
def keep_best(state: Any) -> None:
    """Copy the spins of every lane that has improved."""
    improved = 0
    for l in range(state.score.size):
        state.offset[l] = np.int32(state.score[l] > state.highest[l])
        improved += state.offset[l]
    if improved > 0:
        for l in range(state.score.size):
            if state.offset[l] == 1:
                state.highest[l] = state.score[l]
                for i in range(state.mark.size):
                    state.best[i, l] = np.int8(state.position[i, l])


@helper()
def flip_cluster(target: Any, state: Any, a: int, b: int, first: int) -> int:
    """Flip the overlap cluster of a spin in lanes a and b; return its size."""
    spins = state.position
    state.stack[0] = first
    state.mark[first] = 1
    size = 1
    done = 0
    while done < size:
        i = state.stack[done]
        done += 1
        for k in range(target.start[i], target.start[i + 1]):
            j = target.neighbours[k]
            if state.mark[j] == 0 and spins[j, a] != spins[j, b] and target.clamped[j] < 0:
                state.mark[j] = 1
                state.stack[size] = j
                size += 1
    for n in range(size):
        i = state.stack[n]
        state.mark[i] = 0
        spins[i, a] = -spins[i, a]
        spins[i, b] = -spins[i, b]
    return size


@helper()
def exchange_cluster(target: Any, state: Any, a: int, b: int, turn: bool, rng: Any) -> None:
    """Exchange a random cluster between two lanes of one temperature."""
    spins = state.position
    points = target.free.size
    unequal = 0
    for i in range(spins.shape[0]):
        unequal += 1 if spins[i, a] != spins[i, b] else 0
    if turn and 2 * unequal > spins.shape[0]:
        for i in range(spins.shape[0]):
            spins[i, a] = -spins[i, a]
        unequal = spins.shape[0] - unequal
    if unequal > 0:
        i = target.free[below(rng, points)]
        while spins[i, a] == spins[i, b]:
            i = target.free[below(rng, points)]
        flip_cluster(target, state, a, b, i)


@part(lanes=True, single=True)
class ClusterTempering(NamedTuple):
    """Parallel tempering of a `SpinGraph` with isoenergetic cluster moves; a step is a sweep of every lane.

    Parameters
    ----------
    ladder : float64 (K,)
        Rising inverse temperatures; the lanes of a block are a multiple of K.
    every : int
        Sweeps between cluster moves.
    warmest : int
        The first rung on which clusters are exchanged; warmer lanes have clusters that fill the graph.
    symmetric : bool
        No spin has a field, so that all spins of a lane may be turned over.
    """

    ladder: Float64s = NO_LADDER
    every: int = 4
    warmest: int = 0
    symmetric: bool = False
    move: Any = MOVE

    def checked(self) -> ClusterTempering:
        """Check the ladder."""
        rising = self.ladder.ndim == 1 and self.ladder.size >= 2 and bool((np.diff(self.ladder) > 0).all())
        if not rising or not self.ladder[0] >= 0 or self.every < 1:
            raise StochinfError(f"{self!r}: rising inverse temperatures, two or more, and every >= 1 are needed")
        return self

    def pick(self, target: SpinGraph) -> Scan:
        """Return the picker of a single point: a step is a sweep."""
        return Scan(1)

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> ClusterState:
        """Return uniform spins or those given; lane l begins on rung l modulo K."""
        rungs, lanes = self.ladder.size, streams.lanes
        if lanes % rungs:
            raise StochinfError(f"ClusterTempering: {lanes} chains in ladders of {rungs} rungs; give a multiple")
        spins, _ = SpinMove().begin(target, position, streams)
        demand(10 * spins.size, f"{lanes} tempered chains of {spins.shape[0]} spins")
        lane = np.arange(lanes, dtype=np.int32)
        return ClusterState(
            spins, np.empty((0, lanes)), streams.lane_words(), np.empty(lanes, np.float32), np.zeros(lanes, np.int32),
            self.ladder[lane % rungs].astype(np.float32), self.ladder.copy(), lane % rungs, lane.reshape(-1, rungs).copy(),
            np.zeros(lanes), np.zeros(rungs - 1), np.zeros(rungs - 1, np.int64), np.zeros(2, np.int64),
            np.zeros(len(spins), np.int32), np.zeros(len(spins), np.int8), spins.astype(np.int8), np.full(lanes, -np.inf),
        )  # fmt: skip

    def update(self, target: SpinGraph, state: ClusterState, point: int, rate: float, rng: Any) -> None:
        """Sweep all lanes, keep what is best, swap rungs, exchange clusters."""
        for p in range(target.free.size):
            self.move.draw(target, state, p)
        self.move.weigh(target, state)
        keep_best(state)
        first = state.clock[1] % 2
        state.clock[1] += 1
        ladders = state.lane_at.shape[0]
        for a in range(ladders):
            for k in range(first, state.ladder.size - 1, 2):
                swap(state, a, k, rng)
        if state.clock[1] % self.every == 0 and ladders > 1:
            for k in range(self.warmest, state.ladder.size):
                a = below(rng, ladders)
                b = (a + 1 + below(rng, ladders - 1)) % ladders
                exchange_cluster(target, state, state.lane_at[a, k], state.lane_at[b, k], self.symmetric, rng)
