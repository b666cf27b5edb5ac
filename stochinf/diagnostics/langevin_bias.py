r"""How far stochastic-gradient samplers are off, predicted from the posterior's shape near its mode.

Near the mode the potential energy has a Hessian A, the estimated gradient noise of covariance V, and the chain is linear with
normal noise, :math:`x' = M x + N(0, Q)`; for SGLD with step h at temperature T

.. math:: M = I - h A, \qquad Q = h^2 V + 2 h T I.

Its stationary covariance S solves :math:`S = M S M' + Q`, to be compared with the posterior's :math:`A^{-1}`. Two things make it
larger: the step itself, by about h A / 2, and the noise of the minibatches, by h V / (2 T).

References
----------
Brosse, N., Moulines, E. and Durmus, A. (2018). The promises and pitfalls of stochastic gradient Langevin dynamics. NeurIPS 31.
Vollmer, S. J., Zygalakis, K. C. and Teh, Y. W. (2016). Exploration of the (non-)asymptotic bias and variance of stochastic
gradient Langevin dynamics. JMLR 17(159), section 4.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.gradient_noise import row_estimates
from stochinf.diagnostics.near_mode import curvature, found_mode
from stochinf.engine.convert import counted
from stochinf.engine.errors import ConvergenceWarning, StochinfError
from stochinf.engine.target import as_target

__all__ = ["PredictedBias", "predicted_bias"]

Floats = npt.NDArray[np.float64]

LIMIT = 0.1
"""Share of the injected noise that minibatches may add, and relative error of a variance, without a warning."""

MOST_ROWS = 4096


class PredictedBias(NamedTuple):
    """What the draws of a stochastic-gradient sampler will be off by.

    Parameters
    ----------
    batch_noise : float
        Variance that the minibatches add to that of the injected noise, in the worst direction: h V / (2 T).
    variance_ratio : ndarray of shape (dim,)
        Variance of the draws over that of the posterior, for each coordinate; infinite where the step is not stable.
    covariance : ndarray of shape (dim, dim)
        Of the draws.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.diagnostics import PredictedBias
    >>> PredictedBias(0.02, np.array([1.0, 1.3]), np.eye(2)).advice
    "variances come out up to 1.3 times the posterior's (coordinate 1): take smaller steps"
    """

    batch_noise: float
    variance_ratio: Floats
    covariance: Floats

    @property
    def advice(self) -> str:
        """What to do about it; empty where nothing is off by more than a tenth."""
        if not np.isfinite(self.variance_ratio).all():
            return "the step is not stable: make it smaller"
        worst = int(np.argmax(np.abs(np.log(self.variance_ratio))))
        ratio = self.variance_ratio[worst]
        if self.batch_noise <= LIMIT and abs(ratio - 1.0) <= LIMIT:
            return ""
        spread = f"variances come out up to {ratio:.3g} times the posterior's (coordinate {worst})"
        if self.batch_noise <= LIMIT:
            return f"{spread}: take smaller steps"
        return (
            f"minibatches add {self.batch_noise:.2g} times the injected noise; {spread}: take smaller steps, or remove the noise:"
            " larger batches, estimator=ControlVariates() or SVRG()"
        )


def predicted_bias(
    model: Any, kernel: Any, batch: int, position: npt.ArrayLike | None = None, replace: bool = False
) -> PredictedBias:
    """Predict by how much `SGLD` or `SGHMC` will be off on a model, and warn where that is much.

    Parameters
    ----------
    model : model or part
        With `gradient` of a mean over n points.
    kernel : SGLD or SGHMC
        With a step size that is a number, or was left open.
    batch : int
        Rows of a minibatch.
    position : array-like of shape (dim,), optional
        Where to look; by default the mode, found by L-BFGS.
    replace : bool
        Whether rows are drawn with replacement. Where they are not, noise is taken as independent from batch to batch, which is
        more than epochs have.

    Returns
    -------
    PredictedBias
        Noise of the minibatches, variances in proportion to the posterior's, covariance of the draws.

    Raises
    ------
    StochinfError
        If the kernel is another one, its step a schedule, or the energy does not curve upwards at the position.

    Warns
    -----
    ConvergenceWarning
        Where the noise of the minibatches is more than a tenth of the injected, or a variance off by more than that.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> model = si.models.LogisticRegression(X, X[:, 0] > 0.3 * X[:, 1] + np.sin(9 * X[:, 1]), l2=0.01)
    >>> si.diagnostics.predicted_bias(model, si.mcmc.SGLD(1e-4, estimator=si.mcmc.ControlVariates()), batch=20).advice
    ''
    """
    target = as_target(model)
    kernel = kernel.prepare(target)
    name = type(kernel).__name__
    if not hasattr(kernel, "linearised"):
        raise StochinfError(f"predicted_bias: {name} cannot be predicted; SGLD and SGHMC can")
    if hasattr(kernel.step_size, "at"):
        raise StochinfError(f"predicted_bias: the step size of {name} is a schedule; give a number")
    n, size = int(kernel.estimator.n_points), counted("batch", batch)
    at = found_mode("predicted_bias", target) if position is None else np.array(position, dtype=np.float64).reshape(-1)
    hessian = curvature(target, at, n)
    lowest, highest = np.linalg.eigvalsh(hessian)[[0, -1]]
    if not lowest > 1e-9 * abs(highest):
        raise StochinfError(
            f"predicted_bias: the energy does not curve upwards at {at}: an eigenvalue is {lowest:.3g}; give the mode"
        )
    found = _predicted(kernel, hessian, _noise(kernel, target, at, n, size, replace))
    if found.advice:
        warnings.warn(f"{name}: {found.advice}", ConvergenceWarning, stacklevel=2)
    return found


def _noise(kernel: Any, target: Any, at: Floats, n: int, batch: int, replace: bool) -> Floats:
    """Return the covariance of the estimated gradient."""
    rows = np.unique(np.linspace(0, n - 1, min(n, MOST_ROWS)).astype(np.int64))
    memory = kernel.estimator.begin(target, at)
    if rows.size < 2 or (batch >= n and not replace):
        return np.zeros((at.size, at.size))
    estimates = row_estimates(kernel.estimator, target, memory, at, rows)
    spread = np.atleast_2d(np.cov(estimates, rowvar=False, ddof=0))
    return np.asarray(spread * (1.0 / batch if replace else (1.0 / batch - 1.0 / n) * n / (n - 1.0)))


def _predicted(kernel: Any, hessian: Floats, noise: Floats) -> PredictedBias:
    from scipy.linalg import solve_discrete_lyapunov

    step, dim = float(kernel.step_size), len(hessian)
    loudest = max(float(np.linalg.eigvalsh(noise)[-1]), 0.0)
    share = 0.5 * kernel.overdamped(step) * loudest / kernel.temperature if kernel.temperature > 0 else math.inf
    matrix, added = kernel.linearised(hessian, noise, step)
    if np.abs(np.linalg.eigvals(matrix)).max() >= 1.0:
        return PredictedBias(share, np.full(dim, np.inf), np.full((dim, dim), np.inf))
    covariance = np.asarray(solve_discrete_lyapunov(matrix, added))[:dim, :dim]
    return PredictedBias(share, np.diag(covariance) / np.diag(np.linalg.inv(hessian)), covariance)
