"""Marginals by a sampler of lanes: warm-up, sums of conditionals, error bars."""

from __future__ import annotations

import time as clock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine import stop
from stochinf.engine.driver import drive
from stochinf.engine.jit import versions
from stochinf.engine.lane_statistics import LaneStatistics
from stochinf.engine.pickers import epoch_length
from stochinf.engine.rates import prepared
from stochinf.engine.session import Plan, Session, build, end_warmup
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import check_feasible, feasible_states
from stochinf.graphs.flat import Floats, Int32s, Int64s
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.question import Sampling
from stochinf.graphs.rao_blackwell import RaoBlackwell, snapshots

__all__ = ["Figures", "sampled_marginals", "slot_states", "spread_slots", "sweep_length", "warm_up_and_sample"]


WARMING = 0.5
"""Share of a time limit that warm-up takes at most."""

SHORTEST = 1e-3
"""Seconds that sampling goes on in any case, so that a time limit too short for warm-up still gives numbers."""


class Figures(NamedTuple):
    """Probabilities and errors by state, and the worst R-hat and ESS of each variable, as `Marginals` has them."""

    probability: Floats
    error: Floats
    worst_rhat: Floats
    least_ess: Floats


def sampled_marginals(
    graph: FactorGraph,
    clamped: Int32s,
    target: Any,
    kernel: Any,
    sampling: Sampling,
    *,
    method: str,
    reason: str,
    picker: Any = None,
    init: npt.NDArray[Any] | None = None,
    warnings: tuple[str, ...] = (),
) -> Marginals:
    """Return the marginals of a graph by a lane kernel that sums conditionals.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,)
    target : SpinGraph, TableGraph or another target of the kernel
    kernel : part
        Its state has `sums`, `squares`, `shift`, `recent`; see `stochinf.graphs.lane_state.LaneState`.
    sampling : Sampling
    method, reason : str
    picker : part, optional
        The default is a scan; it must visit every free variable once a sweep, as `Shuffled` and `Colours` do.
    init : int (V,) or (chains, V), optional
        Starting states; where there are zeros, the default is states of positive probability, far apart.
    warnings : tuple of str

    Raises
    ------
    GraphError
        If no state of positive probability is found to start from.
    """
    began = clock.monotonic()
    kernel = prepared(kernel, target)
    points = sweep_length(kernel, target, picker)
    if init is None and not graph.positive:
        init = feasible_states(graph, clamped, sampling.chains, sampling.entropy).T
    before = sampling.warmup * points
    plan = Plan(kernel, target, picker, None, RaoBlackwell(), init, sampling.chains, before, points, False, sampling.entropy)
    session = build(plan, 0)
    if target.n_points:
        warm_up_and_sample(session, graph, sampling, points, began)
    return _result(session, graph, clamped, sampling, method=method, reason=reason, warnings=warnings)


def sweep_length(kernel: Any, target: Any, picker: Any) -> int:
    """Return the steps in which a picker, a scan where it is None, visits every free variable once."""
    if picker is not None:
        return max(1, round(epoch_length(prepared(picker, target))))
    return max(1, int(kernel.points(target)) if hasattr(kernel, "points") else target.n_points)


def warm_up_and_sample(session: Session, graph: FactorGraph, sampling: Sampling, points: int, began: float) -> None:
    """Warm up, look whether every chain is somewhere possible, then sample."""
    limit = sampling.time
    before, after = sampling.warmup * points, sampling.sweeps * points
    if before:
        rule = None if limit is None else stop.seconds(max(SHORTEST, WARMING * (limit - (clock.monotonic() - began))))
        drive(session, before, sampling.controls._replace(stop=rule))
    if session.interrupted or (session.total < before and limit is None):
        return
    if session.total < before:
        whole = -(-max(1, session.total) // points) * points
        drive(session, whole, sampling.controls._replace(stop=None))
        end_warmup(session)
    check_feasible(graph, session)
    if limit is not None:
        sampling = sampling.within(max(SHORTEST, limit - (clock.monotonic() - began)))
    drive(session, session.plan.warmup + after if after else 0, sampling.controls)


def _result(session: Session, graph: FactorGraph, clamped: Int32s, sampling: Sampling, **told: Any) -> Marginals:
    observer = session.blocks[0].observer
    pieces = snapshots(session.blocks)
    lengths = pieces[0][2]
    shifts = [block.state.shift.astype(np.float64) for block in session.blocks]
    totals = [piece[0] + lengths[:, None, None] * shift[:, None] for piece, shift in zip(pieces, shifts, strict=True)]
    some = bool(session.plan.target.n_points)
    return Marginals(
        graph=graph,
        clamped=clamped,
        **spread_slots(graph.n_states, clamped, observer.statistics(session.blocks))._asdict(),
        **(told if some else {**told, "reason": "every variable is observed", "warnings": ()}),
        exact=not some,
        chains=session.plan.chains,
        sweeps=int(lengths.sum()),
        warmup=session.plan.warmup // session.plan.every,
        seconds=dict(session.seconds),
        rng_entropy=session.plan.entropy,
        interrupted=session.interrupted,
        stopped=f"{sampling.time:.3g} seconds" if session.reason.endswith(" seconds") else session.reason or "nothing to sample",
        totals=np.concatenate(totals, axis=2),
        lengths=lengths,
        slots=slot_states(graph.n_states, clamped),
        versions=versions(),
    )


def slot_states(cardinality: Int32s, clamped: Int32s) -> Int64s:
    """Return which state each slot of sums is of, as a position among the states of all variables.

    A free variable of one or two states has one slot (of its last state), one of more has one for each state.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs.sampled import slot_states
    >>> slot_states(np.array([2, 3, 2]), np.array([-1, -1, 0])).tolist()
    [1, 2, 3, 4]
    """
    start = np.concatenate([[0], np.cumsum(cardinality, dtype=np.int64)])
    shown = np.ones(int(start[-1]), bool)
    fixed = np.repeat(clamped >= 0, cardinality)
    shown[start[:-1][cardinality == 2]] = False
    return np.flatnonzero(shown & ~fixed)


def spread_slots(cardinality: Int32s, clamped: Int32s, figures: LaneStatistics) -> Figures:
    """Return figures by state from figures by slot."""
    start = np.concatenate([[0], np.cumsum(cardinality, dtype=np.int64)])
    slots = slot_states(cardinality, clamped)
    owner = np.repeat(np.arange(cardinality.size), cardinality)
    probability, error = np.zeros(owner.size), np.zeros(owner.size)
    fixed = np.flatnonzero(clamped >= 0)
    probability[start[fixed] + clamped[fixed]] = 1.0
    probability[slots], error[slots] = figures.mean, figures.mcse
    two = start[:-1][(clamped < 0) & (cardinality == 2)]
    probability[two], error[two] = 1.0 - probability[two + 1], error[two + 1]
    probability[start[:-1][cardinality == 1]] = 1.0
    probability /= np.repeat(np.add.reduceat(probability, start[:-1]), cardinality) if owner.size else 1.0
    worst, least = np.full(cardinality.size, np.nan), np.full(cardinality.size, np.nan)
    if slots.size:
        first = np.flatnonzero(np.diff(owner[slots], prepend=-1))
        worst[owner[slots[first]]] = np.fmax.reduceat(figures.rhat, first)
        least[owner[slots[first]]] = np.fmin.reduceat(figures.ess, first)
    return Figures(probability, error, worst, least)
