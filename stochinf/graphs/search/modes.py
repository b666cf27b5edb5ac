r"""Iterated conditional modes of any factor graph, in lanes.

A step puts one variable in every lane into its most probable state given the others,

.. math:: x_i \leftarrow \arg\max_s \sum_{f \ni i} \log w_f(x_i = s, x_{f \setminus i});

it stays where it is if that is one of the best.

References
----------
Besag, J. (1986). On the statistical analysis of dirty pictures. JRSS B 48(3), section 2.5.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.parts import part
from stochinf.graphs.lane_state import LaneState
from stochinf.graphs.table_gibbs import log_weights, table_state
from stochinf.graphs.targets import TableGraph

__all__ = ["IteratedModes"]


@part(lanes=True, single=True, reorder=True)
class IteratedModes(NamedTuple):
    """Coordinate ascent of a `TableGraph` in lanes."""

    unused: int = 0

    def init(self, target: TableGraph, position: npt.NDArray[Any] | None, streams: Any) -> LaneState:
        """Return states drawn uniformly, or as given."""
        return table_state(target, position, streams, 0)

    def update(self, target: TableGraph, state: LaneState, point: int, rate: float, rng: Any) -> None:
        """Put one variable into its best state in every lane."""
        i = target.free[point]
        states = state.position
        log_weights(target, states, i, state.offset, state.potential)
        for l in range(state.level.size):
            best = states[i, l]
            highest = state.potential[best, l]
            for s in range(target.cardinality[i]):
                if state.potential[s, l] > highest:
                    highest = state.potential[s, l]
                    best = np.int32(s)
            states[i, l] = best
