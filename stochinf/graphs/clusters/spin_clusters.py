r"""Swendsen-Wang moves of spins: satisfied bonds are laid at random, and clusters turn as a whole.

Between neighbours with :math:`J_{ij} s_i s_j > 0` a bond is laid with probability :math:`1 - \exp(-2 \beta |J_{ij}|)`,
ferromagnetic or not; a cluster C of bonded spins then keeps its orientation with probability

.. math:: p_C = \frac{1}{1 + \exp(-2 \beta \sum_{i \in C} h_i s_i)},

which is what a ghost spin bonded by the fields would give, summed over it. With sums, :math:`p_C` (or :math:`1 - p_C`) is the
conditional probability of :math:`s_i = +1` given the bonds: without fields it is 1/2, whatever the draws. A cluster that holds
evidence stays. Frustration is no error, but bonds then join what does not turn together, and nothing is gained over Gibbs.

References
----------
Swendsen, R. H. and Wang, J.-S. (1987). Nonuniversal critical dynamics in Monte Carlo simulations. Physical Review Letters 58(2).
Edwards, R. G. and Sokal, A. D. (1988). Generalization of the Fortuin-Kasteleyn-Swendsen-Wang representation. Phys. Rev. D 38(6).
Wang, J.-S. (1989). Clusters in the three-dimensional Ising model with a magnetic field. Physica A 161(2) (ghost spin).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import random
from stochinf.graphs.clusters.bonds import bonded, lay_probabilities
from stochinf.graphs.lane_state import check_states, reset_sums, starting_states
from stochinf.graphs.targets import SpinGraph

__all__ = ["ClusterState", "SpinClusters"]

LARGEST = 700.0
"""exp of more overflows."""


class ClusterState(NamedTuple):
    """State of a block of lanes, which take turns in one work space.

    Attributes
    ----------
    position : (V, lanes)
        float32 spins, or int32 state indices.
    stats : float64 (1, lanes)
        Number of clusters.
    sums, squares : float32 (slots, lanes)
    shift, recent : float32 (slots,)
        As in `stochinf.graphs.lane_state.LaneState`.
    bond : float64 (2 E,)
        Probability that a satisfied bond is laid, at the inverse temperature `beta`.
    beta : float64 (1,)
    left, right : int32 (E + 1,)
        Pairs that are bonded.
    states : int32 (V,)
        States of the lane in turn.
    parent, order, ends : int32 (V,)
        Clusters: roots, members cluster by cluster, and where each cluster's members end.
    pull : float64 (V,)
        Sum of fields by cluster, then the probability to stay; for Potts models the weights of the colours.
    """

    position: npt.NDArray[Any]
    stats: npt.NDArray[np.float64]
    sums: npt.NDArray[np.float32]
    squares: npt.NDArray[np.float32]
    shift: npt.NDArray[np.float32]
    recent: npt.NDArray[np.float32]
    bond: npt.NDArray[np.float64]
    beta: npt.NDArray[np.float64]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    states: npt.NDArray[np.int32]
    parent: npt.NDArray[np.int32]
    order: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    pull: npt.NDArray[np.float64]


def cluster_state(start: npt.NDArray[Any], slots: int, bonds: int, pulls: int) -> ClusterState:
    """Return the state at a starting position (V, lanes)."""
    variables, lanes = start.shape
    demand(lanes * (8 * variables + 8 * slots) + 8 * (bonds + pulls), f"{lanes} chains of {variables} variables")
    return ClusterState(
        start, np.zeros((1, lanes)), np.zeros((slots, lanes), np.float32), np.zeros((slots, lanes), np.float32),
        np.zeros(slots, np.float32), np.zeros(slots, np.float32), np.zeros(bonds), np.full(1, -1.0),
        np.zeros(bonds // 2 + 1, np.int32), np.zeros(bonds // 2 + 1, np.int32),
        np.zeros(variables, np.int32), np.zeros(variables, np.int32), np.zeros(variables, np.int32),
        np.zeros(variables, np.int32), np.zeros(pulls),
    )  # fmt: skip


@part(lanes=True, single=True, rate_field="inverse_temperature", statistics=("clusters",))
class SpinClusters(NamedTuple):
    """Swendsen-Wang sampling of a `SpinGraph`; `stochinf.graphs.SwendsenWang` chooses it where it fits."""

    inverse_temperature: Any = 1.0
    sums: bool = False

    def points(self, target: SpinGraph) -> int:
        """Return 1: a step is a sweep."""
        return 1

    def pick(self, target: SpinGraph) -> Any:
        """Return the picker of the one point."""
        return Scan(1)

    def init(self, target: SpinGraph, position: Any, streams: Any) -> ClusterState:
        """Return spins drawn uniformly, or as given."""
        indices = (np.asarray(position) + 1) // 2 if position is not None and target.spin_labels else position
        spins = np.ascontiguousarray(2 * starting_states(target, indices, streams) - 1, dtype=np.float32)
        slots = int(target.first_slot[-1]) if self.sums else 0
        return cluster_state(spins, slots, target.neighbours.size, target.field.size)

    def begin_sampling(self, target: SpinGraph, state: ClusterState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: SpinGraph, state: Any) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: SpinGraph, state: ClusterState, point: int, rate: float, rng: Any) -> None:
        """Lay bonds and turn clusters, lane after lane."""
        lay_probabilities(target.coupling, 2.0, 2.0, rate, state)
        for l in range(state.position.shape[1]):
            self.grow(target, state, l, rng)
            self.turn(target, state, l, rate, rng)
        for slot in range(state.recent.size):
            state.recent[slot] = np.float32(0.5)

    def grow(self, target: SpinGraph, state: ClusterState, l: int, rng: Any) -> None:
        """Lay bonds in one lane and add the fields up by cluster."""
        for i in range(state.states.size):
            state.states[i] = 1 if state.position[i, l] > 0 else -1
            state.pull[i] = 0.0
        bonded(target.start, target.neighbours, target.coupling, state, rng)
        for i in range(state.states.size):
            if target.clamped[i] >= 0:
                state.pull[state.parent[i]] = np.inf
            else:
                state.pull[state.parent[i]] += target.field[i] * state.states[i]

    def turn(self, target: SpinGraph, state: ClusterState, l: int, rate: float, rng: Any) -> None:
        """Turn the clusters of one lane; add the probabilities of +1."""
        state.stats[0, l] = 0.0
        for i in range(state.states.size):
            r = state.parent[i]
            if r == i:
                state.stats[0, l] += 1.0
                pull = state.pull[i]
                state.pull[i] = 1.0 if pull == np.inf else 1.0 / (1.0 + math.exp(min(-2.0 * rate * pull, LARGEST)))
                state.order[i] = 1 if random(rng) < state.pull[i] else -1
            state.position[i, l] = np.float32(state.states[i] * state.order[r])
            if self.sums and target.clamped[i] < 0:
                slot = target.first_slot[i]
                p = np.float32(state.pull[r] if state.states[i] > 0 else 1.0 - state.pull[r])
                d = np.float32(p - state.shift[slot])
                state.sums[slot, l] += d
                state.squares[slot, l] += d * d
