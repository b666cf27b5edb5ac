"""The convergence test of learning: whether the statistics of the data and of the learnt model agree."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

from stochinf.graphs.flat import Floats

__all__ = ["Moments"]


class Moments(NamedTuple):
    """Mean statistics by weight, in the data (what is hidden averaged out) and in the model.

    At the maximum of a likelihood without penalty both are equal; the correlation over weights, and the largest difference, say
    how far from it a stochastic method has come.

    Attributes
    ----------
    names : list
        Names of the weights that were learnt.
    data, model : float64 (D,)
    error : float64 (D,)
        Standard error of `model` where it was sampled, else 0.

    References
    ----------
    Barrat-Charlaix, P., Muntoni, A. P. et al. (2021). Sparse generative modeling via parameter reduction of Boltzmann machines.
    Physical Review E 104: the Pearson correlation of statistics as a test of convergence.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.learning.moments import Moments
    >>> Moments(["a", "b"], np.array([0.1, 0.5]), np.array([0.12, 0.49]), np.zeros(2))
    Moments(2 statistics, Pearson correlation 1.0000, largest difference 0.02)
    """

    names: list[Hashable]
    data: Floats
    model: Floats
    error: Floats

    @property
    def pearson(self) -> float:
        """Correlation of both over weights; NaN for a single weight, 1 where they are the same."""
        if np.array_equal(self.data, self.model) and self.data.size:
            return 1.0
        data, model = self.data - self.data.mean(), self.model - self.model.mean()
        scale = float(np.linalg.norm(data) * np.linalg.norm(model))
        return float(data @ model) / scale if scale > 0 and self.data.size > 1 else float("nan")

    @property
    def largest(self) -> float:
        """The largest difference."""
        return float(np.abs(self.data - self.model).max(initial=0.0))

    def __repr__(self) -> str:
        return (
            f"Moments({self.data.size} statistics, Pearson correlation {self.pearson:.4f}, largest difference {self.largest:.2g})"
        )
