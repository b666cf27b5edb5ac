"""Learning rates that a rule left open: found before its run, by pilot runs or by trials.

Plain `SGD` on a linear model has pilot runs, the best of which goes on as the run proper (`stochinf.optim.pilot`); other rules
whose rate comes from the data have trials where no bound of the curvature serves (`stochinf.optim.trial_runs`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy.typing as npt

from stochinf.engine.rates import prepared
from stochinf.engine.session import check_points
from stochinf.engine.streams import Streams
from stochinf.optim.pilot import piloted, serves
from stochinf.optim.starting import starting_point
from stochinf.optim.trial_runs import found, tries, with_rate

__all__ = ["Settled", "is_sought", "settled"]


class Settled(NamedTuple):
    """What a search for a rate leads to.

    Attributes
    ----------
    rule : part
        With its rate; averaged, or at the end of a pilot run, where that was left to the library.
    evaluations : int
        Values and gradients of points that it took.
    why : str
        What is told of it.
    """

    rule: Any
    evaluations: int = 0
    why: str = ""


def is_sought(rule: Any, target: Any, picker: Any = None, schedule: Any = None) -> bool:
    """Whether a rule left its rate open, and a search finds it."""
    return not isinstance(rule, type) and (serves(rule, target, picker, schedule) or tries(rule, target, picker))


def settled(rule: Any, target: Any, picker: Any, schedule: Any, start: npt.NDArray[Any] | None, entropy: int) -> Settled:
    """Return a rule whose rate is sought, with the one that is found.

    Parameters
    ----------
    rule, target, picker, schedule : parts
        Of the run proper; picker and schedule may be None.
    start : ndarray of shape (dim,), optional
    entropy : int
        Of the run proper.

    Raises
    ------
    StochinfError
        If the start has not the size of the target, or the picker picks what is not there.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.optim.open_rates import settled
    >>> target = si.models.PoissonRegression([[1.0], [2.0], [3.0]], [1, 2, 5]).as_target()
    >>> found = settled(si.optim.SAGA(), target, None, None, None, 0)
    >>> found.why[:28], 0 < found.rule.learning_rate < 0.1
    ('learning rate by trial steps', True)
    """
    if picker is not None:
        check_points(prepared(with_rate(rule, 1.0), target), prepared(picker, target), target)
    if serves(rule, target, picker, schedule):
        if start is not None:
            starting_point("SGD", target, start, Streams(entropy, 0, 1))
        return Settled(*piloted(target, start, entropy))
    return Settled(*found(rule, target, picker, schedule, start, entropy))
