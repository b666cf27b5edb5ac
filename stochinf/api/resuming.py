"""`resume` and `load`: saved runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from stochinf.api.running import Checkpoint, driven, result
from stochinf.api.saved import restored
from stochinf.diagnostics.run import Run
from stochinf.engine import progress as progress_module
from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls, Report, check_controls
from stochinf.engine.stop import Rule
from stochinf.engine.target import check_stop

__all__ = ["load", "resume"]


def resume(
    path: str | os.PathLike[str],
    draws: int | None = None,
    target: Any = None,
    kernel: Any = None,
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    stop: Rule | None = None,
    progress: bool | None = None,
    checkpoint: Checkpoint = None,
    callback: Callable[[Report], Any] | None = None,
) -> Run:
    """Go on with a saved run, as if it had never stopped: the same bits, old draws and new.

    Parameters
    ----------
    path : path
        A file that `Run.save` or `checkpoint=` wrote.
    draws : int, optional
        Draws to add per chain; None finishes what the first call asked for. Warm-up and the horizons of schedules stay
        those of the first call.
    target, kernel : optional
        Needed where they are the user's own classes; they must match the saved hash.
    threads, executor, stop, progress, checkpoint, callback : optional
        As in `stochinf.run`.

    Returns
    -------
    Run
        All draws, old and new.

    Raises
    ------
    CheckpointError
        If the file is damaged or belongs to another target or kernel.

    Examples
    --------
    >>> import os, tempfile
    >>> import stochinf as si
    >>> d = si.sample(si.models.CoinBias(62, 38), draws=1000, warmup=500, chains=4, rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     d.save(os.path.join(folder, "run.npz"))
    ...     longer = si.resume(os.path.join(folder, "run.npz"), draws=250)
    >>> longer["theta"].shape
    (4, 1250)
    """
    controls = check_controls(Controls(stop, threads, executor, progress_module.shown(progress), None, callback))
    session, door = restored(path, target, kernel)
    check_stop(stop, session.plan.target, session.plan.observer)
    if draws is None:
        goal = max(door.goal, session.total)
    else:
        done = max(session.total, session.plan.warmup)
        whole = session.plan.warmup + (done - session.plan.warmup) // door.draw_steps * door.draw_steps
        goal = whole + counted("draws", draws) * door.draw_steps
    door = door._replace(goal=goal)
    if goal == session.total and stop is None:
        return result(session, door)
    return driven(session, door, 0 if goal == session.total else goal, controls, checkpoint)


def load(path: str | os.PathLike[str], target: Any = None, kernel: Any = None) -> Run:
    """Return the result of a saved run as it was saved.

    Parameters
    ----------
    path : path
        A file that `Run.save` or `checkpoint=` wrote.
    target, kernel : optional
        Needed where they are the user's own classes.

    Returns
    -------
    Run
        What had been drawn when the file was written.

    Raises
    ------
    CheckpointError
        If the file is damaged or belongs to another target or kernel.

    Examples
    --------
    >>> import os, tempfile
    >>> import stochinf as si
    >>> d = si.sample(si.models.CoinBias(62, 38), draws=1000, warmup=500, chains=4, rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     d.save(os.path.join(folder, "run.npz"))
    ...     si.load(os.path.join(folder, "run.npz"))["theta"].shape
    (4, 1000)
    """
    return result(*restored(path, target, kernel))
