"""Small parts and tools that tests share, so that they compile once."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from stochinf.engine import cache, driver
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import JIT
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import normal, uniform

Floats = npt.NDArray[np.float64]
HERE = Path(__file__).parent
MUCH = 100_000 if JIT else 2_000
"""Draws of a calibration test: fewer where every draw is plain Python."""

needs_jit = pytest.mark.skipif(not JIT, reason="about compiled code")


def refused(call: Any, message: str) -> None:
    """Demand that a call names what is wrong before anything compiles."""
    before = cache.statistics["misses"]
    with pytest.raises(StochinfError, match=message):
        call()
    assert cache.statistics["misses"] == before


class Vector(NamedTuple):
    position: Floats
    stats: Floats


@part
class Points(NamedTuple):
    """A target of `n_points` points; its objective and certificate are the last number of the position."""

    n_points: int = 10

    def objective(self, position: Floats) -> float:
        return float(position[2])

    def certificate(self, position: Floats) -> float:
        return float(position[2])

    def log_density(self, position: Floats) -> float:
        return -float(position[2])

    def variables(self, positions: Floats) -> dict[str, Floats]:
        names = ("point", "rate", "number", "sum")
        return {name: positions[..., k] for k, name in enumerate(names)} if positions.shape[-1] == 4 else {"position": positions}


@part(rate_field="learning_rate", statistics=("calls",))
class Recorder(NamedTuple):
    """Write point, rate, a random number and the sum of all numbers into the position: all that a loop can get wrong."""

    learning_rate: Any = 1.0

    def init(self, target: Any, position: Floats | None, streams: Any) -> Vector:
        return Vector(np.zeros(4) if position is None else np.array(position, dtype=float), np.zeros(1))

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        state.position[0] = point
        state.position[1] = rate
        state.position[2] = uniform(rng)
        state.position[3] += state.position[2]
        state.stats[0] += 1.0


@part
class Quadratic(NamedTuple):
    """x' A x / 2 - b' x with its coordinates as points, in two colours: even and odd."""

    A: Floats
    b: Floats
    colour_start: npt.NDArray[np.int64]
    colour_members: npt.NDArray[np.int64]

    @property
    def n_points(self) -> int:
        return self.b.size

    def slope(self, position: Floats, i: int) -> float:
        total = -self.b[i]
        for j in range(position.size):
            total += self.A[i, j] * position[j]
        return total


def quadratic(n: int = 6) -> Quadratic:
    rng = np.random.default_rng(5)
    root = rng.standard_normal((n, n))
    order = [*range(0, n, 2), *range(1, n, 2)]
    return Quadratic(root @ root.T + np.eye(n), rng.standard_normal(n), [0, (n + 1) // 2, n], order)


@part(statistics=("chosen",))
class CoordinateStep(NamedTuple):
    """Exact minimisation along one coordinate."""

    unused: int = 0

    def init(self, target: Any, position: Floats | None, streams: Any) -> Vector:
        return Vector(np.zeros(target.n_points), np.zeros(1))

    def begin_sampling(self, target: Any, state: Any) -> None:
        state.stats[0] = -1.0

    def score(self, target: Any, state: Any, point: int) -> float:
        return abs(target.slope(state.position, point))

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        state.position[point] -= target.slope(state.position, point) / target.A[point, point]
        state.stats[0] = point


@part
class Link(NamedTuple):
    """A kernel in a chain of kernels."""

    amount: float
    rest: Any

    def init(self, target: Any, position: Floats | None, streams: Any) -> Vector:
        return Vector(np.zeros(1), np.zeros(1))

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        state.position[0] += self.amount
        self.rest.update(target, state, point, rate, rng)
        state.position[0] *= 0.5


@part
class LastLink(NamedTuple):
    amount: float = 0.25

    def init(self, target: Any, position: Floats | None, streams: Any) -> Vector:
        return Vector(np.zeros(1), np.zeros(1))

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        state.position[0] += self.amount


def chain_of(depth: int) -> Any:
    kernel: Any = LastLink()
    for k in range(depth - 1):
        kernel = Link(float(k + 1), kernel)
    return kernel


@part(statistics=("lp",))
class FromExact(NamedTuple):
    """Start from an exact draw, apply a kernel `times` times, over and over: the point says which draw."""

    kernel: Any
    starts: Floats
    times: int

    def prepare(self, target: Any) -> "FromExact":
        kernel = self.kernel.prepare(target)
        return FromExact(kernel._replace(step_size=np.nan) if hasattr(kernel, "step_size") else kernel, self.starts, self.times)

    def pick(self, target: Any) -> Scan:
        return Scan(len(self.starts))

    def init(self, target: Any, position: Floats | None, streams: Any) -> Any:
        return self.kernel.init(target, self.starts[0], streams)

    def begin_sampling(self, target: Any, state: Any) -> None:
        if hasattr(self.kernel, "begin_sampling"):
            self.kernel.begin_sampling(target, state)

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        for i in range(state.position.size):
            state.position[i] = self.starts[point, i]
        state.stats[0] = target.log_density(state.position)
        for _ in range(self.times):
            self.kernel.update(target, state, 0, rate, rng)


@part(statistics=("lp", "acceptance_rate", "step_size"))
class Lopsided(NamedTuple):
    """Metropolis with a proposal that shrinks towards 0 and no Hastings term: wrong on purpose."""

    step_size: float = 1.0

    def prepare(self, target: Any) -> "Lopsided":
        return self

    def init(self, target: Any, position: Floats | None, streams: Any) -> Any:
        return Vector(np.array(position, dtype=float), np.zeros(3))

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        kept = state.position[0]
        state.position[0] = 0.9 * kept + rate * normal(rng)
        proposed = target.log_density(state.position)
        if uniform(rng) < np.exp(min(0.0, proposed - state.stats[0])):
            state.stats[0] = proposed
        else:
            state.position[0] = kept


@part
class Broken(NamedTuple):
    """A kernel that numba cannot compile."""

    unused: int = 0

    def init(self, target: Any, position: Floats | None, streams: Any) -> Vector:
        return Vector(np.zeros(1), np.zeros(1))

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        state.position[0] = target.no_such_thing


class Chunks:
    """Force the lengths of chunks: give it to `monkeypatch.setattr(driver._Crew, "_plan_next", Chunks(7))`."""

    def __init__(self, *lengths: int) -> None:
        self.lengths, self.calls = lengths, 0

    def __get__(self, crew: driver._Crew, owner: type) -> Any:
        def plan(steps: int, took: float, blocks: Any) -> None:
            self.calls += 1
            crew.length = self.lengths[self.calls % len(self.lengths)]

        return plan


def python(
    code: str, *arguments: str, check: bool = True, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run code in a new process that can import the parts for tests."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environ(**environment), input=given, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done


def environ(**changes: str) -> dict[str, str]:
    """The environment of a subprocess; a value of "" removes the name."""
    merged = {**os.environ, "PYTHONPATH": str(HERE), **changes}
    return {name: value for name, value in merged.items() if value}
