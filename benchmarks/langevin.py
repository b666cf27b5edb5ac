"""SGLD on a logistic regression (10,000 rows, 25 columns, batches of 32): the engine, a loop by hand, BlackJAX in a scan.

All draw batches with replacement and 25 normal numbers a step; none keeps draws. The loop by hand is measured twice: with numpy's
Generator inside numba, and with the library's own streams. One process, turn by turn, CPU time, the best of several; BlackJAX,
where it is installed, on one CPU device (`XLA_FLAGS=--xla_cpu_multi_thread_eigen=false` is set), whole scans, compiled before.

    python benchmarks/langevin.py
    pip install blackjax    # for the last line
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numba
import numpy as np

import stochinf as si
from stochinf.engine.block import advance
from stochinf.engine.random import below, normal, stream
from stochinf.engine.session import Plan, build

ROWS, COLUMNS, BATCH = 10_000, 25, 32
STEPS, ROUNDS = 4_000, 120
L2 = 0.001


def problem() -> tuple[np.ndarray, np.ndarray]:
    """Return features and labels of -1 and +1."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, COLUMNS))
    w = rng.standard_normal(COLUMNS) / 2
    return X, np.where(X @ w + rng.logistic(size=ROWS) > 0, 1.0, -1.0)


@numba.njit(error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})
def by_hand(X, y, w, step, steps, generator):  # type: ignore[no-untyped-def]
    """Do some steps with numpy's Generator."""
    n, dim = X.shape
    gradient = np.empty(dim)
    noise = math.sqrt(2.0 * step)
    scale = n / BATCH
    for _ in range(steps):
        for j in range(dim):
            gradient[j] = n * L2 * w[j]
        for _ in range(BATCH):
            i = int(generator.random() * n)
            score = 0.0
            for j in range(dim):
                score += X[i, j] * w[j]
            slope = -scale * y[i] / (1.0 + math.exp(y[i] * score))
            for j in range(dim):
                gradient[j] += slope * X[i, j]
        for j in range(dim):
            w[j] += noise * generator.standard_normal() - step * gradient[j]


@numba.njit(error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})
def by_hand_with_our_numbers(X, y, w, step, steps, rng):  # type: ignore[no-untyped-def]
    """Do some steps with the library's streams."""
    n, dim = X.shape
    gradient = np.empty(dim)
    noise = math.sqrt(2.0 * step)
    scale = n / BATCH
    for _ in range(steps):
        for j in range(dim):
            gradient[j] = n * L2 * w[j]
        for _ in range(BATCH):
            i = below(rng, n)
            score = 0.0
            for j in range(dim):
                score += X[i, j] * w[j]
            slope = -scale * y[i] / (1.0 + math.exp(y[i] * score))
            for j in range(dim):
                gradient[j] += slope * X[i, j]
        for j in range(dim):
            w[j] += noise * normal(rng) - step * gradient[j]


def engine(X: np.ndarray, y: np.ndarray, kernel: Any) -> Callable[[], Any]:
    """Return what does some steps of a kernel in the engine."""
    target = si.models.LogisticRegression(X, y, l2=L2).as_target()
    picker = si.pickers.Minibatches(BATCH, replace=True)
    plan = Plan(kernel, target, picker, None, si.observers.Nothing(), None, 1, 0, 2**62, False, 0)
    block = build(plan, 0).blocks[0]
    return lambda: advance(block, STEPS)


def scan(X: np.ndarray, y: np.ndarray, step: float) -> Callable[[], Any] | None:
    """Return what does some steps of BlackJAX's SGLD inside `lax.scan`, or None where it is not installed."""
    try:
        import blackjax
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    features, labels = jnp.asarray(X), jnp.asarray(y)

    def log_density(w: Any, rows: Any) -> Any:
        margins = labels[rows] * (features[rows] @ w)
        return -ROWS / BATCH * jnp.logaddexp(0.0, -margins).sum() - 0.5 * ROWS * L2 * w @ w

    sgld = blackjax.sgld(jax.grad(log_density))

    def move(w: Any, key: Any) -> tuple[Any, None]:
        choose, kick = jax.random.split(key)
        return sgld.step(kick, w, jax.random.randint(choose, (BATCH,), 0, ROWS), step), None

    @jax.jit
    def steps(w: Any, key: Any) -> Any:
        return jax.lax.scan(move, w, jax.random.split(key, STEPS))[0]

    return lambda: steps(jnp.zeros(COLUMNS), jax.random.key(0)).block_until_ready()


def measured(runs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the least CPU microseconds a step of each, taken in turn; all threads of the process count."""
    for run in runs.values():
        run()
    least = dict.fromkeys(runs, math.inf)
    for _ in range(ROUNDS):
        for name, run in runs.items():
            began = time.process_time()
            run()
            least[name] = min(least[name], (time.process_time() - began) / STEPS * 1e6)
    return least


def main() -> None:
    """Print microseconds a step and the ratios."""
    X, y = problem()
    h = 1e-5
    generator, rng = np.random.Generator(np.random.SFC64(0)), stream(np.random.SeedSequence(0))
    w, v = np.zeros(COLUMNS), np.zeros(COLUMNS)
    centre = np.zeros(COLUMNS)
    runs: dict[str, Callable[[], Any]] = {
        "SGLD, engine": engine(X, y, si.mcmc.SGLD(h)),
        "SGLD by hand, numpy's Generator": lambda: by_hand(X, y, w, h, STEPS, generator),
        "SGLD by hand, our streams": lambda: by_hand_with_our_numbers(X, y, v, h, STEPS, rng),
        "SGHMC, engine": engine(X, y, si.mcmc.SGHMC(1e-3)),
        "SGLD with control variates, engine": engine(X, y, si.mcmc.SGLD(h, estimator=si.mcmc.ControlVariates(centre))),
    }
    jax = scan(X, y, h)
    if jax is not None:
        runs["SGLD, BlackJAX in lax.scan"] = jax
    least = measured(runs)
    for name, microseconds in least.items():
        print(f"{name:<40} {microseconds:8.3f} us a step {1e6 / microseconds:12,.0f} steps/s")
    ours = least["SGLD, engine"]
    hand = min(value for name, value in least.items() if "hand" in name)
    print(f"engine against the faster loop by hand, steps/s: {hand / ours:.2f} (target: at least 0.9)")
    if jax is None:
        print("BlackJAX is not installed")
    else:
        ratio = least["SGLD, BlackJAX in lax.scan"] / ours
        print(f"engine against BlackJAX in lax.scan, steps/s: {ratio:.2f} (target: at least 1.4)")


if __name__ == "__main__":
    main()
