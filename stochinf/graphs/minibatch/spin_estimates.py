r"""MIN-Gibbs and DoubleMIN-Gibbs sampling of spins: chains that carry an estimate of their log weight.

An estimate of the couplings' part of the log weight counts how many of a Poisson number of picks agree with the spins,

.. math:: \xi = \log\big(1 + \tfrac{\beta \Psi}{\lambda}\big) \sum_e c_e [\phi_e(s) > 0], \quad
   c_e \sim \text{Poisson}(\lambda M_e / \Psi), \quad E[\exp \xi] = \exp(\beta \textstyle\sum_e \phi_e(s)),

so that the pairs of spins and estimates have a distribution whose spins have that of the model. Fields are added up exactly.

References
----------
De Sa, C., Chen, V. and Wong, W. (2018). Minibatch Gibbs sampling on large graphical models. ICML, equation 2, algorithms 2 and 5.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform
from stochinf.graphs.lane_state import check_states, reset_sums
from stochinf.graphs.minibatch.picking import CERTAIN, pick, poisson
from stochinf.graphs.minibatch.spin_terms import SpinPairs, SpinRows
from stochinf.graphs.minibatch.spins import balance
from stochinf.graphs.minibatch.state import MinibatchState, add_level, minibatch_state, spin_position
from stochinf.graphs.targets import SpinGraph

__all__ = ["SpinDoubleMinGibbs", "SpinMinGibbs"]


@helper()
def estimate(pairs: Any, spins: Any, rng: Any, lane: int, i: int, value: Any, rate: float) -> float:
    """Return an estimate of the couplings' log weight in one lane, spin i being `value`."""
    agreeing = 0
    size = pairs.threshold.size
    for _ in range(poisson(rng, pairs.extra) if size else 0):
        e = pick(rng, pairs.threshold, pairs.other, 0, size)
        a, b = pairs.ends[e, 0], pairs.ends[e, 1]
        left = value if a == i else np.int64(spins[a, lane])
        right = value if b == i else np.int64(spins[b, lane])
        agreeing += 1 if (left == right) != pairs.negative[e] else 0
    return math.log(1.0 + rate * pairs.energy / pairs.extra) * agreeing


@helper()
def believe(pairs: Any, state: Any, rate: float, rng: Any) -> None:
    """Draw estimates for the present configurations where the temperature has changed.

    They come from their distribution given the configurations, which is that of estimates times exp(xi): the number of picks
    that agree is a Poisson number of another mean.
    """
    if state.warmth[0] == rate:
        return
    state.warmth[0] = rate
    size = pairs.threshold.size
    for l in range(state.estimate.size):
        agreeing = 0
        for _ in range(poisson(rng, pairs.extra + rate * pairs.energy) if size else 0):
            e = pick(rng, pairs.threshold, pairs.other, 0, size)
            equal = state.position[pairs.ends[e, 0], l] == state.position[pairs.ends[e, 1], l]
            agreeing += 1 if equal != pairs.negative[e] else 0
        state.estimate[l] = math.log(1.0 + rate * pairs.energy / pairs.extra) * agreeing


@helper()
def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + math.exp(-max(x, -700.0)))


@part(lanes=True, single=True, rate_field="inverse_temperature")
class SpinMinGibbs(NamedTuple):
    """MIN-Gibbs sampling of a `SpinGraph`; `stochinf.graphs.MinGibbs` chooses it where it fits."""

    inverse_temperature: Any
    sums: bool
    pairs: SpinPairs

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> MinibatchState:
        """Return spins drawn uniformly, or as given."""
        slots = int(target.first_slot[-1]) if self.sums else 0
        return minibatch_state(spin_position(target, position, streams), streams, 1, slots)

    def begin_sampling(self, target: SpinGraph, state: MinibatchState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: SpinGraph, state: MinibatchState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: SpinGraph, state: MinibatchState, point: int, rate: float, rng: Any) -> None:
        """Draw one spin in every lane, with the remembered estimate for its present state and a new one for the other."""
        i = target.free[point]
        believe(self.pairs, state, rate, rng)
        for l in range(state.level.size):
            s = np.int64(state.position[i, l])
            new = estimate(self.pairs, state.position, rng, l, i, -s, rate)
            flips = logistic(new - state.estimate[l] - 2.0 * rate * s * target.field[i])
            state.level[l] = np.float32(flips if s < 0 else 1.0 - flips)
            if lane_uniform(state.words, l) < flips:
                state.position[i, l] = np.int8(-s)
                state.estimate[l] = new
        if self.sums:
            add_level(target, state, i, 1)


@part(lanes=True, single=True, rate_field="inverse_temperature")
class SpinDoubleMinGibbs(NamedTuple):
    """DoubleMIN-Gibbs sampling of a `SpinGraph`; `stochinf.graphs.DoubleMinGibbs` chooses it where it fits."""

    inverse_temperature: Any
    sums: bool
    rows: SpinRows
    pairs: SpinPairs

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> MinibatchState:
        """Return spins drawn uniformly, or as given."""
        slots = int(target.first_slot[-1]) if self.sums else 0
        return minibatch_state(spin_position(target, position, streams), streams, 1, slots)

    def begin_sampling(self, target: SpinGraph, state: MinibatchState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: SpinGraph, state: MinibatchState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: SpinGraph, state: MinibatchState, point: int, rate: float, rng: Any) -> None:
        """Propose a flip of one spin by a minibatch of its neighbours, and take it by an estimate of the log weight."""
        i = target.free[point]
        believe(self.pairs, state, rate, rng)
        first, size = target.start[i], target.start[i + 1] - target.start[i]
        theta = self.rows.extra[i]
        for l in range(state.level.size):
            s = np.int64(state.position[i, l])
            number = poisson(rng, theta * self.rows.energy[i]) if theta > 0.0 else 0
            pulls = balance(self.rows, state.position, rng, l, first, size, s, number, CERTAIN)
            gain = -s * rate * pulls / theta if theta > 0.0 else 0.0
            proposed = logistic(gain - 2.0 * rate * s * target.field[i])
            new = estimate(self.pairs, state.position, rng, l, i, -s, rate)
            flips = proposed * min(1.0, math.exp(min(0.0, new - state.estimate[l] - gain)))
            state.level[l] = np.float32(flips if s < 0 else 1.0 - flips)
            if lane_uniform(state.words, l) < flips:
                state.position[i, l] = np.int8(-s)
                state.estimate[l] = new
        if self.sums:
            add_level(target, state, i, 1)
