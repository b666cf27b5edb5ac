"""Which rule `minimize(problem)` takes where none is named, and why.

In this order, the first that serves:

- `ProjectedGradient` for problems with constraints;
- `WorkingSets`, coordinate descent, for penalties that set single coefficients to zero; `CoordinateDescent` for groups;
- `Newton` for linear models whose Hessian is cheap;
- `SGD` where a pass over the data is long, `SAGA` where rows are many against the condition number, both for linear models;
- `SAGA` for other sums with an l1 penalty;
- `BFGS` and `LBFGS`, in few and many dimensions, where there are whole gradients;
- `SGD` where there are gradients of points only; `CMAES` where there are values only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stochinf.engine.target import offers

__all__ = ["choice", "newton_work", "stochastic"]

NEWTON_DIM = 1000
"""At more coefficients than this a Hessian costs more than it saves."""
NEWTON_WORK = 2e9
"""Multiplications per Newton step that are worth it."""
LONG_PASS = 5e8
"""Stored entries from which on a few passes must do."""
SAGA_PASSES = 20.0
"""Largest condition number, in rows, for which SAGA needs few passes."""
BFGS_DIM = 200


def choice(target: Any) -> tuple[Any, str]:
    """Return a rule for a target, and why it was chosen; SGD where none serves, which says what it misses.

    Parameters
    ----------
    target : part

    Returns
    -------
    rule : part
    why : str
    """
    import stochinf.optim as optim

    l1, dim = float(getattr(target, "l1", 0.0)), int(getattr(target, "dim", 0))
    if getattr(target, "grouped", False):
        return optim.CoordinateDescent(), f"CoordinateDescent: coefficients in {target.penalty.weights.size} groups"
    if hasattr(target, "project"):
        return optim.ProjectedGradient(), f"ProjectedGradient: constraints on {dim} coordinates"
    if getattr(target, "by_columns", False) or (_linear(target) and l1 > 0):
        return optim.WorkingSets(), f"WorkingSets: a penalty of {target.penalised} single coefficients"
    if _linear(target):
        return _for_linear(target)
    if l1 > 0 and offers(target, "gradient") and hasattr(target, "row_smoothness"):
        return optim.SAGA(), f"SAGA: an l1 penalty on a sum of {target.n_points} terms"
    if offers(target, "whole"):
        few = dim <= BFGS_DIM and not hasattr(target, "design")
        rule = optim.BFGS() if few else optim.LBFGS()
        return rule, f"{type(rule).__name__}: whole gradients in {dim} dimensions"
    if offers(target, "value") and not offers(target, "gradient"):
        return optim.CMAES(), f"CMAES: {type(target).__name__} gives values only"
    return optim.SGD(), f"SGD: {type(target).__name__} gives gradients of points"


def stochastic(target: Any) -> tuple[Any, str]:
    """Return the rule for someone who gave a picker or a schedule, which whole passes have no use for."""
    import stochinf.optim as optim

    if not offers(target, "gradient"):
        return choice(target)
    return optim.SGD(), "SGD: a picker or a schedule was given"


def _linear(target: Any) -> bool:
    return bool(getattr(target, "linear", False)) and hasattr(target, "design")


def _for_linear(target: Any) -> tuple[Any, str]:
    """Return a rule for a linear model without l1."""
    import stochinf.optim as optim

    stored = target.design.values.size if target.sparse else target.design.rows.size
    work = newton_work(target)
    if target.dim <= NEWTON_DIM and work <= NEWTON_WORK:
        return optim.Newton(), f"Newton: {target.dim} coefficients, {work:.2g} multiplications a step"
    if stored > LONG_PASS:
        return optim.SGD(), f"SGD: {stored:.2g} stored entries, few passes must do"
    condition = float(target.row_smoothness()) / (target.n_points * target.l2) if target.l2 > 0 else math.inf
    if condition <= SAGA_PASSES:
        return optim.SAGA(), f"SAGA: {target.dim} coefficients, a condition number of {condition:.2g} times the rows"
    return optim.LBFGS(), f"LBFGS: {target.dim} coefficients, a condition number of {condition:.2g} times the rows"


def newton_work(target: Any) -> float:
    """Return the multiplications of a Newton step on a linear target: its Hessian, and the solution for the direction.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.optim.automatic import newton_work
    >>> newton_work(si.models.LinearRegression([[1.0, 2.0, 3.0]] * 10, [1.0] * 10).as_target())
    69.0
    """
    if target.sparse:
        lengths = np.diff(target.design.row_start).astype(np.float64)
        products = float((lengths * (lengths + 1.0)).sum() / 2.0)
    else:
        products = float(target.n_points * target.dim * (target.dim + 1) / 2.0)
    return products + float(target.dim) ** 3 / 3.0
