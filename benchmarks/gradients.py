"""Gradients of traced densities: against compiled gradients written by hand, and what building them takes.

One process, turn by turn, CPU time, the best of several; BLAS on one thread. Gradients by hand are the better of two where two
are sensible: one pass over the rows, or products by BLAS. The build is everything from the Python function to an address, with
nothing in the cache.

    python benchmarks/gradients.py
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ["STOCHINF_CACHE_DIR"] = tempfile.mkdtemp()

import gradients_by_hand as hand
import numba
import numpy as np
from measure import best, line
from threadpoolctl import threadpool_limits

from stochinf.density import PointerDensity, scan
from stochinf.density.derivatives import gradient
from stochinf.density.emit.function import CompiledGraph
from stochinf.density.special import log_sum_exp, softplus
from stochinf.density.tracing import trace


def logistic(b, data):
    eta = data["X"] @ b
    return np.sum(data["y"] * eta - softplus(eta)) - 0.5 * np.sum(b * b)


def eight_schools(x, data):
    mu, log_tau, theta = x[0], x[1], x[2:]
    tau = np.exp(log_tau)
    prior = -0.5 * (mu / 5) ** 2 - np.log(1 + (tau / 5) ** 2) + log_tau - 0.5 * np.sum(theta**2)
    return prior - 0.5 * np.sum(((data["y"] - mu - tau * theta) / data["sigma"]) ** 2)


def garch(x, data):
    mu, a0, a1, b1 = x[0], np.exp(x[1]), np.exp(x[2]), np.exp(x[3])

    def step(carry, now):
        variance = a0 + a1 * carry[0] ** 2 + b1 * carry[1]
        return (now - mu, variance), -0.5 * np.log(variance) - 0.5 * (now - mu) ** 2 / variance

    return scan(step, (0.0, 0.5), data["y"])[1].sum()


def hidden(x, data):
    logits = x[:4].reshape(2, 2)
    moves = logits - log_sum_exp(logits, axis=1).reshape(2, 1)

    def step(alpha, now):
        return log_sum_exp(moves.T + alpha, axis=1) - 0.5 * (now - x[4:]) ** 2, None

    return log_sum_exp(scan(step, np.zeros(2), data["y"])[0])


def wide(terms: int) -> Callable[..., Any]:
    """Return a density with a normal prior of its own scale for every parameter: five operations each."""

    def log_density(x, data):
        total = 0.0
        for k in range(terms):
            total = total - 0.5 * ((x[k] - data["y"][k]) / np.exp(x[k - 1])) ** 2 - x[k - 1]
        return total

    return log_density


@numba.njit(error_model="numpy")
def repeated(target, x, slope, times):
    total = 0.0
    for _ in range(times):
        x[0] += 1e-9
        total += target.log_density_gradient(x, slope)
    return total


@numba.njit(error_model="numpy")
def repeated_by_hand(function, x, slope, data, times):
    total = 0.0
    for _ in range(times):
        x[0] += 1e-9
        total += function(x, slope, *data)
    return total


def built(log_density: Callable[..., Any], dim: int, data: dict[str, Any]) -> tuple[PointerDensity, float, int]:
    """Return a target, the CPU seconds it took and the number of operations of its graph."""
    began = time.thread_time()
    found = trace(log_density, dim, data)
    both = gradient(found.graph)
    target = PointerDensity(CompiledGraph(both, found.data), dim, differentiable=True)
    return target, time.thread_time() - began, found.graph.size()


def against_hand(
    name: str, log_density: Any, by_hand: list[Any], dim: int, data: dict[str, Any], times: int, rounds: int
) -> None:
    """Print the cost of a gradient as a ratio to the best one by hand."""
    target, seconds, size = built(log_density, dim, data)
    x, slope, other = np.linspace(-0.2, 0.2, dim), np.empty(dim), np.empty(dim)
    arrays = tuple(data.values())
    for function in by_hand:
        value = function(x, other, *arrays)
        np.testing.assert_allclose(target.log_density_gradient(x, slope), value, rtol=1e-10)
        np.testing.assert_allclose(slope, other, rtol=1e-9, atol=1e-9)
    runs = {"traced": lambda: repeated(target, x.copy(), slope, times)}
    runs |= {f.__name__: lambda f=f: repeated_by_hand(f, x.copy(), other, arrays, times) for f in by_hand}
    least = best(runs, rounds)
    ours, theirs = least.pop("traced"), min(least.values())
    what = f"{name}: gradient {ours / times * 1e6:.3f} us, by hand {theirs / times * 1e6:.3f} us; ratio"
    line(what, ours / theirs, "<= 1.3")
    line(f"{name}: built in, seconds ({size} operations)", seconds, "<= 0.3")


def lengths(name: str, log_density: Any, dim: int) -> None:
    """Print how a recurrence's cost and its build grow with its length."""
    costs, builds = [], []
    for length in (1000, 10_000):
        data = {"y": np.sin(np.arange(float(length)) ** 2)}
        target, seconds, _ = built(log_density, dim, data)
        x, slope = np.full(dim, -1.0), np.empty(dim)
        least = best({"run": lambda target=target, x=x, slope=slope: repeated(target, x.copy(), slope, 20)}, 5)["run"]
        costs.append(least / 20 / length)
        builds.append(seconds)
    line(
        f"{name}: gradient, ns a step ({costs[0] * 1e9:.1f} for 1000 steps); cost a step of 10,000 over 1000",
        costs[1] / costs[0],
        "1",
    )
    line(f"{name}: built in, seconds: {builds[0]:.2f} for 1000 steps, for 10,000", builds[1], "the same")


def main() -> None:
    generator = np.random.default_rng(0)
    built(lambda x, data: -0.5 * np.sum(x * x) + data["y"][0], 2, {"y": np.ones(2)})
    schools = {"y": np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), "sigma": np.array([15.0, 10, 16, 11, 9, 11, 10, 18])}
    against_hand("eight schools", eight_schools, [hand.eight_schools], 10, schools, 100_000, 9)
    for rows, columns, times, rounds in ((1000, 25, 1000, 9), (30_000, 100, 4, 7)):
        data = {"X": generator.normal(size=(rows, columns)), "y": (generator.random(rows) < 0.5) * 1.0}
        name = f"logistic regression {rows} x {columns}"
        against_hand(name, logistic, [hand.logistic_by_rows, hand.logistic_by_blas], columns, data, times, rounds)
    lengths("GARCH", garch, 4)
    lengths("hidden Markov chain", hidden, 6)
    for terms, target in ((20, "<= 0.3"), (90, "<= 1")):
        _, seconds, size = built(wide(terms), terms, {"y": generator.normal(size=terms)})
        line(f"a graph of {size} operations: built in, seconds", seconds, target)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
