"""`marginals`: the probabilities of every variable's states."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stochinf.engine import progress as progress_module
from stochinf.engine import stop
from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls, Report, check_controls, drive
from stochinf.engine.errors import GraphError, StochinfError
from stochinf.engine.jit import versions
from stochinf.engine.session import Plan, Session, build
from stochinf.engine.streams import entropy_of
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import check_feasible, check_possible
from stochinf.graphs.gibbs import Gibbs
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.rao_blackwell import RaoBlackwell, snapshots
from stochinf.graphs.targets import graph_target

__all__ = ["marginals"]

METHODS = ("gibbs",)
DRAWS = 1000


def marginals(
    graph: FactorGraph,
    evidence: Mapping[Any, Any] | None = None,
    method: str = "gibbs",
    *,
    chains: int = 64,
    draws: int | None = None,
    warmup: int = 200,
    time: float | None = None,
    mcse: float | None = None,
    rng: Any = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[Report], Any] | None = None,
) -> Marginals:
    """Return the marginal probability of every state of every variable, with error bars.

    Gibbs sampling averages the conditional distributions that it draws from (Rao-Blackwell), not the draws: the same mean,
    a smaller error.

    Parameters
    ----------
    graph : FactorGraph
        From `FactorGraph`, `FactorGraph.from_networkx` or `read_graph`; a networkx graph works too.
    evidence : dict, optional
        Observed state (label) by variable.
    method : {"gibbs"}
        Single-site Gibbs sampling, chains as SIMD lanes.
    chains : int
        Independent chains; 8 or more give error bars from the chains themselves.
    draws : int, optional
        Sweeps per chain after warm-up; 1000 unless `time` or `mcse` ends the run. A sweep visits every free variable once.
    warmup : int
        Sweeps before.
    time : float, optional
        Stop after so many seconds, warm-up included.
    mcse : float, optional
        Stop when the standard error of every probability is at most this.
    rng, threads, progress, callback
        As in `stochinf.run`.

    Returns
    -------
    Marginals
        `r[node]`, `r.mcse[node]`, `r.rhat[node]`, `r.ess[node]`, `r.method`, `r.reason`, `r.exact`, `r.to_arviz()`.

    Raises
    ------
    GraphError
        If the evidence is unknown or impossible, or a chain finds no state of positive probability during warm-up.
    StochinfError
        If another argument breaks a rule.

    Examples
    --------
    >>> import stochinf as si
    >>> g = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> r = si.marginals(g, evidence={1: 1}, rng=0)
    >>> bool(abs(r[0][1] - 27 / 28) < 0.01), r[1].tolist()
    (True, [0.0, 1.0])

    References
    ----------
    Gelfand, A. E. and Smith, A. F. M. (1990). Sampling-based approaches to calculating marginal densities. JASA 85, section 2.3.
    """
    if method not in METHODS:
        raise StochinfError(f"method = {method!r}: one of {', '.join(map(repr, METHODS))} is needed")
    graph = as_graph(graph)
    clamped = check_evidence(graph, evidence)
    check_possible(graph, clamped)
    target = graph_target(graph, clamped)
    sweeps, rule = _horizon(draws, time, mcse)
    controls = check_controls(Controls(rule, threads, None, progress_module.shown(progress), None, callback))
    points = max(1, target.n_points)
    before = counted("warmup", warmup, least=0)
    kernel = Gibbs(sums=True)
    plan = Plan(
        kernel,
        target,
        None,
        None,
        RaoBlackwell(),
        None,
        counted("chains", chains),
        before * points,
        points,
        False,
        entropy_of(rng),
    )
    session = build(plan, 0)
    if target.n_points:
        _sample(session, graph, controls, before * points, sweeps * points, time)
    return _result(session, graph, clamped, before)


def as_graph(graph: Any) -> FactorGraph:
    """Return a FactorGraph, built from networkx where need be.

    Raises
    ------
    GraphError
        If the graph is neither.
    """
    if isinstance(graph, FactorGraph):
        return graph
    if hasattr(graph, "nodes") and hasattr(graph, "edges"):
        return FactorGraph.from_networkx(graph)
    raise GraphError(
        f"graph: a FactorGraph or a networkx graph is needed, not {type(graph).__name__}; files are read by read_graph(path)"
    )


def _horizon(draws: int | None, time: float | None, mcse: float | None) -> tuple[int, stop.Rule | None]:
    """Return the number of sweeps (0: until a rule ends the run) and the rule."""
    rules = [rule for rule in (None if time is None else stop.seconds(time), None if mcse is None else stop.mcse(mcse)) if rule]
    rule = None if not rules else rules[0] if len(rules) == 1 else rules[0] | rules[1]
    if draws is not None:
        return counted("draws", draws), rule
    return (0 if rules else DRAWS), rule


def _sample(session: Session, graph: FactorGraph, controls: Controls, before: int, after: int, time: float | None) -> None:
    """Warm up, look whether every chain is somewhere possible, then sample."""
    began = clock.monotonic()
    if before:
        drive(session, before, controls._replace(stop=None if time is None else stop.seconds(time)))
    if session.interrupted or session.total < before:
        return
    check_feasible(graph, session)
    if time is not None and controls.stop is not None and clock.monotonic() - began >= time:
        session.reason = f"{time} seconds"
        return
    drive(session, before + after if after else 0, controls)


def _result(session: Session, graph: FactorGraph, clamped: Any, warmup: int) -> Marginals:
    observer = session.blocks[0].observer
    pieces = snapshots(session.blocks)
    lengths = pieces[0][2]
    shifts = [block.state.shift.astype(np.float64) for block in session.blocks]
    totals = [piece[0] + lengths[:, None, None] * shift[:, None] for piece, shift in zip(pieces, shifts, strict=True)]
    return Marginals(
        graph=graph,
        clamped=clamped,
        figures=observer.statistics(session.blocks),
        first_slot=session.plan.target.first_slot,
        method="gibbs",
        reason="Gibbs sampling was asked for" if session.plan.target.n_points else "every variable is observed",
        exact=not session.plan.target.n_points,
        chains=session.plan.chains,
        sweeps=int(lengths.sum()),
        warmup=warmup,
        seconds=dict(session.seconds),
        rng_entropy=session.plan.entropy,
        interrupted=session.interrupted,
        stopped=session.reason or "nothing to sample",
        totals=np.concatenate(totals, axis=2),
        lengths=lengths,
        versions=versions(),
    )
