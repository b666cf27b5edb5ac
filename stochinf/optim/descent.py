r"""Descent: the kernel of every optimiser that a transform of the gradient defines.

.. math:: w \leftarrow w - \eta_t \, T(g(w))

The rules (`SGD`, `Adam`, ...) are names for transforms with their numbers; `descent` makes the kernel of a rule on a target: the
general one, or a faster one where the model allows it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled
from stochinf.models.batch import size_of
from stochinf.optim.contract import Move, in_precision, seeded
from stochinf.optim.glider import GlidingDescent, pays
from stochinf.optim.gliding import gliding
from stochinf.optim.lazy import LazyDescent
from stochinf.optim.linear import LinearSGD
from stochinf.optim.starting import starting_point
from stochinf.optim.transforms import Identity, complete, leaves

__all__ = ["Descent", "DescentState", "descent"]

Floats = npt.NDArray[Any]


class DescentState(NamedTuple):
    """The state of one chain.

    Attributes
    ----------
    position, gradient : ndarray of shape (dim,)
        float64, or float32 where the start was.
    memory : NamedTuple of arrays
        What the transform remembers.
    stats : ndarray of shape (1,)
        The learning rate of the last step.
    """

    position: Floats
    gradient: Floats
    memory: Any
    stats: npt.NDArray[np.float64]


@part(needs=("gradient",), yields="optimum", rate_field="learning_rate", statistics=("learning_rate",))
class Descent(NamedTuple):
    """What a rule becomes on a target: steps against the transformed gradient.

    Parameters
    ----------
    learning_rate : float or schedule
    transform : part
        With `look` and `direct`; see `stochinf.optim.contract`.
    """

    learning_rate: Any
    transform: Any

    def pick(self, target: Any) -> Shuffled:
        """Visit every point once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> DescentState:
        """Return the state at a starting point."""
        start = starting_point("SGD", target, position, streams)
        memory = seeded(in_precision(self.transform.init(start.size), start.size, start.dtype), streams)
        return DescentState(start, np.zeros_like(start), memory, np.zeros(1))

    def update(self, target: Any, state: DescentState, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Take the gradient, turn it into a direction, move."""
        self.transform.look(state.position, state.memory)
        target.gradient(state.position, point, state.gradient)
        self.transform.descend(state.position, state.gradient, state.memory, Move(rate, size_of(point)))
        state.stats[0] = rate


def descent(rate: Any, transform: Any, target: Any, asker: str = "SGD") -> Any:
    """Return the kernel of a transform on a target: the fastest that does the same.

    Parameters
    ----------
    rate : float or schedule
    transform : part
    target : part
    asker : str
        The rule's name, for messages.

    Returns
    -------
    Descent, GlidingDescent, LazyDescent or LinearSGD

    Raises
    ------
    StochinfError
        If the target has an l1 penalty.
    """
    if getattr(target, "l1", 0.0) > 0:
        raise StochinfError(
            f"{asker}: l1 = {target.l1:g}, a penalty without a gradient; take a rule made for it, such as"
            " stochinf.optim.CoordinateDescent() or SAGA()"
        )
    whole = complete(transform)
    if getattr(target, "linear", False) and hasattr(target, "design"):
        plain = not target.l2 or getattr(target, "penalised", target.dim) == target.dim
        if plain and all(isinstance(leaf, Identity) for leaf in leaves(transform)):
            return LinearSGD(rate)
        if target.sparse and not target.l2 and getattr(whole, "lazy", False):
            return LazyDescent(rate, whole)
        if target.sparse and not target.l2 and pays(target):
            glides = gliding(transform)
            if glides is not None:
                return GlidingDescent(rate, glides)
    return Descent(rate, whole)
