r"""Poisson-minibatch Gibbs sampling of spins.

The coupling of i and j is an energy :math:`\phi = J_{ij} s_i s_j + |J_{ij}|`, which is 0 or :math:`M = 2 |J_{ij}|`. A step draws

.. math:: c_j \sim \text{Poisson}\Big(\frac{\lambda M_j}{L} + \beta \phi_j(s)\Big), \quad
   p(s_i = v \mid c) \propto \exp\Big(\beta h_i v + \log\big(1 + \tfrac{\beta L}{\lambda}\big) \sum_j c_j [\phi_j(v) > 0]\Big)

with :math:`L = \sum_j M_j`: it is a Gibbs step in the space of spins and counts, whose spins have the distribution of the model
exactly. The number of picks has the mean :math:`\lambda + \beta L` at most, whatever the degree. Here :math:`\lambda` stands for
:math:`\beta \lambda`, so that its ratio to the energy does not depend on the temperature.

Where conditionals are summed, every so often a step adds all neighbours up, and its conditional counts for the visits between:
conditionals given a minibatch vary so much that their mean would be hardly better than that of the spins.

References
----------
Zhang, R. and De Sa, C. (2019). Poisson-minibatching for Gibbs sampling with convergence rate guarantees. NeurIPS 32, algorithm 2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform, next_word
from stochinf.graphs.lane_state import check_states, reset_sums
from stochinf.graphs.lanes import exp2
from stochinf.graphs.minibatch.picking import HALF, LOW, lane_poisson, lane_word, poisson
from stochinf.graphs.minibatch.spin_terms import SpinRows
from stochinf.graphs.minibatch.state import STAGED, MinibatchState, add_level, due, minibatch_state, spin_position
from stochinf.graphs.one_spin import TWO_LOG2_E
from stochinf.graphs.targets import SpinGraph

__all__ = ["SpinPoissonGibbs", "draw_spins", "summed_fields"]

FEW_LANES = 8
SMALL_MEAN = 8.0
"""Below as many lanes each is drawn by itself; up to this mean Poisson numbers are drawn for all lanes at once."""


@helper(reorder=True)
def summed_fields(target: Any, spins: Any, i: int, out: Any) -> None:
    """Write the local field of spin i in every lane, spins being bytes."""
    for l in range(out.size):
        out[l] = target.field[i]
    for k in range(target.start[i], target.start[i + 1]):
        j = target.neighbours[k]
        w = target.coupling[k]
        for l in range(out.size):
            out[l] += w * np.float32(spins[j, l])


@helper()
def balance(rows: Any, spins: Any, rng: Any, lane: int, first: int, size: int, present: Any, number: Any, kept: Any) -> Any:
    """Return how many of the picked neighbours pull up less those that pull down, among `number` candidates of a row.

    A candidate that pulls the other way than the present spin, whose energy is 0, stays with probability kept / 2^31.
    """
    total: Any = 0
    wide = rows.cells.shape[1] == 3
    for _ in range(number):
        word = next_word(rng)
        k = first + np.int64(((word >> HALF) * np.uint64(size)) >> HALF)
        low = np.int32(word & LOW)
        cell = rows.cells[k, 0]
        if wide:
            cell = rows.cells[k, 1] if low < cell else rows.cells[k, 2]
            low = np.int32(next_word(rng) & LOW)
        pull = np.int64(spins[cell, lane]) if cell >= 0 else -np.int64(spins[-1 - cell, lane])
        total += pull if (pull == present) | (low <= kept) else 0
    return total


@helper(reorder=True)
def look_up(rows: Any, state: Any, rng: Any, first: int, size: int, mean: float) -> Any:
    """Draw how many candidates each lane has, and write the cells of the first few of each: loads that wait for none.

    Returns the largest number of candidates written.
    """
    if mean <= SMALL_MEAN:
        lane_poisson(state.words, mean, state.chances, state.level, state.offset)
    else:
        for l in range(state.level.size):
            state.offset[l] = poisson(rng, mean)
    most = np.int32(0)
    for l in range(state.level.size):
        most = max(most, state.offset[l])
    most = min(most, np.int32(STAGED))
    for q in range(most):
        for l in range(state.level.size):
            place = np.int64((np.uint64(lane_word(state.words, l)) * np.uint64(size)) >> HALF)
            state.places[q, l] = first + (place if q < state.offset[l] else np.int64(0))
            state.lows[q, l] = np.int32(lane_word(state.words, l) >> np.uint32(1))
    for q in range(most):
        for l in range(state.level.size):
            state.staged[q, l] = rows.cells[state.places[q, l], 0]
    return most


@helper()
def gather_one_by_one(target: Any, rows: Any, spins: Any, rng: Any, i: int, rate: float, out: Any) -> None:
    """Write to `out` what `gather` writes, lane after lane: where there are few."""
    first, size = target.start[i], target.start[i + 1] - target.start[i]
    theta = rows.extra[i]
    mean = rate * rows.energy[i] * (1.0 + theta)
    kept = np.int32(2147483647.0 * (theta / (1.0 + theta)))
    weight = 0.5 * math.log(1.0 + 1.0 / theta) / rate
    for l in range(out.size):
        pulls = balance(rows, spins, rng, l, first, size, np.int64(spins[i, l]), poisson(rng, mean), kept)
        out[l] = np.float32(target.field[i] + weight * pulls)


@helper(reorder=True)
def gather(target: Any, rows: Any, state: Any, rng: Any, i: int, rate: float) -> None:
    """Write to `level`, in every lane, what stands in for the local field of spin i: its minibatch."""
    first, size = target.start[i], target.start[i + 1] - target.start[i]
    theta = rows.extra[i]
    kept = np.int32(2147483647.0 * (theta / (1.0 + theta)))
    weight = np.float32(0.5 * math.log(1.0 + 1.0 / theta) / rate)
    mean = rate * rows.energy[i] * (1.0 + theta)
    most = look_up(rows, state, rng, first, size, mean)
    if rows.cells.shape[1] == 3:
        choose_cells(rows, state, most)
    for l in range(state.level.size):
        state.level[l] = np.float32(0.0)
    for q in range(most):
        for l in range(state.level.size):
            cell = state.staged[q, l]
            spin = np.int32(state.position[cell if cell >= 0 else -1 - cell, l])
            pull = spin if cell >= 0 else np.int32(-spin)
            there = (q < state.offset[l]) & ((pull == state.position[i, l]) | (state.lows[q, l] <= kept))
            state.level[l] += np.float32(pull) if there else np.float32(0.0)
    for l in range(state.level.size):
        if state.offset[l] > STAGED:
            more, present = np.int64(state.offset[l] - STAGED), np.int64(state.position[i, l])
            state.level[l] += np.float32(balance(rows, state.position, rng, l, first, size, present, more, kept))
        state.level[l] = target.field[i] + weight * state.level[l]


@helper(reorder=True)
def choose_cells(rows: Any, state: Any, most: int) -> None:
    """Turn thresholds into the neighbours that they choose, and draw anew what decides about keeping them."""
    for q in range(most):
        for l in range(state.level.size):
            place = state.places[q, l]
            state.staged[q, l] = rows.cells[place, 1] if state.lows[q, l] < state.staged[q, l] else rows.cells[place, 2]
            state.lows[q, l] = np.int32(lane_word(state.words, l) >> np.uint32(1))


@helper(reorder=True)
def draw_spins(target: Any, state: Any, i: int, rate: float, times: int) -> None:
    """Draw spin i in every lane from the fields in `level`, and add its conditional so many times."""
    scale = np.float32(rate) * TWO_LOG2_E
    for l in range(state.level.size):
        p = np.float32(1.0) / (np.float32(1.0) + exp2(-scale * state.level[l]))
        state.position[i, l] = np.int8(1) if lane_uniform(state.words, l) < p else np.int8(-1)
        state.level[l] = p
    if times > 0:
        add_level(target, state, i, times)


@part(lanes=True, single=True, rate_field="inverse_temperature")
class SpinPoissonGibbs(NamedTuple):
    """Poisson-minibatch Gibbs sampling of a `SpinGraph`; `stochinf.graphs.PoissonGibbs` chooses it where it fits."""

    inverse_temperature: Any
    look: int
    rows: SpinRows

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> MinibatchState:
        """Return spins drawn uniformly, or as given."""
        slots = int(target.first_slot[-1]) if self.look else 0
        return minibatch_state(spin_position(target, position, streams), streams, 1, slots)

    def begin_sampling(self, target: SpinGraph, state: MinibatchState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: SpinGraph, state: MinibatchState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: SpinGraph, state: MinibatchState, point: int, rate: float, rng: Any) -> None:
        """Draw one spin in every lane, from a minibatch where that pays."""
        i = target.free[point]
        times = 1 if self.look else 0
        if self.rows.extra[i] > 0.0 and rate > 0.0:
            times = due(state, i, self.look)
            if times == 0:
                if state.level.size < FEW_LANES:
                    gather_one_by_one(target, self.rows, state.position, rng, i, rate, state.level)
                else:
                    gather(target, self.rows, state, rng, i, rate)
                draw_spins(target, state, i, rate, 0)
                return
        summed_fields(target, state.position, i, state.level)
        draw_spins(target, state, i, rate, times)
