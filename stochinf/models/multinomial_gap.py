r"""The duality gap of multinomial regression.

With scores :math:`z_i = W x_i`, chances :math:`p_i = \mathrm{softmax}(z_i)` and weights :math:`c_i` of the rows, dual variables
:math:`u_i = c_i (q_i - e_{y_i})` for any chances :math:`q_i`, and :math:`V = -\frac1n \sum_i u_i x_i'`,

.. math:: P(W) - P^* \le \frac1n \sum_i c_i \, \mathrm{KL}(q_i \,|\, p_i) + \sum_j \left( g(w_j) + g^*(v_j) - w_j v_j \right),

with the penalty g of `stochinf.models.certificates`. The q are the p; where there are intercepts, the mass of classes that have
too much is handed to those that lack it, until every class has what it has in the data; where l2 = 0 they are moved towards
:math:`e_{y_i}` until every |v_j| is at most l1. Every term is at least 0.

References
----------
Ndiaye, E. et al. (2017). Gap safe screening rules for sparsity enforcing penalties. JMLR 18, section 4.5: multinomial regression.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.models.certificates import ROUNDING
from stochinf.models.design import matrix

__all__ = ["balanced_chances", "multinomial_gap"]

Floats = npt.NDArray[np.float64]


def balanced_chances(p: Floats, own: Floats, weights: Floats) -> Floats:
    """Return chances near p whose weighted sums by class are those of the data.

    Parameters
    ----------
    p : ndarray of shape (n, classes)
        Chances.
    own : ndarray of shape (n, classes)
        1 at the label of a row.
    weights : ndarray of shape (n,)
    """
    have, wanted = weights @ p, weights @ own
    kept = p * np.minimum(1.0, wanted / np.maximum(have, 1e-300))
    lacking = np.maximum(wanted - have, 0.0)
    total = float(lacking.sum())
    if total == 0.0:
        return p
    return np.asarray(kept + (p - kept).sum(axis=1, keepdims=True) * (lacking / total))


def multinomial_gap(target: Any, position: Floats) -> float:
    """Return the duality gap of a multinomial target; infinite where there is no penalty."""
    if target.l1 == 0.0 and target.l2 == 0.0:
        return math.inf
    from scipy.special import kl_div, log_softmax

    features, n = matrix(target.design), target.labels.size
    W = position.reshape(target.classes, -1)
    with np.errstate(all="ignore"):
        logs = log_softmax(np.asarray(features @ W.T), axis=1)
    if not np.isfinite(logs).all():
        return math.inf
    p, own, weights = np.exp(logs), np.eye(target.classes)[target.labels], target.weights[:, np.newaxis]
    q = balanced_chances(p, own, target.weights) if target.penalised < features.shape[1] else p
    V = np.asarray(features.T @ (weights * (q - own))).T[:, : target.penalised] / -n
    largest = float(np.abs(V).max(initial=0.0))
    if target.l2 == 0.0 and largest > target.l1:
        q, V = own + (q - own) * (target.l1 / largest), V * (target.l1 / largest)
    gap = 0.0 if q is p else float((weights * kl_div(q, np.maximum(p, 1e-300))).sum()) / n
    w = W[:, : target.penalised]
    penalties = 0.5 * target.l2 * w * w + target.l1 * np.abs(w)
    conjugates = np.maximum(np.abs(V) - target.l1, 0.0) ** 2 / (2.0 * target.l2) if target.l2 > 0 else 0.0
    losses = -float(target.weights @ logs[np.arange(n), target.labels]) / n
    rounding = ROUNDING * (losses + float(penalties.sum()))
    return float(gap + np.maximum(penalties + conjugates - w * V, 0.0).sum() + rounding)
