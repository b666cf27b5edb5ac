"""Larger batches want larger rates: what an epoch achieves when the rate grows with the batch, and when it does not.

    python examples/batch_scaling.py [--epochs 5] [--rate 0.02] [--seeds 3]

A batch of B rows has a gradient with 1/B of the variance, so that it may take a step B times as long: epochs then achieve the
same, whatever the batch, until the step is too long for the curvature. 1 / L is always short enough, L being the largest
curvature anywhere; near the optimum of a logistic regression more is allowed. The linear rule is `ScaledByBatch(B)`; it is shown
with a cap at 1 / L and without. Logistic regression on the breast cancer data.
"""

from __future__ import annotations

import argparse

import numpy as np

import stochinf as si


def problem() -> si.models.LogisticRegression:
    """Return the regression on standardised features."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    return si.models.LogisticRegression(X, data.target, l2=0.01)


def after(model: si.models.LogisticRegression, batch: int, rate: float, scaled: bool, epochs: int, seeds: int) -> float:
    """Return the mean objective after some epochs; infinite where a run diverged."""
    schedule = si.schedules.ScaledByBatch(batch) if scaled else None
    picker, stop = si.pickers.Minibatches(batch), si.stop.epochs(epochs)
    runs = [si.minimize(model, si.optim.SGD(rate), schedule=schedule, picker=picker, stop=stop, rng=k) for k in range(seeds)]
    return float(np.mean([run.fun if run.success else np.inf for run in runs]))


def main(arguments: list[str] | None = None) -> int:
    """Print one line for each batch."""
    parser = argparse.ArgumentParser(description="Scale the learning rate with the batch.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args(arguments)
    model = problem()
    optimum, longest = si.minimize(model).fun, 1.0 / model.as_target().smoothness().full
    print(f"objective above the optimum after {given.epochs} epochs; 1 / L = {longest:.3g}")
    print(f"{'batch':>6} {'rate x batch':>13} {'the same rate':>14} {'scaled':>10} {'scaled, up to 1/L':>18}")
    for batch in (1, 2, 4, 8, 16, 32, 64, 128):
        same = after(model, batch, given.rate, False, given.epochs, given.seeds)
        scaled = after(model, batch, given.rate, True, given.epochs, given.seeds)
        capped = after(model, batch, min(given.rate, longest / batch), True, given.epochs, given.seeds)
        print(
            f"{batch:>6} {given.rate * batch:>13g} {same - optimum:>14.2e} {scaled - optimum:>10.2e} {capped - optimum:>18.2e}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
