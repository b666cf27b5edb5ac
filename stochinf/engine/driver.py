"""The driver: the compiled loop in chunks of 20-50 ms, and all that happens between two chunks.

Chains advance in lockstep, one chunk at a time, so that an interrupted run ends with chains of equal length. Chunk length
is measured time; nothing that changes a result depends on it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, NamedTuple

from stochinf.engine.block import NEVER, advance, advance_elsewhere
from stochinf.engine.convert import counted
from stochinf.engine.errors import MemoryLimitError, StochinfError
from stochinf.engine.failing import demand_success, mark
from stochinf.engine.session import Session
from stochinf.engine.stop import Rule
from stochinf.engine.threads import processors, single_threaded_blas

__all__ = ["Controls", "Report", "check_controls", "drive"]

CHUNK = 0.03
"""Seconds that a chunk should take, of those in which it has a processor."""

SLOWEST = 8.0
"""How many times as long it may take on a machine that is busy with other things, or with a density that waits."""

TASK = 1.0
"""Seconds that a task for another process should take."""


class Report(NamedTuple):
    """What a callback is given between two chunks.

    Attributes
    ----------
    step, steps : int
        Steps done and asked for, warm-up included; `steps` is 0 where only a stopping rule ends the run.
    seconds : float
    session : Session
        For `positions()`, `draws()`, `convergence()`.
    """

    step: int
    steps: int
    seconds: float
    session: Session


class Controls(NamedTuple):
    """How a run is carried out; nothing here changes its bits.

    Attributes
    ----------
    stop : Rule or None
    threads : int or None
        None takes every processor.
    executor : concurrent.futures.Executor or None
        Carries whole blocks elsewhere: processes, Dask, MPI.
    progress : object with start(session, steps), update(report), close()
    checkpoint : callable or None
        Called with the session after every chunk; it decides by the clock whether to write.
    callback : callable or None
        Called with a `Report` after every chunk; a true answer stops the run.
    """

    stop: Rule | None = None
    threads: int | None = None
    executor: Executor | None = None
    progress: Any = None
    checkpoint: Callable[[Session], None] | None = None
    callback: Callable[[Report], Any] | None = None


def check_controls(controls: Controls) -> Controls:
    """Return the controls if each is of its kind.

    Raises
    ------
    StochinfError
        Naming the argument, its value and what is needed.
    """
    if controls.threads is not None:
        controls = controls._replace(threads=counted("threads", controls.threads))
    if controls.stop is not None and not isinstance(controls.stop, Rule):
        raise StochinfError(f"stop = {controls.stop!r}: a rule such as stochinf.stop.seconds(10) is needed")
    if controls.executor is not None and not hasattr(controls.executor, "submit"):
        raise StochinfError(f"executor = {controls.executor!r}: a concurrent.futures.Executor is needed")
    if controls.callback is not None and not callable(controls.callback):
        raise StochinfError(f"callback = {controls.callback!r}: a function of a report is needed")
    return controls


def drive(session: Session, goal: int, controls: Controls) -> Session:
    """Advance a session to `goal` steps (0: until a rule stops it), or until a rule, a callback or Ctrl-C ends it.

    Raises
    ------
    StochinfError
        If neither a goal nor a rule would end the run.
    DensityError
        If a density meets an error of its own; the session then stands where the chunk began.
    """
    if not goal and controls.stop is None and controls.callback is None:
        raise StochinfError("nothing would end this run: give steps or draws, or stop=")
    end = goal or NEVER
    session.reason, session.interrupted = "", False
    with contextlib.ExitStack() as stack:
        stack.enter_context(single_threaded_blas(session.blas))
        interrupted = stack.enter_context(interrupts())
        crew = stack.enter_context(_Crew(controls, len(session.blocks)))
        progress = controls.progress
        if progress is not None:
            progress.start(session, goal)
            stack.callback(progress.close)
        _rounds(session, end, controls, crew, interrupted)
    session.reason = session.reason or f"{session.step} steps done"
    return session


def _rounds(session: Session, end: int, controls: Controls, crew: _Crew, interrupted: threading.Event) -> None:
    began = time.perf_counter()
    if controls.stop is not None:
        controls.stop.start()
    while session.total < end and not session.reason:
        target = min(end, session.boundary(), _next_check(session, controls.stop), session.total + crew.length)
        try:
            session.reserve(target)
        except MemoryLimitError as error:
            session.reason = f"no room for more: {error}"
            break
        phase = "warmup" if session.total < session.plan.warmup else "sampling"
        before = mark(session)
        session.seconds[phase] += crew.advance(session, target - session.total)
        demand_success(session, before)
        session.act()
        report = Report(session.total, end if end < NEVER else 0, time.perf_counter() - began, session)
        session.reason = _verdict(session, controls, report)
        if controls.progress is not None:
            controls.progress.update(report)
        if interrupted.is_set():
            session.interrupted, session.reason = True, "interrupted"
        if controls.checkpoint is not None:
            controls.checkpoint(session)


def _next_check(session: Session, stop: Rule | None) -> int:
    if stop is None or session.step < 0:
        return NEVER
    return session.plan.warmup + stop.next_check(session)


def _verdict(session: Session, controls: Controls, report: Report) -> str:
    """Return why the run ends here, or an empty string."""
    if controls.callback is not None:
        try:
            if controls.callback(report):
                return "stopped by the callback"
        except KeyboardInterrupt:
            session.interrupted = True
            return "interrupted"
    stop = controls.stop
    return stop.reason(session) if stop is not None and stop.due(session) else ""


class _Crew:
    """Who runs the blocks: this thread, a pool of threads, or an executor of the user's."""

    def __init__(self, controls: Controls, blocks: int) -> None:
        self.threads = min(blocks, controls.threads or processors())
        self.executor = controls.executor
        self.pool: Executor | None = None
        self.length = 1
        self.first = True
        self.share = 1.0

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown()

    def advance(self, session: Session, steps: int) -> float:
        """Advance every block by `steps`; return the seconds, and choose the length of the next chunk from them."""
        began, worked, alike = time.perf_counter(), time.process_time(), self.threads if self.pool is not None else 1
        if self.executor is not None:
            futures = [
                self.executor.submit(advance_elsewhere, block, steps, session.blas, os.getpid()) for block in session.blocks
            ]
            session.blocks[:] = [future.result() for future in futures]
        elif self.pool is not None:
            list(self.pool.map(advance, session.blocks, [steps] * len(session.blocks)))
        else:
            for block in session.blocks:
                advance(block, steps)
        took = time.perf_counter() - began
        if self.executor is None:
            self.share = min(1.0, max(1.0 / SLOWEST, (time.process_time() - worked) / max(took * alike, 1e-9)))
        self._plan_next(steps, took, session)
        return took

    def _plan_next(self, steps: int, took: float, session: Session) -> None:
        wanted = TASK if self.executor is not None else CHUNK
        if self.first:
            self.first = False
            self.length = 16
            return
        if steps == self.length:
            self.length = max(1, min(int(steps * min(8.0, wanted / max(took * self.share, 1e-9))), NEVER >> 8))
        if self.pool is None and self.executor is None and self.threads > 1 and took > session.THREADS_FROM:
            from concurrent.futures import ThreadPoolExecutor

            self.pool = ThreadPoolExecutor(self.threads)


@contextlib.contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Note the first Ctrl-C instead of raising it, so that a chunk is never cut in two; the second one raises."""
    noted = threading.Event()
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield noted
        return

    def note(number: int, frame: Any) -> None:
        if noted.is_set():
            previous(number, frame)
        noted.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, previous)
