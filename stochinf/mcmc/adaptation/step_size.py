r"""The step size: a search by doubling, then dual averaging; compiled.

With acceptance :math:`a_t` of the t-th step, aim :math:`a^*` and :math:`\mu = \log 10 \epsilon_0`,

.. math::

    \bar e_t = \Bigl(1 - \tfrac{1}{t + t_0}\Bigr) \bar e_{t-1} + \tfrac{1}{t + t_0} (a^* - a_t), \qquad
    \log\epsilon_t = \mu - \tfrac{\sqrt t}{\gamma} \bar e_t, \qquad
    \overline{\log\epsilon}_t = t^{-\kappa} \log\epsilon_t + (1 - t^{-\kappa}) \overline{\log\epsilon}_{t-1},

with :math:`\gamma = 0.05`, :math:`t_0 = 10`, :math:`\kappa = 0.75`. After warm-up the averaged step stays.

References
----------
Hoffman, M. D. and Gelman, A. (2014). The No-U-Turn sampler. JMLR 15, section 3.2, algorithms 4 and 6.
"""

from __future__ import annotations

import math
from typing import Any

from stochinf.engine.jit import helper
from stochinf.engine.random import uniform

__all__ = ["FIRST_STEP", "advance", "nominal", "restart", "search", "step_size"]

LOG_STEP, AVERAGED, SHORTFALL, TIME, CENTRE, SEARCH, TRIALS, JITTER, AIM = range(9)
"""Places in `state.tuning`. `SEARCH` is 0 when no search is on, 2 at its beginning, then its direction."""

FIRST_STEP = 0.1
LARGEST = math.pi
GAMMA, DELAY, KAPPA = 0.05, 10.0, 0.75
MOST_TRIALS = 60


@helper()
def restart(tuning: Any, log_step: float) -> None:
    """Begin dual averaging at a step size."""
    tuning[LOG_STEP] = log_step
    tuning[AVERAGED] = log_step
    tuning[CENTRE] = log_step + math.log(10.0)
    tuning[SHORTFALL] = 0.0
    tuning[TIME] = 0.0


@helper()
def search(tuning: Any, acceptance: float) -> None:
    """Double or halve the step size until one step's acceptance crosses the aim; then begin dual averaging."""
    above = acceptance > tuning[AIM]
    if tuning[SEARCH] == 2.0:
        tuning[SEARCH] = 1.0 if above else -1.0
        tuning[TRIALS] = 0.0
    tuning[TRIALS] += 1.0
    crossed = above == (tuning[SEARCH] < 0.0)
    if crossed or tuning[TRIALS] > MOST_TRIALS:
        tuning[SEARCH] = 0.0
        restart(tuning, tuning[LOG_STEP])
    else:
        tuning[LOG_STEP] += tuning[SEARCH] * math.log(2.0)


@helper()
def advance(tuning: Any, acceptance: float) -> None:
    """Take one step of dual averaging."""
    tuning[TIME] += 1.0
    time = tuning[TIME]
    weight = 1.0 / (time + DELAY)
    tuning[SHORTFALL] = (1.0 - weight) * tuning[SHORTFALL] + weight * (tuning[AIM] - acceptance)
    tuning[LOG_STEP] = min(tuning[CENTRE] - tuning[SHORTFALL] * math.sqrt(time) / GAMMA, math.log(LARGEST))
    share = time**-KAPPA
    tuning[AVERAGED] = share * tuning[LOG_STEP] + (1.0 - share) * tuning[AVERAGED]


@helper()
def nominal(tuning: Any) -> float:
    """Return the step size before it is jittered."""
    return math.exp(tuning[LOG_STEP])


@helper()
def step_size(tuning: Any, rng: Any) -> float:
    """Return the step size, jittered but for a search."""
    step = nominal(tuning)
    if tuning[JITTER] > 0.0 and tuning[SEARCH] == 0.0:
        step *= 1.0 + tuning[JITTER] * (2.0 * uniform(rng) - 1.0)
    return step
