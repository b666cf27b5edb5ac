"""The 24 noise-free functions of BBOB, compiled: a port to numba for `benchmarks/bbob.py`.

A problem is a function, an instance and a dimension; its numbers lie in one array behind a C pointer, so that the optimisers and
each function are compiled once. `tests/optim/test_bbob.py` compares with recorded values of the COCO platform.

Reference: Hansen, N., Finck, S., Ros, R. and Auger, A. (2009). Real-parameter black-box optimization benchmarking 2009: noiseless
functions definitions. INRIA report 6829.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from bbob_numbers import least, seed_of, tables

import stochinf as si
from stochinf.density import SIGNATURE

__all__ = ["NAMES", "Problem", "problem"]

Floats = npt.NDArray[np.float64]
COMPILED: list[Callable[..., float]] = []
NAMES = (
    "sphere", "ellipsoid, separable", "Rastrigin, separable", "skew Rastrigin-Bueche", "linear slope", "attractive sector",
    "step ellipsoid", "Rosenbrock", "Rosenbrock, rotated", "ellipsoid", "discus", "bent cigar", "sharp ridge", "different powers",
    "Rastrigin", "Weierstrass", "Schaffer F7", "Schaffer F7, ill-conditioned", "Griewank-Rosenbrock", "Schwefel",
    "Gallagher, 101 peaks", "Gallagher, 21 peaks", "Katsuura", "Lunacek bi-Rastrigin",
)  # fmt: skip


@numba.njit(error_model="numpy")
def osc(x: float) -> float:
    """Break the symmetry and smoothness of the identity."""
    if x == 0.0:
        return 0.0
    y = math.log(abs(x)) / 0.1
    if x > 0.0:
        return math.exp(y + 0.49 * (math.sin(y) + math.sin(0.79 * y))) ** 0.1
    return -(math.exp(y + 0.49 * (math.sin(0.55 * y) + math.sin(0.31 * y))) ** 0.1)


@numba.njit(error_model="numpy")
def times(x: Floats, a: Floats) -> Floats:
    """Return the row x times a matrix."""
    out = np.zeros(x.size)
    for i in range(x.size):
        for j in range(x.size):
            out[j] += x[i] * a[i, j]
    return out


@numba.njit(error_model="numpy")
def all_osc(x: Floats) -> Floats:
    """Apply `osc` to every coordinate."""
    for i in range(x.size):
        x[i] = osc(x[i])
    return x


@numba.njit(error_model="numpy")
def asymmetric(x: Floats, beta: float) -> Floats:
    """Stretch positive coordinates, the later ones more."""
    for i in range(x.size):
        if x[i] > 0.0:
            x[i] = x[i] ** (1.0 + beta * i / (x.size - 1.0) * math.sqrt(x[i]))
    return x


@numba.njit(error_model="numpy")
def outside(x: Floats, edge: float) -> float:
    """Return the squared distance from a cube."""
    total = 0.0
    for i in range(x.size):
        total += max(0.0, abs(x[i]) - edge) ** 2
    return total


@numba.njit(error_model="numpy")
def rastrigin(z: Floats) -> float:
    """Return Rastrigin's function."""
    total = 0.0
    for i in range(z.size):
        total += 10.0 * (1.0 - math.cos(2.0 * math.pi * z[i])) + z[i] ** 2
    return total


@numba.njit(error_model="numpy")
def rosenbrock(z: Floats) -> float:
    """Return Rosenbrock's function."""
    total = 0.0
    for i in range(z.size - 1):
        total += 100.0 * (z[i] ** 2 - z[i + 1]) ** 2 + (z[i] - 1.0) ** 2
    return total


def numbered(function: Callable[..., float]) -> Callable[..., float]:
    """Compile a function of (x, shift s, matrices a and b, factors c, peaks p) and append it to the list."""
    compiled: Callable[..., float] = numba.njit(error_model="numpy")(function)
    COMPILED.append(compiled)
    return compiled


@numbered
def f1(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the sphere."""
    return ((x - s) ** 2).sum()


@numbered
def f2(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the separable ellipsoid."""
    return (c * all_osc(x - s) ** 2).sum()


@numbered
def f3(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the separable Rastrigin function."""
    return rastrigin(c * asymmetric(all_osc(x - s), 0.2))


@numbered
def f4(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the skew Rastrigin-Bueche function."""
    z = all_osc(x - s)
    for i in range(0, x.size, 2):
        if z[i] > 0.0:
            z[i] *= 10.0
    return rastrigin(c * z) + 100.0 * outside(x, 5.0)


@numbered
def f5(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the linear slope."""
    total = 0.0
    for i in range(x.size):
        z = x[i] if x[i] * s[i] <= 25.0 else s[i]
        total += 5.0 * abs(c[i]) - math.copysign(c[i], s[i]) * z
    return total


@numbered
def f6(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the attractive sector."""
    z = times(x - s, a)
    total = 0.0
    for i in range(x.size):
        total += (100.0 * z[i] if z[i] * s[i] > 0.0 else z[i]) ** 2
    return osc(total) ** 0.9


@numbered
def f7(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the step ellipsoid."""
    z = times(x - s, a)
    first = abs(z[0])
    for i in range(x.size):
        z[i] = math.floor(z[i] + 0.5) if abs(z[i]) > 0.5 else math.floor(10.0 * z[i] + 0.5) / 10.0
    return 0.1 * max(1e-4 * first, (c * times(z, b) ** 2).sum()) + outside(x, 5.0)


@numbered
def f8(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Rosenbrock's function."""
    return rosenbrock(c[0] * (x - s) + 1.0)


@numbered
def f9(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Rosenbrock's function, rotated."""
    return rosenbrock(times(x, a) + 0.5)


@numbered
def f10(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the ellipsoid."""
    return (c * all_osc(times(x - s, b)) ** 2).sum()


@numbered
def f11(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the discus."""
    z = all_osc(times(x - s, b)) ** 2
    return z.sum() + (1e6 - 1.0) * z[0]


@numbered
def f12(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the bent cigar."""
    z = times(asymmetric(times(x - s, b), 0.5), b) ** 2
    return 1e6 * z.sum() + (1.0 - 1e6) * z[0]


@numbered
def f13(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the sharp ridge."""
    z = times(x - s, a) ** 2
    return z[0] + 100.0 * math.sqrt(z[1:].sum())


@numbered
def f14(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return the sum of different powers."""
    return math.sqrt((np.abs(times(x - s, b)) ** c).sum())


@numbered
def f15(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Rastrigin's function, rotated."""
    return rastrigin(times(asymmetric(all_osc(times(x - s, b)), 0.2), a))


@numbered
def f16(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Weierstrass's function."""
    z = times(all_osc(times(x - s, b)), a)
    total, lowest = 0.0, 0.0
    for k in range(12):
        for i in range(x.size):
            total += 0.5**k * math.cos(2.0 * math.pi * 3.0**k * (z[i] + 0.5))
        lowest += 0.5**k * math.cos(math.pi * 3.0**k)
    return 10.0 * (total / x.size - lowest) ** 3 + 10.0 / x.size * outside(x, 5.0)


@numbered
def f17(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Schaffer's function F7."""
    z = times(asymmetric(times(x - s, b), 0.5), a)
    total = 0.0
    for i in range(x.size - 1):
        r = z[i] ** 2 + z[i + 1] ** 2
        total += r**0.25 * (math.sin(50.0 * r**0.1) ** 2 + 1.0)
    return (total / (x.size - 1.0)) ** 2 + 10.0 * outside(x, 5.0)


COMPILED.append(f17)


@numbered
def f19(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Griewank's function of Rosenbrock's."""
    z = times(x, a) + 0.5
    total = 0.0
    for i in range(x.size - 1):
        r = 100.0 * (z[i] ** 2 - z[i + 1]) ** 2 + (1.0 - z[i]) ** 2
        total += r / 4000.0 - math.cos(r)
    return 10.0 + 10.0 * total / (x.size - 1.0)


@numbered
def f20(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Schwefel's function."""
    n = x.size
    z = 2.0 * np.sign(s) * x
    far = 2.0 * np.abs(s)
    for i in range(n - 1, 0, -1):
        z[i] += 0.25 * (z[i - 1] - far[i - 1])
    z = 100.0 * (c * (z - far) + far)
    return 0.01 * (418.9828872724339 - (z * np.sin(np.sqrt(np.abs(z)))).sum() / n) + 0.01 * outside(z, 500.0)


@numbered
def f21(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Gallagher's peaks; a row of p is a peak's height, place and curvatures."""
    n = x.size
    z = times(x, a)
    highest = 0.0
    for k in range(p.shape[0]):
        bend = 0.0
        for i in range(n):
            bend += p[k, 1 + n + i] * (z[i] - p[k, 1 + i]) ** 2
        highest = max(highest, p[k, 0] * math.exp(-0.5 / n * bend))
    return osc(10.0 - highest) ** 2 + outside(x, 5.0)


COMPILED.append(f21)


@numbered
def f23(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Katsuura's function."""
    n = x.size
    z = times(x - s, a)
    product = 1.0
    for i in range(n):
        total = 0.0
        for k in range(1, 33):
            scaled = 2.0**k * z[i]
            total += abs(scaled - math.floor(scaled + 0.5)) / 2.0**k
        product *= (1.0 + (i + 1.0) * total) ** (10.0 / n**1.2)
    return 10.0 / n**2 * (product - 1.0) + outside(x, 5.0)


@numbered
def f24(x, s, a, b, c, p):  # type: ignore[no-untyped-def]
    """Return Lunacek's bi-Rastrigin function."""
    n = x.size
    z = 2.0 * np.sign(s) * x
    depth = 1.0 - 0.5 / (math.sqrt(n + 20.0) - 4.1)
    other = -math.sqrt((2.5**2 - 1.0) / depth)
    bowl = min(((z - 2.5) ** 2).sum(), n + depth * ((z - other) ** 2).sum())
    waves = np.cos(2.0 * math.pi * times(z - 2.5, a)).sum()
    return bowl + 10.0 * (n - waves) + 1e4 * outside(x, 5.0)


class Problem(NamedTuple):
    """A function of BBOB as a problem of stochinf; `least` is its value at the optimum, `numbers` lie behind its pointer."""

    function: Any
    least: float
    numbers: Floats


def problem(number: int, instance: int, dim: int, region: tuple[float, float] | None = (-4.0, 4.0)) -> Problem:
    """Return function `number`, 1 to 24, of BBOB."""
    seed = seed_of(number, instance)
    shift, first, second, factors, peaks = tables(number, seed, dim)
    low = least(seed)
    head = np.array([low, float(dim), float(peaks.shape[0])])
    numbers = np.concatenate([head, shift, first.ravel(), second.ravel(), factors, peaks.ravel()])
    pointer = behind_pointer(number)
    return Problem(si.Function(pointer, dim, region=region, data=numbers.ctypes.data), low, numbers)


@functools.cache
def behind_pointer(number: int) -> Any:
    """Return a function behind the C signature; its numbers lie at `data`."""
    function = COMPILED[number - 1]

    def call(n, x, gradient, out, data):  # type: ignore[no-untyped-def]
        head = numba.carray(data, (3,), np.float64)
        peaks = int(head[2])
        size = 3 + 2 * n + 2 * n * n + peaks * (1 + 2 * n)
        numbers = numba.carray(data, (size,), np.float64)
        at = 3 + n
        first = numbers[at : at + n * n].reshape((n, n))
        second = numbers[at + n * n : at + 2 * n * n].reshape((n, n))
        at += 2 * n * n
        rows = numbers[at + n :].reshape((peaks, 1 + 2 * n))
        value = function(numba.carray(x, (n,)), numbers[3 : 3 + n], first, second, numbers[at : at + n], rows)
        out[0] = head[0] + value
        return 0

    return numba.cfunc(SIGNATURE)(call)
