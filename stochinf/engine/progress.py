"""Progress in a terminal or a notebook: one line per chain, one for all beyond eight; silent elsewhere.

Rich draws it. It is imported only when a run has lasted half a second, so short runs do not pay for it.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from stochinf.engine.errors import StochinfError

__all__ = ["Progress", "shown"]

DELAY = 0.5
REFRESH = 0.2
MOST_LINES = 8


def shown(progress: bool | None) -> Progress | None:
    """Return a progress display, or None where none is wanted or nobody would see it.

    Raises
    ------
    StochinfError
        If `progress` is neither True, False nor None.
    """
    if not (progress is None or isinstance(progress, (bool, np.bool_))):
        raise StochinfError(f"progress = {progress!r}: True, False or None is needed")
    if progress is None and not (sys.stderr.isatty() or in_notebook()):
        return None
    if progress is not None and not progress:
        return None
    return Progress()


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel."""
    shell = sys.modules.get("IPython")
    interactive = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    return interactive is not None and type(interactive).__name__ == "ZMQInteractiveShell"


class Progress:
    """Lines of rate, acceptance or loss, and time left."""

    def __init__(self) -> None:
        self.began = self.last = time.perf_counter()
        self.bar: Any = None
        self.tasks: list[Any] = []
        self.steps_before = 0
        self.smooth: dict[int, float] = {}

    def start(self, session: Any, steps: int) -> None:
        """Note the start."""
        self.began = self.last = time.perf_counter()
        self.steps_before = session.total

    def update(self, report: Any) -> None:
        """Draw again if half a second has passed since the start and a fifth since the last time."""
        now = time.perf_counter()
        self._smoothen(report.session)
        if now - self.began < DELAY or (now - self.last < REFRESH and report.step != report.steps):
            return
        self.last = now
        if self.bar is None:
            self._open(report)
        rate = (report.step - self.steps_before) / (now - self.began)
        for line, task in enumerate(self.tasks):
            self.bar.update(task, completed=report.step, rate=f"{rate:,.0f} steps/s", figure=self._figure(report.session, line))

    def close(self) -> None:
        """Leave the lines as they stand."""
        if self.bar is not None:
            self.bar.stop()

    def _smoothen(self, session: Any) -> None:
        """Average the shown statistic over chunks, the recent ones most."""
        name = shown_statistic(session)
        if name:
            row = session.blocks[0].kernel.statistics.index(name)
            for chain, value in enumerate(np.concatenate([np.atleast_1d(block.state.stats[row]) for block in session.blocks])):
                self.smooth[chain] = value + 0.95 * (self.smooth.get(chain, value) - value)

    def _figure(self, session: Any, line: int) -> str:
        name = shown_statistic(session)
        if not name:
            return ""
        value = self.smooth[line] if len(self.tasks) == len(self.smooth) else np.mean(list(self.smooth.values()))
        return f"{name} {value:.3g}"

    def _open(self, report: Any) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        done = "{task.completed}/{task.total}" if report.steps else "{task.completed}"
        texts = (done, "{task.fields[rate]}", "{task.fields[figure]}")
        columns = (TextColumn("{task.description}"), BarColumn(), *map(TextColumn, texts), TimeRemainingColumn())
        self.bar = Bars(*columns, console=Console(stderr=not in_notebook()))
        chains = report.session.plan.chains
        names = [f"chain {k}" for k in range(chains)] if chains <= MOST_LINES else [f"{chains} chains"]
        self.tasks = [self.bar.add_task(name, total=report.steps or None, rate="", figure="") for name in names]
        self.bar.start()


def shown_statistic(session: Any) -> str:
    """Return the statistic worth showing, or an empty string."""
    names = getattr(session.blocks[0].kernel, "statistics", ())
    return next((name for name in ("acceptance_rate", "loss", "lp") if name in names), "")
