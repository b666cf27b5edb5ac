r"""Certificates: how far above its minimum an objective may be at a point.

For :math:`P(w) = \frac1n \sum_i \ell_i(x_i \cdot w) + \frac{\lambda_2}{2} |w|^2 + \lambda_1 |w|_1` and dual variables u,
as many as rows, with :math:`v = -X'u / n`,

.. math:: P(w) - P^* \le \frac1n \sum_i D_i(x_i \cdot w, u_i) + \sum_j \left( g(w_j) + g^*(v_j) - w_j v_j \right),

with D of `stochinf.models.losses`, :math:`g(t) = \lambda_2 t^2/2 + \lambda_1 |t|` and its conjugate
:math:`g^*(v) = \max(|v| - \lambda_1, 0)^2 / (2 \lambda_2)`. The slopes of the losses are the dual variables; where
:math:`\lambda_2 = 0` they are scaled down until every |v_j| is at most :math:`\lambda_1`, and where there is an intercept, which
is not penalised, the positive or the negative ones until they sum to zero. Every term is at least 0, so that no digits cancel.
With :math:`\lambda_1 = 0` and no intercept the bound is :math:`|\nabla P|^2 / (2 \lambda_2)`. To the bound is added what P itself
may have lost in rounding.

References
----------
Fercoq, O., Gramfort, A. and Salmon, J. (2015). Mind the duality gap: safer rules for the lasso. ICML, equation (5).
Ndiaye, E. et al. (2017). Gap safe screening rules for sparsity enforcing penalties. JMLR 18, section 2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.models.design import matrix
from stochinf.models.losses import write_slopes

__all__ = ["Certificate", "dual_point", "duality_gap", "least_subgradient", "linear_certificate"]

Floats = npt.NDArray[np.float64]

ROUNDING = 8.0 * 2.0**-52
"""Relative rounding error of an objective that is a sum of many terms of one sign."""


class Certificate(float):
    """What is known of a point's distance from the best objective: a number, its value, that says what it bounds.

    Parameters
    ----------
    kind : {'gap', 'grad_norm'}
        A duality gap (or another bound of the objective), or the norm of the gradient.
    value : float
    bound : float
        At least f - f*; infinite where no bound is known.
    text : str
        What the value bounds.

    Examples
    --------
    >>> from stochinf.models.certificates import Certificate
    >>> certificate = Certificate("grad_norm", 0.1, 0.05, "norm of the gradient; f - min f is at most its square / (2 l2)")
    >>> certificate, certificate.bound
    (0.1, 0.05)
    """

    kind: str
    bound: float
    text: str

    def __new__(cls, kind: str, value: float, bound: float = math.inf, text: str = "") -> Certificate:
        """Return the number with what is known of it."""
        made = super().__new__(cls, value)
        made.kind, made.bound, made.text = kind, float(bound), text
        return made

    @property
    def value(self) -> float:
        """The number alone."""
        return float(self)


def least_subgradient(gradient: Floats, position: Floats, l1: float, penalised: int) -> Floats:
    """Return the subgradient of least norm: that of the smooth part, plus l1 times a sign or what comes nearest to zero."""
    out = gradient.copy()
    if l1 > 0:
        head, w = gradient[:penalised], position[:penalised]
        still = np.sign(head) * np.maximum(np.abs(head) - l1, 0.0)
        out[:penalised] = np.where(w != 0, head + l1 * np.sign(w), still)
    return out


def dual_point(target: Any, slopes: Floats) -> tuple[Floats, Floats]:
    """Return a feasible dual point made of slopes, and -X'u/n at it, without the intercept."""
    u, features = slopes, matrix(target.design)
    if target.penalised < target.dim:
        u = _summing_to_zero(u)
    v = np.asarray(features.T @ u)[: target.penalised] / -u.size
    largest = float(np.abs(v).max(initial=0.0))
    if target.l2 == 0.0 and largest > target.l1:
        u, v = u * (target.l1 / largest), v * (target.l1 / largest)
    return u, v


def _summing_to_zero(u: Floats) -> Floats:
    """Scale the positive or the negative entries down."""
    above, below = float(u[u > 0].sum()), -float(u[u < 0].sum())
    return np.where(u > 0, u * min(1.0, below / max(above, 1e-300)), u * min(1.0, above / max(below, 1e-300)))


def duality_gap(target: Any, position: Floats) -> float:
    """Return the duality gap of a linear target; infinite where there is no penalty."""
    if target.l1 == 0.0 and target.l2 == 0.0:
        return math.inf
    scores = np.asarray(matrix(target.design) @ position)
    slopes = np.empty(scores.size)
    losses = write_slopes(target.loss, scores, target.labels, slopes)
    if not math.isfinite(losses):
        return math.inf
    u, v = dual_point(target, slopes)
    gap = 0.0 if u is slopes else float(target.loss.divergence(scores, target.labels, u).mean())
    w = position[: target.penalised]
    penalties = 0.5 * target.l2 * w * w + target.l1 * np.abs(w)
    conjugates = np.maximum(np.abs(v) - target.l1, 0.0) ** 2 / (2.0 * target.l2) if target.l2 > 0 else 0.0
    rounding = ROUNDING * (abs(losses) / scores.size + float(penalties.sum()))
    return gap + float(np.maximum(penalties + conjugates - w * v, 0.0).sum()) + rounding


def linear_certificate(target: Any, position: Floats) -> Certificate:
    """Return the certificate of a linear target: its duality gap where it has an l1 penalty, else the norm of its gradient.

    The bound is the duality gap wherever there is a penalty.
    """
    gap = duality_gap(target, position)
    if target.l1 > 0:
        return Certificate("gap", gap, gap, "duality gap: f - min f is at most this")
    norm = float(np.linalg.norm(target.full_gradient(position)))
    if target.l2 == 0:
        return Certificate("grad_norm", norm, math.inf, "norm of the gradient; without a penalty it bounds no f - min f")
    return Certificate("grad_norm", norm, gap, f"norm of the gradient; f - min f is at most the duality gap {gap:.3g}")
