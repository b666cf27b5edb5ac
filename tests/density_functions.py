"""Functions of a position (six numbers, two of them positive here and there) in numpy's words, for tests of graphs."""

import numpy as np
import scipy.special as special

from stochinf.density.linear import solve_triangular
from stochinf.density.loops import scan
from stochinf.density.special import log_sum_exp

X = np.linspace(-1.0, 1.0, 24).reshape(4, 6) ** 3 + 0.3
Y = np.array([0.5, -1.0, 2.0, 0.25])
PLACES = np.array([0, 2, 1, 5, 2, -1])
POINT = np.array([0.3, -0.7, 1.2, 0.4, 0.9, -0.2])

ELEMENTWISE = {
    name: (lambda x, function=function: np.sum(function(x) * np.arange(1.0, 7.0)))
    for name, function in {
        "exp": np.exp,
        "expm1": np.expm1,
        "log": lambda x: np.log(2 + x),
        "log1p": np.log1p,
        "log2": lambda x: np.log2(2 + x) + np.log10(3 + x),
        "sqrt": lambda x: np.sqrt(2.0 + x),
        "square": np.square,
        "powers": lambda x: x**2 + x**3 - x**4 + (2 + x) ** 0.5 + (2 + x) ** -1 + (2 + x) ** 1.7 + x**0 + x**1,
        "power of x": lambda x: 2.0**x + (2 + x) ** x,
        "division": lambda x: x / (2 + x) - 1 / (3 + x),
        "trigonometry": lambda x: np.sin(x) + np.cos(x) * np.tan(x),
        "inverse trigonometry": lambda x: np.arcsin(x / 2) + np.arccos(x / 2) * np.arctan(x),
        "arctan2": lambda x: np.arctan2(x, x[::-1] + 3.0),
        "hyperbolic": lambda x: np.sinh(x) + np.cosh(x) * np.tanh(x),
        "inverse hyperbolic": lambda x: np.arcsinh(x) + np.arccosh(2 + x) * np.arctanh(x / 2),
        "absolute": lambda x: np.abs(x) + np.sign(x) * x + abs(x - 0.1),
        "bounds": lambda x: np.minimum(x, 0.25) * np.maximum(x, x[::-1]) + np.clip(x, -0.5, 0.5),
        "where": lambda x: np.where((x > 0) & (x < 1), x * x, -x) + np.where(~(x >= 0.35), x, 0.0),
        "logaddexp": lambda x: np.logaddexp(x, x[::-1]) + np.logaddexp(0.0, x),
        "sigmoid": lambda x: special.expit(x) + special.log_expit(x) + special.logit(0.5 + x / 10),
        "gamma": lambda x: special.gammaln(2 + x) + special.digamma(3 + x) + special.betaln(2 + x, 3.0),
        "normal": lambda x: special.erf(x) + special.erfc(x) + special.ndtr(x) + special.log_ndtr(x),
        "xlogy": lambda x: special.xlogy(x, 2 + x) + special.xlog1py(x, x) + special.entr(2 + x),
        "rounding": lambda x: np.floor(x) * x + np.ceil(x) * x + np.rint(x) + np.trunc(x) + (x % 0.75) + x // 0.37,
        "other": lambda x: np.hypot(x, 1.0 + x) + np.cbrt(x) + np.exp2(x) + np.reciprocal(2 + x) + np.deg2rad(x),
        "negative": lambda x: -np.negative(-x) + (+x) - (1 - x) + np.negative(x) * -1,
        "logic": lambda x: np.where(np.logical_or(x < 0, np.isnan(x)) | np.logical_not(np.isfinite(x)), 2 * x, 3 * x),
    }.items()
}

ARRAYS = {
    "sums": lambda x: np.sum(x) + x.sum() * x.mean() + x.var() + x.std() + np.var(x, ddof=1),
    "extremes": lambda x: x.max() - np.min(x) + np.ptp(x * x),
    "axes": lambda x: (
        (X * x).sum(axis=0) @ x + ((X * x).sum(axis=1) ** 2).sum() + (X + x).max(axis=1).sum() + np.mean(X * x, 0)[1]
    ),
    "keepdims": lambda x: np.sum((X * x) / (X * x).sum(axis=1, keepdims=True)),
    "logsumexp": lambda x: log_sum_exp(x) + np.sum(log_sum_exp(X * x, axis=1) ** 2) + np.sum(log_sum_exp(X * x, axis=0)),
    "logsumexp of infinity": lambda x: log_sum_exp(np.where(x > 0, x, -np.inf)),
    "cumulative": lambda x: np.cumsum(x) @ x + np.cumsum(X * x, axis=1).sum() + (np.cumsum(X * x, axis=0) ** 2).sum(),
    "product": lambda x: np.prod(x) + np.prod(X * x, axis=1).sum() + (X[:2, :3] + x[:3]).prod(axis=0).sum(),
    "running products": lambda x: (
        np.cumprod(x) @ np.arange(6.0) + np.cumprod(X * x, axis=1).sum() + (X * x).cumprod(axis=0)[2, 1]
    ),
    "averages": lambda x: (
        np.average(x, weights=np.arange(6.0))
        + np.average(X * x, axis=0, weights=Y)[2]
        + np.average(X * x, axis=1, weights=x * x).sum()
    ),
    "einsum": lambda x: (
        np.einsum("i,i->", x, x)
        + np.einsum("ij,j,ij->i", X, x, X * x).sum()
        + np.einsum("ij,kj->ki", X * x, X)[1, 2]
        + np.einsum("ij,ij", X, X * x)
        + np.einsum("ii", np.outer(x, x))
        + np.einsum("i,j->ji", x, x[:2])[1, 3]
        + np.einsum("ij,jk,k", X, np.outer(x, x), x).sum()
        + np.einsum("ji,i->j", X, x)[3]
    ),
    "matrix": lambda x: np.sum((X @ x - Y) ** 2) + (Y @ X) @ x + np.dot(X, x)[2] + np.inner(x, x) + np.vdot(x, x),
    "matrices": lambda x: np.sum((X * x) @ (X * x[::-1]).T @ Y) + np.trace(np.outer(x[:3], x[3:]) @ np.outer(x[3:], x[:3])),
    "quadratic": lambda x: x @ (X.T @ X) @ x + np.linalg.norm(x) + np.sum(np.linalg.norm(X * x, axis=1)),
    "shapes": lambda x: np.sum(x.reshape(2, 3) @ x.reshape(3, -1)) + np.sum(x.reshape(2, 3).T.ravel() * x) + x.reshape((6,))[2],
    "new axes": lambda x: np.sum((x[:, None] - x[None, :]) ** 2 * np.arange(36.0).reshape(6, 6)) + np.expand_dims(x, 1).sum(),
    "joins": lambda x: np.concatenate([x, Y, x[:2]]) @ np.arange(12.0) + np.stack([x[0], x[1], 2.0]) @ np.arange(3.0),
    "stacks": lambda x: np.sum(np.stack([x, x * x], axis=1) @ np.array([1.0, 3.0])) + np.vstack([x, X]).sum(0) @ x,
    "more stacks": lambda x: np.hstack([x, x[0]]) @ np.arange(7.0) + np.column_stack([x, x * x])[:, 1] @ x,
    "slices": lambda x: x[1] * x[-1] + x[1:4] @ x[3:] + x[::2] @ x[1::2] + x[::-1] @ np.arange(6.0) + x[...].sum() + x[-3:].sum(),
    "matrix slices": lambda x: (
        (X * x)[1:3, ::2].sum() + (X * x)[0] @ x + (X * x)[:, -1].sum() + (X * x)[2, 3] + (x * X)[..., 1].sum()
    ),
    "gather": lambda x: (
        x[PLACES] @ np.arange(6.0) + x[[1, 1, 2]].sum() + x[np.array([[0, 1], [5, 5]])].sum() + np.take(x, [1, 4]).sum()
    ),
    "matrix gather": lambda x: (X * x)[[0, 3, 3]].sum(0) @ x + (X * x)[:, PLACES].sum(0) @ x + (X * x)[[0, 1], [2, 2]].sum(),
    "masks": lambda x: x[np.array([True, False, True, True, False, False])].sum() + (X * x)[Y > 0].sum(),
    "differences": lambda x: np.diff(x) @ np.arange(5.0) + np.diff(X * x, axis=0).sum() + np.roll(x, 2) @ np.arange(6.0),
    "repeats": lambda x: np.repeat(x, 2) @ np.arange(12.0) + np.tile(x, 2) @ np.arange(12.0) + np.flip(x)[0] * x[0],
    "splits": lambda x: sum((k + 1) * part.sum() ** 2 for k, part in enumerate(np.split(x, 3))) + sum(v * v for v in x),
    "triangles": lambda x: np.sum(np.tril(np.outer(x, x)) * np.arange(36.0).reshape(6, 6)) + np.triu(np.outer(x, x), 1).sum(),
    "diagonals": lambda x: np.diag(np.outer(x, x)) @ np.arange(6.0) + np.sum(np.diag(x) @ X.T) + np.trace(np.outer(x, x)),
    "cholesky": lambda x: np.sum(np.linalg.cholesky(np.outer(x, x) + 2 * np.eye(6)) * np.arange(36.0).reshape(6, 6)),
    "log determinant": lambda x: 2 * np.log(np.diag(np.linalg.cholesky(np.exp(-((x[:, None] - x) ** 2)) + np.eye(6)))).sum(),
    "triangular": lambda x: np.sum(
        solve_triangular(np.linalg.cholesky(np.outer(x, x) + np.eye(6)), np.arange(12.0).reshape(6, 2) * x[0], lower=True) ** 2
    ),
    "upper": lambda x: x @ solve_triangular(np.outer(x, x) + 3 * np.eye(6), x) + x @ solve_triangular(np.eye(6) * 2, x, trans=1),
    "back": lambda x: x[::-1] @ solve_triangular(np.outer(x, x) + 3 * np.eye(6), x, lower=True, trans="T"),
    "broadcast": lambda x: np.sum(np.broadcast_to(x, (3, 6)) * np.arange(18.0).reshape(3, 6)) + np.sum(np.zeros_like(x) + x),
    "conditions": lambda x: (
        np.where(np.all(x < 5), x[0], 0.0) + np.where(np.any(x < -5), 0.0, x[1]) + np.select([x > 0], [x]).sum()
    ),
}


def autoregression(x):
    """Return the sum of squares of a recurrence of length 40, by a scan that captures the position."""

    def step(carry, row):
        new = x[0] * carry + x[1] * row + x[2]
        return new, new * np.exp(-new * new)

    last, outputs = scan(step, x[3], np.sin(np.arange(40.0)))
    return last + outputs @ np.cos(np.arange(40.0))


def garch(x):
    """Return a GARCH(1, 1) log likelihood."""
    y = np.sin(np.arange(30.0) ** 2)

    def step(carry, now):
        variance = np.exp(x[0]) + carry[0] ** 2 * 0.3 * x[1] ** 2 + 0.4 * carry[1]
        return (now, variance), -0.5 * np.log(variance) - 0.5 * now**2 / variance

    return scan(step, (0.1, np.exp(x[2])), y)[1].sum()


def forward(x):
    """Return the log probability of a hidden Markov chain of three states: vectors carried, a matrix captured."""
    logits = x.reshape(2, 3)
    weights = np.stack([logits[0], logits[1], logits[0] * logits[1]])
    transition = weights - log_sum_exp(weights, axis=1)[:, None]
    emission = -0.5 * (np.sin(np.arange(20.0))[:, None] - logits[0]) ** 2

    def step(carry, row):
        return log_sum_exp(carry[:, None] + transition, axis=0) + row, None

    return log_sum_exp(scan(step, emission[0], emission[1:])[0])


def backwards(x):
    """Return what a scan from the end to the beginning gives: two sequences, a gather, a matrix carried."""
    places = np.array([0, 3, 2, 1, 5, 4])

    def step(carry, rows):
        place, row = rows
        matrix = carry @ carry.T * 0.1 + np.outer(row, row) * x[place] + np.eye(2)
        return matrix / np.sum(matrix * matrix) ** 0.5, matrix[0]

    last, rows = scan(step, np.eye(2) * x[0], (places, np.stack([x, x[::-1] ** 2], axis=1)), reverse=True)
    return np.sum(last * np.arange(4.0).reshape(2, 2)) + np.sum(rows * np.arange(12.0).reshape(6, 2))


def kalman(x):
    """Return the log likelihood of a local trend: a vector and a matrix carried, both moved by parameters."""
    y = np.sin(np.arange(12.0)) + 0.1 * np.arange(12.0)
    move = np.array([[1.0, 1.0], [0.0, 1.0]])
    noise = np.diag(np.exp(x[:2]))

    def step(carry, now):
        mean, spread = move @ carry[0], move @ carry[1] @ move.T + noise
        scale = spread[0, 0] + np.exp(x[2])
        gain, miss = spread[:, 0] / scale, now - mean[0]
        return (mean + gain * miss, spread - np.outer(gain, spread[0])), -0.5 * np.log(scale) - 0.5 * miss**2 / scale

    return scan(step, (x[3:5], np.eye(2) * np.exp(x[5])), y)[1].sum()


def masked(x):
    """Return what loops do with truth values and places: in sequences, and captured."""
    seen, places = np.array([True, False, True, True]), np.array([3, 0, 2, 1])
    up = x[:4] > 0

    def step(carry, rows):
        shown, place = rows
        new = np.where(up, carry * x[place], carry[places] - x[4])
        return np.where(shown, new, carry), np.where(x[5] > 0, new.sum(), carry @ new)

    return scan(step, x[:4] * 1.0, (seen, places))[1].sum()


SCANS = {
    "autoregression": autoregression,
    "garch": garch,
    "forward": forward,
    "backwards": backwards,
    "kalman": kalman,
    "masked": masked,
}
FUNCTIONS = {**ELEMENTWISE, **ARRAYS, **SCANS}
