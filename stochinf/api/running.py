"""`run`: the front door that every other is a thin use of. It checks, plans, drives and puts the result together."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np

from stochinf.api.saved import Door, Snapshot
from stochinf.diagnostics.run import Run
from stochinf.engine import cache, observers
from stochinf.engine import progress as progress_module
from stochinf.engine.checkpoint import demand_writable, saved_path
from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls, Report, check_controls, drive
from stochinf.engine.errors import CheckpointError, DensityError, StochinfError
from stochinf.engine.jit import versions
from stochinf.engine.memory import demand
from stochinf.engine.session import Plan, Session, build
from stochinf.engine.stop import Rule
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import as_target, check_kernel, check_needs, check_role, check_stop, named, starting_positions

__all__ = ["Checkpoint", "driven", "result", "run"]

Checkpoint = str | os.PathLike[str] | tuple[str | os.PathLike[str], float] | None

CHECKPOINT_SECONDS = 60.0
GROWING = 1024
LEAST_PER_CHAIN = 1024


def run(
    kernel: Any,
    target: Any,
    steps: int | None = None,
    thin: int = 1,
    *,
    warmup: int = 0,
    picker: Any = None,
    schedule: Any = None,
    observer: Any = None,
    init: Any = None,
    chains: int = 1,
    threads: int | None = None,
    executor: Executor | None = None,
    stop: Rule | None = None,
    rng: Any = None,
    progress: bool | None = None,
    checkpoint: Checkpoint = None,
    callback: Callable[[Report], Any] | None = None,
    keep_warmup: bool = False,
) -> Run:
    """Run a kernel on a target: pick a point, update the model, iterate.

    Parameters
    ----------
    kernel : part
        The algorithm, for example `stochinf.mcmc.Metropolis()`, or one of your own (`stochinf.kernel`).
    target : model or part
        What it works on.
    steps : int, optional
        Updates of each chain after warm-up; None where `stop` ends the run.
    thin : int
        Updates between two looks of the observer.
    warmup : int
        Updates before the observer begins to look.
    picker, schedule, observer : part, optional
        Which point comes next (the kernel's choice); a factor of the kernel's rate, number or schedule (1); what is
        remembered (`Draws()`).
    init : array of shape (dim,) or (chains, dim), or callable, optional
        Starting positions, or a function without arguments that returns them, called once all else has been checked; the
        target's choice by default.
    chains : int
        Independent chains.
    threads : int, optional
        Threads that share the chains; every processor by default. The result does not depend on it.
    executor : concurrent.futures.Executor, optional
        Carries chains elsewhere: processes, a Dask client's `get_executor()`, `mpi4py.futures.MPIPoolExecutor()`.
    stop : Rule, optional
        For example `stochinf.stop.seconds(10) | stochinf.stop.converged()`.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same bits; None draws fresh entropy, recorded as `rng_entropy`.
    progress : bool, optional
        Show progress; by default in a terminal or a notebook only.
    checkpoint : path or (path, seconds), optional
        Save the run there every 60 (or so many) seconds, and at its end.
    callback : callable, optional
        Called with a `Report` between chunks; a true answer stops the run.
    keep_warmup : bool
        Keep the draws of warm-up too.

    Returns
    -------
    Run
        Draws by name, statistics, what observers kept, timings, seed and versions.

    Raises
    ------
    StochinfError
        If an argument breaks a rule; nothing has been compiled then.
    DensityError
        If a density of the user's meets an error of its own; its `run` holds what was drawn.

    Examples
    --------
    >>> import stochinf as si
    >>> si.run(si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38), steps=1000, chains=2, rng=0)["theta"].shape
    (2, 1000)
    """
    part = as_target(target)
    check_kernel(kernel, part)
    if checkpoint is not None:
        demand_writable(_path_and_seconds(checkpoint)[0])
    controls = check_controls(Controls(stop, threads, executor, progress_module.shown(progress), None, callback))
    observer = observers.Draws() if observer is None else observer
    if picker is not None:
        check_role("picker", picker, "fill")
    for leaf in observers.leaves(observer):
        check_role("observer", leaf, "observe")
    for leaf in observers.leaves(observer):
        check_needs(leaf, part)
    check_stop(stop, part, observer)
    count = None if steps is None else counted("steps", steps)
    chains = counted("chains", chains)
    positions = init if callable(init) else starting_positions(init, chains)
    plan = Plan(
        kernel, part, picker, schedule, observer, positions, chains, counted("warmup", warmup, least=0), counted("thin", thin),
        bool(keep_warmup), entropy_of(rng),
    )  # fmt: skip
    goal = 0 if count is None else plan.warmup + count
    if count is None and stop is None and callback is None:
        raise StochinfError("nothing would end this run: give steps, or stop=")
    if count is not None and count < plan.every:
        raise StochinfError(f"thin = {plan.every}: more than steps = {count}, so nothing would be observed")
    capacity = (goal if keep_warmup else (count or 0)) // plan.every or GROWING
    _demand_room(plan, capacity)
    session = build(plan, capacity)
    door = Door(target, goal, plan.every)
    return driven(session, door, goal, controls, checkpoint)


def _demand_room(plan: Plan, capacity: int) -> None:
    """Refuse what cannot fit before anything is made."""
    demand(LEAST_PER_CHAIN * plan.chains, f"{plan.chains} chains")
    if any(hasattr(leaf, "grown") for leaf in observers.leaves(plan.observer)):
        numbers = max(1, int(getattr(plan.target, "dim", 1)))
        demand(8 * plan.chains * capacity * numbers, f"{capacity} draws of {numbers} numbers in {plan.chains} chains")


def driven(session: Session, door: Door, goal: int, controls: Controls, checkpoint: Any) -> Run:
    """Drive a session and put its result together."""
    compiled = cache.statistics["seconds"]
    if goal:
        _demand_room(session.plan, max(block.observations(goal) for block in session.blocks))
        session.reserve(goal)
    try:
        drive(session, goal, controls._replace(checkpoint=_saver(checkpoint, session, door)))
    except DensityError as error:
        error.run = result(session, door, cache.statistics["seconds"] - compiled)
        raise
    if checkpoint is not None and not _saved(session, door, _path_and_seconds(checkpoint)[0]):
        warnings.warn(
            "the last checkpoint could not be written; save the result with run.save(path)", RuntimeWarning, stacklevel=3
        )
    return result(session, door, cache.statistics["seconds"] - compiled)


def result(session: Session, door: Door, compiling: float = 0.0) -> Run:
    """Return what a session has drawn and observed."""
    plan, first = session.plan, session.blocks[0]
    draws: dict[str, Any] = {}
    stats: dict[str, Any] = {}
    if observers.find(first.observer, observers.Draws) is not None:
        values, figures = session.draws()
        draws = named(plan.target, values)
        stats = {name: figures[:, :, k] for k, name in enumerate(getattr(session.kernel, "statistics", ()))}
    cut = session.warmup_observations()
    return Run(
        draws={name: value[:, cut:] for name, value in draws.items()},
        stats={name: value[:, cut:] for name, value in stats.items()},
        warmup_draws={name: value[:, :cut] for name, value in draws.items()} if cut else {},
        warmup_stats={name: value[:, :cut] for name, value in stats.items()} if cut else {},
        position=session.positions(),
        observed=observed(session),
        chains=plan.chains,
        n_steps=session.step,
        n_warmup=plan.warmup,
        thin=plan.every,
        seconds={**session.seconds, **({"compile": compiling} if compiling else {})},
        rng_entropy=plan.entropy,
        versions=versions(),
        interrupted=session.interrupted,
        reason=session.reason,
        kernel=repr(plan.kernel),
        target=repr(door.model),
        dims=getattr(door.model, "dims", {}),
        coords=getattr(door.model, "coords", {}),
        nonfinite=session.nonfinite(),
        checkpoint=Snapshot(session, door),
        notes=session.kernel.notes([block.state for block in session.blocks]) if hasattr(session.kernel, "notes") else (),
        divergences=_divergences(session),
        data=_numeric(getattr(door.model, "data", {})),
    )


def _divergences(session: Session) -> dict[str, Any]:
    """Return the places that the kernel noted, by the names of the draws."""
    kept = [block.state.divergences for block in session.blocks if hasattr(block.state, "divergences")]
    if not kept:
        return {}
    places = np.concatenate(kept)
    places = places[np.isfinite(places).all(axis=1)]
    return {name: values[0] for name, values in named(session.plan.target, places[np.newaxis]).items()} if places.size else {}


def _numeric(data: Any) -> dict[str, Any]:
    """Return those data that are numbers, as arrays by name."""
    arrays = {name: np.asarray(value) for name, value in data.items() if not callable(value)} if isinstance(data, Mapping) else {}
    return {name: array for name, array in arrays.items() if array.dtype.kind in "biuf"}


def observed(session: Session) -> dict[str, Any]:
    """Return what observers other than draws kept, by name, chain first (block first, where it is kept for a whole block)."""
    collected: dict[str, list[Any]] = {}
    for block in session.blocks:
        for leaf in observers.leaves(block.observer):
            if hasattr(leaf, "collect"):
                for name, value in leaf.collect().items():
                    collected.setdefault(name, []).append(_by_chain(value, block.state.position, session.lane_kernel))
    return {name: np.concatenate(values) for name, values in collected.items()}


def _by_chain(value: Any, position: Any, lanes: bool) -> Any:
    """Put the chains first in what an observer kept of a block; its first axis is that of the numbers of the position."""
    if not lanes or value.shape[:1] != (position.size,):
        return value[np.newaxis]
    return np.moveaxis(value.reshape(*position.shape, *value.shape[1:]), position.ndim - 1, 0)


def _path_and_seconds(checkpoint: Any) -> tuple[Any, float]:
    """Return where to save and how often.

    Raises
    ------
    StochinfError
        If `checkpoint` is neither a path nor a path and a number of seconds.
    """
    pair = checkpoint if isinstance(checkpoint, tuple) else (checkpoint, CHECKPOINT_SECONDS)
    path, seconds = pair if len(pair) == 2 else (None, None)
    if not isinstance(path, (str, os.PathLike)) or not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise StochinfError(f"checkpoint = {checkpoint!r}: a path, or (path, seconds), is needed")
    return saved_path(path), float(seconds)


def _saver(checkpoint: Any, session: Session, door: Door) -> Callable[[Session], None] | None:
    """Save the run once, so that what cannot be saved is known at the start; return what saves it when its time has come."""
    if checkpoint is None:
        return None
    path, seconds = _path_and_seconds(checkpoint)
    Snapshot(session, door).write(path)
    due = time.monotonic() + seconds

    def save(session: Session) -> None:
        nonlocal due
        if time.monotonic() >= due:
            _saved(session, door, path)
            due = time.monotonic() + seconds

    return save


def _saved(session: Session, door: Door, path: Any) -> bool:
    """Save a run that is under way; a full disk must not cost what was drawn, so it is reported and the run goes on."""
    try:
        Snapshot(session, door).write(path)
    except CheckpointError as error:
        logging.getLogger("stochinf").warning("%s", error)
        return False
    return True
