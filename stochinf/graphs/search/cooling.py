"""Anneals one after the other, each longer than the last, until time is up."""

from __future__ import annotations

from stochinf.engine.session import Session
from stochinf.graphs.search.budget import Budget
from stochinf.graphs.search.temperatures import Cooling, Range

__all__ = ["anneal_repeatedly"]

SHORTEST = 128
"""Sweeps of an anneal; the very first one has a quarter, and shows how long they take."""


def anneal_repeatedly(session: Session, span: Range, budget: Budget, restarts: int = 1, sweep: int = 1) -> list[int]:
    """Cool a session from hot to cold again and again; return the lengths of the anneals in sweeps.

    With `budget.sweeps`, `restarts` anneals of so many sweeps each. Else each anneal is twice as long as the one before, as far
    as half of the time left; what then is left goes to anneals of that length.

    Parameters
    ----------
    session : Session
    span : Range
    budget : Budget
    restarts : int
    sweep : int
        Steps that make a sweep.
    """
    lengths: list[int] = []
    if budget.sweeps is not None:
        for _ in range(restarts):
            cool(session, span, budget, budget.sweeps, sweep)
            lengths.append(budget.sweeps)
        return lengths
    length = SHORTEST // 4
    while budget.left > 0 or not lengths:
        took = cool(session, span, budget, length, sweep)
        lengths.append(length)
        affordable = int(budget.left / max(took, 1e-9) * length)
        if affordable < SHORTEST // 4:
            break
        length = min(2 * length, max(affordable, SHORTEST // 4))
        if 2 * length > affordable:
            length = max(affordable, SHORTEST // 4)
    return lengths


def cool(session: Session, span: Range, budget: Budget, sweeps: int, sweep: int) -> float:
    """Do one anneal; return the seconds it took."""
    for block in session.blocks:
        block.schedule = Cooling(session.total, sweeps * sweep, span.hot, span.cold)
    return budget.advance(session, sweeps * sweep, whole=session.total == 0)
