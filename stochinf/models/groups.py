r"""The group Lasso: coefficients enter in groups.

.. math:: \lambda \sum_g \sqrt{|g|} \, |w_g|_2

References
----------
Yuan, M. and Lin, Y. (2006). Model selection and estimation in regression with grouped variables. JRSS B 68, equation (2.1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part

__all__ = ["GroupLasso"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
NONE = np.empty(0, np.int64)
NO_WEIGHTS = np.empty(0)


@part(convex=True, grouped=True)
class GroupLasso(NamedTuple):
    """The group Lasso: l1 times the sum over groups of sqrt(size) times the norm of the coefficients.

    Parameters
    ----------
    l1 : float
        Not negative.
    groups : array-like of int, shape (dim,)
        The group of every coefficient, any whole numbers.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LinearRegression([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [3.0, 4.0, 0.1])
    >>> result = si.minimize(si.models.Penalised(model, si.models.GroupLasso(0.1, [0, 0, 1])))
    >>> result.x.round(2), result.gap < 1e-8
    (array([2.75, 3.66, 0.  ]), True)
    """

    l1: float
    groups: Integers
    start: Integers = NONE
    members: Integers = NONE
    weights: Floats = NO_WEIGHTS

    def checked(self) -> GroupLasso:
        """Check the strength, and list the members of each group."""
        if not (self.l1 >= 0 and math.isfinite(self.l1)):
            raise StochinfError(f"GroupLasso: l1 = {self.l1}; a finite number of at least 0 is needed")
        if self.groups.ndim != 1 or not self.groups.size:
            raise StochinfError(f"GroupLasso: groups of shape {self.groups.shape}; one whole number per coefficient is needed")
        sizes = np.unique(self.groups, return_counts=True)[1]
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return self._replace(start=start, members=np.argsort(self.groups, kind="stable"), weights=np.sqrt(sizes))

    def __repr__(self) -> str:
        return f"GroupLasso(l1={self.l1:g}, {self.weights.size} groups of {self.groups.size} coefficients)"

    def norms(self, vector: Floats) -> Floats:
        """Return the norm of every group."""
        return np.asarray(np.sqrt(np.add.reduceat(vector[self.members] ** 2, self.start[:-1])))

    def total(self, w: Floats) -> float:
        """Return the penalty of all coefficients."""
        return float(self.l1 * self.weights @ self.norms(w))

    def divisor(self, v: Floats) -> float:
        """Return by how much v must be divided before the conjugate is finite."""
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = self.norms(v) / (self.l1 * self.weights)
        return max(1.0, float(np.nan_to_num(excess, posinf=math.inf).max()))

    def distances(self, w: Floats, v: Floats) -> Floats:
        """Return how far each group's v is from its subdifferential."""
        sizes, limits = self.norms(w), self.l1 * self.weights
        place = np.empty(w.size, np.int64)
        place[self.members] = np.repeat(np.arange(sizes.size), np.diff(self.start))
        unit = w / np.maximum(sizes, 1e-300)[place]
        return np.where(sizes > 0, self.norms(v - limits[place] * unit), np.maximum(self.norms(v) - limits, 0.0))
