"""The path of a rule: for proofs that it equals another library's, and for pictures."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import advance
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import JIT
from stochinf.engine.observers import Draws
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.session import Plan, Session, build
from stochinf.models.behind_pointer import CompiledGradient
from stochinf.models.function import Function, FunctionTarget
from stochinf.optim.contract import check_transform
from stochinf.optim.starting import precision

__all__ = ["GradientTape", "trajectory"]

Floats = npt.NDArray[Any]

STRETCH = 65_536
"""Steps between two looks for an error of the function's."""

_COMPILED: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
"""What compiled functions became behind their C pointers, so that a second path of one begins at once."""


@part
class GradientTape(NamedTuple):
    """A target whose gradient at point t is row t, wherever the position; without rows, what a function gives at the position.

    Attributes
    ----------
    rows : ndarray of shape (steps, dim), or (0, dim)
    asked : FunctionTarget
        The function; nothing calls it where there are rows.
    place, slope : ndarray of shape (dim,)
        What the function is handed, and writes.
    """

    rows: npt.NDArray[np.float64]
    asked: Any
    place: npt.NDArray[np.float64]
    slope: npt.NDArray[np.float64]

    @property
    def dim(self) -> int:
        """Numbers of a position."""
        return int(self.rows.shape[1])

    @property
    def n_points(self) -> int:
        """Number of gradients; 1 where a function gives them."""
        return max(int(self.rows.shape[0]), 1)

    def gradient(self, position: Floats, point: Any, out: Floats) -> None:
        """Write a row, or what the function gives."""
        if self.rows.shape[0] > 0:
            for j in range(out.size):
                out[j] = self.rows[point, j]
        else:
            for j in range(out.size):
                self.place[j] = position[j]
            self.asked.gradient(self.place, point, self.slope)
            for j in range(out.size):
                out[j] = self.slope[j]


def trajectory(
    rule: Any,
    x0: npt.ArrayLike,
    gradient: Callable[[Floats], Any] | npt.ArrayLike,
    steps: int | None = None,
    schedule: Any = None,
) -> Floats:
    """Return the positions of a rule after each step.

    The compiled loop does the steps, and calls a function of the position from there: a numba function without Python. Where a
    rule takes its gradient at another place than the position (`Nesterov(convention="textbook")`), the function is called there.

    Parameters
    ----------
    rule : rule
        Of gradients, for example `stochinf.optim.Adam(0.01)`; or transforms with a rate, `chain(clip(1.0), Momentum(0.1))`.
    x0 : array-like of shape (dim,)
        Where to start; a float32 array makes all steps float32.
    gradient : callable or array-like of shape (steps, dim)
        The gradient at a position, in plain Python or compiled by numba; or the gradients of the steps, whatever the position.
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
        If the rule is none of gradients, its learning rate is open and would come from data, the shapes do not fit, or the
        function raises an error, which becomes the cause.

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
        rows, count = np.zeros((0, start.size)), counted("steps", steps)
    else:
        rows, count = _rows(gradient, start.size, steps)
    target = GradientTape(rows, _asked(gradient, start.size), np.zeros(start.size), np.zeros(start.size))
    return _path(_session(rule, start, target, schedule, count), count).astype(start.dtype, copy=False)


def _rows(gradient: npt.ArrayLike, dim: int, steps: int | None) -> tuple[npt.NDArray[np.float64], int]:
    rows = np.asarray(gradient, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != dim or not rows.size:
        raise StochinfError(f"trajectory: gradients of shape {rows.shape}; (steps, {dim}) is needed")
    count = rows.shape[0] if steps is None else counted("steps", steps)
    if count > rows.shape[0]:
        raise StochinfError(f"trajectory: {count} steps, and {rows.shape[0]} gradients")
    return rows, count


def _start(x0: npt.ArrayLike) -> Floats:
    given = np.asarray(x0)
    if given.dtype.kind not in "biuf" or given.ndim > 1 or not given.size:
        raise StochinfError(f"trajectory: x0 of shape {given.shape} and type {given.dtype}; numbers of shape (dim,) are needed")
    return np.atleast_1d(given).astype(precision(given))


def _session(rule: Any, start: Floats, target: GradientTape, schedule: Any, capacity: int) -> Session:
    from stochinf.optim.sgd import SGD

    if not hasattr(rule, "as_transform"):
        check_transform("trajectory", rule)
        rule = SGD(transform=rule)
    plan = Plan(rule, target, Scan(target.n_points), schedule, Draws(), start, 1, 0, 1, False, 0)
    return build(plan, capacity)


def _path(session: Session, steps: int) -> Floats:
    """Do the steps, some at a time since a function that failed fails on; return the positions after each."""
    block = session.blocks[0]
    while block.step < steps:
        advance(block, min(STRETCH, steps - block.step))
        error = block.target.asked.failure()
        if error is not None:
            raise error if error.__cause__ is None else error.__cause__
    kept: Floats = block.observer.values
    return kept


def _asked(gradient: Any, dim: int) -> FunctionTarget:
    """Return the function as compiled code calls it; where there are rows, one that is never called."""
    if not callable(gradient):
        return Function(_nothing, dim).as_target()
    if JIT and hasattr(gradient, "py_func"):
        if gradient not in _COMPILED:
            _COMPILED[gradient] = CompiledGradient(gradient)
        return Function(_COMPILED[gradient], dim, True).as_target()

    def checked(place: Floats) -> Floats:
        try:
            values = np.asarray(gradient(place), dtype=np.float64)
        except ArithmeticError as error:
            raise StochinfError(f"trajectory: the gradient at {place} raised {type(error).__name__}: {error}") from error
        if values.shape != place.shape:
            raise StochinfError(f"trajectory: the function returned a gradient of shape {values.shape}; {place.shape} is needed")
        return values

    return Function(_nothing, dim, checked).as_target()


def _nothing(place: Floats) -> float:
    return 0.0
