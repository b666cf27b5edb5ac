r"""A trajectory of leapfrog steps whose end is proposed, compiled: what HMC, MALA and ULA share.

The end (x', r') of a trajectory that began at (x, r) is taken with probability

.. math:: \min\{1, \exp(H(x, r) - H(x', r'))\}, \qquad H(x, r) = -\log\pi(x) + \tfrac{1}{2} |r|^2.

References
----------
Duane, S., Kennedy, A. D., Pendleton, B. J. and Roweth, D. (1987). Hybrid Monte Carlo. Physics Letters B 195.
Neal, R. M. (2011). MCMC using Hamiltonian dynamics, section 3.2 and equation (3.6).
"""

from __future__ import annotations

import math
from typing import Any

from stochinf.engine.jit import helper
from stochinf.engine.random import uniform
from stochinf.mcmc.doubling import (
    ACCEPTED,
    ERROR_CHOSEN,
    LP_CHOSEN,
    PLACE,
    START,
    STEPS,
    SYMMETRIC,
    TOO_LARGE,
    begin,
    copy,
    note_divergence,
)
from stochinf.mcmc.hamiltonian import LP, RIGHT, SLOPE, SUB_SUM
from stochinf.mcmc.leapfrog import leapfrog

__all__ = ["propose"]


@helper()
def travel(target: Any, state: Any, steps: int, step: float) -> tuple[float, float]:
    """Do some steps from the position; return log density and energy error H0 - H at the end, -infinity where it diverged."""
    figures = state.figures
    log_density = 0.0
    error = 0.0
    for _ in range(steps):
        log_density, kinetic = leapfrog(target, state, RIGHT, SUB_SUM, step)
        error = figures[START] - (kinetic - log_density)
        figures[STEPS] += 1.0
        if not error > -TOO_LARGE:
            note_divergence(state, RIGHT, step)
            return log_density, -math.inf
    return log_density, error


@helper()
def propose(target: Any, state: Any, steps: int, step: float, certain: bool, rng: Any) -> None:
    """Draw a momentum, travel, and move to the end or stay; where `certain`, move to wherever the density is positive."""
    begin(state, state.stats[LP], rng)
    log_density, error = travel(target, state, steps, step)
    figures = state.figures
    chance = 1.0 if error >= 0.0 else math.exp(error)
    figures[ACCEPTED] = chance * figures[STEPS]
    figures[SYMMETRIC] = 2.0 * chance / (1.0 + math.exp(min(error, TOO_LARGE / 2))) * figures[STEPS]
    if uniform(rng) < chance or (certain and error > -math.inf):
        copy(state.paths[RIGHT], state.position)
        copy(state.paths[SLOPE], state.gradient)
        figures[LP_CHOSEN] = log_density
        figures[ERROR_CHOSEN] = -error
        figures[PLACE] = math.inf
