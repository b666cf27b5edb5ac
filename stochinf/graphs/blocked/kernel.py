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

from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import lane_uniform
from stochinf.graphs.blocked.plan import BlockPlan
from stochinf.graphs.lane_state import check_states, lane_state, reset_sums, starting_states
from stochinf.graphs.lanes import LOG2_E, exp2

__all__ = ["BlockGibbs", "BlockGibbsWithSums", "BlockState", "Indices", "Spins", "log2"]

Float32s = npt.NDArray[np.float32]

FEW = 8
"""States up to which comparing every lane with each costs less than gathering."""


class BlockState(NamedTuple):
    """A `LaneState` with work space for a block.

    Attributes
    ----------
    position, stats, words, potential, level, offset, sums, squares, shift, recent
        As in `LaneState`.
    tables, messages : float32 (rows, lanes)
    total : float32 (lanes,)
    """

    position: npt.NDArray[Any]
    stats: npt.NDArray[np.float64]
    words: npt.NDArray[np.uint32]
    potential: Float32s
    level: Float32s
    offset: npt.NDArray[np.int32]
    sums: Float32s
    squares: Float32s
    shift: Float32s
    recent: Float32s
    tables: Float32s
    messages: Float32s
    total: Float32s


@part
class Indices(NamedTuple):
    """States kept as they are."""

    unused: int = 0

    def start(self, target: Any, position: Any, streams: Any) -> Any:
        """Return state indices (V, lanes)."""
        return np.ascontiguousarray(starting_states(target, position, streams), dtype=np.int32)

    def read(self, position: Any, v: int, l: int) -> int:
        """Return the state of a variable in a lane."""
        return position[v, l]  # type: ignore[no-any-return]

    def write(self, position: Any, v: int, l: int, state: int) -> None:
        """Set the state of a variable in a lane."""
        position[v, l] = state


@part
class Spins(NamedTuple):
    """States kept as spins -1 and +1."""

    unused: int = 0

    def start(self, target: Any, position: Any, streams: Any) -> Any:
        """Return spins (V, lanes); positions are given as the draws are."""
        indices = (np.asarray(position) + 1) // 2 if position is not None and target.spin_labels else position
        return np.ascontiguousarray(2 * starting_states(target, indices, streams) - 1, dtype=np.float32)

    def read(self, position: Any, v: int, l: int) -> int:
        """Return the state of a spin in a lane."""
        return np.int32(1) if position[v, l] > np.float32(0.0) else np.int32(0)  # type: ignore[return-value]

    def write(self, position: Any, v: int, l: int, state: int) -> None:
        """Set the spin of a variable in a lane."""
        position[v, l] = np.float32(2 * state - 1)


@helper(reorder=True)
def log2(x: np.float32) -> np.float32:
    """Return the base-2 logarithm of a positive normal number to 2e-7.

    x = 2^n m with m in [1/sqrt 2, sqrt 2); log m = 2 artanh t, t = (m - 1) / (m + 1), by its series up to t^9.
    """
    bits = np.int32(np.float32(x).view(np.int32))
    shifted = np.int32(bits - np.int32(0x3F3504F3))
    n = np.int32(shifted >> np.int32(23))
    m = np.int32(bits - np.int32(n << np.int32(23))).view(np.float32)
    t = (m - np.float32(1.0)) / (m + np.float32(1.0))
    square = t * t
    p = np.float32(0.32059890)
    p = p * square + np.float32(0.41219859)
    p = p * square + np.float32(0.57707802)
    p = p * square + np.float32(0.96179669)
    p = p * square + np.float32(2.8853901)
    return np.float32(np.float32(n) + t * p)


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


@helper(reorder=True)
def gather(kernel: Any, target: Any, state: BlockState, i: int, scale: np.float32) -> None:
    """Write the logarithms of the rows of step i: factors inside the block, those that reach out, and messages."""
    plan = kernel.plan
    k, states = plan.size[i], plan.states[i]
    lanes = state.level.size
    for x in range(k):
        for l in range(lanes):
            state.potential[x, l] = np.float32(0.0)
    for f in range(plan.near_start[i], plan.near_start[i + 1]):
        if plan.near_size[f] > 0:
            add_by_state(kernel, state, f, k)
        elif plan.near_stride[f] >= 0:
            locate(kernel, state, f)
            for x in range(k):
                d = np.int32(x * plan.near_stride[f])
                for l in range(lanes):
                    state.potential[x, l] += kernel.log_tables[state.offset[l] + d]
    table, fixed = plan.table[i], plan.fixed_start[i]
    begin, end = plan.child_start[i], plan.child_start[i + 1]
    for s in range(states):
        for x in range(k):
            row = s * k + x
            weight = plan.fixed[fixed + row]
            if begin == end:
                for l in range(lanes):
                    state.tables[table + row, l] = scale * (weight + state.potential[x, l])
            else:
                child = plan.child[begin]
                entry = plan.message[child] + plan.maps[plan.child_map[child] + row]
                for l in range(lanes):
                    state.tables[table + row, l] = scale * (weight + state.potential[x, l]) + state.messages[entry, l]
    for f in range(plan.near_start[i], plan.near_start[i + 1]):
        if plan.near_stride[f] < 0:
            locate(kernel, state, f)
            for row in range(states * k):
                d = plan.maps[plan.near_map[f] + row]
                for l in range(lanes):
                    state.tables[table + row, l] += scale * kernel.log_tables[state.offset[l] + d]
    for q in range(begin + 1, end):
        child = plan.child[q]
        for row in range(states * k):
            entry = plan.message[child] + plan.maps[plan.child_map[child] + row]
            for l in range(lanes):
                state.tables[table + row, l] += state.messages[entry, l]


@helper(reorder=True)
def add_by_state(kernel: Any, state: BlockState, f: int, k: int) -> None:
    """Add a factor of two variables of few states, the other outside of the block: by comparison, without gathering."""
    plan = kernel.plan
    q = plan.outer_start[f]
    u = plan.outer[q]
    lanes = state.offset.size
    for l in range(lanes):
        state.offset[l] = kernel.coding.read(state.position, u, l)
    for y in range(plan.near_size[f]):
        for x in range(k):
            weight = kernel.log_tables[plan.near_table[f] + y * plan.outer_stride[q] + x * plan.near_stride[f]]
            for l in range(lanes):
                state.potential[x, l] += weight if state.offset[l] == y else np.float32(0.0)


@helper()
def locate(kernel: Any, state: BlockState, f: int) -> None:
    """Write where in the table of a factor the states of the variables outside of the block lead, for each lane."""
    plan = kernel.plan
    lanes = state.offset.size
    for l in range(lanes):
        state.offset[l] = plan.near_table[f]
    for q in range(plan.outer_start[f], plan.outer_start[f + 1]):
        u, stride = plan.outer[q], plan.outer_stride[q]
        for l in range(lanes):
            state.offset[l] = np.int32(state.offset[l] + stride * kernel.coding.read(state.position, u, l))


@helper(reorder=True)
def sum_out(kernel: Any, target: Any, state: BlockState, i: int) -> None:
    """Turn the rows of step i into probabilities given the states that follow, and write its message."""
    plan = kernel.plan
    k, states = plan.size[i], plan.states[i]
    lanes = state.level.size
    for s in range(states):
        first = plan.table[i] + s * k
        out = plan.message[i] + s
        if k == 2:
            sum_pair(state, first, out)
            continue
        for l in range(lanes):
            state.level[l] = state.tables[first, l]
            state.total[l] = np.float32(0.0)
        for row in range(first + 1, first + k):
            for l in range(lanes):
                state.level[l] = max(state.level[l], state.tables[row, l])
        for row in range(first, first + k):
            for l in range(lanes):
                y = state.tables[row, l] - state.level[l]
                w = exp2(y) if y > np.float32(-126.0) else np.float32(0.0)
                state.tables[row, l] = w
                state.total[l] += w
        for l in range(lanes):
            state.messages[out, l] = state.level[l] + log2(state.total[l])
            state.total[l] = np.float32(1.0) / state.total[l]
        for row in range(first, first + k):
            for l in range(lanes):
                state.tables[row, l] *= state.total[l]
    lower(state, plan.message[i], states)


@helper(reorder=True)
def sum_pair(state: BlockState, first: int, out: int) -> None:
    """Do the work of `sum_out` for two rows: p and 1 - p with one power of two."""
    for l in range(state.level.size):
        a, b = state.tables[first, l], state.tables[first + 1, l]
        gap = abs(b - a)
        less = exp2(-gap) if gap < np.float32(126.0) else np.float32(0.0)
        total = np.float32(1.0) + less
        more = np.float32(1.0) / total
        less *= more
        state.messages[out, l] = max(a, b) + log2(total)
        state.tables[first, l] = less if b > a else more
        state.tables[first + 1, l] = more if b > a else less


@helper(reorder=True)
def lower(state: BlockState, first: int, states: int) -> None:
    """Subtract the largest entry of a message from all."""
    lanes = state.level.size
    for l in range(lanes):
        state.level[l] = state.messages[first, l]
    for s in range(first + 1, first + states):
        for l in range(lanes):
            state.level[l] = max(state.level[l], state.messages[s, l])
    for s in range(first, first + states):
        for l in range(lanes):
            state.messages[s, l] -= state.level[l]


@helper()
def draw(kernel: Any, target: Any, state: BlockState, i: int) -> None:
    """Draw the variable of step i given the states that follow; a probability of zero is never chosen."""
    plan = kernel.plan
    v = plan.variable[i]
    k = plan.size[i]
    lanes = state.level.size
    for l in range(lanes):
        state.offset[l] = np.int32(0)
        state.level[l] = np.float32(0.0)
    for q in range(plan.later_start[i], plan.later_start[i + 1]):
        u, stride = plan.later[q], plan.later_stride[q]
        for l in range(lanes):
            state.offset[l] = np.int32(state.offset[l] + stride * kernel.coding.read(state.position, u, l))
    for x in range(k):
        pick_rows(state, plan.table[i] + x, k, plan.states[i])
        for l in range(lanes):
            state.potential[x, l] = state.level[l]
    for l in range(lanes):
        state.level[l] = lane_uniform(state.words, l) * state.level[l]
        state.offset[l] = np.int32(0)
    for x in range(k - 1):
        for l in range(lanes):
            state.offset[l] += np.int32(1) if state.level[l] >= state.potential[x, l] else np.int32(0)
    for l in range(lanes):
        kernel.coding.write(state.position, v, l, state.offset[l])


@helper()
def pick_rows(state: BlockState, first: int, k: int, states: int) -> None:
    """Add to each lane's level the entry of the row k s + first, s being its offset; few rows are compared, not gathered."""
    lanes = state.level.size
    if states > FEW:
        for l in range(lanes):
            state.level[l] += state.tables[first + state.offset[l] * k, l]
        return
    for s in range(states):
        row = first + s * k
        for l in range(lanes):
            state.level[l] += state.tables[row, l] if state.offset[l] == s else np.float32(0.0)


@helper(reorder=True)
def believe(kernel: Any, target: Any, state: BlockState, i: int) -> None:
    """Multiply the rows of step i by the probabilities of the states that follow, summed from the rows of its parent."""
    plan = kernel.plan
    p = plan.parent[i]
    if p < 0:
        return
    k, lanes = plan.size[i], state.level.size
    for s in range(plan.message[i], plan.message[i] + plan.states[i]):
        for l in range(lanes):
            state.messages[s, l] = np.float32(0.0)
    for row in range(plan.states[p] * plan.size[p]):
        entry = plan.message[i] + plan.maps[plan.child_map[i] + row]
        for l in range(lanes):
            state.messages[entry, l] += state.tables[plan.table[p] + row, l]
    for s in range(plan.states[i]):
        for row in range(plan.table[i] + s * k, plan.table[i] + s * k + k):
            for l in range(lanes):
                state.tables[row, l] *= state.messages[plan.message[i] + s, l]


@helper(reorder=True)
def add_marginal(kernel: Any, target: Any, state: BlockState, i: int) -> None:
    """Add the probabilities of the states of step i's variable to the sums."""
    plan = kernel.plan
    v = plan.variable[i]
    k, lanes = plan.size[i], state.level.size
    slot = target.first_slot[v]
    for x in range(1 if k == 2 else 0, k):
        for l in range(lanes):
            state.level[l] = np.float32(0.0)
        for row in range(plan.table[i] + x, plan.table[i] + plan.states[i] * k, k):
            for l in range(lanes):
                state.level[l] += state.tables[row, l]
        shift = state.shift[slot]
        for l in range(lanes):
            d = state.level[l] - shift
            state.sums[slot, l] += d
            state.squares[slot, l] += d * d
        state.recent[slot] = state.level[0]
        slot += 1
