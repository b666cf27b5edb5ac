r"""Beliefs of factors and the free energy they have.

.. math:: F = \sum_f \langle \log w_f \rangle_{b_f} + \sum_i \langle \log w_i \rangle_{b_i}
   + \sum_f \rho_f H(b_f) + \sum_i \big(1 - \sum_{f \ni i} \rho_f\big) H(b_i)

With all weights 1 it is Bethe's approximation of log Z at a fixed point (Yedidia, Freeman and Weiss 2005, eq. 37); with the
frequencies of factors in trees it is an upper bound (Wainwright, Jaakkola and Willsky 2005, theorem 2).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.graphs.variational.layout import Floats, MessageGraph

__all__ = ["beliefs_of", "energy_and_entropy", "log_partition_of"]

Int64s = npt.NDArray[np.int64]
CHUNK = 2**21


def beliefs_of(target: MessageGraph, state: Any) -> Floats:
    """Return the beliefs of the variables, flat; uniform where messages bar every state."""
    log_beliefs = np.where(state.barred > 0, -np.inf, state.position)
    if not log_beliefs.size:
        return log_beliefs
    sizes = target.cardinality
    top = np.maximum.reduceat(log_beliefs, target.first[:-1])
    none = np.repeat(np.isneginf(top), sizes)
    weights = np.where(none, 1.0, np.exp(log_beliefs - np.repeat(np.where(np.isneginf(top), 0.0, top), sizes)))
    beliefs: Floats = weights / np.repeat(np.add.reduceat(weights, target.first[:-1]), sizes)
    return beliefs


def log_partition_of(target: MessageGraph, state: Any) -> float:
    """Return the free energy of the beliefs."""
    beliefs = beliefs_of(target, state)
    with np.errstate(divide="ignore"):
        surprise = np.where(beliefs > 0, -np.log(np.where(beliefs > 0, beliefs, 1.0)), 0.0)
    factor = np.repeat(np.arange(target.n_points), np.diff(target.scope_start))
    degree = np.bincount(target.scope, target.weight[factor], target.cardinality.size)
    total = target.constant + float(beliefs @ (target.base + np.repeat(1.0 - degree, target.cardinality) * surprise))
    for group in groups(target):
        energy, entropy = energy_and_entropy(target, state, group)
        total += float((target.weight[group] * (energy + entropy)).sum())
    return total


def groups(target: MessageGraph) -> list[Int64s]:
    """Return factors with tables of one shape, not too many at a time."""
    arity = np.diff(target.scope_start)
    found: dict[tuple[int, ...], list[int]] = {}
    shapes = target.cardinality[target.scope].tolist()
    begin = target.scope_start.tolist()
    for f in range(target.n_points):
        found.setdefault(tuple(shapes[begin[f] : begin[f + 1]]), []).append(f)
    pieces = []
    for shape, factors in found.items():
        most = max(1, CHUNK // int(np.prod(shape)))
        pieces += [np.array(factors[k : k + most]) for k in range(0, len(factors), most)]
    return pieces if arity.size else []


def energy_and_entropy(target: MessageGraph, state: Any, factors: Int64s) -> tuple[Floats, Floats]:
    """Return the mean of the log table and the entropy of each factor's belief; all of one shape."""
    first = int(target.scope_start[factors[0]])
    arity = int(target.scope_start[factors[0] + 1]) - first
    shape = target.cardinality[target.scope[first : first + arity]].tolist()
    table = target.log_table[target.table_start[factors][:, None] + np.arange(math.prod(shape))].reshape(-1, *shape)
    logs = table
    for a in range(arity):
        cavity = _cavities(target, state, target.scope_start[factors] + a, shape[a])
        logs = logs + cavity.reshape(len(factors), *(shape[a] if b == a else 1 for b in range(arity)))
    logs, table = logs.reshape(len(factors), -1), table.reshape(len(factors), -1)
    top = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - np.where(np.isneginf(top), 0.0, top))
    belief = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    some = belief > 0
    energy = np.where(some, belief * np.where(some, table, 0.0), 0.0).sum(axis=1)
    return energy, -np.where(some, belief * np.log(np.where(some, belief, 1.0)), 0.0).sum(axis=1)


def _cavities(target: MessageGraph, state: Any, places: Int64s, k: int) -> Floats:
    """Return what variables of k states say without the factor of each place, (places, k)."""
    states = np.arange(k)
    bits, own = target.first[target.scope[places]][:, None] + states, target.place_first[places][:, None] + states
    message = state.message[own]
    zero = np.isneginf(message)
    value = np.where(state.barred[bits] > zero, -np.inf, state.position[bits] - np.where(zero, 0.0, message))
    top = value.max(axis=1, keepdims=True)
    cavities: Floats = value - np.where(np.isneginf(top), 0.0, top)
    return cavities
