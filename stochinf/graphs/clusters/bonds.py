"""Bonds of Swendsen-Wang moves, for compiled code.

A bond may be laid between neighbours i and j that fit their coupling: equal where J > 0, unequal where J < 0. Which bonds are
laid is as good as random, so that no branch asks for it: the pairs are written to a list whose end moves on or stays.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.engine.jit import helper
from stochinf.graphs.clusters.union import join, label

__all__ = ["bonded", "lay_probabilities", "sfc64"]


@helper()
def lay_probabilities(coupling: Any, up: float, down: float, beta: float, state: Any) -> None:
    """Write the probabilities of bonds where the temperature is a new one: 1 - exp(-up beta J), or -down for J < 0."""
    if state.beta[0] != beta:
        state.beta[0] = beta
        for k in range(state.bond.size):
            strength = up if coupling[k] > 0 else -down
            state.bond[k] = -math.expm1(-strength * beta * coupling[k])


@helper()
def sfc64(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Return the next word and state of a stream, as `stochinf.engine.random.next_word` but in registers."""
    word = np.uint64(np.uint64(a + b) + d)
    mixed = np.uint64(((c << np.uint64(24)) | (c >> np.uint64(40))) + word)
    return word, b ^ (b >> np.uint64(11)), np.uint64(c + np.uint64(c << np.uint64(3))), mixed, np.uint64(d + np.uint64(1))


@helper()
def bonded(start: Any, neighbours: Any, coupling: Any, state: Any, rng: Any) -> None:
    """Lay bonds between the states of the lane in turn, and label the clusters by their roots."""
    a, b, c, d = rng[0], rng[1], rng[2], rng[3]
    laid = 0
    for i in range(state.states.size):
        own = state.states[i]
        state.parent[i] = i
        for k in range(start[i], start[i + 1]):
            j = neighbours[k]
            if j < i:
                word, a, b, c, d = sfc64(a, b, c, d)
                low = np.float64(word >> np.uint64(11)) * 1.1102230246251565e-16 < state.bond[k]
                fits = (state.states[j] == own) == (coupling[k] > 0)
                state.left[laid] = i
                state.right[laid] = j
                laid += int(low & fits)
    rng[0] = a
    rng[1] = b
    rng[2] = c
    rng[3] = d
    for n in range(laid):
        join(state.parent, state.left[n], state.right[n])
    label(state.parent)
