"""The path of a rule: for proofs that it equals another library's, and for pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import advance
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Draws
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.session import Plan, Session, build
from stochinf.optim.contract import check_transform
from stochinf.optim.starting import precision

__all__ = ["GradientTape", "trajectory"]

Floats = npt.NDArray[Any]


@part
class GradientTape(NamedTuple):
    """A target whose gradient at point t is row t, wherever the position.

    Attributes
    ----------
    rows : ndarray of shape (steps, dim)
    """

    rows: npt.NDArray[Any]

    @property
    def dim(self) -> int:
        """Numbers of a position."""
        return int(self.rows.shape[1])

    @property
    def n_points(self) -> int:
        """Number of gradients."""
        return int(self.rows.shape[0])

    def gradient(self, position: Floats, point: Any, out: Floats) -> None:
        """Write a row."""
        for j in range(out.size):
            out[j] = self.rows[point, j]


def trajectory(
    rule: Any,
    x0: npt.ArrayLike,
    gradient: Callable[[Floats], Any] | npt.ArrayLike,
    steps: int | None = None,
    schedule: Any = None,
) -> Floats:
    """Return the positions of a rule after each step.

    The compiled loop does the steps; a function of the position is called between them. Where a rule takes its gradient at
    another place than the position (`Nesterov(convention="textbook")`), the function is called there.

    Parameters
    ----------
    rule : rule
        Of gradients, for example `stochinf.optim.Adam(0.01)`; or transforms with a rate, `chain(clip(1.0), Momentum(0.1))`.
    x0 : array-like of shape (dim,)
        Where to start; a float32 array makes all steps float32.
    gradient : callable or array-like of shape (steps, dim)
        The gradient at a position, or the gradients of the steps, whatever the position.
    steps : int, optional
        How many; by default as many as there are gradients.
    schedule : number or schedule, optional
        A factor of the rule's learning rate.

    Returns
    -------
    ndarray of shape (steps, dim)
        Row t is the position after step t + 1.

    Raises
    ------
    StochinfError
        If the rule is none of gradients, its learning rate is open and would come from data, or the shapes do not fit.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.trajectory(si.optim.SGD(0.5), [4.0, 2.0], lambda x: x, steps=2)
    array([[2. , 1. ],
           [1. , 0.5]])
    """
    start = _start(x0)
    if callable(gradient):
        if steps is None:
            raise StochinfError("trajectory: give steps, how many are to be done")
        return _called(_session(rule, start, np.zeros((1, start.size)), schedule, 1), gradient, counted("steps", steps))
    rows = np.asarray(gradient, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != start.size or not rows.size:
        raise StochinfError(f"trajectory: gradients of shape {rows.shape}; (steps, {start.size}) is needed")
    count = rows.shape[0] if steps is None else counted("steps", steps)
    if count > rows.shape[0]:
        raise StochinfError(f"trajectory: {count} steps, and {rows.shape[0]} gradients")
    session = _session(rule, start, rows, schedule, count)
    advance(session.blocks[0], count)
    path: Floats = session.draws()[0][0].astype(start.dtype)
    return path


def _start(x0: npt.ArrayLike) -> Floats:
    given = np.asarray(x0)
    if given.dtype.kind not in "biuf" or given.ndim > 1 or not given.size:
        raise StochinfError(f"trajectory: x0 of shape {given.shape} and type {given.dtype}; numbers of shape (dim,) are needed")
    return np.atleast_1d(given).astype(precision(given))


def _session(rule: Any, start: Floats, rows: Floats, schedule: Any, capacity: int) -> Session:
    from stochinf.optim.sgd import SGD

    if not hasattr(rule, "as_transform"):
        check_transform("trajectory", rule)
        rule = SGD(transform=rule)
    plan = Plan(rule, GradientTape(rows), Scan(rows.shape[0]), schedule, Draws(), start, 1, 0, 1, False, 0)
    return build(plan, capacity)


def _called(session: Session, gradient: Callable[[Floats], Any], steps: int) -> Floats:
    block = session.blocks[0]
    path = np.empty((steps, block.target.dim), block.state.position.dtype)
    for step in range(steps):
        place = block.state.position.copy()
        block.kernel.transform.look(place, block.state.memory)
        block.target.rows[0] = _checked(gradient(place), place.shape)
        block.observer.seen[0] = 0
        advance(block, 1)
        path[step] = block.state.position
    return path


def _checked(gradient: Any, shape: tuple[int, ...]) -> Floats:
    values = np.asarray(gradient, dtype=np.float64)
    if values.shape != shape:
        raise StochinfError(f"trajectory: the function returned a gradient of shape {values.shape}; {shape} is needed")
    return values
