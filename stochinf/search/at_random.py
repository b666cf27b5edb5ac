"""Search at random, all over the space or from coarse to fine.

References
----------
Bergstra, J. and Bengio, Y. (2012). Random search for hyper-parameter optimization. JMLR 13.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np

from stochinf.engine.convert import convert, counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import entropy_of
from stochinf.search.space import Choice, checked_space
from stochinf.search.trials import Scorer, Search, finished

__all__ = ["coarse_to_fine", "random"]


def random(
    score: Callable[..., Any],
    space: dict[str, Any],
    trials: int = 60,
    *,
    rng: Any = None,
    threads: int = 1,
    executor: Executor | None = None,
) -> Search:
    """Try values drawn at random from a space.

    Of 60 draws the best is among the best 5 % of the space with probability 95 %, whatever its dimension.

    Parameters
    ----------
    score : callable
        Takes a dictionary of values, returns a number, the lower the better; NaN, an arithmetic error or a `StochinfError` is a
        trial that failed. If it has an argument `rng`, it is given a seed of its own.
    space : dict
        Ranges by name: `Log`, `Uniform`, `Integers`, `Choice`.
    trials : int
        How many.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same trials.
    threads : int
        Trials at a time; the result is the same.
    executor : concurrent.futures.Executor, optional
        Where trials are scored instead: processes, Dask.

    Returns
    -------
    Search
        `best`, `score`, `trials`, `border`.

    Raises
    ------
    StochinfError
        If an argument breaks a rule, or every trial fails.

    Examples
    --------
    >>> import math
    >>> import stochinf as si
    >>> space = {"rate": si.search.Log(1e-4, 10.0), "batch": si.search.Integers(1, 256, log=True)}
    >>> found = si.search.random(lambda p: math.log10(p["rate"] / 0.03) ** 2 + p["batch"] / 1000, space, rng=0)
    >>> bool(0.005 < found.best["rate"] < 0.2)
    True
    """
    ranges, entropy = checked_space(space), entropy_of(rng)
    scorer = Scorer(score, entropy, threads, executor)
    places = _generator(entropy).random((counted("trials", trials), len(ranges)))
    return finished(ranges, scorer(values(ranges, row) for row in places), entropy)


def coarse_to_fine(
    score: Callable[..., Any],
    space: dict[str, Any],
    trials: int = 60,
    *,
    rounds: int = 3,
    shrink: float = 0.3,
    rng: Any = None,
    threads: int = 1,
    executor: Executor | None = None,
) -> Search:
    """Try values at random, then in ever smaller boxes around the best.

    Parameters
    ----------
    score, space : optional
        As in `random`.
    trials : int
        How many in all; each round has its share.
    rounds : int
        Rounds; each has a box `shrink` times as wide as the one before, around the best so far.
    shrink : float
        Between 0 and 1.
    rng, threads, executor : optional
        As in `random`.

    Returns
    -------
    Search
        `best`, `score`, `trials`, `border`: the border is that of the whole space.

    Raises
    ------
    StochinfError
        If an argument breaks a rule, or every trial fails.

    Examples
    --------
    >>> import math
    >>> import stochinf as si
    >>> found = si.search.coarse_to_fine(lambda p: math.log10(p["rate"] / 0.03) ** 2, {"rate": si.search.Log(1e-4, 10.0)}, rng=0)
    >>> bool(abs(found.best["rate"] / 0.03 - 1) < 0.1)
    True
    """
    ranges, entropy = checked_space(space), entropy_of(rng)
    scorer = Scorer(score, entropy, threads, executor)
    count, parts = counted("trials", trials), counted("rounds", rounds)
    if not 0 < convert("shrink", shrink, float) < 1 or parts > count:
        raise StochinfError(f"shrink = {shrink!r}, rounds = {rounds!r}: a factor between 0 and 1, and rounds with a trial each")
    generator = _generator(entropy)
    low, high = np.zeros(len(ranges)), np.ones(len(ranges))
    free = np.array([isinstance(interval, Choice) for interval in ranges.values()])
    done: list[Any] = []
    for part, share in enumerate(np.array_split(np.arange(count), parts)):
        places = low + (high - low) * generator.random((share.size, len(ranges)))
        done += scorer(values(ranges, row) for row in places)
        best = min(done, key=lambda trial: trial.score).parameters
        centre = np.array([interval.place(best[name]) for name, interval in ranges.items()])
        width = np.where(free, 1.0, shrink ** (part + 1))
        low = np.clip(centre - width / 2, 0.0, 1.0 - width)
        high = low + width
    return finished(ranges, done, entropy)


def values(ranges: dict[str, Any], places: Any) -> dict[str, Any]:
    """Return the values at some places."""
    return {name: interval.value(float(place)) for (name, interval), place in zip(ranges.items(), places, strict=True)}


def _generator(entropy: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))
