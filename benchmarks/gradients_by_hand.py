"""Log densities and gradients as a patient author would write them for numba: what traced ones are measured against."""

from __future__ import annotations

import math

import numba
import numpy as np

__all__ = ["eight_schools", "logistic_by_blas", "logistic_by_rows"]

compiled = numba.njit(error_model="numpy", fastmath={"reassoc", "contract", "arcp", "nsz"})


@compiled
def eight_schools(x, slope, y, sigma):
    mu, tau = x[0], math.exp(x[1])
    inside = 1.0 + (tau / 5.0) ** 2
    value = -0.5 * (mu / 5.0) ** 2 - math.log(inside) + x[1]
    to_mu, to_tau = -mu / 25.0, 0.0
    for i in range(y.size):
        theta = x[2 + i]
        rest = (y[i] - mu - tau * theta) / sigma[i]
        value -= 0.5 * (rest * rest + theta * theta)
        scaled = rest / sigma[i]
        to_mu += scaled
        to_tau += scaled * theta
        slope[2 + i] = scaled * tau - theta
    slope[0] = to_mu
    slope[1] = to_tau * tau - 2.0 * (tau / 5.0) ** 2 / inside + 1.0
    return value


@compiled
def logistic_by_rows(b, slope, X, y):
    rows, columns = X.shape
    value = 0.0
    for j in range(columns):
        value -= 0.5 * b[j] * b[j]
        slope[j] = -b[j]
    for i in range(rows):
        eta = 0.0
        for j in range(columns):
            eta += X[i, j] * b[j]
        small = math.exp(-abs(eta))
        value += y[i] * eta - (max(eta, 0.0) + math.log1p(small))
        rest = y[i] - (1.0 if eta > 0 else small) / (1.0 + small)
        for j in range(columns):
            slope[j] += rest * X[i, j]
    return value


@compiled
def logistic_by_blas(b, slope, X, y):
    value = 0.0
    eta = np.dot(X, b)
    rest = np.empty(y.size)
    for i in range(y.size):
        small = math.exp(-abs(eta[i]))
        value += y[i] * eta[i] - (max(eta[i], 0.0) + math.log1p(small))
        rest[i] = y[i] - (1.0 if eta[i] > 0 else small) / (1.0 + small)
    slope[:] = np.dot(rest, X) - b
    for j in range(b.size):
        value -= 0.5 * b[j] * b[j]
    return value
