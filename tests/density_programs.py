"""Random programs in numpy's words: a dozen operations, each on what the ones before left."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stochinf.density import log_sum_exp, scan, solve_triangular

DIM = 7
MATRIX = np.linspace(-1.0, 1.5, 12).reshape(3, 4)
PLACES = np.array([1, -1, 0, -1, 2])


def ndim(value: Any) -> int:
    return len(np.shape(value))


def fitting(value: Any, values: list[Any], rng: np.random.Generator) -> Any:
    """One of the values that can be broadcast with another."""
    found = []
    for other in values:
        try:
            shape = np.broadcast_shapes(np.shape(value), np.shape(other))
        except ValueError:
            continue
        if len(shape) <= 2:
            found.append(other)
    return found[rng.integers(len(found))]


def factored(a: Any) -> Any:
    return np.linalg.cholesky(a @ a.T + 3 * np.eye(np.shape(a)[0]))


NUMBERS = [
    np.sin,
    np.tanh,
    lambda a: np.exp(-a * a),
    lambda a: np.log(1.5 + a * a),
    lambda a: -0.7 * a,
    lambda a: np.maximum(a, 0.1),
    lambda a: 0.3 * np.sum(a),
]
PAIRS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (1.5 + b * b),
    np.logaddexp,
    lambda a, b: np.where(a < b, 2 * a, b),
]
ROWS = [
    log_sum_exp,
    lambda a: a[np.clip(PLACES, -np.shape(a)[0], np.shape(a)[0] - 1)],
    lambda a: a[1:] * a[:-1],
    lambda a: np.cumsum(a, axis=0),
    lambda a: np.concatenate([a, 2 * a[:1]]),
    lambda a: a[::-1] + a[0],
    lambda a: scan(lambda c, row: (0.3 * c + np.cos(row) * np.mean(a), None), 0.1 * a[0], a * a, reverse=True)[0],
    lambda a: scan(lambda c, row: (np.tanh(c + np.sum(row)), np.exp(-c * c)), np.sum(a), a)[1],
]
VECTORS = [np.diag, lambda a: a[:, None] * np.cos(a)[None, :], lambda a: np.stack([a, a * a], axis=1)]
MATRICES = [
    lambda a: a.sum(axis=0),
    lambda a: a.sum(axis=1),
    lambda a: log_sum_exp(a, axis=0),
    lambda a: log_sum_exp(a, axis=1),
    np.transpose,
    lambda a: a @ np.ones(np.shape(a)[1]),
    lambda a: a.T @ a,
    lambda a: a.reshape(-1),
    lambda a: solve_triangular(factored(a), a, lower=True),
    lambda a: np.log(np.diag(factored(a))),
]


def program(seed: int) -> Callable[[Any], Any]:
    """The program of a seed: a function of a position."""

    def function(x: Any) -> Any:
        rng = np.random.default_rng(seed)
        values = [x[0], x[1:4], x[3:7], x[1:7].reshape(2, 3), MATRIX * x[0], MATRIX[1] + x[3:7]]
        for _ in range(12):
            a = values[rng.integers(max(0, len(values) - 8), len(values))]
            kinds = [
                NUMBERS,
                PAIRS,
                *([ROWS] if ndim(a) else []),
                *([[], VECTORS, MATRICES][ndim(a) : ndim(a) + 1] if ndim(a) else []),
            ]
            kind = kinds[rng.integers(len(kinds))]
            operation = kind[rng.integers(len(kind))]
            new = operation(a, fitting(a, values, rng)) if kind is PAIRS else operation(a)
            if 0 < np.size(new) <= 40:
                values.append(new)
        return sum(np.sum(np.sin(value)) for value in values[6:])

    return function
