"""Which metric a sampler is given or learns: diagonal, low-rank, dense, or chosen by itself; public as `stochinf.mcmc.Metric`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part

__all__ = ["Metric", "as_metric"]

Floats = npt.NDArray[np.float64]
EMPTY = np.empty((0, 0))

MOST_DIRECTIONS = 64
"""Directions that a metric which chooses them may have beside the diagonal."""

DENSE_UP_TO = 1000
"""Dimensions up to which a dense metric is made where it is asked for."""


@part
class Metric(NamedTuple):
    """A diagonal metric, and a number of directions in which it is stretched.

    Parameters
    ----------
    rank : int
        Most directions; 0 is a diagonal metric.
    cutoff : float
        A direction is taken where its variance, beside the diagonal, is larger than this or smaller than its inverse.
    adapts : int
        Whether the metric is learnt during warm-up.
    inverse_mass_matrix : array of shape (dim, dim), or (1, dim) for a diagonal
        Where warm-up begins, or what stays; by default from the size of the gradient at the start.

    Examples
    --------
    >>> import stochinf as si
    >>> si.mcmc.Metric(rank=3).first([4.0, -1.0])[0]
    array([0.5, 1. ])
    """

    rank: int = 0
    cutoff: float = 2.0
    adapts: int = 1
    inverse_mass_matrix: Floats = EMPTY

    def checked(self) -> Metric:
        """Check the numbers."""
        if self.rank < 0 or not self.cutoff >= 1.0:
            raise StochinfError(f"Metric: rank = {self.rank}, cutoff = {self.cutoff}; rank >= 0 and cutoff >= 1 are needed")
        return self

    def first(self, gradient: npt.ArrayLike) -> tuple[Floats, Floats, Floats, int]:
        """Return scale, directions, stretch and the number of directions in use, at a start with this gradient."""
        sizes = np.abs(np.asarray(gradient, dtype=np.float64))
        dim = sizes.size
        rank = min(self.rank, dim)
        if not self.inverse_mass_matrix.size:
            variance = 1.0 / np.maximum(sizes, 1e-10)
            variance[variance >= 1e10] = 1.0
            return np.sqrt(variance), np.zeros((rank, dim)), np.zeros(rank), 0
        if self.inverse_mass_matrix.shape[0] == 1:
            return np.sqrt(self.inverse_mass_matrix[0]), np.zeros((rank, dim)), np.zeros(rank), 0
        scale = np.sqrt(np.diagonal(self.inverse_mass_matrix))
        values, vectors = np.linalg.eigh(self.inverse_mass_matrix / np.outer(scale, scale))
        return scale, np.ascontiguousarray(vectors.T), np.sqrt(values) - 1.0, dim


def as_metric(kernel: str, metric: Any, dim: int) -> Metric:
    """Return what a kernel's argument `metric` means for a target of so many dimensions.

    Parameters
    ----------
    kernel : str
        The kernel's name, for messages.
    metric : str, array or Metric
        "auto", "diagonal", "low_rank", "dense", an inverse mass matrix of shape (dim,) or (dim, dim), or a `Metric`.
    dim : int
        Length of a position.

    Raises
    ------
    StochinfError
        If it is none of these.

    Examples
    --------
    >>> from stochinf.mcmc.adaptation.metric import as_metric
    >>> as_metric("NUTS", "dense", 5).rank
    5
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        kinds = {
            "auto": Metric(min(dim, MOST_DIRECTIONS)),
            "diagonal": Metric(0),
            "low_rank": Metric(min(dim, MOST_DIRECTIONS), 2.0),
            "dense": Metric(dim, 1.0),
        }
        if metric not in kinds:
            raise StochinfError(f"{kernel}: metric = {metric!r}; one of {', '.join(map(repr, kinds))}, or an array, is needed")
        if metric == "dense" and dim > DENSE_UP_TO:
            raise StochinfError(f"{kernel}: a dense metric in {dim} dimensions; take metric='low_rank'")
        return kinds[metric]
    return _given(kernel, metric, dim)


def _given(kernel: str, metric: Any, dim: int) -> Metric:
    """Return a metric that stays, from an inverse mass matrix."""
    try:
        matrix = np.array(metric, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StochinfError(f"{kernel}: metric = {metric!r}; a name or an inverse mass matrix is needed") from error
    if matrix.shape not in ((dim,), (dim, dim)):
        raise StochinfError(f"{kernel}: metric of shape {matrix.shape}; ({dim},) or ({dim}, {dim}) is needed")
    if matrix.ndim == 1:
        if not (np.isfinite(matrix).all() and (matrix > 0).all()):
            raise StochinfError(f"{kernel}: metric = {metric!r}; positive finite numbers are needed")
        return Metric(0, 2.0, 0, matrix[np.newaxis])
    if not (np.isfinite(matrix).all() and np.allclose(matrix, matrix.T) and _positive(matrix)):
        raise StochinfError(f"{kernel}: metric: a symmetric positive definite inverse mass matrix is needed")
    return Metric(dim, 1.0, 0, matrix)


def _positive(matrix: Floats) -> bool:
    least = np.linalg.eigvalsh(matrix).min()
    return bool(math.isfinite(least) and least > 0)
