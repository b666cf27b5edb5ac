"""Log densities and gradients of any target, asked for one position at a time from Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import entry
from stochinf.engine.loop import evaluate
from stochinf.engine.target import as_target, offers

__all__ = ["Oracle", "differentiate"]

Floats = npt.NDArray[np.float64]

TRIES = 100
"""Starting points that are drawn before the search is given up."""


@entry
def differentiate(target: Any, position: Any, gradient: Any) -> float:
    """Write the gradient of the log density at a position; return the log density."""
    return float(target.log_density_gradient(position, gradient))


class Oracle:
    """A target's log density and gradient, with a count of how often they were asked for.

    Parameters
    ----------
    asker : str
        Who asks, for messages.
    model : model or part
        With a gradient of its log density.
    """

    def __init__(self, asker: str, model: Any) -> None:
        self.asker, self.target = asker, as_target(model)
        if not offers(self.target, "log_density_gradient"):
            raise StochinfError(
                f"{asker}: {type(model).__name__} has no gradient of its log density; trace it with stochinf.Density, or give"
                " a gradient"
            )
        if hasattr(self.target, "private"):
            self.target = self.target.private()
        self.foreign = hasattr(self.target, "failure")
        self.dim = counted(f"{asker}: dim", int(self.target.dim))
        self.gradients = self.values = 0

    def slope(self, position: Floats) -> tuple[float, Floats]:
        """Return log density and gradient; NaN, or -infinity, where the density is not defined or zero."""
        self.gradients += 1
        gradient = np.empty(self.dim)
        value = self.target.log_density_gradient(position, gradient) if self.foreign else self._compiled(position, gradient)
        self._demand_success()
        return (float(value) if np.isfinite(gradient).all() else math.nan), gradient

    def _compiled(self, position: Floats, gradient: Floats) -> float:
        return float(differentiate(self.target, position, gradient))

    def log_densities(self, positions: Floats) -> Floats:
        """Return the log density of each row, -infinity where it is not defined."""
        self.values += len(positions)
        rows = np.ascontiguousarray(positions)
        ask = self.target.log_density if self.foreign else lambda row: evaluate(self.target, row)
        values = np.array([ask(row) for row in rows], dtype=np.float64)
        self._demand_success()
        return np.where(np.isnan(values) | (values == np.inf), -np.inf, values)

    def _demand_success(self) -> None:
        failure = self.target.failure() if self.foreign else None
        if failure is not None:
            raise failure

    def start(self, generator: np.random.Generator, init: Any = None) -> Floats:
        """Return a starting point where log density and gradient are finite.

        Raises
        ------
        StochinfError
            If the one that was given, or none of a hundred that were drawn, will do.
        """
        for _ in range(TRIES if init is None else 1):
            point = np.array(self.target.start(generator) if init is None else init, dtype=np.float64).reshape(-1)
            if point.size != self.dim:
                raise StochinfError(f"{self.asker}: init has {point.size} numbers, {self.dim} are needed")
            value, _ = self.slope(point)
            if math.isfinite(value):
                return point
        raise StochinfError(
            f"{self.asker}: the log density or its gradient at the starting point {point} is not finite; give init= where it is"
        )
