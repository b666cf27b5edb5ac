"""Which coefficients join the working set: those farthest from optimal, a share of what there is."""

from __future__ import annotations

from typing import Any

from stochinf.engine.jit import helper

__all__ = ["choose"]

SHARE = 8
"""At first, one of so many that are not optimal joins."""
LEAST = 64
"""So many at least may join."""
MARGIN = 20
"""So many join that are optimal, but nearly not."""
NEARLY = 1.02
BINS = 512


@helper()
def admit(state: Any, j: int) -> None:
    """Let a coefficient join."""
    state.member[j] = 1
    state.chosen[state.sizes[1]] = j
    state.sizes[1] += 1


@helper()
def begin(target: Any, state: Any, by_columns: bool) -> int:
    """Admit what is not zero; without a Gram matrix, dismiss what is. Return how many are not zero."""
    kept, busy = 0, 0
    for k in range(state.sizes[1]):
        j = state.chosen[k]
        if by_columns and state.position[j] == 0.0:
            state.member[j] = 0
        else:
            state.chosen[kept] = j
            kept += 1
    state.sizes[1] = kept
    for j in range(target.penalised):
        if state.position[j] != 0.0:
            busy += 1
            if not state.member[j]:
                admit(state, j)
    return busy


@helper()
def choose(target: Any, state: Any, by_columns: bool) -> None:
    """Let the farthest from optimal join."""
    busy = begin(target, state, by_columns)
    first = state.sizes[2] == 0
    wrong, farthest = 0, 0.0
    for b in range(BINS):
        state.bins[b] = 0
    for k in range(state.sizes[0]):
        j = state.alive[k]
        far = 0.0 if state.member[j] else target.penalty.distance(state.position[j], NEARLY * state.v[j])
        state.far[j] = far
        if far > 0.0:
            farthest = max(farthest, far)
            if target.penalty.distance(state.position[j], state.v[j]) > 0.0:
                wrong += 1
    if not farthest > 0.0:
        return
    wanted = max(LEAST, wrong // SHARE) if first else min(wrong + MARGIN, max(LEAST, busy))
    for k in range(state.sizes[0]):
        far = state.far[state.alive[k]]
        if far > 0.0:
            state.bins[min(int(BINS * (far / farthest)), BINS - 1)] += 1
    edge, count = BINS, 0
    while edge > 0 and count < wanted:
        edge -= 1
        count += state.bins[edge]
    above = count - state.bins[edge]
    for k in range(state.sizes[0]):
        j = state.alive[k]
        if state.far[j] > 0.0:
            place = min(int(BINS * (state.far[j] / farthest)), BINS - 1)
            if place > edge:
                admit(state, j)
            elif place == edge and above < wanted:
                above += 1
                admit(state, j)
