r"""Learning rates by trial runs, for rules that were told none where a bound of the curvature does not serve.

Of rates :math:`\eta_t = 4^k (1 + 10 t / n)^{-3/4} / L`, with L the curvature of a term as the sum knows it or as
`stochinf.optim.curvature` finds it, short runs of the rule itself from the start of the run proper find the best k by climbing,
in the order of the run proper. Two more orders judge the best k and the one below, by the worst end; where four times the best
rate runs away, half of it is taken. `SGD` that leaves all to the library averages its iterates too. SAG, SAGA and SVRG, whose
noise vanishes, and batches of all terms, which have none, take their rates from L alone.

References
----------
Bottou, L. (2012). Stochastic gradient descent tricks. Neural Networks: Tricks of the Trade, 2nd edition, section 4.2: rates are
chosen on a small sample, before the run.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import NEVER, advance
from stochinf.engine.explain import explained
from stochinf.engine.jit import entry
from stochinf.engine.observers import Nothing
from stochinf.engine.rates import is_open, multiply
from stochinf.engine.session import Plan, build
from stochinf.engine.streams import Streams, entropy_of
from stochinf.engine.target import demand_success
from stochinf.optim.curvature import Curvature, bounded, of_terms, sampled, unbounded
from stochinf.optim.pilot import FARTHEST, climbed, three_quarters
from stochinf.optim.projected import obeying
from stochinf.optim.rule import name_of
from stochinf.optim.sgd import SGD, momentum_share
from stochinf.optim.starting import starting_point
from stochinf.optim.suffix import Averaging

__all__ = ["found", "tries", "with_rate"]

Floats = npt.NDArray[np.float64]

LEAST, MOST = 2048, 4096
"""Terms that a run visits: twice as many as there are, between these bounds."""
WORK = 10**8
"""Coordinates that a run may move."""
HIGHEST = 3
"""Largest power of 4 where no bound of the curvature is known, for batches times their size: more throws some terms off."""


def tries(rule: Any, target: Any, picker: Any) -> bool:
    """Whether trials find the rate of a rule that left it open: where it comes from the data, and no bound of them serves.

    A bound serves rules whose noise vanishes, and batches of all terms, which have none.
    """
    inner = getattr(rule, "rule", rule)
    if not (hasattr(inner, "rate_for") and is_open(inner.learning_rate) and of_terms(target)):
        return False
    return not _without_noise(inner, target, picker) or unbounded(target)


def _without_noise(rule: Any, target: Any, picker: Any) -> bool:
    """Whether a constant rate leads to the optimum."""
    return getattr(rule, "variance_reduced", False) or int(getattr(picker, "batch", 1)) >= int(target.n_points)


def with_rate(rule: Any, rate: Any) -> Any:
    """Return a rule, or the average of one, with a learning rate."""
    if hasattr(rule, "rule"):
        return rule._replace(rule=with_rate(rule.rule, rate))
    return rule._replace(learning_rate=rate)


def found(
    rule: Any, target: Any, picker: Any, schedule: Any, start: npt.NDArray[Any] | None, entropy: int
) -> tuple[Any, int, str]:
    """Return a rule with the rate that trials find.

    Parameters
    ----------
    rule : rule
        With `rate_for(target, largest)`, or an average of such a rule.
    target : part
        With `value` and `gradient` of a point.
    picker, schedule : parts or None
        Of the run proper.
    start : ndarray of shape (dim,), optional
    entropy : int
        Of the run; most trials have streams of their own.

    Returns
    -------
    rule : rule
    evaluations : int
        Values and gradients of terms that were taken.
    why : str
    """
    inner = getattr(rule, "rule", rule)
    name = name_of(inner)
    begin = starting_point(name, target, start, Streams(entropy, 0, 1))
    own = entropy_of(np.random.SeedSequence(entropy, spawn_key=(0, 0, 1)))
    curvature = Curvature(target, begin.astype(np.float64), own)
    unknown = unbounded(target)
    largest = curvature.largest() if unknown else bounded(name, target) or 1.0
    if _without_noise(inner, target, picker):
        why = f"learning rate by trial steps, for a curvature of {largest:.2g}"
        return with_rate(rule, inner.rate_for(target, largest)), curvature.evaluations, why
    if isinstance(rule, SGD) and rule.plain() and not hasattr(target, "project"):
        rule = Averaging(rule)
    runs = _Runs(rule, target, picker, schedule, begin, [entropy, own, own + 1], 1.0 / largest)
    place = runs.best(HIGHEST if unknown else FARTHEST)
    why = f"learning rate by trial runs, {runs.share * runs.first(place):.2g} at first"
    return runs.rule(place), curvature.evaluations + runs.evaluations, why


@entry
def mean_value(target: Any, position: Floats, points: npt.NDArray[np.int64]) -> float:
    """Return the mean of the values of some points, taken one by one as a step takes them."""
    total = 0.0
    for point in points:
        total += target.value(position, point)
    return total / points.size


class _Runs:
    """Runs of a rule at rates that differ by powers of 4, and what they cost."""

    def __init__(self, rule: Any, target: Any, picker: Any, schedule: Any, start: Any, seeds: list[int], rate: float) -> None:
        self.unrated, self.target, self.picker, self.schedule = rule, target, picker, schedule
        self.start, self.seeds, self.rate = start, seeds, rate
        self.share, self.batch = momentum_share(getattr(rule, "rule", rule)), max(1, int(getattr(picker, "batch", 1)))
        self.visits = min(max(LEAST, 2 * int(target.n_points)), MOST, max(LEAST // 8, WORK // start.size))
        self.points, self.evaluations = sampled(target, seeds[-1]), 0
        self.ends: dict[tuple[int, int], float] = {}

    def best(self, highest: int) -> float:
        """Return the power of 4 at which runs end lowest, or half a power less where the next one runs away."""
        place = climbed(lambda k: self.ended(k, 0), highest + round(math.log(self.batch, 4)))
        while place > -FARTHEST and self.worst(place - 1) < self.worst(place):
            place -= 1
        next_one = self.ends.get((place + 1, 0), -math.inf)
        return place - 0.5 if next_one > self.judged(self.target, self.start) else place

    def first(self, place: float) -> float:
        """Return the first rate, but for the share that momentum leaves."""
        return float(self.rate * 4.0**place)

    def rule(self, place: float) -> Any:
        """Return the rule with falling rates."""
        rates = three_quarters(self.first(place), self.target.n_points / self.batch)
        return with_rate(self.unrated, rates if self.share == 1.0 else multiply(self.share, rates))

    def worst(self, place: int) -> float:
        """Return the largest of the objectives after runs in all orders."""
        return max(self.ended(place, order) for order in range(len(self.seeds)))

    def ended(self, place: int, order: int) -> float:
        """Return the objective after a run, which is done once."""
        if (place, order) not in self.ends:
            self.ends[place, order] = self.ran(place, self.seeds[order])
        return self.ends[place, order]

    def ran(self, place: int, seed: int) -> float:
        """Run, and return the objective at the end."""
        rule = self.rule(place)
        kernel = obeying(rule, self.target) if hasattr(self.target, "project") else rule
        plan = Plan(kernel, self.target, self.picker, self.schedule, Nothing(), self.start, 1, 0, NEVER, False, seed)
        block = build(plan, 0).blocks[0]
        advance(block, -(-self.visits // self.batch))
        self.evaluations += self.visits
        return self.judged(block.target, block.state.position)

    def judged(self, target: Any, position: Any) -> float:
        """Return the objective on some terms, infinite where it or the position is not finite."""
        with explained(target):
            value = mean_value(target, np.asarray(position, dtype=np.float64), self.points)
        demand_success(target)
        self.evaluations += self.points.size
        return value if math.isfinite(value) and np.isfinite(position).all() else math.inf
