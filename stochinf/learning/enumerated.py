r"""Parts small enough to list all their configurations: exact sums, gradients and information.

.. math:: \log Z(w) = \log \sum_x e^{b(x) + w \cdot T(x)}, \quad \nabla \log Z = E[T], \quad \nabla^2 \log Z = Cov(T)

References
----------
Wainwright, M. and Jordan, M. (2008). Graphical models, exponential families, and variational inference, proposition 3.1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.graphs.flat import Floats, Int64s
from stochinf.learning.instances import Instance
from stochinf.learning.terms import Entries

__all__ = ["MOST_CELLS", "MOST_STATES", "Enumerated", "enumerable"]

MOST_STATES = 2**16
"""Configurations that are listed."""

MOST_CELLS = 2**24
"""Numbers that the statistics of all configurations may take, and configurations that agree with patterns."""


def enumerable(instance: Instance) -> bool:
    """Whether the configurations of a part, and those that agree with its patterns, are few enough to be listed."""
    logs = np.log2(instance.entries.cardinality)
    states = float(logs.sum())
    if states > math.log2(MOST_STATES) or 2.0**states * max(1, _used(instance.entries).size) > MOST_CELLS:
        return False
    hidden = instance.patterns[~instance.complete] < 0
    return float(np.exp2(hidden @ logs).sum()) <= MOST_CELLS and 2.0**states * len(hidden) <= 16 * MOST_CELLS


def _used(entries: Entries) -> Int64s:
    """Return the weights that the tables use, ascending."""
    used = np.unique(entries.weight_id)
    return used[used >= 0].astype(np.int64)


class Enumerated:
    """All configurations of a part, with their statistics.

    Parameters
    ----------
    instance : Instance

    Attributes
    ----------
    used : int64 (w,)
        Weights that the part depends on.
    features : float64 (K, w)
        Statistics of each configuration.
    base : float64 (K,)
        Log weight of each apart from them.
    """

    def __init__(self, instance: Instance) -> None:
        entries = instance.entries
        self.used = _used(entries)
        count = int(np.prod(entries.cardinality.astype(np.int64)))
        demand(16 * count * max(1, self.used.size), f"{count} configurations with {self.used.size} statistics")
        self.features, self.base = np.zeros((count, self.used.size)), np.zeros(count)
        place = np.full(int(entries.weight_id.max(initial=-1)) + 2, -1, np.int64)
        place[self.used] = np.arange(self.used.size)
        states = np.stack(np.unravel_index(np.arange(count), entries.cardinality), axis=0)
        self._list(entries, states, place)
        possible = self.base > -np.inf
        if not possible.all():
            self.features, self.base, states = self.features[possible], self.base[possible], states[:, possible]
        self._observe(instance, states)

    def _list(self, entries: Entries, states: Int64s, place: Int64s) -> None:
        rows = np.arange(self.base.size)
        for f in range(entries.n_factors):
            places = slice(int(entries.scope_start[f]), int(entries.scope_start[f + 1]))
            entry = entries.table_start[f] + entries.stride[places] @ states[entries.scope[places]]
            self.base += entries.base[entry]
            column = place[entries.weight_id[entry]]
            active = column >= 0
            self.features[rows[active], column[active]] += entries.feature[entry][active]

    def _observe(self, instance: Instance, states: Int64s) -> None:
        """Sum up what complete patterns say; list the configurations that agree with each of the others."""
        self.total = float(instance.weights.sum())
        self.impossible: npt.NDArray[Any] | None = None
        whole = instance.complete
        number = np.full(int(np.prod(instance.entries.cardinality.astype(np.int64))), -1, np.int64)
        number[np.ravel_multi_index(tuple(states), instance.entries.cardinality)] = np.arange(states.shape[1])
        places = number[np.ravel_multi_index(tuple(instance.patterns[whole].T), instance.entries.cardinality)]
        if (places < 0).any():
            self.impossible = instance.patterns[whole][int(np.argmin(places))]
        self.seen: Floats = instance.weights[whole] @ self.features[places]
        self.constant = float(instance.weights[whole] @ self.base[places])
        self._agree(instance.patterns[~whole], instance.weights[~whole], states)

    def _agree(self, patterns: npt.NDArray[Any], weights: Floats, states: Int64s) -> None:
        rows, starts = [np.empty(0, np.int64)], [0]
        for pattern in patterns:
            known = np.flatnonzero(pattern >= 0)
            agree = np.flatnonzero((states[known] == pattern[known, None]).all(axis=0))
            if not agree.size:
                self.impossible = pattern
                return
            rows.append(agree)
            starts.append(starts[-1] + agree.size)
        self.rows, self.weights, self.starts = np.concatenate(rows), weights, np.array(starts)

    def extremes(self) -> tuple[Floats, Floats]:
        """Return the least and the largest sums of statistics that as many observations can have."""
        return self.total * self.features.min(axis=0), self.total * self.features.max(axis=0)

    def _chances(self, values: Floats) -> tuple[Floats, float]:
        """Return probabilities of all configurations and the log partition function."""
        scores = self.base + self.features @ values[self.used]
        highest = float(scores.max())
        chances = np.exp(scores - highest)
        whole = float(chances.sum())
        chances /= whole
        return chances, highest + math.log(whole)

    def _given_patterns(self, values: Floats) -> tuple[Floats, float]:
        """Return the weighted probabilities of `rows` given their patterns, and the weighted sum of log partition functions."""
        if not self.rows.size:
            return np.empty(0), 0.0
        scores = self.base[self.rows] + self.features[self.rows] @ values[self.used]
        sizes = np.diff(self.starts)
        highest = np.maximum.reduceat(scores, self.starts[:-1])
        chances = np.exp(scores - np.repeat(highest, sizes))
        whole = np.add.reduceat(chances, self.starts[:-1])
        chances *= np.repeat(self.weights / whole, sizes)
        return chances, float(self.weights @ (highest + np.log(whole)))

    def evaluate(self, values: Floats, model: Floats, data: Floats) -> float:
        """Add the statistics that the model and the data expect; return the log likelihood of what was observed.

        Parameters
        ----------
        values : float64 (D,)
            Weights.
        model, data : float64 (D,)
            Added to.
        """
        chances, log_partition = self._chances(values)
        model[self.used] += self.total * (chances @ self.features)
        inside, agreed = self._given_patterns(values)
        data[self.used] += self.seen + (inside @ self.features[self.rows] if inside.size else 0.0)
        return self.constant + float(self.seen @ values[self.used]) + agreed - self.total * log_partition

    def information(self, values: Floats, out: Floats) -> None:
        """Add minus the second derivatives of the log likelihood to `out` (D, D)."""
        chances, _ = self._chances(values)
        found = self.total * _covariance(chances, self.features)
        if self.rows.size:
            inside, _ = self._given_patterns(values)
            features = self.features[self.rows]
            for k, weight in enumerate(self.weights.tolist()):
                part = slice(int(self.starts[k]), int(self.starts[k + 1]))
                found -= weight * _covariance(inside[part] / weight, features[part])
        out[np.ix_(self.used, self.used)] += found


def _covariance(chances: Floats, features: Floats) -> Floats:
    centred = features - chances @ features
    found: Floats = (centred * chances[:, None]).T @ centred
    return found
