"""The Lasso on news20: time to a certified gap against scikit-learn, celer and skglm, and the first call of a process.

The data are read from $STOCHINF_DATA/optim/news20.bz2 (svmlight; 15,935 rows, 62,061 columns, rows scaled to length 1; the
response is +1 for computing groups, else -1, centred). Every solver gets the same CSC matrix and returns coefficients, whose
gap (residual scaling, numpy) must be at most 1e-6 of the objective at zero; the tolerance of each peer is the loosest of powers
of ten (and three times those) that achieves it. Ours includes checking the data and putting the result together. One process,
one thread, turn by turn, CPU time, the best of several; compilation is excluded by a first turn. With float32 the features, and
for the peers the responses, are in single precision, and gaps are still measured in double.

    STOCHINF_DATA=data python benchmarks/lasso.py
    STOCHINF_DATA=data python benchmarks/lasso.py float32
"""

from __future__ import annotations

import bz2
import importlib.util
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import stochinf as si

ROUNDS = 15
GAP = 1e-6
TOLERANCES = [c * 10.0**-k for k in range(3, 12) for c in (1.0, 0.3)]
DIVISORS = (10, 100)

FIRST = """
import sys, time
began = time.process_time()
import numba, scipy.optimize, scipy.sparse
import stochinf as si
imported = time.process_time()
X, y = scipy.sparse.load_npz(sys.argv[1] + ".npz"), __import__("numpy").load(sys.argv[1] + ".npy")
loaded = time.process_time()
si.minimize(si.models.Lasso(X, y, float(sys.argv[2])), progress=False)
print(time.process_time() - loaded, imported - began)
"""


def read() -> Any:
    """Return the features by columns and the centred responses, or None where the data are not there."""
    file = Path(os.environ.get("STOCHINF_DATA", "")) / "optim" / "news20.bz2"
    if "STOCHINF_DATA" not in os.environ or not file.is_file():
        print("skipped: set STOCHINF_DATA to a folder that holds optim/news20.bz2 (the news20 data in svmlight format)")
        return None
    import scipy.sparse
    from sklearn.datasets import load_svmlight_file
    from sklearn.preprocessing import normalize

    with bz2.open(file) as opened:
        X, y = load_svmlight_file(opened)
    columns = scipy.sparse.csc_matrix(normalize(X))
    columns.indices, columns.indptr = columns.indices.astype(np.int32), columns.indptr.astype(np.int32)
    signs = np.where((y >= 2) & (y <= 6), 1.0, -1.0)
    return columns, signs - signs.mean()


def gap(X: Any, y: Any, alpha: float, w: Any) -> float:
    """Return the duality gap at w in units of the objective at zero."""
    n = y.size
    w = np.asarray(w, dtype=np.float64)
    residual = y - X @ w
    largest = np.abs(X.T @ residual).max() / n
    dual = residual * min(1.0, alpha / largest)
    primal = 0.5 * residual @ residual / n + alpha * np.abs(w).sum()
    return float((primal - (2 * y @ dual - dual @ dual) / (2 * n)) / (0.5 * y @ y / n))


def solvers(X: Any, y: Any, alpha: float) -> dict[str, Callable[[float], Any]]:
    """Return functions of a tolerance that return coefficients."""
    from sklearn.linear_model import Lasso

    labels = y.astype(X.dtype)
    found: dict[str, Callable[[float], Any]] = {
        "stochinf": lambda tol: si.minimize(si.models.Lasso(X, y, alpha), progress=False).x,
        "scikit-learn": lambda tol: Lasso(alpha=alpha, fit_intercept=False, tol=tol, max_iter=10**6).fit(X, labels).coef_,
    }
    for name in ("celer", "skglm"):
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed")
            continue
        peer = importlib.import_module(name).Lasso
        found[name] = lambda tol, peer=peer: peer(alpha=alpha, fit_intercept=False, tol=tol, max_iter=10**4).fit(X, labels).coef_
    return found


def loosest(solve: Callable[[float], Any], measure: Callable[[Any], float]) -> tuple[float, float]:
    """Return the loosest tolerance at which a solver reaches the gap, and the gap."""
    for tol in TOLERANCES:
        reached = measure(solve(tol))
        if reached <= GAP:
            return tol, reached
    return TOLERANCES[-1], reached


def seconds(solve: Callable[[float], Any], tolerance: float) -> float:
    """Return the CPU time of a call in this thread."""
    began = time.thread_time()
    solve(tolerance)
    return time.thread_time() - began


def compare(X: Any, y: Any, alpha: float, divisor: int) -> None:
    """Print what every solver needs."""
    found = solvers(X, y, alpha)
    reached = {name: loosest(solve, lambda w: gap(X, y, alpha, w)) for name, solve in found.items()}
    times = dict.fromkeys(found, np.inf)
    for _ in range(ROUNDS):
        for name, solve in found.items():
            times[name] = min(times[name], seconds(solve, reached[name][0]))
    for name in found:
        print(f"alpha_max/{divisor}: {name:13} {times[name]:.4f} s, gap {reached[name][1]:.1e}, tolerance {reached[name][0]:g}")
    ours = times["stochinf"]
    ratios = ", ".join(f"{name} {ours / times[name]:.2f}" for name in found if name != "stochinf")
    print(f"alpha_max/{divisor}: ours / theirs: {ratios} (targets: scikit-learn 0.33, the others 1.00)")


def compare_paths(X: Any, y: Any, largest: float) -> None:
    """Print the time of a path of 50 points down to alpha_max/100."""
    from sklearn.linear_model import lasso_path

    alphas = np.geomspace(largest, largest / 100, 50)
    times = [np.inf, np.inf]
    for _ in range(2):
        times[0] = min(times[0], seconds(lambda tol: si.lasso_path(X, y, alphas, tolerance=tol), GAP))
        times[1] = min(times[1], seconds(lambda tol: lasso_path(X, y, alphas=alphas, tol=tol, max_iter=10**6), 3e-5))
    print(f"path of 50 points: {times[0]:.3f} s, scikit-learn {times[1]:.3f} s; ours / theirs {times[0] / times[1]:.2f}")


def first_call(X: Any, y: Any, alpha: float) -> None:
    """Print the CPU time of the first call of a process that finds its code in the cache."""
    import tempfile

    import scipy.sparse

    with tempfile.TemporaryDirectory() as folder:
        stem = os.path.join(folder, "data")
        scipy.sparse.save_npz(stem, X)
        np.save(stem, y)
        command = [sys.executable, "-c", FIRST, stem, str(alpha)]
        runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(3)]
    call, importing = (min(float(run[k]) for run in runs) for k in (0, 1))
    print(f"first call of a process, warm cache: {call:.2f} s of CPU (target: below 1); imports before it: {importing:.2f} s")


def main() -> None:
    """Compare at both strengths of the penalty."""
    data = read()
    if data is None:
        return
    from threadpoolctl import threadpool_limits

    warnings.filterwarnings("ignore")
    X, y = data
    largest = si.models.Lasso(X, y, 1.0).alpha_max
    single = "float32" in sys.argv
    with threadpool_limits(1):
        for divisor in DIVISORS:
            compare(X.astype(np.float32) if single else X, y, largest / divisor, divisor)
        if single:
            return
        compare_paths(X, y, largest)
    first_call(X, y, largest / DIVISORS[-1])


if __name__ == "__main__":
    main()
