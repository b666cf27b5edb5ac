"""Annealed importance sampling of a machine's partition function, from the base-rate model and back."""

from __future__ import annotations

import math
import time as clock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import advance
from stochinf.engine.driver import Controls, drive
from stochinf.engine.errors import StochinfError
from stochinf.engine.lane_statistics import student_widening
from stochinf.engine.observers import Nothing
from stochinf.engine.schedules import Constant
from stochinf.engine.session import Plan, build
from stochinf.engine.threads import single_threaded_blas
from stochinf.graphs.annealed.pilot import cooled
from stochinf.rbm.answers import LogPartition
from stochinf.rbm.chains import BlockGibbs, Temperatures
from stochinf.rbm.machine import Machine

__all__ = ["Annealing", "annealed", "as_temperatures", "pilot"]

Floats = npt.NDArray[np.float64]

LEAST_ESS = 10.0
MOST_APART = 3.0
"""Nats between the estimates from both ends above which neither is to be trusted."""
KEPT = 0.8
"""Share of the particles' worth that a step of the pilot keeps."""
PILOT_ROWS = 64
MOST_STEPS = 4000


class Annealing(NamedTuple):
    """How to anneal.

    Attributes
    ----------
    particles : int
    temperatures : int, ndarray or None
        How many, spaced by a pilot run; or all of them, rising to 1; None takes `DEFAULT`.
    reverse : bool
        Whether particles are heated too.
    """

    particles: int = 100
    temperatures: Any = None
    reverse: bool = True


DEFAULT = 5000
LITERATURE = (0.0, 0.5, 500), (0.5, 0.9, 4000), (0.9, 1.0, 10_000)
"""Begin, end and number of equal steps: 14,500 temperatures (Salakhutdinov and Murray 2008, section 6)."""


def as_temperatures(machine: Machine, given: Any, entropy: int) -> tuple[Floats, str]:
    """Return rising inverse temperatures that end with 1, without the 0 they start from, and how they are spaced.

    Raises
    ------
    StochinfError
        If they do not rise from 0 to 1, or their number is no whole number from 1 on.
    """
    if isinstance(given, str):
        if given != "literature":
            raise StochinfError(f"temperatures = {given!r}: a number, rising numbers up to 1, None or 'literature' is needed")
        steps = [np.linspace(low, high, n + 1)[1:] for low, high, n in LITERATURE]
        return np.concatenate(steps), "three equally spaced stretches"
    if given is None or np.ndim(given) == 0:
        number = DEFAULT if given is None else int(given)
        if number < 1 or number != (given or DEFAULT):
            raise StochinfError(f"temperatures = {given!r}: a whole number from 1 on is needed")
        return cooled(pilot(machine, entropy), number), "spaced by a pilot run"
    values = np.asarray(given, dtype=np.float64)
    values = values[1:] if values.size and values[0] == 0.0 else values
    if values.ndim != 1 or not values.size or not (np.diff(values, prepend=0.0) > 0).all() or values[-1] != 1.0:
        raise StochinfError("temperatures: rising numbers from 0 to 1 are needed, the last one 1")
    return values, "as given"


def annealed(machine: Machine, settings: Annealing, entropy: int, controls: Controls | None = None) -> LogPartition:
    r"""Return the log partition function by annealed importance sampling from the base-rate model.

    Particles start as draws of the base-rate model and are cooled to the machine; their mean weight is an unbiased estimate of
    :math:`Z / Z_0`. Resampled by weight and heated, they estimate :math:`Z_0 / Z`.

    Parameters
    ----------
    machine : Machine
    settings : Annealing
    entropy : int
        From which every stream is made.
    controls : Controls, optional

    References
    ----------
    Salakhutdinov, R. and Murray, I. (2008). On the quantitative analysis of deep belief networks. ICML, sections 3 and 4.
    Grosse, R. B., Ghahramani, Z. and Adams, R. P. (2015). Sandwiching the marginal likelihood using bidirectional Monte Carlo.
    arXiv:1511.02543.
    """
    began = clock.perf_counter()
    betas, spacing = as_temperatures(machine, settings.temperatures, entropy + 2)
    up, rows = cool_rows(machine, BlockGibbs(settings.particles, Temperatures(betas)), None, betas.size, entropy, controls)
    down = None
    if settings.reverse:
        heating = Temperatures(np.append(betas[-2::-1], 0.0))
        starts = resampled(rows, up, entropy)
        kernel = BlockGibbs(settings.particles, heating, 1.0)
        down = cool_rows(machine, kernel, starts, betas.size, entropy + 1, controls)[0]
    answer = judged(machine.base_log_partition(), up, down)
    reason = f"{settings.particles} particles cooled over {betas.size:,} temperatures, {spacing}"
    facts = {"temperatures": betas, "particles": settings.particles, "base": machine.base, "log_weights": up}
    return LogPartition(**answer, reason=reason, facts=facts, seconds=clock.perf_counter() - began, rng_entropy=entropy)


def cool_rows(
    machine: Machine, kernel: BlockGibbs, starts: Any, steps: int, entropy: int, controls: Controls | None
) -> tuple[Floats, npt.NDArray[Any]]:
    """Return the log weights and the rows at the end."""
    init = None if starts is None else starts[None]
    session = build(Plan(kernel, machine, None, None, Nothing(), init, 1, 0, 1, False, entropy), 0)
    drive(session, steps, (controls or Controls())._replace(stop=None))
    state = session.blocks[0].state
    if session.total < steps:
        raise StochinfError(f"annealing {session.reason}: no estimate")
    return state.log_weight, state.position


def resampled(rows: npt.NDArray[Any], log_weights: Floats, entropy: int) -> npt.NDArray[Any]:
    """Return as many rows drawn by weight."""
    weights = np.exp(log_weights - log_weights.max())
    chance = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(9,))))
    return rows[chance.choice(len(rows), len(rows), p=weights / weights.sum())]


def log_mean(log_weights: Floats) -> tuple[float, float, float]:
    """Return the log of the mean weight, its standard error and the effective number.

    The error has as many degrees of freedom as there are effective particles, less one: infinite below two.
    """
    top = float(log_weights.max())
    weights = np.exp(log_weights - top)
    mean, ess = float(weights.mean()), float(weights.sum() ** 2 / (weights**2).sum())
    if log_weights.size == 1:
        return top, math.inf, 1.0
    error = float(weights.std(ddof=1)) / mean / math.sqrt(weights.size)
    return top + math.log(mean), error * (student_widening(ess - 1.0) if ess >= 2.0 else math.inf), ess


def judged(base: float, up: Floats, down: Floats | None) -> dict[str, Any]:
    """Return the fields of an answer, with warnings where it is not to be trusted."""
    forward, error, ess = log_mean(up)
    value, warnings = base + forward, []
    reverse = math.nan if down is None else base - log_mean(down)[0]
    apart = abs(reverse - value)
    if ess < LEAST_ESS:
        warnings.append(f"{ess:.1f} effective particles of {up.size}: the estimate rests on a few; give more temperatures")
    if apart > MOST_APART:
        warnings.append(
            f"annealing from both ends gives {value:.2f} and {reverse:.2f}, {apart:.1f} nats apart: give more temperatures or"
            " another method"
        )
    if warnings:
        error = math.hypot(error, apart) if math.isfinite(apart) else math.inf
    return {
        "value": value, "mcse": error, "method": "ais", "ess": ess, "reverse": reverse, "spread": float(up.std()),
        "warnings": tuple(warnings),
    }  # fmt: skip


def pilot(machine: Machine, entropy: int) -> Floats:
    """Return inverse temperatures from 0 to 1 that are equally far apart for the machine.

    64 particles are cooled by steps that cost a fifth of them, and resampled when they have become unequal (adaptive sequential
    Monte Carlo). Steps of equal thermodynamic length make the weights vary least.

    References
    ----------
    Zhou, Y., Johansen, A. M. and Aston, J. A. D. (2016). Toward automatic model comparison: an adaptive sequential Monte Carlo
    approach. JCGS 25(3), section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.rbm.annealing import pilot
    >>> from stochinf.rbm.machine import Machine
    >>> pilot(Machine(np.zeros((2, 2)), np.zeros(2), np.zeros(2)), 0)
    array([0., 1.])
    """
    plan = Plan(BlockGibbs(PILOT_ROWS, 0.0), machine, None, None, Nothing(), None, 1, 0, 1, False, entropy)
    block = build(plan, 0).blocks[0]
    chance, betas, log_weights = np.random.Generator(np.random.SFC64(entropy)), [0.0], np.zeros(PILOT_ROWS)
    with single_threaded_blas(True):
        while betas[-1] < 1.0 and len(betas) < MOST_STEPS:
            state = block.state
            slope = state.tilt + (state.field * machine.hidden.mean(betas[-1] * state.field)).sum(axis=1)
            betas.append(min(1.0, betas[-1] + _longest_step(slope - slope.max(), log_weights, 1.0 - betas[-1])))
            block.schedule = Constant(betas[-1])
            before = state.log_weight.copy()
            advance(block, 1)
            log_weights = log_weights + state.log_weight - before
            weights = np.exp(log_weights - log_weights.max())
            if weights.sum() ** 2 < 0.5 * PILOT_ROWS * (weights**2).sum():
                kept = chance.choice(PILOT_ROWS, PILOT_ROWS, p=weights / weights.sum())
                for rows in (state.position, state.field, state.tilt):
                    rows[:] = rows[kept]
                log_weights = np.zeros(PILOT_ROWS)
    betas[-1] = 1.0
    return np.array(betas)


def _longest_step(slope: Floats, log_weights: Floats, longest: float) -> float:
    """Return the step after which the particles are worth `KEPT` of what they are worth before."""
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()

    def kept(step: float) -> float:
        factor = np.exp(step * slope)
        return float((weights @ factor) ** 2 / (weights @ factor**2))

    if kept(longest) >= KEPT:
        return longest
    low, high = -20.0, float(np.log(longest))
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if kept(float(np.exp(middle))) >= KEPT else (low, middle)
    return float(np.exp(low))
