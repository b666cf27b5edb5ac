"""Statistical step sizes beside Adam, RMSProp and plain descent: f - f* after some epochs on real data.

Logistic regression with an l2 penalty of 1 / n, minibatches of 8 rows in shuffled epochs, constant rates, each rule at the best
of seven rates by the objective after ten epochs (said in the last column), the mean over three seeds. The optimum comes from
Newton's method. Without STOCHINF_DATA only the data that scikit-learn brings are used.

    STOCHINF_DATA=data python benchmarks/statistical.py
"""

from __future__ import annotations

import bz2
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import stochinf as si

EPOCHS, BATCH, SEEDS = (1, 3, 10), 8, 3
RATES = {
    "StatisticalStep": (si.optim.StatisticalStep, (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)),
    "Adam": (si.optim.Adam, (3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3)),
    "RMSProp": (si.optim.RMSProp, (3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3)),
    "SGD": (si.optim.SGD, (3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)),
}


def data() -> Iterator[tuple[str, Any, Any]]:
    """Yield names, features and labels."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_svmlight_file

    cancer = load_breast_cancer()
    yield "breast cancer", (cancer.data - cancer.data.mean(axis=0)) / cancer.data.std(axis=0), cancer.target
    digits = load_digits()
    yield "digits, 8 or not", digits.data / 16.0, digits.target == 8
    folder = Path(os.environ.get("STOCHINF_DATA", "")) / "optim"
    for name in ("a1a", "a9a"):
        if "STOCHINF_DATA" in os.environ and (folder / f"{name}.bz2").is_file():
            with bz2.open(folder / f"{name}.bz2") as opened:
                X, y = load_svmlight_file(opened, n_features=123)
            yield name, X, y


def path(model: Any, make: Callable[[float], Any], rate: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the mean objective after the epochs asked for."""
    found = []
    for seed in range(SEEDS):
        run = si.minimize(model, make(rate), picker=si.pickers.Minibatches(BATCH), stop=si.stop.epochs(max(EPOCHS)), rng=seed)
        objectives = [objective for _, objective in run.history] if run.success else [np.inf] * (max(EPOCHS) + 1)
        found.append([objectives[min(epoch, len(objectives) - 1)] for epoch in EPOCHS])
    return np.mean(found, axis=0)


def main() -> None:
    """Print one line for each rule and data set."""
    print(f"{'f - f* after epochs':<22} {'rule':<16}" + "".join(f"{epoch:>10}" for epoch in EPOCHS) + "      rate")
    for name, X, y in data():
        model = si.models.LogisticRegression(X, y, l2=1.0 / X.shape[0])
        best = si.minimize(model).fun
        for rule, (make, rates) in RATES.items():
            paths = {rate: path(model, make, rate) for rate in rates}
            rate = min(rates, key=lambda r: paths[r][-1])
            print(f"{name:<22} {rule:<16}" + "".join(f"{f - best:>10.1e}" for f in paths[rate]) + f"{rate:>10g}", flush=True)


if __name__ == "__main__":
    main()
