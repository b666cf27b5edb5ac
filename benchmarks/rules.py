"""Steps of Adam and of plain descent at d = 10: this library against PyTorch and optax, and against a compiled loop by hand.

The gradient costs next to nothing, depends on the position and never vanishes. PyTorch does its step by its own `step()`, the
gradient given; optax runs inside `jax.lax.scan`, gradient included, as here. One process, turn by turn, CPU time, the best of
several. What is not installed is left out.

    python benchmarks/rules.py
"""

from __future__ import annotations

import importlib.util
import math
import time
from typing import Any, NamedTuple

import numba
import numpy as np
from measure import line

import stochinf as si
from stochinf.engine.block import advance
from stochinf.engine.session import Plan, build

DIM, RATE = 10, 1e-3
WEIGHTS = np.geomspace(0.1, 10.0, DIM)
STEPS, FEW = 300_000, 1_000


@si.kernel
class Bowl(NamedTuple):
    """A slope that hardly changes."""

    weights: np.ndarray[Any, np.dtype[np.float64]]
    n_points = 1
    dim = DIM

    def gradient(self, position, point, out):  # type: ignore[no-untyped-def]
        """Write the gradient."""
        for j in range(out.size):
            out[j] = self.weights[j] * (1.0 + 1e-9 * position[j])


@numba.njit(error_model="numpy", forceinline=True)
def slope(x, weights, out):  # type: ignore[no-untyped-def]
    """Write the gradient, as any loop for more than one objective has to."""
    for j in range(x.size):
        out[j] = weights[j] * (1.0 + 1e-9 * x[j])


@numba.njit(error_model="numpy")
def adam_by_hand(x, weights, steps, rate, beta1, beta2, eps):  # type: ignore[no-untyped-def]
    """Adam; the best loop its author could write."""
    m, v, gradient = np.zeros(x.size), np.zeros(x.size), np.zeros(x.size)
    power1 = power2 = 1.0
    for _ in range(steps):
        power1 = power1 * beta1 if power1 > 1e-290 else 0.0
        power2 = power2 * beta2 if power2 > 1e-290 else 0.0
        c1, c2 = 1.0 / (1.0 - power1), 1.0 / (1.0 - power2)
        slope(x, weights, gradient)
        for j in range(x.size):
            g = gradient[j]
            m[j] = beta1 * m[j] + (1.0 - beta1) * g
            v[j] = beta2 * v[j] + (1.0 - beta2) * g * g
            x[j] -= rate * m[j] * c1 / (math.sqrt(v[j] * c2) + eps)
    return x


@numba.njit(error_model="numpy")
def sgd_by_hand(x, weights, steps, rate):  # type: ignore[no-untyped-def]
    """Plain descent."""
    gradient = np.zeros(x.size)
    for _ in range(steps):
        slope(x, weights, gradient)
        for j in range(x.size):
            x[j] -= rate * gradient[j]
    return x


def block_of(rule: Any) -> Any:
    """Return a run of a rule from ones."""
    plan = Plan(rule, Bowl(WEIGHTS), si.pickers.Scan(1), None, si.observers.Nothing(), np.zeros(DIM), 1, 0, 2**62, False, 0)
    return build(plan, 0).blocks[0]


def torch_steps(name: str) -> Any:
    """Return PyTorch's steps, the gradient set once."""
    import torch

    torch.set_num_threads(1)
    x = torch.ones(DIM, dtype=torch.float64, requires_grad=True)
    x.grad = torch.ones(DIM, dtype=torch.float64)
    rule = getattr(torch.optim, name)([x], lr=RATE)

    def run() -> None:
        for _ in range(FEW):
            rule.step()

    return run


def optax_steps(name: str) -> Any:
    """Return optax's steps inside lax.scan."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    weights = jax.numpy.asarray(WEIGHTS)
    rule = getattr(optax, name)(RATE)

    @jax.jit
    def scan(x: Any, state: Any) -> Any:
        def one(carry: Any, _: Any) -> Any:
            x, state = carry
            change, state = rule.update(weights * (1.0 + 1e-9 * x), state, x)
            return (optax.apply_updates(x, change), state), None

        return jax.lax.scan(one, (x, state), None, length=100 * FEW)[0]

    x = jax.numpy.zeros(DIM)
    return lambda: jax.block_until_ready(scan(x, rule.init(x)))


def least(runs: dict[str, Any], clock: Any = time.process_time, rounds: int = 9) -> dict[str, float]:
    """Return the least seconds of each run; CPU time is that of the whole process, since XLA works on threads of its own."""
    times = dict.fromkeys(runs, math.inf)
    for turn in range(rounds + 1):
        for name, run in runs.items():
            began = clock()
            run()
            if turn:
                times[name] = min(times[name], clock() - began)
    return times


def compare(ours: Any, by_hand: Any, name: str) -> None:
    """Print nanoseconds a step, and the ratios."""
    block = block_of(ours)
    runs = {"engine": lambda: advance(block, STEPS), "hand": by_hand}
    counts = {"engine": STEPS, "hand": STEPS}
    if importlib.util.find_spec("torch"):
        runs["torch"], counts["torch"] = torch_steps(name), FEW
    if importlib.util.find_spec("optax"):
        runs["optax"], counts["optax"] = optax_steps(name.lower()), 100 * FEW
    times = {key: seconds / counts[key] * 1e9 for key, seconds in least(runs).items()}
    walls = {key: seconds / counts[key] * 1e9 for key, seconds in least(runs, time.perf_counter).items()}
    for key, nanoseconds in times.items():
        line(f"{name}, d = {DIM}: {key}, nanoseconds a step", nanoseconds, "none")
    line(f"{name}: engine / by hand", times["engine"] / times["hand"], "at most 1.10, or 5 ns more")
    line(f"{name}: engine - by hand, nanoseconds", times["engine"] - times["hand"], "at most 5, or a ratio of 1.10")
    for peer, wanted in (("torch", 100), ("optax", 10)):
        if peer in times:
            line(f"{name}: {peer} / engine", times[peer] / times["engine"], f"at least {wanted} (Adam)")
            line(f"{name}: {peer} / engine, by the wall clock", walls[peer] / walls["engine"], "none")


def main() -> None:
    """Compare both rules."""
    compare(si.optim.SGD(RATE), lambda: sgd_by_hand(np.zeros(DIM), WEIGHTS, STEPS, RATE), "SGD")
    compare(si.optim.Adam(RATE), lambda: adam_by_hand(np.zeros(DIM), WEIGHTS, STEPS, RATE, 0.9, 0.999, 1e-8), "Adam")


if __name__ == "__main__":
    main()
