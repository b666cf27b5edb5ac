r"""Parallel tempering: lanes at inverse temperatures from 0 to 1 that exchange their temperatures.

After every sweep neighbouring rungs k and k + 1, held by the lanes a and b, swap with probability

.. math:: \min(1, \exp((\beta_{k+1} - \beta_k)(L(x_a) - L(x_b)))),

the even pairs after one sweep, the odd pairs after the next. Alternating pairs in turn, not at random, sends lanes up and down
the ladder on straight paths: a round trip takes a number of swaps that grows with the number of rungs, not with its square.

Bridge sampling between neighbours comes from the same run: for any c,

.. math:: \frac{Z_{k+1}}{Z_k} = e^{c} \frac{E_k[1 / (1 + e^{-(\Delta L - c)})]}{E_{k+1}[1 / (1 + e^{\Delta L - c})]},
   \quad \Delta = \beta_{k+1} - \beta_k,

with the smallest error where c is the logarithm of the ratio itself.

References
----------
Geyer, C. J. (1991). Markov chain Monte Carlo maximum likelihood. Computing Science and Statistics 23.
Okabe, T., Kawata, M., Okamoto, Y. and Mikami, M. (2001). Replica-exchange Monte Carlo method for the isobaric-isothermal
ensemble. Chemical Physics Letters 335 (even and odd pairs in turn).
Syed, S., Bouchard-Côté, A., Deligiannidis, G. and Doucet, A. (2022). Non-reversible parallel tempering: a scalable highly
parallel MCMC scheme. JRSS B 84(2), algorithm 1.
Bennett, C. H. (1976). Efficient estimation of free energy differences from Monte Carlo data. J. Comput. Phys. 22, equation 7.
Meng, X.-L. and Wong, W. H. (1996). Simulating ratios of normalizing constants via a simple identity. Statistica Sinica 6.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import CheckpointError, StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import random
from stochinf.graphs.lane_state import check_states
from stochinf.graphs.targets import SpinGraph, TableGraph
from stochinf.graphs.tempering.moves import SpinMove, TableMove
from stochinf.graphs.tempering.state import LadderState, forget, ladder_state

__all__ = ["Tempering"]

TWO_RUNGS = np.array([0.0, 1.0])

LARGEST = 700.0
"""exp of more overflows."""


@helper()
def swap(state: Any, a: int, k: int, rng: Any) -> None:
    """Let rungs k and k + 1 of ladder a exchange their lanes, or not."""
    hot, cold = state.lane_at[a, k], state.lane_at[a, k + 1]
    gain = (state.ladder[k + 1] - state.ladder[k]) * (state.score[hot] - state.score[cold])
    accept = math.exp(min(gain, 0.0))
    state.rejected[k] += 1.0 - accept
    state.tried[k] += 1
    if random(rng) < accept:
        state.lane_at[a, k] = cold
        state.lane_at[a, k + 1] = hot
        state.rung[cold] = k
        state.rung[hot] = k + 1
        state.beta[cold] = np.float32(state.ladder[k])
        state.beta[hot] = np.float32(state.ladder[k + 1])


@helper()
def bridge(state: Any, a: int) -> None:
    """Add the terms of bridge sampling of ladder a; they are the last rows of the sums."""
    gaps = state.centre.size
    row = state.sums.shape[0] - 2 * gaps
    for k in range(gaps):
        step = state.ladder[k + 1] - state.ladder[k]
        up = step * state.score[state.lane_at[a, k]] - state.centre[k]
        down = step * state.score[state.lane_at[a, k + 1]] - state.centre[k]
        state.sums[row + k, a] += np.float32(1.0 / (1.0 + math.exp(min(-up, LARGEST))))
        state.sums[row + gaps + k, a] += np.float32(1.0 / (1.0 + math.exp(min(down, LARGEST))))


@helper()
def note_ends(state: Any, a: int) -> None:
    """Count a round trip where a lane of ladder a is back at the hot end."""
    hot, cold = state.lane_at[a, 0], state.lane_at[a, state.centre.size]
    if state.direction[hot] == -1:
        state.trips[a] += 1
    state.direction[hot] = 1
    if state.direction[cold] == 1:
        state.direction[cold] = -1


@part(lanes=True, single=True)
class Tempering(NamedTuple):
    """Parallel tempering of a factor graph; `stochinf.marginals(graph, method="tempering")` finds its ladder.

    Parameters
    ----------
    ladder : float64 (K,)
        Rising inverse temperatures from 0 to 1; chains come in whole ladders: the lanes of a block are a multiple of K.
    move : part
        What lanes do between swaps; the default is Gibbs sampling.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.tempering import Tempering
    >>> graph = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> kernel = Tempering(np.linspace(0, 1, 4))
    >>> run = si.run(kernel, graph, steps=200, chains=8, observer=si.observers.Nothing(), rng=0)
    >>> run.n_steps
    200
    """

    ladder: npt.NDArray[np.float64] = TWO_RUNGS
    move: Any = 0

    def checked(self) -> Tempering:
        """Check the ladder."""
        ladder = self.ladder
        rising = ladder.ndim == 1 and ladder.size >= 2 and bool((np.diff(ladder) > 0).all())
        if not rising or not ladder[0] >= 0.0 or not ladder[-1] == 1.0:
            raise StochinfError(f"Tempering: ladder = {ladder!r}; two or more rising inverse temperatures up to 1 are needed")
        return self

    def prepare(self, target: Any) -> Tempering:
        """Choose the moves for the kind of graph."""
        if not isinstance(self.move, int):
            return self
        if isinstance(target, SpinGraph):
            return self._replace(move=SpinMove())
        if isinstance(target, TableGraph):
            return self._replace(move=TableMove())
        raise StochinfError(f"Tempering: a FactorGraph is needed, not {type(target).__name__}")

    def init(self, target: Any, position: Any, streams: Any) -> LadderState:
        """Return uniform states or those given; lane l begins on rung l modulo K."""
        if streams.lanes % self.ladder.size:
            raise StochinfError(
                f"Tempering: {streams.lanes} chains in a block of ladders of {self.ladder.size}; give a multiple, with a number "
                "of rungs that divides 64"
            )
        start, states = self.move.begin(target, position, streams)
        state = ladder_state(start, streams.lane_words(), states, int(target.first_slot[-1]), self.ladder)
        state.clock[0] = target.n_points
        return state

    def begin_sampling(self, target: Any, state: LadderState) -> None:
        """Forget the sums of warm-up."""
        forget(state)

    def check_state(self, target: Any, state: Any) -> None:
        """Demand that a saved state is one: states of their variables, and every lane on one rung of its ladder."""
        check_states(target, state)
        lanes = np.arange(state.rung.size).reshape(state.lane_at.shape)
        whole = (np.sort(state.lane_at, axis=1) == lanes).all() and 1 <= state.clock[0] <= target.n_points
        if not whole or (state.rung[state.lane_at] != np.arange(state.lane_at.shape[1])).any():
            raise CheckpointError("tempered chains: the lanes of a ladder and its rungs do not agree; the file is damaged")

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every lane; after as many steps as there are points, swap."""
        self.move.draw_and_add(target, state, point)
        state.clock[0] -= 1
        if state.clock[0] == 0:
            state.clock[0] = target.free.size
            self.move.weigh(target, state)
            self.exchange(state, rng)

    def exchange(self, state: Any, rng: Any) -> None:
        """Add what bridge sampling needs, then swap the even or the odd pairs of every ladder."""
        first = state.clock[1] % 2
        state.clock[1] += 1
        for a in range(state.lane_at.shape[0]):
            bridge(state, a)
            for k in range(first, state.centre.size, 2):
                swap(state, a, k, rng)
            note_ends(state, a)
