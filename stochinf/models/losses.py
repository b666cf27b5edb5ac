r"""Losses of one score: :math:`\ell(z, y)`, its slope and its curvature in the score :math:`z = x \cdot w`.

Each is a part with compiled `loss_value(z, y)`, `loss_slope(z, y)` and `loss_curvature(z, y)`; and, in Python, the sum
`total(z, y)` over arrays, the bound `steepest` of the curvature (infinite where there is none) and the divergence

.. math:: D(z, y, u) = \ell(z, y) + \ell^*(u, y) - u z \ge 0,

the Fenchel-Young inequality of the convex conjugate: what a point loses whose dual variable u is not the slope of the loss.
Sums of divergences are duality gaps without cancellation.

References
----------
Shalev-Shwartz, S. and Zhang, T. (2013). Stochastic dual coordinate ascent methods for regularized loss minimization. JMLR 14,
table 1.
Rockafellar, R. T. (1970). Convex Analysis, theorem 23.5.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import entry, helper
from stochinf.engine.parts import part

__all__ = ["LogisticLoss", "PoissonLoss", "SquaredHingeLoss", "SquaredLoss", "log_loss", "misfit", "write_slopes"]

Floats = npt.NDArray[np.float64]


@helper()
def log_loss(margin: float) -> float:
    """Return log(1 + exp(-margin)) without overflow."""
    return max(-margin, 0.0) + math.log1p(math.exp(-abs(margin)))


@helper()
def misfit(margin: float) -> float:
    """Return 1 / (1 + exp(margin)), the chance that the model gives to the other label, without overflow."""
    small = math.exp(-abs(margin))
    return (small if margin > 0.0 else 1.0) / (1.0 + small)


@part
class LogisticLoss(NamedTuple):
    r"""log(1 + exp(-y z)) for labels y of -1 and +1.

    Examples
    --------
    >>> from stochinf.models.losses import LogisticLoss
    >>> LogisticLoss().loss_slope(0.0, 1.0), LogisticLoss().loss_curvature(0.0, 1.0)
    (-0.5, 0.25)
    """

    steepest: float = 0.25

    def loss_value(self, z: float, y: float) -> float:
        """Return the loss."""
        return log_loss(y * z)

    def loss_slope(self, z: float, y: float) -> float:
        """Return the derivative in z."""
        return -y * misfit(y * z)

    def loss_curvature(self, z: float, y: float) -> float:
        """Return the second derivative in z."""
        small = math.exp(-abs(z))
        return small / ((1.0 + small) * (1.0 + small))

    def loss_divergence(self, z: float, y: float, u: float) -> float:
        """Return the divergence of one row, compiled."""
        a = min(max(-y * u, 0.0), 1.0)
        total = a * log_loss(-y * z) + (1.0 - a) * log_loss(y * z)
        if a > 0.0:
            total += a * math.log(a)
        if a < 1.0:
            total += (1.0 - a) * math.log(1.0 - a)
        return max(total, 0.0)

    def total(self, z: Floats, y: Floats) -> float:
        """Return the sum of the losses; of sixteen factors 1 + e a single logarithm is taken."""
        margins = y * z
        small = np.exp(-np.abs(margins))
        whole = small.size // 16 * 16
        factors = small[:whole].reshape(16, -1)
        product = factors[0].copy()
        for other in factors[1:]:
            product += other + product * other
        logarithms = float(np.log1p(product).sum()) + float(np.log1p(small[whole:]).sum())
        return logarithms - float(np.minimum(margins, 0.0).sum())

    def divergence(self, z: Floats, y: Floats, u: Floats) -> Floats:
        """Return the relative entropy between the chances -y u and those of the model."""
        from scipy.special import expit, kl_div

        return np.asarray(kl_div(-y * u, expit(-y * z)) + kl_div(1.0 + y * u, expit(y * z)))


@part
class SquaredLoss(NamedTuple):
    """(z - y)^2 / 2.

    Examples
    --------
    >>> from stochinf.models.losses import SquaredLoss
    >>> SquaredLoss().loss_value(3.0, 1.0), SquaredLoss().loss_slope(3.0, 1.0)
    (2.0, 2.0)
    """

    steepest: float = 1.0

    def loss_value(self, z: float, y: float) -> float:
        """Return the loss."""
        return 0.5 * (z - y) * (z - y)

    def loss_slope(self, z: float, y: float) -> float:
        """Return the derivative in z."""
        return z - y

    def loss_curvature(self, z: float, y: float) -> float:
        """Return the second derivative in z."""
        return 1.0

    def loss_divergence(self, z: float, y: float, u: float) -> float:
        """Return the divergence of one row, compiled."""
        return 0.5 * (z - y - u) * (z - y - u)

    def total(self, z: Floats, y: Floats) -> float:
        """Return the sum of the losses."""
        return 0.5 * float(np.square(z - y).sum())

    def divergence(self, z: Floats, y: Floats, u: Floats) -> Floats:
        """Return half the squared distance of u from the residual."""
        return 0.5 * (z - y - u) ** 2


@part
class PoissonLoss(NamedTuple):
    """exp(z) - y z for counts y: the negative log likelihood without log y!.

    Examples
    --------
    >>> from stochinf.models.losses import PoissonLoss
    >>> float(PoissonLoss().loss_value(0.0, 3.0)), float(PoissonLoss().loss_slope(0.0, 3.0))
    (1.0, -2.0)
    """

    steepest: float = math.inf

    def loss_value(self, z: float, y: float) -> float:
        """Return the loss."""
        return np.exp(z) - y * z  # type: ignore[no-any-return]

    def loss_slope(self, z: float, y: float) -> float:
        """Return the derivative in z."""
        return np.exp(z) - y  # type: ignore[no-any-return]

    def loss_curvature(self, z: float, y: float) -> float:
        """Return the second derivative in z."""
        return np.exp(z)  # type: ignore[no-any-return]

    def loss_divergence(self, z: float, y: float, u: float) -> float:
        """Return the divergence of one row, compiled."""
        rate = max(u + y, 0.0)
        total = np.exp(z) - rate
        if rate > 0.0:
            total += rate * (math.log(rate) - z)
        return max(total, 0.0)  # type: ignore[no-any-return]

    def total(self, z: Floats, y: Floats) -> float:
        """Return the sum of the losses."""
        return float((np.exp(z) - y * z).sum())

    def divergence(self, z: Floats, y: Floats, u: Floats) -> Floats:
        """Return the relative entropy between the rates u + y and those of the model."""
        from scipy.special import kl_div

        return np.asarray(kl_div(np.maximum(u + y, 0.0), np.exp(z)))


@part
class SquaredHingeLoss(NamedTuple):
    """max(0, 1 - y z)^2 for labels y of -1 and +1, without a factor of one half.

    Examples
    --------
    >>> from stochinf.models.losses import SquaredHingeLoss
    >>> SquaredHingeLoss().loss_value(0.5, 1.0), SquaredHingeLoss().loss_slope(0.5, 1.0)
    (0.25, -1.0)
    """

    steepest: float = 2.0

    def loss_value(self, z: float, y: float) -> float:
        """Return the loss."""
        short = max(0.0, 1.0 - y * z)
        return short * short

    def loss_slope(self, z: float, y: float) -> float:
        """Return the derivative in z."""
        return -2.0 * y * max(0.0, 1.0 - y * z)

    def loss_curvature(self, z: float, y: float) -> float:
        """Return the second derivative in z; 0 at the kink."""
        return 2.0 if y * z < 1.0 else 0.0

    def loss_divergence(self, z: float, y: float, u: float) -> float:
        """Return the divergence of one row, compiled."""
        short, a = 1.0 - y * z, -y * u
        return (short - 0.5 * a) * (short - 0.5 * a) if short > 0.0 else 0.25 * a * a - a * short

    def total(self, z: Floats, y: Floats) -> float:
        """Return the sum of the losses."""
        return float(np.square(np.maximum(1.0 - y * z, 0.0)).sum())

    def divergence(self, z: Floats, y: Floats, u: Floats) -> Floats:
        """Return the squared distance of the dual variable a = -y u from twice the shortfall."""
        short, a = 1.0 - y * z, -y * u
        return np.where(short > 0, (short - 0.5 * a) ** 2, 0.25 * a * a - a * short)


@entry
def write_slopes(loss: Any, scores: Floats, labels: npt.NDArray[Any], out: Floats) -> float:
    """Write the slope of every row's loss; return the sum of the losses."""
    total = 0.0
    for row in range(scores.size):
        out[row] = loss.loss_slope(scores[row], labels[row])
        total += loss.loss_value(scores[row], labels[row])
    return total
