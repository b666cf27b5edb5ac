r"""Drawing a block: forward filtering, backward sampling, in every lane at once.

Forward, in order of elimination, each variable is summed out of the product of its factors and the messages it gets,

.. math:: m_i(s) = \sum_x w_i(x, s) \prod_c m_c(x, s), \qquad P(x \mid s) = w_i(x, s) \prod_c m_c(x, s) / m_i(s),

in base-2 logarithms, the largest entry of each message 0. Backward, each is drawn given those drawn before. Beliefs, the
probabilities of each table's rows given what is outside of the block, go down the same tree: their sums over all rows of a
state are the exact conditional marginals, which are what is added to the Rao-Blackwell sums.

References
----------
Carter, C. K. and Kohn, R. (1994). On Gibbs sampling for state space models. Biometrika 81(3), section 2.
Hamze, F. and de Freitas, N. (2004). From fields to trees. UAI 20, section 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.graphs.blocked.passes import add_marginal, believe, draw, gather, sum_out
from stochinf.graphs.blocked.plan import BlockPlan
from stochinf.graphs.blocked.state import BlockState
from stochinf.graphs.lane_state import check_states, lane_state, reset_sums
from stochinf.graphs.lanes import LOG2_E

__all__ = ["BlockGibbs", "BlockGibbsWithSums"]


def block_state(kernel: Any, target: Any, position: Any, streams: Any, slots: int) -> BlockState:
    """Return the state with room for the largest block."""
    rows, messages = kernel.plan.rows
    lanes = streams.lanes
    demand(4 * lanes * (rows + messages), f"tables of a block in {lanes} chains")
    start = kernel.coding.start(target, position, streams)
    plain = lane_state(start, streams.lane_words(), int(target.cardinality.max(initial=1)), slots)
    return BlockState(
        *plain, np.empty((rows, lanes), np.float32), np.empty((messages, lanes), np.float32), np.empty(lanes, np.float32)
    )


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class BlockGibbs(NamedTuple):
    """Draw a block; `stochinf.graphs.blocked.Blocked` makes it for a graph."""

    plan: BlockPlan
    coding: Any
    log_tables: npt.NDArray[np.float32]
    inverse_temperature: Any = 1.0

    def points(self, target: Any) -> int:
        """Return the number of blocks."""
        return self.plan.block_start.size - 1

    def pick(self, target: Any) -> Any:
        """Return a scan over the blocks."""
        return Scan(max(1, self.plan.block_start.size - 1))

    def init(self, target: Any, position: Any, streams: Any) -> BlockState:
        """Return states drawn uniformly, or as given."""
        return block_state(self, target, position, streams, 0)

    def check_state(self, target: Any, state: BlockState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: Any, state: BlockState, point: int, rate: float, rng: Any) -> None:
        """Draw one block in every lane."""
        first, last = self.plan.block_start[point], self.plan.block_start[point + 1]
        for i in range(first, last):
            gather(self, target, state, i, np.float32(rate) * LOG2_E)
            sum_out(self, target, state, i)
        for i in range(last - 1, first - 1, -1):
            draw(self, target, state, i)


@part(lanes=True, single=True, reorder=True, rate_field="inverse_temperature")
class BlockGibbsWithSums(NamedTuple):
    """`BlockGibbs` that adds the marginals of the block given the rest to the sums."""

    plan: BlockPlan
    coding: Any
    log_tables: npt.NDArray[np.float32]
    inverse_temperature: Any = 1.0

    def points(self, target: Any) -> int:
        """Return the number of blocks."""
        return self.plan.block_start.size - 1

    def pick(self, target: Any) -> Any:
        """Return a scan over the blocks."""
        return Scan(max(1, self.plan.block_start.size - 1))

    def init(self, target: Any, position: Any, streams: Any) -> BlockState:
        """Return states drawn uniformly, or as given."""
        return block_state(self, target, position, streams, int(target.first_slot[-1]))

    def begin_sampling(self, target: Any, state: BlockState) -> None:
        """Forget the sums of warm-up."""
        reset_sums(state)

    def check_state(self, target: Any, state: BlockState) -> None:
        """Demand that a saved state is one."""
        check_states(target, state)

    def update(self, target: Any, state: BlockState, point: int, rate: float, rng: Any) -> None:
        """Draw one block in every lane and add its marginals."""
        first, last = self.plan.block_start[point], self.plan.block_start[point + 1]
        for i in range(first, last):
            gather(self, target, state, i, np.float32(rate) * LOG2_E)
            sum_out(self, target, state, i)
        for i in range(last - 1, first - 1, -1):
            draw(self, target, state, i)
            believe(self, target, state, i)
            if self.plan.counted[i] == 1:
                add_marginal(self, target, state, i)
