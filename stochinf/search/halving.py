"""Successive halving: many candidates a little, the better ones further, from where they stand.

References
----------
Jamieson, K. and Talwalkar, A. (2016). Non-stochastic best arm identification and hyperparameter optimization. AISTATS, figure 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from stochinf.engine.convert import convert, counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import entropy_of
from stochinf.search.at_random import values
from stochinf.search.space import checked_space
from stochinf.search.trials import Search, Trial, finished

__all__ = ["successive_halving"]


def successive_halving(
    advance: Callable[[dict[str, Any], float, Any], tuple[float, Any]],
    space: dict[str, Any],
    candidates: int = 27,
    *,
    budget: float = 1.0,
    factor: int = 3,
    rng: Any = None,
    threads: int = 1,
) -> Search:
    """Give every candidate some budget, keep the better ones, and go on with those.

    Parameters
    ----------
    advance : callable
        `advance(parameters, budget, state) -> (score, state)` spends so much more on a candidate from where it stands, None at
        first, and returns its score, the lower the better, and where it stands now; `descents` and `partial_fits` make one.
    space : dict
        Ranges by name.
    candidates : int
        How many begin, drawn at random.
    budget : float
        Of the first round; each later one has `factor` times as much in all.
    factor : int
        One candidate in so many goes on.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same candidates.
    threads : int
        Candidates at a time; the result is the same.

    Returns
    -------
    Search
        A trial for every candidate, with the budget that it was given in all; the best is one of those with the most.

    Raises
    ------
    StochinfError
        If an argument breaks a rule, or every candidate fails.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> advance = si.search.descents(model, lambda p: si.optim.SGD(p["rate"]), rng=0)
    >>> found = si.search.successive_halving(advance, {"rate": si.search.Log(1e-4, 10.0)}, 9, budget=2, rng=0)
    >>> found.best_trial.budget, bool(found.score < 0.7)
    (18.0, True)
    """
    ranges, entropy = checked_space(space), entropy_of(rng)
    if not callable(advance):
        raise StochinfError(f"advance = {advance!r}: a function of parameters, budget and state is needed")
    count, ratio = counted("candidates", candidates), counted("factor", factor, 2)
    if not 0 < convert("budget", budget, float) < math.inf:
        raise StochinfError(f"budget = {budget!r}: a positive finite number is needed")
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))
    drawn = [values(ranges, row) for row in generator.random((count, len(ranges)))]
    trials = [Trial(parameters, math.inf, 0.0) for parameters in drawn]
    states: dict[int, Any] = dict.fromkeys(range(count))
    spent, total = 0.0, float(budget)
    with ThreadPoolExecutor(counted("threads", threads)) as pool:
        while True:
            jobs = [(advance, trials[k], total - spent, states[k]) for k in states]
            for k, (trial, state) in zip(list(states), pool.map(_advanced, jobs), strict=True):
                trials[k], states[k] = trial, state
            alive = [k for k in states if math.isfinite(trials[k].score)]
            if len(alive) <= 1:
                return finished(ranges, trials, entropy)
            kept = sorted(alive, key=lambda k: trials[k].score)[: max(1, len(alive) // ratio)]
            states = {k: states[k] for k in sorted(kept)}
            spent, total = total, total * ratio


def _advanced(job: tuple[Any, Trial, float, Any]) -> tuple[Trial, Any]:
    """Return a candidate's trial and state after more budget."""
    advance, trial, more, state = job
    try:
        score, state = advance(dict(trial.parameters), more, state)
    except (ArithmeticError, np.linalg.LinAlgError, StochinfError) as error:
        return Trial(trial.parameters, math.inf, trial.budget + more, f"{type(error).__name__}: {error}"), None
    value = float(score)
    return Trial(trial.parameters, value if value == value else math.inf, trial.budget + more), state
