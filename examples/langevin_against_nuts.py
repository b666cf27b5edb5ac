"""Bayesian logistic regression on the Wisconsin breast cancer data (569 tumours, 31 coefficients): minibatches against NUTS.

    python examples/langevin_against_nuts.py [--draws 1000] [--seed 0]

NUTS draws from the posterior itself, by the gradient over all tumours, of a plain numpy function. The others look at 10 tumours
a step and have no accept step, so their draws are a little off: by how much is predicted before anything is drawn, from the
curvature at the mode and the noise of the minibatches, and compared with what NUTS found. Control variates remove most of it.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

import stochinf as si
from stochinf import density as sd

L2 = 0.01
BATCH = 10


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return standardised features with a column of ones, and labels of -1 and +1."""
    from sklearn.datasets import load_breast_cancer

    given = load_breast_cancer()
    X = (given.data - given.data.mean(axis=0)) / given.data.std(axis=0)
    return np.column_stack([np.ones(len(X)), X]), np.where(given.target == 0, 1.0, -1.0)


def log_density(w: Any, X: Any, y: Any, precision: Any) -> Any:
    """Return the log posterior: a logistic likelihood and a normal prior."""
    return -np.logaddexp(0.0, -y * (X @ w)).sum() - 0.5 * precision * (w * w).sum()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line for each sampler."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    X, y = data()
    n, dim = X.shape
    full = si.Density(log_density, params={"w": sd.real(dim)}, data={"X": X, "y": y, "precision": n * L2})
    began = time.process_time()
    exact = si.sample(full, options.draws, warmup=400, chains=4, kernel=si.mcmc.NUTS(), rng=options.seed)["w"]
    print(f"NUTS: 4 x {options.draws} draws in {time.process_time() - began:.1f} CPU seconds\n")
    model = si.models.LogisticRegression(X, y, l2=L2)
    stiffest = n * model.as_target().smoothness().full
    best = si.minimize(model, si.optim.LBFGS(), rng=0).x
    control = si.mcmc.ControlVariates(best)
    kernels = {
        "SGLD": si.mcmc.SGLD(1.0 / stiffest),
        "SGLD, control variates": si.mcmc.SGLD(1.0 / stiffest, estimator=control),
        "SGHMC, control variates": si.mcmc.SGHMC(0.3 / stiffest**0.5, 0.3 * stiffest**0.5, estimator=control),
    }
    print(f"{'':<26}{'predicted sd ratio':>20}{'sd ratio':>16}{'mean, sds off':>16}{'seconds':>9}")
    for name, kernel in kernels.items():
        against(name, kernel, model, best, exact, options)


def against(name: str, kernel: Any, model: Any, best: np.ndarray, exact: np.ndarray, options: argparse.Namespace) -> None:
    """Print what is predicted of a sampler, and what it did, beside exact draws."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", si.ConvergenceWarning)
        predicted = np.sqrt(si.diagnostics.predicted_bias(model, kernel, BATCH, position=best).variance_ratio)
        began = time.process_time()
        run = si.sample(
            model, options.draws, warmup=20_000, chains=4, thin=200, kernel=kernel, picker=si.pickers.Minibatches(BATCH),
            init=best, rng=options.seed,
        )  # fmt: skip
    took = time.process_time() - began
    draws = run["coefficients"]
    spread = exact.std(axis=(0, 1))
    ratio = draws.std(axis=(0, 1)) / spread
    off = np.abs(draws.mean(axis=(0, 1)) - exact.mean(axis=(0, 1))) / spread
    print(f"{name:<26}{span(predicted):>20}{span(ratio):>16}{off.max():16.2f}{took:9.1f}")


def span(values: np.ndarray) -> str:
    """Return the least and the largest of some numbers."""
    return f"{values.min():.2f} to {values.max():.2f}"


if __name__ == "__main__":
    main()
