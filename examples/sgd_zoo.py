"""The zoo of stochastic gradient descent on one picture: how far from the optimum each rule is after every epoch.

    python examples/sgd_zoo.py [--rules SGD Adam ...] [--epochs 20] [--seed 0] [--plot zoo.png]

Logistic regression on the Wisconsin breast cancer data (569 tumours, 30 features), minibatches of 16. Every rule runs at the best
of a few rates; Newton's method gives the optimum that they are measured against.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import stochinf as si

RATES = {
    "SGD": (si.optim.SGD, (0.1, 0.3, 1.0)),
    "Momentum": (si.optim.Momentum, (0.01, 0.03, 0.1)),
    "Nesterov": (si.optim.Nesterov, (0.01, 0.03, 0.1)),
    "AdaGrad": (si.optim.AdaGrad, (0.1, 0.3, 1.0)),
    "RMSProp": (si.optim.RMSProp, (0.003, 0.01, 0.03)),
    "AdaDelta": (si.optim.AdaDelta, (1.0, 3.0, 10.0)),
    "Adam": (si.optim.Adam, (0.01, 0.03, 0.1)),
    "NAdam": (si.optim.NAdam, (0.01, 0.03, 0.1)),
    "AMSGrad": (si.optim.AMSGrad, (0.01, 0.03, 0.1)),
    "Lion": (si.optim.Lion, (0.001, 0.003, 0.01)),
}


def problem() -> si.models.LogisticRegression:
    """Return the regression on standardised features."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    return si.models.LogisticRegression(X, data.target, l2=0.01, intercept=True)


def curve(model: Any, make: Callable[[float], Any], rate: float, epochs: int, seed: int) -> np.ndarray:
    """Return the objective at the start and after each epoch."""
    run = si.minimize(model, make(rate), picker=si.pickers.Minibatches(16), stop=si.stop.epochs(epochs), rng=seed)
    return np.array([objective for _, objective in run.history])


def race(model: Any, names: Sequence[str], epochs: int, seed: int) -> dict[str, tuple[float, np.ndarray]]:
    """Return for each rule its best rate and the curve at it."""
    curves = {}
    for name in names:
        make, rates = RATES[name]
        tried = {rate: curve(model, make, rate, epochs, seed) for rate in rates}
        best = min(rates, key=lambda rate: tried[rate][-1])
        curves[name] = best, tried[best]
    return curves


def plot(curves: dict[str, tuple[float, np.ndarray]], optimum: float, path: str) -> None:
    """Draw all curves into one picture."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, (rate, objectives) in curves.items():
        ax.semilogy(objectives - optimum, label=f"{name}({rate:g})")
    ax.set_xlabel("epoch")
    ax.set_ylabel("objective above the optimum")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> int:
    """Race the rules."""
    parser = argparse.ArgumentParser(description="Race the rules of stochastic gradient descent.")
    parser.add_argument("--rules", nargs="+", choices=sorted(RATES), default=list(RATES))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="also draw a picture (needs matplotlib)")
    given = parser.parse_args(arguments)
    model = problem()
    optimum = si.minimize(model).fun
    curves = race(model, given.rules, given.epochs, given.seed)
    print(f"{'rule':<10} {'rate':>6}   above the optimum after 1 epoch, and after {given.epochs}")
    for name, (rate, objectives) in sorted(curves.items(), key=lambda item: item[1][1][-1]):
        print(f"{name:<10} {rate:>6g} {objectives[1] - optimum:>12.2e} {objectives[-1] - optimum:>12.2e}")
    if given.plot:
        plot(curves, optimum, given.plot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
