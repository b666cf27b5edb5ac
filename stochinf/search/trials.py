"""What a search has tried, what was best, and a warning where the best lies at the border of what was searched."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.search.space import Choice

__all__ = ["BorderWarning", "Scorer", "Search", "Trial", "finished"]

OUTER = 0.1
"""The part of a range, at either end, that is its border."""


class BorderWarning(UserWarning):
    """The best value lies at the border of its range: a better one may lie beyond."""


@dataclass(frozen=True)
class Trial:
    """One set of values, and its score.

    Parameters
    ----------
    parameters : dict
        Value by name.
    score : float
        Lower is better; infinite where the trial failed.
    budget : float
        What has been spent on it, where that is counted; NaN otherwise.
    error : str
        Why it failed, or empty.

    Examples
    --------
    >>> import stochinf as si
    >>> si.search.random(lambda p: p["x"] ** 2, {"x": si.search.Uniform(-1, 1)}, trials=3, rng=0).trials[0].score < 1
    True
    """

    parameters: dict[str, Any]
    score: float
    budget: float = math.nan
    error: str = ""


@dataclass
class Search:
    """The result of a search.

    Parameters
    ----------
    space : dict
        What was searched.
    trials : list of Trial
        In the order in which they began.
    border : tuple of str
        Names whose best value lies in the outer tenth of its range, at either end.
    rng_entropy : int
        What repeats the search.

    Examples
    --------
    >>> import stochinf as si
    >>> found = si.search.random(lambda p: (p["x"] - 0.2) ** 2, {"x": si.search.Uniform(-1, 1)}, trials=50, rng=0)
    >>> bool(abs(found.best["x"] - 0.2) < 0.1), found.border
    (True, ())
    """

    space: dict[str, Any]
    trials: list[Trial]
    border: tuple[str, ...] = field(default=())
    rng_entropy: int = 0

    @property
    def best_trial(self) -> Trial:
        """The trial of the lowest score among those of the largest budget."""
        most = max((t.budget for t in self.trials if t.budget == t.budget), default=math.nan)
        rivals = [t for t in self.trials if t.budget == most or math.isnan(most)]
        return min(rivals, key=lambda trial: trial.score)

    @property
    def best(self) -> dict[str, Any]:
        """The values of the best trial."""
        return self.best_trial.parameters

    @property
    def score(self) -> float:
        """The best score."""
        return self.best_trial.score

    def __repr__(self) -> str:
        edge = f", at the border: {', '.join(self.border)}" if self.border else ""
        return f"Search({len(self.trials)} trials, best {self.score:.6g} at {self.best}{edge})"


class Scorer:
    """Scores sets of values, on threads or by an executor where asked, in order."""

    def __init__(self, score: Callable[..., Any], entropy: int, threads: int, executor: Executor | None) -> None:
        if not callable(score):
            raise StochinfError(f"score = {score!r}: a function of a dictionary of values is needed")
        self.score, self.entropy = score, entropy
        self.threads, self.executor = counted("threads", threads), executor
        self.seeded = "rng" in _names(score)
        self.begun = 0

    def __call__(self, proposals: Iterable[dict[str, Any]]) -> list[Trial]:
        """Return the trials of some sets of values."""
        numbered = []
        for parameters in proposals:
            numbered.append((self.score, parameters, (self.entropy, self.begun) if self.seeded else None))
            self.begun += 1
        if self.executor is not None:
            return list(self.executor.map(_tried, numbered))
        if self.threads > 1:
            with ThreadPoolExecutor(self.threads) as pool:
                return list(pool.map(_tried, numbered))
        return [_tried(one) for one in numbered]


def _names(score: Callable[..., Any]) -> Iterable[str]:
    try:
        return inspect.signature(score).parameters
    except (TypeError, ValueError):
        return ()


def _tried(job: tuple[Callable[..., Any], dict[str, Any], tuple[int, int] | None]) -> Trial:
    """Return the trial of one set of values; what is not defined, or diverges, has an infinite score."""
    score, parameters, seed = job
    named = {} if seed is None else {"rng": np.random.SeedSequence(seed[0], spawn_key=(seed[1],))}
    try:
        value = float(score(dict(parameters), **named))
    except (ArithmeticError, np.linalg.LinAlgError, StochinfError) as error:
        return Trial(parameters, math.inf, error=f"{type(error).__name__}: {error}")
    return Trial(parameters, value if value == value else math.inf)


def finished(space: dict[str, Any], trials: list[Trial], entropy: int) -> Search:
    """Return the result of a search; warn where the best lies at a border.

    Raises
    ------
    StochinfError
        If no trial has a finite score.
    """
    found = Search(space, trials, rng_entropy=entropy)
    if not math.isfinite(found.score):
        reason = next((t.error for t in trials if t.error), "no score is finite")
        raise StochinfError(f"search: none of {len(trials)} trials succeeded; {reason}")
    found.border = tuple(name for name, interval in space.items() if at_border(interval, found.best[name]))
    for name in found.border:
        interval = space[name]
        warnings.warn(
            f"the best {name} = {found.best[name]:.4g} lies in the outer tenth of its range,"
            f" {interval.low:g} to {interval.high:g}; search a wider one",
            BorderWarning,
            stacklevel=3,
        )
    return found


def at_border(interval: Any, value: Any) -> bool:
    """Whether a value lies in the outer tenth of its range, at either end."""
    if isinstance(interval, Choice):
        return False
    return value in (interval.low, interval.high) or not OUTER <= interval.place(value) <= 1.0 - OUTER
