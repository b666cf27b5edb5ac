"""What a trial of a search costs beside its score, two values a trial; Optuna's random sampler beside it where it is installed.

The score is a sum of two numbers. One process, turn by turn, CPU time, the best of several; microseconds a call of the score.

    python benchmarks/search.py
    pip install optuna    # for the last line
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

from measure import best, line

import stochinf as si

TRIALS = 2_000
SPACE = {"rate": si.search.Log(1e-4, 10.0), "decay": si.search.Uniform(0.0, 0.99)}


def score(values: dict[str, float]) -> float:
    """Return a sum."""
    return values["rate"] + values["decay"]


def halved() -> int:
    """Halve, the score moving nothing; return how often it was called."""
    calls = 0

    def advance(values: dict[str, float], budget: float, state: Any) -> tuple[float, Any]:
        nonlocal calls
        calls += 1
        return score(values), state

    si.search.successive_halving(advance, SPACE, TRIALS, rng=0)
    return calls


def optuna_random() -> None:
    """Search with Optuna's random sampler, in memory."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    study.optimize(
        lambda trial: trial.suggest_float("rate", 1e-4, 10.0, log=True) + trial.suggest_float("decay", 0.0, 0.99), TRIALS // 10
    )


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    runs: dict[str, Callable[[], Any]] = {
        "random": lambda: si.search.random(score, SPACE, TRIALS, rng=0),
        "coarse_to_fine": lambda: si.search.coarse_to_fine(score, SPACE, TRIALS, rng=0),
        "successive_halving": halved,
    }
    calls = dict.fromkeys(runs, TRIALS) | {"successive_halving": halved()}
    if importlib.util.find_spec("optuna"):
        runs["optuna"], calls["optuna"] = optuna_random, TRIALS // 10
    cost = {name: 1e6 * seconds / calls[name] for name, seconds in best(runs).items()}
    for name in ("random", "coarse_to_fine", "successive_halving"):
        line(f"{name}: microseconds a trial beside the score", cost[name], "at most 50")
    if "optuna" in cost:
        line("Optuna's random sampler, microseconds a trial", cost["optuna"], "none")
        line("Optuna / random", cost["optuna"] / cost["random"], "none")


if __name__ == "__main__":
    main()
