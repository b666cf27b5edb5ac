"""What a stopping rule is, and how two make one; the rules themselves are in `stochinf.engine.stop`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from stochinf.engine.errors import StochinfError

__all__ = ["Convergence", "Rule", "View", "at_named_steps"]


class View(Protocol):
    """What a rule may look at: the run between two chunks.

    Attributes
    ----------
    step : int
        Steps done after warm-up.
    steps_per_epoch : int
        Steps that visit as many points as there are.
    epoch : float
        The same, where no whole number of steps makes an epoch.
    every : int
        Steps per draw.
    """

    step: int
    steps_per_epoch: int
    epoch: float
    every: int

    def convergence(self) -> Convergence:
        """Return R-hat, ESS and MCSE of the draws so far."""
        ...

    def objective(self) -> float:
        """Return the objective at the worst chain."""
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
    """A stopping rule: `a | b` stops at the first of two, `a & b` when both hold.

    Parameters
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
        What it asks of a run: "certificate", "convergence", "objective".

    Examples
    --------
    >>> import stochinf as si
    >>> rule = si.stop.seconds(10) | (si.stop.converged() & si.stop.steps(1000))
    >>> type(rule).__name__, rule.needs
    ('Rule', ('convergence',))
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


def at_named_steps(
    reason: Callable[[Any], str], next_check: Callable[[Any], int], lasting: bool = False, needs: tuple[str, ...] = ()
) -> Rule:
    """Make a rule that looks only at the steps it names."""

    def due(view: Any) -> bool:
        earlier = _Earlier(view.step - 1, view.steps_per_epoch, view.epoch, view.every)
        return bool(view.step > 0 and next_check(earlier) == view.step)

    return Rule(reason, next_check, due, lasting=lasting, needs=needs)
