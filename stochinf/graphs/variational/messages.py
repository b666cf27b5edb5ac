r"""Sum-product messages over tables of any arity, in logarithms.

Factor f sends to each of its variables i

.. math:: m_{fi}(x_i) \propto \sum_{x_f \setminus x_i} w_f(x_f)^{1/\rho_f} \prod_{j \in f \setminus i} n_{jf}(x_j), \qquad
   n_{jf}(x_j) \propto w_j(x_j) \prod_{g \ni j} m_{gj}(x_j)^{\rho_g} \, / \, m_{fj}(x_j),

with :math:`\rho = 1` for belief propagation. Messages are kept as logarithms, the largest entry 0, and -inf for zero, which is
counted apart so that nothing is ever divided by zero. The sum runs over plain products; where one of its results falls
below 1e-250 it is done again with the largest term taken out, so that log weights of 10^4 and more stay exact. Damping d mixes
logarithms, ``(1 - d) new + d old``.

References
----------
Kschischang, F. R., Frey, B. J. and Loeliger, H.-A. (2001). Factor graphs and the sum-product algorithm, eqs. 5 and 6.
Wainwright, M. J., Jaakkola, T. S. and Willsky, A. S. (2005). A new class of upper bounds on the log partition function, eq. 39.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.jit import helper
from stochinf.engine.parts import part

__all__ = ["SumProduct", "forward", "read_cavities", "store", "term"]

TINY = 1e-250


@helper()
def read_cavities(target: Any, state: Any, f: int) -> None:
    """Write what every variable of a factor says without it: `log_cavity`, the largest 0."""
    begin = target.scope_start[f]
    for q in range(begin, target.scope_start[f + 1]):
        base = target.first[target.scope[q]]
        own = target.place_first[q]
        k = target.cardinality[target.scope[q]]
        top = -np.inf
        for s in range(k):
            message = state.message[own + s]
            bars = state.barred[base + s]
            value = state.position[base + s]
            if message == -np.inf:
                bars -= 1
            else:
                value -= message
            if bars > 0:
                value = -np.inf
            state.log_cavity[q - begin, s] = value
            top = max(top, value)
        if top > -np.inf:
            for s in range(k):
                state.log_cavity[q - begin, s] -= top


@helper()
def expose(target: Any, state: Any, f: int) -> None:
    """Write the exponentials of the cavities."""
    begin = target.scope_start[f]
    for q in range(begin, target.scope_start[f + 1]):
        for s in range(target.cardinality[target.scope[q]]):
            value = state.log_cavity[q - begin, s]
            state.cavity[q - begin, s] = 1.0 if value == 0.0 else math.exp(value)


@helper()
def forward(target: Any, state: Any, f: int) -> None:
    """Move the digits to the next entry of a table, the last place fastest."""
    begin = target.scope_start[f]
    a = target.scope_start[f + 1] - begin - 1
    while a >= 0:
        state.digit[a] += 1
        if state.digit[a] < target.cardinality[target.scope[begin + a]]:
            return
        state.digit[a] = 0
        a -= 1


@helper()
def sum_pair(target: Any, state: Any, f: int) -> None:
    """Write the sums of a factor of two variables."""
    begin = target.scope_start[f]
    k = target.cardinality[target.scope[begin]]
    m = target.cardinality[target.scope[begin + 1]]
    entry = target.table_start[f]
    for t in range(m):
        state.sums[1, t] = 0.0
    for s in range(k):
        total = 0.0
        left = state.cavity[0, s]
        for t in range(m):
            w = target.table[entry]
            total += w * state.cavity[1, t]
            state.sums[1, t] += w * left
            entry += 1
        state.sums[0, s] = total


@helper()
def sum_table(target: Any, state: Any, f: int) -> None:
    """Write the sums of a factor of any number of variables."""
    begin = target.scope_start[f]
    arity = target.scope_start[f + 1] - begin
    for a in range(arity):
        state.digit[a] = 0
        for s in range(target.cardinality[target.scope[begin + a]]):
            state.sums[a, s] = 0.0
    for entry in range(target.table_start[f], target.table_start[f + 1]):
        w = target.table[entry]
        if w > 0.0:
            for a in range(arity):
                product = w
                for b in range(arity):
                    if b != a:
                        product *= state.cavity[b, state.digit[b]]
                state.sums[a, state.digit[a]] += product
        forward(target, state, f)


@helper()
def term(target: Any, state: Any, f: int, entry: int, a: int) -> float:
    """Return the logarithm of one term of the sum for place a."""
    value = target.log_table[entry]
    for b in range(target.scope_start[f + 1] - target.scope_start[f]):
        if b != a:
            value += state.log_cavity[b, state.digit[b]]
    return float(value)


@helper()
def log_sums(target: Any, state: Any, f: int, a: int) -> None:
    """Write the logarithms of the sums for place a into `sums`, the largest term of each taken out; -inf where all are zero."""
    begin = target.scope_start[f]
    k = target.cardinality[target.scope[begin + a]]
    arity = target.scope_start[f + 1] - begin
    for b in range(arity):
        state.digit[b] = 0
    for s in range(k):
        state.sums[a, s] = -np.inf
        state.cavity[a, s] = 0.0
    for entry in range(target.table_start[f], target.table_start[f + 1]):
        value = term(target, state, f, entry, a)
        s = state.digit[a]
        if value > -np.inf:
            if value <= state.sums[a, s]:
                state.cavity[a, s] += math.exp(value - state.sums[a, s])
            else:
                state.cavity[a, s] = 1.0 + state.cavity[a, s] * math.exp(state.sums[a, s] - value)
                state.sums[a, s] = value
        forward(target, state, f)
    for s in range(k):
        if state.sums[a, s] > -np.inf:
            state.sums[a, s] += math.log(state.cavity[a, s])


@helper()
def put(target: Any, state: Any, f: int, q: int, s: int, value: float, linear: float) -> float:
    """Store one entry of a message, its logarithm and itself, and what follows from it; return how far the entry moved."""
    bit = target.first[target.scope[q]] + s
    own = target.place_first[q] + s
    old = state.message[own]
    if old == -np.inf:
        state.barred[bit] -= 1
    else:
        state.position[bit] -= target.weight[f] * old
    if value == -np.inf:
        state.barred[bit] += 1
    else:
        state.position[bit] += target.weight[f] * value
    before = state.linear[own]
    state.message[own] = value
    state.linear[own] = linear
    return float(abs(linear - before))


@helper()
def store(target: Any, state: Any, f: int, q: int, damping: float) -> float:
    """Turn the log sums of a place into its message, damped, the largest entry 0; return its largest change."""
    a = q - target.scope_start[f]
    k = target.cardinality[target.scope[q]]
    top = -np.inf
    for s in range(k):
        top = max(top, state.sums[a, s])
    if top == -np.inf:
        return 1.0
    if damping > 0.0:
        highest = -np.inf
        for s in range(k):
            old = state.message[target.place_first[q] + s]
            state.sums[a, s] -= top
            if old > -np.inf and state.sums[a, s] > -np.inf:
                state.sums[a, s] += damping * (old - state.sums[a, s])
            highest = max(highest, state.sums[a, s])
        top = highest
    moved = 0.0
    for s in range(k):
        value = state.sums[a, s] - top
        moved = max(moved, put(target, state, f, q, s, value, 1.0 if value == 0.0 else math.exp(value)))
    return float(moved)


@helper()
def store_sums(target: Any, state: Any, f: int, q: int) -> float:
    """Turn the sums of a place, all well above zero, into its message; return its largest change."""
    a = q - target.scope_start[f]
    k = target.cardinality[target.scope[q]]
    top = 0.0
    for s in range(k):
        top = max(top, state.sums[a, s])
    scale = 1.0 / top
    moved = 0.0
    for s in range(k):
        share = state.sums[a, s]
        linear = 1.0 if share == top else share * scale
        moved = max(moved, put(target, state, f, q, s, 0.0 if share == top else math.log(linear), linear))
    return float(moved)


@helper()
def send(target: Any, state: Any, f: int, damping: float) -> float:
    """Update all messages of a factor; return the largest change of an entry."""
    begin = target.scope_start[f]
    end = target.scope_start[f + 1]
    read_cavities(target, state, f)
    expose(target, state, f)
    if end - begin == 2:
        sum_pair(target, state, f)
    else:
        sum_table(target, state, f)
    lowest = np.inf
    for q in range(begin, end):
        for s in range(target.cardinality[target.scope[q]]):
            lowest = min(lowest, state.sums[q - begin, s])
    moved = 0.0
    if lowest >= TINY and damping == 0.0:
        for q in range(begin, end):
            moved = max(moved, store_sums(target, state, f, q))
        return float(moved)
    for a in range(end - begin):
        if lowest < TINY:
            log_sums(target, state, f, a)
        else:
            for s in range(target.cardinality[target.scope[begin + a]]):
                state.sums[a, s] = math.log(state.sums[a, s])
    for q in range(begin, end):
        moved = max(moved, store(target, state, f, q, damping))
    return float(moved)


@part
class SumProduct(NamedTuple):
    """Update the messages of one factor."""

    damping: float = 0.0

    def score(self, target: Any, state: Any, point: int) -> float:
        """Return the priority of a factor, for the picker `Greedy`."""
        return state.priority[point]  # type: ignore[no-any-return]

    def send(self, target: Any, state: Any, point: int) -> float:
        """Update a factor and return the largest change of a message entry."""
        return send(target, state, point, self.damping)

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Update a factor and note the change."""
        state.residual[point] = send(target, state, point, self.damping)
