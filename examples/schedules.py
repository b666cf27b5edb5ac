"""What a schedule does: the same rule with rates that stay, fall, warm up, swing and restart.

    python examples/schedules.py [--epochs 30] [--seeds 5]

Logistic regression on the digits 8 and 3 (scikit-learn's 8x8 images), one row a step. At a constant rate the iterates do not
converge, they settle at a distance in proportion to the rate; a rate that falls gets closer, one that falls too early stops
short.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import stochinf as si

RATE = 0.5


def problem() -> si.models.LogisticRegression:
    """Return the regression of eights against threes."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    kept = np.isin(digits.target, (3, 8))
    return si.models.LogisticRegression(digits.data[kept] / 16.0, digits.target[kept], l2=0.01)


def schedules(steps: int) -> dict[str, Any]:
    """Return schedules for a run of so many steps, as factors of the rate."""
    S = si.schedules
    return {
        "constant": S.Constant(),
        "constant, a tenth": S.Constant(0.1),
        "linear": S.Linear(steps, final=0.01),
        "1 / t": S.RobbinsMonro(a=steps / 30, b=steps / 30, p=1.0),
        "step": S.Step(steps // 3, factor=0.1),
        "exponential": S.Exponential(0.01 ** (1.0 / steps)),
        "exponential, too fast": S.Exponential(0.01 ** (20.0 / steps)),
        "cosine": S.Cosine(steps),
        "warm-up, then cosine": S.Warmup(steps // 20) * S.Cosine(steps),
        "cosine with restarts": S.Cosine(steps // 7 + 1, growth=2),
        "one cycle": S.OneCycle(steps),
        "plateau": S.Plateau(factor=0.3, patience=2),
    }


def main(arguments: list[str] | None = None) -> int:
    """Compare the schedules."""
    parser = argparse.ArgumentParser(description="Compare schedules of the learning rate.")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args(arguments)
    model = problem()
    rows, optimum = model.X.shape[0], si.minimize(model).fun
    print(f"{rows} rows, {given.epochs} epochs, mean of {given.seeds} seeds")
    print(f"{'schedule':<24} {'half way':>12} {'at the end':>12}   above the optimum")
    for name, schedule in schedules(given.epochs * rows).items():
        found = []
        for seed in range(given.seeds):
            run = si.minimize(model, si.optim.SGD(RATE), schedule=schedule, stop=si.stop.epochs(given.epochs), rng=seed)
            objectives = [objective for _, objective in run.history]
            found.append([objectives[given.epochs // 2], objectives[-1]])
        half, end = np.mean(found, axis=0) - optimum
        print(f"{name:<24} {half:>12.2e} {end:>12.2e}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
