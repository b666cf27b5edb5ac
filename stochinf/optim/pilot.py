r"""Pilot runs: how `SGD()` finds its rate, and a head start, where everything was left to the library.

Rates fall as :math:`\eta_t = \eta (1 + 10 t / n)^{-3/4}`. For :math:`\eta` multiples by powers of 4 of
:math:`1 / (c \, \overline{|x|^2})` are tried, with c the mean curvature of the loss at a score of 0: short runs find the best
multiple by climbing, then it and its two neighbours run for 32,768 rows (fewer where rows are long). The largest rate of the
three that comes near the best, by the objective on as many rows, is that of the run proper, whose schedule and average go on
from there. The cost is the same whatever the number of rows; it is counted in the result's `nfev`.

References
----------
Bottou, L. (2012). Stochastic gradient descent tricks. Neural Networks: Tricks of the Trade, 2nd edition, section 4.2: rates are
chosen on a small sample, before the run.
Bach, F. and Moulines, E. (2011). Non-asymptotic analysis of stochastic approximation algorithms. NIPS 24: rates as t^-a with
1/2 < a < 1, and averaging.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.loop import iterate
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.random import stream
from stochinf.engine.rates import is_open, write_rates
from stochinf.engine.streams import Streams
from stochinf.models.design import matrix
from stochinf.models.linear import squared_norms
from stochinf.models.losses import write_slopes
from stochinf.optim.averaged import AveragedSGD, AveragedState

__all__ = ["FARTHEST", "climbed", "pilot_work", "piloted", "serves", "three_quarters"]

Floats = npt.NDArray[np.float64]

TRIAL, TRIAL_ROWS = 2048, 4096
VISITS, JUDGES = 32768, 32768
MARGIN = 2e-3
"""Share of the objective at the start by which a larger rate may do worse in a pilot run of one pass: longer runs favour it."""
STORED = 4_000_000
"""Stored entries that a pilot run may read."""
PACE = 10.0
FARTHEST = 12
"""Largest power of 4, up or down, that is tried."""


@part
class ThreeQuarters(NamedTuple):
    """Rates a (b + t)^-3/4, by two roots instead of a power.

    Parameters
    ----------
    a, b : float
        Positive.

    Examples
    --------
    >>> from stochinf.optim.pilot import ThreeQuarters
    >>> ThreeQuarters(8.0, 16.0).at(0)
    1.0
    """

    a: float
    b: float

    def at(self, step: int) -> float:
        """Return the rate of a step."""
        root = math.sqrt(self.b + step)
        return self.a / (root * math.sqrt(root))

    def write(self, rates: Floats, start: int) -> None:
        """Write the rates of the steps from `start` onto a tape."""
        roots = np.sqrt(self.b + np.arange(start, start + rates.size))
        np.divide(self.a, roots * np.sqrt(roots), out=rates)


def serves(rule: Any, target: Any, picker: Any, schedule: Any) -> bool:
    """Whether pilot runs are made: for a linear model, single rows, and a rule that says nothing of its rate."""
    if not (getattr(rule, "plain", lambda: False)() and is_open(rule.learning_rate) and schedule is None):
        return False
    linear = getattr(target, "linear", False) and target.l1 == 0 and hasattr(target, "design")
    return bool(linear and not hasattr(picker, "batch") and not hasattr(picker, "wrap"))


def pilot_work(target: Any) -> float:
    """Return the multiplications of the last three pilot runs: twice the stored entries of the rows that they visit.

    Parameters
    ----------
    target : LinearTarget

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.optim.pilot import pilot_work
    >>> pilot_work(si.models.LinearRegression([[1.0, 2.0, 3.0]] * 10, [1.0] * 10).as_target()) / (6 * 3)
    32768.0
    """
    stored = _stored(target)
    return 6.0 * _visits(int(target.n_points), stored) * stored / int(target.n_points)


def _stored(target: Any) -> int:
    """Return the number of stored entries."""
    return int(target.design.values.size if target.sparse else target.design.rows.size)


def _visits(n: int, stored: int) -> int:
    """Return how many rows a run visits."""
    return int(min(VISITS, max(TRIAL, STORED * n // max(stored, 1))))


def piloted(target: Any, start: npt.NDArray[Any] | None, entropy: int) -> tuple[AveragedSGD, int]:
    """Return the kernel that goes on from the best pilot run, and how many rows pilot runs visited.

    Parameters
    ----------
    target : LinearTarget
    start : ndarray of shape (dim,), optional
    entropy : int
        Of the run; the pilot has streams of its own.
    """
    pilot = _Pilot(target, start, entropy)
    place = climbed(pilot.tried)
    runs = [pilot.run(place + k, pilot.order, pilot.judges) for k in (-1, 0, 1)]
    margin = MARGIN * min(1.0, target.n_points / pilot.order.size) * pilot.judged(pilot.start, pilot.judges)
    enough = min(objective for objective, _ in runs) + margin
    best = max(k for k in range(3) if runs[k][0] <= enough)
    state = runs[best][1]
    rate = pilot.schedule(place + best - 1, pilot.order.size)
    return AveragedSGD(rate, pilot.kernel.spacing, state.vector, state.sums, state.numbers), pilot.visits


class _Pilot:
    """The rows that pilot runs visit and are judged by, and what they cost."""

    def __init__(self, target: Any, start: npt.NDArray[Any] | None, entropy: int) -> None:
        self.target, self.visits, self.entropy = target, 0, entropy
        self.found: dict[int, float] = {}
        self.kernel = AveragedSGD(math.nan).prepare(target)
        self.start = np.zeros(target.dim) if start is None else np.asarray(start, dtype=np.float64)
        generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(0, 0, 1))))
        n = target.n_points
        length = _visits(n, _stored(target))
        passes = [generator.permutation(n) for _ in range(-(-length // n))]
        self.order = np.concatenate(passes)[:length]
        few = min(n, TRIAL_ROWS)
        self.trial_order = np.resize(passes[0][:few], TRIAL)
        self.few, self.judges = (self.sample(np.sort(passes[0][:m])) for m in (few, min(n, JUDGES)))
        self.base = self.scale()

    def sample(self, rows: npt.NDArray[np.int64]) -> tuple[Any, Floats]:
        """Return features and labels of some rows."""
        return matrix(self.target.design)[rows], self.target.labels[rows]

    def scale(self) -> float:
        """Return the rate that is right for rows of mean length, at most half of what the penalty bears."""
        bend = float(np.mean([self.target.loss.loss_curvature(0.0, y) for y in self.few[1][:100]]))
        mean = bend * float(squared_norms(self.target.design).mean())
        return 1.0 / mean if mean > 0 else 1.0

    def schedule(self, place: int, done: int) -> ThreeQuarters:
        """Return the rates of a multiple, after some steps."""
        n = self.target.n_points
        most = 0.5 / self.target.l2 if self.target.l2 > 0 else math.inf
        first = min(self.base * 4.0**place, most)
        return three_quarters(first, n, done)

    def run(self, place: int, order: npt.NDArray[np.int64], judges: Any) -> tuple[float, AveragedState]:
        """Return the objective after a run, infinite where it diverged, and its state."""
        schedule, rates = self.schedule(place, 0), np.empty(order.size)
        write_rates(schedule, rates, 0)
        state = self.kernel.init(self.target, self.start, Streams(self.entropy, 0, 1))
        words = stream(np.random.SeedSequence(self.entropy, spawn_key=(0, 0, 2)))
        iterate(self.kernel, self.target, state, Nothing(), order, rates, words, order.size, order.size)
        self.visits += order.size
        return self.judged(state.position, judges), state

    def tried(self, place: int) -> float:
        """Return the objective after a short run, which is done once."""
        if place not in self.found:
            self.found[place] = self.run(place, self.trial_order, self.few)[0]
        return self.found[place]

    def judged(self, position: Floats, judges: Any) -> float:
        """Return the objective on some rows."""
        with np.errstate(all="ignore"):
            scores = np.asarray(judges[0] @ position)
            objective = write_slopes(self.target.loss, scores, judges[1], np.empty(scores.size)) / scores.size
            w = position[: self.target.penalised]
            objective += 0.5 * self.target.l2 * float(w @ w)
        return objective if math.isfinite(objective) else math.inf


def three_quarters(first: float, n: float, done: int = 0) -> ThreeQuarters:
    """Return the rates first (1 + 10 t / n)^-3/4 of a run that has done some steps.

    Examples
    --------
    >>> from stochinf.optim.pilot import three_quarters
    >>> three_quarters(0.5, 100).at(0), round(three_quarters(0.5, 100).at(150), 6)
    (0.5, 0.0625)
    """
    return ThreeQuarters(first * (n / PACE) ** 0.75, n / PACE + done)


def climbed(tried: Callable[[int], float], farthest: int = FARTHEST) -> int:
    """Return the place at which a function of places is least, by steps of one from 0; at most `farthest` of them up.

    Examples
    --------
    >>> from stochinf.optim.pilot import climbed
    >>> climbed(lambda place: (place - 3) ** 2), climbed(lambda place: (place - 3) ** 2, 2), climbed(lambda place: abs(place + 2))
    (3, 2, -2)
    """
    place = 0
    while place < farthest and tried(place + 1) < tried(place):
        place += 1
    while place > -FARTHEST and (tried(place - 1) < tried(place) or math.isinf(tried(place))):
        place -= 1
    return place
