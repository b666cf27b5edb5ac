"""`stochinf solver MODEL EVID QUERY TASK`: what the UAI inference contests call.

The answer stands in the working directory, in a file named like the model with the task as suffix. A rough one is there at once;
each better one takes its place in one step, so that whoever ends the program, and whenever, finds a whole answer.

References
----------
UAI 2014 and 2016 inference contests, "Solver requirements" (INF_TIME in seconds of CPU, INF_MEMORY in gigabytes, arguments, name
of the result) and "Result file format"; UAI 2022 (TIMESEC, MEMKB).
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time as clock
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stochinf.commands.codes import FAILED, OK, note

__all__ = ["AnswerFile", "Work", "add", "run"]

SECONDS = 60.0
"""Where neither words nor the environment say."""
LOOK = 0.02
ROOM = 300_000_000
"""Bytes that Python and the compiler take, which are no tables."""


def add(commands: Any) -> None:
    """Describe the words of the command."""
    one = commands.add_parser(
        "solver", help="answer as the UAI contests demand: INF_TIME, INF_MEMORY, the result beside you",
        description="Write MODEL's name + .TASK into the working directory: a rough answer at once, better ones in its place, "
        "never later than INF_TIME (seconds; else TIMESEC, else 60). Tables take no more than INF_MEMORY (GB; else MEMKB).",
    )  # fmt: skip
    one.add_argument("model", metavar="MODEL")
    one.add_argument("evidence", metavar="EVID", help="a UAI evidence file")
    one.add_argument("query", metavar="QUERY", help="of marginal MAP alone, so it is not looked at")
    one.add_argument("task", metavar="TASK", choices=["MAR", "PR", "MPE", "MAP"], help="MAR, PR, MPE or MAP, the same as MPE")
    one.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same answers if time allows (0)")
    one.set_defaults(command=run)


class AnswerFile:
    r"""The file of the answer: whole at any moment.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from stochinf.commands.solver import AnswerFile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = AnswerFile(pathlib.Path(folder, "grid.uai.PR"))
    ...     file.write("PR\n1.5\n")
    ...     file.path.read_text()
    'PR\n1.5\n'
    """

    def __init__(self, path: Path) -> None:
        self.path, self.written = path, False
        self.lock = threading.Lock()

    def write(self, text: str) -> None:
        """Put an answer in the place of the one before."""
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        with self.lock:
            try:
                with part.open("w", encoding="ascii") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(self.path)
            finally:
                part.unlink(missing_ok=True)
            self.written = True


class Work:
    """The thread that answers, and what became of it."""

    def __init__(self, options: argparse.Namespace, file: AnswerFile, began: float, deadline: float, memory: int | None) -> None:
        self.options, self.file, self.began = options, file, began
        self.deadline, self.memory = deadline, memory
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            for answer in self._answers():
                self.file.write(answer)
        except BaseException as error:
            self.error = error

    def _answers(self) -> Iterator[str]:
        """Read the model and yield answers."""
        from stochinf.commands.anytime import Budget, answers
        from stochinf.graphs.evidence import check_evidence
        from stochinf.graphs.formats import read_graph, read_uai_evidence

        graph = read_graph(self.options.model)
        evidence = read_uai_evidence(self.options.evidence, graph)
        budget = Budget(self.deadline, self.memory, self.options.seed, self._say)
        for answer in answers(graph, evidence, check_evidence(graph, evidence), self.options.task, budget):
            yield answer.text

    def _say(self, line: str) -> None:
        note(f"{clock.monotonic() - self.began:7.2f} s  {line}")


def run(options: argparse.Namespace) -> int:
    """Answer until time is up or nothing can be bettered; return the exit code."""
    from stochinf.engine.checkpoint import demand_writable

    lived = age() if options.own_process else 0.0
    began = clock.monotonic() - lived
    seconds, memory = limits()
    path = Path(f"{Path(options.model).name}.{options.task}")
    demand_writable(path)
    work = Work(options, AnswerFile(path), began, began + seconds - margin(seconds), memory)
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with _ended_by_force(work, 0.7 * margin(seconds)):
            return _attended(work, stopped)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _ended_by_force(work: Work, grace: float) -> Iterator[None]:
    """End a process of one's own that is late, even if compiled code holds the interpreter."""
    if not work.options.own_process:
        yield
        return
    with open(os.devnull, "w", encoding="ascii") as nowhere:
        left = max(0.05, work.deadline + grace - clock.monotonic())
        faulthandler.dump_traceback_later(left, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _attended(work: Work, stopped: threading.Event) -> int:
    """Let the thread work until it is done, time is up or a signal came."""
    spendable = work.deadline - work.began
    spent_before = 0.0 if work.options.own_process else clock.process_time()
    work.thread.start()
    while work.thread.is_alive():
        if stopped.is_set() or max(clock.monotonic() - work.began, clock.process_time() - spent_before) > spendable:
            return _left(work)
        work.thread.join(LOOK)
    return _ended(work)


def _ended(work: Work) -> int:
    """Return the exit code of work that came to its end."""
    if work.error is None:
        return OK
    if work.file.written:
        note(f"{type(work.error).__name__}: {work.error}; the answer before it stands")
        return OK
    raise work.error


def _left(work: Work) -> int:
    """Leave the thread where it is, but not in the midst of writing; a process of one's own ends here."""
    work.file.lock.acquire(timeout=1.0)
    if not work.file.written:
        note(f"no answer yet after {clock.monotonic() - work.began:.2f} s")
    code = OK if work.file.written else FAILED
    if work.options.own_process:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    return code


def limits() -> tuple[float, int | None]:
    """Return seconds, and the bytes that tables may take (None: a share of what is free), as the environment has them.

    Raises
    ------
    StochinfError
        If one of them is no positive number.

    Examples
    --------
    >>> import os
    >>> from stochinf.commands.solver import limits
    >>> os.environ["INF_TIME"] = "20"
    >>> limits()[0]
    20.0
    >>> del os.environ["INF_TIME"]
    """
    from stochinf.commands.given import positive

    def given(*names: tuple[str, str, float]) -> float | None:
        found = next(((name, unit, size) for name, unit, size in names if os.environ.get(name)), None)
        return None if found is None else found[2] * positive(os.environ[found[0]], *found[:2])

    seconds = given(("INF_TIME", "seconds", 1.0), ("TIMESEC", "seconds", 1.0))
    memory = given(("INF_MEMORY", "gigabytes", 1e9), ("MEMKB", "kilobytes", 1e3))
    return SECONDS if seconds is None else seconds, None if memory is None else max(1, int(0.9 * memory) - ROOM)


def age() -> float:
    """Return the seconds since this process began, by the system's books, or its seconds of CPU where there are none."""
    spent = clock.process_time()
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
        lived = clock.clock_gettime(clock.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return spent
    return lived if spent - 0.1 < lived < 60.0 else spent


def margin(seconds: float) -> float:
    """Return how long before the end to stop."""
    return min(1.0, 0.1 * seconds)
