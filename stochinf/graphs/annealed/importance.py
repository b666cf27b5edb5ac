"""Annealed importance sampling from both ends: a lower and an upper estimate of the log partition function."""

from __future__ import annotations

import math
import time as clock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import advance
from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls, drive
from stochinf.engine.lane_statistics import student_widening
from stochinf.engine.observers import Nothing
from stochinf.engine.session import LANES, Plan, Session, build
from stochinf.engine.streams import entropy_of
from stochinf.engine.threads import processors
from stochinf.graphs.annealed.kernel import AnnealedImportance, Steps
from stochinf.graphs.annealed.pilot import cooled, pilot
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.targets import graph_target
from stochinf.graphs.tempering.moves import TableMove

__all__ = ["AnnealedEstimate", "annealed_importance"]

Floats = npt.NDArray[np.float64]

FEWEST_SWEEPS = 200
PER_LENGTH = 8.0
"""Sweeps for each square of the pilot's length: the variance of log weights is then about 1 / 8 per unit of autocorrelation."""

LEAST_ESS = 10.0
MOST_APART = 3.0
"""Nats between the estimates from both ends above which neither is to be trusted."""

TRIAL = 0.03
"""Seconds of the run that measures the speed."""

SHARE = 0.8
"""Share of the time allowed that sweeps are planned for."""


class AnnealedEstimate(NamedTuple):
    """What annealed importance sampling found.

    Parameters
    ----------
    log_partition : float
        Natural logarithm of the partition function, low on average by half its variance.
    standard_error : float
        Of the forward estimate, from the spread of the weights, with as many degrees of freedom as there are effective particles
        (infinite where fewer than two are left); where a warning says that the estimate rests on a few particles, or that both
        ends disagree, how far they are apart is added.
    ess : float
        Effective number of particles, (sum w)^2 / sum w^2.
    reverse : float
        The estimate of particles that are heated from beta = 1: too high on average if they start as exact draws.
    reverse_error : float
        Standard error of `reverse`.
    particles, sweeps : int
        What was spent, each way.
    reason : str
        All of it in a sentence.
    warnings : tuple of str
        What to know before trusting the numbers.

    Examples
    --------
    >>> import stochinf as si
    >>> z = si.graphs.annealed_importance(si.FactorGraph([2, 2], [(0, 1)], [[9, 1, 1, 9]]), particles=64, sweeps=50, rng=0)
    >>> z.particles, z.sweeps
    (64, 50)
    """

    log_partition: float
    standard_error: float
    ess: float
    reverse: float
    reverse_error: float
    particles: int
    sweeps: int
    reason: str
    warnings: tuple[str, ...]


def annealed_importance(
    graph: FactorGraph,
    *,
    particles: int = 512,
    sweeps: int | None = None,
    time: float | None = None,
    rng: Any = None,
    controls: Controls | None = None,
) -> AnnealedEstimate:
    r"""Return the log partition function by annealed importance sampling, and the estimate from the other end.

    Particles start uniformly over all configurations (an impossible one counts as `stochinf.graphs.targets.IMPOSSIBLE`, so that
    it dies out as soon as beta exceeds zero) and are cooled to the model; the mean of their weights is an unbiased estimate of
    :math:`Z / Z_0`, so that its logarithm is low on average. The particles that arrive, resampled by their weights, are then
    heated: their mean weight estimates :math:`Z_0 / Z` and gives an upper estimate, as good as the particles are draws of the
    model. Both together hold the truth between them when they agree.

    Parameters
    ----------
    graph : FactorGraph
        The model, evidence put in (`stochinf.graphs.conditioning.conditioned`); zeros are allowed.
    particles : int
        At least 2; blocks of 64 go to threads.
    sweeps : int, optional
        Temperatures each way, one sweep each; the default is 8 times the square of the thermodynamic length that a pilot run
        finds, and at least 200.
    time : float, optional
        Seconds to fill; fewer or more sweeps are planned to that end.
    rng : int, SeedSequence, Generator or None
        As in `stochinf.run`.
    controls : Controls, optional
        Threads, progress and callback.

    Returns
    -------
    AnnealedEstimate
        With a warning where the effective number of particles is below 10, or both ends differ by more than 3 nats.

    Raises
    ------
    StochinfError
        If an argument breaks a rule.

    References
    ----------
    Neal, R. M. (2001). Annealed importance sampling. Statistics and Computing 11.
    Grosse, R. B., Ghahramani, Z. and Adams, R. P. (2015). Sandwiching the marginal likelihood using bidirectional Monte Carlo.
    arXiv:1511.02543.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.annealed import annealed_importance
    >>> z = annealed_importance(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]), rng=0)
    >>> bool(abs(z.log_partition - np.log(40)) < 0.05), z.warnings
    (True, ())
    """
    began, entropy = clock.perf_counter(), entropy_of(rng)
    particles, controls = counted("particles", particles, least=2), controls or Controls()
    target = graph_target(graph)
    if not target.n_points or not graph.n_factors:
        return _settled(graph)
    betas = pilot(target, entropy)
    length = 0.5 * (betas.size - 1)
    if sweeps is None:
        sweeps = max(FEWEST_SWEEPS, math.ceil(PER_LENGTH * length**2))
        if time is not None:
            sweeps = _affordable(target, entropy, particles, time - (clock.perf_counter() - began), controls)
    values = cooled(betas, counted("sweeps", sweeps))
    forward = _annealed(target, AnnealedImportance(Steps(values, target.n_points)), None, particles, entropy, controls, sweeps)
    if forward.total < sweeps * target.n_points:
        return _unfinished(forward, particles)
    up = _log_weights(forward)
    starts = _resampled(forward, up, entropy)
    kernel = AnnealedImportance(Steps(np.append(values[-2::-1], 0.0), target.n_points), 1.0)
    backward = _annealed(target, kernel, starts, particles, entropy + 1, controls, sweeps)
    heated = backward.total == sweeps * target.n_points
    down = _log_weights(backward) if heated else np.full(2, np.nan)
    found = _estimate(graph, forward.kernel.move.constant(graph), up, down, particles, sweeps)
    if not heated:
        told = f"heating {backward.reason}: there is no estimate from above"
        return found._replace(warnings=(*found.warnings, told))
    return found


def _annealed(target: Any, kernel: Any, starts: Any, particles: int, entropy: int, controls: Controls, sweeps: int) -> Session:
    points = target.n_points
    session = build(Plan(kernel, target, None, None, Nothing(), starts, particles, 0, points, False, entropy), 0)
    return drive(session, sweeps * points, controls._replace(stop=None))


def _affordable(target: Any, entropy: int, particles: int, seconds: float, controls: Controls) -> int:
    """Return how many sweeps each way fill the time, from the clock of a short run of one block."""
    kernel, points = AnnealedImportance(Steps(np.zeros(1), 1)), target.n_points
    block = build(Plan(kernel, target, None, None, Nothing(), None, min(particles, LANES), 0, points, False, entropy), 0).blocks[
        0
    ]
    advance(block, points)
    began, done = clock.perf_counter(), 0
    while clock.perf_counter() - began < TRIAL:
        advance(block, 8 * points)
        done += 8
    once = (clock.perf_counter() - began) / done
    blocks = math.ceil(particles / LANES)
    rounds = math.ceil(blocks / min(blocks, controls.threads or processors()))
    return max(FEWEST_SWEEPS // 4, int(SHARE * seconds / (2 * rounds * once)))


def _log_weights(session: Session) -> Floats:
    return np.concatenate([block.state.log_weight for block in session.blocks])


def _resampled(session: Session, log_weights: Floats, entropy: int) -> npt.NDArray[Any]:
    """Return starting positions drawn by weight, as draws are given."""
    weights = np.exp(log_weights - log_weights.max())
    rows = np.concatenate([block.state.position.T for block in session.blocks])
    if rows.dtype == np.float32 and not session.plan.target.spin_labels:
        rows = (rows + 1) / 2
    chance = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(9,))))
    return rows[chance.choice(len(rows), len(rows), p=weights / weights.sum())].astype(np.int64)


def _mean(log_weights: Floats) -> tuple[float, float, float]:
    """Return the log of the mean weight, its standard error and the effective number.

    The error has as many degrees of freedom as there are effective particles, less one: infinite below two.
    """
    top = float(log_weights.max())
    weights = np.exp(log_weights - top)
    mean, ess = float(weights.mean()), float(weights.sum() ** 2 / (weights**2).sum())
    error = float(weights.std(ddof=1)) / mean / math.sqrt(weights.size)
    return top + math.log(mean), error * (student_widening(ess - 1.0) if ess >= 2.0 else math.inf), ess


def _estimate(graph: FactorGraph, constant: float, up: Floats, down: Floats, particles: int, sweeps: int) -> AnnealedEstimate:
    base = constant + float(np.log(graph.n_states).sum())
    forward, error, ess = _mean(up)
    backward, reverse_error, _ = _mean(down)
    value, reverse = base + forward, base - backward
    warnings, apart = [], abs(reverse - value)
    if ess < LEAST_ESS:
        warnings.append(f"{ess:.1f} effective particles of {particles}: the estimate rests on a few; give more sweeps or time")
    if apart > MOST_APART:
        warnings.append(
            f"annealing from both ends gives {value:.2f} and {reverse:.2f}, {apart:.1f} nats apart: more sweeps or another "
            "method is needed"
        )
    if warnings:
        error = math.hypot(error, apart) if math.isfinite(apart) else math.inf
    reason = f"{particles} particles cooled over {sweeps:,} temperatures: ESS {ess:.0f}, from the other end {reverse:.4f}"
    return AnnealedEstimate(value, error, ess, reverse, reverse_error, particles, sweeps, reason, tuple(warnings))


def _unfinished(session: Session, particles: int) -> AnnealedEstimate:
    """Return the answer of a run that was ended while particles were cooled: none."""
    why = f"cooling {session.reason}: no estimate"
    return AnnealedEstimate(np.nan, np.nan, 0.0, np.nan, np.nan, particles, 0, why, (why,))


def _settled(graph: FactorGraph) -> AnnealedEstimate:
    """Return the answer for a graph without factors."""
    value = TableMove().constant(graph) + float(np.log(graph.n_states).sum())
    return AnnealedEstimate(value, 0.0, math.inf, value, 0.0, 0, 0, "no factor", ())
