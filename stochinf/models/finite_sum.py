r"""A user's own finite sum as a problem to minimise: :math:`f(w) = \frac1n \sum_i f_i(w)`, by the value and gradient of a term.

The functions enter compiled code as `stochinf.models.function` lets a function in, with the number of the term behind the
last coordinate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import ObjectiveError, StochinfError
from stochinf.engine.jit import JIT, entry, user_function
from stochinf.engine.parts import part
from stochinf.models.batch import member, size_of
from stochinf.models.certificates import Certificate
from stochinf.models.function import Function

__all__ = ["FiniteSum", "FiniteSumTarget"]

Floats = npt.NDArray[np.float64]

EMPTY = np.empty(0)


class FiniteSum:
    """The mean of n functions of a position, to be minimised.

    Parameters
    ----------
    value : callable
        `value(w, i)` returns the i-th function at w, a number.
    gradient : callable
        `gradient(w, i)` returns its gradient, an array of shape (dim,).
    n, dim : int
        How many functions; length of a position.
    compiled : bool
        Compile both; numba functions are compiled in any case.

    Raises
    ------
    StochinfError
        If a function cannot be called, or n or dim is not positive.
    CompilationError
        If numba cannot compile a function.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> points = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]])
    >>> spread = si.FiniteSum(lambda w, i: 0.5 * ((w - points[i]) ** 2).sum(), lambda w, i: w - points[i], 3, 2)
    >>> si.minimize(spread, si.optim.SAGA(0.3), stop=si.stop.epochs(100), rng=0).x.round(6)
    array([2., 2.])
    """

    def __init__(
        self,
        value: Callable[[Floats, int], float],
        gradient: Callable[[Floats, int], Any],
        n: int,
        dim: int,
        *,
        compiled: bool = False,
    ) -> None:
        for name, given in (("value", value), ("gradient", gradient)):
            if not callable(given):
                raise StochinfError(f"FiniteSum: {name} = {given!r}; a function of a position and a number is needed")
        self.n, self.dim = counted("FiniteSum: n", n), counted("FiniteSum: dim", dim)
        self.value, self.gradient = value, gradient
        compiled = JIT and (compiled or hasattr(value, "py_func"))
        term, slope = _behind(value, gradient, compiled)
        self.term = Function(term, self.dim + 1, slope, compiled=compiled)

    def __repr__(self) -> str:
        return f"FiniteSum({getattr(self.value, '__name__', type(self.value).__name__)}, n={self.n}, dim={self.dim})"

    def as_target(self) -> FiniteSumTarget:
        """Return the part that compiled code works on."""
        return FiniteSumTarget(self.term.as_target(), self.n, self.dim)


def _behind(value: Any, gradient: Any, compiled: bool) -> tuple[Any, Any]:
    """Return both as functions of a position whose last coordinate is the number of the term."""
    if compiled:
        value, gradient = user_function(value), user_function(gradient)

    def term(z: Floats) -> float:
        return value(z[:-1], int(z[-1]))  # type: ignore[no-any-return]

    def slope(z: Floats) -> Floats:
        given = np.asarray(gradient(z[:-1], int(z[-1])))
        if given.size != z.size - 1:
            raise ValueError("gradient(w, i) must have the length of w")
        out = np.zeros(z.size)
        out[:-1] = given
        return out

    return term, slope


@entry
def write_whole(target: Any, position: Floats, out: Floats) -> float:
    """Write the gradient of the whole sum; return its value."""
    return float(target.whole(position, out))


@entry
def whole_value(target: Any, position: Floats) -> float:
    """Return the value of the whole sum."""
    return float(-target.log_density(position) / target.terms())


@part
class FiniteSumTarget(NamedTuple):
    """A finite sum as compiled code reads it; made by `FiniteSum.as_target`; the log density is -n f(w).

    Attributes
    ----------
    term : FunctionTarget
        Of dim + 1 coordinates, the last the number of the term.
    n, dim : int
    place, slope : ndarray of shape (dim + 1,)
        Work space.
    """

    term: Any
    n: int
    dim: int
    place: Floats = EMPTY
    slope: Floats = EMPTY

    def checked(self) -> FiniteSumTarget:
        """Make room to work in."""
        return self if self.place.size else self._replace(place=np.zeros(self.dim + 1), slope=np.zeros(self.dim + 1))

    def private(self) -> FiniteSumTarget:
        """Return the same sum for a block of its own."""
        return FiniteSumTarget(self.term.private(), self.n, self.dim)

    @property
    def n_points(self) -> int:
        """Number of terms."""
        return int(self.n)

    def terms(self) -> int:
        """Return the number of terms."""
        return self.n

    def lasso(self, j: int) -> float:
        """Return the l1 penalty of a coordinate: none."""
        return 0.0

    def start(self, generator: np.random.Generator) -> Floats:
        """Return zeros."""
        return np.zeros(self.dim)

    def goes_to(self, position: Floats, term: int) -> None:
        """Put position and term into one array."""
        for j in range(self.dim):
            self.place[j] = position[j]
        self.place[self.dim] = term

    def value(self, position: Floats, point: Any) -> float:
        """Return the mean of the terms of a point."""
        total = 0.0
        for k in range(size_of(point)):
            self.goes_to(position, member(point, k))
            total += self.term.value(self.place, 0)
        return total / size_of(point)

    def gradient(self, position: Floats, point: Any, out: Floats) -> None:
        """Write the mean gradient of the terms of a point."""
        for j in range(self.dim):
            out[j] = 0.0
        for k in range(size_of(point)):
            self.goes_to(position, member(point, k))
            self.term.gradient(self.place, 0, self.slope)
            for j in range(self.dim):
                out[j] += self.slope[j] / size_of(point)

    def whole(self, position: Floats, out: Floats) -> float:
        """Write the gradient of the whole; return its value."""
        total = 0.0
        for j in range(self.dim):
            out[j] = 0.0
        for term in range(self.n):
            self.goes_to(position, term)
            total += self.term.whole(self.place, self.slope)
            for j in range(self.dim):
                out[j] += self.slope[j] / self.n
        return total / self.n

    def log_density(self, position: Floats) -> float:
        """Return -n f(w)."""
        total = 0.0
        for term in range(self.n):
            self.goes_to(position, term)
            total += self.term.value(self.place, 0)
        return -total

    def objective(self, position: Floats) -> float:
        """Return the value of the whole, for Python.

        Raises
        ------
        ObjectiveError
            If a function met an error of its own.
        """
        value = whole_value(self, np.array(position, dtype=np.float64))
        self._demand_success()
        return float(value)

    def full_gradient(self, position: Floats) -> Floats:
        """Return the gradient of the whole, for Python.

        Raises
        ------
        ObjectiveError
            If a function met an error of its own.
        """
        out = np.empty(self.dim)
        write_whole(self, np.array(position, dtype=np.float64), out)
        self._demand_success()
        return out

    def certificate(self, position: Floats) -> Certificate:
        """Return the norm of the gradient."""
        norm = float(np.linalg.norm(self.full_gradient(position)))
        return Certificate("grad_norm", norm, np.inf, "norm of the gradient; nothing is known that bounds f - min f")

    def failure(self) -> BaseException | None:
        """Return the error that a function met, once; None if there is none."""
        error = self.term.failure()
        if not isinstance(error, ObjectiveError):
            return error  # type: ignore[no-any-return]
        return ObjectiveError(error.code, error.position[:-1], error.__cause__, int(error.position[-1]))

    def _demand_success(self) -> None:
        error = self.failure()
        if error is not None:
            raise error
