"""Moving given positions by a kernel, and the table that tests of correctness return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import advance
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build
from stochinf.engine.target import as_target, check_kernel, demand_success

__all__ = ["Verdict", "moved"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, repr=False)
class Verdict:
    """What a test of a sampler's correctness found.

    Parameters
    ----------
    method : str
        The test.
    p_values : mapping of str to float
        Chance of figures as far off if the sampler is right, by quantity.
    figures : mapping of str to float
        By quantity: z scores, distances, or chi squares.
    level : float
        Below which a p-value fails.

    Examples
    --------
    >>> from stochinf.diagnostics import Verdict
    >>> verdict = Verdict(method="SBC", p_values={"mu": 0.4, "tau": 1e-9}, figures={"mu": 18.0, "tau": 95.0})
    >>> verdict.passed, verdict.worst
    (False, 'tau')
    """

    method: str
    p_values: Mapping[str, float]
    figures: Mapping[str, float]
    level: float = 1e-6

    @property
    def worst(self) -> str:
        """The quantity of the smallest p-value."""
        return min(self.p_values, key=lambda name: self.p_values[name])

    @property
    def passed(self) -> bool:
        """Whether no p-value is below the level."""
        return bool(min(self.p_values.values()) > self.level)

    def __repr__(self) -> str:
        rows = sorted(self.p_values.items(), key=lambda pair: pair[1])
        lines = [
            f"{self.method} {'passed' if self.passed else 'FAILED'}: {len(rows)} quantities, p-values above {self.level:g} pass"
        ]
        lines += [f"  {name:<24} {self.figures[name]:10.3f}   p = {p:.2g}" for name, p in rows[:12]]
        return "\n".join(lines)


def moved(kernel: Any, target: Any, positions: Floats, steps: int, entropy: int) -> Floats:
    """Return where a kernel takes each of several positions, without warm-up.

    Parameters
    ----------
    kernel : part
        With all its rates given.
    target : model or part
    positions : ndarray of shape (n, dim)
    steps : int
    entropy : int

    Returns
    -------
    ndarray of shape (n, dim)
    """
    part = as_target(target)
    check_kernel(kernel, part)
    rows = np.array(positions, dtype=np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise StochinfError(f"positions of shape {rows.shape}: finite numbers of shape (n, dim) are needed")
    plan = Plan(kernel, part, None, None, Nothing(), rows, len(rows), 0, 1, False, entropy)
    session = build(plan, 1)
    for block in session.blocks:
        advance(block, steps)
        demand_success(block.target)
    return np.array(session.positions(), dtype=np.float64)
