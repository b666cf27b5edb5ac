"""Which rule `minimize(problem)` takes where none is named, and why."""

from __future__ import annotations

from typing import Any

from stochinf.engine.errors import StochinfError
from stochinf.engine.target import offers

__all__ = ["choice"]

NEWTON_DIM = 1000
"""At more coefficients than this a Hessian costs more than it saves."""

NEWTON_WORK = 2e9
"""Multiplications per Newton step that are worth it."""


def choice(target: Any) -> tuple[Any, str]:
    """Return a rule for a target, and why it was chosen.

    Raises
    ------
    StochinfError
        If no rule serves.
    """
    from stochinf.optim.coordinate.rules import WorkingSets
    from stochinf.optim.newton import Newton
    from stochinf.optim.sgd import SGD

    if getattr(target, "by_columns", False):
        return WorkingSets(), f"WorkingSets: a penalty of {target.penalised} single coefficients"
    if getattr(target, "linear", False) and target.l1 == 0 and target.dim <= NEWTON_DIM:
        work = _outer_products(target) + target.dim**3 / 3.0
        if work <= NEWTON_WORK:
            return Newton(), f"Newton: {target.dim} coefficients, {work:.2g} multiplications a step"
    if getattr(target, "linear", False) and target.l1 > 0:
        return WorkingSets(), f"WorkingSets: an l1 penalty on {target.penalised} coefficients"
    if offers(target, "gradient"):
        return SGD(), f"SGD: {type(target).__name__} gives gradients of single points"
    raise StochinfError(f"minimize: no rule serves {type(target).__name__} unasked; name one, rule=")


def _outer_products(target: Any) -> float:
    """Return the multiplications that the Hessian of a linear target takes."""
    import numpy as np

    if target.sparse:
        lengths = np.diff(target.design.row_start).astype(np.float64)
        return float((lengths * (lengths + 1.0)).sum() / 2.0)
    return float(target.n_points * target.dim * (target.dim + 1) / 2.0)
