"""Observers of the log density; public in `stochinf.observers`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.memory import demand
from stochinf.engine.parts import part

__all__ = ["Best", "Trace"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
EMPTY_LINE = np.empty(0)
ZERO = np.zeros(1, np.int64)


@part(needs=("log_density",))
class Best(NamedTuple):
    """Keep the position of the highest log density seen.

    Collected as `best_position` and `best_log_density` by chain.

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> run = si.run(kernel, coin, steps=1000, observer=si.observers.Best(), rng=0)
    >>> run["best_position"].round(1)
    array([[0.5]])
    """

    position: Floats = EMPTY_LINE
    highest: Floats = EMPTY_LINE

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> Best:
        """Start below everything."""
        return Best(np.array(state.position, dtype=np.float64), np.full(1, -np.inf))

    def observe(self, target: Any, state: Any) -> None:
        """Compare and keep."""
        log_density = target.log_density(state.position)
        if log_density > self.highest[0]:
            self.highest[0] = log_density
            for i in range(state.position.size):
                self.position[i] = state.position.flat[i]

    def collect(self) -> dict[str, Floats]:
        """Return the best position and its log density."""
        return {"best_position": self.position, "best_log_density": self.highest}


@part(needs=("log_density",))
class Trace(NamedTuple):
    """Keep the log density at every observed step: the loss curve of an optimiser (energy = -log density).

    Collected as `trace` by chain.

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> si.run(kernel, coin, steps=1000, thin=10, observer=si.observers.Trace(), rng=0)["trace"].shape
    (1, 100)
    """

    values: Floats = EMPTY_LINE
    seen: Integers = ZERO

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> Trace:
        """Allocate one number per observation."""
        demand(8 * capacity, f"a trace of {capacity} numbers")
        return Trace(np.empty(capacity), np.zeros(1, np.int64))

    def grown(self, capacity: int) -> Trace:
        """Return the same trace with room for more."""
        return Trace(np.concatenate([self.values, np.empty(capacity - self.values.size)]), self.seen)

    def trimmed(self) -> Trace:
        """Return the trace without the room that is still empty."""
        return Trace(self.values[: int(self.seen[0])], self.seen)

    def observe(self, target: Any, state: Any) -> None:
        """Append the log density."""
        self.values[self.seen[0]] = target.log_density(state.position)
        self.seen[0] += 1

    def collect(self) -> dict[str, Floats]:
        """Return the trace."""
        return {"trace": self.values[: int(self.seen[0])]}
