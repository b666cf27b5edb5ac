r"""Stochastic descent at a constant rate as a sampler: where its iterates settle, and how widely they spread.

Near a minimum with Hessian H the iterates of :math:`w \leftarrow w - \eta\, g_B(w)`, with batches B of b rows drawn with
replacement, have the stationary covariance :math:`\Sigma` that solves

.. math:: \Sigma = \operatorname{E}[(I - \eta A_B) \Sigma (I - \eta A_B)^T] + \frac{\eta^2}{b} C,

where :math:`A_B` is the mean Hessian of the batch's rows and C the covariance of the gradients of single rows at the minimum.
With H in the place of :math:`A_B` this is the discrete Lyapunov equation
:math:`\Sigma = (I - \eta H) \Sigma (I - \eta H)^T + \eta^2 C / b`; for small rates
:math:`H \Sigma + \Sigma H = \eta C / b`, so that the rate over the batch acts as a temperature. Rows in shuffled epochs, whose
errors cancel within an epoch, spread less.

References
----------
Mandt, S., Hoffman, M. D. and Blei, D. M. (2017). Stochastic gradient descent as approximate Bayesian inference. JMLR 18,
equations (12), (13).
Pflug, G. C. (1986). Stochastic minimization with constant step-size: asymptotic laws. SIAM J. Control Optim. 24, theorem 4.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import convert, counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.target import as_target
from stochinf.models.design import matrix

__all__ = ["Stationary", "plot_stationary", "stationary"]

Floats = npt.NDArray[np.float64]

ROUNDS = 10_000


class Stationary(NamedTuple):
    """What constant-rate descent is predicted to settle to.

    Attributes
    ----------
    optimum : ndarray of shape (dim,)
    covariance : ndarray of shape (dim, dim)
        Sigma, with the noise of the rows' Hessians.
    lyapunov : ndarray of shape (dim, dim)
        The solution of the discrete Lyapunov equation, without it.
    temperature : float
        rate tr(C) / (2 b dim): for Hessians and noise of one shape, the factor of the inverse Hessian.
    """

    optimum: Floats
    covariance: Floats
    lyapunov: Floats
    temperature: float


def stationary(problem: Any, learning_rate: float, batch: int = 1, optimum: npt.ArrayLike | None = None) -> Stationary:
    """Predict the stationary distribution of stochastic descent on a linear model.

    Parameters
    ----------
    problem : model
        One of `stochinf.models` with rows and a smooth loss, without an l1 penalty.
    learning_rate : float
        Constant.
    batch : int
        Rows per step, drawn with replacement: `stochinf.pickers.Uniform()` or `BatchesWithReplacement(b)`.
    optimum : array-like of shape (dim,), optional
        The minimum; found with L-BFGS where it is not given.

    Returns
    -------
    Stationary
        Mean and covariances.

    Raises
    ------
    StochinfError
        If the model is no smooth linear one, the Hessian is not positive definite, or the rate is so large that the iterates do
        not settle.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> model = si.models.LinearRegression(np.ones((2, 1)), [-1.0, 1.0])
    >>> si.optim.stationary(model, 0.1).covariance.round(4)
    array([[0.0526]])
    """
    target = as_target(problem)
    if not getattr(target, "linear", False) or target.l1:
        raise StochinfError(f"stationary: {problem!r} is no linear model without l1; its Hessian is not known")
    rate, rows = convert("learning_rate", learning_rate, float), counted("batch", batch)
    best = _optimum(target) if optimum is None else np.asarray(optimum, dtype=np.float64)
    if best.shape != (target.dim,):
        raise StochinfError(f"stationary: an optimum of shape {best.shape}; ({target.dim},) is needed")
    X = _dense(target)
    scores = X @ best
    curvatures = np.array([target.curvature(row, score) for row, score in enumerate(scores)])
    slopes = np.array([target.slope(row, score) for row, score in enumerate(scores)])
    ridge = np.where(np.arange(target.dim) < target.penalised, target.l2, 0.0)
    hessian = (X.T * curvatures) @ X / len(X) + np.diag(ridge)
    gradients = slopes[:, np.newaxis] * X + ridge * best
    noise = gradients.T @ gradients / len(X)
    _demand_stable(rate, hessian)
    lyapunov = _lyapunov(rate, hessian, noise / rows)
    covariance = _with_row_hessians(rate, rows, X, curvatures, ridge, hessian, noise, lyapunov)
    return Stationary(best, covariance, lyapunov, rate * float(np.trace(noise)) / (2 * rows * target.dim))


def _optimum(target: Any) -> Floats:
    from scipy.optimize import minimize

    options: Any = {"gtol": 1e-10, "ftol": 0.0, "maxiter": 10_000}
    start = np.zeros(target.dim)
    found: Floats = minimize(target.objective, start, jac=target.full_gradient, method="L-BFGS-B", options=options).x
    return found


def _dense(target: Any) -> Floats:
    X = matrix(target.design)
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X)


def _demand_stable(rate: float, hessian: Floats) -> None:
    curvatures = np.linalg.eigvalsh(hessian)
    if not curvatures[0] > 0:
        raise StochinfError("stationary: the Hessian is not positive definite; give the model a penalty l2")
    if not 0 < rate < 2 / curvatures[-1]:
        raise StochinfError(f"stationary: learning_rate = {rate:g}; iterates settle between 0 and {2 / curvatures[-1]:g} only")


def _lyapunov(rate: float, hessian: Floats, noise: Floats) -> Floats:
    """Solve S = (I - rate H) S (I - rate H) + rate^2 C in the eigenbasis of H."""
    values, basis = np.linalg.eigh(hessian)
    kept = 1.0 - rate * values
    solution = rate**2 * (basis.T @ noise @ basis) / (1.0 - np.outer(kept, kept))
    return np.asarray(basis @ solution @ basis.T)


def _with_row_hessians(
    rate: float, batch: int, X: Floats, curvatures: Floats, ridge: Floats, hessian: Floats, noise: Floats, first: Floats
) -> Floats:
    """Iterate the equation whose extra noise is the variance of the rows' Hessians times the solution."""
    S = first
    for _ in range(ROUNDS):
        spread = (X.T * (curvatures**2 * np.einsum("ij,jk,ik->i", X, S, X))) @ X / len(X)
        plain = hessian - np.diag(ridge)
        extra = (spread - plain @ S @ plain) / batch
        new = _lyapunov(rate, hessian, noise / batch + extra)
        if not np.isfinite(new).all() or np.abs(new).max() > 1e12 * np.abs(first).max():
            break
        if np.abs(new - S).max() <= 1e-13 * np.abs(new).max():
            return new
        S = new
    raise StochinfError(
        f"stationary: learning_rate = {rate:g} is too large: the rows' own Hessians keep the iterates from settling"
    )


def plot_stationary(prediction: Stationary, draws: npt.ArrayLike, pair: tuple[int, int] = (0, 1), ax: Any = None) -> Any:
    """Plot iterates of two coordinates with the ellipses that the prediction puts around 50 % and 95 % of them.

    Parameters
    ----------
    prediction : Stationary
        From `stationary`.
    draws : array-like of shape (..., dim)
        Iterates, for example `run["coefficients"]`.
    pair : (int, int)
        Which coordinates.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        With the points and both ellipses.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> model = si.models.LinearRegression(np.eye(2)[[0, 1, 0, 1]], [-1.0, 1.0, 0.0, 2.0])
    >>> run = si.run(si.optim.SGD(0.1), model, steps=500, picker=si.pickers.Uniform(), rng=0)
    >>> ax = si.optim.plot_stationary(si.optim.stationary(model, 0.1), run["coefficients"])  # doctest: +SKIP
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1]
    points = np.asarray(draws, dtype=np.float64).reshape(-1, prediction.optimum.size)[:, list(pair)]
    part = prediction.covariance[np.ix_(pair, pair)]
    angles = np.linspace(0.0, 2.0 * np.pi, 200)
    circle = np.linalg.cholesky(part) @ np.array([np.cos(angles), np.sin(angles)])
    ax.plot(*points[-5000:].T, ".", markersize=2, alpha=0.3, label="iterates")
    for share in (0.5, 0.95):
        radius = np.sqrt(-2.0 * np.log(1.0 - share))
        ax.plot(*(prediction.optimum[list(pair), np.newaxis] + radius * circle), label=f"{share:.0%} predicted")
    ax.set_xlabel(f"coefficient {pair[0]}")
    ax.set_ylabel(f"coefficient {pair[1]}")
    ax.legend()
    return ax
