r"""Descent along gradients that are estimated from pairs of values: the kernel of `TwoPoint` and `SPSA`.

With a random direction :math:`u`, :math:`E\,u u' = I`, and a distance :math:`\sigma`,

.. math:: \hat g = \frac{f(x + \sigma u) - f(x - \sigma u)}{2 \sigma}\, u, \qquad x \leftarrow x - \eta\, T(\hat g),

where :math:`T` is a transform such as momentum. On a sum over rows both values are those of the same rows. Box bounds are kept by
projection of x; probes beyond them are mirrored.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled
from stochinf.engine.random import normal, random
from stochinf.models.batch import size_of
from stochinf.optim.black_box.contract import fold, region_of
from stochinf.optim.contract import Move, check_transform
from stochinf.optim.rule import is_rule
from stochinf.optim.transforms import complete

__all__ = ["Normals", "Probing", "ProbingState", "Signs", "check_probing", "first_step", "transform_of"]

Floats = npt.NDArray[np.float64]
Stream = npt.NDArray[np.uint64]


class ProbingState(NamedTuple):
    """The state of one descent.

    Attributes
    ----------
    position, gradient, direction, forth, back : ndarray of shape (dim,)
        The gradient is the estimate; `forth` and `back` are where values were taken.
    low, high : ndarray of shape (dim,)
    memory : NamedTuple of arrays
        What the transform remembers.
    stats : ndarray of shape (2,)
        learning_rate, sigma.
    scale : ndarray of shape (2,)
        What the rate is multiplied with; sigma at first.
    evaluations : ndarray of shape (1,)
    """

    position: Floats
    gradient: Floats
    direction: Floats
    forth: Floats
    back: Floats
    low: Floats
    high: Floats
    memory: Any
    stats: Floats
    scale: Floats
    evaluations: npt.NDArray[np.int64]


@part
class Normals(NamedTuple):
    """Directions whose coordinates are standard normal."""

    unused: int = 0

    def aim(self, direction: Floats, rng: Stream) -> None:
        """Draw a direction."""
        for i in range(direction.size):
            direction[i] = normal(rng)


@part
class Signs(NamedTuple):
    """Directions whose coordinates are -1 or 1, equally likely."""

    unused: int = 0

    def aim(self, direction: Floats, rng: Stream) -> None:
        """Draw a direction."""
        for i in range(direction.size):
            direction[i] = 1.0 if random(rng) < 0.5 else -1.0


@part(needs=("value",), yields="optimum", rate_field="learning_rate", statistics=("learning_rate", "sigma"))
class Probing(NamedTuple):
    """What the rules become on a target.

    Parameters
    ----------
    learning_rate : float or schedule
        A factor of the first step's, where `measure` says how that is found.
    sigma, decay : float
        Distance of the probes, sigma / t^decay at step t.
    directions : int
        Pairs of values a step.
    law : part
        Of the directions.
    transform : part
    measure : int
        0: the rate is absolute; 1: it is a factor of 1 / (2 tr H + 4 L), with the trace and the largest eigenvalue of the Hessian
        estimated at the start; 2: of what makes the first step as long as sigma times ten.
    """

    learning_rate: Any
    sigma: float
    decay: float
    directions: int
    law: Any
    transform: Any
    measure: int

    def pick(self, target: Any) -> Shuffled:
        """Visit every point once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> ProbingState:
        """Return the state at a starting point; a rate left open is found by a few values around it."""
        start, region = region_of(type(self).__name__, target, position, streams, 1.0)
        width = float(np.median(region.far - region.near)) if hasattr(target, "region") else 2.0
        sigma = self.sigma if not math.isnan(self.sigma) else 2.5e-3 * width
        scale = first_step(target, start, sigma, self.measure, streams.generator())
        n = start.size
        return ProbingState(
            start.copy(), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), region.low, region.high, self.transform.init(n),
            np.zeros(2), np.array([scale, sigma]), np.zeros(1, np.int64),
        )  # fmt: skip

    def update(self, target: Any, state: ProbingState, point: Any, rate: float, rng: Stream) -> None:
        """Estimate the gradient, turn it into a direction, move, and stay in the box."""
        self.transform.look(state.position, state.memory)
        sigma = state.scale[1] / (state.evaluations[0] // (2 * self.directions) + 1.0) ** self.decay
        for i in range(state.gradient.size):
            state.gradient[i] = 0.0
        for _ in range(self.directions):
            self.probe(target, state, point, sigma, rng)
        absolute = rate * state.scale[0]
        self.transform.direct(state.position, state.gradient, state.memory, Move(absolute, size_of(point)))
        for i in range(state.position.size):
            moved = state.position[i] - absolute * state.gradient[i]
            state.position[i] = min(max(moved, state.low[i]), state.high[i])
        state.stats[0] = absolute
        state.stats[1] = sigma

    def probe(self, target: Any, state: ProbingState, point: Any, sigma: float, rng: Stream) -> None:
        """Add the estimate along one direction."""
        self.law.aim(state.direction, rng)
        for i in range(state.direction.size):
            reach = sigma * state.direction[i]
            state.forth[i] = fold(state.position[i] + reach, state.low[i], state.high[i])
            state.back[i] = fold(state.position[i] - reach, state.low[i], state.high[i])
        difference = target.value(state.forth, point) - target.value(state.back, point)
        slope = difference / (2.0 * sigma * self.directions)
        for i in range(state.direction.size):
            state.gradient[i] += slope * state.direction[i]
        state.evaluations[0] += 2


PILOTS = 10
"""Directions looked along before the first step."""


def first_step(target: Any, start: Floats, sigma: float, measure: int, generator: np.random.Generator) -> float:
    """Return what the learning rate is multiplied with.

    Raises
    ------
    StochinfError
        If the function is not finite around the starting point.
    """
    if measure == 0:
        return 1.0
    here = target.objective(start)
    slopes, bends = [], []
    for _ in range(PILOTS):
        u = generator.standard_normal(start.size)
        forth, back = target.objective(start + sigma * u), target.objective(start - sigma * u)
        slopes.append(abs(forth - back) / (2.0 * sigma))
        bends.append(abs(forth - 2.0 * here + back) / (sigma**2 * float(u @ u)))
    slope, bend = float(np.mean(slopes)), start.size * float(np.mean(bends)) + 2.0 * float(np.max(bends))
    if not (math.isfinite(slope) and math.isfinite(bend)):
        raise StochinfError(
            f"the function is not finite within {sigma:.3g} of the starting point {start}; give x0, or a learning_rate"
        )
    if measure == 1:
        return 0.5 / bend if bend > 0 else 1.0
    return 10.0 * sigma / slope if slope > 0 else 1.0


def check_probing(rule: str, sigma: float, directions: int, transform: Any) -> None:
    """Check the numbers and the transform of a rule.

    Raises
    ------
    StochinfError
        Naming the rule, the value and what is needed.
    """
    if not (math.isnan(sigma) or 0 < sigma < math.inf):
        raise StochinfError(f"{rule}: sigma = {sigma}; a positive finite number is needed")
    counted(f"{rule}: directions", directions)
    if not is_rule(transform):
        check_transform(rule, transform)


def transform_of(given: Any) -> Any:
    """Return the transform with the whole contract; a rule such as Adam stands for its own."""
    return complete(given.as_transform() if is_rule(given) else given)
