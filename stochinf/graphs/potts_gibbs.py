r"""Gibbs sampling of Potts models, one chain in each SIMD lane: neighbours are compared, no table is read.

A step draws one variable of q states in every lane from its conditional

.. math:: p(x_i = s \mid \text{rest}) \propto \exp\Big(\beta \big(h_{i s} + \sum_j J_{ij} [x_j = s]\big)\Big)

with inverse temperature :math:`\beta`, the rate. A table would have to be looked up for every lane, neighbour and state; here a
neighbour's states are compared with s in all lanes at once, which is twice as fast.

References
----------
Potts, R. B. (1952). Some generalized order-disorder transformations. Math. Proc. Cambridge Philosophical Society 48(1).
Geman, S. and Geman, D. (1984). Stochastic relaxation, Gibbs distributions and the Bayesian restoration of images. IEEE PAMI 6(6).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.graphs.lane_state import LaneState, check_states, reset_sums
from stochinf.graphs.table_gibbs import add_conditionals, choose, exponentiate, table_state
from stochinf.graphs.targets import TableGraph

__all__ = ["PottsGibbs", "PottsGibbsWithSums", "PottsModel", "potts_model", "potts_weights"]

Int32s = npt.NDArray[np.int32]
Float32s = npt.NDArray[np.float32]


@part
class PottsModel(NamedTuple):
    """What a Potts kernel reads in place of tables.

    Attributes
    ----------
    field : float32 (V, q)
        h, the log weight of every state; the largest of each variable is 0.
    start : int32 (V + 1,), neighbours : int32 (2 E,), coupling : float32 (2 E,)
        Variable i has the neighbours ``neighbours[start[i]:start[i + 1]]`` with the couplings J at the same places.
    """

    field: Float32s
    start: Int32s
    neighbours: Int32s
    coupling: Float32s


def potts_model(target: TableGraph) -> PottsModel | None:
    """Return the Potts form of a graph, or None where it has none.

    All variables have the same number of states, at least 3; factors have at most two variables (one has two), those
    of two are positive and of the form u(a) + v(b) + J [a = b].

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.potts_gibbs import potts_model
    >>> graph = si.FactorGraph.from_log_tables([3, 3], [(0, 1)], [0.7 * np.eye(3)])
    >>> potts_model(graph.as_target()).coupling
    array([0.7, 0.7], dtype=float32)
    """
    from stochinf.graphs.clusters.potts import potts_parameters

    states = target.cardinality
    if states.size == 0 or states[0] < 3 or (states != states[0]).any() or np.diff(target.scope_start).max(initial=0) != 2:
        return None
    if np.diff(target.table_start).sum() != target.log_tables.size:
        return None
    try:
        found = potts_parameters(target)
    except GraphError:
        return None
    return PottsModel(found.field.astype(np.float32), found.start, found.neighbours, found.coupling.astype(np.float32))


@helper(reorder=True)
def potts_weights(model: Any, states: Any, i: int, out: Any) -> None:
    """Write the log weights of the states of variable i, shape (q, lanes), four neighbours at a time."""
    lanes = states.shape[1]
    none = np.float32(0.0)
    for row in range(model.field.shape[1]):
        s = np.int32(row)
        for l in range(lanes):
            out[row, l] = model.field[i, row]
        k = model.start[i]
        end = model.start[i + 1]
        while k + 4 <= end:
            a, b, c, d = model.neighbours[k], model.neighbours[k + 1], model.neighbours[k + 2], model.neighbours[k + 3]
            p, q, r, t = model.coupling[k], model.coupling[k + 1], model.coupling[k + 2], model.coupling[k + 3]
            for l in range(lanes):
                pull = (p if states[a, l] == s else none) + (q if states[b, l] == s else none)
                out[row, l] += pull + ((r if states[c, l] == s else none) + (t if states[d, l] == s else none))
            k += 4
        while k < end:
            j = model.neighbours[k]
            w = model.coupling[k]
            for l in range(lanes):
                out[row, l] += w if states[j, l] == s else none
            k += 1


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class PottsGibbs(NamedTuple):
    """Gibbs sampling of a Potts model; `stochinf.graphs.Gibbs` chooses it where it fits."""

    inverse_temperature: Any
    model: PottsModel

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> LaneState:
        """Return states drawn uniformly, or as given."""
        return table_state(target, position, streams, 0)

    def check_state(self, target: TableGraph, state: LaneState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: LaneState, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every lane."""
        i = target.free[point]
        k = self.model.field.shape[1]
        potts_weights(self.model, state.position, i, state.potential)
        exponentiate(k, rate, state.level, state.potential)
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class PottsGibbsWithSums(NamedTuple):
    """`PottsGibbs` that adds each conditional to the sums: Rao-Blackwellised marginals for the price of a division."""

    inverse_temperature: Any
    model: PottsModel

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> LaneState:
        """Return states drawn uniformly, or as given."""
        return table_state(target, position, streams, int(target.first_slot[-1]))

    def begin_sampling(self, target: TableGraph, state: LaneState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: TableGraph, state: LaneState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: TableGraph, state: LaneState, point: int, rate: float, rng: Any) -> None:
        """Draw one variable in every lane and add its conditional."""
        i = target.free[point]
        k = self.model.field.shape[1]
        potts_weights(self.model, state.position, i, state.potential)
        exponentiate(k, rate, state.level, state.potential)
        add_conditionals(target, state, i)
        choose(k, state.words, state.level, state.offset, state.potential, state.position, i)
