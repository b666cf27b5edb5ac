"""What `minimize` notes of rules that ask for values alone: their state knows the best point, so that looking is free."""

from __future__ import annotations

import math

import numpy as np

from stochinf.api.history import History
from stochinf.engine.rules import Rule, at_named_steps
from stochinf.engine.session import Session
from stochinf.optim.black_box.contract import BEST

__all__ = ["SearchHistory", "growing"]


def growing(step: int) -> int:
    """Return the first step after `step` at which a search is looked at: those of one significant digit.

    Examples
    --------
    >>> from stochinf.api.searching import growing
    >>> growing(3), growing(100), growing(5050)
    (4, 200, 6000)
    """
    stride = int(10 ** (len(str(step)) - 1))
    return (step // stride + 1) * stride


class SearchHistory(History):
    """The best value at steps that grow farther apart, and at the end."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.target = session.blocks[0].target
        self.pairs: list[tuple[int, float]] = []
        self.position = session.positions()[0]
        self.best, self.least = self.position, math.inf
        self.failure = ""

    def look(self) -> str:
        """Note the best value so far."""
        state = self.session.blocks[0].state
        self.position = self.best = np.array(state.position)
        self.least = float(state.stats[BEST])
        self.pairs.append((int(state.evaluations[0]), self.least))
        return ""

    def finished(self) -> str:
        """Return why the rule has nothing left to do, or an empty string."""
        return "converged" if self.session.blocks[0].state.finished[0] else ""

    def rule(self) -> Rule:
        """Return the rule that looks at growing steps and stops where the search has finished."""
        return at_named_steps(lambda view: self.look() or self.finished(), lambda view: growing(view.step))

    def close(self) -> None:
        """Look at the end; say so if no value was finite."""
        if not self.pairs or self.pairs[-1][0] != self.session.blocks[0].state.evaluations[0]:
            self.look()
        if not math.isfinite(self.least):
            self.failure = f"none of {self.pairs[-1][0]} values was finite; give x0, or a region where the function is defined"

    def fun(self) -> float:
        """Return the best value."""
        return self.least
