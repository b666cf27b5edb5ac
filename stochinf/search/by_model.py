"""Search by a model of the score, with Optuna where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import entropy_of
from stochinf.search.space import Choice, Integers, Log, checked_space
from stochinf.search.trials import Scorer, Search, Trial, finished

__all__ = ["bayesian"]


def bayesian(
    score: Callable[..., Any], space: dict[str, Any], trials: int = 60, *, sampler: Any = None, rng: Any = None
) -> Search:
    """Try values that a model of the score proposes: Optuna's tree of Parzen estimators, or another of its samplers.

    Parameters
    ----------
    score, space : optional
        As in `random`.
    trials : int
        How many, one after the other.
    sampler : optuna sampler, optional
        `optuna.samplers.TPESampler` with the seed by default.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same trials.

    Returns
    -------
    Search
        `best`, `score`, `trials`, `border`.

    Raises
    ------
    StochinfError
        If Optuna is not installed, an argument breaks a rule, or every trial fails.

    Examples
    --------
    >>> import stochinf as si
    >>> found = si.search.bayesian(lambda p: (p["x"] - 0.2) ** 2, {"x": si.search.Uniform(-1, 1)}, 30, rng=0)  # doctest: +SKIP
    """
    try:
        import optuna
    except ImportError:
        raise StochinfError("search.bayesian: Optuna proposes the values; install it: pip install optuna") from None
    ranges, entropy = checked_space(space), entropy_of(rng)
    scorer = Scorer(score, entropy, 1, None)
    chosen = optuna.samplers.TPESampler(seed=entropy % 2**32) if sampler is None else sampler
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    done: list[Trial] = []
    try:
        study = optuna.create_study(sampler=chosen)
        for _ in range(counted("trials", trials)):
            asked = study.ask()
            done += scorer([{name: _suggested(asked, name, interval) for name, interval in ranges.items()}])
            study.tell(asked, done[-1].score)
    finally:
        optuna.logging.set_verbosity(level)
    return finished(ranges, done, entropy)


def _suggested(asked: Any, name: str, interval: Any) -> Any:
    """Return the value that Optuna proposes for a range."""
    if isinstance(interval, Choice):
        return interval.values[asked.suggest_categorical(name, tuple(range(len(interval.values))))]
    if isinstance(interval, Integers):
        return asked.suggest_int(name, interval.low, interval.high, log=interval.log)
    return asked.suggest_float(name, interval.low, interval.high, log=isinstance(interval, Log))
