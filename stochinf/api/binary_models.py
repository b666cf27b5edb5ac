"""`learn_ising`: the front door to sparse Ising models of binary rows."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.api.minimizing import minimize
from stochinf.engine.convert import convert, counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import entropy_of
from stochinf.learning.structure.neighbourhoods import LearntIsing, joined_sides, spins_of
from stochinf.models.logistic import LogisticRegression

__all__ = ["learn_ising"]

Floats = npt.NDArray[np.float64]

RATIO = 0.01
PATIENCE = 5
"""Strengths in a row that do not better the criterion, after which smaller ones are not tried."""
RULES = ("and", "or")


class Side(NamedTuple):
    """What the regression of one column on the others found.

    Attributes
    ----------
    coefficients : ndarray of shape (p,)
        Those of the others, then the intercept.
    l1 : float
    """

    coefficients: Floats
    l1: float


def learn_ising(
    X: Any,
    l1: Any = "ebic",
    *,
    rule: str = "and",
    refit: bool = True,
    gamma: float = 0.25,
    points: int = 30,
    optimizer: Any = "auto",
    rng: Any = None,
) -> LearntIsing:
    r"""Learn which binary columns depend on each other: an Ising model with few couplings.

    .. math:: p(s) \propto \exp\Big(\sum_i h_i s_i + \sum_{i < j} J_{ij} s_i s_j\Big), \quad s_i = \pm 1.

    Each column is explained by the others in a logistic regression with an l1 penalty, whose coefficients are 2 J; columns that
    choose each other share an edge. The strength is chosen for each column where the extended Bayesian criterion,

    .. math:: -2 \log L + k \log n + 2 \gamma k \log (p - 1),

    is least along a sequence of falling strengths, with k neighbours and the likelihood L of their coefficients estimated anew
    without the l1 penalty.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n, p)
        Two values, such as 0 and 1; the larger is spin +1.
    l1 : float or "ebic"
        Strength of the penalty beside the mean loss, the same for every column; or chosen.
    rule : {"and", "or"}
        Whether both columns must choose each other, or one is enough.
    refit : bool
        Estimate fields and couplings anew on the edges found, without the l1 penalty and what it shrinks (with a weak l2 penalty
        of 1/n that keeps columns which explain each other perfectly from running away).
    gamma : float
        Weight of the number of columns in the criterion, from 0 to 1.
    points : int
        Strengths tried, down to a hundredth of the one that chooses nothing.
    optimizer : rule
        As in `stochinf.minimize`; one that knows l1 penalties.
    rng : int, SeedSequence, Generator or None
        For optimisers that draw.

    Returns
    -------
    LearntIsing
        `fields`, `couplings`, `edges`, `graph`.

    Raises
    ------
    StochinfError
        If X has other than two values, values are missing, or a column is constant: the message names it.

    References
    ----------
    Ravikumar, P., Wainwright, M. J. and Lafferty, J. (2010). High-dimensional Ising model selection using l1-regularized logistic
    regression. Annals of Statistics 38(3).
    Barber, R. F. and Drton, M. (2015). High-dimensional Ising model selection with Bayesian information criteria. Electronic
    Journal of Statistics 9.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> generator = np.random.default_rng(0)
    >>> X = generator.integers(0, 2, (1000, 4))
    >>> X[:, 3] = np.where(generator.random(1000) < 0.9, X[:, 1], 1 - X[:, 1])
    >>> [(i, j, round(J, 1)) for i, j, J in si.learn_ising(X).edges]
    [(1, 3, 1.1)]
    """
    if rule not in RULES:
        raise StochinfError(f"rule = {rule!r}: 'and' or 'or' is needed")
    gamma, points = convert("gamma", gamma, float), counted("points", points)
    if not 0 <= gamma <= 1:
        raise StochinfError(f"gamma = {gamma}; a number from 0 to 1 is needed")
    chosen = isinstance(l1, str)
    if chosen and l1 != "ebic":
        raise StochinfError(f"l1 = {l1!r}: a positive number or 'ebic' is needed")
    if not chosen and not 0 < convert("l1", l1, float) < math.inf:
        raise StochinfError(f"l1 = {l1}; a positive finite number or 'ebic' is needed")
    spins, names, values = spins_of(X)
    entropy, p = entropy_of(rng), spins.shape[1]
    sides = [
        along(spins, i, points, gamma, optimizer, entropy) if chosen else at(spins, i, float(l1), optimizer, entropy)
        for i in range(p)
    ]
    found, fields = halves(sides)
    couplings = joined_sides(found, rule == "and")
    if refit:
        couplings, fields = again(spins, couplings != 0, entropy)
    how = f"extended Bayesian criterion, gamma {gamma:g}" if chosen else f"l1 = {float(l1):g} for every column"
    return LearntIsing(fields, couplings, found, np.array([side.l1 for side in sides]), names, values, how)


def at(spins: Floats, column: int, l1: float, optimizer: Any, entropy: int) -> Side:
    """Explain a column by the others at one strength."""
    model = LogisticRegression(np.delete(spins, column, axis=1), spins[:, column], l1=l1, intercept=True)
    return Side(minimize(model, optimizer, rng=entropy, progress=False).x, l1)


def along(spins: Floats, column: int, points: int, gamma: float, optimizer: Any, entropy: int) -> Side:
    """Explain a column by the others at falling strengths, and keep the one where the criterion is least."""
    others, own = np.delete(spins, column, axis=1), spins[:, column]
    mean = own.mean()
    most = float(np.abs(others.T @ (own - mean)).max()) / (2 * own.size)
    x = np.append(np.zeros(others.shape[1]), np.arctanh(mean) * 2)
    best, kept, worse = criterion(others, own, x, gamma), Side(x, most), 0
    for l1 in np.geomspace(most, RATIO * most, points + 1)[1:] if most > 0 else ():
        model = LogisticRegression(others, own, l1=float(l1), intercept=True)
        before, x = x, minimize(model, optimizer, x, rng=entropy, progress=False).x
        if ((before != 0) == (x != 0))[:-1].all():
            continue
        value = criterion(others, own, unshrunk(others, own, x, entropy), gamma)
        worse = 0 if value < best else worse + 1
        if value < best:
            best, kept = value, Side(x, float(l1))
        elif worse == PATIENCE:
            break
    return kept


def unshrunk(others: Floats, own: Floats, x: Floats, entropy: int) -> Floats:
    """Return coefficients of the columns that x chose, estimated anew with a weak l2 penalty alone."""
    chosen = np.flatnonzero(x[:-1])
    if not chosen.size:
        return x
    model = LogisticRegression(others[:, chosen], own, l2=1.0 / own.size, intercept=True)
    y = np.zeros_like(x)
    y[np.append(chosen, -1)] = minimize(model, rng=entropy, progress=False).x
    return y


def criterion(others: Floats, own: Floats, x: Floats, gamma: float) -> float:
    """Return the extended Bayesian criterion of coefficients."""
    neighbours = np.count_nonzero(x[:-1])
    loss = np.logaddexp(0.0, -own * (others @ x[:-1] + x[-1])).sum()
    return float(2 * loss + neighbours * (np.log(own.size) + 2 * gamma * np.log(others.shape[1])))


def halves(sides: list[Side]) -> tuple[Floats, Floats]:
    """Return what regressions say of couplings, row i that of column i, and of fields: half their coefficients."""
    p = len(sides)
    couplings = np.zeros((p, p))
    for i, side in enumerate(sides):
        couplings[i, np.arange(p) != i] = side.coefficients[:-1] / 2
    return couplings, np.array([side.coefficients[-1] / 2 for side in sides])


def again(spins: Floats, edges: npt.NDArray[np.bool_], entropy: int) -> tuple[Floats, Floats]:
    """Estimate couplings along edges and fields without an l1 penalty; each coupling is the mean of its two sides."""
    p = spins.shape[1]
    couplings, fields = np.zeros((p, p)), np.zeros(p)
    for i in range(p):
        near = np.flatnonzero(edges[i])
        x = np.append(np.ones(near.size), np.arctanh(spins[:, i].mean()) * 2)
        x = unshrunk(spins[:, near], spins[:, i], x, entropy)
        couplings[i, near], fields[i] = x[:-1] / 2, x[-1] / 2
    return (couplings + couplings.T) / 2, fields
