r"""One generation of CMA-ES: how the mean, the covariance and the step size follow the ranked sample.

With candidates :math:`x_k = m + \sigma y_k`, :math:`y_k = B D z_k`, ranked by value, weights :math:`w_k` that sum to one over the
better half and are negative over the worse, and :math:`\langle y \rangle` the weighted mean of the better half,

.. math::
    m \leftarrow m + \sigma \langle y \rangle, \qquad
    p_\sigma \leftarrow (1 - c_\sigma) p_\sigma + \sqrt{c_\sigma (2 - c_\sigma) \mu_w}\, C^{-1/2} \langle y \rangle, \qquad
    \sigma \leftarrow \sigma \exp\Big(\frac{c_\sigma}{d_\sigma} \Big(\frac{\|p_\sigma\|}{E\|N(0, I)\|} - 1\Big)\Big),

.. math::
    p_c \leftarrow (1 - c_c) p_c + h \sqrt{c_c (2 - c_c) \mu_w}\, \langle y \rangle, \qquad
    C \leftarrow (1 - c_1 - c_\mu \textstyle\sum w) C + c_1 p_c p_c' + c_\mu \textstyle\sum_k w_k^\circ y_k y_k'.

References
----------
Hansen, N. (2016). The CMA evolution strategy: a tutorial. arXiv:1604.00772, figure 6 and table 1, with negative weights.
Hansen, N. (2006). The CMA evolution strategy: a comparing review. Towards a New Evolutionary Computation, Springer: the rate
c_sigma = (mu_w + 2) / (n + mu_w + 3) of the path of the step size.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.random import normal
from stochinf.optim.black_box.eigen import decompose

__all__ = ["Distribution", "Sample", "adapt", "draw", "new_distribution", "new_sample", "set_weights"]

Floats = npt.NDArray[np.float64]


class Distribution(NamedTuple):
    """Where candidates are drawn.

    Attributes
    ----------
    mean, scales : ndarray of shape (dim,)
        The scales are those of the first covariance, diag(scales^2).
    sigma : ndarray of shape (2,)
        The step size now, and at the start of the first run.
    covariance, axes : ndarray of shape (dim, dim)
        The axes are the covariance's eigenvectors, in columns, as of the last decomposition.
    lengths : ndarray of shape (dim,)
        Roots of the eigenvalues.
    path_sigma, path_c, step, work : ndarray of shape (dim,)
    stale : ndarray of shape (1,)
        Generations since the last decomposition.
    """

    mean: Floats
    scales: Floats
    sigma: Floats
    covariance: Floats
    axes: Floats
    lengths: Floats
    path_sigma: Floats
    path_c: Floats
    step: Floats
    work: Floats
    stale: npt.NDArray[np.int64]


class Sample(NamedTuple):
    """The candidates of a generation; there is room for the largest population.

    Attributes
    ----------
    steps : ndarray of shape (most, dim)
        The y of the equations.
    norms, values, weights : ndarray of shape (most,)
        |z|^2, values in the order of drawing, weights in the order of rank.
    order : ndarray of shape (most,)
        The candidates by rank.
    sums : ndarray of shape (2,)
        mu_w, and the sum of all weights.
    """

    steps: Floats
    norms: Floats
    values: Floats
    weights: Floats
    order: npt.NDArray[np.int64]
    sums: Floats


class Rates(NamedTuple):
    """Table 1 of the tutorial, but for c_sigma, which is that of Hansen (2006), at most 1/2 as in pycma."""

    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float


def new_distribution(start: Floats, scales: Floats, sigma: float) -> Distribution:
    """Return the distribution around a starting point."""
    n = start.size
    return Distribution(
        start.copy(), scales.copy(), np.array([sigma, sigma]), np.diag(scales**2), np.eye(n), scales.copy(),
        np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(1, np.int64),
    )  # fmt: skip


def new_sample(most: int, dim: int) -> Sample:
    """Return room for generations of up to `most` candidates."""
    return Sample(np.zeros((most, dim)), np.zeros(most), np.zeros(most), np.zeros(most), np.zeros(most, np.int64), np.zeros(2))


@helper()
def rates_for(mu: float, dim: int) -> Rates:
    """Return the learning rates for an effective number of parents; that of the path at most 1/2, or it forgets at once."""
    n = float(dim)
    c_sigma = min(0.5, (mu + 2.0) / (n + mu + 3.0))
    d_sigma = 1.0 + 2.0 * max(0.0, math.sqrt((mu - 1.0) / (n + 1.0)) - 1.0) + c_sigma
    c_c = (4.0 + mu / n) / (n + 4.0 + 2.0 * mu / n)
    c_1 = 2.0 / ((n + 1.3) ** 2 + mu)
    c_mu = min(1.0 - c_1, 2.0 * (0.25 + mu + 1.0 / mu - 2.0) / ((n + 2.0) ** 2 + mu))
    return Rates(c_sigma, d_sigma, c_c, c_1, c_mu)


@helper()
def set_weights(sample: Sample, population: int, dim: int) -> None:
    """Write the weights for a population, best rank first (tutorial, equations 49 to 53)."""
    positive, squares, negative, negative_squares = 0.0, 0.0, 0.0, 0.0
    for k in range(population):
        w = math.log(0.5 * (population + 1.0)) - math.log(k + 1.0)
        sample.weights[k] = w
        if k < population // 2:
            positive += w
            squares += w * w
        else:
            negative -= w
            negative_squares += w * w
    mu = positive * positive / squares
    rates = rates_for(mu, dim)
    mu_negative = negative * negative / negative_squares
    most = min(1.0 + rates.c_1 / rates.c_mu, 1.0 + 2.0 * mu_negative / (mu + 2.0))
    most = min(most, (1.0 - rates.c_1 - rates.c_mu) / (dim * rates.c_mu))
    total = 0.0
    for k in range(population):
        sample.weights[k] *= 1.0 / positive if k < population // 2 else most / negative
        total += sample.weights[k]
    sample.sums[0] = mu
    sample.sums[1] = total


@helper()
def draw(law: Distribution, sample: Sample, k: int, out: Floats, rng: Any) -> None:
    """Draw candidate k of a generation."""
    n = out.size
    square = 0.0
    for j in range(n):
        z = normal(rng)
        square += z * z
        law.work[j] = law.lengths[j] * z
    sample.norms[k] = square
    for i in range(n):
        y = 0.0
        for j in range(n):
            y += law.axes[i, j] * law.work[j]
        sample.steps[k, i] = y
        out[i] = law.mean[i] + law.sigma[0] * y


@helper()
def rank(values: Floats, order: npt.NDArray[np.int64], population: int) -> None:
    """Write the indices of the values, smallest first, equal ones in their order: Shell's sort, which needs no room."""
    for k in range(population):
        order[k] = k
    gap = population // 2
    while gap > 0:
        for k in range(gap, population):
            moving = order[k]
            here = k
            while here >= gap and later(values, order[here - gap], moving):
                order[here] = order[here - gap]
                here -= gap
            order[here] = moving
        gap //= 2


@helper()
def later(values: Floats, a: int, b: int) -> bool:
    """Whether a comes after b."""
    return bool(values[a] > values[b] or (values[a] == values[b] and a > b))


@helper()
def adapt(law: Distribution, sample: Sample, population: int, generation: int) -> bool:
    """Move the distribution after a generation; return whether its covariance is still sound."""
    rank(sample.values, sample.order, population)
    n = law.mean.size
    mu = sample.sums[0]
    rates = rates_for(mu, n)
    for i in range(n):
        total = 0.0
        for k in range(population // 2):
            total += sample.weights[k] * sample.steps[sample.order[k], i]
        law.step[i] = total
        law.mean[i] += law.sigma[0] * total
    length = lengthen_path(law, rates, mu)
    chi = math.sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n))
    settled = 1.0 - (1.0 - rates.c_sigma) ** (2.0 * (generation + 1.0))
    heard = length / math.sqrt(settled) < (1.4 + 2.0 / (n + 1.0)) * chi
    learn(law, sample, population, rates, heard)
    law.sigma[0] *= math.exp(min(1.0, rates.c_sigma / rates.d_sigma * (length / chi - 1.0)))
    law.stale[0] += 1
    if law.stale[0] * 10.0 * n * (rates.c_1 + rates.c_mu) < 1.0:
        return True
    law.stale[0] = 0
    return refresh(law)


@helper()
def lengthen_path(law: Distribution, rates: Rates, mu: float) -> float:
    """Update the path of the step size; return its length."""
    n = law.mean.size
    for j in range(n):
        total = 0.0
        for i in range(n):
            total += law.axes[i, j] * law.step[i]
        law.work[j] = total / law.lengths[j]
    weight = math.sqrt(rates.c_sigma * (2.0 - rates.c_sigma) * mu)
    square = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += law.axes[i, j] * law.work[j]
        law.path_sigma[i] = (1.0 - rates.c_sigma) * law.path_sigma[i] + weight * total
        square += law.path_sigma[i] * law.path_sigma[i]
    return math.sqrt(square)


@helper()
def learn(law: Distribution, sample: Sample, population: int, rates: Rates, heard: bool) -> None:
    """Update the covariance by its path and by the ranked steps."""
    n = law.mean.size
    weight = math.sqrt(rates.c_c * (2.0 - rates.c_c) * sample.sums[0]) if heard else 0.0
    for i in range(n):
        law.path_c[i] = (1.0 - rates.c_c) * law.path_c[i] + weight * law.step[i]
    kept = 1.0 - rates.c_1 - rates.c_mu * sample.sums[1]
    if not heard:
        kept += rates.c_1 * rates.c_c * (2.0 - rates.c_c)
    for i in range(n):
        for j in range(i + 1):
            law.covariance[i, j] = kept * law.covariance[i, j] + rates.c_1 * law.path_c[i] * law.path_c[j]
    for k in range(population):
        row = sample.order[k]
        w = rates.c_mu * sample.weights[k]
        if w < 0.0:
            w *= n / max(sample.norms[row], 1e-8)
        for i in range(n):
            scaled = w * sample.steps[row, i]
            for j in range(i + 1):
                law.covariance[i, j] += scaled * sample.steps[row, j]
    for i in range(n):
        for j in range(i):
            law.covariance[j, i] = law.covariance[i, j]


@helper()
def refresh(law: Distribution) -> bool:
    """Decompose the covariance anew; return whether it is positive definite with a condition below 1e14."""
    if not decompose(law.covariance, law.axes, law.lengths, law.work):
        return False
    least, largest = math.inf, 0.0
    for j in range(law.lengths.size):
        least = min(least, law.lengths[j])
        largest = max(largest, law.lengths[j])
        law.lengths[j] = math.sqrt(max(law.lengths[j], 0.0))
    return bool(least > largest * 1e-14)
