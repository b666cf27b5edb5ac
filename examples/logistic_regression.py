"""Logistic regression on the Wisconsin breast cancer data (569 tumours, 30 features): the best fit, then how sure it is.

    python examples/logistic_regression.py [--epochs 50] [--draws 1000] [--seed 0]

Stochastic gradient descent visits one tumour a step; stochastic gradient Langevin dynamics then samples the posterior with the
same gradients, on minibatches of 20, corrected by those at the best fit.
"""

from __future__ import annotations

import argparse

import numpy as np

import stochinf as si


def model() -> tuple[si.models.LogisticRegression, list[str]]:
    """Return the regression on standardised features and an intercept, and the names of the coefficients."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    labels = np.where(data.target == 0, "malignant", "benign")
    return si.models.LogisticRegression(np.column_stack([np.ones(len(X)), X]), labels, l2=0.01), [
        "(intercept)",
        *data.feature_names,
    ]


def fit(regression: si.models.LogisticRegression, epochs: float, seed: int) -> np.ndarray:
    """Find the best coefficients and say how good they are."""
    result = si.minimize(regression, si.optim.SGD(), stop=si.stop.tolerance(1e-3) | si.stop.epochs(epochs), rng=seed)
    right = np.mean((regression.probabilities(result.x) > 0.5) == (regression.y > 0))
    print(f"best fit: objective {result.fun:.5f}, gradient norm {result.grad_norm:.1e}, {right:.1%} right ({result.message})")
    return result.x


def sample(regression: si.models.LogisticRegression, best: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Draw from the posterior, starting at the best fit; shape (draws, coefficients)."""
    kernel = si.mcmc.SGLD(5e-4, estimator=si.mcmc.ControlVariates(best))
    run = si.sample(
        regression, draws, warmup=5000, chains=4, thin=200, kernel=kernel, picker=si.pickers.Minibatches(20),
        init=best, rng=seed,
    )  # fmt: skip
    print(f"posterior: {draws} draws of {run.chains} chains, {run.nonfinite} steps refused")
    return run["coefficients"].reshape(-1, best.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=float, default=50)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    regression, names = model()
    print(regression)
    best = fit(regression, options.epochs, options.seed)
    coefficients = sample(regression, best, options.draws, options.seed)
    print(f"\n{'':24}{'best':>8}{'mean':>8}{'sd':>8}{'P(w > 0)':>10}")
    for k in np.argsort(-np.abs(best))[:8]:
        w = coefficients[:, k]
        print(f"{names[k]:24}{best[k]:8.3f}{w.mean():8.3f}{w.std():8.3f}{(w > 0).mean():10.3f}")
    chances = regression.probabilities(coefficients)
    doubt = np.flatnonzero((chances.mean(axis=0) > 0.25) & (chances.mean(axis=0) < 0.75))
    print(f"\n{doubt.size} of {chances.shape[1]} tumours stay in doubt (posterior chance between 1/4 and 3/4)")


if __name__ == "__main__":
    main()
