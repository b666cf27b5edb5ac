"""Targets of stochastic-gradient samplers whose stationary law is known exactly; shared, so that they compile once."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import stochinf as si

Floats = npt.NDArray[np.float64]


@si.kernel
class Quadratic(NamedTuple):
    """f(w) = mean over rows of stiffness / 2 |w - x|^2, coordinate by coordinate."""

    rows: Floats
    stiffness: float

    @property
    def n_points(self):
        return self.rows.shape[0]

    @property
    def dim(self):
        return self.rows.shape[1]

    def gradient(self, position, point, out):
        for j in range(out.size):
            out[j] = 0.0
        for k in range(point.size):
            for j in range(out.size):
                out[j] += self.stiffness * (position[j] - self.rows[point[k], j]) / point.size

    def start(self, generator):
        return np.zeros(self.rows.shape[1])


def standardised(n, dim, seed=10):
    """Rows whose columns have mean 0 and variance 1 exactly: every coordinate is an independent copy of one problem."""
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)
