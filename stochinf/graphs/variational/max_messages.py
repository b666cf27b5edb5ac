r"""Kernels for the most probable state: max-product messages, dual coordinate descent, decoding.

Max-product messages are those of `stochinf.graphs.variational.messages` with maxima in place of sums. The dual is

.. math:: D(\delta) = \sum_i \max_{x_i} \Big( \theta_i(x_i) + \sum_{f \ni i} \delta_{fi}(x_i) \Big)
   + \sum_f \max_{x_f} \Big( \theta_f(x_f) - \sum_{i \in f} \delta_{fi}(x_i) \Big) \ge \max_x \theta(x)

for any numbers delta, theta being log weights; a step of `DualDescent` minimises it over those of one factor of m variables:
with :math:`\lambda_i = \theta_i + \sum_{g \ne f} \delta_{gi}`,

.. math:: \delta_{fi}(x_i) = -\lambda_i(x_i)
   + \tfrac1m \max_{x_f \setminus x_i} \big( \theta_f(x_f) + \sum_{j \in f} \lambda_j(x_j) \big).

References
----------
Globerson, A. and Jaakkola, T. (2007). Fixing max-product: convergent message passing algorithms for MAP LP-relaxations. NIPS.
Sontag, D., Globerson, A. and Jaakkola, T. (2011). Introduction to dual decomposition for inference, section 1.6.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.graphs.variational.layout import Floats, Int32s
from stochinf.graphs.variational.messages import forward, read_cavities, store, term

__all__ = ["Assignment", "Decode", "Dual", "DualDescent", "MaxProduct"]


@helper()
def max_table(target: Any, state: Any, f: int) -> None:
    """Write the maxima of a factor for all its places."""
    begin = target.scope_start[f]
    arity = target.scope_start[f + 1] - begin
    for a in range(arity):
        state.digit[a] = 0
        for s in range(target.cardinality[target.scope[begin + a]]):
            state.sums[a, s] = -np.inf
    for entry in range(target.table_start[f], target.table_start[f + 1]):
        if target.log_table[entry] > -np.inf:
            for a in range(arity):
                value = term(target, state, f, entry, a)
                if value > state.sums[a, state.digit[a]]:
                    state.sums[a, state.digit[a]] = value
        forward(target, state, f)


@part
class MaxProduct(NamedTuple):
    """Update the max-product messages of one factor; the state is `Messages`."""

    damping: float = 0.0

    def score(self, target: Any, state: Any, point: int) -> float:
        """Return the priority of a factor, for the picker `Greedy`."""
        return state.priority[point]  # type: ignore[no-any-return]

    def send(self, target: Any, state: Any, point: int) -> float:
        """Update a factor and return the largest change of a message entry."""
        read_cavities(target, state, point)
        max_table(target, state, point)
        moved = 0.0
        for q in range(target.scope_start[point], target.scope_start[point + 1]):
            moved = max(moved, store(target, state, point, q, self.damping))
        return float(moved)

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Update a factor and note the change."""
        state.residual[point] = self.send(target, state, point)


class Dual(NamedTuple):
    """Variables of the dual.

    Attributes
    ----------
    position : float64 (S,)
        theta_i + sum_f delta_fi.
    delta : float64
        By place and state.
    highest : float64 (arity, states)
        Work space.
    digit : int32 (arity,)
        Work space.
    """

    position: Floats
    stats: Floats
    delta: Floats
    highest: Floats
    digit: Int32s


@part
class DualDescent(NamedTuple):
    """Minimise the dual over the numbers of one factor; all log weights are finite."""

    unused: int = 0

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Update a factor."""
        begin = target.scope_start[point]
        arity = target.scope_start[point + 1] - begin
        for a in range(arity):
            state.digit[a] = 0
            base = target.first[target.scope[begin + a]]
            own = target.place_first[begin + a]
            for s in range(target.cardinality[target.scope[begin + a]]):
                state.highest[a, s] = -np.inf
                state.position[base + s] -= state.delta[own + s]
        for entry in range(target.table_start[point], target.table_start[point + 1]):
            value = target.log_table[entry]
            for a in range(arity):
                value += state.position[target.first[target.scope[begin + a]] + state.digit[a]]
            for a in range(arity):
                if value > state.highest[a, state.digit[a]]:
                    state.highest[a, state.digit[a]] = value
            forward(target, state, point)
        for a in range(arity):
            base = target.first[target.scope[begin + a]]
            own = target.place_first[begin + a]
            for s in range(target.cardinality[target.scope[begin + a]]):
                share = state.highest[a, s] / arity
                state.delta[own + s] = share - state.position[base + s]
                state.position[base + s] = share


class Assignment(NamedTuple):
    """Max-product messages and the variables decided so far.

    Attributes
    ----------
    chosen : int32 (V,)
        State, or -1.
    total : float64 (states,)
        Work space.
    position, barred, message, log_cavity, sums, digit
        As in `Messages`.
    """

    position: Floats
    stats: Floats
    barred: Int32s
    message: Floats
    log_cavity: Floats
    sums: Floats
    digit: Int32s
    chosen: Int32s
    total: Floats


@helper()
def clamp(target: Any, state: Any, f: int) -> None:
    """Let the cavities of decided variables say so."""
    begin = target.scope_start[f]
    for q in range(begin, target.scope_start[f + 1]):
        s = state.chosen[target.scope[q]]
        if s >= 0:
            for t in range(target.cardinality[target.scope[q]]):
                state.log_cavity[q - begin, t] = 0.0 if t == s else -np.inf


@part
class Decode(NamedTuple):
    """Decide one variable by the factors around it, given the decisions so far and messages for the rest."""

    unused: int = 0

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Choose the state of the largest total; the first of equals."""
        k = target.cardinality[point]
        base = target.first[point]
        for s in range(k):
            state.total[s] = target.base[base + s] if target.barred[base + s] == 0 else -np.inf
        for e in range(target.entry_start[point], target.entry_start[point + 1]):
            f = target.entry_factor[e]
            read_cavities(target, state, f)
            clamp(target, state, f)
            max_table(target, state, f)
            for q in range(target.scope_start[f], target.scope_start[f + 1]):
                if target.scope[q] == point:
                    for s in range(k):
                        state.total[s] += state.sums[q - target.scope_start[f], s]
        best = 0
        for s in range(1, k):
            if state.total[s] > state.total[best]:
                best = s
        state.chosen[point] = best
