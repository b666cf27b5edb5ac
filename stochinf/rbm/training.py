"""Training on the engine: whole passes over the data, with a guard that keeps the last finite parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine import progress as progress_module
from stochinf.engine.driver import Controls, drive
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, Session, build
from stochinf.engine.stop import Rule
from stochinf.rbm.tapes import Passes

__all__ = ["Trained", "train"]

Singles = npt.NDArray[np.float32]


class Trained(NamedTuple):
    """What training leaves.

    Attributes
    ----------
    position : ndarray of shape (n_parameters,)
        The parameters, or the last ones that were finite.
    passes, steps : int
        Whole passes that led there, and minibatches.
    reason : str
        Why training ended early; empty where it did not.
    """

    position: Singles
    passes: int
    steps: int
    reason: str


class Guard:
    """Look at the parameters after every pass: keep a copy while they are finite, stop when they are not."""

    def __init__(self, session: Session) -> None:
        self.steps = session.steps_per_epoch
        self.good = session.positions()[0]
        self.passes = 0

    def rule(self) -> Rule:
        """Return the stopping rule; it looks at steps that the data alone decide."""
        return Rule(self.look, lambda view: (view.step // self.steps + 1) * self.steps, lambda view: view.step % self.steps == 0)

    def look(self, session: Session) -> str:
        """Return why to stop, or an empty string."""
        position = session.positions()[0]
        if not np.isfinite(position).all():
            return f"the parameters are no longer finite after pass {session.step // self.steps}"
        self.good, self.passes = position, session.step // self.steps
        return ""


def train(
    kernel: Any, target: Any, start: npt.NDArray[Any] | None, *, batch: int, passes: int, entropy: int, progress: bool | None
) -> Trained:
    """Train for some passes from `start` (None: the kernel's choice).

    Parameters
    ----------
    kernel, target : parts
    start : ndarray of shape (n_parameters,), optional
    batch : int
        Largest minibatch.
    passes : int
    entropy : int
        From which every stream is made.
    progress : bool, optional
        As in `stochinf.run`.
    """
    plan = Plan(kernel, target, Passes(batch), None, Nothing(), start, 1, 0, 1, False, entropy)
    session = build(plan, 1)
    guard = Guard(session)
    drive(session, passes * guard.steps, Controls(stop=guard.rule(), progress=progress_module.shown(progress)))
    done = session.step
    if session.interrupted:
        position = session.positions()[0]
        if np.isfinite(position).all():
            return Trained(position, done // guard.steps, done, f"interrupted in pass {done // guard.steps + 1}")
    finished = guard.passes == passes
    return Trained(guard.good, guard.passes, guard.passes * guard.steps, "" if finished else session.reason)
