r"""A pilot run that finds out where the temperature must change slowly.

64 particles are cooled by steps that cost a fifth of them, and resampled when they have become unequal: an adaptive sequential
Monte Carlo sampler. Each step is as long as the others in thermodynamic length :math:`\int \sigma_\beta(L) d\beta`, and steps
of equal length make the weights of annealing vary least.

References
----------
Zhou, Y., Johansen, A. M. and Aston, J. A. D. (2016). Toward automatic model comparison: an adaptive sequential Monte Carlo
approach. JCGS 25(3), section 3.3 (conditional effective sample size).
Grosse, R., Maddison, C. and Salakhutdinov, R. (2013). Annealing between distributions by averaging moments. NIPS, section 3.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import advance
from stochinf.engine.observers import Nothing
from stochinf.engine.schedules import Constant
from stochinf.engine.session import LANES, Plan, build
from stochinf.graphs.annealed.kernel import AnnealedImportance
from stochinf.graphs.tempering.weighing import weigh_lanes

__all__ = ["cooled", "pilot"]

Floats = npt.NDArray[np.float64]

KEPT = 0.8
"""Share of the particles' worth that a step of the pilot keeps."""

MOST_STEPS = 4000
SMALLEST_STEP = 1e-9


def pilot(target: Any, entropy: int) -> Floats:
    """Return inverse temperatures from 0 to 1 that are equally far apart for the model.

    Parameters
    ----------
    target : SpinGraph or TableGraph
    entropy : int

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.annealed.pilot import pilot
    >>> pilot(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]).as_target(), 1).size
    4
    """
    plan = Plan(AnnealedImportance(0.0), target, None, None, Nothing(), None, LANES, 0, target.n_points, False, entropy)
    block = build(plan, 0).blocks[0]
    chance, betas, log_weights = np.random.Generator(np.random.SFC64(entropy)), [0.0], np.zeros(LANES)
    weigh_lanes(block.kernel.move, target, block.state)
    while betas[-1] < 1.0 and len(betas) < MOST_STEPS:
        score = block.state.score - block.state.score.max()
        step = _longest_step(score, log_weights, 1.0 - betas[-1])
        betas.append(min(1.0, betas[-1] + step))
        log_weights = log_weights + step * score
        weights = np.exp(log_weights - log_weights.max())
        if weights.sum() ** 2 < 0.5 * LANES * (weights**2).sum():
            chosen = chance.choice(LANES, LANES, p=weights / weights.sum())
            block.state.position[:] = block.state.position[:, chosen]
            log_weights = np.zeros(LANES)
        block.schedule = Constant(betas[-1])
        advance(block, target.n_points)
        weigh_lanes(block.kernel.move, target, block.state)
    betas[-1] = 1.0
    return np.array(betas)


def _longest_step(score: Floats, log_weights: Floats, longest: float) -> float:
    """Return the step after which the particles are worth `KEPT` of what they are worth before."""
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()

    def kept(step: float) -> float:
        factor = np.exp(step * score)
        return float((weights @ factor) ** 2 / (weights @ factor**2))

    if kept(longest) >= KEPT:
        return longest
    low, high = -40.0, float(np.log(longest))
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if kept(float(np.exp(middle))) >= KEPT else (low, middle)
    return max(float(np.exp(low)), SMALLEST_STEP)


def cooled(betas: Floats, sweeps: int) -> Floats:
    """Return the inverse temperatures of so many sweeps, the last one 1, dense where the pilot's are.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.annealed.pilot import cooled
    >>> cooled(np.array([0.0, 0.1, 1.0]), 4)
    array([0.05, 0.1 , 0.55, 1.  ])
    """
    return np.asarray(np.interp(np.linspace(0.0, 1.0, sweeps + 1)[1:], np.linspace(0.0, 1.0, betas.size), betas))
