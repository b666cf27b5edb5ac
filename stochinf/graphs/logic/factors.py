"""Logical factors in flat arrays."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.flat import Floats, Int32s, Int64s
from stochinf.graphs.logic.functions import FUNCTIONS

__all__ = ["LogicalFactors", "logical_factors"]

LARGEST = 1e30
"""What the weight of a factor times the largest value of its function may be, so that float32 holds sums."""


class LogicalFactors(NamedTuple):
    r"""Logical factors, concatenated; all arrays are read-only.

    .. math:: \log w_f(x) = weights[weight\_id_f] \, feature_f \, levels[level\_start_f + \sum_j step_j [x_j = literal_j]]

    Attributes
    ----------
    scope_start : int64 (F + 1,)
        Factor f has the literals ``scope_start[f]`` to ``scope_start[f + 1]``.
    scope, literal, step : int32
        Variable, state and step of each literal.
    level_start : int64 (F,)
        Where the values of a factor's function lie; factors of the same function and number of literals share them.
    levels : float64
    weight_id : int32 (F,)
        Factors may share a weight.
    feature : float64 (F,)
    weights : float64 (W,)
    code : int16 (F,)
        Numbers of the functions in the files of DeepDive.
    """

    scope_start: Int64s
    scope: Int32s
    literal: Int32s
    step: Int32s
    level_start: Int64s
    levels: Floats
    weight_id: Int32s
    feature: Floats
    weights: Floats
    code: npt.NDArray[np.int16]

    def strength(self) -> Floats:
        """Return weight times feature value of each factor, float64 (F,)."""
        strength: Floats = self.weights[self.weight_id] * self.feature
        return strength


def logical_factors(
    code: npt.NDArray[Any],
    scope_start: Int64s,
    scope: Int32s,
    literal: Int32s,
    weight_id: Int32s,
    feature: Floats,
    weights: Floats,
) -> LogicalFactors:
    """Complete factors whose variables and states are checked: steps and values of their functions.

    Raises
    ------
    GraphError
        If a function is unknown, a factor has no literal or a variable twice, or a weight or feature is not finite.
    """
    arity = np.diff(scope_start)
    for what, values in (("weight", weights), ("feature value", feature)):
        if not np.isfinite(values).all():
            culprit = int(np.argmin(np.isfinite(values)))
            raise GraphError(f"{what} {culprit} is {values[culprit]}; finite numbers are needed")
    if (arity == 0).any():
        raise GraphError(f"factor {int(np.argmin(arity))} has no literal; give at least one")
    _refuse_repeats(scope_start, scope)
    widest = int(arity.max(initial=0)) + 1
    kinds, which = np.unique(code.astype(np.int64) * widest + arity, return_inverse=True)
    pairs = kinds // widest, kinds % widest
    by_code = {function.code: function for function in FUNCTIONS.values()}
    known = [by_code.get(number) for number in pairs[0].tolist()]
    if None in known:
        raise GraphError(f"no factor function of number {pairs[0][known.index(None)]}; known are {sorted(by_code)}")
    tables = [function.levels(n) for function, n in zip(known, pairs[1].tolist(), strict=True) if function is not None]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum([table.size for table in tables], dtype=np.int64)])
    levels = np.concatenate(tables) if tables else np.empty(0)
    heads = np.array([function is not None and function.head for function in known], np.bool_)[which]
    step = np.ones(scope.size, np.int32)
    step[scope_start[1:][heads] - 1] = arity[heads]
    found = LogicalFactors(
        scope_start, scope, literal, step, starts[:-1][which], levels, weight_id, feature, weights, code.astype(np.int16)
    )
    _check_size(found, tables, which)
    for array in found:
        array.setflags(write=False)
    return found


def _check_size(factors: LogicalFactors, tables: Sequence[Floats], which: Int64s) -> None:
    if not tables:
        return
    with np.errstate(over="ignore"):
        largest = np.abs(factors.strength()) * np.array([np.abs(table).max() for table in tables])[which]
    if not largest.max() < LARGEST:
        culprit = int(np.argmax(largest))
        raise GraphError(
            f"factor {culprit}: weight times feature value and function reaches {largest[culprit]:.3g}; below {LARGEST:g}"
        )


def _refuse_repeats(scope_start: Int64s, scope: Int32s) -> None:
    factor = np.repeat(np.arange(scope_start.size - 1), np.diff(scope_start))
    lowest = int(scope.min(initial=0))
    span = int(scope.max(initial=0)) - lowest + 1
    keys = np.sort(factor * span + (scope - lowest))
    same = np.flatnonzero(keys[1:] == keys[:-1])
    if same.size:
        bad, variable = divmod(int(keys[same[0]]), span)
        raise GraphError(f"factor {bad}: variable number {variable + lowest} appears in two literals; write it without")
