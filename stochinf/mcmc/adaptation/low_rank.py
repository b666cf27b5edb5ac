r"""Directions in which a diagonal metric falls short, from draws and their gradients; numpy, between two chunks of a run.

After scaling by the diagonal metric let :math:`C_x` and :math:`C_g` be the covariances of draws and gradients. The metric that
minimises the Fisher divergence is their geometric mean :math:`C_x \# C_g^{-1}`, the matrix :math:`\Sigma` with
:math:`\Sigma C_g \Sigma = C_x`. For a normal density it is exact from as many draws as there are dimensions, whatever the noise
of the draws. Of its eigenvectors those are kept whose eigenvalue lies outside :math:`[1/c, c]`. Where there are fewer draws than
dimensions, it is worked out in the space that draws and gradients span.

References
----------
Seyboldt, A., Carlson, E. L. and Carpenter, B. (2026). Preconditioning Hamiltonian Monte Carlo by minimising Fisher divergence.
Bhatia, R. (2007). Positive definite matrices, chapter 4 (the geometric mean).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["centred", "directions", "geometric_mean"]

Floats = npt.NDArray[np.float64]

RIDGE = 1e-5
"""Added to sums of products, so that a direction that was not seen stays as it is."""

SMALLEST, LARGEST = 1e-10, 1e10
"""Bounds of the scale."""


def centred(draws: Floats, gradients: Floats, before: Floats) -> tuple[Floats, Floats, Floats]:
    """Return draws and gradients less their means and in units of the diagonal metric, and its scale.

    Where the scale is out of bounds it stays as before.
    """
    x, g = draws - np.add.reduce(draws) / len(draws), gradients - np.add.reduce(gradients) / len(draws)
    with np.errstate(all="ignore"):
        scale = np.sqrt(np.sqrt(np.einsum("ni,ni->i", x, x) / np.einsum("ni,ni->i", g, g)))
    scale = np.where((scale > SMALLEST) & (scale < LARGEST), scale, before)
    return x / scale, g * scale, scale


def geometric_mean(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    r"""Return eigenvalues and eigenvectors of the matrix S with S B S = A, for positive definite A and B.

    With B = L L' it is :math:`L^{-\top} (L^\top A L)^{1/2} L^{-1}`.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.mcmc.adaptation.low_rank import geometric_mean
    >>> geometric_mean(np.diag([8.0, 4.0]), np.diag([0.5, 1.0]))[0]
    array([2., 4.])
    """
    lower = np.linalg.cholesky(second)
    values, vectors = np.linalg.eigh(lower.T @ first @ lower)
    back = np.linalg.solve(lower.T, vectors)
    root = (back * np.sqrt(np.maximum(values, 0.0))) @ back.T
    eigenvalues, eigenvectors = np.linalg.eigh(root)
    return eigenvalues, eigenvectors


def directions(x: Floats, g: Floats, most: int, cutoff: float) -> tuple[Floats, Floats]:
    """Return directions as rows, and their variances, of the metric beside its diagonal.

    Parameters
    ----------
    x, g : ndarray of shape (draws, dim)
        Draws and gradients as `centred` returns them.
    most : int
        Most directions; those farthest from 1 are kept.
    cutoff : float
        Variances within a factor of this of 1 are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.mcmc.adaptation.low_rank import centred, directions
    >>> covariance = np.array([[1.0, 0.9], [0.9, 1.0]])
    >>> draws = np.random.default_rng(0).standard_normal((20, 2)) @ np.linalg.cholesky(covariance).T
    >>> x, g, scale = centred(draws, -draws @ np.linalg.inv(covariance), np.ones(2))
    >>> rows, variances = directions(x, g, most=2, cutoff=1.5)
    >>> np.allclose((rows.T * variances) @ rows * np.outer(scale, scale), covariance, rtol=1e-4)
    True
    """
    basis = None
    if 2 * x.shape[0] < x.shape[1]:
        basis = np.linalg.qr(np.concatenate([x, g]).T)[0]
        x, g = x @ basis, g @ basis
    ridge = RIDGE * np.eye(x.shape[1])
    values, vectors = geometric_mean(x.T @ x + ridge, g.T @ g + ridge)
    distance = np.abs(np.log(values))
    kept = np.argsort(-distance, kind="stable")[: min(most, int((distance > np.log(cutoff)).sum()))]
    rows = vectors[:, kept].T
    return (rows if basis is None else rows @ basis.T), values[kept]
