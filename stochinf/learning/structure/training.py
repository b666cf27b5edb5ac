"""Learning a Potts model on the engine: when to stop, and a guard that keeps the last good parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine import progress as progress_module
from stochinf.engine.driver import Controls, Report, drive
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, Session, build
from stochinf.engine.stop import Rule
from stochinf.learning.structure.potts_learning import PairShares, PottsContrastive
from stochinf.learning.structure.shares import connected, pearson

__all__ = ["Trained", "train"]

EVERY = 10
LARGEST = 100.0
"""Couplings beyond this are no longer learning, whatever the data."""


class Trained(NamedTuple):
    """What training leaves.

    Attributes
    ----------
    position : ndarray
        The parameters, or the last good ones.
    states : ndarray of shape (chains, L)
        The persistent chains.
    steps : int
    reason : str
        Why training ended.
    converged, failed : bool
        Whether the correlation was reached, and whether the parameters ran away.
    history : dict of lists
    """

    position: npt.NDArray[np.float32]
    states: npt.NDArray[np.uint8]
    steps: int
    reason: str
    converged: bool
    failed: bool
    history: dict[str, list[float]]


class Watch:
    """Compare the chains with the data every few steps; `history` maps names to lists."""

    def __init__(self, target: PairShares, wanted: float, session: Session) -> None:
        self.wanted, self.q = wanted, target.n_states
        self.data = connected(target.pairs, self.q)
        self.single = np.asarray(target.single, dtype=np.float64)
        self.good = session.positions()[0].copy()
        self.failed = self.converged = False
        self.history: dict[str, list[float]] = {"step": [], "pearson": [], "slope": [], "gradient_rms": [], "largest": []}

    def rule(self) -> Rule:
        """Return the stopping rule."""
        return Rule(self.look, lambda view: (view.step // EVERY + 1) * EVERY, lambda view: view.step % EVERY == 0)

    def look(self, session: Any) -> str:
        """Return why to stop, or an empty string."""
        state = session.blocks[0].state
        largest = float(np.abs(state.position).max())
        if not math.isfinite(largest) or largest > LARGEST:
            self.failed = True
            return f"couplings or biases have grown to {largest:.3g} after {session.step} steps"
        np.copyto(self.good, state.position)
        model = connected(state.pairs, self.q)
        found = pearson(self.data, model)
        slope = float(self.data @ model) / max(float(self.data @ self.data), 1e-300)
        numbers = (session.step, found, slope, float(state.stats[0]), largest)
        for name, value in zip(self.history, numbers, strict=True):
            self.history[name].append(value)
        self.converged = found >= self.wanted
        return f"Pearson correlation {found:.4f} of data and chains after {session.step} steps" if self.converged else ""


def train(
    kernel: PottsContrastive,
    target: PairShares,
    *,
    start: npt.NDArray[Any] | None,
    wanted: float,
    most: int,
    entropy: int,
    progress: bool | None,
    callback: Callable[[Report], Any] | None,
) -> Trained:
    """Learn until the connected shares of pairs in the chains correlate with those of the data, or for `most` steps.

    Parameters
    ----------
    kernel, target : parts
    start : ndarray, optional
        Parameters.
    wanted : float
        The correlation.
    most : int
        Steps.
    entropy : int
        From which every stream is made.
    progress, callback
        As in `stochinf.run`.
    """
    session = build(Plan(kernel, target, None, None, Nothing(), start, 1, 0, 1, False, entropy), 0)
    watch = Watch(target, wanted, session)
    drive(session, most, Controls(stop=watch.rule(), progress=progress_module.shown(progress), callback=callback))
    state = session.blocks[0].state
    position = watch.good if watch.failed or not np.isfinite(state.position).all() else state.position
    return Trained(
        position.copy(),
        np.concatenate(list(state.states), axis=1).T,
        session.step,
        session.reason,
        watch.converged,
        watch.failed,
        watch.history,
    )
