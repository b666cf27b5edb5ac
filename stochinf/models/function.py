r"""A user's own function as a problem to minimise: compiled, plain Python, or behind a C pointer.

Whatever it is, it enters compiled code by an address, as densities do (`stochinf.density.pointer`), so that every rule is
compiled once for all functions:

    int32 f(int64 n, float64* x, float64* gradient_or_null, float64* value, void* data)

returns 0 for success and 1 where the function is not defined (NaN, a domain error), which counts as +infinity: a point that no
method prefers. Anything else is an error of the function's own and ends the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.density.calling import differentiate, evaluate, slope_only
from stochinf.engine.convert import counted
from stochinf.engine.errors import ObjectiveError, StochinfError
from stochinf.engine.parts import part
from stochinf.models.behind_pointer import behind_pointer

__all__ = ["Function", "FunctionTarget"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

EMPTY = np.empty(0)
NO_CODE = np.empty(0, np.int64)


class Function:
    """A function of a position, to be minimised.

    Parameters
    ----------
    f : callable
        Takes an array of shape (dim,), returns a number. Plain Python; or compiled: a numba function, a `numba.cfunc` of
        `stochinf.density.SIGNATURE`, or a `Foreign` that holds the address of one. NaN, an ArithmeticError, a domain error of
        module `math` and a `numpy.linalg.LinAlgError` mean that the function is not defined there, which counts as +infinity;
        any other error ends the run.
    dim : int
        Length of a position.
    gradient : callable, optional
        The gradient, an array of shape (dim,), for rules that need one. A `numba.cfunc` writes its own: give True.
    compiled : bool
        Compile f and the gradient with numba; a numba function is compiled in any case.
    bounds : (low, high), optional
        Numbers or arrays of shape (dim,); infinite where there is no bound.
    region : (low, high), optional
        Where the optimum is expected: searches begin there, and may leave it. By default the bounds.
    data : int
        Address handed to a `numba.cfunc`; keep what lies there alive.

    Attributes
    ----------
    n_points : int
        1: there are no rows to choose among.

    Raises
    ------
    StochinfError
        If f or the gradient cannot be called, dim is not positive, or the bounds leave no room.
    CompilationError
        If numba cannot compile f.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> bowl = si.Function(lambda x: float((x - 1.0) @ (x - 1.0)), 2, gradient=lambda x: 2.0 * (x - 1.0))
    >>> target = bowl.as_target()
    >>> target.objective(np.zeros(2)), target.full_gradient(np.zeros(2))
    (2.0, array([-2., -2.]))
    """

    def __init__(
        self,
        f: Callable[[Floats], float],
        dim: int,
        gradient: Any = None,
        *,
        compiled: bool = False,
        bounds: tuple[Any, Any] | None = None,
        region: tuple[Any, Any] | None = None,
        data: int = 0,
    ) -> None:
        self.f, self.dim, self.gradient = f, counted("Function: dim", dim), gradient
        self.low, self.high = _box("bounds", bounds, self.dim)
        self.near, self.far = _box("region", region, self.dim)
        self.data, self.n_points = data, 1
        self.pointer = behind_pointer(f, gradient, compiled)
        self.differentiable = gradient is not None and gradient is not False

    def __repr__(self) -> str:
        name = getattr(self.f, "__name__", type(self.f).__name__)
        return f"Function({name}, dim={self.dim}{', with its gradient' if self.differentiable else ''})"

    def as_target(self) -> FunctionTarget:
        """Return the part that compiled code works on."""
        return FunctionTarget(
            self.pointer, self.dim, self.low, self.high, self.near, self.far, self.data, self.differentiable,
            getattr(self.pointer, "sparing", False),
        )  # fmt: skip

    def __call__(self, x: npt.ArrayLike) -> float:
        """Return the value at a position."""
        return self.as_target().objective(np.array(x, dtype=np.float64))


@part
class FunctionTarget(NamedTuple):
    """A function behind a C pointer, its box, and the first error that it met.

    Attributes
    ----------
    function : numba cfunc of `stochinf.density.SIGNATURE`, or Foreign
    dim : int
    low, high : ndarray of shape (dim,)
        The box; infinite where there is no bound.
    near, far : ndarray of shape (dim,)
        Where searches begin; infinite where nothing is said.
    data : int
        What the function is handed: an address, or a ticket.
    differentiable : bool
        Whether the function writes a gradient.
    sparing : bool
        Whether it may be asked for the gradient alone.
    code, culprit : ndarray
        The first code that was an error, and its position.
    """

    function: Any
    dim: int
    low: Floats
    high: Floats
    near: Floats
    far: Floats
    data: int = 0
    differentiable: bool = False
    sparing: bool = False
    code: Integers = NO_CODE
    culprit: Floats = EMPTY

    def checked(self) -> FunctionTarget:
        """Make room for an error."""
        return self if self.code.size else self.private()

    def private(self) -> FunctionTarget:
        """Return the same function for a block of its own: errors are noted by block."""
        data = self.function.ticket() if hasattr(self.function, "ticket") else self.data
        return FunctionTarget(
            self.function, self.dim, self.low, self.high, self.near, self.far, data, bool(self.differentiable),
            bool(self.sparing), np.zeros(1, np.int64), np.zeros(self.dim),
        )  # fmt: skip

    @property
    def n_points(self) -> int:
        """One: there are no rows to choose among."""
        return 1

    @property
    def region(self) -> tuple[Floats, Floats]:
        """Where searches begin, inside the box."""
        return np.maximum(self.near, self.low), np.minimum(self.far, self.high)

    def offers(self, oracle: str) -> bool:
        """Whether the function serves for an oracle."""
        return bool(self.differentiable) or oracle not in ("gradient", "whole")

    def start(self, generator: np.random.Generator) -> Floats:
        """Return a point uniform in the region; where that has no end, zero or what of the box is nearest to it."""
        near, far = self.region
        ended = np.isfinite(near) & np.isfinite(far)
        draw = generator.random(self.dim)
        point = np.asarray(np.clip(0.0, near, far))
        point[ended] = near[ended] + draw[ended] * (far - near)[ended]
        return point

    def value(self, position: Floats, point: int) -> float:
        """Return the value, +infinity where the function is not defined."""
        code, value = evaluate(self.function, position, self.data)
        return value if code == 0 else self.note(code, position, math.inf)

    def gradient(self, position: Floats, point: int, out: Floats) -> None:
        """Write the gradient, NaN where the function is not defined."""
        if self.sparing:
            code = slope_only(self.function, position, out, self.data)
        else:
            code, _ = differentiate(self.function, position, out, self.data)
        if code != 0:
            self.note(code, position, math.nan)
            for i in range(out.size):
                out[i] = math.nan

    def whole(self, position: Floats, out: Floats) -> float:
        """Write the gradient; return the value, +infinity where the function is not defined."""
        code, value = differentiate(self.function, position, out, self.data)
        return value if code == 0 else self.note(code, position, math.inf)

    def note(self, code: int, position: Floats, instead: float) -> float:
        """Note the first error of the function's own; return what stands for its value."""
        if code != 1 and self.code[0] == 0:
            self.code[0] = code
            for i in range(position.size):
                self.culprit[i] = position[i]
        return instead

    def objective(self, position: Floats) -> float:
        """Return the value, for Python.

        Raises
        ------
        ObjectiveError
            If the function met an error of its own.
        """
        value = float(self.value(position, 0))
        error = self.failure()
        if error is not None:
            raise error
        return value

    def full_gradient(self, position: Floats) -> Floats | None:
        """Return the gradient, for Python; None where there is none.

        Raises
        ------
        ObjectiveError
            If the function met an error of its own.
        """
        if not self.differentiable:
            return None
        slope = np.empty(self.dim)
        self.gradient(position, 0, slope)
        error = self.failure()
        if error is not None:
            raise error
        return slope

    def failure(self) -> BaseException | None:
        """Return the error that the function met, once; None if there is none."""
        if self.code[0] == 0:
            return None
        code, culprit = int(self.code[0]), np.array(self.culprit)
        self.code[0] = 0
        raised = self.function.error(self.data, culprit) if hasattr(self.function, "error") else None
        if raised is not None and not isinstance(raised, Exception):
            return raised  # type: ignore[no-any-return]  # the user's Ctrl-C
        return ObjectiveError(code, culprit, raised)


def _box(name: str, bounds: Any, dim: int) -> tuple[Floats, Floats]:
    """Return the lower and the upper bound of every coordinate."""
    try:
        low, high = (-np.inf, np.inf) if bounds is None else bounds
        sides = [np.array(np.broadcast_to(np.asarray(side, dtype=np.float64), (dim,))) for side in (low, high)]
    except (TypeError, ValueError) as error:
        raise StochinfError(
            f"Function: {name} = {bounds!r}; (low, high) is needed, numbers or arrays of shape ({dim},)"
        ) from error
    if not (sides[0] < sides[1]).all():
        raise StochinfError(f"Function: {name} = {bounds!r}; every lower bound lies below its upper one")
    return sides[0], sides[1]
