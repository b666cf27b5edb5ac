r"""How well weights are determined: inverse information, standard errors, weights that run away.

References
----------
McLachlan, G. J. and Krishnan, T. (2008). The EM Algorithm and Extensions, 2nd edition, section 4.2: observed information.
Albert, A. and Anderson, J. A. (1984). On the existence of maximum likelihood estimates in logistic regression models. Biometrika
71: separation.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.flat import Floats
from stochinf.graphs.naming import listing, quote

__all__ = ["inverse", "refuse_separable", "running_away", "standard_errors"]

FLAT = 1e-9
"""Curvature, as a share of the largest, below which a direction counts as undetermined."""
FAR = 8.0
"""Log weights do not grow beyond this in data that are not separable, but for large samples."""
LOST = 1e-4
"""Log likelihood that is left to gain in a direction along which the weights run away."""


def inverse(information: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the inverse of an information matrix where it is positive, and which weights that determines.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.learning.precision import inverse
    >>> inverse(np.array([[2.0, 0.0], [0.0, 0.0]]))
    (array([[0.5, 0. ],
           [0. , 0. ]]), array([ True, False]))
    """
    if not information.size or not np.isfinite(information).all():
        return np.zeros_like(information), np.zeros(len(information), np.bool_)
    lengths, directions = np.linalg.eigh(0.5 * (information + information.T))
    flat = lengths <= FLAT * max(float(lengths[-1]), 0.0)
    known = (directions[:, flat] ** 2).sum(axis=1) < 1e-6
    found = (directions[:, ~flat] / lengths[~flat]) @ directions[:, ~flat].T
    return found, known


def standard_errors(information: Floats, total: float, active: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Return the square roots of the diagonal of the inverse information; infinite where a weight is not determined.

    Parameters
    ----------
    information : float64 (D, D)
        Of one observation, penalties included.
    total : float
        How many observations there are.
    active : bool (D,), optional
        Weights that an l1 penalty has not set to 0; the others have no standard error, NaN.
    """
    chosen = np.ones(len(information), np.bool_) if active is None else active
    covariance, known = inverse(information[np.ix_(chosen, chosen)])
    found = np.full(len(information), np.nan)
    found[chosen] = np.where(known, np.sqrt(np.maximum(np.diag(covariance), 0.0) / total), np.inf)
    return found


def refuse_separable(names: Sequence[Hashable], seen: Floats, low: Floats, high: Floats) -> None:
    """Refuse data in which a weight's statistic is the least or the largest that there can be.

    Parameters
    ----------
    names : sequence of D names
    seen, low, high : float64 (D,)
        Mean statistics of the data, and their bounds.

    Raises
    ------
    GraphError
        Naming the weights, and what helps.
    """
    slack = 1e-12 * np.maximum(np.abs(low), np.abs(high))
    open_ended = high - low > slack
    up, down = open_ended & (seen >= high - slack), open_ended & (seen <= low + slack)
    if not (up | down).any():
        return
    k = int(np.argmax(up | down))
    sign, bound = ("+", "largest") if up[k] else ("-", "least")
    others = listing([names[j] for j in np.flatnonzero(up | down).tolist()])
    raise GraphError(
        f"weight {quote(names[k])}: its statistic has the {bound} mean in the data that is possible, {seen[k]:.6g}, so that the "
        f"likelihood grows without end towards {sign}infinity (separable data; {others} in all); give l2=, such as 0.01, fix the "
        "weight, or bring data in which the opposite happens"
    )


def running_away(names: Sequence[Hashable], start: Floats, values: Floats, information: Floats) -> str:
    """Return in words which weights have gone far along a direction without curvature; an empty string where none has."""
    moved = values - start
    length = float(np.linalg.norm(moved))
    if not np.isfinite(moved).all():
        return f"weights are no longer finite, {quote(names[int(np.argmin(np.isfinite(moved)))])} first"
    if np.abs(moved).max(initial=0.0) < FAR or float(moved @ information @ moved) > LOST * max(1.0, length):
        return ""
    far = np.argsort(-np.abs(moved))[: max(1, int((np.abs(moved) > 0.5 * np.abs(moved).max()).sum()))]
    largest = ", ".join(f"{quote(names[j])} = {values[j]:.3g}" for j in far[:4].tolist())
    return f"weights run away ({largest}): the likelihood grows without end in this direction; give l2=, such as 0.01"
