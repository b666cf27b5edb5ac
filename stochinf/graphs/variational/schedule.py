r"""Message updates in the order of what they would change: residual belief propagation.

The priority of a factor is the sum of the changes of the messages that its neighbours sent since its own last update, an upper
bound of how much its messages would change, and needs no trial updates. A heap gives the largest at once.

References
----------
Elidan, G., McGraw, I. and Koller, D. (2006). Residual belief propagation: informed scheduling for asynchronous message
passing. UAI.
Sutton, C. and McCallum, A. (2007). Improved dynamic schedules for belief propagation. UAI, section 3 (RBP0L).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stochinf.engine.jit import helper
from stochinf.engine.parts import part

__all__ = ["ByResidual"]


@helper()
def swap(state: Any, a: int, b: int) -> None:
    """Swap two places of the heap."""
    f = state.heap[a]
    g = state.heap[b]
    state.heap[a] = g
    state.heap[b] = f
    state.place[g] = a
    state.place[f] = b


@helper()
def rise(state: Any, f: int) -> None:
    """Move a factor up to where its priority belongs."""
    a = state.place[f]
    while a > 0 and state.priority[state.heap[(a - 1) // 2]] < state.priority[f]:
        swap(state, a, (a - 1) // 2)
        a = (a - 1) // 2


@helper()
def sink(state: Any, f: int) -> None:
    """Move a factor down to where its priority belongs."""
    a = state.place[f]
    n = state.heap.size
    settled = False
    while not settled:
        b = 2 * a + 1
        if b + 1 < n and state.priority[state.heap[b + 1]] > state.priority[state.heap[b]]:
            b += 1
        settled = b >= n or state.priority[state.heap[b]] <= state.priority[f]
        if not settled:
            swap(state, a, b)
            a = b


@part
class ByResidual(NamedTuple):
    """Update the factor of the highest priority; the tape's points are not looked at."""

    kernel: Any
    tolerance: float = 0.0

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Update a factor, then raise the priorities of those that share a variable with it."""
        f = state.heap[0]
        if state.priority[f] <= self.tolerance:
            return
        moved = self.kernel.send(target, state, f)
        state.residual[f] = moved
        state.priority[f] = 0.0
        sink(state, f)
        if moved > 0.0:
            for q in range(target.scope_start[f], target.scope_start[f + 1]):
                i = target.scope[q]
                for e in range(target.entry_start[i], target.entry_start[i + 1]):
                    g = target.entry_factor[e]
                    if g != f:
                        state.priority[g] += moved
                        rise(state, g)
