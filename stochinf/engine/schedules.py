"""Schedules: the rate of each step. `schedule(step)` works in plain Python and in compiled code.

A schedule multiplies the kernel's own rate. Schedules multiply each other: `Warmup(100) * Cosine(1000)`. `horizon` fields are
in steps; a resumed run keeps the horizon of the first call.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.decays import Exponential, Linear, Polynomial, RobbinsMonro, Step
from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.phases import Cyclic, MultiStep, OneCycle
from stochinf.engine.rates import Constant, Product, as_schedule, demand_positive, multiply

__all__ = [
    "Constant", "Cosine", "Cyclic", "Exponential", "Linear", "MultiStep", "OneCycle", "Plateau", "Polynomial", "Product",
    "RobbinsMonro", "ScaledByBatch", "Step", "Warmup", "as_schedule", "geometric_ladder",
]  # fmt: skip


@part
class Cosine(NamedTuple):
    """Half a cosine from `initial` to `final` over `period` steps, then again with the period times `growth` (warm restarts).

    With `growth=0` there is no restart: the rate stays at `final`, or swings on where it is `mirrored`. `restarts(steps)` lists
    the steps at which a cycle ends, where the state is worth a snapshot.

    Parameters
    ----------
    period : int
        Steps of the first cycle.
    growth : int
        What a restart multiplies the period by; 0: there is none.
    initial, final : float
        Factor where a cycle begins and where it ends.
    mirrored : bool
        Without restarts: go up again the way it came down, and so on.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2017). SGDR, equation (5).

    Examples
    --------
    >>> import stochinf as si
    >>> warm = si.schedules.Cosine(2, growth=2)
    >>> [round(warm(t), 3) for t in range(7)], warm.restarts(20)
    ([1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0], [2, 6, 14])
    """

    period: int
    growth: int = 0
    initial: float = 1.0
    final: float = 0.0
    mirrored: bool = False

    def checked(self) -> Cosine:
        """Check the period and its growth."""
        if self.growth < 0:
            raise StochinfError(f"{self!r}: growth must not be negative")
        return demand_positive(self, "period")

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        period = self.period
        place = step
        if self.growth == 0:
            place = step if self.mirrored else min(step, period)
        elif self.growth == 1:
            place = step % period
        else:
            while place >= period:
                place -= period
                period *= self.growth
        return self.final + 0.5 * (self.initial - self.final) * (1.0 + math.cos(math.pi * place / period))

    def restarts(self, steps: int) -> list[int]:
        """Return the steps up to `steps` at which a cycle ends."""
        ends: list[int] = []
        end = period = self.period
        while end <= steps and (not ends or self.growth):
            ends.append(end)
            period *= self.growth
            end += period
        return ends


@part
class Warmup(NamedTuple):
    """Rise linearly from 1/steps to 1 over the first `steps` steps, then 1.

    Parameters
    ----------
    steps : int
        Steps until the factor is 1.

    Examples
    --------
    >>> import stochinf as si
    >>> rising = si.schedules.Warmup(4)
    >>> [rising(t) for t in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    steps: int

    def checked(self) -> Warmup:
        """Check the length."""
        return demand_positive(self, "steps")

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        return min((step + 1.0) / self.steps, 1.0)


@part
class ScaledByBatch(NamedTuple):
    """Linear scaling: a rate stated for batches of `reference` grows in proportion to the batch, eta_B = B eta_1.

    Parameters
    ----------
    batch : int
        Points per batch.
    reference : int
        Points per batch for which the rate was stated.

    References
    ----------
    Goyal, P. et al. (2017). Accurate, large minibatch SGD, section 2.1.

    Examples
    --------
    >>> import stochinf as si
    >>> si.schedules.ScaledByBatch(1024, reference=256)(0)
    4.0
    """

    batch: int
    reference: int = 1

    def checked(self) -> ScaledByBatch:
        """Check both sizes."""
        return demand_positive(demand_positive(self, "batch"), "reference")

    def at(self, step: int) -> float:
        """Return the factor."""
        return self.batch / self.reference


@part
class Plateau(NamedTuple):
    """Multiply by `factor` when the objective has not improved by more than `tolerance` for `patience` reviews.

    The objective is reviewed every `every` steps (0: once per epoch), never at a time that the clock decides.

    Parameters
    ----------
    factor : float
        Multiplier, between 0 and 1.
    patience : int
        Reviews without improvement before the rate drops.
    tolerance : float
        Relative improvement that counts.
    every : int
        Steps between reviews.
    memory : ndarray of shape (3,)
        Current scale, best objective, reviews since the best: filled in by `prepare`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> fit = si.minimize(model, si.optim.SGD(0.5), schedule=si.schedules.Plateau(patience=3), stop=si.stop.epochs(100), rng=0)
    >>> fit.nit
    400
    """

    factor: float = 0.5
    patience: int = 5
    tolerance: float = 1e-4
    every: int = 0
    memory: npt.NDArray[np.float64] = np.array([1.0, np.inf, 0.0])

    def checked(self) -> Plateau:
        """Check the numbers."""
        if not (0 < self.factor < 1 and self.patience > 0 and self.tolerance >= 0 and self.every >= 0):
            raise StochinfError(f"{self!r}: 0 < factor < 1, patience > 0, tolerance >= 0 and every >= 0 are needed")
        return self

    def prepare(self, target: Any) -> Plateau:
        """Start afresh; the objective must be known."""
        if not hasattr(target, "objective"):
            raise StochinfError(f"Plateau: {type(target).__name__} has no objective(position) to watch")
        every = self.every or int(getattr(target, "n_points", 1))
        return Plateau(self.factor, self.patience, self.tolerance, every, np.array([1.0, np.inf, 0.0]))

    def at(self, step: int) -> float:
        """Return the current scale."""
        return float(self.memory[0])

    def review(self, target: Any, position: npt.NDArray[np.float64]) -> None:
        """Look at the objective and drop the scale if it has stood still; called between chunks, every `every` steps."""
        objective = float(target.objective(position))
        if objective < self.memory[1] - self.tolerance * abs(self.memory[1] if np.isfinite(self.memory[1]) else 0.0):
            self.memory[1:] = objective, 0.0
            return
        self.memory[2] += 1
        if self.memory[2] >= self.patience:
            self.memory[0] *= self.factor
            self.memory[2] = 0.0


for _schedule in (
    Linear,
    RobbinsMonro,
    Step,
    Exponential,
    Polynomial,
    Cyclic,
    Cosine,
    Warmup,
    ScaledByBatch,
    Plateau,
    MultiStep,
    OneCycle,
):
    _schedule.__mul__ = _schedule.__rmul__ = multiply  # type: ignore[method-assign]


def geometric_ladder(low: float, high: float, rungs: int) -> npt.NDArray[np.float64]:
    """Return inverse temperatures in constant ratio, for tempering and annealing.

    Parameters
    ----------
    low, high : float
        First and last inverse temperature.
    rungs : int
        How many.

    Returns
    -------
    ndarray of shape (rungs,)
        From `low` to `high`.

    Raises
    ------
    StochinfError
        Unless 0 < low <= high and there is at least one rung.

    Examples
    --------
    >>> from stochinf.engine.schedules import geometric_ladder
    >>> geometric_ladder(0.25, 1.0, 3)
    array([0.25, 0.5 , 1.  ])
    """
    if not (0 < low <= high and rungs > 0):
        raise StochinfError(f"a ladder of {rungs} rungs from {low} to {high}: 0 < low <= high and at least one rung are needed")
    return np.geomspace(low, high, rungs)
