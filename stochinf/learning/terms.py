"""What compiled code reads of a model: tables or rules, whose entries have the number of a weight and a feature value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stochinf.engine.parts import part
from stochinf.graphs.flat import Floats, Int32s, Int64s

__all__ = ["Entries", "Rules"]


@part
class Entries(NamedTuple):
    """Tables, each entry with a base log weight, the number of a weight and a feature value.

    Attributes
    ----------
    cardinality : int32 (V,)
    scope_start : int64 (F + 1,)
    scope : int32
    stride : int64
    table_start : int64 (F + 1,)
        As in `stochinf.graphs.flat.FlatFactors`.
    base : float64 (entries,)
        Log weight of an entry apart from its weight; -inf for impossible.
    weight_id : int32 (entries,)
        Number of its weight, -1 for none.
    feature : float64 (entries,)
    """

    cardinality: Int32s
    scope_start: Int64s
    scope: Int32s
    stride: Int64s
    table_start: Int64s
    base: Floats
    weight_id: Int32s
    feature: Floats

    @property
    def n_factors(self) -> int:
        """F."""
        return self.table_start.size - 1

    def log_tables(self, values: Floats) -> Floats:
        """Return the log weight of every entry, float64 (entries,), from the values of the weights."""
        logs: Floats = self.base + np.append(values, 0.0)[self.weight_id] * self.feature
        return logs

    def totals(self, weights: Floats, n_weights: int) -> Floats:
        """Return the sums of features by weight, float64 (W,), each entry counted as often as `weights` (entries,) says."""
        sums = np.bincount(self.weight_id + 1, weights * self.feature, n_weights + 1)
        found: Floats = sums[1:].astype(np.float64)
        return found

    def add_row(self, states: Int32s, row: int, weight: float, out: Floats) -> None:
        """Add the statistics of one row of states (rows, V), times a weight."""
        for f in range(self.table_start.size - 1):
            e = self.table_start[f]
            for place in range(self.scope_start[f], self.scope_start[f + 1]):
                e += self.stride[place] * states[row, self.scope[place]]
            k = self.weight_id[e]
            if k >= 0:
                out[k] += weight * self.feature[e]


@part
class Rules(NamedTuple):
    """Logical factors; see `stochinf.graphs.logic.factors.LogicalFactors`, of which these are the arrays.

    Attributes
    ----------
    cardinality : int32 (V,)
    field : float64 (sum of cardinality,)
        Log weight of each state, apart from the rules.
    scope_start : int64 (F + 1,)
    scope, literal, step : int32
    level_start : int64 (F,)
    levels : float64
    weight_id : int32 (F,)
    feature : float64 (F,)
    """

    cardinality: Int32s
    field: Floats
    scope_start: Int64s
    scope: Int32s
    literal: Int32s
    step: Int32s
    level_start: Int64s
    levels: Floats
    weight_id: Int32s
    feature: Floats

    @property
    def n_factors(self) -> int:
        """F."""
        return self.feature.size

    def add_row(self, states: Int32s, row: int, weight: float, out: Floats) -> None:
        """Add the statistics of one row of states (rows, V), times a weight."""
        for f in range(self.feature.size):
            level = self.level_start[f]
            for place in range(self.scope_start[f], self.scope_start[f + 1]):
                if states[row, self.scope[place]] == self.literal[place]:
                    level += self.step[place]
            out[self.weight_id[f]] += weight * self.feature[f] * self.levels[level]
