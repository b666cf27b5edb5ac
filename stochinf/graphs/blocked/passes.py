"""The two passes over a block: messages in order of elimination, draws and beliefs in reverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from stochinf.engine.jit import helper
from stochinf.engine.random import lane_uniform
from stochinf.graphs.blocked.state import BlockState
from stochinf.graphs.lanes import exp2

__all__ = ["add_marginal", "believe", "draw", "gather", "log2", "sum_out"]

FEW = 8
"""States up to which comparing every lane with each costs less than gathering."""


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
