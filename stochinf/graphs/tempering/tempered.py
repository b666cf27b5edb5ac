"""Marginals and log partition functions by parallel tempering: the ladder finds itself during warm-up."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine import stop
from stochinf.engine.driver import drive
from stochinf.engine.jit import versions
from stochinf.engine.session import Session
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import check_feasible, feasible_states
from stochinf.graphs.flat import Floats, Int32s
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.question import Sampling
from stochinf.graphs.rao_blackwell import snapshots
from stochinf.graphs.sampled import slot_states, spread_slots
from stochinf.graphs.targets import graph_target
from stochinf.graphs.tempering.estimate import Estimate, bridge_estimate
from stochinf.graphs.tempering.ladder import refusals
from stochinf.graphs.tempering.warming import Warming
from stochinf.graphs.tempering.weighing import weigh_lanes

__all__ = ["tempered_log_partition", "tempered_marginals"]

DISAGREE = 1.1
"""R-hat above which the ladders tell different stories."""

RARELY = 0.05
"""Rate of accepted swaps below which the rungs stand too far apart."""


def tempered_marginals(
    graph: FactorGraph, clamped: Int32s, sampling: Sampling, *, reason: str = "parallel tempering was asked for"
) -> Marginals:
    """Return the marginals of a graph by parallel tempering, its log partition function beside them.

    The ladder finds itself in the first half of warm-up; see `stochinf.graphs.tempering.warming.Warming`. Where 64 rungs cannot
    reach beta = 0 the ladder begins above; the log partition function is then NaN.

    Parameters
    ----------
    graph : FactorGraph
        The model; zeros are allowed.
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    sampling : Sampling
        `chains` counts ladders: independent replicas, from which errors are taken; 8 or more are best. A sweep is one visit to
        every free variable on every rung, then swaps.
    reason : str
        What the answer says of why this method.

    Returns
    -------
    Marginals
        `facts` has `ladder`, `swap_rates`, `round_trips` (all ladders together), `barrier`.

    Raises
    ------
    GraphError
        If a ladder's cold end finds no state of positive probability during warm-up.

    References
    ----------
    Those of `stochinf.graphs.tempering.kernel` and `stochinf.graphs.tempering.ladder`.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.engine.driver import Controls
    >>> from stochinf.graphs.question import Sampling
    >>> from stochinf.graphs.tempering import tempered_marginals
    >>> graph = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> sampling = Sampling(chains=8, sweeps=500, warmup=200, time=None, entropy=1, controls=Controls())
    >>> r = tempered_marginals(graph, np.array([-1, -1], np.int32), sampling)
    >>> bool(abs(r[0][1] - 0.75) < 0.05), round(r.log_partition, 1)
    (True, 3.7)
    """
    target = graph_target(graph, clamped)
    zeros = not np.isfinite(graph.log_weights).all()
    starts = feasible_states(graph, clamped, sampling.chains, sampling.entropy).T if zeros else None
    warming = Warming(target, sampling, starts)
    if target.n_points:
        warming.run()
    session = warming.session
    if warming.ready:
        check_feasible(graph, _Cold(session))
        if warming.left() > 0:
            controls = sampling.controls
            if sampling.time is not None:
                rule = stop.seconds(warming.left())
                controls = controls._replace(stop=rule if controls.stop is None else rule | controls.stop)
            drive(session, session.plan.warmup + sampling.sweeps * target.n_points if sampling.sweeps else 0, controls)
    return _result(warming, graph, clamped, sampling, reason)


def tempered_log_partition(graph: FactorGraph, clamped: Int32s, sampling: Sampling) -> Estimate:
    """Return the log partition function by bridge sampling between the rungs of parallel tempering.

    Parameters
    ----------
    graph : FactorGraph
        The model.
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    sampling : Sampling
        As in `tempered_marginals`.

    Returns
    -------
    Estimate
        Natural logarithm and standard error.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.engine.driver import Controls
    >>> from stochinf.graphs.question import Sampling
    >>> from stochinf.graphs.tempering import tempered_log_partition
    >>> graph = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> sampling = Sampling(chains=8, sweeps=500, warmup=200, time=None, entropy=1, controls=Controls())
    >>> bool(abs(tempered_log_partition(graph, np.array([-1, -1], np.int32), sampling).value - np.log(40)) < 0.05)
    True
    """
    result = tempered_marginals(graph, clamped, sampling)
    return Estimate(result.log_partition, result.log_partition_mcse)


class _Cold(NamedTuple):
    """The lanes at beta = 1 of a session, as `check_feasible` asks for them."""

    session: Session

    def positions(self) -> npt.NDArray[Any]:
        """Return the state indices (ladders, V)."""
        rows = [block.state.position[:, block.state.lane_at[:, -1]].T for block in self.session.blocks]
        return np.concatenate([(row + 1) / 2 if row.dtype == np.float32 else row for row in rows])


def _result(warming: Warming, graph: FactorGraph, clamped: Int32s, sampling: Sampling, reason: str) -> Marginals:
    session = warming.session
    slots = slot_states(graph.n_states, clamped)
    figures = session.blocks[0].observer.statistics(session.blocks)
    totals, lengths = _totals(session)
    some, gaps = bool(session.plan.target.n_points), session.blocks[0].state.centre.size
    facts = _facts(session)
    estimate = _log_partition(session, graph, clamped, totals[:, -2 * gaps :], lengths)
    estimate = _widened(estimate, figures.rhat, sampling.chains, facts["round_trips"])
    return Marginals(
        graph=graph,
        clamped=clamped,
        **spread_slots(graph.n_states, clamped, figures)._asdict(),
        method="tempering",
        reason=reason if some else "every variable is observed",
        exact=not some,
        log_partition=estimate.value,
        log_partition_mcse=estimate.mcse,
        facts=facts,
        warnings=_warnings(facts, sampling.chains, figures.rhat) if some else (),
        chains=sampling.chains,
        sweeps=int(lengths.sum()),
        warmup=warming.done,
        seconds=dict(session.seconds),
        rng_entropy=session.plan.entropy,
        interrupted=session.interrupted,
        stopped=session.reason or "nothing to sample",
        totals=totals[:, : slots.size],
        lengths=lengths,
        slots=slots,
        versions=versions(),
    )


def _facts(session: Session) -> dict[str, Any]:
    """Return the ladder and how lanes travelled on it."""
    refused = refusals(session.blocks)
    return {
        "ladder": session.blocks[0].state.ladder.copy(),
        "swap_rates": 1.0 - refused,
        "barrier": float(refused.sum()),
        "round_trips": int(sum(block.state.trips.sum() for block in session.blocks)),
    }


def _totals(session: Session) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return sums (batch, row, ladder), what was subtracted put back, and sweeps by batch."""
    pieces = snapshots(session.blocks)
    lengths = pieces[0][2]
    shifts = [block.state.shift.astype(np.float64) for block in session.blocks]
    totals = [piece[0] + lengths[:, None, None] * shift[:, None] for piece, shift in zip(pieces, shifts, strict=True)]
    return np.concatenate(totals, axis=2), lengths


def _log_partition(session: Session, graph: FactorGraph, clamped: Int32s, terms: Floats, lengths: Any) -> Estimate:
    """Return log Z = log Z_0 + log(Z_1 / Z_0); Z_0 counts all configurations of the free variables."""
    state, kernel = session.blocks[0].state, session.kernel
    constant = kernel.move.constant(graph)
    if not session.plan.target.n_points:
        weigh_lanes(kernel.move, session.plan.target, state)
        return Estimate(constant + float(state.score[0]), 0.0)
    if state.ladder[0] > 0.0:
        return Estimate(np.nan, np.nan)
    ratio = bridge_estimate(terms, lengths, state.centre)
    return ratio._replace(value=constant + float(np.log(graph.n_states[clamped < 0]).sum()) + ratio.value)


def _widened(estimate: Estimate, rhat: Floats, ladders: int, trips: int) -> Estimate:
    """Return an estimate with a larger error where ladders disagree, an infinite one where lanes do not travel either.

    The share 1 - 1 / R^2 of the variance of a conditional lies between ladders; as much of the spread between ladders is taken to
    be common to all of them, which no number of ladders averages out.
    """
    apart = float(np.fmax.reduce(rhat, initial=1.0))
    if apart <= DISAGREE:
        return estimate
    if trips < ladders:
        return estimate._replace(mcse=np.inf)
    return estimate._replace(mcse=estimate.mcse * float(np.sqrt(1.0 + ladders * (1.0 - apart**-2))))


def _warnings(facts: dict[str, Any], chains: int, rhat: Floats) -> tuple[str, ...]:
    """Say what keeps lanes from travelling, and what that did."""
    warnings = []
    apart = float(np.fmax.reduce(rhat, initial=1.0))
    if apart > DISAGREE:
        warnings.append(f"ladders disagree (R-hat {apart:.2f}): standard errors, that of log Z too, are guesses")
    worst = float(facts["swap_rates"].min(initial=1.0))
    if worst < RARELY:
        warnings.append(f"only {worst:.1%} of the swaps between two neighbouring temperatures succeed: they stand too far apart")
    if facts["round_trips"] < chains:
        warnings.append(
            f"{facts['round_trips']} round trips between the hottest and the coldest rung in {chains} ladders: sample longer"
        )
    return tuple(warnings)
