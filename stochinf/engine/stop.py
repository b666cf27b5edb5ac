"""Stopping rules. `a | b` stops at the first, `a & b` when both hold.

A rule names the step at which it looks next, so that what it decides never depends on how fast the machine is; only
`seconds` looks at the clock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError

__all__ = ["Rule", "View", "converged", "epochs", "mcse", "seconds", "steps", "tolerance"]

NEVER = 2**62


class View(Protocol):
    """What a rule may look at: the run between two chunks."""

    step: int
    steps_per_epoch: int
    epoch: float
    every: int

    def convergence(self) -> Convergence:
        """Return R-hat, ESS and MCSE of the draws so far."""
        ...

    def certificate(self) -> float:
        """Return the target's certificate: the duality gap, else the norm of the gradient."""
        ...


class Convergence(NamedTuple):
    """The worst figures over all variables."""

    rhat: float
    ess: float
    mcse: float


@dataclass(frozen=True)
class Rule:
    """A stopping rule.

    Attributes
    ----------
    reason : callable
        Says of a `View` why to stop, or returns an empty string.
    next_check : callable
        The first step after a view's at which the rule looks.
    due : callable
        Whether the rule looks at a view.
    timed : bool
        The rule looks after every chunk, because it looks at the clock.
    lasting : bool
        Once the rule holds it holds for good, and asking costs nothing.
    start : callable
        Starts the clocks; called when a run begins.
    needs : tuple of str
        What it asks of a run: "certificate", "convergence".
    """

    reason: Callable[[Any], str]
    next_check: Callable[[Any], int]
    due: Callable[[Any], bool]
    timed: bool = False
    lasting: bool = False
    start: Callable[[], None] = lambda: None
    needs: tuple[str, ...] = ()

    def __or__(self, other: Rule) -> Rule:
        """Stop at the first of the two."""

        def first(view: Any) -> str:
            reasons = (rule.reason(view) for rule in (self, other) if rule.lasting or rule.due(view))
            return next(filter(None, reasons), "")

        return _joined(self, other, first)

    def __and__(self, other: Rule) -> Rule:
        """Stop when both hold; a rule that names its steps is asked when either of the two is due."""

        def both(view: Any) -> str:
            declared = any(rule.due(view) for rule in (self, other) if not rule.timed)
            asked = [rule.lasting or declared or rule.due(view) for rule in (self, other)]
            reasons = [rule.reason(view) for rule in (self, other)] if all(asked) else [""]
            return " and ".join(reasons) if all(reasons) else ""

        return _joined(self, other, both)


def _joined(a: Rule, b: Rule, reason: Callable[[Any], str]) -> Rule:
    """Return the rule of a reason that looks wherever either of two rules looks."""
    for rule in (a, b):
        if not isinstance(rule, Rule):
            raise StochinfError(f"stop: {rule!r} is no rule to combine; give one such as stochinf.stop.seconds(10)")

    def start() -> None:
        a.start()
        b.start()

    return Rule(
        reason,
        lambda view: min(a.next_check(view), b.next_check(view)),
        lambda view: a.due(view) or b.due(view),
        a.timed or b.timed,
        a.lasting and b.lasting,
        start,
        a.needs + b.needs,
    )


class _Earlier(NamedTuple):
    """A view as it stood one step ago."""

    step: int
    steps_per_epoch: int
    epoch: float
    every: int


def _rule(
    reason: Callable[[Any], str], next_check: Callable[[Any], int], lasting: bool = False, needs: tuple[str, ...] = ()
) -> Rule:
    """Make a rule that looks only at the steps it names."""

    def due(view: Any) -> bool:
        earlier = _Earlier(view.step - 1, view.steps_per_epoch, view.epoch, view.every)
        return bool(view.step > 0 and next_check(earlier) == view.step)

    return Rule(reason, next_check, due, lasting=lasting, needs=needs)


def steps(n: int) -> Rule:
    """Stop after n steps."""
    limit = counted("stop.steps: n", n)
    return _rule(
        lambda view: f"{limit} steps" if view.step >= limit else "",
        lambda view: limit if view.step < limit else NEVER,
        lasting=True,
    )


def epochs(n: float) -> Rule:
    """Stop after n passes over the points."""
    limit = _positive("epochs", n)
    if not math.isfinite(limit):
        raise StochinfError(f"stop.epochs({n!r}): a finite number is needed")

    def end(view: Any) -> int:
        return max(1, math.ceil(limit * float(view.epoch) - 1e-9))

    return _rule(
        lambda view: f"{n} epochs" if view.step >= end(view) else "",
        lambda view: end(view) if view.step < end(view) else NEVER,
        lasting=True,
    )


def seconds(t: float) -> Rule:
    """Stop t seconds after the run began, warm-up included; the one rule that depends on the machine."""
    limit = _positive("seconds", t)
    began = [time.monotonic()]

    def reason(view: Any) -> str:
        return f"{t} seconds" if time.monotonic() - began[0] >= limit else ""

    def start() -> None:
        began[0] = time.monotonic()

    return Rule(reason, lambda view: NEVER, lambda view: True, timed=True, lasting=True, start=start)


def converged(rhat: float = 1.01, ess: float = 400, every: int = 100) -> Rule:
    """Stop when R-hat is at most `rhat` and ESS at least `ess` for every variable; looks every `every` draws, then less often."""
    if not _positive("converged", rhat) >= 1:
        raise StochinfError(f"stop.converged: rhat = {rhat!r}; a number above 1 is needed, R-hat does not fall below")
    least, stride = _positive("converged", ess), counted("stop.converged: every", every)

    def reason(view: Any) -> str:
        now = view.convergence()
        return (
            f"converged (R-hat {now.rhat:.3f} <= {rhat}, ESS {now.ess:.0f} >= {ess})"
            if now.rhat <= rhat and now.ess >= least
            else ""
        )

    return _rule(reason, _doubling(stride), needs=("convergence",))


def mcse(e: float, every: int = 100) -> Rule:
    """Stop when the Monte Carlo standard error of every mean is at most e; looks every `every` draws, then less often."""
    limit = _positive("mcse", e)

    def reason(view: Any) -> str:
        now = view.convergence()
        return f"MCSE {now.mcse:.2g} <= {e}" if now.mcse <= limit else ""

    return _rule(reason, _doubling(counted("stop.mcse: every", every)), needs=("convergence",))


def tolerance(e: float) -> Rule:
    """Stop when the certificate (gap, else gradient norm) is at most e; looked at once per epoch."""
    limit = _positive("tolerance", e)

    def reason(view: Any) -> str:
        now = view.certificate()
        return f"certificate {now:.3g} <= {e}" if now <= limit else ""

    return _rule(reason, lambda view: int((view.step // view.steps_per_epoch + 1) * view.steps_per_epoch), needs=("certificate",))


def _doubling(every: int) -> Callable[[Any], int]:
    """Look at draws 1, 2, 3, ... times `every` up to ten, then in steps of a tenth of what there is."""

    def next_check(view: Any) -> int:
        draw = view.step // view.every
        stride = every
        while draw >= 10 * stride:
            stride *= 2
        return int((draw // stride + 1) * stride * view.every)

    return next_check


def _positive(name: str, value: float) -> float:
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool) or not value > 0:
        raise StochinfError(f"stop.{name}({value!r}): a positive number is needed")
    return value
