"""Densities in plain Python, behind the same C pointer as compiled ones."""

from __future__ import annotations

import ctypes
import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.density.calling import C_TYPE
from stochinf.density.pointer import Foreign, PointerDensity
from stochinf.engine.errors import StochinfError

__all__ = ["python_density"]

Floats = npt.NDArray[np.float64]

UNDEFINED = re.compile(
    "math (domain|range) error|expected (a (positive|nonnegative|finite|noninteger|number)|argument value).* got "
)
"""How the ValueErrors begin that module math raises where a function is not defined; Python 3.14 words them anew."""

RAISED = 2
"""The code of a function that raised."""


def python_density(
    function: Callable[[Floats], float], dim: int, gradient: Callable[[Floats], Any] | None = None
) -> PointerDensity:
    """Return a target from a plain Python function of a position, uncompiled.

    Each call enters Python and takes the interpreter's lock, so threads do not help.

    A value that is NaN or +infinity is a rejection, and counted; so is an ArithmeticError, a domain error of module `math` and
    a `numpy.linalg.LinAlgError` (a matrix that is not positive definite): the position lies where the density is not defined.
    -infinity is a density of zero. Anything else that the function raises, or a value that is no number, stops the run with a
    `DensityError` made from it.

    Parameters
    ----------
    function : callable
        Log density, unnormalised, of an array of shape (dim,).
    dim : int
        Length of a position.
    gradient : callable, optional
        Gradient of `function`, an array of shape (dim,), for samplers that need one.

    Returns
    -------
    PointerDensity
        A target for `stochinf.sample`.

    Raises
    ------
    StochinfError
        If one of the functions cannot be called, or dim is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.density import python_density
    >>> normal = python_density(lambda x: -0.5 * float(x @ x), dim=2, gradient=lambda x: -x)
    >>> slope = np.empty(2)
    >>> normal.log_density_gradient(np.array([1.0, 2.0]), slope), slope
    (-2.5, array([-1., -2.]))
    """
    for name, given in (("density", function), ("gradient", gradient)):
        if not callable(given) and (name, given) != ("gradient", None):
            raise StochinfError(f"{name} {given!r}: a function of a position is needed")
    return PointerDensity(PythonFunction(function, gradient), dim, differentiable=gradient is not None)


class PythonFunction(Foreign):
    """A Python function behind a C pointer.

    Attributes
    ----------
    raised : dict
        What the function raised first, by the ticket of the chains that called it.
    """

    def __init__(self, function: Callable[[Floats], float], gradient: Callable[[Floats], Any] | None) -> None:
        self.function, self.gradient = function, gradient
        self.raised: dict[int, BaseException] = {}
        self.tickets = itertools.count(1)
        callback = C_TYPE(self.call)
        super().__init__(ctypes.cast(callback, ctypes.c_void_p).value or 0, callback)

    def ticket(self) -> int:
        """Return a number for chains that run apart from others; it takes the place of an address of data."""
        return next(self.tickets)

    def cause(self, ticket: int, position: Floats) -> BaseException | None:
        """Return what the function raised first in the chains of a ticket."""
        return self.raised.pop(ticket, None)

    def call(self, n: int, x: Any, gradient: Any, out: Any, ticket: int | None) -> int:
        """Evaluate both functions; return the code of what came of it."""
        try:
            position = np.ctypeslib.as_array(x, (n,)).copy()
            out[0] = float(self.function(position))
            if gradient and self.gradient is not None:
                np.ctypeslib.as_array(gradient, (n,))[:] = self.gradient(position)
        except BaseException as error:
            if undefined(error):
                return 1
            self.raised.setdefault(ticket or 0, error)
            return RAISED
        return 0 if math.isfinite(out[0]) or out[0] == -math.inf else 1


def undefined(error: BaseException) -> bool:
    """Whether an exception says that a function is not defined at a position."""
    if isinstance(error, (ArithmeticError, np.linalg.LinAlgError)):
        return True
    return type(error) is ValueError and UNDEFINED.match(str(error)) is not None
