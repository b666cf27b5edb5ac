r"""Sum-product messages between spins, as odds.

The message of a coupling J_ij to spin j is one number, the odds

.. math:: a_j = \frac{m(+1)}{m(-1)} = \frac{p\, c_i + 1}{c_i + p}, \qquad p = e^{2 J_{ij}}, \qquad c_i = R_i / a_i, \qquad
   R_i = e^{2 h_i} \prod_{k} a_i^{(k)},

so that an update costs two divisions and neither an exponential nor a logarithm. Where field and couplings of a spin add up to
300 or more, the odds could leave the range of a double, and `SumProduct` does the work.

References
----------
Mézard, M. and Montanari, A. (2009). Information, physics and computation, eq. 14.29.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.graphs.spins import SpinParameters
from stochinf.graphs.variational.layout import Floats, Int32s, Int64s
from stochinf.graphs.zeros.supports import starts

__all__ = ["Odds", "SpinOdds", "SpinPairs", "odds_of", "odds_partition", "refreshed_odds", "spin_pairs"]

WIDEST = 300.0


@part
class SpinPairs(NamedTuple):
    """Fields and couplings of spins.

    Attributes
    ----------
    field : float64 (V,)
    coupling : float64 (E,)
    odds : float64 (E,)
        exp(2 coupling).
    scope_start, scope : int64 (E + 1,), int32 (2 E,)
        The two spins of each coupling.
    entry_start, entry_factor : int64 (V + 1,), int32 (2 E,)
        The couplings of each spin.
    """

    field: Floats
    coupling: Floats
    odds: Floats
    scope_start: Int64s
    scope: Int32s
    entry_start: Int64s
    entry_factor: Int32s

    @property
    def n_points(self) -> int:
        """Number of couplings."""
        return self.coupling.size


class Odds(NamedTuple):
    """Messages as odds.

    Attributes
    ----------
    position : float64 (V,)
        Odds of each spin.
    message : float64 (2 E,)
    residual, heap, place, priority : (E,)
        As in `Messages`.
    """

    position: Floats
    stats: Floats
    message: Floats
    residual: Floats
    heap: Int32s
    place: Int32s
    priority: Floats


def spin_pairs(spins: SpinParameters | None) -> SpinPairs | None:
    """Return spins for `SpinOdds`; None where there are none, or where odds could leave the range of a double."""
    if spins is None:
        return None
    scope = spins.edges.ravel()
    pull = np.bincount(scope, np.repeat(np.abs(spins.coupling), 2), spins.field.size) + np.abs(spins.field)
    if not pull.max(initial=0.0) < WIDEST:
        return None
    factor = np.repeat(np.arange(spins.coupling.size), 2).astype(np.int32)
    entry_start = starts(np.bincount(scope, minlength=spins.field.size))
    return SpinPairs(
        spins.field, spins.coupling, np.exp(2 * spins.coupling), 2 * np.arange(spins.coupling.size + 1), scope, entry_start,
        factor[np.argsort(scope, kind="stable")],
    )  # fmt: skip


def odds_of(target: SpinPairs) -> Odds:
    """Return messages that say nothing."""
    n = target.n_points
    return Odds(
        np.exp(2 * target.field), np.empty(0), np.ones(2 * n), np.full(n, np.inf), np.arange(n, dtype=np.int32),
        np.arange(n, dtype=np.int32), np.full(n, 1e300),
    )  # fmt: skip


def refreshed_odds(target: SpinPairs, state: Odds) -> None:
    """Multiply the odds up afresh, so that no rounding error gathers."""
    logs = np.bincount(target.scope, np.log(state.message), target.field.size)
    state.position[:] = np.exp(2 * target.field + logs)


def odds_partition(target: SpinPairs, state: Odds, constant: float) -> float:
    """Return Bethe's approximation of log Z at a fixed point."""
    total = np.log(state.position) / 2
    cavity = (total[target.scope] - np.log(state.message) / 2).reshape(-1, 2)
    alike, unlike = np.abs(cavity.sum(axis=1)), np.abs(cavity[:, 0] - cavity[:, 1])
    pairs = np.logaddexp(target.coupling + _log_2_cosh(alike), -target.coupling + _log_2_cosh(unlike))
    degree = np.diff(target.entry_start)
    return constant + float(pairs.sum() + ((1 - degree) * _log_2_cosh(np.abs(total))).sum())


def _log_2_cosh(x: Floats) -> Floats:
    logs: Floats = x + np.log1p(np.exp(-2 * x))
    return logs


@helper()
def damped(new: float, old: float, damping: float) -> float:
    """Mix logarithms."""
    return float(new * math.exp(damping * math.log(old / new))) if damping > 0.0 else new


@helper()
def send_odds(target: Any, state: Any, f: int, damping: float) -> float:
    """Update both messages of a coupling; return the larger change of a probability."""
    i = target.scope[2 * f]
    j = target.scope[2 * f + 1]
    p = target.odds[f]
    to_i = state.message[2 * f]
    to_j = state.message[2 * f + 1]
    c_i = state.position[i] / to_i
    c_j = state.position[j] / to_j
    new_j = damped((p * c_i + 1.0) / (c_i + p), to_j, damping)
    new_i = damped((p * c_j + 1.0) / (c_j + p), to_i, damping)
    state.message[2 * f] = new_i
    state.message[2 * f + 1] = new_j
    state.position[i] = c_i * new_i
    state.position[j] = c_j * new_j
    moved_i = abs(new_i - to_i) / ((1.0 + new_i) * (1.0 + to_i))
    moved_j = abs(new_j - to_j) / ((1.0 + new_j) * (1.0 + to_j))
    return float(max(moved_i, moved_j))


@part
class SpinOdds(NamedTuple):
    """Update the messages of one coupling."""

    damping: float = 0.0

    def score(self, target: Any, state: Any, point: int) -> float:
        """Return the priority of a coupling, for the picker `Greedy`."""
        return state.priority[point]  # type: ignore[no-any-return]

    def send(self, target: Any, state: Any, point: int) -> float:
        """Update a coupling and return the larger change of a probability."""
        return send_odds(target, state, point, self.damping)

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Update a coupling and note the change."""
        state.residual[point] = send_odds(target, state, point, self.damping)
