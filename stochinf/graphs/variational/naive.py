r"""Naive mean field: the best product distribution, and a lower bound on log Z."""

from __future__ import annotations

import math
import time as clock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.streams import entropy_of
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import feasible_states
from stochinf.graphs.variational.free_energy import groups
from stochinf.graphs.variational.layout import Floats, Int32s, MessageGraph, message_graph
from stochinf.graphs.variational.messages import forward
from stochinf.graphs.variational.passing import Outcome, check_passing, run_sweeps
from stochinf.graphs.variational.result import Variational
from stochinf.graphs.zeros.supports import spans

__all__ = ["CoordinateAscent", "Product", "lower_bound", "mean_field", "product_of"]


class Product(NamedTuple):
    """A product distribution.

    Attributes
    ----------
    position : float64 (S,)
        Probabilities of all states of the variables.
    energy, mass : float64 (states,)
        Work space: mean log weights of a variable's states, and the probability of what a state makes impossible.
    digit : int32 (arity,)
        Work space.
    residual : float64 (V,)
        Largest change of a probability at the last update of a variable.
    """

    position: Floats
    stats: Floats
    energy: Floats
    mass: Floats
    digit: Int32s
    residual: Floats


@helper()
def mean_energy(target: Any, state: Any, i: int) -> None:
    """Write the mean log weight of each state of a variable, and the probability that it makes a configuration impossible."""
    for s in range(target.cardinality[i]):
        state.energy[s] = target.base[target.first[i] + s]
        state.mass[s] = 1.0 if target.barred[target.first[i] + s] > 0 else 0.0
    for e in range(target.entry_start[i], target.entry_start[i + 1]):
        f = target.entry_factor[e]
        begin = target.scope_start[f]
        arity = target.scope_start[f + 1] - begin
        own = 0
        for a in range(arity):
            state.digit[a] = 0
            if target.scope[begin + a] == i:
                own = a
        for entry in range(target.table_start[f], target.table_start[f + 1]):
            share = 1.0
            for a in range(arity):
                if a != own:
                    share *= state.position[target.first[target.scope[begin + a]] + state.digit[a]]
            if share > 0.0:
                if target.log_table[entry] == -np.inf:
                    state.mass[state.digit[own]] += share
                else:
                    state.energy[state.digit[own]] += share * target.log_table[entry]
            forward(target, state, f)


@part
class CoordinateAscent(NamedTuple):
    """Give one variable its best distribution, the others' being what they are."""

    unused: int = 0

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Update a variable; where every state makes something impossible it stays."""
        mean_energy(target, state, point)
        base = target.first[point]
        k = target.cardinality[point]
        top = -np.inf
        for s in range(k):
            if state.mass[s] == 0.0:
                top = max(top, state.energy[s])
        if top == -np.inf:
            return
        total = 0.0
        for s in range(k):
            state.energy[s] = math.exp(state.energy[s] - top) if state.mass[s] == 0.0 else 0.0
            total += state.energy[s]
        moved = 0.0
        for s in range(k):
            value = state.energy[s] / total
            moved = max(moved, abs(value - state.position[base + s]))
            state.position[base + s] = value
        state.residual[point] = moved


def product_of(target: MessageGraph, probabilities: Floats) -> Product:
    """Return the state of a product distribution."""
    k, arity = int(target.cardinality.max(initial=1)), int(np.diff(target.scope_start).max(initial=1))
    return Product(
        probabilities.copy(), np.empty(0), np.zeros(k), np.zeros(k), np.zeros(arity, np.int32),
        np.full(target.cardinality.size, np.inf),
    )  # fmt: skip


def lower_bound(target: MessageGraph, probabilities: Floats) -> float:
    r"""Return :math:`\langle \log w \rangle_q + H(q)`, -inf where q has an impossible configuration.

    References
    ----------
    Wainwright, M. J. and Jordan, M. I. (2008). Graphical models, exponential families, and variational inference, eq. 5.16.
    """
    some = probabilities > 0
    if (some & (target.barred > 0)).any():
        return -math.inf
    total = target.constant + float(probabilities @ target.base)
    total -= float((probabilities[some] * np.log(probabilities[some])).sum())
    for group in groups(target):
        first = int(target.scope_start[group[0]])
        arity = int(target.scope_start[group[0] + 1]) - first
        shape = target.cardinality[target.scope[first : first + arity]].tolist()
        table = target.log_table[spans(target.table_start[group], np.diff(target.table_start)[group])]
        share: npt.NDArray[np.float64] = np.ones((len(group), *shape))
        for a in range(arity):
            variable = target.scope[target.scope_start[group] + a]
            own = probabilities[spans(target.first[variable], target.cardinality[variable])]
            share *= own.reshape(len(group), *(shape[a] if b == a else 1 for b in range(arity)))
        present = share.ravel() > 0
        total += float(share.ravel()[present] @ table[present])
    return total


def mean_field(
    graph: FactorGraph,
    *,
    starts: int = 5,
    sweeps: int = 1000,
    tolerance: float = 1e-9,
    time: float | None = None,
    rng: Any = 0,
) -> Variational:
    r"""Return the product distribution nearest to the model, and a lower bound on log Z.

    Coordinate ascent of :math:`\langle \log w \rangle_q + H(q)` over :math:`q = \prod_i q_i`:
    :math:`q_i(x_i) \propto \exp \langle \log w(x) \rangle_{q \setminus i}`. No step lowers the bound. It has many local
    maxima; the best of several starts is returned. With zeros a start is a possible configuration, and a variable gets no state
    that is impossible beside what the others may do.

    Parameters
    ----------
    graph : FactorGraph
    starts : int
        The uniform distribution first (without zeros), then random ones.
    sweeps, tolerance, time
        As in `belief_propagation`; tolerance is the largest change of a probability.
    rng : int, SeedSequence, Generator or None

    Returns
    -------
    Variational
        `log_partition` is a lower bound, converged or not.

    Raises
    ------
    GraphError
        If no configuration is possible.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.variational import mean_field
    >>> r = mean_field(si.FactorGraph([2, 2], [(0, 1), (0,)], [[2, 1, 1, 2], [1, 3]]))
    >>> r.converged, bool(r.log_partition <= np.log(12))
    (True, True)

    References
    ----------
    Wainwright, M. J. and Jordan, M. I. (2008). Graphical models, exponential families, and variational inference, section 5.3.
    """
    check_passing(None, sweeps, tolerance, time)
    starts = counted("starts", starts)
    target = message_graph(graph)
    zeros = not np.isfinite(graph.log_weights).all()
    entropy = entropy_of(rng)
    possible = feasible_states(graph, None, starts, entropy) if zeros else None
    generator = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(10,)))
    end = math.inf if time is None else clock.monotonic() + time
    best: Variational | None = None
    for k in range(starts):
        begin = _uniform(target, generator if k else None) if possible is None else _single(target, possible[:, k])
        state = product_of(target, begin)
        outcome = _ascend(target, state, sweeps, tolerance, end)
        bound = lower_bound(target, state.position)
        if best is None or bound > best.log_partition:
            best = Variational(state.position, bound, *outcome)
        if clock.monotonic() >= end:
            break
    return best if best is not None else Variational(np.empty(0), target.constant, True, 0.0, 0)


def _ascend(target: MessageGraph, state: Product, sweeps: int, tolerance: float, end: float) -> Outcome:
    n = target.cardinality.size
    done, worst = 0, math.inf if n else 0.0
    while done < sweeps and worst > tolerance and clock.monotonic() < end:
        step = min(8, sweeps - done)
        run_sweeps(CoordinateAscent(), target, state, step, n)
        done += step
        worst = float(state.residual.max())
    return Outcome(worst <= tolerance, min(worst, 1.0), done)


def _uniform(target: MessageGraph, generator: np.random.Generator | None) -> Floats:
    """Return uniform probabilities, or random ones."""
    weights = np.ones(target.base.size) if generator is None else generator.exponential(size=target.base.size)
    if not weights.size:
        return weights
    probabilities: Floats = weights / np.repeat(np.add.reduceat(weights, target.first[:-1]), target.cardinality)
    return probabilities


def _single(target: MessageGraph, states: Int32s) -> Floats:
    """Return the distribution that is a single configuration."""
    probabilities = np.zeros(target.base.size)
    probabilities[target.first[:-1] + states] = 1.0
    return probabilities
