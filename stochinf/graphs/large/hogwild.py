r"""Asynchronous Gibbs sampling (Hogwild): threads draw their shares of the variables of the same chains, at once.

After each sweep threads wait for each other. A step reads neighbours that another thread may be changing, so that it draws
from a conditional of a state that is partly old. The distribution is then off by what changes in the meantime: where
influences are weak (their sum over a variable's neighbours is below 1, Dobrushin's condition) by
:math:`O(\tau \log(n) / n)` for delays of :math:`\tau` steps, else without a bound. No seed repeats such a run. Chains in blocks
of their own on each thread are as fast wherever there are enough chains, and exact: this is for graphs whose chains do not
fit into memory more than once.

References
----------
De Sa, C., Olukotun, K. and Re, C. (2016). Ensuring rapid mixing and low bias for asynchronous Gibbs sampling. ICML, theorem 1.
Daskalakis, C., Dikkala, N. and Jayanti, S. (2018). HOGWILD!-Gibbs can be PanAccurate. NeurIPS 31.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np

from stochinf.engine.block import Block
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import versions
from stochinf.engine.lane_statistics import LaneStatistics
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.rates import prepared
from stochinf.engine.schedules import Constant
from stochinf.engine.session import LANES, Plan, Session, begin_sampling
from stochinf.engine.stop import Convergence
from stochinf.engine.streams import Streams
from stochinf.engine.threads import processors
from stochinf.graphs.feasible import feasible_states
from stochinf.graphs.gibbs import Gibbs
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.question import Question
from stochinf.graphs.rao_blackwell import RaoBlackwell
from stochinf.graphs.sampled import slot_states, spread_slots, warm_up_and_sample
from stochinf.graphs.targets import graph_target

__all__ = ["SharedSession", "Sweeps", "hogwild_marginals"]

UNREPEATABLE = "asynchronous: not reproducible, and off by what other threads change while a variable is drawn"


@part(lanes=True, single=True, reorder=True)
class Sweeps(NamedTuple):
    """A kernel whose step is a sweep of another kernel over the target's points.

    Parameters
    ----------
    kernel : part
        A lane kernel that draws one variable in a step, at inverse temperature 1.
    """

    kernel: Any

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        """Visit every point of the target once."""
        for p in range(target.free.size):
            self.kernel.update(target, state, p, rate, rng)

    def begin_sampling(self, target: Any, state: Any) -> None:
        """Forget the sums of warm-up."""
        self.kernel.begin_sampling(target, state)


@dataclass
class SharedSession(Session):
    """A session whose blocks are shares of the variables, not of the chains; none is ever ahead by more than a sweep."""

    THREADS_FROM: ClassVar[float] = 0.0002

    def boundary(self) -> int:
        """Return the next step: a thread that sweeps on while another is kept waiting would sample given frozen variables."""
        return self.total + 1

    def convergence(self) -> Convergence:
        """Return the worst figures over the shares."""
        parts = [block.observer.convergence([block]) for block in self.blocks]
        rhat, ess, mcse = zip(*parts, strict=True)
        return Convergence(max(rhat), min(ess), max(mcse))


def hogwild_marginals(question: Question, shares: int | None = None) -> Marginals:
    """Return marginals by threads that share chains; the default is every processor.

    Parameters
    ----------
    question : Question
    shares : int, optional
        Into how many shares the variables are cut; the default is the number of threads.

    Raises
    ------
    StochinfError
        If there is one chain only: spins would then keep local fields, which cannot be shared.
    """
    began = clock.monotonic()
    graph, clamped = question.graph, question.clamped
    sampling = question.sampling.with_chains(LANES)
    if not 2 <= sampling.chains <= LANES:
        raise StochinfError(f"hogwild: chains = {sampling.chains}; 2 to {LANES} are shared by all threads")
    target = graph_target(graph, clamped)
    wanted = max(1, shares or sampling.controls.threads or processors())
    session = _shared(question, target, min(wanted, max(1, target.n_points)), sampling)
    if target.n_points:
        warm_up_and_sample(session, graph, sampling, 1, began)
    figures = [block.observer.statistics([block]) for block in session.blocks]
    joined = LaneStatistics(*(np.concatenate(rows) for rows in zip(*figures, strict=True)))
    lengths = session.blocks[0].observer.snapshot(session.blocks[0].state)[2]
    return Marginals(
        graph=graph,
        clamped=clamped,
        **spread_slots(graph.n_states, clamped, joined)._asdict(),
        method="hogwild",
        reason=f"asynchronous Gibbs sampling on {len(session.blocks)} threads was asked for",
        exact=not target.n_points,
        warnings=(UNREPEATABLE,) if len(session.blocks) > 1 else (),
        chains=sampling.chains,
        sweeps=int(lengths.sum()),
        warmup=session.plan.warmup,
        seconds=dict(session.seconds),
        rng_entropy=sampling.entropy,
        interrupted=session.interrupted,
        stopped=session.reason or "nothing to sample",
        slots=slot_states(graph.n_states, clamped),
        versions=versions(),
    )


def _shared(question: Question, target: Any, shares: int, sampling: Any) -> SharedSession:
    """Return a session whose blocks have the same position, and random numbers, sums and variables of their own."""
    graph, init = question.graph, None
    if not graph.positive:
        init = feasible_states(graph, question.clamped, sampling.chains, sampling.entropy).T
    kernel = prepared(Gibbs(sums=True), target)
    plan = Plan(kernel, target, None, None, RaoBlackwell(), init, sampling.chains, sampling.warmup, 1, False, sampling.entropy)
    blocks: list[Block] = []
    for number, (first, last) in enumerate(_cuts(target.n_points, shares)):
        part_of = _share(target, first, last)
        streams = Streams(sampling.entropy, number, sampling.chains)
        state = kernel.init(part_of, init, streams)
        if blocks:
            state = state._replace(position=blocks[0].state.position)
        observer = RaoBlackwell().prepare(kernel, part_of, state, 0)
        block = Block(
            Sweeps(kernel._replace(inverse_temperature=np.nan)), part_of, Scan(1), Constant(1.0), observer, state,
            streams.stream("picker"), streams.stream("kernel"), sampling.chains, sampling.warmup, 1,
        )  # fmt: skip
        if sampling.warmup == 0:
            begin_sampling(block)
        blocks.append(block)
    return SharedSession(plan, blocks)


def _cuts(points: int, shares: int) -> list[tuple[int, int]]:
    """Return where each share of the points begins and ends."""
    ends = np.linspace(0, points, shares + 1).round().astype(int).tolist()
    return list(pairwise(ends))


def _share(target: Any, first: int, last: int) -> Any:
    """Return a target whose points, and slots of sums, are some of a target's."""
    free = target.free[first:last]
    begin, end = (target.first_slot[free[0]], target.first_slot[free[-1] + 1]) if free.size else (0, 0)
    slots = np.clip(target.first_slot - begin, 0, end - begin).astype(np.int32)
    return target._replace(free=free.copy(), first_slot=slots)
