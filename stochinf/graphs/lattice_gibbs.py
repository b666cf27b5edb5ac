r"""Gibbs sampling of spins on a lattice, one chain in each SIMD lane: no exponential, spins of one byte.

Where every coupling is :math:`+J` or :math:`-J` and no spin has more than four neighbours (the Ising model on a chain, a
honeycomb or a square lattice, open or periodic, ferromagnet or spin glass, with any fields), the conditional

.. math:: p(s_i = +1 \mid \text{rest}) = \frac{1}{1 + \exp(-2 \beta (h_i + J n))}, \quad n = \sum_j \pm s_j

takes at most five values, as n is one of -d, -d + 2, ..., d for d neighbours. They are kept for the inverse temperature at
hand, :math:`\beta`, and a step compares n with four numbers.

References
----------
Geman, S. and Geman, D. (1984). Stochastic relaxation, Gibbs distributions and the Bayesian restoration of images. IEEE PAMI 6(6).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform
from stochinf.graphs.lane_state import check_states, reset_sums
from stochinf.graphs.lanes import exp2
from stochinf.graphs.one_spin import TWO_LOG2_E, check_cache, draw_alone, draw_alone_and_add
from stochinf.graphs.spin_gibbs import spin_state
from stochinf.graphs.targets import SpinGraph

__all__ = ["Lattice", "LatticeGibbs", "LatticeGibbsWithSums", "LatticeState", "lattice_of"]

MOST_NEIGHBOURS = 4
O, I, II, III, IIII = np.uint32(0), np.uint32(1), np.uint32(2), np.uint32(3), np.uint32(4)
"""Unsigned indices spare compiled code the question whether they count from the end."""
Int8s = npt.NDArray[np.int8]
Float32s = npt.NDArray[np.float32]


@part
class Lattice(NamedTuple):
    """What the kernel reads in place of couplings and fields.

    Attributes
    ----------
    neighbours : int32 (V, 4)
        Of each spin; a place that is not taken holds the spin itself.
    turned : int8 (V, 4)
        -1 where the coupling is negative, else 0.
    taken : int8 (V, 4)
        -1 where there is a neighbour, else 0.
    kind : int32 (V,)
        Spins of a kind have as many neighbours and the same field.
    plain : bool (V,)
        Whether there are four neighbours, all with positive couplings.
    degree : int32 (kinds,), field : float32 (kinds,)
    coupling : float
        J >= 0.
    """

    neighbours: npt.NDArray[np.int32]
    turned: Int8s
    taken: Int8s
    kind: npt.NDArray[np.int32]
    plain: npt.NDArray[np.bool_]
    degree: npt.NDArray[np.int32]
    field: Float32s
    coupling: float


def lattice_of(target: SpinGraph) -> Lattice | None:
    """Return the lattice that a graph of spins is, or None: one size of couplings, at most four neighbours each.

    Examples
    --------
    >>> import networkx as nx
    >>> import stochinf as si
    >>> from stochinf.graphs.lattice_gibbs import lattice_of
    >>> G = nx.grid_2d_graph(3, 3)
    >>> nx.set_edge_attributes(G, -0.4, "J")
    >>> found = lattice_of(si.FactorGraph.from_networkx(G).as_target())
    >>> found.degree[found.kind]
    array([2, 3, 2, 3, 4, 3, 2, 3, 2], dtype=int32)
    """
    degree, size = np.diff(target.start), np.abs(target.coupling)
    if not size.size or degree.max() > MOST_NEIGHBOURS or size.min() != size.max():
        return None
    row = np.repeat(np.arange(degree.size), degree)
    place = np.arange(row.size) - np.repeat(target.start[:-1], degree)
    neighbours = np.repeat(np.arange(degree.size, dtype=np.int32)[:, None], MOST_NEIGHBOURS, axis=1)
    turned, taken = np.zeros(neighbours.shape, np.int8), np.zeros(neighbours.shape, np.int8)
    neighbours[row, place], taken[row, place] = target.neighbours, -1
    turned[row, place] = np.where(target.coupling < 0, -1, 0)
    plain = np.logical_and(taken.all(axis=1), ~turned.any(axis=1))
    kinds, kind = np.unique(np.stack([degree, target.field]), axis=1, return_inverse=True)
    of_spins = (neighbours, turned, taken, kind.ravel().astype(np.int32), plain)
    return Lattice(*of_spins, kinds[0].astype(np.int32), kinds[1].astype(np.float32), float(size[0]))


class LatticeState(NamedTuple):
    """State of a block of lanes of spins on a lattice; as `stochinf.graphs.one_spin.SpinState` but for what is named here.

    Attributes
    ----------
    position : int8 (V, lanes)
    level : int8 (lanes,)
        Work space: n.
    upward : float32 (kinds, 5)
        p(s = +1) by kind of spin and (n + d) / 2.
    made_for : float64 (kinds,)
        The inverse temperature for which each row was made.
    """

    position: Int8s
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    level: Int8s
    sums: Float32s
    squares: Float32s
    shift: Float32s
    recent: Float32s
    local: npt.NDArray[np.float64]
    thresholds: Float32s
    cursor: npt.NDArray[np.int64]
    upward: Float32s
    made_for: npt.NDArray[np.float64]


def lattice_state(target: SpinGraph, kinds: int, position: npt.NDArray[Any] | None, streams: Any, slots: int) -> LatticeState:
    """Return the state with spins -1 and +1; positions are given as the draws are."""
    state = spin_state(target, position, streams, slots)._asdict()
    state |= {"position": state["position"].astype(np.int8), "level": np.zeros(state["level"].size, np.int8)}
    upward = np.zeros((kinds, MOST_NEIGHBOURS + 1), np.float32)
    return LatticeState(**state, upward=upward, made_for=np.full(kinds, np.nan))


@helper(reorder=True)
def make_row(lattice: Any, state: Any, kind: np.uint32, rate: float) -> None:
    """Make the conditionals of a kind of spins for an inverse temperature, where it is another than before."""
    if state.made_for[kind] != rate:
        state.made_for[kind] = rate
        degree = np.int64(lattice.degree[kind])
        for m in range(state.upward.shape[1]):
            n = np.float32(2 * (m if m < degree else degree) - degree)
            pull = np.float32(rate) * (lattice.field[kind] + np.float32(lattice.coupling) * n)
            state.upward[kind, m] = np.float32(1.0) / (np.float32(1.0) + exp2(-TWO_LOG2_E * pull))


@helper()
def signed(spin: np.int8, turned: np.int8, taken: np.int8) -> np.int8:
    """Return a spin, turned or not, or 0 where its place is not taken."""
    return np.int8(np.int8(np.int8(spin ^ turned) - turned) & taken)


@helper()
def add_neighbours(lattice: Any, spins: Any, i: np.uint32, out: Any) -> None:
    """Write n of spin i in every lane."""
    near = lattice.neighbours
    a, b, c, d = np.uint32(near[i, O]), np.uint32(near[i, I]), np.uint32(near[i, II]), np.uint32(near[i, III])
    if lattice.plain[i]:
        for l in range(out.size):
            out[l] = np.int8(np.int8(spins[a, l] + spins[b, l]) + np.int8(spins[c, l] + spins[d, l]))
    else:
        p, q, r, s = lattice.turned[i, O], lattice.turned[i, I], lattice.turned[i, II], lattice.turned[i, III]
        t, u, v, w = lattice.taken[i, O], lattice.taken[i, I], lattice.taken[i, II], lattice.taken[i, III]
        for l in range(out.size):
            first = np.int8(signed(spins[a, l], p, t) + signed(spins[b, l], q, u))
            out[l] = np.int8(first + np.int8(signed(spins[c, l], r, v) + signed(spins[d, l], s, w)))


@helper()
def chosen(n: np.int8, lowest: np.int8, a: np.float32, b: np.float32, c: np.float32, d: np.float32, e: np.float32) -> np.float32:
    """Return which of five conditionals belongs to n, which is lowest, lowest + 2, ..."""
    p = a
    p = b if n > lowest else p
    p = c if n > np.int8(lowest + np.int8(2)) else p
    p = d if n > np.int8(lowest + np.int8(4)) else p
    return e if n > np.int8(lowest + np.int8(6)) else p


@helper()
def draw(lattice: Any, target: Any, state: Any, point: int, rate: float) -> None:
    """Draw one spin in every lane."""
    i = np.uint32(target.free[np.uint32(point)])
    kind = np.uint32(lattice.kind[i])
    make_row(lattice, state, kind, rate)
    up = state.upward
    a, b, c, d, e = up[kind, O], up[kind, I], up[kind, II], up[kind, III], up[kind, IIII]
    lowest = np.int8(-lattice.degree[kind])
    add_neighbours(lattice, state.position, i, state.level)
    for l in range(state.level.size):
        p = chosen(state.level[l], lowest, a, b, c, d, e)
        state.position[i, l] = np.int8(1) if lane_uniform(state.words, l) < p else np.int8(-1)


@helper()
def draw_and_add(lattice: Any, target: Any, state: Any, point: int, rate: float) -> None:
    """Draw one spin in every lane and add its conditional to the sums."""
    i = np.uint32(target.free[np.uint32(point)])
    slot = np.uint32(target.first_slot[i])
    kind = np.uint32(lattice.kind[i])
    make_row(lattice, state, kind, rate)
    up = state.upward
    a, b, c, d, e = up[kind, O], up[kind, I], up[kind, II], up[kind, III], up[kind, IIII]
    lowest = np.int8(-lattice.degree[kind])
    shift = state.shift[slot]
    add_neighbours(lattice, state.position, i, state.level)
    for l in range(state.level.size):
        p = chosen(state.level[l], lowest, a, b, c, d, e)
        state.position[i, l] = np.int8(1) if lane_uniform(state.words, l) < p else np.int8(-1)
        away = p - shift
        state.sums[slot, l] += away
        state.squares[slot, l] += away * away
    state.recent[slot] = chosen(state.level[0], lowest, a, b, c, d, e)


@part(lanes=True, single=True, rate_field="inverse_temperature")
class LatticeGibbs(NamedTuple):
    """Gibbs sampling of spins on a lattice; `stochinf.graphs.Gibbs` chooses it where it fits."""

    inverse_temperature: Any
    lattice: Lattice

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> LatticeState:
        """Return spins drawn uniformly, or as given."""
        return lattice_state(target, self.lattice.degree.size, position, streams, 0)

    def check_state(self, target: SpinGraph, state: LatticeState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)
        check_cache(state)

    def update(self, target: SpinGraph, state: LatticeState, point: int, rate: float, rng: Any) -> None:
        """Draw one spin in every lane."""
        if state.level.size == 1:
            draw_alone(target, state, (point,), (rate,), 0, 1)
        else:
            draw(self.lattice, target, state, point, rate)

    def sweep(self, target: SpinGraph, state: LatticeState, points: Any, rates: Any, start: int, stop: int, rng: Any) -> None:
        """Draw the spins on a stretch of the tape."""
        if state.level.size == 1:
            draw_alone(target, state, points, rates, start, stop)
        else:
            for step in range(start, stop):
                draw(self.lattice, target, state, points[step], rates[step])


@part(lanes=True, single=True, rate_field="inverse_temperature")
class LatticeGibbsWithSums(NamedTuple):
    """`LatticeGibbs` that adds each conditional to the sums, for Rao-Blackwellised marginals."""

    inverse_temperature: Any
    lattice: Lattice

    def init(self, target: SpinGraph, position: npt.NDArray[Any] | None, streams: Any) -> LatticeState:
        """Return spins drawn uniformly, or as given."""
        return lattice_state(target, self.lattice.degree.size, position, streams, int(target.first_slot[-1]))

    def begin_sampling(self, target: SpinGraph, state: LatticeState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: SpinGraph, state: LatticeState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)
        check_cache(state)

    def update(self, target: SpinGraph, state: LatticeState, point: int, rate: float, rng: Any) -> None:
        """Draw one spin in every lane and add its conditional."""
        if state.level.size == 1:
            draw_alone_and_add(target, state, (point,), (rate,), 0, 1)
        else:
            draw_and_add(self.lattice, target, state, point, rate)

    def sweep(self, target: SpinGraph, state: LatticeState, points: Any, rates: Any, start: int, stop: int, rng: Any) -> None:
        """Draw the spins on a stretch of the tape and add their conditionals."""
        if state.level.size == 1:
            draw_alone_and_add(target, state, points, rates, start, stop)
        else:
            for step in range(start, stop):
                draw_and_add(self.lattice, target, state, points[step], rates[step])
