r"""Mean-field variational inference by stochastic gradient descent on the engine.

The posterior on the free numbers is approximated by independent normals, :math:`x = \mu + e^{\omega} \odot z`, that make the
evidence lower bound

.. math:: \mathcal{L}(\mu, \omega) = \frac{1}{n} \sum_i \log p(\mu + e^\omega \odot z_i) + \sum_j \omega_j
          + \tfrac{d}{2} \log(2\pi e)

large. The z_i are fixed draws of a standard normal, in pairs z and -z, with mean squares of exactly 1: points of a finite sum,
from which a picker takes one a step, as it takes rows of data. The gradient by the mean is exact on a normal posterior.
Coordinates are first shifted and scaled by Pathfinder, so that one learning rate serves all.

References
----------
Kucukelbir, A., Tran, D., Ranganath, R., Gelman, A. and Blei, D. M. (2017). Automatic differentiation variational inference. JMLR
18(14), equations (5), (7), (8).
Giordano, R., Ingram, M. and Broderick, T. (2024). Black box variational inference with a deterministic objective. JMLR 25(18).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls, drive
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.session import Plan, build
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import demand_success
from stochinf.vi.approximation import Approximation, warned, weighed
from stochinf.vi.mode import position_of
from stochinf.vi.oracle import Oracle
from stochinf.vi.paths import walked

__all__ = ["MeanField", "advi", "standard_noise"]

Floats = npt.NDArray[np.float64]

POINTS = 1000
"""Pairs of draws that stand for the normal distribution."""
MOST_NUMBERS = 10_000_000
"""Numbers that they may take."""
LEARNING_RATE = 0.1
NARROWEST = 1e-8


@part
class MeanField(NamedTuple):
    """Minus the evidence lower bound of independent normals, as a finite sum over fixed draws.

    A position holds the shifts of the means and the logs of the widths, both in units of `scale`.

    Parameters
    ----------
    inner : part
        The density.
    noise : array of shape (n_points, d)
        Half of the draws; the others are their negatives.
    centre, scale : array of shape (d,)
        Where and how wide the search begins.
    place, slope : array of shape (d,)
        Room to work in.
    skipped : array of shape (1,)
        Draws at which the density or its gradient was not finite.
    """

    inner: Any
    noise: Floats
    centre: Floats
    scale: Floats
    place: Floats
    slope: Floats
    skipped: npt.NDArray[np.int64]

    def gradient(self, position: Floats, point: int, out: Floats) -> None:
        """Write the gradient of minus the bound at one pair of draws."""
        d = self.centre.size
        for j in range(d):
            out[j] = 0.0
            out[d + j] = -1.0
        for sign in (1.0, -1.0):
            for j in range(d):
                self.place[j] = self.centre[j] + self.scale[j] * (
                    position[j] + sign * math.exp(position[d + j]) * self.noise[point, j]
                )
            value = self.inner.log_density_gradient(self.place, self.slope)
            finite = math.isfinite(value)
            for j in range(d):
                finite = finite and math.isfinite(self.slope[j])
            if not finite:
                self.skipped[0] += 1
            for j in range(d):
                pull = 0.5 * self.scale[j] * self.slope[j] if finite else 0.0
                out[j] -= pull
                out[d + j] -= pull * sign * math.exp(position[d + j]) * self.noise[point, j]

    @property
    def dim(self) -> int:
        """Twice the dimensions of the density."""
        return 2 * int(self.centre.size)

    @property
    def n_points(self) -> int:
        """Number of pairs of draws."""
        return int(self.noise.shape[0])

    def start(self, generator: np.random.Generator) -> Floats:
        """Return no shift and the given widths."""
        return np.zeros(2 * self.centre.size)


def standard_noise(points: int, dim: int, generator: np.random.Generator) -> Floats:
    """Return draws of a standard normal, each column with a mean square of exactly 1.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.vi.mean_field import standard_noise
    >>> noise = standard_noise(50, 2, np.random.default_rng(0))
    >>> (noise**2).mean(axis=0).round(12)
    array([1., 1.])
    """
    noise = generator.standard_normal((points, dim))
    return np.asarray(noise / np.sqrt((noise**2).mean(axis=0)))


def advi(
    target: Any, draws: int = 1000, *, steps: int = 5000, kernel: Any = None, init: Any = None, rng: Any = None
) -> Approximation:
    """Approximate a posterior by independent normals on the free numbers.

    Parameters
    ----------
    target : model or part
        With a gradient of its log density.
    draws : int
        Draws of what was found.
    steps : int
        Steps of descent, two gradients each.
    kernel : part, optional
        A rule of `stochinf.optim`; by default Adam with a rate that falls linearly from 0.1 to a hundredth of it.
    init : array of shape (dim,) or dict, optional
        Where Pathfinder, and with it the search, begins; the target's choice by default.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same bits.

    Returns
    -------
    Approximation
        Its `covariance` has shape (dim,): variances. Where coordinates depend on each other they are too small.

    Raises
    ------
    StochinfError
        If the target has no gradient, or the search leads nowhere.

    Warns
    -----
    ConvergenceWarning
        If importance ratios say that the posterior is far from what was found, as wherever coordinates depend on each other.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf import density as sd
    >>> target = si.Density(lambda mu: sd.normal(mu, 3.0, 2.0), params={"mu": sd.real()})
    >>> found = si.vi.advi(target, steps=500, rng=0)
    >>> round(float(found.mean[0]), 1), round(float(found.covariance[0]), 1)
    (3.0, 4.0)
    """
    count, length, entropy = counted("draws", draws), counted("steps", steps), entropy_of(rng)
    oracle = Oracle("advi", target)
    generator = np.random.default_rng(entropy)
    bound = _bound(oracle, position_of(target, init), generator)
    final = _descended(bound, kernel, length, entropy)
    mean = bound.centre + bound.scale * final[: oracle.dim]
    width = bound.scale * np.exp(final[oracle.dim :])
    if not (np.isfinite(mean).all() and np.isfinite(width).all() and (width > 0).all()):
        raise StochinfError("advi: the search led to numbers that are not finite; take a smaller rate, kernel=optim.Adam(...)")
    noise = generator.standard_normal((count, oracle.dim))
    log_proposal = -np.log(width).sum() - 0.5 * (noise**2).sum(axis=1) - 0.5 * oracle.dim * math.log(2 * math.pi)
    oracle.gradients += 2 * length
    skipped = int(bound.skipped[0])
    notes = (f"{skipped} of {2 * length} gradients were not finite and left out",) if skipped else ()
    found = weighed("advi", target, oracle, mean + width * noise, log_proposal, mean=mean, covariance=width**2, notes=notes)
    return warned(found)


def _bound(oracle: Oracle, init: Any, generator: np.random.Generator) -> MeanField:
    """Return the objective in coordinates that Pathfinder shifts and scales."""
    d = oracle.dim
    start = oracle.start(generator, init)
    found = walked(oracle, start, generator)
    centre, scale = (start, np.ones(d)) if found is None else (found[0].mean, np.sqrt(np.diagonal(found[0].covariance())))
    points = max(10, min(POINTS, MOST_NUMBERS // d))
    scale = np.where(np.isfinite(scale) & (scale > NARROWEST), scale, 1.0)
    return MeanField(
        oracle.target, standard_noise(points, d, generator), np.array(centre), scale, np.zeros(d), np.zeros(d),
        np.zeros(1, np.int64),
    )  # fmt: skip


def _descended(bound: MeanField, kernel: Any, steps: int, entropy: int) -> Floats:
    """Return where the descent ends."""
    from stochinf.engine.schedules import Linear
    from stochinf.optim import Adam

    rule = Adam(LEARNING_RATE) if kernel is None else kernel
    schedule = Linear(steps) if kernel is None else None
    plan = Plan(rule, bound, None, schedule, Nothing(), None, 1, 0, 1, False, entropy)
    session = drive(build(plan, 1), steps, Controls(threads=1))
    demand_success(bound.inner)
    return np.array(session.positions()[0])
