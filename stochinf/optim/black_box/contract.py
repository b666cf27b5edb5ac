r"""What rules without gradients share: one evaluation a step.

A step evaluates the function once, at the candidate that the rule wrote at its last step, and tells the rule the value:

    trial = fold(candidate);  value = f(trial);  keep the best;  tell(state, value) -> next candidate

So a number of steps is a number of evaluations, whatever the rule does with them, and a run can be cut anywhere. A box is kept by
folding: coordinates beyond a bound are mirrored back, which leaves the rule a continuous function on the whole space.

The state of such a rule has `position`, the best point; `trial`, `candidate`; `low`, `high`; `stats`, which begins with the best
value and the last one; and `finished`, 1 once the rule has nothing left to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.pickers import Minibatches, Scan
from stochinf.engine.random import uniform
from stochinf.optim.starting import starting_point

__all__ = ["BEST", "LAST", "Region", "black_box", "draw_start", "region_of"]

Floats = npt.NDArray[np.float64]
Stream = npt.NDArray[np.uint64]

BEST, LAST = 0, 1
"""Places in `stats`: the best value, and that of the last step."""


class Region(NamedTuple):
    """Where a search begins, and begins again.

    Attributes
    ----------
    low, high : ndarray of shape (dim,)
        The box that is never left; infinite where there is no bound.
    near, far : ndarray of shape (dim,)
        Between them a new start is drawn.
    """

    low: Floats
    high: Floats
    near: Floats
    far: Floats


def region_of(rule: str, target: Any, position: Floats | None, streams: Any, spread: float) -> tuple[Floats, Region]:
    """Return the first point, and the region that later ones are drawn from.

    Parameters
    ----------
    rule : str
        Who asks, for messages.
    target : part
        Its `low`, `high` and `region` are used where it has them.
    position : ndarray of shape (dim,), optional
    streams : Streams
    spread : float
        How far from the first point others are drawn where the target says nothing: in each coordinate, to both sides.

    Raises
    ------
    StochinfError
        If the first point lies outside the box.
    """
    start = np.asarray(starting_point(rule, target, position, streams), dtype=np.float64)
    infinite = np.full(start.size, np.inf)
    low, high = (np.array(getattr(target, name, side)) for name, side in (("low", -infinite), ("high", infinite)))
    outside = np.flatnonzero((start < low) | (start > high))
    if outside.size:
        i = int(outside[0])
        raise StochinfError(f"{rule}: the starting point has x[{i}] = {start[i]}, outside its bounds {low[i]} and {high[i]}")
    near, far = (np.array(side) for side in getattr(target, "region", (-infinite, infinite)))
    near, far = np.maximum(near, low), np.minimum(far, high)
    near = np.where(np.isfinite(near), near, np.maximum(start - spread, low))
    far = np.where(np.isfinite(far), far, np.minimum(start + spread, high))
    return start, Region(low, high, near, far)


@helper()
def draw_start(region: Any, out: Floats, rng: Stream) -> None:
    """Write a point uniform in the region."""
    for i in range(out.size):
        out[i] = region.near[i] + (region.far[i] - region.near[i]) * uniform(rng)


@helper()
def fold(x: float, low: float, high: float) -> float:
    """Return x mirrored into [low, high] as often as it takes.

    Examples
    --------
    >>> from stochinf.optim.black_box.contract import fold
    >>> fold(1.25, 0.0, 1.0), fold(-0.5, 0.0, 1.0), fold(3.5, 0.0, 1.0), fold(-2.0, 0.0, float("inf"))
    (0.75, 0.5, 0.5, 2.0)
    """
    if low <= x <= high:
        return x
    if math.isinf(low):
        return high - (x - high)
    if math.isinf(high):
        return low + (low - x)
    width = high - low
    beyond = (x - low) % (2.0 * width)
    return low + min(beyond, 2.0 * width - beyond)


class _OneEvaluation:
    """What `black_box` gives a rule that has `tell`."""

    def pick(self: Any, target: Any) -> Any:
        """Take the whole function at every step: of a sum over rows, all of them."""
        rows = int(getattr(target, "n_points", 1))
        return Minibatches(rows) if rows > 1 else Scan(1)

    def objective(self: Any, state: Any) -> float:
        """Return the best value, for Python."""
        return float(state.stats[BEST])

    def update(self: Any, target: Any, state: Any, point: Any, rate: float, rng: Stream) -> None:
        """Evaluate the candidate, keep it if it is the best, and ask for the next one."""
        if state.finished[0] == 0:
            for i in range(state.trial.size):
                state.trial[i] = fold(state.candidate[i], state.region.low[i], state.region.high[i])
            value = target.value(state.trial, point)
            if math.isnan(value) or math.isinf(value):
                state.nonfinite[0] += 1
                value = math.inf
            state.evaluations[0] += 1
            state.stats[LAST] = value
            if value < state.stats[BEST]:
                state.stats[BEST] = value
                for i in range(state.trial.size):
                    state.position[i] = state.trial[i]
            self.tell(state, value, rate, rng)


def black_box(statistics: tuple[str, ...], **traits: Any) -> Callable[[Any], Any]:
    """Make a NamedTuple with `init` and `tell(state, value, rate, rng)` a rule of one evaluation a step."""

    def decorate(cls: Any) -> Any:
        for name in ("objective", "pick", "update"):
            setattr(cls, name, vars(_OneEvaluation)[name])
        given = {"needs": ("value",), "yields": "optimum", "derivative_free": True, **traits}
        return part(statistics=("best", "value", *statistics), **given)(cls)

    return decorate
