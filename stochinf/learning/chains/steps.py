"""What a step does, in compiled code: draw variables in every chain, keep the counters, take statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from stochinf.engine.jit import helper
from stochinf.engine.random import lane_uniform
from stochinf.graphs.lanes import LOG2_E, exp2
from stochinf.graphs.table_gibbs import choose, exponentiate

__all__ = ["add_factors", "count_again", "refresh", "visit"]

MISSING, SEEN, MIXED, SOFT = 0, 1, 2, 3
"""What chains know of a variable: nothing, its state, its state in some chains, or how often each state was seen."""


@helper()
def refresh(target: Any, state: Any) -> None:
    """Make the cells of tables from the weights."""
    for c in range(target.cell_slot.size):
        k = target.cell_slot[c]
        if k >= 0:
            state.cells[c] = target.cell_base[c] + np.float32(state.position[k]) * target.cell_value[c]


@helper(reorder=True)
def log_weights(target: Any, state: Any, states: Any, counters: Any, i: int) -> None:
    """Write the log weights of the states of variable i in every chain."""
    lanes = state.before.size
    first = target.field_start[i]
    for s in range(target.cardinality[i]):
        state.alone[s] = target.field[first + s]
    for t in range(target.term_start[i], target.term_start[i + 1]):
        state.alone[target.term_state[t]] += np.float32(state.position[target.term_slot[t]]) * target.term_value[t]
    for s in range(target.cardinality[i]):
        for l in range(lanes):
            state.potential[s, l] = state.alone[s]
    for l in range(lanes):
        state.before[l] = states[i, l]
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        f = target.entry_factor[e]
        k = target.entry_slot[e]
        w = target.entry_value[e]
        if k >= 0:
            w *= np.float32(state.position[k])
        if lanes == 1:
            add_to_one(target, state, counters[f, 0], i, e, w)
        elif target.entry_literal[e] < 0:
            add_table(target, state, counters, i, e, w)
        else:
            add_rule(target, state, counters, e, w)


@helper()
def add_to_one(target: Any, state: Any, counter: Any, i: int, e: int, w: Any) -> None:
    """Add what a factor says of the states of a variable, for a chain alone."""
    literal, step, begin = target.entry_literal[e], target.entry_step[e], target.entry_cell[e]
    if literal < 0:
        place = begin + counter - step * state.before[0]
        for s in range(target.cardinality[i]):
            state.potential[s, 0] += w * state.cells[np.uint32(place + s * step)]
    else:
        place = begin + counter - (step if state.before[0] == literal else np.int32(0))
        state.potential[literal, 0] += w * (state.cells[np.uint32(place + step)] - state.cells[np.uint32(place)])


@helper(reorder=True)
def add_table(target: Any, state: Any, counters: Any, i: int, e: int, w: Any) -> None:
    """Add the cells of a table, one for each state."""
    f, begin, step = target.entry_factor[e], target.entry_cell[e], target.entry_step[e]
    for l in range(state.before.size):
        state.offset[l] = np.int32(begin + counters[f, l] - step * state.before[l])
    for s in range(target.cardinality[i]):
        d = np.int32(s * step)
        for l in range(state.before.size):
            state.potential[s, l] += w * state.cells[np.uint32(state.offset[l] + d)]


@helper(reorder=True)
def add_rule(target: Any, state: Any, counters: Any, e: int, w: Any) -> None:
    """Add to the state that makes the literal true what it gains by that."""
    f, begin, literal, step = target.entry_factor[e], target.entry_cell[e], target.entry_literal[e], target.entry_step[e]
    for l in range(state.before.size):
        own = step if state.before[l] == literal else np.int32(0)
        place = np.int32(begin + counters[f, l] - own)
        state.potential[literal, l] += w * (state.cells[np.uint32(place + step)] - state.cells[np.uint32(place)])


@helper(reorder=True)
def recount(target: Any, state: Any, states: Any, counters: Any, i: int) -> None:
    """Bring the counters up to date with the new states of variable i."""
    if state.before.size == 1:
        recount_one(target, counters, i, state.before[0], np.int32(states[i, 0]))
        return
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        f = target.entry_factor[e]
        literal = target.entry_literal[e]
        step = target.entry_step[e]
        if literal < 0:
            for l in range(state.before.size):
                counters[f, l] = np.int32(counters[f, l] + step * (np.int32(states[i, l]) - state.before[l]))
        else:
            for l in range(state.before.size):
                gone = step if state.before[l] == literal else np.int32(0)
                come = step if states[i, l] == literal else np.int32(0)
                counters[f, l] = np.int32(counters[f, l] + come - gone)


@helper()
def recount_one(target: Any, counters: Any, i: int, old: Any, new: Any) -> None:
    """Bring the counters of a chain alone up to date, where its state has changed."""
    if old == new:
        return
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        f, literal, step = target.entry_factor[e], target.entry_literal[e], target.entry_step[e]
        if literal < 0:
            counters[f, 0] = np.int32(counters[f, 0] + step * (new - old))
        elif old == literal:
            counters[f, 0] = np.int32(counters[f, 0] - step)
        elif new == literal:
            counters[f, 0] = np.int32(counters[f, 0] + step)


@helper()
def count_again(target: Any, states: Any, counters: Any) -> None:
    """Count all counters from the states."""
    for f in range(counters.shape[0]):
        for l in range(counters.shape[1]):
            counters[f, l] = np.int32(0)
        for place in range(target.scope_start[f], target.scope_start[f + 1]):
            j = target.scope[place]
            literal = target.literal[place]
            step = target.step[place]
            if literal < 0:
                for l in range(counters.shape[1]):
                    counters[f, l] = np.int32(counters[f, l] + step * states[j, l])
            else:
                for l in range(counters.shape[1]):
                    counters[f, l] = np.int32(counters[f, l] + (step if states[j, l] == literal else np.int32(0)))


@helper(reorder=True)
def add_chances(k: int, sign: Any, share: Any, mass: Any, state: Any) -> None:
    """Add the chances of a variable's states, over all chains, to `chances`; `potential` and `level` hold weights and sums."""
    if k == 2:
        total = np.float32(0.0)
        for l in range(share.size):
            total += share[l] * state.potential[1, l] / state.level[l]
        state.chances[1] += sign * total
        state.chances[0] += sign * (mass - total)
        return
    for s in range(k):
        total = np.float32(0.0)
        for l in range(share.size):
            total += share[l] * state.potential[s, l] / state.level[l]
        state.chances[s] += sign * total


@helper()
def add_states(sign: Any, share: Any, states: Any, i: int, state: Any) -> None:
    """Add the shares of the chains to the states that they are in."""
    for l in range(share.size):
        state.chances[states[i, l]] += sign * share[l]


@helper()
def pass_by(words: Any) -> None:
    """Use up a random number in every chain, so that both kinds of chains stay in step."""
    for l in range(words.shape[1]):
        lane_uniform(words, l)


@helper()
def visit(target: Any, state: Any, data: Any, i: int, last: bool) -> None:
    """Draw variable i in the free chains and in those that see the data; at the last sweep add the statistics of its terms."""
    for s in range(target.cardinality[i]):
        state.chances[s] = np.float32(0.0)
    for phase in range(2 if data.chained else 1):
        kind = state.kind[phase, i]
        sign = np.float32(1.0) if phase == 0 else np.float32(-1.0)
        states, words, share = state.states[phase], state.words[phase], state.share[phase]
        if kind == SEEN:
            pass_by(words)
        else:
            draw(target, state, data, phase, i, last)
        if last and (kind in (SEEN, MIXED)):
            add_states(sign, share, states, i, state)
    if last:
        for t in range(target.term_start[i], target.term_start[i + 1]):
            state.gradient[target.term_slot[t]] += target.term_value[t] * state.chances[target.term_state[t]]


@helper()
def draw(target: Any, state: Any, data: Any, phase: int, i: int, last: bool) -> None:
    """Draw variable i in the chains of a phase, where it is not observed."""
    k, kind = target.cardinality[i], state.kind[phase, i]
    states, counters, share = state.states[phase], state.counters[phase], state.share[phase]
    if kind == SOFT:
        take_soft(target, state, data, i)
    else:
        log_weights(target, state, states, counters, i)
    if k == 2 and share.size == 1 and kind == MISSING:
        draw_coin(state, phase, states, i)
        recount(target, state, states, counters, i)
        return
    exponentiate(k, 1.0, state.level, state.potential)
    if last and kind != MIXED:
        add_chances(k, np.float32(1.0) if phase == 0 else np.float32(-1.0), share, state.mass[phase], state)
    if kind == SOFT and int(state.clock[0] + i) % data.soft_every != 0:
        pass_by(state.words[phase])
        return
    choose(k, state.words[phase], state.level, state.offset, state.potential, states, i)
    if kind == MIXED:
        put_back(state, states, i)
    recount(target, state, states, counters, i)


@helper(reorder=True)
def draw_coin(state: Any, phase: int, states: Any, i: int) -> None:
    """Draw a variable of two states in a chain alone; add its chances."""
    odds = exp2((state.potential[1, 0] - state.potential[0, 0]) * LOG2_E)
    low = np.float32(1.0) / (np.float32(1.0) + odds)
    weight = state.share[phase, 0] if phase == 0 else -state.share[phase, 0]
    state.chances[0] += weight * low
    state.chances[1] += weight * (np.float32(1.0) - low)
    states[i, 0] = 1 if lane_uniform(state.words[phase], 0) >= low else 0


@helper()
def take_soft(target: Any, state: Any, data: Any, i: int) -> None:
    """Put the distribution that was observed of variable i in the place of what the model says; remember the states before."""
    first = target.field_start[i]
    for s in range(target.cardinality[i]):
        for l in range(state.before.size):
            state.potential[s, l] = data.soft[first + s]
    for l in range(state.before.size):
        state.before[l] = state.states[1, i, l]


@helper()
def put_back(state: Any, states: Any, i: int) -> None:
    """Give variable i its observed states where there are any."""
    for l in range(state.before.size):
        if state.observed[i, l] >= 0:
            states[i, l] = state.observed[i, l]


@helper()
def add_factors(target: Any, state: Any, data: Any, block: int) -> None:
    """Add the statistics of a block's factors: those of the free chains less those that see the data."""
    for place in range(target.block_factor_start[block], target.block_factor_start[block + 1]):
        f = target.block_factors[place]
        if data.chained and state.before.size == 1 and state.counters[0, f, 0] == state.counters[1, f, 0]:
            continue
        for phase in range(2 if data.chained else 1):
            sign = np.float32(1.0) if phase == 0 else np.float32(-1.0)
            add_factor(target, state, state.counters[phase], f, sign, state.share[phase])


@helper(reorder=True)
def add_factor(target: Any, state: Any, counters: Any, f: int, sign: Any, share: Any) -> None:
    """Add the statistics of one factor."""
    begin = target.factor_start[f]
    k = target.factor_slot[f]
    if k >= 0:
        total = np.float32(0.0)
        for l in range(share.size):
            total += share[l] * state.cells[np.uint32(begin + counters[f, l])]
        state.gradient[k] += sign * target.factor_value[f] * total
        return
    for l in range(share.size):
        c = begin + counters[f, l]
        j = target.cell_slot[c]
        if j >= 0:
            state.gradient[j] += sign * share[l] * target.cell_value[c]
