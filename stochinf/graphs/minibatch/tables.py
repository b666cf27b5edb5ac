r"""Minibatch Gibbs sampling of any factor graph; the equations are those of the spins.

With :math:`\phi_f` from 0 to :math:`M_f`, a minibatch has :math:`c_f \sim \text{Poisson}(\lambda M_f / L + \beta \phi_f(x))`,
drawn by thinning picks in proportion to :math:`M_f`, and the weight of a state s is

.. math:: \log \rho_s = \beta h_s + \sum_f c_f \log\Big(1 + \frac{\beta L}{\lambda M_f} \phi_f(x_i = s)\Big).

References
----------
De Sa, C., Chen, V. and Wong, W. (2018). Minibatch Gibbs sampling on large graphical models. ICML, equation 2, algorithms 2 and 5.
Zhang, R. and De Sa, C. (2019). Poisson-minibatching for Gibbs sampling with convergence rate guarantees. NeurIPS 32, algorithm 2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import uniform
from stochinf.graphs.lane_state import check_states, reset_sums, starting_states
from stochinf.graphs.minibatch.picking import pick, poisson
from stochinf.graphs.minibatch.state import MinibatchState, due, minibatch_state
from stochinf.graphs.minibatch.table_terms import TableTerms
from stochinf.graphs.table_gibbs import add_conditionals, choose, exponentiate, log_weights
from stochinf.graphs.targets import TableGraph

__all__ = ["TableDoubleMinGibbs", "TableMinGibbs", "TablePoissonGibbs"]

ONE, NOUGHT = np.float32(1.0), np.float32(0.0)


@helper()
def entry_of(target: Any, states: Any, lane: int, f: int, i: int, value: Any) -> Any:
    """Return the entry of factor f that the states of a lane choose, variable i having `value`."""
    place = np.int64(target.table_start[f])
    for q in range(target.scope_start[f], target.scope_start[f + 1]):
        j = target.scope[q]
        place += np.int64(target.stride[q]) * (value if j == i else np.int64(states[j, lane]))
    return place


@helper()
def start_from_fields(terms: Any, i: int, k: int, rate: float, out: Any) -> None:
    """Write the log weights of the states of variable i that its own factors give, in every lane."""
    for s in range(k):
        h = np.float32(rate) * terms.field[terms.field_start[i] + s]
        for l in range(out.shape[1]):
            out[s, l] = h


@helper()
def add_minibatch(target: Any, terms: Any, state: Any, lane: int, i: int, rate: float, rng: Any) -> None:
    """Add to the log weights of the states of variable i what a Poisson minibatch of its factors gives."""
    first, size = target.entry_start[i], target.entry_start[i + 1] - target.entry_start[i]
    theta = terms.extra[i]
    for _ in range(poisson(rng, rate * terms.energy[i] * (1.0 + theta))):
        e = pick(rng, terms.threshold, terms.other, first, size)
        place = entry_of(target, state.position, lane, target.entry_factor[e], i, 0)
        step = target.entry_stride[e]
        if uniform(rng) * (1.0 + theta) < theta + terms.ratio[place + step * state.position[i, lane]]:
            for s in range(target.cardinality[i]):
                state.potential[s, lane] += np.float32(math.log(1.0 + terms.ratio[place + step * s] / theta))


@helper()
def write_proposal(target: Any, terms: Any, state: Any, lane: int, i: int, rate: float, rng: Any) -> None:
    """Write to `estimates` what the minibatch of a proposal gives the states of variable i; it does not know the present one."""
    for s in range(target.cardinality[i]):
        state.estimates[s, lane] = 0.0
    first, size = target.entry_start[i], target.entry_start[i + 1] - target.entry_start[i]
    theta = terms.extra[i]
    for _ in range(poisson(rng, theta * terms.energy[i]) if theta > 0.0 else 0):
        e = pick(rng, terms.threshold, terms.other, first, size)
        place = entry_of(target, state.position, lane, target.entry_factor[e], i, 0)
        for s in range(target.cardinality[i]):
            state.estimates[s, lane] += rate / theta * terms.ratio[place + target.entry_stride[e] * s]


@helper()
def estimate(target: Any, terms: Any, states: Any, rng: Any, lane: int, i: int, value: Any, rate: float) -> float:
    """Return an estimate of the log weight of the factors of several variables, variable i having `value`."""
    if terms.whole_energy == 0.0:
        return 0.0
    scale = rate * terms.whole_energy / terms.whole_extra
    total = 0.0
    for _ in range(poisson(rng, terms.whole_extra)):
        f = pick(rng, terms.whole_threshold, terms.whole_other, 0, terms.whole_threshold.size)
        total += math.log(1.0 + scale * terms.ratio[entry_of(target, states, lane, f, i, value)])
    return total


@helper()
def believe(target: Any, terms: Any, state: Any, rate: float, rng: Any) -> None:
    """Draw estimates for the present configurations where the temperature has changed.

    They come from their distribution given the configurations, which is that of estimates times exp(xi): the counts are then
    Poisson numbers of the mean lambda M / Psi + beta phi.
    """
    if state.warmth[0] == rate:
        return
    state.warmth[0] = rate
    scale = rate * terms.whole_energy / terms.whole_extra
    for l in range(state.estimate.size):
        state.estimate[l] = 0.0
        for _ in range(poisson(rng, terms.whole_extra * (1.0 + scale)) if scale > 0.0 else 0):
            f = pick(rng, terms.whole_threshold, terms.whole_other, 0, terms.whole_threshold.size)
            weight = 1.0 + scale * terms.ratio[entry_of(target, state.position, l, f, -1, 0)]
            if uniform(rng) * (1.0 + scale) < weight:
                state.estimate[l] += math.log(weight)


def table_start(target: TableGraph, position: npt.NDArray[Any] | None, streams: Any, sums: bool) -> MinibatchState:
    """Return the state with indices of states."""
    states = np.ascontiguousarray(starting_states(target, position, streams), dtype=np.int32)
    slots = int(target.first_slot[-1]) if sums else 0
    return minibatch_state(states, streams, int(target.cardinality.max(initial=1)), slots)


@part(lanes=True, single=True, rate_field="inverse_temperature")
class TablePoissonGibbs(NamedTuple):
    """Poisson-minibatch Gibbs sampling of a `TableGraph`; `stochinf.graphs.PoissonGibbs` chooses it where it fits."""

    inverse_temperature: Any
    look: int
    terms: TableTerms

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> MinibatchState:
        """Return states drawn uniformly, or as given."""
        return table_start(target, position, streams, self.look > 0)

    def begin_sampling(self, target: TableGraph, state: MinibatchState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: TableGraph, state: MinibatchState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: MinibatchState, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every lane, from a minibatch where that pays."""
        i = target.free[point]
        k = target.cardinality[i]
        times, scale = (1 if self.look else 0), rate
        some = self.terms.extra[i] > 0.0 and rate > 0.0
        if some:
            times = due(state, i, self.look)
        if some and times == 0:
            start_from_fields(self.terms, i, k, rate, state.potential)
            for l in range(state.level.size):
                add_minibatch(target, self.terms, state, l, i, rate, rng)
            scale = 1.0
        else:
            log_weights(target, state.position, i, state.offset, state.potential)
        exponentiate(k, scale, state.level, state.potential)
        if times > 0:
            add_shares(target, state, i, times)
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)


@helper(reorder=True)
def add_shares(target: Any, state: Any, i: int, times: int) -> None:
    """Add the conditional of variable i so many times to the sums; `potential` holds weights, `level` their sums."""
    k = target.cardinality[i]
    slot = target.first_slot[i]
    weight = np.float32(times)
    for s in range(1 if k == 2 else 0, k):
        shift = state.shift[slot]
        for l in range(state.level.size):
            d = state.potential[s, l] / state.level[l] - shift
            state.sums[slot, l] += weight * d
            state.squares[slot, l] += weight * d * d
        state.recent[slot] = state.potential[s, 0] / state.level[0]
        slot += 1


@part(lanes=True, single=True, rate_field="inverse_temperature")
class TableMinGibbs(NamedTuple):
    """MIN-Gibbs sampling of a `TableGraph`; `stochinf.graphs.MinGibbs` chooses it where it fits."""

    inverse_temperature: Any
    sums: bool
    terms: TableTerms

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> MinibatchState:
        """Return states drawn uniformly, or as given."""
        return table_start(target, position, streams, self.sums)

    def begin_sampling(self, target: TableGraph, state: MinibatchState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: TableGraph, state: MinibatchState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: MinibatchState, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every lane, with the remembered estimate for its present state and new ones for the others."""
        i = target.free[point]
        k = target.cardinality[i]
        believe(target, self.terms, state, rate, rng)
        lanes = state.level.size
        first = self.terms.field_start[i]
        for l in range(lanes):
            for s in range(k):
                old = s == state.position[i, l]
                new = state.estimate[l] if old else estimate(target, self.terms, state.position, rng, l, i, s, rate)
                state.estimates[s, l] = new
                gain = new - state.estimate[l] + rate * np.float64(self.terms.field[first + s])
                state.potential[s, l] = np.float32(gain)
        exponentiate(k, 1.0, state.level, state.potential)
        if self.sums:
            add_conditionals(target, state, i)
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)
        for l in range(lanes):
            state.estimate[l] = state.estimates[state.position[i, l], l]


@part(lanes=True, single=True, rate_field="inverse_temperature")
class TableDoubleMinGibbs(NamedTuple):
    """DoubleMIN-Gibbs sampling of a `TableGraph`; `stochinf.graphs.DoubleMinGibbs` chooses it where it fits."""

    inverse_temperature: Any
    sums: bool
    terms: TableTerms

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> MinibatchState:
        """Return states drawn uniformly, or as given."""
        return table_start(target, position, streams, self.sums)

    def begin_sampling(self, target: TableGraph, state: MinibatchState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: TableGraph, state: MinibatchState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: MinibatchState, point: int, rate: float, rng: Any) -> None:
        """Propose a state of one variable by a minibatch of its factors, and take it by an estimate of the log weight."""
        i = target.free[point]
        k = target.cardinality[i]
        believe(target, self.terms, state, rate, rng)
        start_from_fields(self.terms, i, k, rate, state.potential)
        for l in range(state.level.size):
            write_proposal(target, self.terms, state, l, i, rate, rng)
            for s in range(k):
                state.potential[s, l] += np.float32(state.estimates[s, l])
        exponentiate(k, 1.0, state.level, state.potential)
        choose(k, state.words, state.level, state.offset, state.potential, state.proposed, 0)
        for l in range(state.level.size):
            x, y = state.position[i, l], state.proposed[0, l]
            new = estimate(target, self.terms, state.position, rng, l, i, np.int64(y), rate)
            gain = new - state.estimate[l] + state.estimates[x, l] - state.estimates[y, l]
            taken = math.exp(min(0.0, gain))
            state.level[l] = np.float32(taken)
            state.offset[l] = x
            if uniform(rng) < taken:
                state.position[i, l] = y
                state.estimate[l] = new
        if self.sums:
            add_moves(target, state, i, k)


@helper()
def add_moves(target: Any, state: Any, i: int, k: int) -> None:
    """Add the expectation over moving from `offset` to `proposed`, with the probability in `level`, and staying."""
    slot = target.first_slot[i]
    for s in range(1 if k == 2 else 0, k):
        shift = state.shift[slot]
        p = NOUGHT
        for l in range(state.level.size):
            moved = state.level[l] if state.proposed[0, l] == s else NOUGHT
            p = np.float32(moved + (ONE - state.level[l] if state.offset[l] == s else NOUGHT))
            d = np.float32(p - shift)
            state.sums[slot, l] += d
            state.squares[slot, l] += d * d
        state.recent[slot] = p
        slot += 1
