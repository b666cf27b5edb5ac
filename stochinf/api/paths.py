"""`lasso_path`: sparse regression at a sequence of strengths, each started where the one before ended."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import NEVER, advance
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build
from stochinf.models.penalised import Lasso
from stochinf.models.penalties import L1
from stochinf.optim.coordinate.working_sets import renewed, rounds

__all__ = ["Path", "lasso_path"]

Floats = npt.NDArray[np.float64]

SEGMENT = 25
"""Points in a row that one thread does; fixed, so that the bits do not depend on the number of threads."""
MOST = 1000
"""Rounds at most for one point."""


class Path(NamedTuple):
    """Solutions of the Lasso along a sequence of strengths.

    Attributes
    ----------
    alphas : ndarray of shape (points,)
        Falling.
    coefficients : ndarray of shape (points, dim)
    intercepts : ndarray of shape (points,)
    objectives, gaps : ndarray of shape (points,)
        Each objective is at most its gap above the minimum.
    """

    alphas: Floats
    coefficients: Floats
    intercepts: Floats
    objectives: Floats
    gaps: Floats


def lasso_path(
    X: Any,
    y: Any,
    alphas: Any = None,
    *,
    points: int = 100,
    ratio: float = 1e-3,
    intercept: bool = False,
    tolerance: float = 1e-6,
    threads: int = 1,
) -> Path:
    """Solve the Lasso at many strengths; the working set and its Gram matrix are handed from one to the next.

    Parameters
    ----------
    X : array-like of shape (n, dim), or scipy sparse matrix or array of any format
        Finite features.
    y : array-like of shape (n,)
        Finite numbers.
    alphas : array-like, optional
        Strengths, positive; by default `points` of them, evenly spaced in the logarithm, from the smallest at which nothing is
        chosen to `ratio` times that.
    points : int
        How many.
    ratio : float
        Between 0 and 1.
    intercept : bool
        Fit an intercept, which is not penalised.
    tolerance : float
        Each gap is at most this share of the objective without a model.
    threads : int
        Segments of 25 points, each from scratch, are shared by so many threads; the bits do not depend on it.

    Returns
    -------
    Path
        In falling order of alpha.

    Raises
    ------
    StochinfError
        If an argument breaks a rule.

    References
    ----------
    Friedman, J., Hastie, T. and Tibshirani, R. (2010). Regularization paths for generalized linear models via coordinate
    descent. JSS 33, section 2.5.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> X = np.random.default_rng(0).normal(size=(50, 20))
    >>> path = si.lasso_path(X, X[:, 0] - 2 * X[:, 1], points=10, ratio=0.1)
    >>> path.coefficients.shape, np.count_nonzero(path.coefficients, axis=1)[[0, -1]]
    ((10, 20), array([0, 2]))
    """
    model = Lasso(X, y, 0.0, intercept)
    strengths = _strengths(model, alphas, points, ratio)
    segments = np.array_split(strengths, math.ceil(strengths.size / SEGMENT))
    workers = min(counted("threads", threads), len(segments))
    if workers == 1:
        done = [_segment(model, part, tolerance) for part in segments]
    else:
        with ThreadPoolExecutor(workers) as pool:
            done = list(pool.map(lambda part: _segment(model, part, tolerance), segments))
    positions, objectives, gaps = (np.concatenate(parts) for parts in zip(*done, strict=True))
    if not intercept:
        return Path(strengths, positions, np.zeros(strengths.size), objectives, gaps)
    return Path(strengths, positions[:, :-1], positions[:, -1], objectives, gaps)


def _strengths(model: Lasso, alphas: Any, points: int, ratio: float) -> Floats:
    """Return the strengths, falling."""
    if alphas is None:
        if not 0 < ratio < 1:
            raise StochinfError(f"lasso_path: ratio = {ratio}; a number between 0 and 1 is needed")
        largest = max(model.alpha_max, 1e-300)
        return np.geomspace(largest, ratio * largest, counted("points", points))
    given = np.asarray(alphas, dtype=np.float64).reshape(-1)
    if not given.size or not (np.isfinite(given) & (given > 0)).all():
        raise StochinfError("lasso_path: alphas are finite and positive, and there is one at least")
    return np.sort(given)[::-1].copy()


def _segment(model: Lasso, strengths: Floats, tolerance: float) -> tuple[Floats, Floats, Floats]:
    """Return positions, objectives and gaps at falling strengths."""
    target = model.as_target()._replace(penalty=L1(float(strengths[0])))
    plan = Plan(rounds(target, tolerance), target, None, None, Nothing(), None, 1, 0, NEVER, False, 0)
    block = build(plan, 0).blocks[0]
    positions, objectives, gaps = np.empty((strengths.size, target.dim)), np.empty(strengths.size), np.empty(strengths.size)
    for k, alpha in enumerate(strengths):
        if k:
            block.target = target._replace(penalty=L1(float(alpha)))
            block.kernel = rounds(block.target, tolerance)
            renewed(block.state, float(alpha))
        for _ in range(MOST):
            advance(block, 1)
            if block.kernel.finished(block.state):
                break
        positions[k], objectives[k], gaps[k] = block.state.position, block.state.stats[0], block.state.stats[1]
    return positions, objectives, gaps
