r"""Pathfinder: normal approximations along the way of L-BFGS to the mode, the best of them by the evidence lower bound.

At each point of the path the inverse Hessian is estimated from the last steps s and changes of the gradient y as

.. math:: \Sigma = \mathrm{diag}(\alpha) + \beta \gamma \beta^\top,

a diagonal and 2 J directions (J = 20 pairs; the paper takes 6), and q = N(x + Σ ∇ log p, Σ) is a candidate. Several paths are
put together by importance resampling.

References
----------
Zhang, L., Carpenter, B., Gelman, A. and Vehtari, A. (2022). Pathfinder: parallel quasi-Newton variational inference. JMLR
23(306), algorithms 1-5.
Byrd, R. H., Nocedal, J. and Schnabel, R. B. (1994). Representations of quasi-Newton matrices. Math. Programming 63, (2.8).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import entropy_of
from stochinf.vi.approximation import Approximation, warned, weighed
from stochinf.vi.ascent import MEMORY, climb
from stochinf.vi.mode import position_of
from stochinf.vi.oracle import Oracle

__all__ = ["Candidate", "candidates", "judged", "pathfinder", "walked"]

Floats = npt.NDArray[np.float64]

TRIAL_DRAWS = 8
"""Draws by which a candidate is judged."""
MOST_CANDIDATES = 100
"""Candidates of one path that are judged: all of a short path, else evenly spaced ones and the last."""


class Candidate(NamedTuple):
    """A normal distribution: diagonal and few directions.

    Attributes
    ----------
    mean, root : ndarray of shape (dim,)
        Centre; square roots of alpha.
    basis : ndarray of shape (dim, k)
        Orthonormal columns Q.
    factor : ndarray of shape (k, k)
        L, the lower Cholesky factor of I + R gamma R'.
    """

    mean: Floats
    root: Floats
    basis: Floats
    factor: Floats

    def draw(self, noise: Floats) -> tuple[Floats, Floats]:
        """Return draws and their log densities from standard normal numbers of shape (n, dim)."""
        inside = noise @ self.basis
        positions = self.mean + self.root * (noise + (inside @ self.factor.T - inside) @ self.basis.T)
        half_log_volume = np.log(self.root).sum() + np.log(np.diagonal(self.factor)).sum()
        return positions, -half_log_volume - 0.5 * (noise**2).sum(axis=1) - 0.5 * self.mean.size * math.log(2 * math.pi)

    def covariance(self) -> Floats:
        """Return the covariance, shape (dim, dim)."""
        inner = self.factor @ self.factor.T - np.eye(self.factor.shape[0])
        return (np.eye(self.mean.size) + self.basis @ inner @ self.basis.T) * np.outer(self.root, self.root)


def candidates(positions: Floats, gradients: Floats) -> list[Candidate]:
    """Return the normal approximation at each point of a path but the first, where there is one."""
    alpha = np.ones(positions.shape[1])
    pairs: list[tuple[Floats, Floats]] = []
    found = []
    for k in range(1, len(positions)):
        s, y = positions[k] - positions[k - 1], gradients[k - 1] - gradients[k]
        if s @ y > 1e-12 * float(y @ y):
            alpha = _diagonal(alpha, s, y)
            pairs = [*pairs, (s, y)][-MEMORY:]
        made = _candidate(positions[k], gradients[k], alpha, pairs) if pairs else None
        if made is not None:
            found.append(made)
    return found


def _diagonal(alpha: Floats, s: Floats, y: Floats) -> Floats:
    """Return the diagonal of the inverse Hessian after a step, algorithm 3."""
    a, b, c = float(y @ (alpha * y)), float(y @ s), float(s @ (s / alpha))
    inverse = a / (b * alpha) + y * y / b - a * s * s / (b * c * alpha * alpha)
    return np.where(inverse > 1e-300, 1.0 / np.maximum(inverse, 1e-300), alpha)


def _candidate(position: Floats, gradient: Floats, alpha: Floats, pairs: list[tuple[Floats, Floats]]) -> Candidate | None:
    """Return the approximation at one point, algorithm 4; None where it is not positive definite."""
    s, y = (np.array(column).T for column in zip(*pairs, strict=True))
    upper = np.triu(s.T @ y)
    eta = np.diagonal(upper)
    inverse = np.linalg.solve(upper, np.eye(eta.size))
    scaled = alpha[:, np.newaxis] * y
    corner = inverse.T @ (np.diag(eta) + y.T @ scaled) @ inverse
    gamma = np.block([[np.zeros_like(corner), -inverse], [-inverse.T, corner]])
    beta = np.hstack([scaled, s])
    root = np.sqrt(alpha)
    basis, triangle = np.linalg.qr(beta / root[:, np.newaxis])
    try:
        factor = np.linalg.cholesky(np.eye(triangle.shape[0]) + triangle @ gamma @ triangle.T)
    except np.linalg.LinAlgError:
        return None
    mean = position + alpha * gradient + beta @ (gamma @ (beta.T @ gradient))
    good = np.isfinite(mean).all() and np.isfinite(root).all() and np.isfinite(factor).all()
    return Candidate(mean, root, basis, factor) if good else None


def judged(oracle: Oracle, found: list[Candidate], generator: np.random.Generator) -> tuple[Candidate, float]:
    """Return the candidate of the largest evidence lower bound."""
    every = max(1, math.ceil(len(found) / MOST_CANDIDATES))
    best, bound = found[-1], -math.inf
    for candidate in found[::-every]:
        positions, log_proposal = candidate.draw(generator.standard_normal((TRIAL_DRAWS, oracle.dim)))
        value = float((oracle.log_densities(positions) - log_proposal).mean())
        if value > bound:
            best, bound = candidate, value
    return best, bound


def pathfinder(target: Any, draws: int = 1000, *, paths: int = 4, init: Any = None, rng: Any = None) -> Approximation:
    """Approximate a posterior by the best normal distributions along several ways to a mode.

    Parameters
    ----------
    target : model or part
        With a gradient of its log density.
    draws : int
        Draws that are kept, resampled by importance from as many of each path.
    paths : int
        Independent ways, each from a starting point of its own.
    init : array of shape (dim,) or dict, optional
        Where all paths begin; the target's choices by default.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same bits.

    Returns
    -------
    Approximation
        `mean` and `covariance` are those of the best path; `pareto_k` is of all draws.

    Raises
    ------
    StochinfError
        If no path leads anywhere.

    Warns
    -----
    ConvergenceWarning
        If importance ratios say that the posterior is far from what was found.

    Examples
    --------
    >>> import stochinf as si
    >>> normal = si.density.python_density(lambda x: -0.5 * float(x @ x), dim=3, gradient=lambda x: -x)
    >>> found = si.vi.pathfinder(normal, draws=500, rng=0)
    >>> found["position"].shape, found.gradients < 100
    ((1, 500, 3), True)
    """
    count = counted("draws", draws)
    oracle = Oracle("pathfinder", target)
    generator = np.random.default_rng(entropy_of(rng))
    chosen = [walked(oracle, position_of(target, init), generator) for _ in range(counted("paths", paths))]
    reached = [pair for pair in chosen if pair is not None]
    if not reached:
        raise StochinfError(f"pathfinder: none of {paths} paths led to a normal approximation; the density may be flat")
    drawn = [candidate.draw(generator.standard_normal((count, oracle.dim))) for candidate, _ in reached]
    positions, log_proposal = (np.concatenate(column) for column in zip(*drawn, strict=True))
    best = max(range(len(reached)), key=lambda k: reached[k][1])
    made = weighed(
        "pathfinder", target, oracle, positions, log_proposal, slice(best * count, (best + 1) * count),
        mean=reached[best][0].mean, covariance=reached[best][0].covariance(),
    )  # fmt: skip
    note = f"chosen from {positions.shape[0]:,} draws of {len(reached)} of {paths} paths by their weights"
    return warned(replace(made, draws=made.resampled(count, generator), notes=(note,)))


def walked(oracle: Oracle, init: Any, generator: np.random.Generator) -> tuple[Candidate, float] | None:
    """Return the best candidate of one path and its bound."""
    path = climb(oracle, oracle.start(generator, init), most=200, gain=1e-8)
    found = candidates(path.positions, path.gradients)
    return judged(oracle, found, generator) if found else None
