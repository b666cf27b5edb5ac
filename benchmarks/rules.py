"""Steps of Adam and of plain descent at d = 10: this library against PyTorch and optax, and against a compiled loop by hand.

First where the gradient costs next to nothing, depends on the position and never vanishes: PyTorch does its step by its own
`step()`, the gradient given; optax runs inside `jax.lax.scan`, gradient included, as here; XLA makes one loop of the whole step.
Then the three things that people do: follow an objective that has a matrix, its gradient by `jax.grad` there and compiled here;
the same with the path kept; and the path along gradients that are given. At last a sum of own functions. One process, turn by
turn, CPU time, the best of several. What is not installed is left out.

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
STEPS, PATH, FEW = 300_000, 100_000, 1_000


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


def quadratic() -> tuple[Any, Any]:
    """Return the matrix and the vector of a quadratic form, 1/2 x'Ax - b'x."""
    generator = np.random.default_rng(0)
    root = generator.normal(size=(DIM, DIM))
    return root @ root.T / DIM + np.eye(DIM), generator.normal(size=DIM)


@si.kernel
class Form(NamedTuple):
    """A quadratic form."""

    matrix: np.ndarray[Any, np.dtype[np.float64]]
    shift: np.ndarray[Any, np.dtype[np.float64]]
    n_points = 1
    dim = DIM

    def gradient(self, position, point, out):  # type: ignore[no-untyped-def]
        """Write Ax - b, a column of the symmetric matrix at a time: the compiler makes vectors of columns."""
        for i in range(out.size):
            out[i] = -self.shift[i]
        for j in range(out.size):
            for i in range(out.size):
                out[i] += self.matrix[j, i] * position[j]


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


def block_of(rule: Any, target: Any) -> Any:
    """Return a run of a rule from zero."""
    plan = Plan(rule, target, si.pickers.Scan(1), None, si.observers.Nothing(), np.zeros(DIM), 1, 0, 2**62, False, 0)
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


def optax_steps(name: str, slope: Any, kept: bool = False, given: Any = None) -> Any:
    """Return optax's steps inside lax.scan, the gradient a function of the position and of a row; keep the path if asked."""
    import jax
    import optax

    rule = getattr(optax, name)(RATE)
    rows = None if given is None else jax.numpy.asarray(given)

    @jax.jit
    def scan(x: Any, state: Any) -> Any:
        def one(carry: Any, row: Any) -> Any:
            x, state = carry
            change, state = rule.update(slope(x, row), state, x)
            moved = optax.apply_updates(x, change)
            return (moved, state), moved if kept else None

        return jax.lax.scan(one, (x, state), rows, length=PATH)

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
    block = block_of(ours, Bowl(WEIGHTS))
    runs = {"engine": lambda: advance(block, STEPS), "hand": by_hand}
    counts = {"engine": STEPS, "hand": STEPS}
    if importlib.util.find_spec("torch"):
        runs["torch"], counts["torch"] = torch_steps(name), FEW
    if importlib.util.find_spec("optax"):
        weights = np.asarray(WEIGHTS)
        runs["optax"], counts["optax"] = optax_steps(name.lower(), lambda x, _: weights * (1.0 + 1e-9 * x)), PATH
    times = {key: seconds / counts[key] * 1e9 for key, seconds in least(runs).items()}
    walls = {key: seconds / counts[key] * 1e9 for key, seconds in least(runs, time.perf_counter).items()}
    for key, nanoseconds in times.items():
        line(f"{name}, d = {DIM}: {key}, nanoseconds a step", nanoseconds, "none")
    line(f"{name}: engine / by hand", times["engine"] / times["hand"], "at most 1.10, or 5 ns more")
    line(f"{name}: engine - by hand, nanoseconds", times["engine"] - times["hand"], "at most 5, or a ratio of 1.10")
    wanted = {"torch": "at least 100", "optax": "10, beyond reach (docs/decisions/0019)"} if name == "Adam" else {}
    for peer in ("torch", "optax"):
        if peer in times:
            line(f"{name}: {peer} / engine", times[peer] / times["engine"], wanted.get(peer, "none"))
            line(f"{name}: {peer} / engine, by the wall clock", walls[peer] / walls["engine"], "none")


def ratio(what: str, ours: Any, steps: int, theirs: Any) -> None:
    """Print nanoseconds a step of both, and optax's over ours."""
    times = least({"ours": ours, "optax": theirs})
    mine, other = times["ours"] / steps * 1e9, times["optax"] / PATH * 1e9
    line(f"Adam, {what}: here, nanoseconds a step", mine, "none")
    line(f"Adam, {what}: optax, nanoseconds a step", other, "none")
    line(f"Adam, {what}: optax / here", other / mine, "at least 10")


def objectives() -> None:
    """Compare Adam on a quadratic form, with and without its path, and along gradients that are given."""
    import jax

    matrix, shift = quadratic()
    slope = jax.grad(lambda x: 0.5 * x @ matrix @ x - shift @ x)
    block = block_of(si.optim.Adam(RATE), Form(matrix, shift))
    ratio("a quadratic form", lambda: advance(block, STEPS), STEPS, optax_steps("adam", lambda x, _: slope(x)))

    @numba.njit(error_model="numpy")
    def compiled(x):  # type: ignore[no-untyped-def]
        out = np.empty(DIM)
        for i in range(DIM):
            total = -shift[i]
            for j in range(DIM):
                total += matrix[i, j] * x[j]
            out[i] = total
        return out

    def path(gradient: Any) -> Any:
        return lambda: si.optim.trajectory(si.optim.Adam(RATE), np.zeros(DIM), gradient, PATH)

    ratio("its path", path(compiled), PATH, optax_steps("adam", lambda x, _: slope(x), kept=True))
    given = np.random.default_rng(1).normal(size=(PATH, DIM))
    ratio("the path of given gradients", path(given), PATH, optax_steps("adam", lambda x, row: row, True, given))


def own_functions() -> None:
    """Print what a step of Adam costs on a sum of the user's own functions, compiled by numba and in plain Python."""
    points = np.random.default_rng(0).normal(size=(100, DIM))

    def value(w, i):  # type: ignore[no-untyped-def]
        return 0.5 * ((w - points[i]) ** 2).sum()

    def gradient(w, i):  # type: ignore[no-untyped-def]
        return w - points[i]

    for kind, compiled, steps in (("compiled", True, PATH), ("in plain Python", False, PATH // 10)):
        block = block_of(si.optim.Adam(RATE), si.FiniteSum(value, gradient, 100, DIM, compiled=compiled).as_target())
        seconds = least({"ours": lambda block=block, steps=steps: advance(block, steps)})["ours"]
        line(f"Adam, a sum of own functions {kind}: nanoseconds a step", seconds / steps * 1e9, "none")


def main() -> None:
    """Compare both rules, then Adam on what people do."""
    if importlib.util.find_spec("optax"):
        import jax

        jax.config.update("jax_enable_x64", True)
    compare(si.optim.SGD(RATE), lambda: sgd_by_hand(np.zeros(DIM), WEIGHTS, STEPS, RATE), "SGD")
    compare(si.optim.Adam(RATE), lambda: adam_by_hand(np.zeros(DIM), WEIGHTS, STEPS, RATE, 0.9, 0.999, 1e-8), "Adam")
    if importlib.util.find_spec("optax"):
        objectives()
    own_functions()


if __name__ == "__main__":
    main()
