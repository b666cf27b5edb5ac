r"""Swendsen-Wang moves of a Potts model: equal neighbours are bonded at random, and clusters take new colours as a whole.

Between equal neighbours with :math:`J_{ij} > 0` a bond is laid with probability :math:`1 - \exp(-\beta J_{ij})`. Then each
cluster C in turn draws its colour given the others,

.. math:: p(c) \propto \exp\Big(\beta \sum_{i \in C} \Big(h_i(c) + \sum_{j \notin C, J_{ij} < 0} J_{ij} [x_j = c]\Big)\Big),

where only couplings below zero are felt across clusters: the bonds have taken care of the others. With sums, these are the
conditional probabilities of every member. A cluster that holds evidence keeps its colour.

References
----------
Swendsen, R. H. and Wang, J.-S. (1987). Nonuniversal critical dynamics in Monte Carlo simulations. Physical Review Letters 58(2).
Edwards, R. G. and Sokal, A. D. (1988). Generalization of the Fortuin-Kasteleyn-Swendsen-Wang representation. Phys. Rev. D 38(6).
Higdon, D. M. (1998). Auxiliary variable methods for Markov chain Monte Carlo with applications. JASA 93 (fields, partial bonds).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import categorical
from stochinf.graphs.clusters.bonds import bonded, lay_probabilities
from stochinf.graphs.clusters.spin_clusters import ClusterState, cluster_state
from stochinf.graphs.lane_state import check_states, reset_sums, starting_states

__all__ = ["PottsClusters"]


@part(lanes=True, single=True, rate_field="inverse_temperature", statistics=("clusters",))
class PottsClusters(NamedTuple):
    """Swendsen-Wang sampling of a Potts model; `stochinf.graphs.SwendsenWang` makes it from a graph.

    Parameters
    ----------
    field : float64 (V, q)
    start, neighbours, coupling : ndarray
        As in `stochinf.graphs.clusters.potts.PottsParameters`.
    """

    field: npt.NDArray[np.float64]
    start: npt.NDArray[np.int32]
    neighbours: npt.NDArray[np.int32]
    coupling: npt.NDArray[np.float64]
    inverse_temperature: Any = 1.0
    sums: bool = False

    def points(self, target: Any) -> int:
        """Return 1: a step is a sweep."""
        return 1

    def pick(self, target: Any) -> Any:
        """Return the picker of the one point."""
        return Scan(1)

    def init(self, target: Any, position: Any, streams: Any) -> ClusterState:
        """Return states drawn uniformly, or as given."""
        states = np.ascontiguousarray(starting_states(target, position, streams), dtype=np.int32)
        slots = int(target.first_slot[-1]) if self.sums else 0
        return cluster_state(states, slots, self.neighbours.size, self.field.shape[1])

    def begin_sampling(self, target: Any, state: ClusterState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: Any, state: Any) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: Any, state: ClusterState, point: int, rate: float, rng: Any) -> None:
        """Lay bonds and colour clusters, lane after lane."""
        lay_probabilities(self.coupling, 1.0, 0.0, rate, state)
        for l in range(state.position.shape[1]):
            self.grow(state, l, rng)
            self.sort(state)
            first = 0
            state.stats[0, l] = 0.0
            while first < state.order.size:
                last = state.ends[state.parent[state.order[first]]]
                self.weigh(target, state, first, last, rate)
                self.paint(target, state, first, last, l, rng)
                state.stats[0, l] += 1.0
                first = last

    def grow(self, state: ClusterState, l: int, rng: Any) -> None:
        """Lay bonds in one lane."""
        for i in range(state.states.size):
            state.states[i] = state.position[i, l]
        bonded(self.start, self.neighbours, self.coupling, state, rng)

    def sort(self, state: ClusterState) -> None:
        """Put the members of each cluster side by side; `ends[root]` is where they end."""
        for i in range(state.ends.size):
            state.ends[i] = 0
        for i in range(state.ends.size):
            state.ends[state.parent[i]] += 1
        reached = np.int32(0)
        for i in range(state.ends.size):
            size = state.ends[i]
            state.ends[i] = reached
            reached += size
        for i in range(state.ends.size):
            r = state.parent[i]
            state.order[state.ends[r]] = i
            state.ends[r] += 1

    def weigh(self, target: Any, state: ClusterState, first: int, last: int, rate: float) -> None:
        """Write the weights of the colours of one cluster, the largest 1."""
        q = state.pull.size
        for c in range(q):
            state.pull[c] = 0.0
        held = -1
        for m in range(first, last):
            i = state.order[m]
            if target.clamped[i] >= 0:
                held = target.clamped[i]
            for c in range(q):
                state.pull[c] += self.field[i, c]
            for k in range(self.start[i], self.start[i + 1]):
                j = self.neighbours[k]
                if self.coupling[k] < 0 and state.parent[j] != state.parent[i]:
                    state.pull[state.states[j]] += self.coupling[k]
        highest = state.pull[0]
        for c in range(1, q):
            highest = max(highest, state.pull[c])
        for c in range(q):
            weight = np.exp(rate * (state.pull[c] - highest))
            state.pull[c] = weight if held < 0 else (1.0 if c == held else 0.0)

    def paint(self, target: Any, state: ClusterState, first: int, last: int, l: int, rng: Any) -> None:
        """Draw the colour of one cluster for all its members; add the probabilities of the colours."""
        q = state.pull.size
        colour = categorical(rng, state.pull)
        total = 0.0
        for c in range(q):
            total += state.pull[c]
        for m in range(first, last):
            i = state.order[m]
            state.states[i] = colour
            state.position[i, l] = colour
            if self.sums and target.clamped[i] < 0:
                slot = target.first_slot[i]
                for c in range(1 if q == 2 else 0, q):
                    p = np.float32(state.pull[c] / total)
                    d = np.float32(p - state.shift[slot])
                    state.sums[slot, l] += d
                    state.squares[slot, l] += d * d
                    state.recent[slot] = p
                    slot += 1
