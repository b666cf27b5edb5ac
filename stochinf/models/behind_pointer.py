"""Functions of the user's behind the C pointer by which compiled code calls them: plain Python, or compiled by numba."""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from stochinf.density.calling import SIGNATURE, wanted
from stochinf.density.plain import undefined
from stochinf.density.pointer import Foreign, as_foreign
from stochinf.engine.errors import CompilationError, StochinfError
from stochinf.engine.explain import cause
from stochinf.engine.jit import JIT, helper, user_function

__all__ = ["CompiledFunction", "CompiledGradient", "PlainFunction", "behind_pointer"]

Floats = npt.NDArray[np.float64]

UNDEFINED, RAISED = 1, 2
VIEWS = 256
BY_ADDRESS = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
"""The C signature with addresses as integers, which a callback reads in a third of the time."""


class _Sparing(Foreign):
    """A function that works out only what it is given room for."""

    sparing = True


class PlainFunction(_Sparing):
    """A Python function behind a C pointer; errors are kept by the ticket of the block that met them."""

    def __init__(self, f: Callable[[Floats], float], gradient: Callable[[Floats], Any] | None) -> None:
        self.f, self.gradient = f, gradient
        self.raised: dict[int, BaseException] = {}
        self.tickets = itertools.count(1)
        self.views: dict[int, Floats] = {}
        callback = BY_ADDRESS(self.call)
        super().__init__(ctypes.cast(callback, ctypes.c_void_p).value or 0, callback)

    def ticket(self) -> int:
        """Return a number for a block; it takes the place of an address of data."""
        return next(self.tickets)

    def call(self, n: int, x: int, slope: int | None, out: int | None, ticket: int | None) -> int:
        """Evaluate what there is room for; return the code of what came of it."""
        try:
            position, value = self.numbers(x, n).copy(), 0.0
            if out:
                value = float(self.f(position))
                ctypes.c_double.from_address(out).value = value
            if slope and self.gradient is not None:
                self.numbers(slope, n)[:] = self.gradient(position)
        except BaseException as error:
            if undefined(error):
                return UNDEFINED
            self.raised.setdefault(ticket or 0, error)
            return RAISED
        return 0 if value > -math.inf else UNDEFINED

    def numbers(self, address: int, n: int) -> Floats:
        """Return the numbers that lie at an address; what looks there is kept, since a block hands the same arrays over."""
        view = self.views.get(address)
        if view is None or view.size != n:
            if len(self.views) >= VIEWS:
                self.views.clear()
            memory: Any = (ctypes.c_double * n).from_address(address)
            view = self.views[address] = np.frombuffer(memory)
        return view

    def error(self, ticket: int, culprit: Floats) -> BaseException | None:
        """Return what the function raised for a block, once."""
        return self.raised.pop(ticket, None)


class CompiledFunction(_Sparing):
    """Functions compiled by numba behind a C pointer; `f` and `gradient` are their Python sources, for messages."""

    def __init__(self, f: Any, gradient: Any) -> None:
        self.f, self.gradient = getattr(f, "py_func", f), getattr(gradient, "py_func", gradient)
        body = _called(user_function(f), None if gradient is None else user_function(gradient))
        callback = _compiled(body, getattr(f, "__name__", repr(f)))
        super().__init__(callback.address, callback)

    def error(self, ticket: int, culprit: Floats) -> BaseException | None:
        """Return what the Python source raises where the compiled function failed."""
        try:
            self.f(culprit.copy())
        except Exception as error:
            return error
        return None if self.gradient is None else _complaint(self.gradient, culprit)


@helper()
def _handed(gradient: Any, slope: Any, n: int) -> bool:
    """Write a gradient to where it is wanted, if it has the length n."""
    if gradient.size != n:
        return False
    for i in range(n):
        slope[i] = gradient[i]
    return True


def _called(f: Any, gradient: Any) -> Callable[..., int]:
    """Return what numba compiles behind the C signature; f and the gradient get a copy of the position."""

    def value_only(n: int, x: Any, slope: Any, out: Any, data: Any) -> int:
        try:
            value = float(f(numba.carray(x, (n,)).copy()))
        except Exception:
            return RAISED
        out[0] = value
        return 0 if value > -math.inf else UNDEFINED

    def both(n: int, x: Any, slope: Any, out: Any, data: Any) -> int:
        value = 0.0
        try:
            if wanted(out):
                value = float(f(numba.carray(x, (n,)).copy()))
                out[0] = value
            if wanted(slope) and not _handed(gradient(numba.carray(x, (n,)).copy()), slope, n):
                return RAISED
        except Exception:
            return RAISED
        return 0 if value > -math.inf else UNDEFINED

    return value_only if gradient is None else both


class CompiledGradient(_Sparing):
    """A gradient alone behind a C pointer, its value 0; it is handed the position itself, and may write there."""

    def __init__(self, gradient: Any) -> None:
        self.gradient = getattr(gradient, "py_func", gradient)
        callback = _compiled(_sloped(user_function(gradient)), getattr(gradient, "__name__", repr(gradient)))
        super().__init__(callback.address, callback)

    def error(self, ticket: int, culprit: Floats) -> BaseException | None:
        """Return what the Python source raises where the compiled gradient failed."""
        return _complaint(self.gradient, culprit)


def _compiled(body: Callable[..., int], name: str) -> Any:
    """Return a C function; where numba cannot make one, say so in words."""
    try:
        return numba.cfunc(SIGNATURE)(body)
    except numba.core.errors.NumbaError as error:
        raise CompilationError(
            f"Function: {name} cannot be compiled: {cause(str(error))}. Use numbers and arrays in the subset of numpy that numba"
            " compiles (numba.readthedocs.io), or leave compiled=False"
        ) from None


def _complaint(gradient: Any, culprit: Floats) -> BaseException | None:
    """Return what the source of a gradient raises at a position, or what is wrong with its shape."""
    try:
        shape = np.shape(gradient(culprit.copy()))
    except Exception as error:
        return error
    return None if shape == culprit.shape else StochinfError(f"the gradient has shape {shape}; {culprit.shape} is needed")


def _sloped(gradient: Any) -> Callable[..., int]:
    """Return what numba compiles behind the C signature of a gradient alone."""

    def slope_only(n: int, x: Any, slope: Any, out: Any, data: Any) -> int:
        if wanted(out):
            out[0] = 0.0
        try:
            return 0 if _handed(gradient(numba.carray(x, (n,))), slope, n) else RAISED
        except Exception:
            return RAISED

    return slope_only


def behind_pointer(f: Any, gradient: Any, compiled: bool) -> Any:
    """Return what compiled code calls: a C function as it is, one compiled here, or plain Python behind a callback."""
    if isinstance(f, Foreign) or (hasattr(f, "native_name") and hasattr(f, "address")):
        if gradient not in (None, True, False):
            raise StochinfError("Function: what lies behind a C pointer writes its own gradient; give gradient=True")
        return as_foreign("Function", f)
    for name, given in (("f", f), ("gradient", gradient)):
        if not callable(given) and (name, given) != ("gradient", None):
            raise StochinfError(f"Function: {name} = {given!r}; a function of a position is needed")
    if not JIT or not (compiled or hasattr(f, "py_func")):
        return PlainFunction(f, gradient)
    return CompiledFunction(f, gradient)
