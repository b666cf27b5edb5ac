"""Logistic regression on a9a, C = 1, no intercept, against scikit-learn: time to 1e-10, seconds per epoch; SGD() alone; Hogwild.

The data are read from $STOCHINF_DATA/optim (svmlight and Vowpal Wabbit text). A scikit-learn solver gets the loosest tolerance,
of powers of ten and three times those, at which the objective is within 1e-10 of its minimum; newton-cholesky gets dense data,
made beforehand. Ours includes checking the data and putting the result together. An epoch is a tenth of what 11 epochs take
beyond one. One process, one thread, turn by turn, CPU time, the best of several; compilation is excluded by a first turn.

    STOCHINF_DATA=data python benchmarks/convex.py
"""

from __future__ import annotations

import bz2
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import line
from threadpoolctl import threadpool_limits

import stochinf as si

ROUNDS = 7
ACCURACY = 1e-10
TOLERANCES = [c * 10.0**-k for k in range(2, 11) for c in (1.0, 0.3)]
SOLVERS = ("newton-cholesky", "liblinear", "newton-cg", "lbfgs")


def folder() -> Path | None:
    """Return the folder of the data, or None where it is not there."""
    given = os.environ.get("STOCHINF_DATA", "")
    found = Path(given) / "optim"
    if not given or not (found / "a9a.bz2").is_file():
        print("skipped: set STOCHINF_DATA to a folder that holds optim/a9a.bz2 (the a9a data in svmlight format)")
        return None
    return found


def svmlight(file: Path) -> tuple[Any, Any]:
    """Return features with int32 indices, as scikit-learn wants them, and labels."""
    from sklearn.datasets import load_svmlight_file

    X, y = load_svmlight_file(str(file))
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X, y


def vowpal(file: Path) -> tuple[Any, Any]:
    """Return features and labels of a Vowpal Wabbit text."""
    from scipy.sparse import csr_matrix

    labels, starts, columns, values = [], [0], [], []
    with bz2.open(file, "rt") as lines:
        for line in lines:
            head, _, rest = line.partition("|")
            labels.append(float(head.split()[0]))
            pairs = sorted((int(j), float(v)) for j, v in (word.split(":") for word in rest.split()[1:]))
            columns += [j for j, _ in pairs]
            values += [v for _, v in pairs]
            starts.append(len(columns))
    return csr_matrix((values, columns, starts)), np.array(labels)


def seconds(call: Callable[[], Any]) -> float:
    """Return the CPU time of a call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def best(calls: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the least CPU time of each call, turn by turn."""
    for call in calls.values():
        call()
    times: dict[str, float] = {}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name] = min(times.get(name, np.inf), seconds(call))
    return times


def objective(X: Any, y: Any, w: Any) -> float:
    """Return the objective at coefficients."""
    return float(np.logaddexp(0.0, -y * (X @ w)).mean() + 0.5 * (w @ w) / y.size)


def theirs(X: Any, y: Any, solver: str, **told: Any) -> Any:
    """Fit scikit-learn's estimator."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, fit_intercept=False, solver=solver, **told).fit(X, y)


def to_accuracy(X: Any, y: Any) -> None:
    """Print the times to the accuracy."""
    least = si.minimize(si.models.LogisticRegression(X, y, l2=1.0 / y.size), si.optim.Newton()).fun
    dense, calls = X.toarray(), {}
    for solver in SOLVERS:
        data = dense if solver == "newton-cholesky" else X
        for tolerance in TOLERANCES:
            told = {"tol": tolerance, "max_iter": 10_000}
            if objective(X, y, theirs(data, y, solver, **told).coef_[0]) - least <= ACCURACY:
                calls[f"{solver}, tol={tolerance:.0e}"] = lambda s=solver, d=data, t=told: theirs(d, y, s, **t)
                break
    calls["minimize(model)"] = lambda: si.minimize(si.models.LogisticRegression(X, y, l2=1.0 / y.size))
    result = calls["minimize(model)"]()
    times = best(calls)
    fastest = min(value for name, value in times.items() if name != "minimize(model)")
    for name, value in times.items():
        print(f"  {name:28s} {1e3 * value:8.1f} ms   {value / fastest:.2f} of scikit-learn's fastest")
    print(f"  minimize: f - f* = {result.fun - least:.1e}, gap {result.gap:.1e}, {result.reason}")
    line(f"a9a to {ACCURACY:g}: minimize over scikit-learn's fastest", times["minimize(model)"] / fastest, "<= 0.35")


def per_epoch(X: Any, y: Any) -> None:
    """Print the times of an epoch."""
    from sklearn.linear_model import SGDClassifier

    model = si.models.LogisticRegression(X, y, l2=1.0 / y.size)

    def sgd(epochs: int) -> Any:
        return SGDClassifier(loss="log_loss", alpha=1.0 / y.size, max_iter=epochs, tol=None, fit_intercept=False).fit(X, y)

    runs: dict[str, Callable[[int], Any]] = {
        "SAGA": lambda e: si.minimize(model, si.optim.SAGA(), stop=si.stop.epochs(e), rng=0),
        "scikit-learn saga": lambda e: theirs(X, y, "saga", max_iter=e, tol=1e-30),
        "SGD(0.1)": lambda e: si.minimize(model, si.optim.SGD(0.1), stop=si.stop.epochs(e), rng=0),
        "SGD()": lambda e: si.minimize(model, si.optim.SGD(), stop=si.stop.epochs(e), rng=0),
        "SGDClassifier": sgd,
    }
    times = best({f"{name}|{e}": lambda r=run, e=e: r(e) for name, run in runs.items() for e in (1, 11)})
    spent = {name: (times[f"{name}|11"] - times[f"{name}|1"]) / 10.0 for name in runs}
    for name, value in spent.items():
        peer = "scikit-learn saga" if "saga" in name.lower() else "SGDClassifier"
        print(f"  {name:20s} {1e3 * value:7.2f} ms an epoch")
        if name != peer:
            line(f"a9a, an epoch: {name} over {peer}", value / spent[peer], "<= 0.65" if name == "SAGA" else "<= 0.85")


def unit_rows(files: Path) -> tuple[Any, Any]:
    """Return news20 with rows of unit length, 1 against the rest."""
    from sklearn.preprocessing import normalize

    X, y = svmlight(files / "news20.bz2")
    return normalize(X), np.where(y == 1, 1.0, -1.0)


def signs(file: Path) -> tuple[Any, Any]:
    """Return features and labels of -1 and 1."""
    X, y = svmlight(file)
    return X, np.where(y > 0, 1.0, -1.0)


def untouched(files: Path) -> None:
    """Print how far SGD() is after 1 and 10 epochs, as shares of f(0)."""
    data = {name: svmlight(files / f"{name}.bz2") for name in ("a9a", "a1a") if (files / f"{name}.bz2").is_file()}
    if (files / "news20.bz2").is_file():
        data["news20, 1 against the rest"] = unit_rows(files)
    if (files / "rcv1_small.vw.bz2").is_file():
        data["rcv1 slice"] = vowpal(files / "rcv1_small.vw.bz2")
    for name, (X, y) in data.items():
        model = si.models.LogisticRegression(X, y, l2=1.0 / y.size)
        least = si.minimize(model, si.optim.LBFGS()).fun
        far = []
        for epochs in (1, 10):
            runs = [si.minimize(model, si.optim.SGD(), stop=si.stop.epochs(epochs), rng=seed) for seed in range(3)]
            far.append(max(run.fun - least for run in runs) / runs[0].history[0][1])
        for epochs, share, most in zip((1, 10), far, (2.0, 0.5), strict=True):
            line(f"{name}, epochs {epochs}: (f - f*) / f(0), thousandths, the worst of 3 seeds", 1e3 * share, f"<= {most}")


def unrated(files: Path) -> None:
    """Print how far rules that were told no rate are after 1 and 10 epochs of a1a, beside a rate of 1 / L."""
    X, y = svmlight(files / "a1a.bz2")
    model = si.models.LogisticRegression(X, y, l2=1.0 / y.size)
    least, rate = si.minimize(model).fun, 1.0 / model.as_target().row_smoothness()
    rows = X.toarray()
    own = si.FiniteSum(
        lambda w, i: float(np.logaddexp(0.0, -y[i] * (rows[i] @ w)) + 0.5 * (w @ w) / y.size),
        lambda w, i: -y[i] / (1.0 + np.exp(y[i] * (rows[i] @ w))) * rows[i] + w / y.size,
        *rows.shape,
    )
    batches = si.pickers.Minibatches(32)
    tried: dict[str, tuple[Any, Any, Any, float]] = {
        "Momentum": (model, si.optim.Momentum(), None, 0.1),
        "batches of 32": (model, si.optim.SGD(), batches, 1.0),
        "SGD on a sum of one's own": (own, si.optim.SGD(), None, 1.0),
        "SAGA on a sum of one's own": (own, si.optim.SAGA(), None, 1.0 / 3.0),
    }
    for name, (problem, rule, picker, share) in tried.items():
        for epochs in (1, 10):
            found, steady = (
                si.minimize(problem, given, picker=picker, stop=si.stop.epochs(epochs), rng=0)
                for given in (rule, rule._replace(learning_rate=share * rate))
            )
            far = [1e3 * (run.fun - least) / found.history[0][1] for run in (found, steady)]
            line(f"{name}, epochs {epochs}: (f - f*) / f(0), thousandths ({far[1]:.1f} at {share:.2g} / L)", far[0], "none")


def racing(name: str, X: Any, y: Any, rate: float) -> None:
    """Print what two threads that share coefficients cost, in CPU time of the process, and where they end beside one."""
    model = si.models.LogisticRegression(X, y, l2=1.0 / y.size)
    times = best({str(k): lambda k=k: si.optim.hogwild(model, rate, threads=k, rng=0) for k in (1, 2)})
    one, two = ([si.optim.hogwild(model, rate, threads=k, rng=seed).fun for seed in range(5)] for k in (1, 2))
    print(f"  {name}: CPU time of two threads over one's: {times['2'] / times['1']:.2f} (below 2, an idle second core gains)")
    print(f"  {name}: after 10 epochs one ends at {np.mean(one):.5f} in the mean of 5 seeds, two at {max(two):.5f} at most")
    line(f"Hogwild on {name}: worst of two threads over the mean of one, percent", 100 * (max(two) / np.mean(one) - 1), "<= 1")


def main() -> None:
    """Measure and print."""
    files = folder()
    if files is None:
        return
    import sklearn.linear_model  # noqa: F401  (its libraries get one thread only if they are there)

    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        measure(files)


def measure(files: Path) -> None:
    """Measure on every data set that is there."""
    X, y = signs(files / "a9a.bz2")
    print(f"a9a, C = 1, to f - f* <= {ACCURACY:g}")
    to_accuracy(X, y)
    print("a9a, one epoch")
    per_epoch(X, y)
    print("SGD() untouched, C = 1")
    untouched(files)
    print("Told no rate, a1a, C = 1")
    unrated(files)
    if (files / "news20.bz2").is_file():
        print("Hogwild on news20, 1 against the rest")
        racing("news20", *unit_rows(files), 2.0)
    print("Hogwild on a9a")
    racing("a9a", X, y, 0.05)


if __name__ == "__main__":
    main()
