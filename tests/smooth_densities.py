"""Densities behind one C signature, with exact draws: every sampler is compiled once for all of them."""

import math

import numba
import numpy as np
from scipy import stats

from stochinf.density import SIGNATURE, PointerDensity, python_density, wanted
from stochinf.engine.jit import JIT

RHO = 0.95
WIDTH = 0.5


def _bent(x, gradient, slope):
    """Log density of (a, b, c): a normal, b normal about a^2 - 1, c the logarithm of an exponential; writes the gradient."""
    off = (x[1] - x[0] * x[0] + 1.0) / WIDTH
    if gradient:
        slope[0] = -x[0] + 2.0 * x[0] * off / WIDTH
        slope[1] = -off / WIDTH
        slope[2] = 1.0 - math.exp(x[2])
    return -0.5 * x[0] * x[0] - 0.5 * off * off + x[2] - math.exp(x[2])


def _correlated(x, gradient, slope):
    """Log density of two normal numbers of correlation RHO, the second ten times as wide."""
    a = x[0]
    b = 0.1 * x[1]
    k = 1.0 / (1.0 - RHO * RHO)
    if gradient:
        slope[0] = -k * (a - RHO * b)
        slope[1] = -0.1 * k * (b - RHO * a)
    return -0.5 * k * (a * a - 2.0 * RHO * a * b + b * b)


def pointer(function, dim):
    """Return a target from a function like those above, compiled where the JIT is on."""
    if not JIT:
        slope = np.empty(dim)

        def gradient(x):
            function(x, True, slope)
            return slope

        return python_density(lambda x: function(x, False, slope), dim, gradient)
    inner = numba.njit(error_model="numpy")(function)

    @numba.cfunc(SIGNATURE)
    def density(n, x, gradient, out, data):
        out[0] = inner(x, wanted(gradient), gradient)
        return 0

    return PointerDensity(density, dim, differentiable=True)


BENT = pointer(_bent, 3)
CORRELATED = pointer(_correlated, 2)


def bent_draws(n, seed):
    """Exact draws of BENT."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(n)
    return np.stack([a, a * a - 1.0 + WIDTH * rng.standard_normal(n), np.log(rng.exponential(size=n))], 1)


def bent_uniforms(x):
    """What BENT makes of its draws: three independent uniform numbers."""
    off = (x[:, 1] - x[:, 0] ** 2 + 1.0) / WIDTH
    return np.stack([stats.norm.cdf(x[:, 0]), stats.norm.cdf(off), stats.expon.cdf(np.exp(x[:, 2]))], 1)


def surprise(uniforms):
    """Smallest p-value over the columns, each as it is and folded in the middle."""
    return min(stats.kstest(v, "uniform").pvalue for u in uniforms.T for v in (u, abs(2 * u - 1)))
