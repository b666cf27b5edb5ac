"""A session: a run's plan, its blocks, and what may be asked of them between two chunks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from stochinf.engine import observers
from stochinf.engine.block import NEVER, Block
from stochinf.engine.errors import StochinfError
from stochinf.engine.memory import demand
from stochinf.engine.overlap import check_overlap
from stochinf.engine.pickers import Scan, epoch_length
from stochinf.engine.rates import multiply, prepared, watched
from stochinf.engine.stop import Convergence
from stochinf.engine.streams import Streams
from stochinf.engine.target import starting_positions
from stochinf.engine.wrappers import unwrapped

__all__ = ["LANES", "Plan", "Session", "build", "end_warmup"]

LANES = 64
"""Chains of a lane kernel that share a block; fixed by the number of chains alone."""


@dataclass(frozen=True)
class Plan:
    """All that defines the bits of a run.

    Attributes
    ----------
    kernel, target, picker, schedule, observer : parts
        As the user gave them.
    init : ndarray, callable or None
        Starting positions, one for all chains or one row per chain; or a function that returns them, called when all else has
        been checked.
    chains, warmup, every : int
        Chains; steps of warm-up; steps between observations.
    keep_warmup : bool
        Observe from the first step.
    entropy : int
        From which every stream is made.
    """

    kernel: Any
    target: Any
    picker: Any
    schedule: Any
    observer: Any
    init: npt.NDArray[Any] | Callable[[], Any] | None
    chains: int
    warmup: int
    every: int
    keep_warmup: bool
    entropy: int


@dataclass
class Session:
    """A run between two chunks; the stopping rules' view of it.

    Attributes
    ----------
    blocks : list of Block
    seconds : dict
        Time spent in warm-up and in sampling.
    reason : str
        Why the run stopped.
    """

    THREADS_FROM: ClassVar[float] = 0.0075
    """Seconds of one chunk from which threads are worth starting."""

    plan: Plan
    blocks: list[Block]
    seconds: dict[str, float] = field(default_factory=lambda: {"warmup": 0.0, "sampling": 0.0})
    reason: str = ""
    interrupted: bool = False

    @property
    def kernel(self) -> Any:
        """The kernel, after `prepare`, without the wrappers of a picker."""
        return unwrapped(self.blocks[0].kernel)

    @property
    def total(self) -> int:
        """Steps done, warm-up included."""
        return self.blocks[0].step

    @property
    def step(self) -> int:
        """Steps done after warm-up."""
        return self.total - self.plan.warmup

    @property
    def every(self) -> int:
        """Steps between observations."""
        return self.plan.every

    @property
    def steps_per_epoch(self) -> int:
        """Steps that visit as many points as there are."""
        return math.ceil(self.epoch)

    @property
    def epoch(self) -> float:
        """Points over points per step: how long an epoch is where no whole number of steps makes one."""
        return epoch_length(self.blocks[0].picker)

    @property
    def lane_kernel(self) -> bool:
        """Whether a block holds many chains."""
        return bool(getattr(self.kernel, "lanes", False))

    @property
    def blas(self) -> bool:
        """Whether the kernel or a density may call BLAS; a kernel that makes arrays may do so by `np.dot`."""
        by_kernel = any(getattr(self.kernel, trait, False) for trait in ("allocates", "blas"))
        return by_kernel or any(getattr(getattr(block.target, "function", None), "blas", False) for block in self.blocks)

    def reserve(self, total: int) -> None:
        """Make room for the observations up to step `total`."""
        for block in self.blocks:
            needed = block.observations(total)
            stored = [leaf.values.shape[0] for leaf in observers.leaves(block.observer) if hasattr(leaf, "grown")]
            if stored and min(stored) < needed:
                block.observer = observers.grown(block.observer, max(needed, 2 * min(stored)))

    def draws(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return positions (chain, draw, ...) and statistics (chain, draw, n) of what has been observed."""
        kept = [observers.find(block.observer, observers.Draws) for block in self.blocks]
        if kept[0] is None:
            raise StochinfError("this run keeps no draws; use the observer Draws()")
        values = [
            _by_chain(d.values[: int(d.seen[0])], b.state.position.shape, self.lane_kernel)
            for d, b in zip(kept, self.blocks, strict=True)
        ]
        stats = [
            _by_chain(d.stats[: int(d.seen[0])], b.state.stats.shape, self.lane_kernel)
            for d, b in zip(kept, self.blocks, strict=True)
        ]
        return np.concatenate(values), np.concatenate(stats)

    def positions(self) -> npt.NDArray[Any]:
        """Return the present position of every chain, shape (chain, ...)."""
        if self.lane_kernel:
            return np.concatenate([np.moveaxis(block.state.position, -1, 0) for block in self.blocks])
        return np.stack([block.state.position for block in self.blocks])

    def warmup_observations(self) -> int:
        """Return how many of the observations are from warm-up."""
        return self.plan.warmup // self.plan.every if self.plan.keep_warmup else 0

    def convergence(self) -> Convergence:
        """Return the worst R-hat, ESS and MCSE over the variables."""
        observer = self.blocks[0].observer
        if hasattr(observer, "convergence"):
            return observer.convergence(self.blocks)  # type: ignore[no-any-return]
        from stochinf.engine import statistics

        values = self.draws()[0][:, self.warmup_observations() :]
        flat = values.reshape(*values.shape[:2], -1)
        if flat.shape[1] < 4:
            return Convergence(np.inf, 0.0, np.inf)
        columns = [flat[:, :, k] for k in range(flat.shape[2])]
        varying = [c for c in columns if np.ptp(c) > 0] or columns[:1]
        rhat = max(statistics.rhat(c) for c in varying)
        ess = min(statistics.ess_bulk(c) for c in varying)
        return Convergence(rhat, ess, max(statistics.mcse_mean(c) for c in varying))

    def certificate(self) -> float:
        """Return the target's certificate at the worst chain."""
        return max(float(block.target.certificate(block.state.position)) for block in self.blocks)

    def objective(self) -> float:
        """Return the objective at the worst chain, as the kernel knows it, else as the target says."""
        if hasattr(self.kernel, "objective"):
            return max(float(self.kernel.objective(block.state)) for block in self.blocks)
        return max(float(block.target.objective(block.state.position)) for block in self.blocks)

    def nonfinite(self) -> int:
        """Return how many non-finite values the kernels counted."""
        return sum(int(block.state.nonfinite.sum()) for block in self.blocks if hasattr(block.state, "nonfinite"))

    def boundary(self) -> int:
        """Return the next step at which a part acts: the end of warm-up, or a review by a schedule or the kernel."""
        steps = [s.every * (self.total // s.every + 1) for s in watched(self.blocks[0].schedule)]
        if self.total < self.plan.warmup:
            steps.append(self.plan.warmup)
            steps += [_next_review(block, self.total, self.plan.warmup) for block in self.blocks]
        return min(steps, default=NEVER)

    def act(self) -> None:
        """Let the parts act that declared the present step."""
        for block in self.blocks:
            for schedule in watched(block.schedule):
                if self.total % schedule.every == 0:
                    schedule.review(block.target, block.state.position)
            if _next_review(block, self.total - 1, self.plan.warmup) == self.total <= self.plan.warmup:
                unwrapped(block.kernel).review(block.target, block.state)
            if self.total == self.plan.warmup:
                begin_sampling(block)


def _next_review(block: Block, step: int, warmup: int) -> int:
    """Return the next step of warm-up at which a kernel looks at what it has learnt."""
    kernel = unwrapped(block.kernel)
    return int(kernel.next_review(block.target, block.state, step, warmup)) if hasattr(kernel, "next_review") else NEVER


def begin_sampling(block: Block) -> None:
    """Tell the kernel that warm-up is over."""
    kernel = unwrapped(block.kernel)
    if hasattr(kernel, "begin_sampling"):
        kernel.begin_sampling(block.target, block.state)


def end_warmup(session: Session) -> None:
    """Let warm-up end here, earlier than was planned; what comes from now on is observed."""
    session.plan = replace(session.plan, warmup=session.total)
    for block in session.blocks:
        block.observe_from = session.total
        begin_sampling(block)


def _by_chain(rows: npt.NDArray[np.float64], shape: tuple[int, ...], lanes: bool) -> npt.NDArray[np.float64]:
    """Reshape (draw, size) to (chain, draw, ...); the last axis of a lane kernel's arrays is the chain."""
    values = rows.reshape(rows.shape[0], *shape)
    return np.moveaxis(values, -1, 0) if lanes else values[np.newaxis]


def build(plan: Plan, capacity: int) -> Session:
    """Return a session at step 0, with room for `capacity` observations per chain."""
    kernel = prepared(plan.kernel, plan.target)
    rate = 1.0
    if hasattr(kernel, "rate_field"):
        rate = getattr(kernel, kernel.rate_field)
        kernel = kernel._replace(**{kernel.rate_field: np.nan})
    schedule = multiply(rate, 1.0 if plan.schedule is None else plan.schedule)
    picker = plan.picker if plan.picker is not None else default_picker(kernel, plan.target)
    if hasattr(picker, "wrap"):
        wrapped = picker.wrap(kernel)
    else:
        wrapped = kernel
    check_points(kernel, prepared(picker, plan.target), plan.target)
    demand(4096 * plan.chains, f"{plan.chains} chains")
    positions = starting_positions(plan.init(), plan.chains) if callable(plan.init) else plan.init
    plan = replace(plan, init=positions)
    sizes = lane_sizes(plan.chains) if getattr(kernel, "lanes", False) else [1] * plan.chains
    if hasattr(plan.target, "ready_for"):
        plan.target.ready_for({*getattr(kernel, "needs", ()), *getattr(plan.observer, "needs", ())})
    blocks = []
    for number, lanes in enumerate(sizes):
        streams = Streams(plan.entropy, number, lanes)
        target = plan.target.private() if hasattr(plan.target, "private") else plan.target
        state = kernel.init(target, starting(positions, number, lanes, getattr(kernel, "lanes", False)), streams)
        observer = plan.observer.prepare(kernel, target, state, capacity)
        block = Block(
            wrapped, target, prepared(picker, target), prepared(schedule, target), observer, state,
            streams.stream("picker"), streams.stream("kernel"), lanes, 0 if plan.keep_warmup else plan.warmup, plan.every,
        )  # fmt: skip
        if hasattr(kernel, "begin_warmup"):
            kernel.begin_warmup(target, state, plan.warmup)
        if plan.warmup == 0:
            begin_sampling(block)
        blocks.append(block)
    check_overlap(blocks)
    return Session(plan, blocks)


def check_points(kernel: Any, picker: Any, target: Any) -> None:
    """Demand that a picker stays among the points that there are: the kernel's `points(target)`, else the target's `n_points`.

    Raises
    ------
    StochinfError
        If it picks from more; compiled code would read beyond the data.
    """
    if getattr(kernel, "single", False) and hasattr(picker, "batch"):
        raise StochinfError(
            f"{type(picker).__name__}: batches of points, and {type(kernel).__name__} takes one point a step; use Uniform or Scan"
        )
    most = int(kernel.points(target) if hasattr(kernel, "points") else getattr(target, "n_points", 0))
    if most and getattr(picker, "n", 0) > most:
        raise StochinfError(
            f"{type(picker).__name__}: n = {picker.n}, and {type(target).__name__} has {most} points; leave n out"
        )


def default_picker(kernel: Any, target: Any) -> Any:
    """Return the kernel's own choice of picker, else a scan over the target's points."""
    if hasattr(kernel, "pick"):
        return kernel.pick(target)
    return Scan(int(getattr(target, "n_points", 0)) or 1)


def lane_sizes(chains: int) -> list[int]:
    """Cut chains into blocks of up to `LANES`.

    Examples
    --------
    >>> from stochinf.engine.session import lane_sizes
    >>> lane_sizes(150)
    [64, 64, 22]
    """
    whole, rest = divmod(chains, LANES)
    return [LANES] * whole + ([rest] if rest else [])


def starting(init: npt.NDArray[Any] | None, number: int, lanes: int, lane_kernel: bool) -> npt.NDArray[Any] | None:
    """Return the starting position of one block: (dim,), or (lanes, dim) where each chain has its own."""
    if init is None or init.ndim < 2:
        return init
    return init[number * LANES : number * LANES + lanes] if lane_kernel else init[number]
