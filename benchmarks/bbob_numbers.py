"""The numbers of the BBOB functions: the report's own generator, optima, rotations, peaks; see `bbob_functions.py`."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["least", "seed_of", "tables"]

Floats = npt.NDArray[np.float64]
SEEDS = {4: 3, 18: 17}
"""The first part of a function's seed, where it is not its number."""


def seed_of(number: int, instance: int) -> float:
    """Return the seed of a function's instance."""
    return SEEDS.get(number, number) + 1e4 * instance


def uniforms(n: int, seed: float) -> Floats:
    """Return n numbers of the report's own generator (minimal standard with a shuffle)."""
    now = max(1.0, abs(seed))
    table = [0.0] * 32

    def following(value: float) -> float:
        whole = math.floor(value / 127773.0)
        value = 16807.0 * (value - whole * 127773.0) - 2836.0 * whole
        return value + 2147483647.0 if value < 0 else value

    for i in range(39, -1, -1):
        now = following(now)
        if i < 32:
            table[i] = now
    last = table[0]
    out = np.empty(n)
    for i in range(n):
        now = following(now)
        place = math.floor(last / 67108865.0)
        last, table[place] = table[place], now
        out[i] = last / 2.147483647e9
    out[out == 0] = 1e-99
    return out


def normals(n: int, seed: float) -> Floats:
    """Return n normal numbers from them, by Box and Muller."""
    u = uniforms(2 * n, seed)
    g = np.sqrt(-2.0 * np.log(u[:n])) * np.cos(2.0 * np.pi * u[n:])
    g[g == 0] = 1e-99
    return g


def rotation(seed: float, dim: int) -> Floats:
    """Return an orthogonal matrix: Gram-Schmidt on normal rows."""
    rows = normals(dim * dim, seed).reshape(dim, dim)
    for i in range(dim):
        for j in range(i):
            rows[i] -= (rows[i] @ rows[j]) * rows[j]
        rows[i] /= np.sqrt((rows[i] ** 2).sum())
    return rows


def optimum(seed: float, dim: int) -> Floats:
    """Return a point uniform in [-4, 4], of four digits, no coordinate zero."""
    x = 8.0 * np.floor(1e4 * uniforms(dim, seed)) / 1e4 - 4.0
    x[x == 0] = -1e-5
    return x


def least(seed: float) -> float:
    """Return the value at the optimum."""
    ratio = normals(1, seed)[0] / normals(1, seed + 1)[0]
    return float(min(1000.0, max(-1000.0, np.round(1e4 * ratio) / 100.0)))


def tables(number: int, seed: float, dim: int) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return shift, two matrices, factors and peaks of a function."""
    line = np.linspace(0.0, 1.0, dim)
    b, b2 = rotation(seed + 1e6, dim), rotation(seed, dim)
    shift, a, factors, peaks = optimum(seed, dim), np.eye(dim), np.ones(dim), np.zeros((0, 1 + 2 * dim))
    root = math.sqrt(10.0) ** line
    if number in (2, 10):
        factors = 1e6**line
    elif number in (3, 4, 20):
        factors = root
        shift = np.where(np.arange(dim) % 2 == 0, np.abs(shift), shift) if number == 4 else shift
        shift = 0.5 * np.sign(uniforms(dim, seed) - 0.5) * 4.2096874633 if number == 20 else shift
    elif number == 5:
        shift, factors = 5.0 * np.sign(shift), 10.0**line
    elif number in (6, 13, 15):
        a = b2 @ np.diag(root) @ b
    elif number == 7:
        a, factors = b2 @ np.diag(root), 100.0**line
    elif number == 8:
        shift, factors = 0.75 * shift, np.full(dim, max(1.0, math.sqrt(dim) / 8.0))
    elif number in (9, 19):
        a = max(1.0, math.sqrt(dim) / 8.0) * b2
    elif number == 12:
        shift = optimum(seed + 1e6, dim)
    elif number == 14:
        factors = 2.0 + 4.0 * line
    elif number in (16, 23, 24):
        a = b2 @ np.diag((0.1 if number == 16 else 10.0) ** line) @ b
        shift = 1.25 * np.sign(normals(dim, seed)) if number == 24 else shift
    elif number in (17, 18):
        a = b2 @ np.diag((math.sqrt(10.0) if number == 17 else math.sqrt(1000.0)) ** line)
    elif number in (21, 22):
        a, peaks = b2, gallagher(number, seed, dim, b2)
    return shift, a, b, factors, peaks


def gallagher(number: int, seed: float, dim: int, turn: Floats) -> Floats:
    """Return the peaks: height, place and curvatures in rows."""
    count, spread, steepest = (101, 1.0, math.sqrt(1000.0)) if number == 21 else (21, 0.98, 1000.0)
    order = np.argsort(uniforms(count - 1, seed))
    conditions = np.insert((1000.0 ** np.linspace(0.0, 1.0, count - 1))[order], 0, steepest)
    curvatures = [
        (condition ** np.linspace(-0.5, 0.5, dim))[np.argsort(uniforms(dim, seed + 1e3 * k))]
        for k, condition in enumerate(conditions)
    ]
    places = spread * (10.0 * uniforms(dim * count, seed) - 5.0).reshape(count, dim) @ turn
    places[0] *= 0.8
    heights = np.insert(np.linspace(1.1, 9.1, count - 1), 0, 10.0)
    return np.column_stack([heights, places, np.array(curvatures)])
