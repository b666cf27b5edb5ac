"""Training on the engine: whole passes over the data, with a guard that keeps the last good parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine import progress as progress_module
from stochinf.engine.block import Block
from stochinf.engine.checkpoint import Arrays, arrays_of, with_arrays
from stochinf.engine.driver import Controls, drive
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, Session, build
from stochinf.engine.stop import Rule
from stochinf.rbm.tapes import Passes

__all__ = ["Carry", "Trained", "train"]

Singles = npt.NDArray[np.float32]
LEARNT = ("position", "offsets", "words", "chains", "memory")
"""What of the state outlasts a step; the rest is work space."""
TAPES = ("picker", "schedule", "picker_rng", "kernel_rng")
LARGEST = 1e4
"""Weights beyond this are no longer learning, whatever the data."""


class Carry(NamedTuple):
    """What training goes on with.

    Attributes
    ----------
    arrays : dict of arrays
        Of the state and of the tapes, by place.
    step : int
        Minibatches done.
    """

    arrays: Arrays
    step: int


class Trained(NamedTuple):
    """What training leaves.

    Attributes
    ----------
    position : ndarray of shape (n_parameters,)
        The parameters, or the last good ones.
    passes, steps : int
        Whole passes that led there, and minibatches.
    reason : str
        Why training ended early; empty where it did not.
    carry : Carry or None
        None where training ended early.
    """

    position: Singles
    passes: int
    steps: int
    reason: str
    carry: Carry | None


class Guard:
    """Look at the parameters after every pass: keep a copy while they are good, stop when they are not; let a monitor look."""

    def __init__(self, session: Session, weights: int, monitor: Any) -> None:
        self.steps, self.weights, self.monitor = session.steps_per_epoch, weights, monitor
        self.good = session.positions()[0]
        self.passes = session.step // self.steps

    def rule(self) -> Rule:
        """Return the stopping rule; it looks at steps that the data alone decide."""
        return Rule(self.look, lambda view: (view.step // self.steps + 1) * self.steps, lambda view: view.step % self.steps == 0)

    def wrong(self, position: Singles) -> str:
        """Return what is wrong with parameters, or an empty string."""
        if not np.isfinite(position).all():
            return "the parameters are no longer finite"
        largest = float(np.abs(position[: self.weights]).max())
        return f"weights have grown to {largest:.3g}" if largest > LARGEST else ""

    def look(self, session: Session) -> str:
        """Return why to stop, or an empty string."""
        position, passes = session.positions()[0], session.step // self.steps
        wrong = self.wrong(position)
        if wrong:
            return f"{wrong} after pass {passes}"
        if self.monitor is not None:
            self.monitor.look(session.blocks[0].state, self.good, passes)
        self.good, self.passes = position, passes
        return ""


def carried(block: Block) -> Carry:
    """Return copies of what a block goes on with."""
    arrays: Arrays = {}
    for name in LEARNT:
        arrays.update(arrays_of(getattr(block.state, name), f"state.{name}"))
    for name in TAPES:
        arrays.update(arrays_of(getattr(block, name), name))
    return Carry({place: np.array(value) for place, value in arrays.items()}, block.step)


def put_back(block: Block, carry: Carry, start: Singles | None, tapes: bool) -> None:
    """Let a block go on from what was carried: all of it, or with new tapes and parameters that were given.

    Raises
    ------
    CheckpointError
        If an array has another shape: other data or other settings.
    """
    copies = {place: np.array(value) for place, value in carry.arrays.items()}
    names = LEARNT if start is None else LEARNT[1:]
    block.state = block.state._replace(
        **{name: with_arrays(getattr(block.state, name), copies, f"state.{name}") for name in names}
    )
    if tapes:
        for name in TAPES:
            setattr(block, name, with_arrays(getattr(block, name), copies, name))
        block.step = carry.step


def train(
    kernel: Any,
    target: Any,
    start: npt.NDArray[Any] | None,
    *,
    batch: int,
    passes: int,
    entropy: int,
    progress: bool | None,
    carry: Carry | None = None,
    monitor: Any = None,
) -> Trained:
    """Train for some passes, in all, from `start` (None: the kernel's choice) or from where training stood.

    Parameters
    ----------
    kernel, target : parts
    start : ndarray of shape (n_parameters,), optional
    batch : int
        Largest minibatch.
    passes : int
        Those before `carry` included, where there is no `start`.
    entropy : int
        From which every stream is made.
    progress : bool, optional
        As in `stochinf.run`.
    carry : Carry, optional
        What to go on with; with a `start` on a new tape.
    monitor : object with look(state, before, passes), optional
    """
    plan = Plan(kernel, target, Passes(batch), None, Nothing(), start, 1, 0, 1, False, entropy)
    session = build(plan, 1)
    block = session.blocks[0]
    if carry is not None:
        put_back(block, carry, start, tapes=start is None)
    guard = Guard(session, target.n_visible * kernel.n_hidden, monitor)
    drive(session, passes * guard.steps, Controls(stop=guard.rule(), progress=progress_module.shown(progress)))
    done = session.step
    if session.interrupted:
        position = session.positions()[0]
        if not guard.wrong(position):
            return Trained(position, done // guard.steps, done, f"interrupted in pass {done // guard.steps + 1}", carried(block))
    finished = guard.passes == passes
    reason = "" if finished else session.reason
    return Trained(guard.good, guard.passes, guard.passes * guard.steps, reason, carried(block) if finished else None)
