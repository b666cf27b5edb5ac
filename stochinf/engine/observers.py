"""Observers: what is remembered. Marginals need sums, not stored draws.

`prepare(kernel, target, state, capacity)` sizes an observer for one block of chains; `observe` runs in the loop;
`collect(observers, shape)` joins the blocks afterwards. Every sampler state has `position`, of shape (dim,) or (variables,
lanes), and `stats`, of shape (n,) or (n, lanes).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.known import dimension
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.watchers import Best, Trace

__all__ = ["Best", "Both", "Counts", "Draws", "Moments", "Nothing", "Trace"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
EMPTY = np.empty((0, 0))
EMPTY_LINE = np.empty(0)
ZERO = np.zeros(1, np.int64)


@part
class Nothing(NamedTuple):
    """Remember nothing, for what keeps its result in the state.

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> run = si.run(kernel, coin, steps=100, chains=2, observer=si.observers.Nothing(), rng=0)
    >>> list(run.keys()), run.position.shape
    ([], (2, 1))
    """

    unused: int = 0

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> Nothing:
        """Return itself: there is nothing to size."""
        return self

    def observe(self, target: Any, state: Any) -> None:
        """Do nothing."""


@part
class Draws(NamedTuple):
    """Keep every position and its statistics.

    Parameters
    ----------
    columns : tuple of int
        Filled in: the columns of `stats`, for one chain. The compiler knows how long a tuple is, and copies without a loop.

    Attributes
    ----------
    values : ndarray of shape (capacity, position.size)
    stats : ndarray of shape (capacity, stats.size)
    seen : ndarray of shape (1,)

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> run = si.run(kernel, coin, steps=100, chains=2, observer=si.observers.Draws(), rng=0)
    >>> run["theta"].shape, run.stats["lp"].shape
    ((2, 100), (2, 100))
    """

    values: Floats = EMPTY
    stats: Floats = EMPTY
    seen: Integers = ZERO
    columns: Any = ()

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> Draws:
        """Allocate room for `capacity` draws, after asking whether it fits."""
        numbers, stats = state.position.size, state.stats.size
        demand(8 * capacity * (numbers + stats), f"{capacity} draws of {numbers} numbers")
        columns = tuple(range(stats)) if state.stats.ndim == 1 else ()
        return Draws(np.empty((capacity, numbers)), np.empty((capacity, stats)), np.zeros(1, np.int64), columns)

    def grown(self, capacity: int) -> Draws:
        """Return the same draws with room for more."""
        demand(8 * capacity * (self.values.shape[1] + self.stats.shape[1]), f"{capacity} draws of {self.values.shape[1]} numbers")
        bigger = self._replace(values=np.empty((capacity, self.values.shape[1])), stats=np.empty((capacity, self.stats.shape[1])))
        bigger.values[: self.values.shape[0]], bigger.stats[: self.stats.shape[0]] = self.values, self.stats
        return bigger

    def trimmed(self) -> Draws:
        """Return the draws without the room that is still empty."""
        seen = int(self.seen[0])
        return self._replace(values=self.values[:seen], stats=self.stats[:seen])

    def observe(self, target: Any, state: Any) -> None:
        """Append the position and the statistics."""
        row = self.seen[0]
        for i in range(dimension(target, state.position)):
            self.values[row, i] = state.position.flat[i]
        for i in range(len(self.columns)):
            self.stats[row, i] = state.stats.flat[i]
        for i in range(len(self.columns), state.stats.size):
            self.stats[row, i] = state.stats.flat[i]
        self.seen[0] = row + 1


@part
class Moments(NamedTuple):
    """Keep the running mean and sum of squared deviations of every number of the position (Welford 1962).

    Collected as `mean` and `variance` by chain.

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> run = si.run(kernel, coin, steps=2000, chains=2, observer=si.observers.Moments(), rng=0)
    >>> run["mean"].shape, run["variance"].shape
    ((2, 1), (2, 1))
    """

    mean: Floats = EMPTY_LINE
    squares: Floats = EMPTY_LINE
    seen: Integers = ZERO

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> Moments:
        """Allocate two numbers per number of the position."""
        return Moments(np.zeros(state.position.size), np.zeros(state.position.size), np.zeros(1, np.int64))

    def observe(self, target: Any, state: Any) -> None:
        """Update mean and squares."""
        self.seen[0] += 1
        for i in range(state.position.size):
            x = state.position.flat[i]
            deviation = x - self.mean[i]
            self.mean[i] += deviation / self.seen[0]
            self.squares[i] += deviation * (x - self.mean[i])

    def collect(self) -> dict[str, Floats]:
        """Return mean and variance."""
        return {"mean": self.mean, "variance": self.squares / max(1, int(self.seen[0]) - 1)}


@part
class Counts(NamedTuple):
    """Count how often each number of the position was 0, 1, ..., states-1; others are counted as `outside`.

    Parameters
    ----------
    states : int
        Values that are told apart.

    Examples
    --------
    >>> import stochinf as si
    >>> graph = si.FactorGraph([3], [(0,)], [[1.0, 1.0, 2.0]])
    >>> run = si.run(si.graphs.Gibbs(), graph, steps=4000, observer=si.observers.Counts(3), rng=0)
    >>> run["counts"].shape, int(run["counts"].sum())
    ((1, 1, 3), 4000)
    """

    states: int = 2
    counts: npt.NDArray[np.int64] = np.empty((0, 0), np.int64)
    outside: Integers = ZERO

    def checked(self) -> Counts:
        """Check the number of states."""
        if self.states < 1:
            raise StochinfError(f"Counts: states = {self.states}; at least 1 is needed")
        demand(8 * self.states, f"counts by {self.states} states")
        return self

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> Counts:
        """Allocate the table."""
        demand(8 * state.position.size * self.states, f"counts of {state.position.size} numbers by {self.states} states")
        return Counts(self.states, np.zeros((state.position.size, self.states), np.int64), np.zeros(1, np.int64))

    def observe(self, target: Any, state: Any) -> None:
        """Count every number of the position."""
        for i in range(state.position.size):
            value = state.position.flat[i]
            if 0 <= value < self.states:
                self.counts[i, np.int64(value)] += 1
            else:
                self.outside[0] += 1

    def collect(self) -> dict[str, npt.NDArray[np.int64]]:
        """Return the table and the count of what lay outside."""
        return {"counts": self.counts, "outside": self.outside}


@part
class Both(NamedTuple):
    """Two observers at once.

    Parameters
    ----------
    first, second : observer
        Each may be a pair again.

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> both = si.observers.Both(si.observers.Draws(), si.observers.Moments())
    >>> run = si.run(kernel, coin, steps=100, observer=both, rng=0)
    >>> run["theta"].shape, run["mean"].shape
    ((1, 100), (1, 1))
    """

    first: Any
    second: Any

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> Both:
        """Prepare both."""
        return Both(self.first.prepare(kernel, target, state, capacity), self.second.prepare(kernel, target, state, capacity))

    def grown(self, capacity: int) -> Both:
        """Grow whichever of the two stores by the draw."""
        return Both(grown(self.first, capacity), grown(self.second, capacity))

    def trimmed(self) -> Both:
        """Trim whichever of the two stores by the draw."""
        return Both(trimmed(self.first), trimmed(self.second))

    def observe(self, target: Any, state: Any) -> None:
        """Let both look."""
        self.first.observe(target, state)
        self.second.observe(target, state)


def grown(observer: Any, capacity: int) -> Any:
    """Return an observer with room for `capacity` observations, where it needs room."""
    return observer.grown(capacity) if hasattr(observer, "grown") else observer


def trimmed(observer: Any) -> Any:
    """Return an observer without empty room, for saving."""
    return observer.trimmed() if hasattr(observer, "trimmed") else observer


def leaves(observer: Any) -> list[Any]:
    """Return the observers inside an observer."""
    return leaves(observer.first) + leaves(observer.second) if isinstance(observer, Both) else [observer]


def find(observer: Any, kind: type) -> Any:
    """Return the observer of a kind inside an observer, or None."""
    return next((leaf for leaf in leaves(observer) if isinstance(leaf, kind)), None)
